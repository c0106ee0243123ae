// SPDX-License-Identifier: GPL-2.0 OR MIT
// JUnit's XML, as most CI systems read it: of each file of a tree or a patch a suite, of each invariant a
// case.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/report/lines.hpp"

namespace mmodel::cli {
namespace {

// Whatever the text: UTF-8, and no character that XML has not.
std::string escaped(const std::string& text) {
    const std::string valid =
        Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
    std::string out;
    for (const char c : valid) {
        const auto u = static_cast<unsigned char>(c);
        if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\n' || c == '\t' || c == '\r')
            out += fmt::format("&#{};", u);
        else
            out += u < 0x20 ? '?' : c;
    }
    for (const std::string_view no_character : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"})
        for (std::size_t at = 0; (at = out.find(no_character, at)) != out.npos;) out.replace(at, 3, "?");
    return out;
}

struct Count {
    std::size_t tests{}, failures{}, errors{}, skipped{};
    void add(const std::vector<Line>& lines) {
        using Outcome = Line::Outcome;
        const auto nr = [&](Outcome o) {
            return static_cast<std::size_t>(std::ranges::count(lines, o, &Line::outcome));
        };
        tests += lines.size(), failures += nr(Outcome::failed), errors += nr(Outcome::error);
        skipped += nr(Outcome::skipped) + nr(Outcome::expected);
    }
    [[nodiscard]] std::string words() const {
        return fmt::format(R"(tests="{}" failures="{}" errors="{}" skipped="{}")", tests, failures, errors,
                           skipped);
    }
};

std::string inside(const Line& l) {
    const std::string details = escaped(fmt::format("{}", fmt::join(l.details, "\n")));
    switch (l.outcome) {
    case Line::Outcome::passed:
        return l.details.empty() ? "" : fmt::format("<system-out>{}</system-out>", details);
    case Line::Outcome::failed:
        return fmt::format(R"(<failure type="{}" message="{}">{}</failure>)", escaped(l.name), escaped(l.why),
                           details);
    case Line::Outcome::skipped: return fmt::format(R"(<skipped message="{}"/>)", escaped(l.why));
    case Line::Outcome::expected:
        return fmt::format(R"(<skipped message="{}"/><system-out>{}</system-out>)", escaped(l.why), details);
    case Line::Outcome::error:
        return fmt::format(R"(<error type="not-judged" message="{}"/>)", escaped(l.why));
    }
    return "";
}

std::string suite(const std::string& name, const Line& file) {
    const std::vector<Line> cases = file.beneath.empty() ? std::vector{file} : file.beneath;
    Count count;
    count.add(cases);
    std::string out =
        fmt::format("  <testsuite name=\"{}\" {}>\n", escaped(name + ": " + file.name), count.words());
    for (const Line& l : cases)
        out += fmt::format("    <testcase classname=\"{}\" name=\"{}\">{}</testcase>\n", escaped(file.name),
                           escaped(l.name), inside(l));
    return out + "  </testsuite>\n";
}

class Junit : public Gathered {
public:
    using Gathered::Gathered;
    int end() override {
        Count count;
        std::string suites;
        if (std::ranges::all_of(groups_, [](const Group& g) { return g.files.empty(); }))
            groups_ = {{"mmodel", {line_of_nothing()}}};
        for (const Group& g : groups_)
            for (const Line& file : g.files) {
                suites += suite(g.name, file);
                count.add(file.beneath.empty() ? std::vector{file} : file.beneath);
            }
        const auto why =
            write_file(options_.junit, fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "
                                                   "name=\"mmodel\" {}>\n{}</testsuites>\n",
                                                   count.words(), suites));
        return why ? complain(Failure{*why, exit_environment}) : exit_holds;
    }
};

} // namespace

std::unique_ptr<Output> junit_output(const LinuxOptions& o) { return std::make_unique<Junit>(o); }

} // namespace mmodel::cli
