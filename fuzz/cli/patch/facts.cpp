// SPDX-License-Identifier: GPL-2.0 OR MIT
// A series as `mmodel linux` writes a tree: a patch where a tree stands there, its files below it.
#include <algorithm>

#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/patch/patch.hpp"
#include "fuzz/cli/report/report.hpp"

namespace mmodel::cli {
namespace {

class Facts : public SeriesOutput {
public:
    Facts(const PatchOptions& o, const Judge& judge) : strict_(o.strict), judge_(judge) {
        linux_.tree = o.on.empty() ? o.git : o.on;
        linux_.ktap = o.ktap, linux_.github = o.github, linux_.strict = o.strict;
        out_ = output_for(linux_);
    }

    void patch(const JudgedPatch& p) override {
        out_->group(name_of(*p.change));
        for (const FileChange& f : p.files) {
            if (!p.after || !judge_.tree(*p.after)) {
                out_->file({.tree = none_, .why_not = f.why});
                continue;
            }
            const auto& whole = *judge_.tree(*p.after);
            const auto is = std::ranges::find(whole.files, f.name, &bench::KernelFile::name);
            if (is == whole.files.end()) continue;
            const bench::Tree tree = whole.seen_by(*is);
            if (!f.report)
                out_->file({.tree = tree, .why_not = verdict_of(f, strict_)});
            else
                out_->file({.tree = tree,
                            .report = &*f.report,
                            .standing = standing_of(*f.report, {.known = false, .differences = strict_}),
                            .expected = &f.expected,
                            .strict = strict_});
        }
    }
    void end(const Series&, const std::deque<JudgedPatch>&, int) override { out_->end(); }

private:
    bool strict_;
    const Judge& judge_;
    LinuxOptions linux_{};
    bench::Tree none_{};
    std::unique_ptr<Output> out_;
};

} // namespace

std::unique_ptr<SeriesOutput> series_facts(const PatchOptions& o, const Judge& judge) {
    return std::make_unique<Facts>(o, judge);
}

} // namespace mmodel::cli
