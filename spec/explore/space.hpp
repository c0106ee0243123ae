// SPDX-License-Identifier: GPL-2.0 OR MIT
// A space to explore: a tiny machine, what is done on it, and what the hardware around it may do at any
// event: CPUs fill and evict translations of some pages, walkers enter and leave RCU read sections.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/world.hpp"

namespace mmodel::explore {

// A page whose translation CPUs may hold: of the vmemmap, or of the vmalloc range.
struct Tracked {
    bool vmalloc{};
    u64 page{};
};

// The struct page that a walker looks at: page `page` of the folio in that slot.
struct WalkerAt {
    u8 folio{};
    u32 page{};
};

// Frames [start, end).
struct FrameRange {
    Pfn start{}, end{};
};

inline constexpr u8 max_tracked = 16;
inline constexpr u8 max_tlbs = 3;

struct Space {
    std::string name{};
    std::string sentence{}; // what is in it, for people
    Config config{};
    std::vector<Op> boot{};     // run first, in order, without a fault
    std::vector<Op> alphabet{}; // tried in every state, with each of its allocations failing
    bool pairs{};               // ... and each two of them
    std::vector<Tracked> pages{};
    u8 nr_tlbs{1};                   // CPUs that hold translations, each its own; interchangeable
    std::vector<WalkerAt> walkers{}; // one walker each
    std::vector<FrameRange> pool{};  // order-0 frames are taken from these alone, whichever is free
};

// Spaces that close in a minute together, and those that take longer.
[[nodiscard]] std::vector<Space> default_spaces();
[[nodiscard]] std::vector<Space> large_spaces();
// Whether all of its operations are HVO's, or the machine's, whether all that are tried are percpu's.
[[nodiscard]] bool is_of_hvo(const Space& s);
[[nodiscard]] bool is_of_percpu(const Space& s);
// Such a space on the machine `tiny512`, which a kernel tree's own files take: twice as many struct pages a
// page, folios of twice as many pages. The vmemmap of its folios is as it was, page by page and PMD by PMD;
// areas of percpu are twice as large, and so are their pages. Needs: its machine is a `tiny` one.
[[nodiscard]] Space on_tiny512(Space s);
// Those that spec/promela/link has in Promela, too.
[[nodiscard]] std::vector<Space> link_spaces();

} // namespace mmodel::explore
