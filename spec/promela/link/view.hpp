// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a state of a link space looks like, as bytes that the C++ model and the Promela model of the same
// space both tell (hvo.pml, percpu.pml; there it is c_code that copies variables). Frames are named by where
// they occur first: in the pages' PTEs, then among those that the operation holds, oldest first.
#pragma once

#include "spec/sabotage/sabotage.hpp"
#include "spec/explore/graph.hpp"
#include "spec/explore/state.hpp"

namespace mmodel::link {

// Which pages, folios and chunks a view shows.
struct Shape {
    bool percpu{};
    u64 first_page{}; // of the vmemmap, or of the vmalloc range
    u8 nr_pages{};
    u8 nr_folios{}, nr_chunks{}, nr_unit_pages{};
    u8 nr_held{}; // most frames that an operation holds
};

[[nodiscard]] Shape shape_of(const explore::Space& space);

// Unjudged, seen, and stopped where counters run away.
[[nodiscard]] explore::GraphOptions options_for(const explore::Space& space, Sabotage sabotage);

// The bytes' names, in order: for who reads two views that differ.
[[nodiscard]] std::vector<std::string> fields_of(const explore::Space& space);

// A state: its node's view, then what TLBs hold, then where walkers are.
[[nodiscard]] std::string view_of(const explore::Space& space, const explore::Graph& g,
                                  const explore::Packing& packing, u64 state);

// Actions, as numbers that both sides know.
inline constexpr unsigned act_end = 0;   // an operation returns
inline constexpr unsigned act_event = 1; // + EventKind
inline constexpr unsigned act_fill = 64, act_evict = 96, act_walk = 128;
inline constexpr unsigned act_wrong = 192; // what comes after it is no state: Wrong

[[nodiscard]] unsigned action_of(const explore::Space& space, const explore::Graph& g,
                                 const explore::Step& s);

} // namespace mmodel::link
