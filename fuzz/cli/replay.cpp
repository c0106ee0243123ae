// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel replay: runs traces on the model, or on a kernel tree's file, and shows each step.
#include "fuzz/cli/replay.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fuzz/cli/expected.hpp"
#include "fuzz/cli/explore.hpp"
#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/trees.hpp"
#include "fuzz/ops/shrink.hpp"
#include "spec/sabotage/advance.hpp"

namespace mmodel::cli {
namespace {

constexpr u64 max_kernel_evaluations = 2000; // each forks

// Hands the monitor's judgement through and keeps the events.
struct Recorder {
    spec::Monitor& monitor;
    std::vector<Event>& events;
    void before(const Machine& m, const Event& e) {
        events.push_back(e);
        monitor.before(m, e);
    }
    void after(const Machine& m, const Event& e) { monitor.after(m, e); }
};

ReplayStep recorded_advance(World& w, u64 idx, const Op& op, Sabotage sabotage) {
    ReplayStep s{.idx = idx, .op = op};
    spec::Monitor monitor(w, op);
    Recorder recorder{monitor, s.events};
    try {
        s.ran = advance(w, op, recorder, sabotage);
        monitor.finish(w, s.ran);
    } catch (const spec::Violated& v) {
        s.violations.push_back(v.violation);
    }
    s.ran.nr_events = s.events.size();
    return s;
}

Verdict on_model(const Input& in, const ReplayOptions& o, Screen& screen) {
    Verdict v;
    World w(in.trace.config);
    screen.begin(in, "the model");
    for (u64 i = 0; i < in.trace.ops.size() && v.violations.empty() && !interrupted(); ++i) {
        const World before = w;
        ReplayStep s = recorded_advance(w, i, in.trace.ops[i], in.sabotage);
        v.nr_ops += !s.ran.outcome.disabled;
        v.nr_events += s.ran.nr_events;
        v.op_idx = i;
        v.violations = s.violations;
        screen.step(s, &before, &w);
        if (o.step == i) screen.state(i, w);
    }
    v.met = expectation_met(in, v.violations);
    screen.end(v, &w);
    return v;
}

std::optional<Failure> why_not_on_tree(const Input& in) {
    const auto known = bench::geometries();
    if (std::ranges::find(known, in.trace.config.geometry.arch) == known.end())
        return Failure{fmt::format("{}: geometry {}; kernel trees run on {}", in.name,
                                   in.trace.config.geometry.arch, fmt::join(known, ", "))};
    if (in.sabotage != Sabotage::none)
        return Failure{fmt::format("{}: sabotage {} breaks the model; a kernel tree has no such break",
                                   in.name, in.trace.sabotage)};
    return std::nullopt;
}

std::expected<bench::RealResult, bench::Problem> run_on_tree(bench::Unit unit, const Trace& t,
                                                             bool goes_on = false) {
    unit.stale = t.stale;
    return bench::run_one(unit, t.config, t.ops, interrupted, goes_on);
}

// A trace on a tree, past what is known: what each operation of the trace did, and where it ends.
struct PastKnown {
    const Input& in;
    const bench::Unit& unit;
    const Expected& expected;
    std::vector<ReplayStep> steps{};
    Verdict verdict{};

    [[nodiscard]] std::optional<std::string> known(const spec::Violation& v, OpKind op) const {
        const bench::Identity id = bench::identity_of(v, op);
        const auto k = std::ranges::find_if(expected.known, [&](const bench::Known& one) {
            return is_same(one.identity, id, [&](std::string_view f) { return unit.tree.has_function(f); });
        });
        return k == expected.known.end() ? std::nullopt : std::optional(print_identity(id));
    }

    // Whether all of it is known, and there is more to come.
    bool passes(ReplayStep& s, const std::vector<spec::Violation>& found) const {
        std::vector<std::string> names;
        for (const spec::Violation& v : found)
            if (const auto k = known(v, s.op.kind)) names.push_back(*k);
        if (names.size() != found.size() || s.idx + 1 == in.trace.ops.size()) return false;
        s.known = std::move(names);
        return true;
    }

    // Runs the operations that `left` lists; whether one of them is to be left out, and which.
    std::expected<std::optional<u64>, bench::Problem> run(const std::vector<u64>& left) {
        Trace t = in.trace;
        t.ops.clear();
        for (const u64 i : left) t.ops.push_back(in.trace.ops[i]);
        const std::vector<Op>& ops = t.ops;
        const auto r = run_on_tree(unit, t, true);
        if (!r) return std::unexpected(r.error());
        verdict.nr_ops = r->nr_ops, verdict.nr_events = r->nr_events;
        std::vector<std::vector<spec::Violation>> found(ops.size());
        for (const bench::Passed& p : r->passed) found[p.op_idx].push_back(p.violation);
        if (!r->violations.empty()) found[std::min<u64>(r->op_idx, ops.size() - 1)] = r->violations;
        for (u64 n = 0; n < ops.size(); ++n) {
            ReplayStep& s = steps[left[n]];
            if (n < r->ran.size()) s.ran = r->ran[n];
            if (found[n].empty()) continue;
            verdict.op_idx = s.idx;
            if (!passes(s, found[n])) {
                verdict.violations = s.violations = found[n];
                return std::nullopt;
            }
            s.put_back = !r->violations.empty() && n == r->op_idx;
            if (s.put_back) return n;
        }
        return std::nullopt;
    }
};

std::expected<Verdict, bench::Problem> on_tree(const Input& in, const bench::Unit& unit,
                                               const std::optional<Expected>& expected, Screen& screen) {
    const Expected nothing;
    PastKnown past{in, unit, expected ? *expected : nothing};
    std::vector<u64> left;
    for (u64 i = 0; i < in.trace.ops.size(); ++i) {
        left.push_back(i);
        past.steps.push_back({.idx = i, .op = in.trace.ops[i]});
    }
    for (bool more = true; more;) {
        const auto out = past.run(left);
        if (!out) return std::unexpected(out.error());
        more = out->has_value();
        if (more) left.erase(left.begin() + static_cast<long>(**out));
    }
    screen.begin(in, fmt::format("Linux {}, {}", unit.tree.version, unit.tree.file));
    Verdict& v = past.verdict;
    for (const ReplayStep& s : past.steps) {
        if (!v.violations.empty() && s.idx > v.op_idx) break;
        screen.step(s, nullptr, nullptr);
    }
    v.met = expectation_met(in, v.violations);
    screen.end(v, nullptr);
    return v;
}

// The shrinker may drop the sabotage as well, so it is read from the trace each time.
std::optional<spec::Inv> broken_on_model(const Trace& t) {
    const auto r = spec::check_sequence(t.config, t.ops, sabotage_named(t.sabotage).value_or(Sabotage::none));
    return r.violation ? std::optional(r.violation->inv) : std::nullopt;
}

bool breaks_on_tree(const bench::Unit& unit, const Trace& t, spec::Inv inv) {
    const auto r = run_on_tree(unit, t);
    return r && std::ranges::any_of(r->violations, [&](const spec::Violation& v) { return v.inv == inv; });
}

// The invariant to keep: what the trace expects if that is broken, else the first.
std::optional<spec::Inv> broken_on_tree(const bench::Unit& unit, const Input& in) {
    const auto r = run_on_tree(unit, in.trace);
    if (!r || r->violations.empty()) return std::nullopt;
    return in.expect && breaks_on_tree(unit, in.trace, *in.expect) ? *in.expect : r->violations.front().inv;
}

int write_minimum(const Trace& t, const ReplayOptions& o, const ShrinkStats& stats, u64 ops_before) {
    const std::string text = print_trace(t);
    if (o.out.empty()) return fmt::print("{}", text), exit_holds;
    if (const auto why = write_file(o.out, text)) {
        fmt::print("{}", text);
        const bool shown = std::fflush(stdout) == 0;
        const std::string where = shown ? "; the trace is on standard output" : "; the trace:\n" + text;
        return complain(Failure{*why + where, exit_environment});
    }
    fmt::print("{}: {} -> {}, still breaks {} ({} runs{})\n", o.out, plural(ops_before, "operation"),
               plural(t.ops.size(), "operation"), t.expect, grouped(stats.evaluations),
               stats.reached_end && !interrupted() ? "" : "; there may be a shorter one");
    return exit_holds;
}

int minimize(const Input& in, const ReplayOptions& o, const bench::Unit* unit) {
    const auto inv = unit ? broken_on_tree(*unit, in) : broken_on_model(in.trace);
    if (!inv && interrupted()) return complain(Failure{"interrupted", exit_environment});
    if (!inv)
        return complain(
            Failure{fmt::format("{}: nothing to minimise: no invariant is broken", in.name), exit_usage});
    Progress progress;
    ShrinkStats stats;
    u64 runs = 0;
    const auto still_fails = [&](const Trace& t) {
        if (interrupted()) return false;
        progress.show(fmt::format("minimising: {} runs, {}", ++runs, plural(t.ops.size(), "operation")));
        return unit ? breaks_on_tree(*unit, t, *inv) : broken_on_model(t) == *inv;
    };
    Trace small =
        shrink(in.trace, still_fails, &stats, unit ? max_kernel_evaluations : default_shrink_evaluations);
    progress.end();
    small.expect = spec::fact(*inv).name;
    return write_minimum(small, o, stats, in.trace.ops.size());
}

// The tree's files, each compiled when the first trace needs it.
class Units {
public:
    Units(std::string dir, const WorkDir& work, bench::Backend backend)
        : dir_(std::move(dir)), work_(work), backend_(backend) {}
    std::expected<const bench::Unit*, bench::Problem> unit_for(const Trace& t) {
        const bool percpu = std::ranges::any_of(t.ops, [](const Op& op) { return is_percpu(op.kind); });
        const std::string geometry(t.config.geometry.arch);
        auto& unit = units_[{percpu, geometry}];
        if (!unit) {
            Progress progress;
            progress.show("compiling the tree's file");
            auto built = build_tree(dir_, work_, percpu ? "percpu" : "hugetlb_vmemmap", backend_, geometry);
            if (!built) return std::unexpected(built.error());
            unit = std::move(*built);
        }
        return &*unit;
    }
    [[nodiscard]] bool are_wanted() const { return !dir_.empty(); }

private:
    std::string dir_;
    const WorkDir& work_;
    bench::Backend backend_;
    std::map<std::pair<bool, std::string>, std::optional<bench::Unit>> units_; // by percpu, geometry
};

int replay_one(const std::string& file, const ReplayOptions& o, Units& units, Screen& screen) {
    const auto in = load(file, o.raw_bytes);
    if (!in) return complain(in.error());
    if (!in->about.empty() && !units.are_wanted())
        return complain(Failure{fmt::format("{}: this finding is about {}, not about the model; name a tree "
                                            "that has it with --tree DIR",
                                            in->name, in->about)});
    if (!in->trace.tasks.nr_ops.empty()) return replay_tasks(*in, o);
    if (in->trace.stale && !units.are_wanted())
        return complain(Failure{
            fmt::format("{}: stale {}: the model makes no accesses; name a kernel tree with --tree DIR",
                        in->name, in->trace.stale)});
    const bench::Unit* unit = nullptr;
    if (units.are_wanted()) {
        if (const auto why = why_not_on_tree(*in)) return complain(*why);
        const auto found = units.unit_for(in->trace);
        if (!found) return complain(found.error());
        unit = *found;
    }
    if (o.step && *o.step >= in->trace.ops.size())
        return complain(Failure{fmt::format("{}: there is no operation {}: it has {}", in->name, *o.step,
                                            plural(in->trace.ops.size(), "operation"))});
    if (o.minimize) return minimize(*in, o, unit);
    if (!unit) return on_model(*in, o, screen).status();
    std::optional<Expected> expected;
    if (o.past_known) {
        const auto sources = Sources::read(o.allow, o.findings);
        if (!sources) return complain(Failure{sources.error()});
        expected = sources->of(unit->tree);
    }
    const auto verdict = on_tree(*in, *unit, expected, screen);
    return verdict ? verdict->status() : complain(verdict.error());
}

void print_summary(const ReplayOptions& o, const std::array<u64, 4>& by_status) {
    const u64 refused = by_status[exit_usage] + by_status[exit_environment];
    if (o.json) {
        print_json({{"kind", "summary"},
                    {"files", o.files.size()},
                    {"as_expected", by_status[exit_holds]},
                    {"violations", by_status[exit_violation]},
                    {"not_run", refused}});
        return;
    }
    fmt::print("{}: {} as expected, {} not, {} could not be run\n", plural(o.files.size(), "file"),
               grouped(by_status[exit_holds]), grouped(by_status[exit_violation]), grouped(refused));
}

} // namespace

bool expectation_met(const Input& in, const std::vector<spec::Violation>& violations) {
    if (!in.expect) return violations.empty();
    return std::ranges::any_of(violations, [&](const spec::Violation& v) { return v.inv == *in.expect; });
}

int replay(const ReplayOptions& o) {
    if (o.minimize && o.files.size() != 1) return complain(Failure{"--minimize takes one FILE"});
    if (!o.out.empty())
        if (const auto why = why_not_writable(o.out)) return complain(Failure{*why, exit_environment});
    WorkDir work;
    Units units(o.tree, work, o.backend);
    const auto screen = o.dot ? dot_screen(o) : o.json ? json_screen() : text_screen(o);
    std::array<u64, 4> by_status{};
    int worst = exit_holds;
    for (const std::string& file : o.files) {
        if (interrupted()) break;
        const int status = replay_one(file, o, units, *screen);
        ++by_status[static_cast<std::size_t>(status)];
        worst = worse(worst, status);
    }
    if (o.files.size() > 1 && !o.dot) print_summary(o, by_status);
    return worst;
}

} // namespace mmodel::cli
