// SPDX-License-Identifier: GPL-2.0 OR MIT
// Concurrent tasks on the screen, and mmodel replay for traces that have them.
#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "fuzz/cli/explore.hpp"
#include "fuzz/cli/fold.hpp"
#include "fuzz/cli/replay.hpp"
#include "fuzz/cli/wrap.hpp"
#include "fuzz/ops/trace_case.hpp"

namespace mmodel::cli {
namespace {

std::string text_of(const concurrent::Case& c, const concurrent::Done& d) {
    if (d.event) return print_event(*d.event);
    return "begins " + print_op(c.config.geometry, c.tasks[d.task][d.op_idx]);
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
    Progress progress;
    const auto stop = [&] {
        progress.show("minimising");
        return interrupted();
    };
    const concurrent::Found f = concurrent::shrink({*r.violation, c, r.schedule}, stop);
    progress.end();
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
    const std::size_t width = columns() ? columns() : width_in_a_pipe;
    const std::size_t column = (width - 5) / std::max<std::size_t>(c.tasks.size(), 1);
    std::string head = "    ";
    for (std::size_t t = 0; t < c.tasks.size(); ++t)
        head += fmt::format("{:<{}}", fmt::format("task {}", t), column);
    std::string out = head.substr(0, head.find_last_not_of(' ') + 1) + "\n";
    std::vector<show::FoldLine> all;
    for (const concurrent::Done& d : r.done)
        all.push_back(
            {text_of(c, d), fmt::format("{} {}", d.task, d.event ? name(d.event->where) : ""), d.violates});
    for (const show::Folded& f : show::fold(all, 1)) {
        const concurrent::Done& d = r.done[f.first];
        const bool is_last = d.task + 1 == c.tasks.size();
        const std::string text = f.count > 1 ? fmt::format("{} x {}", f.text, f.count) : f.text;
        std::istringstream lines(wrapped(text, 2, is_last && !columns() ? 0 : column - 1));
        std::string_view mark = d.violates ? ">>>" : "";
        for (std::string line; std::getline(lines, line); mark = "")
            out += fmt::format("{:<4}{:{}}{}\n", mark, "", d.task * column, line);
    }
    return out;
}

namespace {
// The last line, as of any replay.
std::string tasks_verdict(const Input& in, const concurrent::Replayed& r, bool met) {
    const std::string ran =
        fmt::format("{}, {}", plural(in.trace.tasks.nr_ops.size(), "task"), plural(r.done.size(), "step"));
    const std::string wanted = in.expect ? std::string(spec::fact(*in.expect).name) : "ok";
    if (!r.violation && met) return "holds: " + ran;
    if (!r.violation)
        return fmt::format("not as expected: the trace says {}, and nothing was broken ({})", wanted, ran);
    if (met) return fmt::format("as expected: the model broke {} ({})", wanted, ran);
    return fmt::format("violates: the model broke {} ({})", name_of(*r.violation), ran);
}

void print_tasks_verdict(const Input& in, const concurrent::Replayed& r, bool met) {
    if (!r.violation) fmt::print("\n");
    print_wrapped(tasks_verdict(in, r, met), 2);
    if (!r.violation || met) return;
    fmt::print("{}", labelled("expected", in.expect ? spec::fact(*in.expect).name : "ok", 10));
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
    print_wrapped(fmt::format("{}: {}{}", in.name, print_config(c.config),
                              in.trace.sabotage.empty() ? "" : ", sabotage " + in.trace.sabotage),
                  2);
    for (const Op& op : c.before) print_wrapped("    first  " + print_op(c.config.geometry, op), 11);
    fmt::print("{}", show_columns(c, r));
    if (r.violation)
        fmt::print("\n{}\n{}\n{}", name_of(*r.violation),
                   wrapped(fmt::format("  \"{}\"", meaning(*r.violation)), 3),
                   labelled("found", r.violation->detail, 8));
    print_tasks_verdict(in, r, met);
    return met ? exit_holds : exit_violation;
}

} // namespace mmodel::cli
