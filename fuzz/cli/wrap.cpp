// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/wrap.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace mmodel::cli {
namespace {

constexpr std::size_t least = 40; // narrower than this, nothing can be laid out

std::optional<std::size_t> asked_for() {
    const char* text = std::getenv("COLUMNS");
    if (!text) return std::nullopt;
    std::size_t n = 0;
    const char* end = text + std::strlen(text);
    const auto read = std::from_chars(text, end, n);
    if (read.ec != std::errc{} || read.ptr != end || n == 0) return std::nullopt;
    return std::max(n, least);
}

} // namespace

std::size_t columns() {
    if (const auto n = asked_for()) return *n;
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 0;
    return std::max<std::size_t>(size.ws_col, least);
}

std::string wrapped(std::string_view line, std::size_t hang, std::size_t width) {
    if (width == 0 || line.size() <= width) return std::string(line);
    if (hang + least / 2 > width) hang = 0;
    std::string out;
    for (bool first = true; !line.empty(); first = false) {
        const std::size_t indent = first ? 0 : hang;
        if (indent + line.size() <= width) return out + std::string(indent, ' ') + std::string(line);
        // The last space that a line may end before, but none of its own indentation; else the first one
        // behind.
        const std::size_t text = std::min(line.find_first_not_of(' '), line.size());
        std::size_t at = line.rfind(' ', width - indent);
        if (at == line.npos || at <= text) at = line.find(' ', text);
        const std::string_view part = line.substr(0, at);
        out += std::string(indent, ' ') + std::string(part.substr(0, part.find_last_not_of(' ') + 1));
        const std::size_t next = at == line.npos ? at : line.find_first_not_of(' ', at);
        if (next == line.npos) return out;
        out += '\n';
        line.remove_prefix(next);
    }
    return out;
}

void print_wrapped(std::string_view line, std::size_t hang) { fmt::print("{}\n", wrapped(line, hang)); }

std::string labelled(std::string_view label, std::string_view text, std::size_t label_width) {
    return wrapped(fmt::format("  {:<{}}{}", label, label_width, text), label_width + 2) + "\n";
}

} // namespace mmodel::cli
