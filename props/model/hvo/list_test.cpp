// SPDX-License-Identifier: GPL-2.0 OR MIT
// hugetlb_vmemmap_optimize_folios() and hugetlb_vmemmap_restore_folios() by example.
#include <algorithm>
#include <catch2/catch.hpp>

#include "props/example.hpp"

namespace mmodel {
namespace {

World three_2M() {
    return after("geometry x86-64\nalloc_folio folio=0\nalloc_folio folio=1\nalloc_folio folio=2\n");
}
World one_1G() { return after("geometry x86-64\nalloc_folio folio=0 size=1G\n"); }

} // namespace

TEST_CASE("a list is optimised with one grace period, two flushes, and no flush between") {
    World w = three_2M();
    const Did d = run(w, "optimise_list folios=0,1,2");
    for (u8 i = 0; i < 3; ++i) CHECK(is_optimised(w, i));
    CHECK(d.static_key == 3);
    CHECK(d.memmap + d.memmap_boot == -21);
    CHECK(d.count(EventKind::synchronize_rcu) == 1);
    CHECK(d.count(EventKind::flush_tlb_all) == 2);
    CHECK(d.count(EventKind::flush_tlb_kernel_range) == 0);
    CHECK(d.count(EventKind::pmd_populate_kernel) == 1); // the three share it
    CHECK(d.free == 21 - 1);
}

TEST_CASE("a list is restored with one grace period and one flush, and the count is returned") {
    World w = three_2M();
    run(w, "optimise_list folios=0,2");
    const Did d = run(w, "restore_list folios=0,1,2");
    CHECK(d.outcome.err == Errno::ok);
    CHECK(d.outcome.restored == 2);
    CHECK(d.outcome.moved == 3); // folio 1 was not optimised and goes along
    CHECK(d.memmap == 14);
    CHECK(d.count(EventKind::synchronize_rcu) == 1);
    CHECK(d.count(EventKind::flush_tlb_all) == 1);
    const Did none = run(w, "restore_list folios=0,1,2");
    CHECK(none.outcome.restored == 0);
    CHECK(none.outcome.moved == 3);
    CHECK(none.events.empty());
}

TEST_CASE("a list restore stops at the first error: what comes before it was moved, the rest is left alone") {
    World w = three_2M();
    run(w, "optimise_list folios=0,1,2");
    const World before = w;
    const Did d = run(w, "restore_list folios=0,1,2 fail=8"); // the second folio's second page
    CHECK(d.outcome.err == Errno::nomem);
    CHECK(d.outcome.restored == 1);
    CHECK(d.outcome.moved == 1);
    CHECK_FALSE(is_optimised(w, 0));
    CHECK(seen(w, 1) == seen(before, 1));
    CHECK(seen(w, 2) == seen(before, 2));
    CHECK(d.memmap == 7);
    CHECK(d.static_key == -1);
    CHECK(d.count(EventKind::flush_tlb_all) == 1);
}

TEST_CASE("a list restore that fails at its first folio changes nothing") {
    World w = three_2M();
    run(w, "optimise_list folios=0,1,2");
    const World before = w;
    const Did d = run(w, "restore_list folios=0,1,2 fail=0");
    CHECK(d.outcome.err == Errno::nomem);
    CHECK(d.outcome.moved == 0);
    CHECK(d.count(EventKind::flush_tlb_all) == 0);
    CHECK(w == before);
}

TEST_CASE("a folio of a list that runs out of memory half-way frees what the list holds and is tried again") {
    World w = one_1G();
    // Allocation 0: the split-only walk fails. 1: a new head. 2: the first table. 3: the second table fails:
    // rollback.
    const Did d = run(w, "optimise_list folios=0 fail=0,3");
    CHECK(is_optimised(w, 0));
    CHECK(d.nr_failed_allocs == 2);
    CHECK(d.live_ptes(Fn::vmemmap_remap_pte) == 512 + 4'096);
    CHECK(d.live_ptes(Fn::vmemmap_restore_pte) == 511);
    CHECK(d.count(EventKind::flush_tlb_all) == 3);
    CHECK(d.memmap + d.memmap_boot == -4'095);
    CHECK(d.static_key == 1);
    CHECK(d.free == 4'095 - 8);
}

TEST_CASE("pages of folios before it in the list give the folio that failed what it needs") {
    World w = after("geometry tiny\nalloc_folio folio=0\nalloc_folio folio=1\noptimise folio=0\nrestore "
                    "folio=0\nalloc_folio folio=2 size=8K\n");
    run(w, "take_pages page=1");
    const Did d = run(w, "optimise_list folios=0,1");
    CHECK(is_optimised(w, 0));
    CHECK(d.nr_failed_allocs > 0);
}

TEST_CASE("without a page on the list there is no second try, and the PMDs that were split stay split") {
    World w = one_1G();
    const Seen before = seen(w, 0);
    run(w, "take_pages page=3");
    const Did d = run(w, "optimise_list folios=0");
    CHECK(d.outcome == Outcome{}); // the kernel returns nothing
    CHECK_FALSE(is_optimised(w, 0));
    CHECK(d.count(EventKind::pmd_populate_kernel) == 3);
    CHECK(d.count(EventKind::flush_tlb_all) == 2);
    CHECK(d.live_ptes(Fn::vmemmap_restore_pte) == 3 * 512 - 1);
    CHECK(seen(w, 0).contents == before.contents);
    CHECK(d.free == -3);
    CHECK(d.memmap == 0);
    CHECK(d.memmap_boot == 0);
}

TEST_CASE("a folio that fails does not keep the others of the list from being optimised") {
    World w = three_2M();
    // 0: the split-only walk. 1: the first folio's head; 2: its table. It has a head on the list: tried
    // again.
    const Did d = run(w, "optimise_list folios=0,1,2 fail=0,2");
    for (u8 i = 0; i < 3; ++i) CHECK(is_optimised(w, i));
    CHECK(d.count(EventKind::flush_tlb_all) == 3);
    World none = three_2M();
    const Did lost =
        run(none, "optimise_list folios=0,1,2 fail=1"); // no head for the first: it keeps its own
    CHECK(is_optimised(none, 0));
    CHECK(lost.memmap + lost.memmap_boot == -21);
}

TEST_CASE("a list wants hugetlb folios of one size") {
    World w = after("geometry x86-64\nalloc_folio folio=0\nalloc_folio folio=1 size=1G\nalloc_lru folio=2\n");
    for (const char* op :
         {"optimise_list folios=0,1", "optimise_list folios=0,2", "restore_list folios=0,9", "optimise_list"})
        CHECK(run(w, op).outcome.disabled);
    CHECK_FALSE(run(w, "optimise_list folios=1").outcome.disabled);
}

} // namespace mmodel
