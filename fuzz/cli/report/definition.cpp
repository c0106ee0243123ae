// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/report/definition.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "spec/linux/host/text.hpp"

namespace mmodel::cli {
namespace {

bool begins_a_name(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::vector<std::string_view> lines_in(std::string_view text) {
    std::vector<std::string_view> out;
    for (; !text.empty(); text.remove_prefix(std::min(out.back().size() + 1, text.size())))
        out.push_back(text.substr(0, text.find('\n')));
    return out;
}

// A definition begins in the first column, and of '{' and ';' the former comes first. 0: there is none.
std::size_t line_of(std::string_view text, std::string_view function) {
    for (std::size_t nr = 1; const std::string_view line : lines_in(text)) {
        if (!line.empty() && begins_a_name(line[0]) && bench::has_word(line, function)) {
            const std::size_t body =
                text.find_first_of("{;", static_cast<std::size_t>(line.data() - text.data()));
            if (body != text.npos && text[body] == '{') return nr;
        }
        ++nr;
    }
    return 0;
}

std::string shown(std::string_view line, std::size_t nr, bool marked) {
    std::string out;
    for (const char c : line) out += c == '\t' ? "  " : std::string{c};
    return fmt::format("{}{:>5}  {}", marked ? ">" : " ", nr, out);
}

} // namespace

std::optional<Place> definition_of(const bench::Tree& tree, std::string_view function) {
    if (function.empty()) return std::nullopt;
    std::vector<std::string> files{tree.judged().compiled};
    if (tree.name != "hugetlb_vmemmap") files.emplace_back("mm/percpu-vm.c");
    for (const std::string& file : files)
        if (const auto text = bench::slurp(tree.dir / file))
            if (const std::size_t line = line_of(*text, std::string(function) + "("))
                return Place{file, line};
    return std::nullopt;
}

std::optional<Excerpt> excerpt_of(const bench::Tree& tree, std::string_view function,
                                  std::string_view callee) {
    constexpr std::size_t around = 4, at_first = 9;
    const auto place = definition_of(tree, function);
    const auto text = place ? bench::slurp(tree.dir / place->file) : std::unexpected(std::string());
    if (!text) return std::nullopt;
    const auto lines = lines_in(*text);
    const std::size_t first = place->line - 1;
    std::size_t end = first, mark = first;
    while (end < lines.size() && !lines[end].starts_with('}')) ++end;
    end = std::min(end + 1, lines.size());
    for (std::size_t i = end; !callee.empty() && i-- > first;)
        if (bench::has_word(lines[i], std::string(callee) + "(")) mark = i;
    const std::size_t from = mark == first ? first : std::max(first, mark - std::min(mark, around));
    const std::size_t to = std::min(end, mark == first ? first + at_first : mark + around + 1);
    Excerpt out{.file = place->file, .lines = {}};
    for (std::size_t i = from; i < to; ++i) out.lines.push_back(shown(lines[i], i + 1, i == mark));
    return out;
}

} // namespace mmodel::cli
