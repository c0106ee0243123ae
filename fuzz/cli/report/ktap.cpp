// SPDX-License-Identifier: GPL-2.0 OR MIT
// KTAP version 1 (Documentation/dev-tools/ktap.rst): the tree, its files, their invariants and sweeps.
#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/report/lines.hpp"

namespace mmodel::cli {
namespace {

// What a line of KTAP may hold: no end of line, and no '#', which begins a directive.
std::string plain(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    std::ranges::replace(text, '#', '+');
    return text;
}

const char* directive(Line::Outcome o) {
    switch (o) {
    case Line::Outcome::passed:
    case Line::Outcome::failed: return "";
    case Line::Outcome::skipped:
    case Line::Outcome::error: return " # SKIP ";
    case Line::Outcome::expected: return " # XFAIL ";
    }
    return "";
}

void print(const std::vector<Line>& lines, std::size_t indent) {
    const std::string in(indent, ' ');
    fmt::print("{}1..{}\n", in, lines.size());
    std::size_t nr = 0;
    for (const Line& l : lines) {
        if (!l.beneath.empty()) {
            fmt::print("{0}    KTAP version 1\n{0}    # Subtest: {1}\n", in, plain(l.name));
            print(l.beneath, indent + 4);
        }
        for (const std::string& d : l.details) fmt::print("{}# {}: {}\n", in, plain(l.name), plain(d));
        fmt::print("{}{} {} {}{}{}\n", in, l.outcome == Line::Outcome::failed ? "not ok" : "ok", ++nr,
                   plain(l.name), directive(l.outcome), *directive(l.outcome) ? plain(l.why) : "");
    }
}

Line sum(Group g) {
    const bool bad =
        std::ranges::any_of(g.files, [](const Line& l) { return l.outcome == Line::Outcome::failed; });
    return {.outcome = bad ? Line::Outcome::failed : Line::Outcome::passed,
            .name = std::move(g.name),
            .beneath = std::move(g.files)};
}

class Ktap : public Gathered {
public:
    using Gathered::Gathered;
    int end() override {
        std::vector<Line> lines;
        for (Group& g : groups_) lines.push_back(sum(std::move(g)));
        if (lines.empty()) lines.push_back(line_of_nothing());
        fmt::print("KTAP version 1\n");
        print(lines, 0);
        return exit_holds;
    }
};

} // namespace

std::unique_ptr<Output> ktap_output(const LinuxOptions& o) { return std::make_unique<Ktap>(o); }

} // namespace mmodel::cli
