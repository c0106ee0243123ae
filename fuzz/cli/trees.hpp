// SPDX-License-Identifier: GPL-2.0 OR MIT
// Kernel trees on the command line: opened, compiled in a directory of their own, checked.
#pragma once

#include <deque>
#include <expected>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fuzz/campaign/branches.hpp"
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
           bench::Backend backend = bench::default_backend, std::string_view geometry = "x86-64");

// Compiles the file that a tree is judged by.
[[nodiscard]] std::expected<bench::Unit, bench::Problem>
compile_file(const bench::Tree& tree, const WorkDir& work, std::string_view geometry,
             bench::Backend backend = bench::default_backend);

// The geometries that a list names, "x86-64,tiny512" or "all"; empty: those of a verdict that nobody asked
// more of. An error says which there are, or that the backend has no other than x86-64.
[[nodiscard]] std::expected<std::vector<std::string>, std::string> geometries_in(std::string_view list,
                                                                                 bench::Backend backend);

// Files of kernel trees on some geometries, checked side by side: each swept, then each drawn for in turns.
// Compiles on threads of its own, and begins with what is there.
class TreeChecks {
public:
    // `files`: each judged by the file. `geometries`: of geometries_in(). `known`: what is expected of a
    // file; asked once it is compiled.
    using KnownOf = std::function<std::vector<bench::Known>(const bench::Tree&)>;
    TreeChecks(std::vector<bench::Tree> files, u64 seed, std::vector<std::string> geometries,
               bench::Backend backend = bench::default_backend, bool stale = false, KnownOf known = {});
    ~TreeChecks();

    [[nodiscard]] std::size_t size() const { return files_.size(); }
    // Sweeps, then draws in turns until the time is over; `sweeps`: does not draw.
    void run(const Budget& budget, bool sweeps = false);
    void sweep(const Budget& budget);
    void draw(std::size_t i, double seconds);
    // Whether another draw() can do anything.
    [[nodiscard]] bool goes_on() const;
    [[nodiscard]] const bench::Tree& tree(std::size_t i) const { return files_[i]->tree; }
    // A file compiled for a geometry, one of those given; waits for the compiler. Null: it could not be
    // compiled, which report() says, or the user interrupted. Lives as long as this.
    [[nodiscard]] const bench::Unit* compiled(std::size_t i, std::string_view geometry);
    // Takes the line of the progress away, before something is printed.
    void end_progress() { progress_.end(); }
    // What there is so far. A Problem where there is no campaign.
    [[nodiscard]] std::expected<bench::Report, bench::Problem> report(std::size_t i) const;
    // Whether a file shows what was found in another one. Needs: report(i) has a value.
    [[nodiscard]] bench::Shown shows(std::size_t i, const bench::Finding& f) {
        return files_[i]->campaign->shows(f);
    }

private:
    using Compiled = std::expected<bench::Unit, bench::Problem>;
    struct File {
        bench::Tree tree;
        std::vector<std::shared_future<Compiled>> units{}; // one a geometry
        std::optional<bench::Campaign> campaign{};
        std::string no_mmu{};                                 // of its first unit
        std::shared_future<std::vector<std::string>> drift{}; // see Report::warnings
        std::optional<bench::Problem> problem{};              // the first; a geometry that was not run
    };
    void start_compiling(bench::Backend backend);
    const Compiled* wait_for(const File& f, std::size_t geometry); // null: interrupted
    void take(File& f, std::size_t geometry);

    WorkDir work_;
    Progress progress_;
    std::vector<std::string> geometries_;
    u64 seed_;
    bool stale_;
    KnownOf known_;
    std::vector<std::unique_ptr<File>> files_;
    std::deque<std::function<void()>> jobs_; // that no thread has begun
    std::mutex mutex_;                       // of jobs_
    std::vector<std::jthread> threads_;
};

// What is a violation of all that was found: what was known, a difference from the model.
struct Counting {
    bool known{true}, differences{true};
};
// Of a report: whether it held, how far it came.
[[nodiscard]] Standing standing_of(const bench::Report& r, Counting counting = {});

// What of the file ran. What cannot be reached is said by the records' list, whose mistakes are an error of
// unreachable_problem().
[[nodiscard]] Covered covered(const bench::Report& r);
[[nodiscard]] std::optional<std::string> unreachable_problem();

// The trees of $MMODEL_TREES, else of build/trees.
[[nodiscard]] std::vector<std::filesystem::path> default_trees();

} // namespace mmodel::cli
