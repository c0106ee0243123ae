// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is known to be wrong with kernel versions: spec/linux/findings/<version>-<invariant>.md, one finding a
// file. The first lines hold `version:`, `file:`, `invariant:` and perhaps `source:`, then prose, and a
// fenced block with a trace that shows it.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "spec/linux/host/bench.hpp"

namespace mmodel::cli {

struct Record {
    std::filesystem::path path;
    std::string version; // "6.12.117"
    std::string file;    // "mm/hugetlb_vmemmap.c"
    std::string source;  // bench::Tree::source of that file; empty: the version alone says what it is about
    spec::Inv inv{};
};

// Every record in a directory, by name. One that cannot be understood is an error that names file and line.
[[nodiscard]] std::expected<std::vector<Record>, std::string> read_findings(const std::filesystem::path& dir);

// What was found in a tree's file, against what is recorded for it.
struct Comparison {
    std::vector<spec::Inv> unrecorded{}; // found, not recorded
    std::vector<Record> not_found{};     // recorded, no longer found
    std::vector<Record> confirmed{};     // both
    [[nodiscard]] bool is_as_recorded() const { return unrecorded.empty() && not_found.empty(); }
};
// A record is for a tree if its file's text is the one it names (many versions may share it), else if its
// version is.
[[nodiscard]] Comparison compare(const std::vector<Record>& records, const bench::Tree& tree,
                                 const std::vector<spec::Inv>& found);

} // namespace mmodel::cli
