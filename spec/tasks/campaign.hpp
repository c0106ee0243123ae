// SPDX-License-Identifier: GPL-2.0 OR MIT
// A scenario in full: every schedule within the bound, without failing allocations and with each of them
// failing, and, of two tasks, one in each. What breaks is shrunk to what a human can read.
#pragma once

#include "spec/sabotage/sabotage.hpp"
#include "spec/tasks/scenarios.hpp"
#include "spec/tasks/serial.hpp"

namespace mmodel::concurrent {

struct Found {
    spec::Violation violation{};
    Case what{}; // tasks empty: one operation after the other is enough, all in `before`
    Schedule schedule{};
};

struct Options {
    u32 preemptions{2};
    bool reduce{true};
    bool faults{true};
    u64 random{}; // so many schedules drawn at random, instead of all
    u64 seed{1};
    double seconds{}; // 0: no limit
    Sabotage sabotage{};
    std::function<bool()> stop{}; // may be empty
    std::function<void(u64 schedules)> progress{};
};

struct Explored {
    u64 variants{}; // choices of failing allocations that were run
    u64 schedules{}, pruned{}, steps{};
    std::set<u64> endings{}; // hashes of what was observed
    double seconds{};
    bool complete{};
    std::vector<Found> found{}; // the search of a scenario ends at the first
};

// The same tasks, with allocations failing.
[[nodiscard]] std::vector<Case> variants_of(const Case& c, const Serial& serial);

// Runs `before`; nothing is left to run if that breaks something.
[[nodiscard]] std::optional<Found> run_before(const Case& c, World& w);

// Of a run that has come to an end.
[[nodiscard]] std::optional<spec::Violation> judge_ending(MachineTasks& tasks, const SerialOrders& orders,
                                                          Ending ending);

[[nodiscard]] Explored explore(const Case& c, const Options& o);

// One schedule, judged in full.
struct Replayed {
    Schedule schedule{};
    std::optional<spec::Violation> violation{};
    std::vector<Done> done{};
    World world;
    std::vector<std::vector<Ran>> ran{};
};
[[nodiscard]] Replayed replay(const Case& c, const Schedule& schedule);

// The least that breaks the same invariant: fewest preemptions, then operations and faults, then switches.
[[nodiscard]] Found shrink(Found f, const std::function<bool()>& stop = {});

} // namespace mmodel::concurrent
