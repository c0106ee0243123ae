// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel run: the kernel trees, against what is recorded of them.
#include "fuzz/cli/run.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "fuzz/campaign/findings.hpp"
#include "fuzz/cli/linux.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

std::string tree_text(const std::string& version, const std::string& file) {
    return fmt::format("Linux {}, {}", version, file);
}

std::string verdict_on(const Comparison& c, const Standing& v) {
    if (!c.is_as_recorded()) return "not as recorded";
    return c.confirmed.empty() ? v.holds()
                               : fmt::format("as recorded: {}", plural(c.confirmed.size(), "finding"));
}

// Each name once: of an invariant there may be several findings.
std::vector<std::string> names(const Comparison& c) {
    std::vector<std::string> out;
    const auto add = [&](std::string text) {
        if (std::ranges::find(out, text) == out.end()) out.push_back(std::move(text));
    };
    for (const bench::Finding* f : c.unrecorded) add(fmt::format("violates {}", name_of(f->violation)));
    for (const Record& r : c.not_found)
        add(fmt::format("no longer found: {}", spec::fact(r.finding.inv).name));
    return out;
}

// A record can be replayed as it is; for anything else the command holds the trace.
std::string command_for(const bench::Finding& f, const std::vector<Record>& records,
                        const bench::Tree& tree) {
    if (const Record* r = record_of(records, tree, f.identity); r && r->finding.op == f.identity.op)
        return replay_command(r->path, tree.dir);
    return again_command(f, replay_command(trace_of(f), tree.dir));
}

std::string known_deviations(const bench::Report& r) {
    std::string out;
    for (const bench::DeviationFact& d : bench::deviations)
        if (r.deviations[static_cast<std::size_t>(d.deviation)])
            out += (out.empty() ? "" : ", ") + std::string(d.name);
    return out;
}

Json recorded_json(const bench::Report& r, const Comparison& c) {
    Json missing = Json::array(), fresh = Json::array();
    Json findings = Json::array();
    for (const Record& m : c.not_found) missing.push_back(spec::fact(m.finding.inv).name);
    for (const bench::Finding* f : c.unrecorded) {
        if (std::ranges::find(fresh, Json(name_of(f->violation))) == fresh.end())
            fresh.push_back(name_of(f->violation));
        findings.push_back(print_identity(f->identity));
    }
    return {{"kind", "recorded"},
            {"tree", r.tree.dir.string()},
            {"version", r.tree.version},
            {"file", r.tree.file},
            {"confirmed", c.confirmed.size()},
            {"no_longer_found", missing},
            {"new", fresh},
            {"as_recorded", c.is_as_recorded()},
            {"complete", r.is_whole()},
            {"new_findings", findings}};
}

void report(Job& job, const std::vector<Record>& records, const bench::Report& r) {
    const fs::path& tree = r.tree.dir;
    Comparison c = compare(records, r);
    if (!r.is_whole()) c.not_found.clear(); // a run that ended early could not find everything
    const std::string subject = tree_text(r.tree.version, r.tree.file);
    // Of a record once; what else it says would be the same in other words.
    std::set<const Record*> said;
    for (const bench::Finding& f : r.findings)
        if (const Record* record = record_of(records, r.tree, f.identity);
            !record || (record->finding.op == f.identity.op && said.insert(record).second))
            job.findings.push_back(
                five_lines({f.violation, subject, trace_of(f), command_for(f, records, r.tree)}));
    Standing v = standing_of(r);
    v.violated = c.unrecorded.size() + c.not_found.size();
    job.tally.add(v);
    if (!r.trouble.empty())
        job.tally.worsen(complain(
            Failure{fmt::format("{}: the run ended early: {}", subject, r.trouble), exit_environment}));
    if (job.options.json) {
        if (r.sequences) print_json(report_json(r, tree));
        return print_json(recorded_json(r, c));
    }
    Row row{
        subject,
        {grouped(r.sequences), grouped(r.operations), grouped(r.events), per_second(r.operations, r.seconds)},
        r.is_whole() ? verdict_on(c, v)
        : v.violated ? "not as recorded"
                     : v.text(),
        names(c)};
    for (const bench::OnGeometry& g : r.on)
        row.beneath.push_back(fmt::format("on {}: {}, {}", g.geometry, plural(g.sequences, "sequence"),
                                          plural(g.operations, "operation")));
    if (!r.is_whole() && r.sequences)
        row.beneath.push_back(fmt::format("{}; until then: {}", v.reached, verdict_on(c, v)));
    if (const std::string known = known_deviations(r); !known.empty())
        row.beneath.push_back("deviates from the model as is known: " + known);
    job.add_row(std::move(row));
}

void report_unopened(Job& job, const fs::path& dir, const bench::Problem& p) {
    job.tally.worsen(complain(p));
    if (job.options.json) return print_json(cannot_build_json(dir, ""));
    job.add_row({fmt::format("kernel tree {}", dir.string()), {"-", "-", "-", "-"}, "cannot build"});
}

// A file that the shims do not know, or that they cannot be compiled with.
void report_unjudged(Job& job, const bench::Tree& t, const bench::Problem& p) {
    job.tally.worsen(complain(p));
    if (job.options.json) return print_json(unjudged_json(t));
    const std::string& why = t.judged().refusal;
    Row row{tree_text(t.version, t.file), {"-", "-", "-", "-"}, why.empty() ? "cannot build" : "not run"};
    if (!why.empty()) row.beneath.push_back(why);
    job.add_row(std::move(row));
}

} // namespace

std::expected<TreeRun, Failure> TreeRun::prepare(const RunOptions& o) {
    TreeRun out;
    if (const auto why = unreachable_problem()) return std::unexpected(Failure{*why});
    auto records = read_findings(o.findings);
    if (!records) return std::unexpected(Failure{records.error()});
    out.records_ = std::move(*records);
    for (const std::string& dir : o.trees) {
        out.trees_.push_back({dir, open_tree(dir)});
        if (const auto& t = out.trees_.back().tree; !t && t.error().usage)
            return std::unexpected(Failure{t.error().what});
    }
    if (o.trees.empty() && !o.no_linux)
        for (const fs::path& dir : default_trees()) out.trees_.push_back({dir, open_tree(dir)});
    return out;
}

void TreeRun::begin(const RunOptions& o) {
    std::vector<bench::Tree> files;
    for (const Opened& t : trees_) {
        if (!t.tree) continue;
        for (const bench::KernelFile& f : t.tree->files) files.push_back(t.tree->seen_by(f));
    }
    checks_ = std::make_unique<TreeChecks>(
        std::move(files), o.seed, *geometries_in("", bench::default_backend), bench::default_backend, false,
        [this](const bench::Tree& t) { return known_of(records_, t); });
}

void TreeRun::report(Job& job) {
    checks_->end_progress();
    for (const Opened& t : trees_)
        if (!t.tree) report_unopened(job, t.dir, t.tree.error());
    for (std::size_t i = 0; i < checks_->size(); ++i) {
        if (const auto r = checks_->report(i))
            cli::report(job, records_, *r);
        else
            report_unjudged(job, checks_->tree(i), r.error());
    }
    if (!trees_.empty()) return;
    job.add_row({"none found", {"-", "-", "-", "-"}, "-"});
    job.tally.worsen(
        complain(Failure{"no kernel tree was found; name one with --tree DIR or MMODEL_TREES, or "
                         "leave them out with --no-linux",
                         exit_environment}));
}

} // namespace mmodel::cli
