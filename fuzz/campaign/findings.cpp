// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/campaign/findings.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include <fmt/format.h>

#include "fuzz/campaign/input.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> keys{"version", "file", "invariant", "source"};
constexpr std::size_t nr_required = 3;

struct Head {
    std::array<std::string, 4> value{}; // of each key
    std::array<u64, 4> line{};          // where it is, from 1; 0: missing
};

// The lines before the first empty one. Keys that are not ours are left to whoever wrote them.
std::expected<Head, std::string> read_head(const fs::path& path) {
    std::ifstream in(path);
    Head head;
    std::string line;
    u64 nr = 0;
    while (std::getline(in, line) && !line.empty() && line != "\r") {
        ++nr;
        for (std::size_t k = 0; k < keys.size(); ++k) {
            if (!line.starts_with(fmt::format("{}: ", keys[k]))) continue;
            head.value[k] = line.substr(keys[k].size() + 2);
            head.line[k] = nr;
            while (head.value[k].ends_with(' ') || head.value[k].ends_with('\r')) head.value[k].pop_back();
        }
    }
    for (std::size_t k = 0; k < nr_required; ++k)
        if (head.value[k].empty())
            return std::unexpected(
                fmt::format("{}: line {}, column 1: wanted '{}: ...' before the first empty line",
                            path.string(), nr + 1, keys[k]));
    return head;
}

// The trace must be readable and claim what the record says, or nobody can check the record.
std::expected<Record, std::string> read_record(const fs::path& path) {
    const auto head = read_head(path);
    if (!head) return std::unexpected(head.error());
    const auto& [version, file, invariant, source] = head->value;
    const auto inv = spec::invariant_named(invariant);
    if (!inv)
        return std::unexpected(fmt::format("{}: line {}, column 12: '{}' is no invariant of this mmodel",
                                           path.string(), head->line[2], invariant));
    const auto trace = load(path.string());
    if (!trace) return std::unexpected(trace.error().what);
    if (trace->expect && trace->expect != inv)
        return std::unexpected(fmt::format("{}: its trace expects {}, the record says {}", path.string(),
                                           trace->trace.expect, invariant));
    return Record{path, version, file, source, *inv};
}

} // namespace

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

Comparison compare(const std::vector<Record>& records, const bench::Tree& tree,
                   const std::vector<spec::Inv>& found) {
    Comparison c;
    for (const Record& r : records) {
        const bool is_about = r.source.empty() ? r.version == tree.version : r.source == tree.source;
        if (r.file != tree.file || !is_about) continue;
        (std::ranges::find(found, r.inv) != found.end() ? c.confirmed : c.not_found).push_back(r);
    }
    for (const spec::Inv inv : found)
        if (std::ranges::find(c.confirmed, inv, &Record::inv) == c.confirmed.end())
            c.unrecorded.push_back(inv);
    return c;
}

} // namespace mmodel::cli
