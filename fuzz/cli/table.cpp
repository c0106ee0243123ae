// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/table.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "fuzz/cli/wrap.hpp"

namespace mmodel::cli {
namespace {

constexpr std::size_t gap = 2, indent = 4;
constexpr std::size_t usual_width = 120; // of a line, where nobody says how wide it may be
constexpr std::size_t least_text = 24;   // narrower than this, the last column begins a new line

std::string padded(const std::string& cell, const Column& c) {
    return c.side == Column::Side::right ? fmt::format("{:>{}}", cell, c.width)
                                         : fmt::format("{:<{}}", cell, c.width);
}

std::size_t longest_word(const std::string& text) {
    std::size_t longest = 0;
    for (std::size_t at = 0, end = 0; at < text.size(); at = end + 1) {
        end = std::min(text.find(' ', at), text.size());
        longest = std::max(longest, end - at);
    }
    return longest;
}

void end_line(std::string& out, std::string& line) {
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    line.clear();
}

} // namespace

Table::Table(std::vector<Column> columns, std::size_t width) : columns_(std::move(columns)), width_(width) {
    for (Column& c : columns_) c.width = std::max(c.width, c.head.size());
}

void Table::widen_for(const Cells& cells) {
    const std::size_t half = (width_ ? width_ : usual_width) / 2;
    for (std::size_t i = 0; i + 1 < columns_.size(); ++i)
        if (i > 0 || cells[i].size() <= half)
            columns_[i].width = std::max(columns_[i].width, cells[i].size());
}

// Whether a cell can stand at this place of a line. The last one is text, which needs less than all of it.
bool Table::fits(std::size_t at, std::size_t column, const std::string& cell) const {
    const bool is_last = column + 1 == columns_.size();
    const std::size_t text = std::max(std::min(cell.size(), least_text), longest_word(cell));
    return width_ == 0 || at + (is_last ? text : columns_[column].width) <= width_;
}

std::string Table::head() const {
    Cells heads;
    for (const Column& c : columns_) heads.push_back(c.head);
    return row(heads);
}

std::string Table::row(const Cells& cells) const {
    std::string out, line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (i > 0) line += std::string(gap, ' ');
        if (i > 0 && !fits(line.size(), i, cells[i])) {
            end_line(out, line);
            line = std::string(indent, ' ');
        }
        if (i + 1 == columns_.size()) {
            const std::size_t at = line.size();
            line = wrapped(line + cells[i], at, width_);
            end_line(out, line);
            return out;
        }
        line += padded(cells[i], columns_[i]);
        if (i == 0 && cells[0].size() > columns_[0].width) {
            end_line(out, line);
            line = std::string(columns_[0].width, ' ');
        }
    }
    return out;
}

} // namespace mmodel::cli
