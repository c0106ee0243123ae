// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/report/lines.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/report/facts.hpp"

namespace mmodel::cli {
namespace {

using enum Line::Outcome;

// One that counts says more than those that were to be expected.
Line line_of(spec::Inv inv, const Judged& j, const LinuxOptions& o) {
    Line out{.name = std::string(spec::fact(inv).name)};
    for (const bench::Finding& f : j.report->findings) {
        if (f.violation.inv != inv) continue;
        std::ranges::move(lines_of(f, j, o), std::back_inserter(out.details));
        if (j.is_violation(f) && out.outcome != failed)
            out.outcome = failed, out.why = std::string(meaning(f.violation));
        if (out.outcome == failed) continue;
        out.outcome = expected;
        out.why = f.known ? "known: " + j.expected->said[*f.known] : "breaks nothing";
    }
    return out;
}

Line line_of(const bench::OnGeometry& g, const Judged& j) {
    Line out{.name = "sweeps_on_" + g.geometry};
    out.details.push_back(fmt::format("{}, {}, {} of {} swept", plural(g.sequences, "sequence"),
                                      plural(g.operations, "operation"), g.swept,
                                      plural(g.to_sweep, "scenario")));
    if (g.swept < g.to_sweep) out.outcome = skipped, out.why = "not reached: " + j.standing.why;
    return out;
}

} // namespace

Line line_of(const Judged& j, const LinuxOptions& o) {
    if (!j.did_run())
        return {.outcome = j.is_error ? error : skipped, .name = j.tree.file, .why = verdict_of(j)};
    std::vector<Line> lines;
    for (const bench::OnGeometry& g : j.report->on) lines.push_back(line_of(g, j));
    std::vector<spec::Inv> facts = facts_of(j.report->tree);
    for (const bench::Finding& f : j.report->findings) // none is lost
        if (std::ranges::find(facts, f.violation.inv) == facts.end()) facts.push_back(f.violation.inv);
    for (const spec::Inv inv : facts) lines.push_back(line_of(inv, j, o));
    const bool bad = std::ranges::any_of(lines, [](const Line& l) { return l.outcome == failed; });
    return {.outcome = bad ? failed : passed,
            .name = j.tree.file,
            .details = {verdict_of(j)},
            .beneath = std::move(lines)};
}

Line line_of_nothing() {
    return {.outcome = skipped, .name = "mmodel", .why = "nothing is touched that is judged"};
}

void Gathered::file(const Judged& j) {
    if (groups_.empty()) group("Linux " + j.tree.version);
    groups_.back().files.push_back(line_of(j, options_));
}

} // namespace mmodel::cli
