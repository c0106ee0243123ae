// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <catch2/catch.hpp>

#include "fuzz/ops/bytes.hpp"
#include "fuzz/ops/trace_case.hpp"

namespace mmodel {
namespace {

const std::string head = "mmodel trace 1\ngeometry tiny\nalloc_folio folio=0\noptimise folio=0\nsysctl\n";

std::string error_of(const std::string& text) {
    const auto t = parse_trace(text);
    return t ? "" : print_error(t.error());
}

} // namespace

TEST_CASE("a trace with tasks is read back from what is printed of it") {
    const std::string text = head + "concurrent 1,1 schedule 0x5 1x3 0x2\nexpect ok\n";
    const auto t = parse_trace(text);
    REQUIRE(t);
    CHECK(t->tasks.nr_ops == std::vector<u32>{1, 1});
    CHECK(t->tasks.schedule == concurrent::Schedule{{0, 5}, {1, 3}, {0, 2}});
    CHECK(print_trace(*t) == text);
    CHECK(parse_trace(print_trace(*t)) == *t);
    const auto none = parse_trace(head + "concurrent 3 schedule\n");
    REQUIRE(none);
    CHECK(none->tasks.schedule.empty());
    CHECK(parse_trace(print_trace(*none)) == *none);
    CHECK_FALSE(encode(*t));
}

TEST_CASE("a trace and its case say the same") {
    const auto t = parse_trace(head + "concurrent 2 schedule 0x1\n");
    REQUIRE(t);
    const concurrent::Case c = case_of(*t);
    CHECK(c.before.size() == 1);
    REQUIRE(c.tasks.size() == 1);
    CHECK(c.tasks[0].size() == 2);
    CHECK(trace_of(c, t->tasks.schedule) == *t);
}

TEST_CASE("a line of tasks that makes no sense is refused where it does not") {
    CHECK(error_of(head + "concurrent 2,2 schedule 0x1\n")
              .starts_with("line 6, column 12: concurrent: there are 3"));
    CHECK(error_of(head + "concurrent 1,,1 schedule 0x1\n").starts_with("line 6, column 12:"));
    CHECK(error_of(head + "concurrent 0,1 schedule 0x1\n").starts_with("line 6, column 12:"));
    CHECK(error_of(head + "concurrent 1,\n").starts_with("line 6, column 12:"));
    CHECK(error_of(head + "concurrent\n").starts_with("line 6, column 11:"));
    CHECK(error_of(head + "concurrent 1,1\n").starts_with("line 6, column 15: concurrent wants 'schedule'"));
    CHECK(error_of(head + "concurrent 1,1 schedule 2x1\n").starts_with("line 6, column 25: schedule: '2x1'"));
    for (const char* slice : {"0x0", "0x", "x1", "0", "0x1x1", "-1x1", "0x1000001", "0x18446744073709551616"})
        CHECK(
            error_of(head + "concurrent 1,1 schedule 0x1 " + slice + "\n").starts_with("line 6, column 29:"));
    CHECK(error_of(head + "concurrent 1,1,1,1,1 schedule\n").starts_with("line 6, column 12:"));
    CHECK(error_of(head + "concurrent 1 schedule\nconcurrent 1 schedule\n").starts_with("line 7, column 1:"));
    CHECK(
        error_of(head + "concurrent 1 schedule\nsysctl\n").starts_with("line 7, column 1: 'sysctl' follows"));
    std::string many = head + "concurrent 1,1 schedule";
    for (u32 i = 0; i <= concurrent::max_slices; ++i) many += " 0x1";
    CHECK(error_of(many + "\n").find("one too many") != std::string::npos);
}

} // namespace mmodel
