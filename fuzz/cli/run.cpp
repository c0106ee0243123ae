// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel run: the model in every state of tiny machines, at random on real ones, then every kernel tree; one
// table, one verdict.
#include "fuzz/cli/run.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "fuzz/cli/explore.hpp"
#include "fuzz/cli/table.hpp"
#include "fuzz/cli/wrap.hpp"

namespace mmodel::cli {
namespace {

std::vector<std::string> names(const std::vector<Broken>& broken) {
    std::vector<std::string> out;
    for (const Broken& b : broken) out.push_back(fmt::format("violates {}", name_of(b.violation)));
    return out;
}

void add_broken(Job& job, const std::vector<Broken>& broken) {
    for (const Broken& b : broken) {
        const auto known =
            std::ranges::find(job.broken, b.violation.inv, [](const Broken& k) { return k.violation.inv; });
        if (known == job.broken.end())
            job.broken.push_back(b);
        else if (b.trace.ops.size() < known->trace.ops.size())
            *known = b;
    }
}

Json broken_json(const std::vector<Broken>& broken) {
    Json out = Json::array();
    for (const Broken& b : broken) out.push_back(violation_json(b.violation, b.trace));
    return out;
}

// ---- every state, with what TLBs and walkers are at

void report(Job& job, const explore::Space& s, const explore::Explored& e) {
    const Standing v = standing_of(e);
    job.tally.add(v);
    for (const explore::Finding& f : e.found)
        if (f.is_of_the_specification()) add_broken(job, {{f.violation, trace_of(s, f), f.seen}});
    if (job.options.json) return print_json(explored_json(s, e));
    Row row{s.name,
            {grouped(e.rests), grouped(e.runs), grouped(e.faulted), grouped(e.states), grouped(e.transitions),
             e.complete ? "all states" : plural(e.depth, "step")},
            v.text()};
    for (const explore::Finding& f : e.found)
        row.beneath.push_back(
            fmt::format("violates {}; see {} explore --space {}", f.name, this_command(), s.name));
    job.add_row(std::move(row));
}

void check_every_state(Job& job, const Budget& budget) {
    job.begin_part("every state",
                   {"worlds", "operations", "of them failing", "states", "transitions", "reach"});
    const std::vector<explore::Space> spaces = explore::default_spaces();
    for (std::size_t i = 0; i < spaces.size() && !interrupted(); ++i) {
        Progress progress;
        report(job, spaces[i], explore_for(spaces[i], budget.share(spaces.size() - i), progress));
    }
}

// ---- the model, at random

// No end is in sight of what is drawn: what was drawn holds, or not.
void report(Job& job, const Config& c, const RandomResult& r) {
    add_broken(job, r.broken);
    Standing v{.violated = r.broken.size()};
    if (r.events == 0) v.reach = Reach::nothing, v.why = interrupted() ? "interrupted" : "time was up";
    job.tally.add(v);
    if (!job.options.json)
        return job.add_row(
            {print_config(c),
             {grouped(r.sequences), grouped(r.ops), grouped(r.events), per_second(r.events, r.seconds)},
             v.text(),
             names(r.broken)});
    Json j{{"kind", "random"},    {"geometry", print_config(c)}, {"sequences", r.sequences},
           {"operations", r.ops}, {"events", r.events},          {"seconds", r.seconds}};
    v.put(j);
    j["violations"] = broken_json(r.broken);
    print_json(j);
}

// ---- all of it

// What is drawn at random, on the model's machines and in the trees' files, in turns.
void draw(Job& job, std::vector<RandomResult>& results, TreeRun* trees) {
    const std::size_t nr_trees = trees ? trees->checks().size() : 0;
    for (Turns turns(job.budget, results.size() + nr_trees); const auto turn = turns.next();) {
        const std::size_t i = turn->part;
        if (i < results.size())
            check_at_random(random_configs()[i], turn->seconds, job.options.seed, results[i]);
        else
            trees->checks().draw(i - results.size(), turn->seconds);
    }
}

void check_what_is_drawn(Job& job, TreeRun* trees) {
    if (trees) trees->checks().sweep(job.budget.part(0.7));
    std::vector<RandomResult> results(random_configs().size());
    draw(job, results, trees);
    job.begin_part("the model at random", {"sequences", "operations", "events", "events/s"});
    for (std::size_t i = 0; i < results.size(); ++i) report(job, random_configs()[i], results[i]);
    if (!trees) return;
    job.begin_part("kernel trees", {"sequences", "operations", "events", "operations/s"});
    trees->report(job);
}

std::string verdict_text(const Tally& t) {
    const std::string incomplete =
        t.nr_incomplete() ? fmt::format("; {} of {} rows are incomplete", t.nr_incomplete(), t.nr()) : "";
    switch (t.status()) {
    case exit_holds:
        return (incomplete.empty() ? "everything checked holds" : "what was reached holds") +
               std::string(", or is as recorded in spec/linux/findings") + incomplete;
    case exit_violation:
        return "a violation was found that is not recorded, or a recorded one was not found" + incomplete;
    default: return t.ran() ? "not everything could be checked" + incomplete : "nothing was checked";
    }
}

void print_results(const Job& job) {
    const std::string verdict = verdict_text(job.tally);
    if (job.options.json)
        return print_json({{"kind", "verdict"},
                           {"status", job.tally.status()},
                           {"interrupted", interrupted()},
                           {"verdict", verdict},
                           {"complete", job.tally.nr_incomplete() == 0 && !interrupted()},
                           {"rows", job.tally.nr()},
                           {"rows_incomplete", job.tally.nr_incomplete()}});
    print_table(job.table);
    for (const Broken& b : job.broken)
        fmt::print("\n{}", five_lines({b.violation, "the model", b.trace, replay_command(b.trace)}));
    for (const std::string& f : job.findings) fmt::print("\n{}", f);
    fmt::print("\n");
    print_wrapped((interrupted() ? "interrupted; until then: " : "") + verdict, 2);
}

} // namespace

void print_table(const std::vector<Part>& parts) {
    const auto cells_of = [](const Row& r) {
        Table::Cells cells{"  " + r.what};
        cells.insert(cells.end(), r.cells.begin(), r.cells.end());
        cells.push_back(r.verdict);
        return cells;
    };
    for (const Part& p : parts) {
        std::vector<Column> heads{{p.name, 0, Column::Side::left}};
        for (const std::string& head : p.heads) heads.push_back({head});
        heads.push_back({"verdict", 0, Column::Side::left});
        Table table(std::move(heads), columns() ? columns() : width_in_a_pipe);
        for (const Row& r : p.rows) table.widen_for(cells_of(r));
        fmt::print("{}", table.head());
        for (const Row& r : p.rows) {
            fmt::print("{}", table.row(cells_of(r)));
            for (const std::string& l : r.beneath) print_wrapped("      " + l, 8);
        }
    }
}

std::string per_second(u64 n, double seconds) {
    return seconds > 0 ? grouped(static_cast<u64>(static_cast<double>(n) / seconds)) : "-";
}

int run(const RunOptions& o) {
    auto trees = TreeRun::prepare(o);
    if (!trees) return complain(trees.error());
    Job job{.options = o, .budget = Budget(o.seconds)};
    if (!o.no_linux) trees->begin(o);
    if (!interrupted()) check_every_state(job, job.budget.part(o.no_linux ? 0.65 : 0.5));
    if (!interrupted() && !o.no_linux) trees->explore(job, job.budget.part(0.3));
    if (!interrupted()) check_what_is_drawn(job, o.no_linux ? nullptr : &*trees);
    print_results(job);
    return job.tally.status();
}

} // namespace mmodel::cli
