// SPDX-License-Identifier: GPL-2.0 OR MIT
// Sizes of a machine, as a value. The same code runs on x86-64, on arm64 and on a machine of four-entry
// tables.
#pragma once

#include <array>
#include <bit>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "model/machine/arithmetic.hpp"
#include "model/machine/types.hpp"

namespace mmodel {

inline constexpr u8 max_nodes = 4;
inline constexpr u8 max_hstates = 4;
inline constexpr u8 max_hot_blocks = 4;
inline constexpr u8 max_cpus = 64;
inline constexpr u8 no_node = 0xff;       // of a CPU: it is not possible
inline constexpr u8 local_distance = 10;  // LOCAL_DISTANCE
inline constexpr u8 remote_distance = 20; // REMOTE_DISTANCE

// Pages and tables of an architecture. Everything else is derived from these and tested against
// model/hvo/README.md, section 2.
struct Geometry {
    std::string_view arch{}; // the first word of a trace's geometry line
    u32 page_bytes{};
    u32 struct_page_bytes{};                   // not a power of two: HVO refuses every folio
    u32 ptrs_per_pte{};                        // entries of a PTE table; a PMD maps ptrs_per_pte pages
    u8 max_order{};                            // the buddy's largest block is 2^max_order pages
    std::array<u8, max_hstates> folio_order{}; // huge page sizes, smallest first; 0 = none
    u8 nr_used_subpage{};      // struct pages 0..n-1 of a huge page carry metadata (__NR_USED_SUBPAGE)
    u8 nr_reset_struct_page{}; // NR_RESET_STRUCT_PAGE

    bool operator==(const Geometry&) const = default;

    [[nodiscard]] constexpr int page_shift() const { return std::countr_zero(page_bytes); }
    [[nodiscard]] constexpr bool struct_page_is_power_of_2() const {
        return (struct_page_bytes & (struct_page_bytes - 1)) == 0;
    }
    // Struct pages in one vmemmap page (rounded down when they straddle pages).
    [[nodiscard]] constexpr u64 struct_pages_per_page() const { return page_bytes / struct_page_bytes; }
    // The vmemmap page that holds the first byte of a page's struct page.
    [[nodiscard]] constexpr Vpage vpage_of(Pfn p) const {
        return Vpage{arithmetic::vpage_of(p.value, struct_page_bytes, page_shift())};
    }
    // Vmemmap pages under 2^order pages, rounded up: at least one.
    [[nodiscard]] constexpr u64 vmemmap_pages(u8 order) const {
        return ((u64{struct_page_bytes} << order) + page_bytes - 1) >> page_shift();
    }
    // mm/hugetlb_vmemmap.h: hugetlb_vmemmap_optimizable_size() / PAGE_SIZE. 0: HVO does nothing for this
    // size.
    [[nodiscard]] constexpr u64 optimizable_pages(u8 order) const {
        const u64 bytes = (u64{1} << order) * struct_page_bytes;
        if (!struct_page_is_power_of_2() || bytes <= page_bytes) return 0;
        return (bytes >> page_shift()) - 1;
    }
    // Order of the block that a PMD leaf maps.
    [[nodiscard]] constexpr Order pmd_order() const {
        u8 o = 0;
        while ((u32{1} << o) < ptrs_per_pte) ++o;
        return Order{o};
    }
    [[nodiscard]] constexpr u8 nr_hstates() const {
        u8 n = 0;
        while (n < max_hstates && folio_order[n]) ++n;
        return n;
    }
};

// A machine as it boots: a geometry, its nodes and memory, and how many gigantic folios boot memory set
// aside.
struct Config {
    Geometry geometry{};
    u8 nr_nodes{1};
    u64 frames_per_node{};
    u8 boot_gigantic{};       // gigantic folios (the largest size) a node keeps from boot memory
    u64 hot_block_frames{};   // frames of a memory block that can be hot-added; 0: no hotplug
    bool break_before_make{}; // the architecture forbids a valid-to-valid change of an entry's output address
    u64 highmem_frames{};     // the top of each node's memory that only __GFP_HIGHMEM may have
    u64 vmalloc_pages{};      // of the vmalloc range
    u8 nr_cpus{};             // entries of cpu_node; 0: two CPUs a node, in order
    std::array<u8, max_cpus> cpu_node{}; // by CPU, also nodes past nr_nodes, which have no memory; or no_node
    // node_distance(from, to) where it is not the usual: 0 stands for local within a node and remote across.
    std::array<std::array<u8, max_nodes>, max_nodes> distance{};

    bool operator==(const Config&) const = default;

    // First frame of a node, or of the hot-plug area (nid == nr_nodes).
    [[nodiscard]] constexpr Pfn node_start(u8 nid) const { return Pfn{u64{nid} * frames_per_node}; }
    [[nodiscard]] constexpr Pfn hot_start() const { return node_start(nr_nodes); }
    [[nodiscard]] constexpr Pfn hot_block_start(u8 block) const {
        return hot_start() + block * hot_block_frames;
    }
    [[nodiscard]] constexpr u64 nr_frames() const {
        return nr_nodes * frames_per_node + max_hot_blocks * hot_block_frames;
    }
    [[nodiscard]] constexpr u8 nr_cpu_ids() const {
        return nr_cpus ? nr_cpus : static_cast<u8>(2 * nr_nodes);
    }
    [[nodiscard]] constexpr u8 cpu_to_node(u8 cpu) const { return nr_cpus ? cpu_node[cpu] : cpu / 2; }
    [[nodiscard]] constexpr bool cpu_possible(u8 cpu) const {
        return cpu < nr_cpu_ids() && cpu_to_node(cpu) != no_node;
    }
    [[nodiscard]] constexpr u8 boot_cpu() const {
        u8 cpu = 0;
        while (cpu + 1 < nr_cpu_ids() && !cpu_possible(cpu)) ++cpu;
        return cpu;
    }
    [[nodiscard]] constexpr u8 node_distance(u8 from, u8 to) const {
        if (distance[from][to]) return distance[from][to];
        return from == to ? local_distance : remote_distance;
    }
    // First highmem frame of a node; without highmem, the end of the node.
    [[nodiscard]] constexpr Pfn highmem_start(u8 nid) const {
        return node_start(nid) + (frames_per_node - highmem_frames);
    }
    // Vmemmap pages under n frames; n is a multiple of the memory that one vmemmap PMD describes.
    [[nodiscard]] constexpr u64 vmemmap_frames(u64 n) const {
        return n * geometry.struct_page_bytes >> geometry.page_shift();
    }
};

// "x86-64", "arm64-4k", ...: the names a geometry line may start with, each with the memory it has unless
// told.
[[nodiscard]] const std::vector<Config>& presets();

// Parses "x86-64 nodes=2 memory=8G boot=1 block=128M": a preset and what differs from it. Errors are one
// sentence.
[[nodiscard]] std::expected<Config, std::string> parse_config(std::string_view text);

// The shortest line that parse_config() reads back as this configuration.
[[nodiscard]] std::string print_config(const Config& c);

// Says in one sentence why no machine can have these sizes; empty when one can.
[[nodiscard]] std::string why_impossible(const Config& c);

// Bytes as "4G", "2M", "64K", "4096" and back (a whole number and an optional K, M, G or T).
[[nodiscard]] std::string print_bytes(u64 bytes);
[[nodiscard]] std::expected<u64, std::string> parse_bytes(std::string_view text);

// A whole decimal number that fits 64 bits; nothing else around it.
[[nodiscard]] std::expected<u64, std::string> parse_u64(std::string_view text);

} // namespace mmodel
