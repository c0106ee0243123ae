// SPDX-License-Identifier: GPL-2.0 OR MIT
// What tells findings apart: one line that reads back as itself, and what it hangs on.
#include <catch2/catch.hpp>

#include "spec/linux/host/identity.hpp"

using namespace mmodel;
using namespace mmodel::bench;
using spec::Inv;
using spec::Way;

namespace {

const HasFunction every_function = [](std::string_view) { return true; };
const HasFunction no_function = [](std::string_view) { return false; };

Identity leak(u64 nr, u64 of, bool first) {
    return identity_of(
        {.inv = Inv::no_page_is_leaked, .way = Way::page, .nr = nr, .of = of, .first_is_wrong = first},
        OpKind::restore);
}

std::string why_not(std::string_view line) {
    const auto i = parse_identity(line);
    return i ? "" : std::to_string(i.error().column) + ": " + i.error().what;
}

} // namespace

TEST_CASE("an identity is one line that reads back as itself") {
    for (const OpKind op : all_op_kinds)
        for (const int excess : {-1, 0, 1})
            for (u8 extent = 0; extent < 16; ++extent) {
                const Identity i{.inv = Inv::static_key_counts_optimised_folios,
                                 .op = op,
                                 .function = extent % 2 ? "f_1" : "",
                                 .event = extent % 3 ? std::optional(EventKind::set_pte_at) : std::nullopt,
                                 .way = extent % 5 ? Way::copy_of_head : Way::plain,
                                 .excess = excess,
                                 .extent = extent,
                                 .condition = extent % 7 ? "!PageHead((__*)_)" : ""};
                const std::string line = print_identity(i);
                INFO(line);
                CHECK(line.find('\n') == line.npos);
                const auto back = parse_identity(line);
                REQUIRE(back.has_value());
                CHECK(*back == i);
            }
}

TEST_CASE("a line that is no identity is refused with the column where it stops to make sense") {
    CHECK(why_not("inv_no_page_is_leaked op=restore").empty());
    CHECK(why_not("inv_none op=restore").starts_with("1: 'inv_none' is no invariant"));
    CHECK(why_not("inv_no_page_is_leaked").find("wanted op=") != std::string::npos);
    CHECK(why_not("inv_no_page_is_leaked op=walk").starts_with("23: 'op=walk': no such op"));
    CHECK(why_not("inv_no_page_is_leaked op=restore op=restore").starts_with("34: a second op="));
    CHECK(why_not("inv_no_page_is_leaked op=restore extent=some").starts_with("34: 'extent=some'"));
    CHECK(why_not("inv_no_page_is_leaked op=restore line=7").starts_with("34: 'line=7' is none of"));
    CHECK(why_not("inv_no_page_is_leaked op=restore in=1f").starts_with("34: 'in=1f'"));
}

TEST_CASE("how many pages there are does not matter, how many of them are wrong does") {
    const auto same = [](const Identity& a, const Identity& b) { return is_same(a, b, every_function); };
    CHECK(same(leak(7, 7, true), leak(4095, 4095, true)));
    CHECK(same(leak(7, 8, false), leak(4095, 4096, false)));
    CHECK(same(leak(1, 8, true), leak(1, 4096, true)));
    CHECK_FALSE(same(leak(1, 8, true), leak(7, 8, false)));
    CHECK_FALSE(same(leak(3, 8, true), leak(8, 8, true)));
    CHECK_FALSE(same(leak(3, 8, true), leak(1, 8, true)));
    CHECK(same(leak(1, 1, true), leak(1, 8, true))); // of one place nobody knows
    CHECK(same(leak(1, 1, true), leak(8, 8, true)));
    CHECK(same(leak(1, 2, false), leak(7, 8, false)));
}

TEST_CASE("too many is not too few, and one way, operation, event or function is not another") {
    const spec::Violation v{.inv = Inv::memmap_counters_equal_the_truth,
                            .where = "f",
                            .kind = EventKind::store,
                            .way = Way::nr_memmap_pages,
                            .excess = 3};
    const Identity i = identity_of(v, OpKind::restore);
    const auto differs = [&](auto change) {
        spec::Violation other = v;
        change(other);
        return !is_same(i, identity_of(other, OpKind::restore), every_function);
    };
    CHECK_FALSE(differs([](spec::Violation& o) { o.excess = 4000, o.detail = "x", o.event_idx = 9; }));
    CHECK(differs([](spec::Violation& o) { o.excess = -3; }));
    CHECK(differs([](spec::Violation& o) { o.way = Way::nr_memmap_boot_pages; }));
    CHECK(differs([](spec::Violation& o) { o.kind = EventKind::copy_page; }));
    CHECK(differs([](spec::Violation& o) { o.where = "g"; }));
    CHECK_FALSE(is_same(i, identity_of(v, OpKind::optimise), every_function));
}

TEST_CASE("a function that the file does not have any more was renamed") {
    const Identity f = identity_of({.inv = Inv::no_page_is_freed_twice, .where = "f"}, OpKind::restore);
    const Identity g = identity_of({.inv = Inv::no_page_is_freed_twice, .where = "g"}, OpKind::restore);
    CHECK(is_same(f, g, no_function));
    CHECK_FALSE(is_same(f, g, every_function));
    CHECK_FALSE(is_same(f, identity_of({.inv = Inv::no_page_is_freed_twice}, OpKind::restore), no_function));
}

TEST_CASE("a check's condition is told by what it calls, not by the names of locals or blanks") {
    const auto check = [](const char* condition) {
        return identity_of({.inv = Inv::no_kernel_warning, .condition = condition}, OpKind::restore)
            .condition;
    };
    CHECK(check("!PageHead((const struct page *)addr)") == check("!PageHead( (const struct page *) start )"));
    CHECK(check("!PageHead((const struct page *)addr)") != check("PageHead((const struct page *)addr)"));
    CHECK(check("!PageHead((const struct page *)addr)") != check("!PageTail((const struct page *)addr)"));
    CHECK(check("walk->nr_walked == 0") == check("w->nr_walked == 0"));
    CHECK(check("walk->nr_walked == 0") != check("walk->flags == 0"));
}

// Answers of children are refused beyond nr_event_kinds, so it has to count them all.
TEST_CASE("every kind of event has a name, and there are no more kinds") {
    for (std::size_t k = 0; k < nr_event_kinds; ++k)
        CHECK(std::string(name(static_cast<EventKind>(k))) != "?");
    CHECK(std::string(name(static_cast<EventKind>(nr_event_kinds))) == "?");
}
