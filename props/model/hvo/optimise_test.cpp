// SPDX-License-Identifier: GPL-2.0 OR MIT
// hugetlb_vmemmap_optimize_folio() by example, with the numbers of model/hvo/README.md.
#include <algorithm>
#include <catch2/catch.hpp>

#include "props/audit.hpp"
#include "props/example.hpp"

namespace mmodel {
namespace {

World with_2M() { return after("geometry x86-64\nalloc_folio folio=0\n"); }
World with_1G() { return after("geometry x86-64\nalloc_folio folio=0 size=1G\n"); }

} // namespace

TEST_CASE("optimising a 2 MiB folio frees 8 vmemmap pages, takes a new head, and costs one page table") {
    World w = with_2M();
    const Did d = run(w, "optimise folio=0");
    CHECK(d.outcome == Outcome{});
    CHECK(is_optimised(w, 0));
    CHECK(d.memmap == 1);
    CHECK(d.memmap_boot == -8);
    CHECK(d.memmap + d.memmap_boot == -7);
    CHECK(d.static_key == 1);
    CHECK(d.nr_allocs == 2); // the head, the table
    CHECK(d.free == 7 - 1);
    CHECK(d.count(EventKind::pmd_populate_kernel) == 1);
    CHECK(d.live_ptes(Fn::vmemmap_remap_pte) == 8);
    CHECK(d.count(EventKind::synchronize_rcu) == 1);
    CHECK(d.count(EventKind::flush_tlb_kernel_range) == 2); // the split leaf, the folio's pages
    CHECK(d.count(EventKind::flush_tlb_all) == 0);
    CHECK(d.count(EventKind::free_bootmem_page) == 8);
    const Seen s = seen(w, 0);
    CHECK(s.ptes[0].writable());
    for (u64 i = 1; i < 8; ++i) CHECK(s.ptes[i] == Pte::map(s.ptes[0].pfn(), false));
}

TEST_CASE("the second 2 MiB folio under the same PMD finds the table there") {
    World w = after("geometry x86-64\nalloc_folio folio=0\nalloc_folio folio=1\noptimise folio=0\n");
    const Did d = run(w, "optimise folio=1");
    CHECK(d.nr_allocs == 1);
    CHECK(d.count(EventKind::pmd_populate_kernel) == 0);
    CHECK(d.count(EventKind::flush_tlb_kernel_range) == 1);
    CHECK(d.free == 7);
    CHECK(w.machine().counters.static_key == 2);
}

TEST_CASE("optimising a 1 GiB folio frees 4095 pages and splits 8 PMDs") {
    World w = with_1G();
    const Did d = run(w, "optimise folio=0");
    CHECK(is_optimised(w, 0));
    CHECK(d.memmap == 1);
    CHECK(d.memmap_boot == -4'096);
    CHECK(d.memmap + d.memmap_boot == -4'095);
    CHECK(d.count(EventKind::pmd_populate_kernel) == 8);
    CHECK(d.live_ptes(Fn::vmemmap_remap_pte) == 4'096);
    CHECK(d.nr_allocs == 9);
    CHECK(d.free == 4'095 - 8);
}

TEST_CASE("without memory for a new head the old one is kept: 7 pages are freed and the head's PTE stays") {
    for (const char* size : {"2M", "1G"}) {
        World w = after(std::string("geometry x86-64\nalloc_folio folio=0 size=") + size + "\n");
        const i64 pages = size == std::string("2M") ? 8 : 4'096;
        const Pte head = seen(w, 0).ptes[0];
        const Did d = run(w, "optimise folio=0 fail=0");
        CHECK(d.outcome == Outcome{});
        CHECK(is_optimised(w, 0));
        CHECK(d.nr_failed_allocs == 1);
        CHECK(d.memmap == 0);
        CHECK(d.memmap_boot == -(pages - 1));
        CHECK(seen(w, 0).ptes[0] == head);
        CHECK(d.live_ptes(Fn::vmemmap_remap_pte) == static_cast<u64>(pages - 1));
    }
}

TEST_CASE("without memory for the page table a 2 MiB folio stays as it is and returns -ENOMEM") {
    for (const char* fail : {"1", "0,1"}) {
        World w = with_2M();
        const Seen before = seen(w, 0);
        const Did d = run(w, std::string("optimise folio=0 fail=") + fail);
        CHECK(d.outcome.err == Errno::nomem);
        CHECK_FALSE(is_optimised(w, 0));
        CHECK(seen(w, 0) == before);
        CHECK(d.free == 0);
        CHECK(d.memmap == 0);
        CHECK(d.memmap_boot == 0);
        CHECK(d.static_key == 0);
        CHECK(w == with_2M()); // not a trace is left
    }
}

TEST_CASE(
    "a 1 GiB folio whose k-th PMD cannot be split has 512 k PTEs rolled back and struct pages as fresh") {
    for (i64 k = 0; k < 8; ++k) {
        INFO("k = " << k);
        World w = with_1G();
        const Seen before = seen(w, 0);
        const Did d = run(w, "optimise folio=0 fail=" + std::to_string(1 + k));
        CHECK(d.outcome.err == Errno::nomem);
        CHECK_FALSE(is_optimised(w, 0));
        CHECK(d.live_ptes(Fn::vmemmap_remap_pte) == static_cast<u64>(512 * k));
        CHECK(d.live_ptes(Fn::vmemmap_restore_pte) == static_cast<u64>(k ? 512 * k - 1 : 0));
        CHECK(d.count(EventKind::pmd_populate_kernel) == static_cast<u64>(k));
        const Seen now = seen(w, 0);
        CHECK(now.contents == before.contents);
        CHECK(std::ranges::all_of(now.ptes, &Pte::writable));
        // The new head stays, the old one goes: as many frames as before but for the tables.
        CHECK(d.memmap == (k ? 1 : 0));
        CHECK(d.memmap_boot == (k ? -1 : 0));
        CHECK(d.free == -k);
        CHECK(d.static_key == 0);
        for (i64 p = 0; p < 8; ++p)
            CHECK((w.machine()
                       .pmd(w.machine().pmd_idx(w.config().geometry.vpage_of(w.pool().slots[0].head)) +
                            static_cast<u64>(p))
                       .kind == Pmd::Kind::table) == (p < k));
        // What was split stays split, and the next attempt goes through.
        const Did again = run(w, "optimise folio=0");
        CHECK(is_optimised(w, 0));
        CHECK(again.count(EventKind::pmd_populate_kernel) == static_cast<u64>(8 - k));
    }
}

TEST_CASE(
    "in fallback mode the rollback gives every PTE but the first a page of the list, and none is left") {
    for (i64 k = 1; k < 8; ++k) {
        INFO("k = " << k);
        World w = with_1G();
        const Seen before = seen(w, 0);
        const Did d = run(w, "optimise folio=0 fail=0," + std::to_string(1 + k));
        CHECK(d.outcome.err == Errno::nomem);
        CHECK(d.live_ptes(Fn::vmemmap_remap_pte) == static_cast<u64>(512 * k - 1));
        CHECK(d.live_ptes(Fn::vmemmap_restore_pte) == static_cast<u64>(512 * k - 1));
        CHECK(d.count(EventKind::free_bootmem_page) == 0);
        CHECK(d.memmap == 0);
        CHECK(d.memmap_boot == 0);
        CHECK(d.free == -k);
        CHECK(seen(w, 0).contents == before.contents);
        const Seen now = seen(w, 0);
        CHECK(now.ptes[0] == before.ptes[0]);
        for (u64 n = static_cast<u64>(512 * k), i = 1; i < n; ++i)
            REQUIRE(now.ptes[i] == before.ptes[n - i]); // last in, first out
        for (u64 i = static_cast<u64>(512 * k); i < 4'096; ++i) REQUIRE(now.ptes[i] == before.ptes[i]);
    }
}

TEST_CASE("self-hosted vmemmap is refused with -ENOTSUPP and nothing is changed") {
    for (const char* geometry : {"x86-64", "tiny"}) {
        World w =
            after(std::string("geometry ") + geometry + "\nhot_add on=1\nalloc_folio folio=0 from=hot\n");
        const World before = w;
        const Did d = run(w, "optimise folio=0");
        CHECK(d.outcome.err == Errno::notsupp);
        CHECK_FALSE(is_optimised(w, 0));
        CHECK(w == before);
        CHECK(run(w, "optimise_list folios=0").outcome == Outcome{});
        CHECK(w == before);
    }
}

TEST_CASE("hot-added memory whose vmemmap lies elsewhere is optimised, its block split first") {
    World w = after("geometry x86-64\nhot_add\nalloc_folio folio=0 from=hot\n");
    CHECK(w.machine().counters.memmap == 512);
    const Did d = run(w, "optimise folio=0");
    CHECK(is_optimised(w, 0));
    CHECK(d.count(EventKind::split_page) == 1);
    CHECK(d.count(EventKind::free_page) == 8);
    CHECK(d.memmap == -7);
    CHECK(d.memmap_boot == 0);
}

TEST_CASE("with the sysctl off nothing is optimised, and what is optimised can be restored") {
    World w = after("geometry x86-64\nalloc_folio folio=0\nalloc_folio folio=1\noptimise folio=1\nsysctl\n");
    const World before = w;
    const Did d = run(w, "optimise folio=0");
    CHECK(d.outcome == Outcome{});
    CHECK(d.events.empty());
    (void)run(w, "optimise_list folios=0,1");
    CHECK(w == before);
    CHECK(run(w, "restore folio=1").memmap == 7);
    run(w, "sysctl on=1");
    run(w, "optimise folio=0");
    CHECK(is_optimised(w, 0));
}

TEST_CASE("a struct page of 56 bytes refuses every folio without a word") {
    World w = after("geometry x86-64-struct-page-56\nalloc_folio folio=0\nalloc_folio folio=1 size=1G\n");
    const World before = w;
    for (const char* op : {"optimise folio=0", "optimise folio=1", "optimise_list folios=0",
                           "restore folio=0", "restore_list folios=1"}) {
        const Did d = run(w, op);
        CHECK_FALSE(d.outcome.disabled);
        CHECK(d.outcome.err == Errno::ok);
        CHECK(w == before);
    }
}

TEST_CASE("optimising an optimised folio does nothing") {
    World w = after("geometry x86-64\nalloc_folio folio=0\noptimise folio=0\n");
    const World before = w;
    CHECK(run(w, "optimise folio=0").events.empty());
    CHECK(w == before);
}

TEST_CASE(
    "on a machine of nodes the new head comes from the folio's node, and from another when that has none") {
    World w = after(
        "geometry x86-64 nodes=2\nalloc_folio folio=0 nid=1\nalloc_folio folio=1 nid=1\noptimise folio=0\n");
    CHECK(w.machine().nid_of(seen(w, 0).ptes[0].pfn()) == Nid{1});
    run(w, "take_pages nid=1");
    run(w, "optimise folio=1");
    CHECK(is_optimised(w, 1));
    CHECK(w.machine().nid_of(seen(w, 1).ptes[0].pfn()) == Nid{0});
}

TEST_CASE("without a free page on any node the old head is kept") {
    World w = after("geometry tiny\nalloc_folio folio=0\nalloc_folio folio=1\noptimise folio=0\n");
    run(w, "take_pages");
    const Did d = run(w, "optimise folio=1");
    CHECK(is_optimised(w, 1) == (d.count(EventKind::pmd_populate_kernel) == 0));
    CHECK(d.nr_failed_allocs >= 1);
    CHECK(audit(w) == "");
}

} // namespace mmodel
