// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/findings.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include <fmt/format.h>

#include "fuzz/cli.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> keys{"version", "file", "invariant"};

// The values of the three lines that every record starts with.
std::expected<std::array<std::string, 3>, std::string> read_head(const fs::path& path) {
    std::ifstream in(path);
    std::array<std::string, 3> values;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        std::string line;
        if (!std::getline(in, line)) line.clear();
        const std::string start = fmt::format("{}: ", keys[i]);
        if (!line.starts_with(start) || line.size() == start.size())
            return std::unexpected(
                fmt::format("{}: line {}, column 1: wanted '{}...'", path.string(), i + 1, start));
        values[i] = line.substr(start.size());
        while (values[i].ends_with(' ') || values[i].ends_with('\r')) values[i].pop_back();
    }
    return values;
}

// The trace must be readable and claim what the record says, or nobody can check the record.
std::expected<Record, std::string> read_record(const fs::path& path) {
    const auto head = read_head(path);
    if (!head) return std::unexpected(head.error());
    const auto inv = spec::invariant_named((*head)[2]);
    if (!inv)
        return std::unexpected(fmt::format("{}: line 3, column 12: '{}' is no invariant of this mmodel",
                                           path.string(), (*head)[2]));
    const auto trace = load(path.string());
    if (!trace) return std::unexpected(trace.error().what);
    if (trace->expect && trace->expect != inv)
        return std::unexpected(fmt::format("{}: its trace expects {}, the record says {}", path.string(),
                                           trace->trace.expect, (*head)[2]));
    return Record{path, (*head)[0], (*head)[1], *inv};
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

Comparison compare(const std::vector<Record>& records, const std::string& version, const std::string& file,
                   const std::vector<spec::Inv>& found) {
    Comparison c;
    for (const Record& r : records) {
        if (r.version != version || r.file != file) continue;
        (std::ranges::find(found, r.inv) != found.end() ? c.confirmed : c.not_found).push_back(r);
    }
    for (const spec::Inv inv : found)
        if (std::ranges::find(c.confirmed, inv, &Record::inv) == c.confirmed.end())
            c.unrecorded.push_back(inv);
    return c;
}

} // namespace mmodel::cli
