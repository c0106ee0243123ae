// SPDX-License-Identifier: GPL-2.0 OR MIT
// Tables: cells under their heads. Where the terminal is too narrow for a row, the columns that do not fit
// are further lines of it, in its head as in every row, so that a cell still stands under its head.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace mmodel::cli {

struct Column {
    std::string head{};
    std::size_t width{}; // at least; a head makes it wider
    enum class Side { left, right } side{Side::right};
};

class Table {
public:
    using Cells = std::vector<std::string>;
    // `width`: of the terminal; 0: as wide as it has to be. The last column is text and may be wrapped.
    explicit Table(std::vector<Column> columns, std::size_t width);

    // Makes room for a row that will come. The first column takes no more than half of a line: what is longer
    // stands on a line of its own.
    void widen_for(const Cells& cells);

    // With their line ends. Needs: a cell for each column.
    [[nodiscard]] std::string head() const;
    [[nodiscard]] std::string row(const Cells& cells) const;

private:
    [[nodiscard]] bool fits(std::size_t at, std::size_t column, const std::string& cell) const;

    std::vector<Column> columns_;
    std::size_t width_;
};

} // namespace mmodel::cli
