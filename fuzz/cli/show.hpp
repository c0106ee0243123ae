// SPDX-License-Identifier: GPL-2.0 OR MIT
// What people see of a world: what an operation changed, in the style of the kernel's ptdump, and a world
// whole.
#pragma once

#include <string>
#include <vector>

#include "fuzz/cli/show_percpu.hpp"
#include "fuzz/cli/show_range.hpp"
#include "model/outcome.hpp"

namespace mmodel::show {

using PteRange = Range<Vpage>; // of the vmemmap

// A PMD leaf that became a table.
struct Split {
    u64 pmd_idx{};
    Pfn leaf{}, table{};
};

struct Change {
    std::vector<Split> splits{};
    std::vector<PteRange>
        ptes{};               // as they are now; those that only moved from a leaf to its table are left out
    u64 allocated{}, freed{}; // single frames; a folio's own memory is a note
    i64 static_key{}, memmap{}, memmap_boot{};
    std::vector<std::string> notes{}; // folios, walkers, blocks, the sysctl
    PercpuChange percpu{};
};

// What is different. Costs what the difference costs.
[[nodiscard]] Change change(const World& before, const World& after);
// A line each, without indentation.
[[nodiscard]] std::vector<std::string> lines(const Geometry& g, const Change& c);

// What the operation returned: "0", "-ENOMEM", "disabled", "= 3 restored", "= 1:0x40" (chunk and
// offset of an area).
[[nodiscard]] std::string result(const Outcome& o, OpKind kind);

// "vmemmap 265..272 RO pfn 264 (one frame)", with the address before it.
[[nodiscard]] std::string line(const Geometry& g, const PteRange& r);

// The translations of [start, end) by range.
[[nodiscard]] std::vector<PteRange> ptes(const Machine& m, Vpage start, Vpage end);
// ... and those of them that a CPU may still use although the page table says otherwise.
[[nodiscard]] std::vector<PteRange> stale_ptes(const Machine& m, Vpage start, Vpage end);

struct Span {
    Vpage start{}, end{};
};
// The vmemmap of a folio slot in use.
[[nodiscard]] Span vmemmap_of(const World& w, u8 slot);
// "2M hugetlb folio at pfn 512 (from buddy, optimised)"
[[nodiscard]] std::string slot_text(const World& w, u8 slot);

// Free blocks of an order in a node, its hot-added blocks included.
[[nodiscard]] u64 nr_free_blocks(const Machine& m, Nid nid, u8 order);

// The world whole, a line each: folios with their vmemmap, counters, walkers, blocks, free memory, stale
// translations.
[[nodiscard]] std::vector<std::string> state(const World& w);

// A Graphviz digraph of all that folios and chunks use: PMDs -> page tables -> pages -> frames. Read-only edges
// are dashed, stale ones red; free frames are dotted, those among them that were in use at boot or `before`
// (the last operation; may be null), too.
[[nodiscard]] std::string dot(const World& w, const std::string& title, const World* before = nullptr);

} // namespace mmodel::show
