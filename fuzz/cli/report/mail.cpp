// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/report/mail.hpp"

#include <algorithm>
#include <regex>
#include <sstream>

#include <fmt/format.h>

#include "fuzz/campaign/findings.hpp"
#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/patch/since.hpp"
#include "fuzz/cli/report/definition.hpp"
#include "fuzz/cli/show.hpp"
#include "fuzz/cli/trees.hpp"
#include "fuzz/cli/wrap.hpp"
#include "fuzz/ops/grammar.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::cli {
namespace {

constexpr std::size_t width = 72;

// What there is to say.
struct Story {
    Input in;
    spec::Inv inv{};
    std::optional<Record> record{};
    std::string prose{}; // of the record, as it is written
    // With a tree:
    std::optional<bench::Unit> unit{};
    bench::RealResult ran{};
    spec::Violation violation{};
    u64 op_idx{};                          // which shows it
    std::vector<bench::Identity> passed{}; // what else breaks on the way
    std::optional<Since> since{};          // with a repository
};

class Mail {
public:
    void line(std::string_view text, std::size_t indent = 0, std::size_t hang = 0) {
        out_ += wrapped(std::string(indent, ' ') + std::string(text), indent + hang, width) + "\n";
    }
    void head(std::string_view text) { out_ += "\n" + std::string(text) + "\n\n"; }
    void block(std::string_view text, std::size_t indent) {
        std::istringstream lines{std::string(text)};
        for (std::string l; std::getline(lines, l);) l.empty() ? line("") : line(l, indent, 4);
    }
    void unbroken(std::string_view text) { out_ += std::string(text) + "\n"; }
    [[nodiscard]] const std::string& text() const { return out_; }

private:
    std::string out_;
};

// Markdown's marks are left out; what they mark stays.
std::string unmarked(std::string text) {
    text = std::regex_replace(text, std::regex(R"(\[([^\]]+)\]\([^)]*\))"), "$1");
    std::erase(text, '`');
    for (auto at = text.find("**"); at != text.npos; at = text.find("**")) text.erase(at, 2);
    return text;
}

// "What happens. ...", a paragraph a line.
std::vector<std::string> paragraphs_of(const std::string& prose) {
    std::vector<std::string> out(1);
    std::istringstream lines(prose);
    for (std::string l; std::getline(lines, l);) {
        if (l.empty() && !out.back().empty()) out.emplace_back();
        if (!l.empty()) out.back() += (out.back().empty() ? "" : " ") + l;
    }
    if (out.back().empty()) out.pop_back();
    for (std::string& p : out) p = unmarked(p);
    return out;
}

// "no page is leaked"
std::string in_words(spec::Inv inv) {
    std::string out(spec::fact(inv).name.substr(4));
    std::ranges::replace(out, '_', ' ');
    return out;
}

std::string file_of(const Story& s) {
    if (s.unit) return s.unit->tree.file;
    return s.record->file;
}
std::string kernel_of(const Story& s) {
    return "Linux " + (s.unit ? s.unit->tree.version : s.record->seen.front().version);
}

void add_what(Mail& m, const Story& s) {
    m.line(fmt::format("Subject: {}: not true in {}: {}", file_of(s), kernel_of(s), in_words(s.inv)), 0, 1);
    m.line("");
    m.line(fmt::format("{} of {} breaks this rule:", file_of(s), kernel_of(s)));
    m.line("");
    m.line(spec::fact(s.inv).sentence, 4);
    for (const std::string& p : paragraphs_of(s.prose)) m.line(""), m.line(p);
}

std::string ordinal(u64 n) {
    const char* const small[] = {"first", "second", "third", "fourth", "fifth"};
    if (n < std::size(small)) return small[n];
    const u64 nr = n + 1;
    const bool is_teen = nr % 100 / 10 == 1;
    const char* const end[] = {"th", "st", "nd", "rd"};
    return fmt::format("{}{}", nr, is_teen || nr % 10 > 3 ? "th" : end[nr % 10]);
}

void add_sequence(Mail& m, const Story& s) {
    const Trace& t = s.in.trace;
    m.head("The shortest sequence that shows it");
    for (std::size_t i = 0; i < t.ops.size(); ++i) {
        const Op& op = t.ops[i];
        std::string words(words_of(op.kind).sentence);
        for (const u16 nth : op.fail.nth)
            if (nth != no_fault) words += fmt::format(" Its {} allocation fails.", ordinal(nth));
        m.line(fmt::format("{}. {}", i + 1, print_op(t.config.geometry, op)), 2, 3);
        m.line(words, 5);
        if (i < s.ran.ran.size() && i != s.op_idx)
            m.line(fmt::format("-> {}, {}", show::result(s.ran.ran[i].outcome, op.kind),
                               plural(s.ran.ran[i].nr_events, "event")),
                   5, 3);
    }
    m.head("The same as a trace, for mmodel replay");
    m.block(print_trace(t), 2);
}

// "free_vmemmap_page": before the bracket of an event as it is printed.
std::string_view callee_of(const spec::Violation& v) { return bench::leading_word(v.event); }

// What the record names as `function()`, in its order, each once.
std::vector<std::string> named_functions(const std::string& prose) {
    std::vector<std::string> out;
    const std::regex call(R"(`(\w+)\()");
    for (std::sregex_iterator m(prose.begin(), prose.end(), call), end; m != end; ++m)
        if (std::ranges::find(out, (*m)[1].str()) == out.end()) out.push_back((*m)[1]);
    return out;
}

void add_source(Mail& m, const Story& s) {
    constexpr std::size_t most = 3;
    const spec::Violation& v = s.violation;
    std::vector<Excerpt> excerpts;
    const std::string_view entry = bench::leading_word(words_of(s.in.trace.ops[s.op_idx].kind).sentence);
    if (const auto e = v.where.empty() ? excerpt_of(s.unit->tree, entry)
                                       : excerpt_of(s.unit->tree, v.where, callee_of(v)))
        excerpts.push_back(*e);
    for (const std::string& f : named_functions(s.prose))
        if (const auto e = excerpt_of(s.unit->tree, f);
            e && f != (v.where.empty() ? entry : v.where) && excerpts.size() < most)
            excerpts.push_back(*e);
    m.head("Where it shows");
    m.line(v.where.empty() ? fmt::format("At rest, after operation {}.", s.op_idx + 1)
                           : fmt::format("In {}(), event {} of operation {}: {}", v.where, v.event_idx,
                                         s.op_idx + 1, v.event));
    if (!v.detail.empty()) m.line("Found: " + v.detail);
    for (const Excerpt& e : excerpts) {
        m.line("");
        m.line(e.file + ":");
        for (const std::string& l : e.lines) m.line(l, 0, 11);
    }
}

void add_kernels(Mail& m, const Story& s) {
    m.head("Which kernels, and how");
    if (s.unit)
        m.line(fmt::format("{}: the file of this tree (hash of its text {}) shows it now.", kernel_of(s),
                           s.unit->tree.source));
    if (s.record)
        for (const Record::Seen& r : s.record->seen)
            m.line(fmt::format("Linux {} (hash {}): recorded.", r.version, r.source));
    m.line(fmt::format(
        "The file is compiled unchanged against small headers that stand for the kernel's, and runs "
        "in userspace on a machine whose page table, TLBs and allocators are modelled ({}). mmodel {} "
        "judges each event and the state after each operation. Nothing was booted.",
        print_config(s.in.trace.config), MMODEL_VERSION));
}

void add_since(Mail& m, const Since& s) {
    m.head("Since when");
    m.line(s.words);
    if (s.fixes.empty()) return;
    m.line("");
    m.unbroken("Fixes: " + s.fixes); // a tag stays on one line, however long
}

void add_again(Mail& m, const Story& s) {
    m.head("To see it again");
    m.line("Write the trace above into a file, and in the kernel tree:");
    m.line("");
    m.unbroken(fmt::format("    mmodel replay FILE --tree . --past-known{}", s.passed.empty() ? "" : " \\"));
    for (std::size_t i = 0; i < s.passed.size(); ++i)
        m.unbroken(fmt::format("        --allow {}{}", shell_quoted(print_identity(s.passed[i])),
                               i + 1 < s.passed.size() ? " \\" : ""));
    m.head("What a fix must keep true");
    m.line(std::string(spec::fact(s.inv).sentence) + " So, too, when any allocation fails.");
    m.line("");
    m.line("Every other rule for the file stays, and a fix shows nothing new in");
    m.line("");
    m.line("mmodel linux --tree FIXED --base UNFIXED", 4);
}

std::string prose_of(const std::string& path) {
    const auto text = bench::slurp(path);
    if (!text) return "";
    const auto from = text->find("\n\n"), to = text->find("\n```");
    return from < to && to != text->npos ? text->substr(from + 2, to - from - 2) : "";
}

std::expected<Story, Failure> read_story(const ReportOptions& o) {
    auto in = load(o.finding);
    if (!in) return std::unexpected(in.error());
    Story s{.in = std::move(*in)};
    if (!s.in.about.empty()) {
        auto r = read_record(o.finding);
        if (!r) return std::unexpected(Failure{r.error()});
        s.record = std::move(*r);
        s.prose = prose_of(o.finding);
    }
    if (o.tree.empty() && !s.record)
        return std::unexpected(Failure{s.in.name +
                                       ": a trace says not which kernel breaks; name one that does "
                                       "with --tree DIR"});
    if (s.in.expect) s.inv = *s.in.expect;
    return s;
}

// What is expected, where it breaks last; without, what breaks first. What breaks before that is passed.
// False: nothing does.
bool take_violation(Story& s) {
    std::vector<bench::Passed> all = s.ran.passed;
    for (const spec::Violation& v : s.ran.violations) all.push_back({s.ran.op_idx, v});
    const auto is_it = [&](const bench::Passed& p) {
        return !s.in.expect || p.violation.inv == *s.in.expect;
    };
    const auto last = std::find_if(all.rbegin(), all.rend(), is_it);
    if (last == all.rend()) return false;
    const auto which = std::ranges::find_if(
        all, [&](const bench::Passed& p) { return is_it(p) && (!s.in.expect || p.op_idx == last->op_idx); });
    s.op_idx = std::min<u64>(which->op_idx, s.in.trace.ops.size() - 1);
    s.violation = which->violation;
    for (const bench::Passed& p : all) {
        if (p.op_idx >= s.op_idx) continue;
        const auto id = bench::identity_of(p.violation, s.in.trace.ops[p.op_idx].kind);
        if (std::ranges::find(s.passed, id) == s.passed.end()) s.passed.push_back(id);
    }
    return true;
}

// Runs it. A tree that does not show it makes no mail.
std::optional<Failure> run(Story& s, const ReportOptions& o, const WorkDir& work) {
    const Trace& t = s.in.trace;
    const bool percpu = std::ranges::any_of(t.ops, [](const Op& op) { return is_percpu(op.kind); });
    auto unit = build_tree(o.tree, work, percpu ? "percpu" : "hugetlb_vmemmap", o.backend,
                           std::string(t.config.geometry.arch));
    if (!unit) return Failure{unit.error().what, unit.error().usage ? exit_usage : exit_environment};
    s.unit = std::move(*unit);
    s.unit->stale = t.stale;
    auto ran = bench::run_one(*s.unit, t.config, t.ops, interrupted, true);
    if (!ran) return Failure{ran.error().what, exit_environment};
    s.ran = std::move(*ran);
    if (!take_violation(s))
        return Failure{fmt::format("Linux {} in {} does not show it", s.unit->tree.version, o.tree),
                       exit_violation};
    s.inv = s.violation.inv;
    return std::nullopt;
}

} // namespace

int report(const ReportOptions& o) {
    auto s = read_story(o);
    if (!s) return complain(s.error());
    WorkDir work;
    if (!o.tree.empty())
        if (const auto why = run(*s, o, work)) return complain(*why);
    if (!o.git.empty()) {
        auto since = look_for_first(o.git, o.finding, work, o.backend);
        if (!since) return complain(since.error());
        s->since = std::move(*since);
    }
    Mail m;
    add_what(m, *s);
    if (s->since) add_since(m, *s->since);
    if (s->unit) add_source(m, *s);
    add_sequence(m, *s);
    add_kernels(m, *s);
    add_again(m, *s);
    fmt::print("{}", m.text());
    return exit_holds;
}

} // namespace mmodel::cli
