// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel run: the model on tiny machines in full, on real ones at random, then every kernel tree; one table,
// one verdict.
#include "fuzz/cli/run.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "fuzz/cli/explore.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/table.hpp"
#include "fuzz/cli/trees.hpp"
#include "fuzz/cli/wrap.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

// The time of the whole run, shared out as it goes: what one part leaves, the next ones have.
class Budget {
public:
    explicit Budget(double seconds) : seconds_(seconds) {}
    // An equal share of what is left before `keep` of the total, for the first of n.
    [[nodiscard]] double share(std::size_t n, double keep = 0) const {
        const double left =
            seconds_ * (1 - keep) - std::chrono::duration<double>(Clock::now() - start_).count();
        return std::max(0.0, left / static_cast<double>(n));
    }

private:
    using Clock = std::chrono::steady_clock;
    double seconds_;
    Clock::time_point start_{Clock::now()};
};

struct Job {
    const RunOptions& options;
    Budget budget;
    std::vector<fs::path> trees{};
    std::vector<Record> records{};
    std::vector<Broken> broken{}; // by the model: one for each invariant, the shortest trace of any part
    Results results{};

    void begin_part(std::string name, std::array<std::string, 4> heads) {
        results.table.push_back({std::move(name), std::move(heads)});
    }
    void add_row(Row row) { results.table.back().rows.push_back(std::move(row)); }
    void worsen(int status) { results.status = std::max(results.status, status); }
};

std::string verdict_on(const std::vector<Broken>& broken) {
    return broken.empty() ? "holds" : fmt::format("violates {}", broken.size());
}

std::vector<std::string> names(const std::vector<Broken>& broken) {
    std::vector<std::string> out;
    for (const Broken& b : broken) out.push_back(fmt::format("violates {}", name_of(b.violation)));
    return out;
}

std::string per_second(u64 n, double seconds) {
    return seconds > 0 ? grouped(static_cast<u64>(static_cast<double>(n) / seconds)) : "-";
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
    if (!broken.empty()) job.worsen(exit_violation);
}

Json broken_json(const std::vector<Broken>& broken) {
    Json out = Json::array();
    for (const Broken& b : broken) out.push_back(violation_json(b.violation, b.trace));
    return out;
}

// ---- the model, in full

void report(Job& job, const Alphabet& a, const Enumerated& r) {
    add_broken(job, r.broken);
    if (job.options.json)
        return print_json({{"kind", "enumerate"},
                           {"what", a.name},
                           {"geometry", print_config(a.config)},
                           {"states", r.states},
                           {"transitions", r.steps},
                           {"events", r.events},
                           {"depth", r.depth},
                           {"closed", r.closed},
                           {"cut_by", r.cut_by},
                           {"seconds", r.seconds},
                           {"verdict", r.broken.empty() ? "holds" : "violates"},
                           {"violations", broken_json(r.broken)}});
    job.add_row({fmt::format("{}: {}", print_config(a.config), a.name),
                 {grouped(r.states), grouped(r.steps), per_second(r.steps, r.seconds),
                  r.closed ? "all states" : fmt::format("{} steps ({})", r.depth, r.cut_by)},
                 verdict_on(r.broken),
                 names(r.broken)});
}

void check_in_full(Job& job, double keep) {
    job.begin_part("the model in full", {"states", "steps", "steps/s", "reach"});
    const std::vector<Alphabet> alphabets = tiny_alphabets();
    for (std::size_t i = 0; i < alphabets.size() && !interrupted(); ++i) {
        Progress progress;
        const Alphabet& a = alphabets[i];
        const auto tell = [&](u64 states, u64 steps) {
            progress.show(fmt::format("model in full, {}: {}, {}", a.name, plural(states, "state"),
                                      plural(steps, "step")));
        };
        report(job, a,
               enumerate(a, {.seconds = job.budget.share(alphabets.size() - i, keep),
                             .stop = interrupted,
                             .progress = tell}));
    }
}

// ---- every state, with what TLBs and walkers are at

void report(Job& job, const explore::Space& s, const explore::Explored& e) {
    if (!e.found.empty()) job.worsen(exit_violation);
    if (job.options.json) return print_json(explored_json(s, e));
    Row row{
        s.name,
        {grouped(e.rests), grouped(e.states), grouped(e.transitions), e.complete ? "all states" : e.cut_by},
        e.found.empty() ? "holds" : fmt::format("violates {}", e.found.size())};
    for (const explore::Finding& f : e.found)
        row.beneath.push_back(
            fmt::format("violates {}; see {} explore --space {}", f.name, this_command(), s.name));
    job.add_row(std::move(row));
}

void check_every_state(Job& job, double keep) {
    job.begin_part("every state", {"worlds at rest", "states", "transitions", "reach"});
    const std::vector<explore::Space> spaces = explore::default_spaces();
    for (std::size_t i = 0; i < spaces.size() && !interrupted(); ++i) {
        Progress progress;
        report(job, spaces[i], explore_for(spaces[i], job.budget.share(spaces.size() - i, keep), progress));
    }
}

// ---- the model, at random

void report(Job& job, const Config& c, const RandomResult& r) {
    add_broken(job, r.broken);
    if (job.options.json)
        return print_json({{"kind", "random"},
                           {"geometry", print_config(c)},
                           {"sequences", r.sequences},
                           {"operations", r.ops},
                           {"events", r.events},
                           {"seconds", r.seconds},
                           {"verdict", r.broken.empty() ? "holds" : "violates"},
                           {"violations", broken_json(r.broken)}});
    job.add_row({print_config(c),
                 {grouped(r.sequences), grouped(r.ops), grouped(r.events), per_second(r.events, r.seconds)},
                 verdict_on(r.broken),
                 names(r.broken)});
}

void check_all_at_random(Job& job, double keep) {
    job.begin_part("the model at random", {"sequences", "operations", "events", "events/s"});
    const std::vector<Config>& configs = random_configs();
    for (std::size_t i = 0; i < configs.size() && !interrupted(); ++i) {
        Progress progress;
        report(job, configs[i],
               check_at_random(configs[i], job.budget.share(configs.size() - i, keep), job.options.seed,
                               progress));
    }
}

// ---- kernel trees

std::string tree_text(const std::string& version, const std::string& file) {
    return fmt::format("Linux {}, {}", version, file);
}

std::string verdict_on(const Comparison& c) {
    if (!c.is_as_recorded()) return "not as recorded";
    return c.confirmed.empty() ? "holds"
                               : fmt::format("as recorded: {}", plural(c.confirmed.size(), "finding"));
}

std::vector<std::string> names(const Comparison& c) {
    std::vector<std::string> out;
    for (const spec::Inv inv : c.unrecorded) out.push_back(fmt::format("violates {}", spec::fact(inv).name));
    for (const Record& r : c.not_found)
        out.push_back(fmt::format("no longer found: {}", spec::fact(r.inv).name));
    return out;
}

// A record can be replayed as it is; for anything else the command holds the trace.
std::string command_for(const bench::Finding& f, const Comparison& c, const fs::path& tree) {
    const auto r = std::ranges::find(c.confirmed, f.violation.inv, &Record::inv);
    if (r == c.confirmed.end()) return replay_command(trace_of(f), tree);
    return replay_command(r->path, tree);
}

void report(Job& job, const fs::path& tree, const bench::Report& r) {
    std::vector<spec::Inv> found;
    for (const bench::Finding& f : r.findings) found.push_back(f.violation.inv);
    const bool whole = r.trouble.empty();
    Comparison c = compare(job.records, r.tree, found);
    if (!whole) c.not_found.clear(); // a run that ended early could not find everything
    const std::string subject = tree_text(r.tree.version, r.tree.file);
    for (const bench::Finding& f : r.findings)
        job.results.findings.push_back(
            five_lines({f.violation, subject, trace_of(f), command_for(f, c, tree)}));
    if (!c.is_as_recorded()) job.worsen(exit_violation);
    if (!whole) {
        const int early = complain(
            Failure{fmt::format("{}: the run ended early: {}", subject, r.trouble), exit_environment});
        if (c.is_as_recorded()) job.worsen(early); // else what was found stays found
    }
    if (job.options.json) {
        if (r.sequences) print_json(report_json(r, tree));
        Json missing = Json::array(), fresh = Json::array();
        for (const Record& m : c.not_found) missing.push_back(spec::fact(m.inv).name);
        for (const spec::Inv inv : c.unrecorded) fresh.push_back(spec::fact(inv).name);
        return print_json({{"kind", "recorded"},
                           {"tree", tree.string()},
                           {"version", r.tree.version},
                           {"file", r.tree.file},
                           {"confirmed", c.confirmed.size()},
                           {"no_longer_found", missing},
                           {"new", fresh},
                           {"as_recorded", c.is_as_recorded()}});
    }
    Row row{
        subject,
        {grouped(r.sequences), grouped(r.operations), grouped(r.events), per_second(r.operations, r.seconds)},
        whole ? verdict_on(c) : "ended early",
        names(c)};
    if (!whole && r.sequences) row.beneath.insert(row.beneath.begin(), "until then: " + verdict_on(c));
    job.add_row(std::move(row));
}

void report_unbuilt(Job& job, const fs::path& tree, const std::string& version, const bench::Problem& p,
                    const std::string& file = "mm/hugetlb_vmemmap.c") {
    job.worsen(complain(p));
    if (job.options.json) return print_json(cannot_build_json(tree, version, file));
    job.add_row({version.empty() ? fmt::format("kernel tree {}", tree.string()) : tree_text(version, file),
                 {"-", "-", "-", "-"},
                 "cannot build"});
}

void check_one(Job& job, const fs::path& dir, double seconds) {
    const auto tree = open_tree(dir);
    if (!tree) return report_unbuilt(job, dir, "", tree.error());
    std::vector<bench::KernelFile> files;
    for (const bench::KernelFile& f : tree->files)
        if (f.refusal.empty()) files.push_back(f);
    for (const bench::KernelFile& f : files) {
        if (interrupted()) return;
        const auto r = check_tree(dir, seconds / static_cast<double>(files.size()), job.options.seed, f.name);
        if (r)
            report(job, dir, *r);
        else
            report_unbuilt(job, dir, tree->version, r.error(), f.path);
    }
}

void check_trees(Job& job) {
    job.begin_part("kernel trees", {"sequences", "operations", "events", "operations/s"});
    for (std::size_t i = 0; i < job.trees.size() && !interrupted(); ++i)
        check_one(job, job.trees[i], std::max(1.0, job.budget.share(job.trees.size() - i)));
    if (!job.trees.empty()) return;
    job.add_row({"none found", {"-", "-", "-", "-"}, "-"});
    job.worsen(complain(Failure{"no kernel tree was found; name one with --tree DIR or MMODEL_TREES, or "
                                "leave them out with --no-linux",
                                exit_environment}));
}

// ---- all of it

// What the user named must make sense before any time is spent.
std::optional<Failure> prepare(Job& job) {
    auto records = read_findings(job.options.findings);
    if (!records) return Failure{records.error()};
    job.records = std::move(*records);
    for (const std::string& dir : job.options.trees) {
        if (const auto tree = open_tree(dir); !tree && tree.error().usage) return Failure{tree.error().what};
        job.trees.emplace_back(dir);
    }
    if (job.trees.empty() && !job.options.no_linux) job.trees = default_trees();
    return std::nullopt;
}

std::string_view verdict_text(int status) {
    switch (status) {
    case exit_holds: return "everything checked holds, or is as recorded in spec/linux/findings";
    case exit_violation: return "a violation was found that is not recorded, or a recorded one was not found";
    default: return "not everything could be checked";
    }
}

void print_results(const Job& job) {
    if (job.options.json) {
        print_json({{"kind", "verdict"},
                    {"status", job.results.status},
                    {"interrupted", interrupted()},
                    {"verdict", verdict_text(job.results.status)}});
        return;
    }
    print_table(job.results.table);
    for (const Broken& b : job.broken)
        fmt::print("\n{}", five_lines({b.violation, "the model", b.trace, replay_command(b.trace)}));
    for (const std::string& f : job.results.findings) fmt::print("\n{}", f);
    fmt::print("\n{}{}\n", interrupted() ? "interrupted; until then: " : "",
               verdict_text(job.results.status));
}

} // namespace

void print_table(const std::vector<Part>& parts) {
    const auto cells_of = [](const Row& r) {
        return Table::Cells{"  " + r.what, r.cells[0], r.cells[1], r.cells[2], r.cells[3], r.verdict};
    };
    for (const Part& p : parts) {
        Table table({{p.name, 0, Column::Side::left},
                     {p.heads[0]},
                     {p.heads[1]},
                     {p.heads[2]},
                     {p.heads[3]},
                     {"verdict", 0, Column::Side::left}},
                    columns());
        for (const Row& r : p.rows) table.widen_for(cells_of(r));
        fmt::print("{}", table.head());
        for (const Row& r : p.rows) {
            fmt::print("{}", table.row(cells_of(r)));
            for (const std::string& l : r.beneath) fmt::print("      {}\n", l);
        }
    }
}

int run(const RunOptions& o) {
    Job job{.options = o, .budget = Budget(o.seconds)};
    if (const auto why = prepare(job)) return complain(*why);
    const double for_trees = o.no_linux ? 0 : 1.0 / 3;
    check_in_full(job, o.no_linux ? 0.7 : 0.8);
    if (!interrupted()) check_every_state(job, o.no_linux ? 0.35 : 0.5);
    if (!interrupted()) check_all_at_random(job, for_trees);
    if (!o.no_linux && !interrupted()) check_trees(job);
    print_results(job);
    return job.results.status;
}

} // namespace mmodel::cli
