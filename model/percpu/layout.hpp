// SPDX-License-Identifier: GPL-2.0 OR MIT
// How units are laid out: which CPUs share a group, how large a unit is, where each CPU's unit lies, and how
// many slots sort the chunks. Decided once, at boot. Source: mm/percpu.c (pcpu_build_alloc_info(),
// pcpu_setup_first_chunk()).
#pragma once

#include <array>
#include <expected>
#include <string>
#include <vector>

#include "model/percpu/chunk.hpp"

namespace mmodel::pcpu {

inline constexpr int no_cpu = -1; // NR_CPUS in a cpu_map: a surplus unit

// The possible CPUs and their nodes.
struct CpuMap {
    std::vector<int> node_of_cpu{}; // -1: not possible
    std::array<std::array<u8, max_nodes>, max_nodes> node_distance{};

    [[nodiscard]] int nr_cpu_ids() const { return static_cast<int>(node_of_cpu.size()); }
    [[nodiscard]] int node(int cpu) const { return node_of_cpu[static_cast<std::size_t>(cpu)]; }
    [[nodiscard]] bool possible(int cpu) const { return node(cpu) >= 0; }
    [[nodiscard]] int nr_possible() const;
    // Between possible CPUs.
    [[nodiscard]] int distance(int from, int to) const {
        return node_distance[static_cast<std::size_t>(node(from))][static_cast<std::size_t>(node(to))];
    }
    bool operator==(const CpuMap&) const = default;
};

// CPUs on these nodes; a node is local to itself and remote (20) to all others.
[[nodiscard]] CpuMap cpus_on_nodes(std::vector<int> node_of_cpu);

// Whether the caller has a cpu_distance_fn: the embedding first chunk does, the page-mapped one has none.
enum class Grouping { by_distance, one_group };

// struct pcpu_alloc_info.
struct AllocInfo {
    struct Group {
        int nr_units{};
        u64 base_offset{};          // back to back until the caller knows better
        std::vector<int> cpu_map{}; // one a unit; no_cpu: a surplus unit
        bool operator==(const Group&) const = default;
    };
    u64 static_size{}, reserved_size{}, dyn_size{}; // bytes; dyn_size as grown to fill the last page
    u64 unit_size{}, atom_size{}, alloc_size{};
    std::vector<Group> groups{};

    bool operator==(const AllocInfo&) const = default;
};

// mm/percpu.c: pcpu_build_alloc_info(). An error is one sentence: no layout has these sizes.
[[nodiscard]] std::expected<AllocInfo, std::string> pcpu_build_alloc_info(const Sizes& s, u64 reserved_size,
                                                                          u64 dyn_size, u64 atom_size,
                                                                          u64 static_size, const CpuMap& cpus,
                                                                          Grouping grouping);

// What pcpu_setup_first_chunk() derives from an allocation info, for good.
struct Layout {
    AllocInfo ai{};
    std::vector<int> unit_map{};     // by CPU; -1: not possible
    std::vector<u64> unit_offsets{}; // by CPU, from the chunk's base_addr; 0 for a CPU that is not possible
    int nr_units{}, unit_pages{};    // units without a CPU count
    u64 unit_size{}, atom_size{};
    std::vector<u64> group_offsets{}, group_sizes{};
    int low_unit_cpu{}, high_unit_cpu{}; // whose unit lies lowest, highest
    int nr_slots{}, free_slot{}, sidelined_slot{}, to_depopulate_slot{};

    bool operator==(const Layout&) const = default;
    [[nodiscard]] u64 hash() const;
};

// mm/percpu.c: pcpu_setup_first_chunk(), its checks and its tables. What the kernel would BUG() on is an
// error, in one sentence.
[[nodiscard]] std::expected<Layout, std::string> make_layout(const Sizes& s, const AllocInfo& ai,
                                                             const CpuMap& cpus);

// mm/percpu.c: pcpu_setup_first_chunk(). Where the first chunks lie in unit 0: [static_size, + reserved_size)
// the reserved one (none when that is 0), then dyn_size bytes the first one. static_size is rounded up to
// min_alloc_bytes at the cost of dyn_size.
struct FirstChunkAreas {
    u64 static_size{}, reserved_size{}, dyn_size{};
    u64 nr_populated{}; // whole pages of all three parts: what pcpu_nr_populated starts with
    bool operator==(const FirstChunkAreas&) const = default;
};
[[nodiscard]] FirstChunkAreas first_chunk_areas(const Sizes& s, const AllocInfo& ai);

// mm/percpu.c: pcpu_size_to_slot(), pcpu_chunk_slot(). Which list a chunk belongs to while it is not
// isolated.
[[nodiscard]] int pcpu_size_to_slot(const Layout& l, int size);
[[nodiscard]] int pcpu_chunk_slot(const Layout& l, const Chunk& chunk);

} // namespace mmodel::pcpu
