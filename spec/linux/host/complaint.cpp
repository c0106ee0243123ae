// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/complaint.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "spec/linux/host/text.hpp"

namespace mmodel::bench {
namespace {

constexpr std::size_t most_line = 400;
constexpr const char* of_another_version = "is one of them of another version of Linux?";

std::string line_of_first_error(std::string_view log) {
    for (const std::string& line : split(log, "\n"))
        if (has_word(line, "error") || has_word(line, "undefined reference") ||
            has_word(line, "undefined symbol"))
            return line;
    return std::string(log.substr(0, log.find('\n')));
}

// What the compiler says is not there.
std::optional<std::string_view> lacking(std::string_view log) {
    struct Pattern {
        const char *open, *close;
    };
    for (const auto [open, close] : {Pattern{"undefined reference to `", "'"},
                                     {"undefined reference to '", "'"},
                                     {"undefined symbol: ", "\n"},
                                     {"undeclared identifier '", "'"},
                                     {"undeclared function '", "'"}})
        if (const auto found = between(log, open, close)) return found;
    if (const auto found = before(log, "' undeclared", "'")) return found;
    if (const auto found = between(log, "implicit declaration of function '", "'")) return found;
    if (const auto found = before(log, "' file not found", "'")) return found;
    if (const auto found = before(log, ": No such file", "error: ")) return found;
    for (const char* open : {"unknown type name '", "no member named '"})
        if (const auto found = between(log, open, "'")) return found;
    return std::nullopt;
}

// No shim has these: they are what the files of mm/ have of each other.
bool is_of_the_tree(std::string_view name, std::string_view error) {
    return name.starts_with("hugetlb_vmemmap_") || name.starts_with("HUGETLB_VMEMMAP_") ||
           error.find("struct pcpu_") != error.npos;
}

// As a terminal can take it.
std::string shortened(std::string_view text) {
    std::string out(text.substr(0, most_line));
    std::ranges::replace_if(out, [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; }, '?');
    return text.size() <= most_line ? out : out + " ...";
}

std::filesystem::path file_of(std::string_view line) { return line.substr(0, line.find(':')); }

// The note below the first error that says where another file beside that one has what it is about.
std::optional<std::string> declared_elsewhere(std::string_view log, const std::string& error) {
    const auto below = log.substr(std::min(log.find(error), log.size()));
    const auto here = file_of(error);
    for (const std::string& line : split(below, "\n")) {
        const auto at = file_of(line);
        if (line.find(" note: ") != line.npos && line.find("declar") != line.npos && at != here &&
            at.parent_path() == here.parent_path())
            return line;
    }
    return std::nullopt;
}

} // namespace

std::string first_error(std::string_view log) { return shortened(line_of_first_error(log)); }

std::string complaint(std::string_view log) {
    const std::string error = line_of_first_error(log);
    std::string out = shortened(error);
    const auto name = lacking(log);
    if (const auto note = declared_elsewhere(log, error))
        out += "\n" + shortened(*note) + "\nthe two do not fit: " + of_another_version;
    else if (name && is_of_the_tree(*name, error))
        out += "\nthe tree's own files lack: " + shortened(*name) + "; " + of_another_version;
    else if (name)
        out += "\nthe shims in spec/linux/shim lack: " + shortened(*name);
    return out;
}

} // namespace mmodel::bench
