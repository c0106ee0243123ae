// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel explore --concurrent: schedules of concurrent operations, scenario by scenario.
#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/explore.hpp"
#include "fuzz/cli/help.hpp"
#include "fuzz/cli/table.hpp"
#include "fuzz/cli/wrap.hpp"
#include "fuzz/ops/trace_case.hpp"

namespace mmodel::cli {
namespace {

struct Named {
    std::string name, sentence;
    concurrent::Case what;
};

std::expected<std::vector<Named>, Failure> chosen(const ConcurrentOptions& o) {
    std::vector<Named> out;
    if (!o.trace.empty()) {
        const auto in = load(o.trace);
        if (!in) return std::unexpected(in.error());
        if (in->trace.tasks.nr_ops.empty())
            return std::unexpected(Failure{fmt::format(
                "{}: no line such as 'concurrent 1,1 schedule' says which operations are tasks", o.trace)});
        out.push_back({o.trace, "", case_of(in->trace)});
    }
    for (const std::string& name : o.scenarios) {
        const concurrent::Scenario* s = concurrent::scenario_named(name);
        if (!s)
            return std::unexpected(
                Failure{fmt::format("there is no scenario '{}'; --list names them", name)});
        out.push_back({name, std::string(s->sentence), s->what});
    }
    if (out.empty())
        for (const concurrent::Scenario& s : concurrent::scenarios())
            out.push_back({std::string(s.name), std::string(s.sentence), s.what});
    return out;
}

std::string_view kind_of(const concurrent::Found& f) {
    return f.what.tasks.empty() ? "even one operation after the other" : "at the same time";
}

Standing standing(const concurrent::Explored& r) {
    Standing v{.violated = r.found.size()};
    if (r.complete) return v;
    v.reach = r.schedules ? Reach::in_part : Reach::nothing;
    v.reached = plural(r.schedules, "schedule");
    v.why = interrupted() ? "interrupted" : "time was up";
    return v;
}

Json json_of(const ConcurrentOptions& o, const Named& n, const concurrent::Explored& r) {
    Json violations = Json::array();
    for (const concurrent::Found& f : r.found) {
        Trace t = mmodel::trace_of(f.what, f.schedule);
        t.expect = name_of(f.violation);
        violations.push_back(violation_json(f.violation));
        violations.back().update({{"concurrent", !f.what.tasks.empty()},
                                  {"slices", f.schedule.size()},
                                  {"trace", print_trace(t)}});
    }
    Json j{{"kind", "concurrent"},
           {"scenario", n.name},
           {"geometry", print_config(n.what.config)},
           {"tasks", n.what.tasks.size()},
           {"variants", r.variants},
           {"schedules", r.schedules},
           {"pruned", r.pruned},
           {"events", r.steps},
           {"endings", r.endings.size()},
           {"preemptions", o.preemptions},
           {"random", o.random},
           {"seed", o.seed},
           {"reduction", !o.no_reduction},
           {"sabotage", o.sabotage},
           {"seconds", r.seconds},
           {"violations", std::move(violations)}};
    standing(r).put(j);
    j["complete"] = r.complete && !o.random;
    return j;
}

Table table_of_scenarios() {
    return Table({{"scenario", 22, Column::Side::left},
                  {"variants", 8},
                  {"schedules", 9},
                  {"pruned", 9},
                  {"events", 11},
                  {"seconds", 7},
                  {"reach", 14, Column::Side::left},
                  {"verdict", 0, Column::Side::left}},
                 columns());
}

void print_row(const ConcurrentOptions& o, const Named& n, const concurrent::Explored& r) {
    const std::string reach = o.random     ? "at random"
                              : r.complete ? fmt::format("{} preemptions", o.preemptions)
                                           : "cut";
    fmt::print("{}", table_of_scenarios().row(
                         {n.name, grouped(r.variants), grouped(r.schedules), grouped(r.pruned),
                          grouped(r.steps), fmt::format("{:.2f}", r.seconds), reach,
                          r.found.empty() ? standing(r).text()
                                          : fmt::format("violates {}", name_of(r.found.front().violation))}));
    std::fflush(stdout);
}

void print_found(const Named& n, const concurrent::Found& f) {
    Trace t = mmodel::trace_of(f.what, f.schedule);
    t.expect = name_of(f.violation);
    fmt::print("\n{}: {}\n{}\n{}", n.name, name_of(f.violation),
               wrapped(fmt::format("  \"{}\"", meaning(f.violation)), 3),
               labelled("found", fmt::format("{}: {}", kind_of(f), f.violation.detail), 7));
    if (!f.what.before.empty())
        fmt::print("{}", labelled("first", one_line(f.what.config.geometry, f.what.before), 7));
    if (!f.what.tasks.empty()) fmt::print("{}", show_columns(f.what, concurrent::replay(f.what, f.schedule)));
    fmt::print("  again  {}\n", replay_command(t));
}

int list(const std::vector<Named>& all) {
    std::vector<Described> out;
    for (const Named& n : all) out.push_back({n.name, n.sentence});
    return print_described(out), exit_holds;
}

} // namespace

int explore_concurrent(const ConcurrentOptions& o) {
    const auto all = chosen(o);
    if (!all) return complain(all.error());
    if (o.list) return list(*all);
    concurrent::Options options{.preemptions = o.preemptions,
                                .reduce = !o.no_reduction,
                                .faults = !o.no_faults,
                                .random = o.random,
                                .seed = o.seed,
                                .stop = interrupted};
    const auto sabotage = sabotage_asked(o.sabotage);
    if (!sabotage) return complain(sabotage.error());
    options.sabotage = *sabotage;
    if (!o.json) fmt::print("{}", table_of_scenarios().head());
    const Budget budget(o.seconds);
    Tally tally;
    std::vector<std::pair<const Named*, concurrent::Found>> found;
    for (std::size_t i = 0; i < all->size() && !interrupted(); ++i) {
        const Named& n = (*all)[i];
        Progress progress;
        options.progress = [&](u64 schedules) {
            progress.show(n.name + ": " + plural(schedules, "schedule"));
        };
        options.seconds = budget.is_limited() ? std::max(0.001, budget.share(all->size() - i)) : 0;
        concurrent::Explored r = concurrent::explore(n.what, options);
        const auto shrinks = [&] {
            progress.show(n.name + ": cutting down what was found");
            return interrupted();
        };
        for (concurrent::Found& f : r.found) f = concurrent::shrink(std::move(f), shrinks);
        progress.end();
        tally.add(standing(r));
        if (o.json)
            print_json(json_of(o, n, r));
        else
            print_row(o, n, r);
        for (concurrent::Found& f : r.found) found.emplace_back(&n, std::move(f));
    }
    if (o.json) return tally.status();
    for (const auto& [n, f] : found) print_found(*n, f);
    if (o.random)
        fmt::print("\nseed {}: {} schedules a scenario and choice of failing allocations\n", o.seed,
                   o.random);
    if (interrupted()) fmt::print("\ninterrupted: what is above is whole, the rest was not run\n");
    return tally.status();
}

} // namespace mmodel::cli
