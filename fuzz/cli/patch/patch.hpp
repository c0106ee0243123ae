// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel patch: a series of patches, each against its parent.
#pragma once

#include <string>
#include <vector>

#include "fuzz/cli/exit_style.hpp"
#include "fuzz/cli/patch/compare.hpp"

namespace mmodel::cli {

struct PatchOptions {
    std::string what{};      // BASE..HEAD of `git`, or a mailbox for `on`
    std::string git{}, on{}; // directories
    bool working_tree{};     // of `git`: what is not committed
    std::vector<std::string> allow{};
    std::string findings{};
    double seconds{60}; // a patch, its parent included; 0: no limit
    u64 seed{1};
    bool sweeps{}, stale{}, strict{}, no_cache{};
    bench::Backend backend{bench::default_backend};
    std::string geometry{};
    std::string keep{};
    bool json{}, ktap{}, github{}; // at most one; none: text
    std::string junit{};           // a file that is written beside it
    ExitStyle exit_style{};
};
int patch(const PatchOptions& o);

// What is said of a series, as it is found out.
class SeriesOutput {
public:
    virtual ~SeriesOutput() = default;
    virtual void patch(const JudgedPatch& p) = 0;
    // Once all are judged, or no more can be; an exit status: whether it could be written.
    virtual int end(const Series& s, const std::deque<JudgedPatch>& patches, int status) = 0;
};
[[nodiscard]] std::unique_ptr<SeriesOutput> series_text(const PatchOptions& o, Judge& judge);
[[nodiscard]] std::unique_ptr<SeriesOutput> series_json(const PatchOptions& o, Judge& judge);
// KTAP, GitHub's annotations, JUnit: by what `mmodel linux` writes of a file.
[[nodiscard]] std::unique_ptr<SeriesOutput> series_facts(const PatchOptions& o, Judge& judge);

// "3f2a9c1d0b2e ("mm: do something")"
[[nodiscard]] std::string name_of(const Change& c);
// "18 new, 0 fixed, 2 unchanged", "the same code as before"
[[nodiscard]] std::string verdict_of(const FileChange& f, bool strict);
// How to have the text that a patch leaves as a tree, in $t; empty: it is there.
[[nodiscard]] std::string tree_of(const JudgedPatch& p, const PatchOptions& o);
// The command that shows a finding again on it.
[[nodiscard]] std::string again_of(const bench::Finding& f, const PatchOptions& o);

} // namespace mmodel::cli
