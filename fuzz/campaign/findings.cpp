// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/campaign/findings.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "fuzz/campaign/input.hpp"
#include "fuzz/ops/shell.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

// Where reading stopped, and why.
struct Refusal {
    u64 line, column;
    std::string what;
};

struct Line {
    u64 nr{};
    std::string key{}, value{};
    u64 column{}; // of the value
};

// The lines before the first empty one. Keys that are not ours are left to whoever wrote them.
std::vector<Line> head_of(const fs::path& path) {
    std::ifstream in(path);
    std::vector<Line> out;
    std::string text;
    for (u64 nr = 1; std::getline(in, text) && !bench::trimmed(text).empty(); ++nr) {
        const auto colon = text.find(": ");
        if (colon != text.npos)
            out.push_back({nr, text.substr(0, colon), bench::trimmed(text.substr(colon + 2)), colon + 3});
    }
    return out;
}

std::optional<Refusal> why_no_record(const std::vector<Line>& head) {
    if (head.empty() || head.front().key != "format" || head.front().nr != 1)
        return Refusal{1, 1,
                       fmt::format("wanted 'format: {}'; a record of an older mmodel begins with its version "
                                   "(spec/linux/README.md says how it is written now)",
                                   record_format)};
    if (head.front().value != std::to_string(record_format))
        return Refusal{1, head.front().column,
                       fmt::format("format {}; this mmodel reads {}", head.front().value, record_format)};
    for (const std::string_view key : {"file", "finding", "seen"})
        if (std::ranges::find(head, key, &Line::key) == head.end())
            return Refusal{head.back().nr + 1, 1,
                           fmt::format("wanted '{}: ...' before the first empty line", key)};
    return std::nullopt;
}

std::optional<Refusal> set(Record& r, const Line& l) {
    if (l.key == "file") r.file = l.value;
    if (l.key == "seen") {
        const auto blank = l.value.find(' ');
        const std::string source = blank == l.value.npos ? "" : bench::trimmed(l.value.substr(blank));
        const bool hash = source.size() == 16 && source.find_first_not_of("0123456789abcdef") == source.npos;
        if (!hash) return Refusal{l.nr, l.column, "wanted a version and the file's hash of 16 hex digits"};
        r.seen.push_back({l.value.substr(0, blank), source});
    }
    if (l.key == "geometries") {
        std::istringstream words(l.value);
        for (std::string word; words >> word;) {
            if (!parse_config(word)) return Refusal{l.nr, l.column, fmt::format("no geometry '{}'", word)};
            r.geometries.push_back(word);
        }
    }
    if (l.key != "finding" && l.key != "also") return std::nullopt;
    const auto identity = bench::parse_identity(l.value);
    if (!identity) return Refusal{l.nr, l.column + identity.error().column - 1, identity.error().what};
    if (is_percpu(identity->op) != r.file.starts_with("mm/percpu"))
        return Refusal{l.nr, l.column,
                       fmt::format("{} is no operation of {}", name(identity->op),
                                   r.file.empty() ? "the file, which stands before it" : r.file)};
    if (l.key == "also")
        r.also.push_back(*identity);
    else
        r.finding = *identity;
    return std::nullopt;
}

} // namespace

std::expected<Record, std::string> read_record(const fs::path& path) {
    const auto refuse = [&](const Refusal& r) {
        return std::unexpected(
            fmt::format("{}: line {}, column {}: {}", path.string(), r.line, r.column, r.what));
    };
    const auto head = head_of(path);
    if (const auto why = why_no_record(head)) return refuse(*why);
    Record r{.path = path, .file = {}, .finding = {}};
    for (const Line& l : head)
        if (const auto why = set(r, l)) return refuse(*why);
    const u64 finding = std::ranges::find(head, "finding", &Line::key)->nr;
    auto in = load(path.string());
    if (!in) return std::unexpected(in.error().what);
    if (in->expect != r.finding.inv)
        return refuse(
            {finding, 10,
             fmt::format("its trace expects {}", in->trace.expect.empty() ? "nothing" : in->trace.expect)});
    if (in->trace.ops.empty() || in->trace.ops.back().kind != r.finding.op)
        return refuse(
            {finding, 10,
             fmt::format("its trace does not end with an operation of the kind {}", name(r.finding.op))});
    r.trace = std::move(in->trace);
    return r;
}

namespace {

bench::HasFunction functions_of(const bench::Tree& tree) {
    return [&tree](std::string_view name) { return tree.has_function(name); };
}

bool is_of(const Record& r, const bench::Identity& found, const bench::HasFunction& has_function) {
    return is_same(r.finding, found, has_function) ||
           std::ranges::any_of(r.also,
                               [&](const bench::Identity& i) { return is_same(i, found, has_function); });
}

} // namespace

bool is_about(const Record& r, const bench::Tree& tree) {
    return std::ranges::any_of(
        r.seen, [&](const Record::Seen& s) { return s.source == tree.source || s.version == tree.version; });
}

bool is_found_on(const Record& r, std::string_view geometry) {
    return r.geometries.empty() || std::ranges::find(r.geometries, geometry) != r.geometries.end();
}

std::expected<std::vector<Record>, std::string> read_findings(const fs::path& dir) {
    std::error_code ec;
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(dir, ec))
        if (entry.path().extension() == ".md" && entry.path().filename() != "README.md")
            paths.push_back(entry.path());
    if (ec)
        return std::unexpected(
            fmt::format("{}: the findings cannot be read: {}", dir.string(), ec.message()));
    std::ranges::sort(paths);
    std::vector<Record> out;
    for (const fs::path& p : paths) {
        auto r = read_record(p);
        if (!r) return std::unexpected(r.error());
        out.push_back(std::move(*r));
    }
    return out;
}

std::string print_record(const bench::Tree& tree, const bench::Finding& f) {
    const Trace t{.config = f.config, .ops = f.ops, .expect = std::string(spec::fact(f.violation.inv).name)};
    return fmt::format("format: {}\nfile: {}\nfinding: {}\nseen: {} {}\n\n"
                       "**What happens.** {}\n\n**Why.** Nobody has looked yet.\n\n```\n{}```\n",
                       record_format, tree.file, print_identity(f.identity), tree.version, tree.source,
                       f.violation.detail, print_trace(t));
}

std::expected<std::vector<Allowed>, std::string> read_allowed(const std::string& file_or_finding) {
    std::vector<Allowed> out;
    if (file_or_finding.starts_with("inv_")) {
        const auto i = bench::parse_identity(file_or_finding);
        if (!i)
            return std::unexpected(
                fmt::format("'{}': column {}: {}", file_or_finding, i.error().column, i.error().what));
        return std::vector{Allowed{*i, file_or_finding}};
    }
    std::error_code ec;
    std::ifstream in(file_or_finding);
    if (!in || fs::is_directory(file_or_finding, ec))
        return std::unexpected(
            fmt::format("{}: the list of what is allowed cannot be read", file_or_finding));
    std::string text;
    for (u64 nr = 1; std::getline(in, text); ++nr) {
        const std::string line = text.substr(0, text.find('#'));
        if (bench::trimmed(line).empty()) continue;
        const auto i = bench::parse_identity(line);
        if (!i)
            return std::unexpected(fmt::format("{}: line {}, column {}: {}", file_or_finding, nr,
                                               i.error().column, i.error().what));
        out.push_back({*i, fmt::format("{}: line {}", file_or_finding, nr)});
    }
    return out;
}

namespace {

// "6.12" of "6.12.117" and "7.3" of "7.3.0-rc7".
std::string_view series_of(std::string_view version) {
    const auto dot = version.find('.');
    return version.substr(0, version.find_first_of(".-", dot == version.npos ? dot : dot + 1));
}

} // namespace

bool counts_for(const Record& r, const bench::Tree& tree) {
    return r.file == tree.file && std::ranges::any_of(r.seen, [&](const Record::Seen& s) {
               return s.source == tree.source || series_of(s.version) == series_of(tree.version);
           });
}

std::vector<bench::Known> known_of(const std::vector<Record>& records, const bench::Tree& tree) {
    std::vector<bench::Known> out;
    for (const Record& r : records) {
        if (!counts_for(r, tree)) continue;
        out.push_back({r.finding, r.trace});
        for (const bench::Identity& i : r.also) out.push_back({i, {}});
    }
    return out;
}

std::vector<bench::Identity> identities_known(const std::vector<Record>& records, const bench::Tree& tree) {
    std::vector<bench::Identity> out;
    for (bench::Known& k : known_of(records, tree)) out.push_back(std::move(k.identity));
    return out;
}

// Of several the one that is about this tree: versions share mistakes, and each may have a record.
const Record* record_of(const std::vector<Record>& records, const bench::Tree& tree,
                        const bench::Identity& found) {
    const Record* out = nullptr;
    for (const Record& r : records)
        if (counts_for(r, tree) && is_of(r, found, functions_of(tree)) &&
            (!out || (is_about(r, tree) && !is_about(*out, tree))))
            out = &r;
    return out;
}

std::string again_command(const bench::Finding& f, const std::string& replay) {
    std::string out = replay;
    if (!f.passed.empty()) out += " --past-known";
    for (const bench::Identity& i : f.passed) out += " --allow " + shell_quoted(print_identity(i));
    return out;
}

Comparison compare(const std::vector<Record>& records, const bench::Report& report) {
    const bench::Tree& tree = report.tree;
    std::set<const Record*> confirmed;
    Comparison c;
    for (const bench::Finding& f : report.findings) {
        if (const Record* r = record_of(records, tree, f.identity))
            confirmed.insert(r);
        else
            c.unrecorded.push_back(&f);
    }
    for (const Record& r : records) {
        if (confirmed.contains(&r))
            c.confirmed.push_back(r);
        else if (r.file == tree.file && is_about(r, tree))
            c.not_found.push_back(r);
    }
    return c;
}

} // namespace mmodel::cli
