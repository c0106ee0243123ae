// SPDX-License-Identifier: GPL-2.0 OR MIT
// A series, patch by patch: what each brings and what it mends of its files, against its parent.
#pragma once

#include <functional>

#include "fuzz/cli/expected.hpp"
#include "fuzz/cli/patch/judge.hpp"

namespace mmodel::cli {

// Of one file that a patch touches.
struct FileChange {
    enum class What : u8 { judged, same_code, gone, not_judged };
    std::string name{}, path{}; // "percpu", "mm/percpu.c"
    What what{};
    std::string why{};                     // not judged
    std::string compared{};                // with what, if not with the parent; and why
    bool alone{};                          // with nothing
    std::optional<bench::Report> report{}; // judged; what is known, in the parent or by a record, is marked
    Expected expected{};                   // ... as what
    Against against{};                     // ... the parent
    std::size_t known{};                   // by a record

    // Its parent could not be asked.
    [[nodiscard]] bool is_first_seen() const { return alone || !compared.empty(); }
    // What the patch brings; differences from the model too, where those count.
    [[nodiscard]] std::vector<const bench::Finding*> brought(bool strict) const;
};

struct JudgedPatch {
    const Change* change{};
    std::optional<Judge::Id> before{}, after{};
    std::vector<Judge::Id> others{}; // of a merge, what its other parents have
    std::vector<FileChange> files{};
};

// Judges the patches one after the other. A finding that a patch is first seen to have, and that the text
// before shows by the same sequence, goes to the patch that brings it.
class SeriesComparison {
public:
    SeriesComparison(Judge& judge, const Sources& sources) : judge_(judge), sources_(sources) {}
    // The next one; refers to the change.
    const JudgedPatch& add(const Change& c);
    [[nodiscard]] const std::deque<JudgedPatch>& patches() const { return patches_; }

private:
    [[nodiscard]] FileChange compare(std::size_t nr, const bench::KernelFile& file);
    [[nodiscard]] std::optional<Judge::Id> base_of(std::size_t nr, FileChange& row);
    [[nodiscard]] Replays::Before shown_before(std::size_t nr, Judge::Id base, const std::string& file,
                                               const bench::Finding& f);
    void give_to_who_brings_it(std::size_t nr, const std::string& file, const bench::Finding& f);
    [[nodiscard]] std::optional<std::size_t> patch_that_leaves(Judge::Id id, std::size_t before) const;

    Judge& judge_;
    const Sources& sources_;
    std::deque<JudgedPatch> patches_;
};

} // namespace mmodel::cli
