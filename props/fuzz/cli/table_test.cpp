// SPDX-License-Identifier: GPL-2.0 OR MIT
// Tables: cells under their heads, at any width.
#include <catch2/catch.hpp>

#include <iterator>
#include <sstream>

#include "fuzz/cli/table.hpp"
#include "fuzz/cli/wrap.hpp"

using namespace mmodel::cli;

namespace {

using Side = Column::Side;

Table of_width(std::size_t width) {
    return Table({{"space", 10, Side::left}, {"states", 9}, {"events", 9}, {"verdict", 0, Side::left}},
                 width);
}

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
}

} // namespace

TEST_CASE("numbers stand to the right, words to the left, and no line ends in spaces") {
    const Table t = of_width(0);
    CHECK(t.head() == "space          states     events  verdict\n");
    CHECK(t.row({"hvo", "1,234", "5", "holds"}) == "hvo             1,234          5  holds\n");
    CHECK(t.row({"hvo", "1,234", "5", ""}) == "hvo             1,234          5\n");
}

TEST_CASE(
    "a column is as wide as its widest cell, and a first cell that is longer than half a line has its own") {
    Table t = of_width(60);
    t.widen_for({"a-longer-name", "123,456,789,012", "5", "holds"});
    CHECK(t.row({"x", "1", "2", "holds"}) == "x                            1          2  holds\n");
    const std::string what(31, 'x');
    t.widen_for({what, "1", "2", "holds"});
    CHECK(t.row({what, "1", "2", "holds"}) == what + "\n                             1          2  holds\n");
}

TEST_CASE("where a row is wider than the terminal, head and rows break at the same column") {
    const Table t = of_width(30);
    CHECK(t.head() == "space          states\n       events  verdict\n");
    CHECK(t.row({"hvo", "1", "2", "holds"}) == "hvo                 1\n            2  holds\n");
}

TEST_CASE("the text of the last column is wrapped under itself, a long word begins a line of its own") {
    const Table t = of_width(60);
    CHECK(t.row({"hvo", "1", "2", "every PTE is what it was, and so are the counters"}) ==
          "hvo                 1          2  every PTE is what it was,\n"
          "                                  and so are the counters\n");
    CHECK(t.row({"hvo", "1", "2", "violates inv_failed_operation_is_rolled_back"}) ==
          "hvo                 1          2\n    violates inv_failed_operation_is_rolled_back\n");
}

TEST_CASE("a wrapped line has all its words, whole, and keeps the spaces between those that stay together") {
    const std::string line =
        "   12  alloc_folio folio=0      0    a_word_that_is_longer_than_any_terminal_is_wide 7";
    for (std::size_t width = 1; width < 100; ++width) {
        const std::string text = wrapped(line, 7, width);
        CHECK(words_of(text) == words_of(line));
        CHECK(text.find(" \n") == text.npos);
    }
    CHECK(wrapped(line, 7, 0) == line);
    CHECK(wrapped("  a  b c", 4, 6) == "  a  b\nc");
    CHECK(wrapped("", 4, 10).empty());
}
