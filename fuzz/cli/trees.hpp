// SPDX-License-Identifier: GPL-2.0 OR MIT
// Kernel trees on the command line: opened, compiled in a directory of their own, checked.
#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/campaign/campaign.hpp"
#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/verdict.hpp"

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

// Files of kernel trees, checked side by side: each swept, then each drawn for in turns.
class TreeChecks {
public:
    // Compiles each; says what cannot be. `tree`: judged by the file.
    // `known`: what is expected of a file.
    using KnownOf = std::function<std::vector<bench::Known>(const bench::Tree&)>;
    TreeChecks(std::vector<bench::Tree> files, u64 seed, bench::Backend backend = bench::default_backend,
               const KnownOf& known = {});

    [[nodiscard]] std::size_t size() const { return files_.size(); }
    void sweep(const Budget& budget);
    void draw(std::size_t i, double seconds);
    // Whether another draw() can do anything.
    [[nodiscard]] bool goes_on() const;
    [[nodiscard]] const bench::Tree& tree(std::size_t i) const { return files_[i]->tree; }
    // Takes the line of the progress away, before something is printed.
    void end_progress() { progress_.end(); }
    // What there is so far.
    [[nodiscard]] std::expected<bench::Report, bench::Problem> report(std::size_t i) const;
    // The compiled file; nullptr: it could not be compiled.
    [[nodiscard]] const bench::Unit* unit(std::size_t i) const {
        return files_[i]->unit ? &*files_[i]->unit : nullptr;
    }

private:
    struct File {
        bench::Tree tree;
        std::expected<bench::Unit, bench::Problem> unit;
        std::optional<bench::Campaign> campaign{};
    };
    WorkDir work_;
    Progress progress_;
    std::vector<std::unique_ptr<File>> files_;
};

// What is a violation of all that was found: what was known, a difference from the model.
struct Counting {
    bool known{true}, differences{true};
};
// Of a report: whether it held, how far it came.
[[nodiscard]] Standing standing_of(const bench::Report& r, Counting counting = {});

// The trees of $MMODEL_TREES, else of build/trees.
[[nodiscard]] std::vector<std::filesystem::path> default_trees();

} // namespace mmodel::cli
