// SPDX-License-Identifier: GPL-2.0 OR MIT
// What people see of the percpu allocator: what an operation changed, and its state whole.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fuzz/cli/show_range.hpp"
#include "model/outcome.hpp"
#include "model/percpu/percpu.hpp"
#include "model/world.hpp"

namespace mmodel::show {

// Pages of one unit of a chunk in the vmalloc range.
struct UnitRange {
    pcpu::ChunkId chunk{pcpu::no_chunk}; // no_chunk: no chunk is there
    int cpu{pcpu::no_cpu};               // no_cpu: a surplus unit, or none
    int start_page{};                    // of the unit
    Range<Vmap> ptes{};
};

// What the lists and counters know of a chunk. Runs of populated pages are half-open.
struct ChunkView {
    pcpu::ChunkId id{};
    u64 base_addr{};
    std::string list{}; // "3", "sidelined", "free", "to_depopulate", "none"
    int nr_pages{}, nr_populated{}, nr_empty_pop_pages{}, free_bytes{}, contig_bytes{};
    bool isolated{};
    std::vector<std::pair<int, int>> populated{};
    bool operator==(const ChunkView&) const = default;
};
// " (first)", " (slot 2)", or nothing.
[[nodiscard]] std::string kind_of(const pcpu::Pcpu& p, pcpu::ChunkId id);
[[nodiscard]] ChunkView view_of(const pcpu::Pcpu& p, pcpu::ChunkId id);

struct PercpuChange {
    struct Chunk {
        std::optional<ChunkView> before{}, after{}; // none: it was not, or is no longer, there
    };
    std::vector<Chunk> chunks{};
    std::vector<UnitRange> ptes{}; // as they are now
    i64 objects{};                 // that describe chunks
    std::vector<std::string> notes{};
};

[[nodiscard]] PercpuChange percpu_change(const World& before, const World& after);
// A line each, without indentation.
[[nodiscard]] std::vector<std::string> lines(const Geometry& g, const PercpuChange& c);

// What an operation of percpu returned that did not fail.
[[nodiscard]] std::string percpu_result(const Outcome& o, OpKind kind);

// "chunk 1 cpu 0 pages 3..5 RW pfn 120..122", with the address before it.
[[nodiscard]] std::string line(const Geometry& g, const UnitRange& r);
[[nodiscard]] std::string populated_text(const ChunkView& v); // "0..3, 5..6"; "none"

// The pages of a chunk that the page table maps, unit by unit, and those that a TLB may still have otherwise.
// Empty for a chunk in the direct map.
[[nodiscard]] std::vector<UnitRange> ptes_of(const World& w, pcpu::ChunkId id);
[[nodiscard]] std::vector<UnitRange> stale_of(const World& w, pcpu::ChunkId id);

// Layout, chunks with their mappings, areas, CPUs, the vmalloc range, a line each. Nothing before pcpu_boot.
[[nodiscard]] std::vector<std::string> percpu_state(const World& w);

} // namespace mmodel::show
