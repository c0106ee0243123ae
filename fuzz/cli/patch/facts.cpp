// SPDX-License-Identifier: GPL-2.0 OR MIT
// A series as `mmodel linux` writes a tree: a patch where a tree stands there, its files below it. All at the
// end: a later patch may show what an earlier one brought.
#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/patch/patch.hpp"
#include "fuzz/cli/patch/ran.hpp"
#include "fuzz/cli/report/report.hpp"

namespace mmodel::cli {
namespace {

class Facts : public SeriesOutput {
public:
    Facts(const PatchOptions& o, Judge& judge) : options_(o), judge_(judge) {
        linux_.tree = o.on.empty() ? o.git : o.on;
        linux_.ktap = o.ktap, linux_.github = o.github, linux_.junit = o.junit, linux_.strict = o.strict;
        out_ = output_for(linux_);
    }

    void patch(const JudgedPatch&) override {}
    int end(const Series&, const std::deque<JudgedPatch>& patches, int) override {
        for (const JudgedPatch& p : patches) {
            out_->group(name_of(*p.change));
            for (const FileChange& f : p.files) file(p, f);
        }
        return out_->end();
    }

private:
    void file(const JudgedPatch& p, const FileChange& f) {
        if (!f.report) {
            bench::Tree none;
            none.file = f.path.empty() ? "all files" : f.path;
            const bool is_error = f.what == FileChange::What::not_judged;
            return out_->file({.tree = none,
                               .why_not = is_error ? f.why : verdict_of(f, options_.strict),
                               .is_error = is_error});
        }
        out_->file({.tree = f.report->tree,
                    .report = &*f.report,
                    .standing = standing_of(*f.report, {.known = false, .differences = options_.strict}),
                    .expected = &f.expected,
                    .strict = options_.strict,
                    .again = [&](const bench::Finding& b) { return again(p, b); },
                    .changed = [&](const bench::Finding& b) { return changed_line(p, f, b); }});
    }

    // With the text that the patch leaves.
    [[nodiscard]] std::string again(const JudgedPatch& p, const bench::Finding& b) const {
        const std::string tree = tree_of(p, options_), command = again_of(b, options_);
        if (tree.empty()) return command;
        return options_.on.empty() ? tree + "; " + command : fmt::format("{} ({})", command, tree);
    }

    // The first line that the patch adds and the finding's sequence runs; of what was there before, none.
    [[nodiscard]] std::optional<Place> changed_line(const JudgedPatch& p, const FileChange& f,
                                                    const bench::Finding& b) const {
        if (b.known || !p.before || !p.after) return std::nullopt;
        const auto lines = lines_that_ran(judge_, *p.before, *p.after, f.name, b);
        const auto added = std::ranges::find(lines, '+', &RanLine::sign);
        return added == lines.end() ? std::nullopt : std::optional(Place{added->file, added->line});
    }

    const PatchOptions& options_;
    Judge& judge_;
    LinuxOptions linux_{};
    std::unique_ptr<Output> out_;
};

} // namespace

std::unique_ptr<SeriesOutput> series_facts(const PatchOptions& o, Judge& judge) {
    return std::make_unique<Facts>(o, judge);
}

} // namespace mmodel::cli
