// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel explore: every state (explore_spaces()), or every interleaving (explore_concurrent()).
#pragma once

#include <CLI/CLI.hpp>

#include "fuzz/cli.hpp"
#include "spec/concurrent/campaign.hpp"

namespace mmodel::cli {

// Breadth first over the model's own step.
struct SpacesOptions {
    std::vector<std::string> spaces{}; // empty: the default ones
    bool json{}, no_symmetry{}, list{};
    double seconds{}; // 0: no limit, as below
    u64 states{}, megabytes{};
    std::string sabotage{};
    int jobs{2};
};
int explore_spaces(const SpacesOptions& o);

// Operations as concurrent tasks.
struct ConcurrentOptions {
    std::vector<std::string> scenarios{}; // empty: all
    std::string trace{};                  // instead of a scenario: its last operations are the tasks
    std::string sabotage{};
    u32 preemptions{2};
    u64 random{}, seed{1};
    double seconds{};
    bool no_reduction{}, no_faults{}, json{}, list{};
};
int explore_concurrent(const ConcurrentOptions& o);

struct ExploreOptions {
    bool concurrent{};
    SpacesOptions spaces{};
    ConcurrentOptions tasks{};
};
void add_explore(CLI::App& app, ExploreOptions& o);
int explore(const ExploreOptions& o);

// ---- concurrent tasks on the screen

// One column a task, one event a line, '>>>' where an invariant broke.
[[nodiscard]] std::string show_columns(const concurrent::Case& c, const concurrent::Replayed& r);

// mmodel replay, for a trace with tasks.
int replay_tasks(const Input& in, const ReplayOptions& o);

} // namespace mmodel::cli
