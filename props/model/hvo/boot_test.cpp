// SPDX-License-Identifier: GPL-2.0 OR MIT
// Folios whose vmemmap is populated optimised before the page allocator is up, by example.
#include <catch2/catch.hpp>

#include "props/audit.hpp"
#include "props/example.hpp"

namespace mmodel {
namespace {

World early(const std::string& ops) { return after("geometry x86-64 boot=2\n" + ops); }

} // namespace

TEST_CASE("a boot folio's vmemmap is populated with one page, and eight page tables") {
    World w = early("");
    const Did d = run(w, "boot_folio folio=0");
    CHECK(d.outcome == Outcome{});
    CHECK(d.memmap_boot == 1 - 4096);
    CHECK(d.nr_allocs == 1 + 8 + 1); // its memory, the tables, the page
    CHECK(d.count(EventKind::pmd_populate_kernel) == 8);
    CHECK(d.live_ptes(Fn::vmemmap_pte_populate) == 4096);
    const Seen s = seen(w, 0);
    for (u64 i = 0; i < 4096; ++i) CHECK(s.ptes[i] == Pte::map(s.ptes[0].pfn(), true));
}

TEST_CASE("once the system is up, a boot folio's tails are read-only, and it is optimised") {
    World w = early("boot_folio folio=0\nboot_late\n");
    const Did d = run(w, "boot_up folios=0");
    CHECK(d.outcome == Outcome{});
    CHECK(is_optimised(w, 0));
    CHECK(d.static_key == 1);
    CHECK(d.memmap_boot == 0);
    CHECK(d.free == 4095);
    CHECK(d.live_ptes(Fn::vmemmap_wrprotect_hvo) == 4095);
    CHECK(d.count(EventKind::flush_tlb_all) == 1);
    const Seen s = seen(w, 0);
    CHECK(s.ptes[0].writable());
    for (u64 i = 1; i < 4096; ++i) CHECK(s.ptes[i] == Pte::map(s.ptes[0].pfn(), false));
}

TEST_CASE("a boot folio is restored, and optimised again, as any other") {
    World w = early("boot_folio folio=0\nboot_late\nboot_up folios=0\n");
    Did d = run(w, "restore folio=0");
    CHECK(d.outcome == Outcome{});
    CHECK(d.memmap == 4095);
    CHECK(d.static_key == -1);
    d = run(w, "optimise folio=0");
    CHECK(d.memmap == 1 - 4095);
    CHECK(d.memmap_boot == -1);
    CHECK(run(w, "free_folio folio=0").outcome == Outcome{});
}

TEST_CASE("a boot folio that spans two zones gets a page for each, and its memory is given back") {
    World w = early("boot_folio folio=0\nboot_folio folio=1\n");
    const Did d = run(w, "boot_late folios=1");
    CHECK(d.memmap_boot == 4095);
    CHECK(d.count(EventKind::memblock_phys_free) == 1);
    CHECK(w.pool().slots[0].state == hvo::SlotState::late);
    CHECK(w.pool().slots[1].state == hvo::SlotState::none);
    CHECK(run(w, "boot_up folios=0").free == 4095);
}

TEST_CASE("boot folios that span two zones are undone node by node") {
    World w = after("geometry tiny512 nodes=2 boot=1\nboot_folio folio=0 nid=1\nboot_folio folio=1\n");
    const Did d = run(w, "boot_late folios=0,1");
    std::vector<u8> nodes;
    for (const Event& e : d.events)
        if (e.kind == EventKind::memblock_phys_free) nodes.push_back(w.machine().nid_of(e.pfn).value);
    CHECK(nodes == std::vector<u8>{0, 1});
}

TEST_CASE(
    "a boot folio for whose vmemmap there is no memory is populated normally, then optimised in the list") {
    const int fault = GENERATE(1, 2, 3);
    World w = early("");
    Did d = run(w, "boot_folio folio=0 fail=" + std::to_string(fault));
    CHECK(d.outcome == Outcome{});
    CHECK(d.memmap_boot == 0);
    run(w, "boot_folio folio=1");
    run(w, "boot_late");
    d = run(w, "boot_up folios=0,1");
    CHECK(d.static_key == 2);
    CHECK(is_optimised(w, 0));
    CHECK(is_optimised(w, 1));
}

TEST_CASE("switched off, boot folios are populated normally and stay so") {
    World w = early("sysctl on=0\nboot_folio folio=0\nboot_late\n");
    const Did d = run(w, "boot_up folios=0");
    CHECK(d.static_key == 0);
    CHECK(d.memmap_boot == 0);
    CHECK_FALSE(is_optimised(w, 0));
}

TEST_CASE("boot operations come first, in their order, and nothing comes between") {
    const std::string before = GENERATE("alloc_folio folio=3\n", "boot_folio folio=0\nboot_late\n",
                                        "boot_folio folio=3\n", "boot_folio folio=2\nboot_folio folio=1\n");
    World w = early(before);
    CHECK(run(w, "boot_folio folio=3").outcome.disabled);
    World pending = early("boot_folio folio=0\n");
    CHECK(run(pending, "alloc_folio folio=1").outcome.disabled);
    CHECK(run(pending, "boot_up folios=0").outcome.disabled);
    CHECK(run(pending, "boot_late folios=1").outcome.disabled);
    World late = early("boot_folio folio=0\nboot_late\n");
    CHECK(run(late, "boot_up folios=0,1").outcome.disabled);
    CHECK(run(late, "boot_late").outcome.disabled);
}

} // namespace mmodel
