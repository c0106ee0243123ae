// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/campaign/branches.hpp"

#include <algorithm>
#include <fstream>
#include <map>

#include <fmt/format.h>

#include "spec/linux/host/text.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

using bench::trimmed;

// Of a condition a compiler may make one branch or two: that the one ran says nothing of the other.
bool is_condition(std::string_view text) {
    return text.starts_with("if") || text.starts_with("for") || text.starts_with("while") ||
           text.find("if (") != text.npos;
}

// Of the branches of an entry of the list.
struct Listed {
    bool holds{};                                    // one did not run
    std::map<std::pair<std::string, u32>, u64> at{}; // how many stand at a line
    bool says_something{};                           // a statement, or both ways of a condition
};

} // namespace

std::expected<std::vector<Unreachable>, std::string> read_unreachable(const fs::path& path) {
    std::ifstream in(path);
    if (!in) return std::unexpected(fmt::format("{}: what cannot be reached cannot be read", path.string()));
    std::vector<Unreachable> out;
    std::string line;
    for (u64 nr = 1; std::getline(in, line); ++nr) {
        if (trimmed(line).empty() || line.starts_with('#')) continue;
        const std::string said = fmt::format("{}: line {}", path.string(), nr);
        const auto parts = bench::split(line, "|");
        const auto words = parts.size() == 3 ? bench::split(parts[0], " \t") : std::vector<std::string>{};
        if (words.size() != 2 || trimmed(parts[1]).empty() || trimmed(parts[2]).empty())
            return std::unexpected(said + ": wanted FILE FUNCTION | TEXT | REASON");
        out.push_back({words[0], words[1], trimmed(parts[1]), trimmed(parts[2]), said});
    }
    return out;
}

Covered covered(const bench::Report& r, std::span<const Unreachable> list) {
    Covered out;
    std::map<const Unreachable*, Listed> listed;
    for (const auto& [branch, ran] : r.branches) {
        const auto entry = std::ranges::find_if(list, [&](const Unreachable& u) {
            return u.file == branch.file && u.function == branch.function &&
                   (u.text == "*" || branch.text.find(u.text) != branch.text.npos);
        });
        if (entry != list.end()) {
            Listed& l = listed[&*entry];
            l.holds |= !ran;
            l.says_something |= ++l.at[{branch.file, branch.line}] > 1 || !is_condition(branch.text);
        }
        out.ran += ran;
        if (ran) continue;
        if (entry != list.end())
            ++out.unreachable;
        else
            out.never.push_back(branch);
    }
    out.reachable = out.ran + out.never.size();
    for (const auto& [entry, l] : listed)
        if (!l.holds && l.says_something) out.but_ran.push_back(entry);
    return out;
}

} // namespace mmodel::cli
