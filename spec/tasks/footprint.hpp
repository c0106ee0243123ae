// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a step touches: the event's own effect and what the specification asks at it, then what the code may
// read, take or change before the event that comes next. Generous: a step that is said to touch too much
// costs time, one that is said to touch too little hides schedules.
#pragma once

#include <span>

#include "model/machine/event.hpp"
#include "model/world.hpp"
#include "spec/tasks/search.hpp"

namespace mmodel::concurrent {

// What an operation is about: the vmemmap pages of its folios, whether or not they are hugetlb now.
struct Subject {
    Op op{};
    std::vector<std::pair<Vpage, Vpage>> vmemmap{}; // half-open
};

[[nodiscard]] Subject subject_of(const World& w, const Op& op);

// Adds what the event does to `out`.
void add_effect(Footprint& out, const Machine& m, const Subject& s, const Event& e);
// ... what the code may do before this event, the next one.
void add_before(Footprint& out, const Machine& m, const Subject& s, const Event& next);
// ... what it does between the beginning of an operation and its first event, or from its last to its end.
void add_edge(Footprint& out, const Machine& m, const Subject& s);

// Everything that the operation's code can have read in this state: its folios' translations and struct
// pages, or the percpu allocator. Walkers only for who drives them.
[[nodiscard]] u64 view_hash(const World& w, const Subject& s);

} // namespace mmodel::concurrent
