// SPDX-License-Identifier: GPL-2.0 OR MIT
// Concurrent tasks on the screen, and mmodel replay for traces that have them.
#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/explore.hpp"
#include "fuzz/cli/replay.hpp"
#include "fuzz/ops/trace_case.hpp"

namespace mmodel::cli {
namespace {

constexpr std::size_t width = 120;

std::string text_of(const concurrent::Case& c, const concurrent::Done& d) {
    if (d.event) return print_event(*d.event);
    return "begins " + print_op(c.config.geometry, c.tasks[d.task][d.op_idx]);
}

// Runs of events that differ in a number only, in a task that nobody interrupts: a table being filled.
bool continues(const concurrent::Done& a, const concurrent::Done& b) {
    const auto is_private = [](const concurrent::Done& d) {
        return d.event && d.event->kind == EventKind::set_pte_at && d.event->vpage == Vpage{~u64{0}};
    };
    return a.task == b.task && is_private(a) && is_private(b) && !b.violates;
}

Json replay_json(const Input& in, const concurrent::Case& c, const concurrent::Replayed& r, bool met) {
    Json events = Json::array(), violations = Json::array();
    for (const concurrent::Done& d : r.done)
        events.push_back(
            {{"task", d.task}, {"function", d.event ? name(d.event->where) : ""}, {"event", text_of(c, d)}});
    if (r.violation)
        violations.push_back({{"invariant", name_of(*r.violation)},
                              {"meaning", meaning(*r.violation)},
                              {"found", r.violation->detail}});
    return {{"kind", "concurrent_replay"}, {"name", in.name},          {"tasks", c.tasks.size()},
            {"events", std::move(events)}, {"violations", violations}, {"as_expected", met}};
}

int minimize(const Input& in, const ReplayOptions& o, const concurrent::Case& c,
             const concurrent::Replayed& r) {
    if (!r.violation)
        return complain(
            Failure{fmt::format("{}: nothing to minimise: no invariant is broken", in.name), exit_usage});
    const concurrent::Found f = concurrent::shrink({*r.violation, c, r.schedule}, interrupted);
    Trace t = mmodel::trace_of(f.what, f.schedule);
    t.expect = name_of(f.violation);
    if (o.out.empty()) return fmt::print("{}", print_trace(t)), exit_holds;
    if (const auto why = write_file(o.out, print_trace(t))) return complain(Failure{*why, exit_environment});
    fmt::print("{}: {} -> {}, still breaks {}\n", o.out, plural(in.trace.ops.size(), "operation"),
               plural(t.ops.size(), "operation"), t.expect);
    return exit_holds;
}

} // namespace

std::string show_columns(const concurrent::Case& c, const concurrent::Replayed& r) {
    const std::size_t column = (width - 5) / std::max<std::size_t>(c.tasks.size(), 1);
    std::string out, head = "    ";
    for (std::size_t t = 0; t < c.tasks.size(); ++t)
        head += fmt::format("{:<{}}", fmt::format("task {}", t), column);
    out = head.substr(0, head.find_last_not_of(' ') + 1) + "\n";
    for (std::size_t i = 0; i < r.done.size(); ++i) {
        const concurrent::Done& d = r.done[i];
        std::size_t more = 0;
        while (i + 1 < r.done.size() && continues(d, r.done[i + 1])) ++more, ++i;
        std::string text = text_of(c, d);
        if (more) text += fmt::format(" ... {} more", more);
        if (text.size() >= column && d.task + 1 < c.tasks.size()) text = text.substr(0, column - 4) + "...";
        out += fmt::format("{} {:{}}{}\n", d.violates ? ">>>" : "   ", "", d.task * column, text);
    }
    return out;
}

namespace {
// The last line, as of any replay.
void print_tasks_verdict(const Input& in, const concurrent::Replayed& r, bool met) {
    const std::string ran =
        fmt::format("{}, {}", plural(in.trace.tasks.nr_ops.size(), "task"), plural(r.done.size(), "step"));
    const std::string wanted = in.expect ? std::string(spec::fact(*in.expect).name) : "ok";
    if (!r.violation && met)
        fmt::print("\nholds: {}\n", ran);
    else if (!r.violation)
        fmt::print("\nnot as expected: the trace says {}, and nothing was broken ({})\n", wanted, ran);
    else if (met)
        fmt::print("as expected: the model broke {} ({})\n", wanted, ran);
    else
        fmt::print("violates: the model broke {} ({})\n  expected  {}\n", name_of(*r.violation), ran, wanted);
}
} // namespace

int replay_tasks(const Input& in, const ReplayOptions& o) {
    if (!o.tree.empty())
        return complain(Failure{fmt::format(
            "{}: a kernel tree's file runs one operation at a time; this trace has tasks", in.name)});
    if (o.dot || o.step)
        return complain(Failure{fmt::format(
            "{}: --dot and --step show one operation after the other; this trace has tasks", in.name)});
    const concurrent::Case c = case_of(in.trace);
    const concurrent::Replayed r = concurrent::replay(c, in.trace.tasks.schedule);
    if (o.minimize) return minimize(in, o, c, r);
    std::vector<spec::Violation> violations;
    if (r.violation) violations.push_back(*r.violation);
    const bool met = expectation_met(in, violations);
    if (o.json) return print_json(replay_json(in, c, r, met)), met ? exit_holds : exit_violation;
    fmt::print("{}: {}{}\n", in.name, print_config(c.config),
               in.trace.sabotage.empty() ? "" : ", sabotage " + in.trace.sabotage);
    for (const Op& op : c.before) fmt::print("    first  {}\n", print_op(c.config.geometry, op));
    fmt::print("{}", show_columns(c, r));
    if (r.violation)
        fmt::print("\n{}\n  \"{}\"\n  found   {}\n", name_of(*r.violation), meaning(*r.violation),
                   r.violation->detail);
    print_tasks_verdict(in, r, met);
    return met ? exit_holds : exit_violation;
}

} // namespace mmodel::cli
