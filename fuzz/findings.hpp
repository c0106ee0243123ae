// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is known to be wrong with kernel versions: spec/linux/findings/<version>-<invariant>.md, one finding a
// file. The first lines are `version:`, `file:` and `invariant:`, then prose, and a fenced block with a trace
// that shows it.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "spec/invariant.hpp"

namespace mmodel::cli {

struct Record {
    std::filesystem::path path;
    std::string version; // "6.12.117"
    std::string file;    // "mm/hugetlb_vmemmap.c"
    spec::Inv inv{};
};

// Every record in a directory, by name. One that cannot be understood is an error that names file and line.
[[nodiscard]] std::expected<std::vector<Record>, std::string> read_findings(const std::filesystem::path& dir);

// What was found in a version's file, against what is recorded for it.
struct Comparison {
    std::vector<spec::Inv> unrecorded{}; // found, not recorded
    std::vector<Record> not_found{};     // recorded, no longer found
    std::vector<Record> confirmed{};     // both
    [[nodiscard]] bool is_as_recorded() const { return unrecorded.empty() && not_found.empty(); }
};
[[nodiscard]] Comparison compare(const std::vector<Record>& records, const std::string& version,
                                 const std::string& file, const std::vector<spec::Inv>& found);

} // namespace mmodel::cli
