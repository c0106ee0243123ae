// SPDX-License-Identifier: GPL-2.0 OR MIT
// Kernel trees on the command line: opened, compiled in a directory of their own, checked.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/campaign/campaign.hpp"

namespace mmodel::cli {

// A directory of our own under the system's temporary one, removed with this.
class WorkDir {
public:
    WorkDir();
    ~WorkDir();
    WorkDir(const WorkDir&) = delete;
    WorkDir& operator=(const WorkDir&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; } // empty: it could not be made
    [[nodiscard]] const std::string& why_not() const { return why_not_; }

private:
    std::filesystem::path path_;
    std::string why_not_;
};

// bench::open_tree(), for a directory that may not exist.
[[nodiscard]] std::expected<bench::Tree, bench::Problem> open_tree(const std::filesystem::path& dir);
// Opens a tree and compiles one of its files.
[[nodiscard]] std::expected<bench::Unit, bench::Problem>
build_tree(const std::filesystem::path& dir, const WorkDir& work, std::string_view file = "hugetlb_vmemmap",
           bench::Backend backend = bench::default_backend);
// Opens, compiles and runs a campaign on a tree's file, with progress on a terminal.
[[nodiscard]] std::expected<bench::Report, bench::Problem>
check_tree(const std::filesystem::path& dir, double seconds, u64 seed,
           std::string_view file = "hugetlb_vmemmap", bench::Backend backend = bench::default_backend);
// The trees of $MMODEL_TREES, else of build/trees.
[[nodiscard]] std::vector<std::filesystem::path> default_trees();

} // namespace mmodel::cli
