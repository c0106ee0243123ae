// SPDX-License-Identifier: GPL-2.0 OR MIT
// hugetlb_vmemmap_restore_folio() by example.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "props/example.hpp"

namespace mmodel {
namespace {

World optimised(const char* size) {
    return after(std::string("geometry x86-64\nalloc_folio folio=0 size=") + size + "\noptimise folio=0\n");
}

} // namespace

TEST_CASE("restoring takes the 7 or 4095 pages back and copies the shared page into each") {
    for (const char* size : {"2M", "1G"}) {
        const i64 saved = size == std::string("2M") ? 7 : 4'095;
        World w = optimised(size);
        const Did d = run(w, "restore folio=0");
        CHECK(d.outcome == Outcome{});
        CHECK_FALSE(is_optimised(w, 0));
        CHECK(d.memmap == saved);
        CHECK(d.memmap_boot == 0);
        CHECK(d.static_key == -1);
        CHECK(d.free == -saved);
        CHECK(d.nr_allocs == saved);
        CHECK(d.live_ptes(Fn::vmemmap_restore_pte) == static_cast<u64>(saved));
        CHECK(d.count(EventKind::copy_page) == static_cast<u64>(saved));
        CHECK(d.count(EventKind::reset_struct_pages) == static_cast<u64>(saved));
        CHECK(d.count(EventKind::smp_wmb) == static_cast<u64>(saved));
        CHECK(d.count(EventKind::flush_tlb_kernel_range) == 1);
        CHECK(d.count(EventKind::synchronize_rcu) == 1);
    }
}

TEST_CASE("the page allocator gives the frames that an operation names, as long as they are free") {
    World w = optimised("2M");
    std::vector<u64> free; // from the top, where nobody else takes any
    for (Pfn p{w.config().nr_frames() - 1}; free.size() < 3; p = p - 1)
        if (w.machine().is_free(p)) free.push_back(p.value);
    const u64 taken = w.machine().translate(Vpage{0}).pfn().value;
    const auto name = [](u64 n) { return std::to_string(n) + ","; };
    const Did d = run(w, "restore folio=0 frames=" + name(free[2]) + name(free[0]) + name(taken) +
                             std::to_string(free[1]));
    std::vector<u64> got;
    for (const Event& e : d.events)
        if (e.kind == EventKind::alloc_pages_node) got.push_back(e.pfn.value);
    REQUIRE(got.size() == 7);
    CHECK(got[0] == free[2]);
    CHECK(got[1] == free[0]);
    CHECK(got[2] != taken);
    CHECK(got[3] == free[1]);
}

TEST_CASE(
    "after optimise and restore every reader sees what was there before: only frames and tables differ") {
    for (const char* size : {"2M", "1G"}) {
        const World fresh = after(std::string("geometry x86-64\nalloc_folio folio=0 size=") + size + "\n");
        World w = fresh;
        run(w, "optimise folio=0");
        run(w, "restore folio=0");
        const Seen before = seen(fresh, 0), now = seen(w, 0);
        CHECK(now.contents == before.contents);
        std::set<Pfn> frames;
        for (const Pte& p : now.ptes) {
            CHECK(p.writable());
            frames.insert(p.pfn());
        }
        CHECK(frames.size() == now.ptes.size());
        CHECK(w.machine().counters.static_key == 0);
        CHECK(w.pool() == fresh.pool());
        // What stays: the PMDs are tables, the vmemmap's frames are the buddy's and no longer boot memory.
        CHECK_FALSE(w == fresh);
        CHECK(now.ptes != before.ptes);
        const u64 pmd = w.machine().pmd_idx(w.config().geometry.vpage_of(w.pool().slots[0].head));
        CHECK(fresh.machine().pmd(pmd).kind == Pmd::Kind::leaf);
        CHECK(w.machine().pmd(pmd).kind == Pmd::Kind::table);
        const i64 pages = static_cast<i64>(now.ptes.size());
        CHECK(w.machine().counters.memmap_boot - fresh.machine().counters.memmap_boot == -pages);
        CHECK(w.machine().counters.memmap - fresh.machine().counters.memmap == pages);
        CHECK(nr_free(fresh) - nr_free(w) == w.machine().tally.tables);
    }
}

TEST_CASE(
    "a cycle of optimise and restore comes back to the world it started from, once the tables are there") {
    for (const char* geometry : {"x86-64", "tiny", "tiny nodes=2"}) {
        World w = after(std::string("geometry ") + geometry +
                        "\nalloc_folio folio=0\noptimise folio=0\nrestore folio=0\n");
        // Frames rotate among themselves; what a reader or a counter sees repeats at once.
        const Seen first = seen(w, 0);
        const i64 free = nr_free(w);
        for (int i = 0; i < 10; ++i) {
            run(w, "optimise folio=0");
            run(w, "restore folio=0");
            CHECK(seen(w, 0).contents == first.contents);
            CHECK(nr_free(w) == free);
        }
    }
}

TEST_CASE("a restore that runs out of memory at any page leaves the world as it was") {
    const World w = optimised("2M");
    for (int n = 0; n < 7; ++n) {
        World failed = w;
        const Did d = run(failed, "restore folio=0 fail=" + std::to_string(n));
        CHECK(d.outcome.err == Errno::nomem);
        CHECK(d.nr_allocs == static_cast<u32>(n + 1));
        CHECK(failed == w);
    }
    World none = w;
    CHECK(run(none, "restore folio=0 fail=7").outcome.err == Errno::ok);
}

TEST_CASE("a restore that runs out of real memory leaves the world as it was") {
    World w = optimised("2M");
    run(w, "take_pages page=6");
    const World before = w;
    const Did d = run(w, "restore folio=0");
    CHECK(d.outcome.err == Errno::nomem);
    CHECK(d.nr_allocs == 7);
    CHECK(w == before);
    run(w, "give_pages");
    run(w, "take_pages page=7");
    CHECK(run(w, "restore folio=0").outcome.err == Errno::ok);
}

TEST_CASE("restoring a folio that is not optimised does nothing and returns 0") {
    World w = after("geometry x86-64\nalloc_folio folio=0\n");
    const World before = w;
    const Did d = run(w, "restore folio=0");
    CHECK(d.outcome == Outcome{});
    CHECK(d.events.empty());
    CHECK(w == before);
}

TEST_CASE("a folio that kept its old head is restored too") {
    World w = after("geometry x86-64\nalloc_folio folio=0\noptimise folio=0 fail=0\n");
    const Seen was = seen(after("geometry x86-64\nalloc_folio folio=0\n"), 0);
    CHECK(run(w, "restore folio=0").memmap == 7);
    CHECK(seen(w, 0).contents == was.contents);
    CHECK(seen(w, 0).ptes[0] == was.ptes[0]);
}

} // namespace mmodel
