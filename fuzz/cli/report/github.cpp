// SPDX-License-Identifier: GPL-2.0 OR MIT
// Annotations of GitHub's workflows: each finding at the line of the patch that its sequence runs, else at
// the function where it shows.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/report/definition.hpp"
#include "fuzz/cli/report/report.hpp"

namespace mmodel::cli {
namespace {

std::string escaped(std::string_view text, std::string_view also) {
    std::string out;
    for (const char c : text)
        if (c == '%' || c == '\r' || c == '\n' || also.find(c) != also.npos)
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        else
            out += c;
    return out;
}

// "::error file=mm/x.c,line=7,title=inv_...::message". `level`: error, warning, notice.
void annotate(std::string_view level, const Place& at, std::string_view title, std::string_view message) {
    fmt::print("::{} file={},line={},title={}::{}\n", level, escaped(at.file, ":,"), at.line,
               escaped(title, ":,"), escaped(message, ""));
}

std::optional<Place> place_of(const bench::Finding& f, const Judged& j) {
    const auto changed = j.changed ? j.changed(f) : std::nullopt;
    return changed ? changed : definition_of(j.tree, f.violation.where);
}

class Github : public Output {
public:
    explicit Github(const LinuxOptions& o) : options_(o) {}
    void file(const Judged& j) override {
        const Place top{j.tree.file, 1};
        const std::string of = j.tree.version.empty() ? "" : " of Linux " + j.tree.version;
        const bool is_fine = j.did_run() || mark_of(j) == Mark::pass;
        annotate(is_fine ? "notice" : "warning", top, "mmodel",
                 fmt::format("{}{}: {}", j.tree.file, of, verdict_of(j)));
        if (!j.did_run()) return;
        for (const bench::Finding& f : j.report->findings)
            annotate(j.is_violation(f) ? "error"
                     : f.known         ? "notice"
                                       : "warning",
                     place_of(f, j).value_or(top), name_of(f.violation),
                     fmt::format("{}", fmt::join(lines_of(f, j, options_), "\n")));
    }
    int end() override { return exit_holds; }

private:
    const LinuxOptions& options_;
};

} // namespace

std::unique_ptr<Output> github_output(const LinuxOptions& o) { return std::make_unique<Github>(o); }

} // namespace mmodel::cli
