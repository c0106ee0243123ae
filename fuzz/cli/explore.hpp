// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel explore: every state (explore_spaces()), or every interleaving (explore_concurrent()).
#pragma once

#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/replay.hpp"
#include "fuzz/cli/trees.hpp"
#include "fuzz/cli/verdict.hpp"
#include "spec/explore/explore.hpp"
#include "spec/linux/host/tree_graph.hpp"
#include "spec/tasks/campaign.hpp"

namespace mmodel::cli {

// Every state of tiny machines, of the model or of a kernel tree's own file.
struct SpacesOptions {
    std::string tree{}, file{}, keep{}; // tree: empty: the model
    std::string findings{};             // of a tree: what is recorded there is known
    std::vector<std::string> spaces{};  // by name; none: those that close in a minute
    bool json{};
    double seconds{}; // of all spaces together; 0: no limit
    u64 states{};     // 0: no limit
    u64 megabytes{};  // 0: three quarters of the memory there is
    bool no_symmetry{};
    bool first{}; // stop a space at its first violation
    bool stale{}; // of a tree: also where accesses are answered from old translations
    std::string sabotage{};
    int jobs{}; // 0: as many as there are CPUs
    int tlbs{}; // 0: as many as the space says
    bool list{};
};
[[nodiscard]] int explore_spaces(const SpacesOptions& o);
[[nodiscard]] int explore_tree(const SpacesOptions& o);

[[nodiscard]] unsigned nr_cpus();
[[nodiscard]] u64 most_bytes(); // of memory, unless somebody says otherwise
// Those that are named, or those that close in a minute.
[[nodiscard]] std::expected<std::vector<explore::Space>, Failure>
chosen(const SpacesOptions& o, const std::vector<explore::Space>& normal,
       const std::vector<explore::Space>& all);
[[nodiscard]] explore::Limits limits_of(const SpacesOptions& o);
// Progress, and a word before a search that will not reach its end.
[[nodiscard]] explore::Limits telling(explore::Limits limits, const explore::Space& s, Progress& progress);
void print_steps(const explore::Finding& f);

// The spaces that a tree's file is explored in, `tiny512` all; empty: there are none for it.
[[nodiscard]] std::vector<explore::Space> spaces_for(const bench::Tree& tree);
[[nodiscard]] std::vector<explore::Space> large_spaces_for(const bench::Tree& tree);
// Explores it. `no_symmetry`: tells apart what is interchangeable.
[[nodiscard]] std::expected<bench::ExploredFile, bench::Problem>
explore_file(const bench::Unit& unit, const explore::Space& s, const explore::Limits& limits,
             const explore::Options& options = {});
// Of what is known: "; 2 findings known, in 12 operations, 10 of them passed"; or nothing.
[[nodiscard]] std::string known_words(const explore::Explored& e);
// ... its second half alone.
[[nodiscard]] std::string passed_words(const explore::Explored& e);

// One space on all CPUs, for as long as it is given; for `mmodel run`.
[[nodiscard]] explore::Explored explore_for(const explore::Space& s, double seconds, Progress& progress);
[[nodiscard]] Standing standing_of(const explore::Explored& e);
[[nodiscard]] Trace trace_of(const explore::Space& s, const explore::Finding& f,
                             const std::string& sabotage = {});
// {"kind":"explore","space":...}
[[nodiscard]] Json explored_json(const explore::Space& s, const explore::Explored& e,
                                 const std::string& sabotage = {});

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
int explore(const ExploreOptions& o);

// By its name; none if that is empty.
[[nodiscard]] std::expected<Sabotage, Failure> sabotage_asked(const std::string& name);

// ---- concurrent tasks on the screen

// One column a task, one event a line, '>>>' where an invariant broke.
[[nodiscard]] std::string show_columns(const concurrent::Case& c, const concurrent::Replayed& r);

// mmodel replay, for a trace with tasks.
int replay_tasks(const Input& in, const ReplayOptions& o);

} // namespace mmodel::cli
