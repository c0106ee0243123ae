// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel linux: one kernel tree's own files under the specification.
#pragma once

#include <expected>

#include "fuzz/campaign/campaign.hpp"
#include "fuzz/cli/exit_style.hpp"
#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/trees.hpp"

namespace mmodel::cli {

struct LinuxOptions {
    std::string tree{}, file{},
        keep{};                       // file: one of bench::KernelFile's names; empty: all that the tree has
    std::string base{};               // a tree that is compared with
    std::vector<std::string> allow{}; // files of findings that are known, or such findings
    std::string findings{};           // a directory of records of what is known
    std::string record{};             // where records of what is new are written
    std::string bisect{};             // whether it is there is all that is asked (fuzz/cli/patch/bisect.hpp)
    bool strict{};                    // a difference from the model is a violation
    double seconds{10};               // 0: no limit
    u64 seed{1};
    bool json{}, ktap{}, github{}, b4{}; // at most one; none: text
    std::string junit{};                 // a file that is written beside it
    ExitStyle exit_style{};
    bench::Backend backend{bench::default_backend};
    std::string geometry{}; // a list, see geometries_in()
    bool sweeps{};          // no limit, but only the sweeps
    bool stale{};           // each sequence also with accesses answered from old translations

    [[nodiscard]] bool is_text() const { return !json && !ktap && !github && !b4; }
};
int check_linux(const LinuxOptions& o);

// The file that is meant: by its name, by a beginning that only it has, or "hvo". Empty: none is named.
[[nodiscard]] std::expected<std::string, Failure> file_meant(std::string_view asked);

// What `linux` and `run` print of a tree's report.
[[nodiscard]] Json report_json(const bench::Report& r, const std::filesystem::path& tree,
                               Counting counting = {});
[[nodiscard]] Json cannot_build_json(const std::filesystem::path& tree, const std::string& version,
                                     const std::string& file = "mm/hugetlb_vmemmap.c");
// Of a file that did not run: refused, or it cannot be built.
[[nodiscard]] Json unjudged_json(const bench::Tree& t);
// What of the file ran, and what never did; without the compiler's coverage, why it is not known.
[[nodiscard]] Json coverage_json(const bench::Report& r);
// {"compared":...,"deviations":[...]}
[[nodiscard]] Json compared_json(u64 nr, const bench::DeviationCounts& counts);

} // namespace mmodel::cli
