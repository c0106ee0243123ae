// SPDX-License-Identifier: GPL-2.0 OR MIT
// A campaign against one kernel tree's file: sweeps and random sequences, and for each invariant violated the
// shortest sequence that shows it.
#pragma once

#include <functional>

#include "spec/linux/host/bench.hpp"

namespace mmodel::bench {

struct Finding {
    spec::Violation violation;
    Config config;
    std::vector<Op> ops; // the shortest sequence found that shows it
    u64 seen{};          // how often this invariant was violated
};

struct Options {
    double seconds{10};
    u64 seed{1};
    std::function<void(const std::string&)> progress{}; // a line, now and then; empty: none
    std::function<bool()> stop{};                       // asked now and then; true ends the campaign, soon
    std::optional<spec::Inv> until{};                   // it ends once this is violated
};

struct Report {
    Tree tree;
    u64 operations{}, events{}, sequences{};
    double seconds{};
    std::vector<Finding> findings{};
    Backend backend{};     // who answered what the file read and wrote
    std::string no_mmu{};  // why it was not the software MMU that was asked for
    std::string trouble{}; // the campaign ended early, and why; what was found until then is kept
};

// Fault sweeps over every operation first, then random sequences until the time is over; goes on past what it
// has found.
[[nodiscard]] std::expected<Report, Problem> run_tree(const Unit& unit, const Options& options);

} // namespace mmodel::bench
