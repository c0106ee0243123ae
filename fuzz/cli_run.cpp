// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel run: the model on tiny machines in full, on real ones at random, then every kernel tree; one table,
// one verdict.
#include "fuzz/cli_run.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

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

    void add_row(Row row) {
        if (!options.json) results.rows.push_back(std::move(row));
    }
    void worsen(int status) { results.status = std::max(results.status, status); }
};

std::string names(const std::vector<Broken>& broken) {
    std::string out = "violates:";
    for (const Broken& b : broken) out += fmt::format(" {}", name_of(b.violation));
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
    const std::string reach =
        r.closed ? "closed: every reachable state"
                 : fmt::format("cut by {}: every sequence of up to {} operations", r.cut_by, r.depth);
    job.add_row({fmt::format("model in full, {}: {}", print_config(a.config), a.name),
                 fmt::format("{}, {}; {}", plural(r.states, "state"), plural(r.steps, "step"), reach),
                 rate(r.steps, "step", r.seconds), r.broken.empty() ? "holds" : names(r.broken)});
}

void check_in_full(Job& job, double keep) {
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
    job.add_row({fmt::format("model at random, {}", print_config(c)),
                 fmt::format("{}, {}", plural(r.ops, "operation"), plural(r.events, "event")),
                 rate(r.events, "event", r.seconds), r.broken.empty() ? "holds" : names(r.broken)});
}

void check_all_at_random(Job& job, double keep) {
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

std::string tree_verdict(const Comparison& c) {
    if (c.is_as_recorded())
        return c.confirmed.empty() ? "holds"
                                   : fmt::format("as recorded: {}", plural(c.confirmed.size(), "finding"));
    std::string out;
    for (const spec::Inv inv : c.unrecorded)
        out += fmt::format("{}{}", out.empty() ? "violates: " : " ", spec::fact(inv).name);
    if (!c.not_found.empty()) {
        out += fmt::format("{}no longer found:", out.empty() ? "" : "; ");
        for (const Record& r : c.not_found) out += fmt::format(" {}", spec::fact(r.inv).name);
    }
    return out;
}

// A record can be replayed as it is; for anything else the command holds the trace.
std::string command_for(const bench::Finding& f, const Comparison& c, const fs::path& tree) {
    const auto r = std::ranges::find(c.confirmed, f.violation.inv, &Record::inv);
    if (r == c.confirmed.end()) return replay_command(trace_of(f), tree);
    return fmt::format("{} replay {} --tree {}   (recorded)", shell_quoted(program),
                       shell_quoted(fs::proximate(r->path).string()), shell_quoted(tree.string()));
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
    const std::string verdict = tree_verdict(c);
    job.add_row({subject, fmt::format("{}, {}", plural(r.operations, "operation"), plural(r.events, "event")),
                 rate(r.operations, "operation", r.seconds),
                 whole         ? verdict
                 : r.sequences ? "ended early; " + verdict
                               : "ended early"});
}

void report_unbuilt(Job& job, const fs::path& tree, const std::string& version, const bench::Problem& p) {
    job.worsen(complain(p));
    if (job.options.json) return print_json(cannot_build_json(tree, version));
    job.add_row({version.empty() ? fmt::format("kernel tree {}", tree.string())
                                 : tree_text(version, "mm/hugetlb_vmemmap.c"),
                 "-", "-", "cannot build"});
}

void check_one(Job& job, const fs::path& dir, double seconds) {
    const auto tree = open_tree(dir);
    if (!tree) return report_unbuilt(job, dir, "", tree.error());
    const auto r = check_tree(dir, seconds, job.options.seed);
    if (!r) return report_unbuilt(job, dir, tree->version, r.error());
    report(job, dir, *r);
}

void check_trees(Job& job) {
    for (std::size_t i = 0; i < job.trees.size() && !interrupted(); ++i)
        check_one(job, job.trees[i], std::max(1.0, job.budget.share(job.trees.size() - i)));
    if (!job.trees.empty()) return;
    job.add_row({"kernel trees", "-", "-", "none found"});
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
    print_table(job.results.rows);
    for (const Broken& b : job.broken)
        fmt::print("\n{}", five_lines({b.violation, "the model", b.trace, replay_command(b.trace)}));
    for (const std::string& f : job.results.findings) fmt::print("\n{}", f);
    fmt::print("\n{}{}\n", interrupted() ? "interrupted; until then: " : "",
               verdict_text(job.results.status));
}

} // namespace

void print_table(const std::vector<Row>& rows) {
    const Row head{"what was checked", "how much", "how fast", "verdict"};
    std::array<std::size_t, 3> width{head.what.size(), head.how_much.size(), head.how_fast.size()};
    for (const Row& r : rows)
        width = {std::max(width[0], r.what.size()), std::max(width[1], r.how_much.size()),
                 std::max(width[2], r.how_fast.size())};
    const auto print = [&](const Row& r) {
        fmt::print("{:<{}}  {:<{}}  {:>{}}  {}\n", r.what, width[0], r.how_much, width[1], r.how_fast,
                   width[2], r.verdict);
    };
    print(head);
    for (const Row& r : rows) print(r);
}

int run(const RunOptions& o) {
    Job job{.options = o, .budget = Budget(o.seconds)};
    if (const auto why = prepare(job)) return complain(*why);
    const double for_trees = o.no_linux ? 0 : 1.0 / 3;
    check_in_full(job, o.no_linux ? 0.5 : 2.0 / 3);
    if (!interrupted()) check_all_at_random(job, for_trees);
    if (!o.no_linux && !interrupted()) check_trees(job);
    print_results(job);
    return job.results.status;
}

} // namespace mmodel::cli
