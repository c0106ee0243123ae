// SPDX-License-Identifier: GPL-2.0 OR MIT
// Random sequences on the model, machine by machine.
#include <algorithm>
#include <array>
#include <chrono>

#include "fuzz/cli/run.hpp"
#include "fuzz/ops/generate.hpp"
#include "fuzz/ops/shrink.hpp"

namespace mmodel::cli {
namespace {

constexpr std::size_t sequence_length = 60;

// The shortest trace that breaks the same invariant, and what is then found.
Broken shrunk(const Config& c, std::vector<Op> ops, spec::Violation violation, Progress& progress) {
    Broken out{.violation = std::move(violation), .trace = {.config = c, .ops = std::move(ops)}};
    const auto still_fails = [&](const Trace& t) {
        if (interrupted()) return false;
        progress.show("cutting down what violates " + std::string(name_of(out.violation)));
        auto r = spec::check_sequence(t.config, t.ops);
        return r.violation && r.violation->inv == out.violation.inv;
    };
    out.trace = shrink(std::move(out.trace), still_fails);
    if (auto r = spec::check_sequence(out.trace.config, out.trace.ops); r.violation)
        out.violation = std::move(*r.violation);
    out.trace.expect = name_of(out.violation);
    return out;
}

// HVO, percpu and both on one machine take turns. Gigantic folios cost thousands of events on real
// geometries: most sequences have few of them.
Mix mix_for(const Config& c, u64 i) {
    constexpr std::array turns{Subsystem::hvo, Subsystem::percpu, Subsystem::both};
    Mix mix{.subsystem = turns[i % turns.size()]};
    if (c.geometry.arch != "tiny") mix.gigantic_percent = i % 8 == 0 ? 40 : 1;
    return mix;
}

void note(RandomResult& out, const Config& c, std::vector<Op> ops, spec::SequenceResult r,
          Progress& progress) {
    const auto known =
        std::ranges::find(out.broken, r.violation->inv, [](const Broken& b) { return b.violation.inv; });
    if (known != out.broken.end()) return void(++known->seen);
    ops.resize(r.op_idx + 1);
    out.broken.push_back(shrunk(c, std::move(ops), std::move(*r.violation), progress));
}

} // namespace

const std::vector<Config>& random_configs() {
    static const std::vector<Config> all = [] {
        std::vector<Config> rows = fuzz_configs();
        if (const auto huge = parse_config("x86-64 memory=1T")) rows.push_back(*huge);
        return rows;
    }();
    return all;
}

void check_at_random(const Config& c, double seconds, u64 seed, RandomResult& out) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    const double before = out.seconds;
    Progress progress;
    while (!interrupted() && (out.seconds - before < seconds || out.sequences == 0)) {
        const u64 i = out.sequences;
        const std::vector<Op> ops = random_ops(c, mix_for(c, i), seed * 1'000'003 + i, sequence_length);
        spec::SequenceResult r = spec::check_sequence(c, ops);
        ++out.sequences;
        out.ops += r.nr_ops;
        out.events += r.nr_events;
        if (r.violation) note(out, c, ops, std::move(r), progress);
        out.seconds = before + std::chrono::duration<double>(Clock::now() - start).count();
        progress.show("model at random, " + print_config(c) + ": " + plural(out.ops, "operation"));
    }
}

} // namespace mmodel::cli
