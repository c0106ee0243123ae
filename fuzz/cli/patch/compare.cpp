// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/compare.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/long_work.hpp"

namespace mmodel::cli {
namespace {

constexpr const char* parent = "its parent";

std::string first_lines(const std::string& text) {
    const auto first = text.find('\n');
    const auto second = first == text.npos ? first : text.find('\n', first + 1);
    std::string out = text.substr(0, second);
    std::ranges::replace(out, '\n', ' ');
    return out;
}

} // namespace

std::vector<const bench::Finding*> FileChange::brought(bool strict) const {
    std::vector<const bench::Finding*> out;
    if (report)
        for (const bench::Finding& f : report->findings)
            if (!f.known && (strict || !report->is_difference(f))) out.push_back(&f);
    return out;
}

const JudgedPatch& SeriesComparison::add(const Change& c) {
    JudgedPatch& p = patches_.emplace_back();
    p.change = &c;
    if (c.before) p.before = judge_.add(*c.before);
    if (c.after) p.after = judge_.add(*c.after);
    for (const Texts& t : c.other_parents) p.others.push_back(judge_.add(t));
    if (!p.after) {
        p.files.push_back({.what = FileChange::What::not_judged, .why = c.why_not});
        return p;
    }
    const auto& after = judge_.tree(*p.after);
    if (!after) {
        p.files.push_back({.what = FileChange::What::not_judged,
                           .why = judge_.without_place(*p.after, after.error().what)});
        return p;
    }
    for (const bench::KernelFile& f : after->files)
        if (!p.before || !judge_.same_text(*p.before, *p.after, f.name))
            p.files.push_back(compare(patches_.size() - 1, f));
    if (p.before && judge_.tree(*p.before))
        for (const bench::KernelFile& f : judge_.tree(*p.before)->files)
            if (std::ranges::find(after->files, f.name, &bench::KernelFile::name) == after->files.end())
                p.files.push_back({.name = f.name, .path = f.path, .what = FileChange::What::gone});
    return p;
}

std::optional<std::size_t> SeriesComparison::patch_that_leaves(Judge::Id id, std::size_t before) const {
    for (std::size_t i = before; i-- > 0;)
        if (patches_[i].after == id && patches_[i].before != id) return i;
    return std::nullopt;
}

// The nearest text before that can be judged.
std::optional<Judge::Id> SeriesComparison::base_of(std::size_t nr, FileChange& row) {
    std::optional<Judge::Id> id = patches_[nr].before;
    if (!id) row.compared = patches_[nr].change->why_alone;
    for (std::optional<std::size_t> from = nr; id;) {
        const auto& r = judge_.report(*id, row.name, std::nullopt);
        if (r) return id;
        if (row.compared.empty())
            row.compared =
                "its parent cannot be judged: " + first_lines(judge_.without_place(*id, r.error().what));
        from = patch_that_leaves(*id, *from);
        id = from ? patches_[*from].before : std::nullopt;
        if (id && judge_.tree(*id))
            row.compared += fmt::format("; compared with what was before {}", patches_[*from].change->id);
    }
    row.alone = true;
    return std::nullopt;
}

FileChange SeriesComparison::compare(std::size_t nr, const bench::KernelFile& file) {
    const JudgedPatch& p = patches_[nr];
    FileChange row{.name = file.name, .path = file.path};
    if (p.before && judge_.tree(*p.before))
        if (const auto same = judge_.same_code(*p.before, *p.after, file.name); same && *same) {
            row.what = FileChange::What::same_code;
            return row;
        }
    const auto base = base_of(nr, row);
    const auto& now = judge_.report(*p.after, file.name, base);
    if (!now) {
        row.what = FileChange::What::not_judged;
        row.why = first_lines(judge_.without_place(*p.after, now.error().what));
        return row;
    }
    row.report = *now;
    row.expected = sources_.of(row.report->tree);
    const auto has = [&](std::string_view f) { return row.report->tree.has_function(f); };
    for (bench::Finding& f : row.report->findings)
        for (std::size_t k = 0; k < row.expected.known.size() && !f.known; ++k)
            if (is_same(row.expected.known[k].identity, f.identity, has)) f.known = k;
    row.known = static_cast<std::size_t>(
        std::ranges::count_if(row.report->findings, [](const auto& f) { return f.known.has_value(); }));
    sources_.note_used(*row.report, row.expected);
    if (!base) return row;
    const auto before = [&](const bench::Finding& f) { return shown_before(nr, *base, row.name, f); };
    const auto after = [&](const bench::Finding& f) { return judge_.shows(*p.after, row.name, f); };
    row.against = cli::compare(*row.report, row.expected, *judge_.report(*base, row.name, std::nullopt),
                               parent, {before, after});
    return row;
}

// Who has it already. One that the base hides may be in the texts before.
Replays::Before SeriesComparison::shown_before(std::size_t nr, Judge::Id base, const std::string& file,
                                               const bench::Finding& f) {
    using enum bench::Shown;
    bench::Shown shown = judge_.shows(base, file, f);
    if (shown == yes) {
        give_to_who_brings_it(nr, file, f);
        return {yes, parent};
    }
    for (const Judge::Id other : patches_[nr].others)
        if (judge_.shows(other, file, f) == yes) return {yes, "its other parent"};
    for (auto at = patch_that_leaves(base, nr); at && shown == hidden;) {
        const auto before = patches_[*at].before;
        if (!before) break;
        shown = judge_.shows(*before, file, f);
        at = patch_that_leaves(*before, *at);
    }
    return shown == yes ? Replays::Before{yes, "a text before its parent"} : Replays::Before{shown, parent};
}

// Back along the texts that show it, to the patch before which it is not shown.
void SeriesComparison::give_to_who_brings_it(std::size_t nr, const std::string& file,
                                             const bench::Finding& f) {
    for (auto at = patch_that_leaves(*patches_[nr].before, nr); at && !interrupted();) {
        JudgedPatch& p = patches_[*at];
        const auto row = std::ranges::find(p.files, file, &FileChange::name);
        const bool is_judged = row != p.files.end() && row->report;
        if (p.before && judge_.shows(*p.before, file, f) == bench::Shown::yes) {
            at = patch_that_leaves(*p.before, *at);
            continue;
        }
        if (!is_judged) return;
        row->report->findings.push_back(f);
        row->report->findings.back().known.reset();
        return;
    }
}

} // namespace mmodel::cli
