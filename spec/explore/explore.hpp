// SPDX-License-Identifier: GPL-2.0 OR MIT
// A space explored: its graph, then its states. One call for the command line, the tests and the benchmarks.
#pragma once

#include <string_view>

#include "spec/explore/search.hpp"

namespace mmodel::explore {

// What was found wrong: a fact of the specification, or one of the hardware's part.
struct Finding {
    std::string_view name{}, sentence{};    // "inv_..."
    spec::Violation violation{};            // of the specification; else its name and sentence are all it has
    std::vector<Op> ops{};                  // from boot; no shorter sequence of the space shows it
    std::vector<std::string> steps{};       // of the hardware's part: everything that happens, a line each
    std::optional<spec::Violation> alone{}; // ... and what the operations show without it, if somebody looked
    u64 seen{1};
    std::optional<u32> known{}; // it was expected: which of the findings that were said to be known it is
    u32 stale{}; // of a kernel tree's file: the way in which its accesses have to be answered for this
                 // (spec/linux/host/stale.hpp)

    // Of one invariant, which is broken when the operations are run one by one.
    [[nodiscard]] bool is_of_the_specification() const {
        return steps.empty() && name == spec::fact(violation.inv).name;
    }
};

struct Limits {
    double seconds{3600};
    u64 states{~u64{0}};
    u64 bytes{~u64{0}};
    unsigned jobs{1};
    std::function<bool()> interrupted{};
    // Told now and then: "graph", 1,234 or "states", 1,234,567.
    std::function<void(std::string_view what, u64 n)> progress{};
    // Told before the search starts: bits of a state, how many there can be, what they would need.
    std::function<void(const Estimate&)> estimated{};
};

struct Explored {
    u64 states{}, transitions{}; // of the whole space
    u64 nodes{}, rests{};        // of the machine's part: points inside operations, and worlds at rest
    u64 runs{}, events{};        // operations run under the specification, and their events
    u64 faulted{};               // of the operations, those in which an allocation failed
    u64 known{}, known_passed{}; // ... and those that broke what is known; see Graph::nr_known
    u32 depth{};                 // steps to the farthest state
    u32 ops_depth{};             // operations to the farthest world at rest
    u64 worlds{};                // what the worlds at rest stand for without symmetry, where that is counted
    u64 unfolded{};              // states without the symmetry of CPUs
    bool complete{};
    std::string cut_by{}; // not complete: "time", "states", "memory", "interrupt", "nodes", "violation"
    double seconds{}, graph_seconds{};
    double bytes_per_state{};
    std::vector<Finding> found{};
};

struct Options {
    GraphOptions graph{};
    bool cpu_symmetry{true};
    bool stale{}; // of a kernel tree's file: also with accesses that are answered from old translations
};

// The model.
[[nodiscard]] Explored explore(const Space& space, const Options& options, const Limits& limits);
// Whatever `build` makes a graph of.
using BuildGraph = std::function<Graph(const GraphLimits&)>;
[[nodiscard]] Explored explore(const Space& space, const BuildGraph& build, bool cpu_symmetry,
                               const Limits& limits);

[[nodiscard]] Finding finding_of(Broken&& b);

// The name and the sentence of what the hardware's part can show.
struct Meaning {
    std::string_view name, sentence;
};
[[nodiscard]] Meaning meaning(Wrong w);

} // namespace mmodel::explore
