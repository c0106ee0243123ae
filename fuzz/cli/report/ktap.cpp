// SPDX-License-Identifier: GPL-2.0 OR MIT
// KTAP version 1 (Documentation/dev-tools/ktap.rst): the tree, its files, their invariants and sweeps.
#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/report/facts.hpp"
#include "fuzz/cli/report/report.hpp"

namespace mmodel::cli {
namespace {

// What a line of KTAP may hold: no end of line, and no '#', which begins a directive.
std::string plain(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    std::ranges::replace(text, '#', '+');
    return text;
}

struct Line {
    bool ok{true};
    std::string name;
    std::string directive{}; // "SKIP why", "XFAIL why"
    std::vector<std::string> diagnostics{};
    std::vector<Line> beneath{}; // a test of tests
};

void print(const std::vector<Line>& lines, std::size_t indent) {
    const std::string in(indent, ' ');
    fmt::print("{}1..{}\n", in, lines.size());
    std::size_t nr = 0;
    for (const Line& l : lines) {
        if (!l.beneath.empty()) {
            fmt::print("{0}    KTAP version 1\n{0}    # Subtest: {1}\n", in, plain(l.name));
            print(l.beneath, indent + 4);
        }
        for (const std::string& d : l.diagnostics) fmt::print("{}# {}\n", in, plain(d));
        fmt::print("{}{} {} {}{}{}\n", in, l.ok ? "ok" : "not ok", ++nr, plain(l.name),
                   l.directive.empty() ? "" : " # ", plain(l.directive));
    }
}

Line sum(std::string name, std::vector<Line> beneath) {
    const bool ok = std::ranges::all_of(beneath, &Line::ok);
    return {.ok = ok, .name = std::move(name), .beneath = std::move(beneath)};
}

// A finding that is known, or that is no violation, was to be expected.
Line line_of(spec::Inv inv, const Judged& j, const LinuxOptions& o) {
    Line out{.name = std::string(spec::fact(inv).name)};
    for (const bench::Finding& f : j.report->findings) {
        if (f.violation.inv != inv) continue;
        for (const std::string& d : lines_of(f, o))
            out.diagnostics.push_back(fmt::format("{}: {}", out.name, d));
        if (j.is_violation(f))
            out.ok = false;
        else
            out.directive = f.known ? "XFAIL known: " + j.expected->said[*f.known] : "XFAIL breaks nothing";
    }
    if (!out.ok) out.directive.clear();
    return out;
}

Line line_of(const bench::OnGeometry& g, const Judged& j) {
    Line out{.name = "sweeps_on_" + g.geometry};
    out.diagnostics.push_back(fmt::format("{}: {}, {}, {} of {} swept", out.name,
                                          plural(g.sequences, "sequence"), plural(g.operations, "operation"),
                                          g.swept, plural(g.to_sweep, "scenario")));
    if (g.swept < g.to_sweep) out.directive = "SKIP not reached: " + j.standing.why;
    return out;
}

Line line_of(const Judged& j, const LinuxOptions& o) {
    if (!j.did_run()) return {.name = j.tree.file, .directive = "SKIP " + verdict_of(j)};
    std::vector<Line> lines;
    for (const bench::OnGeometry& g : j.report->on) lines.push_back(line_of(g, j));
    std::vector<spec::Inv> facts = facts_of(j.report->tree);
    for (const bench::Finding& f : j.report->findings) // none is lost
        if (std::ranges::find(facts, f.violation.inv) == facts.end()) facts.push_back(f.violation.inv);
    for (const spec::Inv inv : facts) lines.push_back(line_of(inv, j, o));
    return sum(j.tree.file, std::move(lines));
}

class Ktap : public Output {
public:
    explicit Ktap(const LinuxOptions& o) : options_(o) {}
    void file(const Judged& j) override {
        if (groups_.empty()) group("Linux " + j.tree.version);
        groups_.back().files.push_back(line_of(j, options_));
    }
    void group(const std::string& name) override { groups_.push_back({name, {}}); }
    void end() override {
        std::vector<Line> lines;
        for (Group& g : groups_) lines.push_back(sum(std::move(g.name), std::move(g.files)));
        if (lines.empty())
            lines.push_back({.name = "mmodel", .directive = "SKIP nothing is touched that is judged"});
        fmt::print("KTAP version 1\n");
        print(lines, 0);
    }

private:
    struct Group {
        std::string name;
        std::vector<Line> files;
    };
    const LinuxOptions& options_;
    std::vector<Group> groups_;
};

} // namespace

std::unique_ptr<Output> ktap_output(const LinuxOptions& o) { return std::make_unique<Ktap>(o); }

} // namespace mmodel::cli
