// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/patch.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/long_work.hpp"

namespace mmodel::cli {
namespace {

std::optional<Failure> why_no_series(const PatchOptions& o) {
    if (o.git.empty() && o.on.empty())
        return Failure{"wanted --git DIR and a range BASE..HEAD, or a mailbox and --on DIR"};
    if (o.seconds == 0 && !o.sweeps)
        return Failure{"--seconds 0: no patch would ever be done; --sweeps has no limit, and an end"};
    if (o.working_tree && !o.what.empty())
        return Failure{fmt::format("--working-tree is a series of its own; '{}' is another", o.what)};
    if (!o.working_tree && o.what.empty())
        return Failure{o.git.empty() ? "wanted a mailbox, or - for standard input"
                                     : "wanted a range of commits, BASE..HEAD"};
    return std::nullopt;
}

std::expected<Series, Failure> series_of(const PatchOptions& o, const WorkDir& work) {
    if (!o.on.empty()) return mailbox_of(o.what, o.on, work.path());
    return o.working_tree ? working_tree_of(o.git) : commits_of(o.git, o.what);
}

std::vector<std::unique_ptr<SeriesOutput>> outputs_for(const PatchOptions& o, Judge& judge) {
    std::vector<std::unique_ptr<SeriesOutput>> out;
    if (o.json) out.push_back(series_json(o, judge));
    if (o.ktap || o.github || !o.junit.empty()) out.push_back(series_facts(o, judge));
    if (!o.json && !o.ktap && !o.github) out.push_back(series_text(o, judge));
    return out;
}

int keep_traces(const JudgedPatch& p, const PatchOptions& o) {
    int status = exit_holds;
    for (const FileChange& f : p.files) {
        std::size_t nr = 0;
        for (const bench::Finding* b : f.brought(o.strict)) {
            std::string id = p.change->id;
            std::ranges::replace(id, ' ', '-');
            const auto path = std::filesystem::path(o.keep) /
                              fmt::format("{}-{}-{}-{}.trace", id, f.name, name_of(b->violation), ++nr);
            if (const auto why = write_file(path, print_trace(trace_of(*b))))
                status = complain(Failure{*why, exit_environment});
        }
    }
    return status;
}

int status_of(const JudgedPatch& p, const PatchOptions& o) {
    int status = exit_holds;
    for (const FileChange& f : p.files) {
        if (f.what == FileChange::What::not_judged) {
            status = worse(status, exit_environment);
            complain(Failure{
                fmt::format("{}: {}{}", name_of(*p.change), f.path.empty() ? "" : f.path + ": ", f.why),
                exit_environment});
        }
        if (!f.report) continue;
        if (!f.brought(o.strict).empty()) status = worse(status, exit_violation);
        if (!f.report->trouble.empty())
            status = worse(status, complain(Failure{fmt::format("{}: {}: the run ended early: {}",
                                                                p.change->id, f.path, f.report->trouble),
                                                    exit_environment}));
    }
    return status;
}

int judge_all(const Series& s, const PatchOptions& o, Judge& judge, const Sources& sources) {
    const auto outputs = outputs_for(o, judge);
    SeriesComparison comparison(judge, sources);
    int status = exit_holds;
    for (const Change& c : s.changes) {
        if (interrupted()) break;
        const JudgedPatch& p = comparison.add(c);
        if (interrupted()) break;
        for (const auto& out : outputs) out->patch(p);
        std::fflush(stdout);
        status = worse(status, status_of(p, o));
    }
    for (const JudgedPatch& p : comparison.patches()) { // by now a patch may have got what came of it later
        const bool brings =
            std::ranges::any_of(p.files, [&](const FileChange& f) { return !f.brought(o.strict).empty(); });
        if (brings) status = worse(status, exit_violation);
        if (!o.keep.empty()) status = worse(status, keep_traces(p, o));
    }
    if (s.ended) status = worse(status, s.ended->status);
    int written = exit_holds;
    for (const auto& out : outputs) written = worse(written, out->end(s, comparison.patches(), status));
    sources.say_unused();
    const bool warns = std::ranges::any_of(comparison.patches(), [&](const JudgedPatch& p) {
        return std::ranges::any_of(p.files, [](const FileChange& f) { return !f.brought(true).empty(); });
    });
    return with_warning(o.exit_style, worse(status, written), warns);
}

} // namespace

std::string name_of(const Change& c) {
    std::string out = c.id + (c.subject.empty() ? "" : fmt::format(" (\"{}\")", c.subject));
    if (!c.against.empty()) out += " against " + c.against;
    return out;
}

std::string verdict_of(const FileChange& f, bool strict) {
    switch (f.what) {
    case FileChange::What::same_code: return "becomes the same code as before";
    case FileChange::What::gone: return "is gone";
    case FileChange::What::not_judged: return "not judged: " + f.why;
    case FileChange::What::judged: break;
    }
    const std::size_t nr = f.brought(strict).size(), all = f.brought(true).size();
    std::string out = f.alone ? fmt::format("{} seen for the first time", nr ? std::to_string(nr) : "nothing")
                              : f.against.words(nr);
    if (f.known) out += fmt::format(", {} known", f.known);
    if (all > nr) out += fmt::format("; newly differs from the model in {}", plural(all - nr, "way"));
    if (!f.report->is_whole())
        out += fmt::format("; {} of {} swept", f.report->swept, plural(f.report->to_sweep, "scenario"));
    if (!f.compared.empty()) out += "; " + f.compared;
    if (const Covered c = covered(*f.report); c.is_measured())
        out += fmt::format("; {} % of its branches ran", c.percent());
    return out;
}

int patch(const PatchOptions& o) {
    if (const auto why = why_no_series(o)) return complain(*why);
    auto geometries = geometries_in(o.geometry, o.backend);
    if (!geometries) return complain(Failure{geometries.error()});
    if (o.stale && o.backend == bench::Backend::mmap)
        return complain(Failure{"--stale: only the software MMU answers from old translations"});
    if (const auto why = o.keep.empty() ? std::nullopt : why_not_a_place(o.keep))
        return complain(Failure{*why, exit_environment});
    if (const auto why = o.junit.empty() ? std::nullopt : why_not_writable(o.junit))
        return complain(Failure{*why, exit_environment});
    if (const auto why = unreachable_problem()) return complain(Failure{*why});
    const auto sources = Sources::read(o.allow, o.findings);
    if (!sources) return complain(Failure{sources.error()});
    const WorkDir work;
    if (work.path().empty()) return complain(Failure{work.why_not(), exit_environment});
    const auto series = series_of(o, work);
    if (!series) return complain(series.error());
    for (const std::string& note : series->notes) say(note);
    if (series->ended) complain(*series->ended);
    Cache cache(Git(work.path(), work.path()), !o.no_cache);
    Judge judge({.seconds = o.seconds / 2,
                 .seed = o.seed,
                 .sweeps = o.sweeps,
                 .stale = o.stale,
                 .backend = o.backend,
                 .geometries = std::move(*geometries)},
                work, cache);
    return judge_all(*series, o, judge, *sources);
}

} // namespace mmodel::cli
