// SPDX-License-Identifier: GPL-2.0 OR MIT
// A campaign against one kernel tree's file, on one geometry or several: sweeps and random sequences, and for
// each finding (see spec/linux/host/identity.hpp) the shortest sequence that shows it. What was found hides
// nothing: an operation that leaves the machine sound is passed; otherwise the sequence is run again without
// it.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "fuzz/ops/trace.hpp"
#include "spec/linux/host/bench.hpp"
#include "spec/linux/host/identity.hpp"

namespace mmodel::bench {

struct Finding {
    spec::Violation violation;
    Identity identity;
    Config config;
    std::vector<Op> ops;                   // the shortest sequence found that shows it
    u64 seen{};                            // how often
    std::vector<std::string> geometries{}; // on which
    std::optional<std::size_t> known{};    // which of Options::known it is
    std::vector<Identity> passed{};        // what else that sequence shows, on its way
    StaleWay stale{};                      // in which way accesses have to be answered for it
};

// The sequence that shows it, which expects what it breaks.
[[nodiscard]] Trace trace_of(const Finding& f);

// A finding that is expected, and perhaps a sequence that shows it.
struct Known {
    Identity identity;
    std::optional<Trace> trace{};
};

// Whether a text shows a finding of another one by the same sequence.
enum class Shown : u8 {
    no,
    yes,
    hidden // it breaks earlier in that sequence, in another way, so that nobody can tell
};
// By a run of that sequence. `has_function`: of the text that ran.
[[nodiscard]] Shown shown_in(const RealResult& r, const Finding& f, const HasFunction& has_function);

struct Options {
    double seconds{10};
    u64 seed{1};
    std::function<void(const std::string&)> progress{}; // a line, now and then; empty: none
    std::function<bool()> stop{};                       // asked now and then; true ends the campaign, soon
    std::optional<spec::Inv> until{};                   // it ends once this is violated
    bool until_new{};                                   // it ends once something is found that is not known
    std::vector<Known> known{};                         // tried first; only counted, not cut down
    bool pool{true}; // half of the sequences are like one that reached something new
    bool stale{};    // each sequence also on a CPU that uses old translations (stale.hpp)
};

// What was run; swept, to_sweep: scenarios. The sweeps are whole when there are as many.
struct Amount {
    u64 operations{}, events{}, sequences{};
    u64 swept{}, to_sweep{};
    double seconds{};
};

struct OnGeometry : Amount {
    std::string geometry;
};

struct Report : Amount { // of all geometries
    Tree tree;
    std::vector<OnGeometry> on{};
    u64 compared{};                      // operations, with the model
    bench::DeviationCounts deviations{}; // ... of them that deviated as is known
    std::vector<Finding> findings{};     // differences from the model among them
    u64 unnamed{};                       // violations of an invariant that has its share of findings
    Backend backend{};                   // who answered what the file read and wrote
    std::string no_mmu{};                // why it was not the software MMU that was asked for
    std::map<Branch, bool> branches{};   // of the judged file: whether it ran
    std::string no_coverage{};           // why there are none
    std::vector<std::string> warnings{}; // of who compiled it: it runs with other numbers than in its kernel
    std::string trouble{}; // the campaign ended early, and why; what was found until then is kept

    // Of the model, not of the specification.
    [[nodiscard]] static bool is_difference(const Finding& f) {
        return f.violation.inv == spec::Inv::real_file_agrees_with_the_model;
    }
    [[nodiscard]] bool is_whole() const { return trouble.empty() && swept == to_sweep; }
};

// A campaign in stretches, each of which goes on where the last one ended. Goes on past what it has found;
// after trouble, nothing more is run.
class Campaign {
public:
    // Options::seconds is not asked.
    Campaign(const Unit& unit, Options options);
    // The same file, compiled for another geometry. The least run one goes on first, each sequence anew.
    void add(const Unit& unit);
    ~Campaign();
    Campaign(Campaign&&) noexcept;

    // Fault sweeps over every operation, for so many seconds or until they are whole; at least one sequence.
    void sweep(double seconds);
    // Random sequences; what is left of the sweeps goes first.
    void draw(double seconds);
    // One sequence of the caller's: what it reached of its unit's edges, as pairs (see Reached); a Problem
    // after trouble. Needs: a unit of its geometry.
    [[nodiscard]] std::expected<std::vector<u32>, Problem> try_one(Trace t);
    [[nodiscard]] const std::vector<Finding>& findings() const;
    // Whether another stretch does anything: there was no trouble.
    [[nodiscard]] bool can_go_on() const;
    // What there is so far. A Problem where it kept every sequence from running.
    [[nodiscard]] std::expected<Report, Problem> report() const;
    // Whether this file shows what was found in another one; what cannot be run shows nothing.
    [[nodiscard]] Shown shows(const Finding& f);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

// Fault sweeps first, whole, then random sequences until the time is over.
[[nodiscard]] std::expected<Report, Problem> run_tree(const Unit& unit, const Options& options);

} // namespace mmodel::bench
