// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/ran.hpp"

#include <algorithm>
#include <set>

#include "spec/linux/host/text.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

// Something is computed there: no comment, no brace alone.
bool is_code(const std::string& line) {
    for (const std::string_view begin : {"/*", "*", "//", "#"})
        if (line.starts_with(begin)) return false;
    return line.find_first_not_of("{}() ;") != line.npos && line != "else" && !line.ends_with(':');
}

// "@@ -12,3 +12 @@": the first lines of both sides.
std::pair<u32, u32> places_of(const std::string& head) {
    const auto number = [&](char sign) {
        const auto at = head.find(sign);
        const auto digits =
            bench::leading_digits(std::string_view(head).substr(at == head.npos ? 0 : at + 1));
        return digits.empty() ? 0u : static_cast<u32>(std::stoul(std::string(digits)));
    };
    return {number('-'), number('+')};
}

// What git says differs between two files, which need not be there.
std::vector<RanLine> diff(const fs::path& before, const fs::path& after, const std::string& path) {
    const auto name = [&](const fs::path& dir) {
        std::error_code ec;
        return fs::exists(dir / path, ec) ? (dir / path).string() : std::string("/dev/null");
    };
    const GitSaid said = Git(after).run({"diff", "--no-index", "--no-ext-diff", "--no-textconv", "--no-color",
                                         "-U0", "--", name(before), name(after)});
    std::vector<RanLine> out;
    std::pair<u32, u32> at{};
    bool in_hunks = false;
    for (const std::string& line : lines_of_text(said.out)) {
        if (line.starts_with("@@ "))
            at = places_of(line), in_hunks = true;
        else if (in_hunks && (line.starts_with('+') || line.starts_with('-')))
            out.push_back({.sign = line[0],
                           .file = path,
                           .line = line[0] == '+' ? at.second++ : at.first++,
                           .text = bench::trimmed(std::string_view(line).substr(1))});
    }
    return out;
}

std::size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(" \t"), line.size()); }

// The branches that stand on a line: whether one of them ran; nothing: there is none.
std::optional<bool> ran_on(const std::vector<Judge::Block>& blocks, const std::string& file, u32 line) {
    std::optional<bool> out;
    for (const Judge::Block& b : blocks)
        if (b.file == file && b.line == line) out = out.value_or(false) || b.ran;
    return out;
}

// Whether a line of a text ran. The compiler notes few branches, and one that leaves an `if` stands on the
// line of the `if`: so first the last that begins no later in the function and is indented no deeper, and
// where that did not run, the next one of the same block.
bool ran(const std::vector<Judge::Block>& blocks, const RanLine& l, const std::vector<std::string>& text) {
    if (l.line == 0 || l.line > text.size()) return false;
    const std::size_t indent = indent_of(text[l.line - 1]);
    std::optional<bool> before;
    std::size_t indent_before = 0;
    for (u32 nr = l.line; nr > 0 && !before && !text[nr - 1].starts_with('}'); --nr)
        if (indent_before = indent_of(text[nr - 1]); indent_before <= indent)
            before = ran_on(blocks, l.file, nr);
    if (!before || *before) return before.value_or(false);
    for (u32 nr = l.line + 1; indent <= indent_before && nr <= text.size(); ++nr) {
        const std::string& line = text[nr - 1];
        if (line.empty() || line.starts_with('#')) continue;
        if (indent_of(line) < indent) return false;
        if (indent_of(line) > indent) continue;
        if (const auto next = ran_on(blocks, l.file, nr)) return *next;
    }
    return false;
}

} // namespace

std::vector<RanLine> lines_that_ran(Judge& judge, Judge::Id before, Judge::Id after, const std::string& file,
                                    const bench::Finding& f) {
    const auto was = judge.blocks(before, file, f), is = judge.blocks(after, file, f);
    if (!was || !is || !judge.tree(before) || !judge.tree(after)) return {};
    std::vector<RanLine> out;
    std::multiset<std::string> moved; // lines that ran before, by their text
    for (const std::string& path : sources_of(file)) {
        const fs::path old_dir = judge.tree(before)->dir, new_dir = judge.tree(after)->dir;
        const auto old_text = lines_of_text(bench::slurp(old_dir / path).value_or("")),
                   new_text = lines_of_text(bench::slurp(new_dir / path).value_or(""));
        for (RanLine& l : diff(old_dir, new_dir, path))
            if (is_code(l.text) && (l.sign == '+' ? ran(*is, l, new_text) : ran(*was, l, old_text)))
                out.push_back(std::move(l));
    }
    for (const RanLine& l : out)
        if (l.sign == '-') moved.insert(l.text);
    std::set<std::string> stays;
    std::erase_if(out, [&](const RanLine& l) {
        const auto it = l.sign == '+' ? moved.find(l.text) : moved.end();
        if (it == moved.end()) return false;
        moved.erase(it);
        stays.insert(l.text);
        return true;
    });
    std::erase_if(out, [&](const RanLine& l) { return l.sign == '-' && stays.contains(l.text); });
    return out;
}

} // namespace mmodel::cli
