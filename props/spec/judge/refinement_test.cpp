// SPDX-License-Identifier: GPL-2.0 OR MIT
// Outcomes that neither the model nor its sabotages have, told to the monitor by hand: each is reported, in
// words.
#include <algorithm>
#include <catch2/catch.hpp>

#include "props/example.hpp"

namespace mmodel::spec {
namespace {

using Said = std::vector<std::string>;

// "inv_...: detail" of everything broken, if the operation took one world to the other and returned `ran`.
Said said(const World& before, const std::string& op, const World& after, const Ran& ran) {
    Monitor monitor(before, op_of(before.config(), op), {}, OnViolation::collect);
    monitor.finish(after, ran);
    Said out;
    for (const Violation& v : monitor.violations())
        out.push_back(std::string(fact(v.inv).name) + ": " + v.detail);
    return out;
}

const Ran done{}, out_of_memory{.outcome = {.err = Errno::nomem}, .nr_failed_allocs = 1};

Ran list_done(u64 moved, u64 restored) { return {.outcome = {.restored = restored, .moved = moved}}; }
Ran list_failed(u64 moved, u32 nr_failed_allocs) {
    return {.outcome = {.err = Errno::nomem, .moved = moved}, .nr_failed_allocs = nr_failed_allocs};
}

// One folio in slot 0, in each state that it can be in.
const std::string one = "geometry x86-64\nalloc_folio folio=0\n";
World plain() { return after(one); }
World optimised() { return after(one + "optimise folio=0\n"); }
World restored() { return after(one + "optimise folio=0\nrestore folio=0\n"); }
World switched_off() { return after(one + "sysctl on=0\n"); }

std::string folio(const World& w) { return "folio at pfn " + std::to_string(w.pool().slots[0].head.value); }
std::string promise(const std::string& detail) {
    return "inv_outcome_is_what_the_operation_promises: " + detail;
}
std::string rollback(const std::string& detail) { return "inv_failed_operation_is_rolled_back: " + detail; }

} // namespace

TEST_CASE("what an operation may do is not reported") {
    const Said nothing;
    CHECK(said(plain(), "optimise folio=0", optimised(), done) == nothing);
    CHECK(said(plain(), "optimise folio=0", plain(), out_of_memory) == nothing);
    CHECK(said(optimised(), "optimise folio=0", optimised(), done) == nothing);
    CHECK(said(switched_off(), "optimise folio=0", switched_off(), done) == nothing);
    CHECK(said(optimised(), "restore folio=0", restored(), done) == nothing);
    CHECK(said(optimised(), "restore folio=0", optimised(), out_of_memory) == nothing);
    CHECK(said(optimised(), "restore_list folios=0", restored(), list_done(1, 1)) == nothing);
    CHECK(said(optimised(), "restore_list folios=0", optimised(), list_failed(0, 1)) == nothing);
    CHECK(said(plain(), "restore_list folios=0", plain(), list_done(1, 0)) == nothing);
}

TEST_CASE("an optimise that undoes, oversteps or does nothing is reported") {
    const std::string f = folio(plain()), op = "optimise folio=0";
    CHECK(said(optimised(), op, restored(), done) ==
          Said{promise(f + " is no longer optimised"),
               rollback("16384 frames are behind the vmemmap, not 16377")});
    CHECK(said(switched_off(), op, optimised(), done) ==
          Said{promise(f + " was optimised although it may not be")});
    CHECK(said(plain(), op, plain(), done) ==
          Said{promise(f + " was not optimised although no allocation failed")});
}

TEST_CASE("a frame that a failed optimise left behind the vmemmap is reported") {
    World more = plain();
    ++more.own().machine.tally.vmemmap_buddy;
    const Said all = said(plain(), "optimise folio=0", more, out_of_memory);
    CHECK(std::ranges::count(all, rollback("16385 frames are behind the vmemmap, not 16384")) == 1);
}

TEST_CASE("a page table that an operation left installed nowhere is reported") {
    World more = plain();
    REQUIRE(more.own().machine.alloc_table(Nid{0}));
    CHECK(said(plain(), "optimise folio=0", more, out_of_memory) ==
          Said{"inv_no_page_is_leaked: 1 page tables are installed nowhere"});
}

TEST_CASE("a restore whose result does not say what it did is reported") {
    const std::string f = folio(plain()), op = "restore folio=0";
    CHECK(said(optimised(), op, optimised(), {.outcome = {.err = Errno::nomem}}) ==
          Said{promise("-ENOMEM although no allocation failed")});
    CHECK(said(optimised(), op, optimised(), done) ==
          Said{promise(f + " is still optimised although 0 was returned")});
    CHECK(said(optimised(), op, restored(), out_of_memory) ==
          Said{rollback(f + " changed although -ENOMEM was returned")});
}

TEST_CASE("a restored list whose result does not say which folios it moved is reported") {
    const std::string f = folio(plain()), op = "restore_list folios=0";
    CHECK(said(optimised(), op, optimised(), list_done(1, 1)) ==
          Said{promise(f + " was moved but is optimised")});
    CHECK(said(optimised(), op, restored(), list_failed(0, 1)) ==
          Said{promise(f + " stayed but was changed")});
    CHECK(said(plain(), op, plain(), list_done(0, 0)) == Said{promise("0 with 0 folios moved")});
    CHECK(said(plain(), op, plain(), list_failed(1, 1)) == Said{promise("-ENOMEM with 1 folios moved")});
    CHECK(said(plain(), op, plain(), list_failed(0, 0)) == Said{promise("-ENOMEM with 0 folios moved")});
    CHECK(said(plain(), op, plain(), list_done(1, 1)) == Said{promise("1 returned, 0 restored")});
}

TEST_CASE("an optimised folio whose head page was written to is reported") {
    World w = optimised();
    Machine& m = w.own().machine;
    const Pfn head = m.translate(m.geometry().vpage_of(w.pool().slots[0].head)).pfn();
    Contents c = m.read(head);
    c.slots[1] = slot::junk;
    m.write(head, c);
    CHECK(said(optimised(), "optimise folio=0", w, done) ==
          Said{"inv_optimised_folio_keeps_one_page: " + folio(w) + ": its head page is not what it was"});
}

} // namespace mmodel::spec
