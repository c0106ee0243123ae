// SPDX-License-Identifier: GPL-2.0 OR MIT
// The percpu allocator by example, with the numbers of model/percpu/README.md. On eight CPUs of x86-64 a unit
// has 64 pages (256 KiB); the first chunk (number 0) serves 31072 bytes over 8 pages, the reserved one (1) 8
// KiB.
#include "model/percpu/percpu.hpp"

#include <catch2/catch.hpp>

#include "props/audit.hpp"
#include "props/example.hpp"

namespace mmodel {
namespace {

using pcpu::ChunkId;

const std::string x86 = "geometry x86-64 cpus=0*8\npcpu_boot static=100000 reserved=8K dyn=28K atom=2M\n";
// Units of two pages, two CPUs; every request of 512 bytes has a chunk of its own.
const std::string small = "geometry tiny cpus=0,0\npcpu_boot static=100 dyn=100 atom=1K\n";

int list_of(const World& w, ChunkId id) { return w.pcpu().chunks.list_of(id); }
u64 at(ChunkId chunk, u64 off) { return u64{chunk} << 32 | off; }

std::string big(int area, const char* bytes = "32K") {
    return "pcpu_alloc area=" + std::to_string(area) + " bytes=" + bytes + " align=4\n";
}
std::string free_of(int area) { return "pcpu_free area=" + std::to_string(area) + "\n"; }

} // namespace

TEST_CASE("after boot there are a first and a reserved chunk, both populated, on 20 lists") {
    const World w = after(x86);
    const pcpu::Pcpu& p = w.pcpu();
    CHECK(p.layout.unit_size == 256 * 1024);
    CHECK(p.layout.nr_slots == 20);
    CHECK(p.layout.sidelined_slot == 17);
    CHECK(p.layout.free_slot == 18);
    CHECK(p.layout.to_depopulate_slot == 19);
    CHECK(p.chunks[0].nr_pages == 8);
    CHECK(p.chunks[0].start_offset == 1696);
    CHECK(p.chunks[0].free_bytes == 31'072);
    CHECK(p.chunks[1].free_bytes == 8'192);
    CHECK(p.nr_populated == 34);
    CHECK(p.nr_empty_pop_pages == 7); // the first page is partly static data
    CHECK(list_of(w, 0) == 12);
    CHECK(list_of(w, 1) == pcpu::no_list);
    CHECK(w.machine().tally.objects == 0);
}

TEST_CASE("what backs an area is asked for as the version does, for a caller and for the worker") {
    using enum pcpu::Backing;
    const auto most = [](const Did& d) {
        u8 bits = 0;
        for (const Event& e : d.events)
            if (is_allocation(e.kind)) bits |= e.gfp.bits;
        return Gfp{bits};
    };
    const struct {
        pcpu::Backing backing;
        Gfp caller, worker;
    } versions[] = {{as_asked, gfp::kernel, gfp::kernel},
                    {noio_worker, gfp::kernel, gfp::noio},
                    {noio, gfp::noio, gfp::noio}};
    for (const auto& v : versions) {
        World w = after(small);
        w.own().pcpu.own().sizes.backing = v.backing;
        const Did caller = run(w, big(0, "512")); // a chunk, the array, pages and page tables
        CHECK(caller.nr_allocs > 8);
        CHECK(most(caller) == v.caller);
        const Did worker = run(w, "pcpu_balance");
        CHECK(worker.nr_allocs > 4);
        CHECK(most(worker) == v.worker);
    }
}

TEST_CASE("a small request is served by the first chunk, zeroed on every possible CPU, online or not") {
    World w = after(x86);
    const Did d = run(w, "pcpu_alloc area=0 bytes=63 align=1");
    CHECK(d.outcome == Outcome{.value = at(0, 1696)});
    CHECK(w.pcpu().areas[0].bytes == 64);
    CHECK(d.nr_allocs == 0);
    CHECK(d.count(EventKind::memset_zero) == 8);
    CHECK(w.pcpu().nr_empty_pop_pages == 7);
    CHECK_FALSE(w.pcpu().balance_scheduled);
    CHECK(run(w, "pcpu_alloc area=1 bytes=4K align=4K").outcome.value == at(0, 4096));
    CHECK(w.pcpu().nr_empty_pop_pages == 6);
}

TEST_CASE("an allocation that leaves less than two empty pages schedules the balance worker") {
    World w = after(x86 + big(0, "20K"));
    CHECK(w.pcpu().nr_empty_pop_pages == 2);
    CHECK_FALSE(w.pcpu().balance_scheduled);
    run(w, big(1, "4K"));
    CHECK(w.pcpu().nr_empty_pop_pages == 1);
    CHECK(w.pcpu().balance_scheduled);
}

TEST_CASE("who may sleep gets a new chunk, and frames for its pages alone") {
    World w = after(x86);
    const Did d = run(w, big(0));
    CHECK(d.outcome.value == at(2, 0));
    CHECK(d.nr_allocs == 5 + 1 + 8 * 8 + 1); // the chunk, the array, pages, a table for all 2 MiB
    CHECK(w.pcpu().nr_populated == 34 + 8);
    CHECK(w.pcpu().chunks[2].nr_empty_pop_pages == 0);
    CHECK(w.pcpu().nr_empty_pop_pages == 7);
    CHECK(list_of(w, 2) == 15);
}

TEST_CASE("a request that fails while it is populated gives its area back and keeps the new chunk") {
    World w = after(x86);
    const Did d = run(w, "pcpu_alloc area=0 bytes=32K align=4 fail=20");
    CHECK(d.outcome.err == Errno::nomem);
    CHECK(w.pcpu().chunks.nr_live() == 3);
    CHECK(list_of(w, 2) == 18);
    CHECK(w.pcpu().nr_populated == 34);
    CHECK(w.pcpu().chunks[2].nr_empty_pop_pages == 0);
    CHECK(w.pcpu().nr_empty_pop_pages == 7);
    CHECK_FALSE(w.pcpu().atomic_alloc_failed);
    CHECK(run(w, big(0)).outcome.value == at(2, 0));
}

TEST_CASE("runs of an area that were populated before one failed stay populated and counted") {
    World w = after(x86);
    State& s = w.own();
    pcpu::Pcpu& p = s.pcpu.own();
    NoWatch nobody;
    Kernel<NoWatch> k(s.machine, nobody);
    const ChunkId id = pcpu_create_chunk(k, p, gfp::kernel);
    REQUIRE(pcpu_populate_chunk(k, p, id, 1, 2, gfp::kernel) ==
            Errno::ok); // the area will find runs [0, 1) and [2, 8)
    chunk_populated(p, id, 1, 2);
    pcpu_chunk_relocate(p, id, -1);
    CHECK(run(w, "pcpu_alloc area=0 bytes=32K align=4 fail=20").outcome.err == Errno::nomem);
    const pcpu::Chunk& c = w.pcpu().chunks[id];
    CHECK(c.populated.count(0, 64) == 2);
    CHECK(c.populated.test(0));
    CHECK(c.nr_empty_pop_pages == 2);
    CHECK(c.free_bytes == 256 * 1024);
    CHECK(w.pcpu().nr_populated == 34 + 2);
    CHECK(w.pcpu().nr_empty_pop_pages == 7 + 2);
}

TEST_CASE("who may not sleep gets only what is populated, and the worker makes up for a failure") {
    World w = after(x86 + big(0));
    Did d = run(w, "pcpu_alloc area=1 bytes=32K align=4 atomic=1");
    CHECK(d.outcome.err == Errno::nomem);
    CHECK(d.nr_allocs == 0);
    CHECK(w.pcpu().atomic_alloc_failed);
    CHECK(w.pcpu().balance_scheduled);
    run(w, "pcpu_balance");
    CHECK_FALSE(w.pcpu().atomic_alloc_failed);
    CHECK_FALSE(w.pcpu().balance_scheduled);
    CHECK(w.pcpu().nr_populated == 34 + 8 + 4); // although there were 7 empty pages
    CHECK(w.pcpu().nr_empty_pop_pages == 7 + 4);
    CHECK(run(w, "pcpu_alloc area=1 bytes=16K align=4 atomic=1").outcome.value == at(0, 1696));
    CHECK(run(w, "pcpu_alloc area=2 bytes=16K align=4 atomic=1").outcome.value == at(2, 32'768));
    CHECK(run(w, "pcpu_alloc area=3 bytes=16K align=4 atomic=1").outcome.err == Errno::nomem);
}

TEST_CASE(
    "modules get what the reserved chunk has and nothing else, and without one they are served by any") {
    World w = after(x86);
    CHECK(run(w, "module_load area=0 bytes=8K align=4").outcome.value == at(1, 1696));
    CHECK(w.pcpu().nr_empty_pop_pages == 7);
    const Did d = run(w, "module_load area=1 bytes=4 align=4");
    CHECK(d.outcome.err == Errno::nomem);
    CHECK(d.nr_allocs == 0);
    run(w, "module_unload area=0");
    CHECK(run(w, "module_load area=1 bytes=4 align=8K").outcome.value == at(1, 4096)); // cut to a page
    World none = after("geometry x86-64 cpus=0*8\npcpu_boot static=100000 dyn=28K atom=2M\n");
    CHECK(run(none, "module_load area=0 bytes=32K align=4").outcome.value == at(1, 0));
}

TEST_CASE("what the kernel refuses is refused and changes nothing") {
    World w = after(x86);
    const World before = w;
    for (const char* refused : {"bytes=0 align=4", "bytes=32769 align=4", "bytes=4 align=5",
                                "bytes=4 align=8K", "bytes=4 align=12"}) {
        CHECK(run(w, std::string("pcpu_alloc area=0 ") + refused).outcome.err == Errno::inval);
        CHECK(w == before);
    }
    for (const char* served :
         {"bytes=32767 align=4", "bytes=1 align=0", "bytes=4 align=3", "bytes=4 align=4K"})
        CHECK(run(w = before, std::string("pcpu_alloc area=0 ") + served).outcome.err == Errno::ok);
}

TEST_CASE("an area is freed once, and only while it is somebody's") {
    World w = after(x86 + big(0, "64") + free_of(0));
    const World before = w;
    CHECK(run(w, "pcpu_free area=0").outcome.disabled);
    CHECK(run(w, "pcpu_free area=0 again=1").outcome.err == Errno::inval);
    CHECK(run(w, "pcpu_free area=1 again=1").outcome.disabled);
    CHECK(w == before);
    State& s = w.own();
    NoWatch nobody;
    Kernel<NoWatch> k(s.machine, nobody);
    CHECK_FALSE(free_percpu(k, s.pcpu.own(), vmalloc_start + 4096)); // leads to no chunk
    CHECK(w == before);
}

TEST_CASE("a chunk that has too little room for a request of its size class waits in list 0") {
    const std::string fill = big(0, "508") + big(1, "508");
    World w = after("geometry tiny cpus=0,0\npcpu_boot static=100 dyn=1000 atom=1K\n" + fill);
    const int left = w.pcpu().chunks[0].free_bytes;
    run(w, big(2, std::to_string(left - 20).c_str()));
    REQUIRE(w.pcpu().chunks[0].free_bytes == 20);
    CHECK(list_of(w, 0) == 2);
    CHECK(run(w, "pcpu_alloc area=3 bytes=24 align=4").outcome.value == at(1, 0));
    CHECK(list_of(w, 0) == 0);
    CHECK(run(w, "pcpu_alloc area=4 bytes=20 align=4").outcome.value ==
          at(1, 24)); // 20 were free in the first
    run(w, "pcpu_free area=0");
    CHECK(list_of(w, 0) == 6); // 508 bytes
}

TEST_CASE("a chunk with a quarter of its pages empty is isolated, emptied, sidelined, and used again last") {
    World w = after(x86 + big(0) + big(1) + big(2) + big(3) + free_of(0));
    CHECK(list_of(w, 2) == 15);
    CHECK(w.pcpu().nr_empty_pop_pages == 7 + 8);
    run(w, free_of(1));
    CHECK(w.pcpu().chunks[2].isolated);
    CHECK(list_of(w, 2) == 19);
    CHECK(w.pcpu().nr_empty_pop_pages == 7);
    CHECK(w.pcpu().balance_scheduled);

    const Did d = run(w, "pcpu_balance");
    CHECK(list_of(w, 2) == 17);
    CHECK(w.pcpu().chunks[2].isolated);
    CHECK(w.pcpu().nr_populated == 34 + 16);
    CHECK(d.free == 16 * 8);
    CHECK(d.count(EventKind::flush_tlb_vmalloc) == 1);
    CHECK(d.count(EventKind::flush_cache_vunmap) == 1); // one run

    CHECK(run(w, big(0)).outcome.value == at(2, 0));
    CHECK_FALSE(w.pcpu().chunks[2].isolated);
    CHECK(list_of(w, 2) == 15);
    CHECK(w.pcpu().chunks[2].nr_populated == 24);
}

TEST_CASE("an isolated chunk serves again, untouched, once empty pages are few") {
    World w = after(x86 + big(0) + big(1) + big(2) + big(3) + free_of(0) + free_of(1) + big(4, "20K"));
    REQUIRE(list_of(w, 2) == 19);
    REQUIRE(w.pcpu().nr_empty_pop_pages == 2);
    const Did d = run(w, "pcpu_balance");
    CHECK_FALSE(w.pcpu().chunks[2].isolated);
    CHECK(list_of(w, 2) == 15);
    CHECK(w.pcpu().nr_empty_pop_pages == 2 + 16);
    CHECK(d.count(EventKind::flush_tlb_vmalloc) == 0);
    CHECK(d.free == 0);
}

TEST_CASE("reclaim takes runs of free populated pages from the last page down and flushes once") {
    World w = after("geometry tiny cpus=0,0\npcpu_boot static=100 dyn=1500 atom=1K\n");
    State& s = w.own();
    pcpu::Pcpu& p = s.pcpu.own();
    NoWatch nobody;
    Kernel<NoWatch> k(s.machine, nobody);
    const ChunkId id = pcpu_create_chunk(k, p, gfp::kernel);
    for (const auto& [start, end] : {std::pair(0, 3), {4, 5}, {6, 8}}) {
        REQUIRE(pcpu_populate_chunk(k, p, id, start, end, gfp::kernel) == Errno::ok);
        chunk_populated(p, id, start, end);
    }
    REQUIRE(alloc_area(p, id, 4, 1, 64) == 256); // page 1
    p.areas[0] = {true, id, 256, 16};
    pcpu_isolate_chunk(p, id);
    REQUIRE(w.pcpu().nr_empty_pop_pages >= pcpu::empty_pop_pages_high);
    p.balance_scheduled = true;
    const u64 base = (p.chunks[id].base_addr - vmalloc_start) / 256;
    const Did d = run(w, "pcpu_balance");
    std::vector<u64> starts;
    for (const Event& e : d.events)
        if (e.kind == EventKind::flush_cache_vunmap) starts.push_back(e.vmap.value - base);
    CHECK(starts == std::vector<u64>{6, 4, 2, 0});
    CHECK(d.count(EventKind::flush_tlb_vmalloc) == 1);
    CHECK(w.pcpu().chunks[id].populated.count(0, 8) == 1);
    CHECK(w.pcpu().chunks[id].populated.test(1));
    CHECK(list_of(w, id) == w.pcpu().layout.sidelined_slot);
}

TEST_CASE("of free chunks the worker keeps the one that was freed last") {
    World w = after(small + big(0, "512") + big(1, "512") + big(2, "512"));
    run(w, free_of(0));
    const bool scheduled = w.pcpu().balance_scheduled; // for want of empty pages
    CHECK(scheduled);
    run(w, free_of(1));
    CHECK(w.pcpu().chunks.first(w.pcpu().layout.free_slot) == 2);
    const Did d = run(w, "pcpu_balance");
    CHECK(d.count(EventKind::pcpu_free_vm_areas) == 1);
    CHECK(w.pcpu().chunks.is_live(2));
    CHECK(w.pcpu().chunks.is_live(3));
    CHECK(w.pcpu().nr_empty_pop_pages == 4); // chunk 2's, and those of a new one
    CHECK(audit(w) == "");
}

TEST_CASE("the worker stops at the first error, and when it cannot make a chunk") {
    const std::string failed = small + "pcpu_alloc area=0 bytes=512 align=4 atomic=1\n";
    for (const auto& [fault, populated, chunks] :
         {std::tuple(0, 1, 1u), {4, 1, 1u}, {5, 1, 2u}, {6, 1, 2u}, {100, 5, 3u}}) {
        World w = after(failed);
        run(w, "pcpu_balance fail=" + std::to_string(fault));
        INFO(fault);
        CHECK(w.pcpu().nr_populated == populated);
        CHECK(w.pcpu().chunks.nr_live() == chunks);
    }
}

TEST_CASE("an address is in a chunk between what its offsets hide, and in no other") {
    const World w = after(x86);
    const pcpu::Pcpu& p = w.pcpu();
    const auto judge = [&](ChunkId id, u64 bytes) {
        const pcpu::Chunk& c = p.chunks[id];
        const u64 start = c.base_addr + static_cast<u64>(c.start_offset);
        CHECK_FALSE(pcpu_addr_in_chunk(p, id, start - 1));
        CHECK(pcpu_addr_in_chunk(p, id, start));
        CHECK(pcpu_addr_in_chunk(p, id, start + bytes - 1));
        CHECK_FALSE(pcpu_addr_in_chunk(p, id, start + bytes));
        return start;
    };
    CHECK(judge(1, 8'192) == p.base_addr + 100'000);
    CHECK(judge(0, 31'072) == p.base_addr + 108'192);
    CHECK_FALSE(pcpu_addr_in_chunk(p, pcpu::no_chunk, p.base_addr));
}

TEST_CASE("a physical address is the address itself in the embedded chunk, else what the page table says") {
    World w = after(x86 + big(0, "64") + big(1));
    const pcpu::Pcpu p = w.pcpu();
    CHECK(run(w, "pcpu_lookup area=0 cpu=3 page=5").outcome.value ==
          p.chunks[0].base_addr + 1696 + 3 * p.layout.unit_size + 5);
    const Pte pte = w.machine().vmalloc().pte(p.chunk_vmap(p.chunks[2], 3, 1));
    CHECK(run(w, "pcpu_lookup area=1 cpu=3 page=4101").outcome.value == pte.pfn().value * 4096 + 5);

    World paged = after("geometry x86-64 cpus=0*2\npcpu_boot static=100000 atom=4K paged=1\n" + big(0, "64"));
    const pcpu::Pcpu q = paged.pcpu();
    REQUIRE(pcpu::Pcpu::is_vmalloc_addr(q.base_addr));
    const pcpu::Where where{q.areas[0].chunk, q.areas[0].off};
    const u64 addr = q.chunk_addr(q.chunks[where.chunk], 1, 0) + static_cast<u64>(where.off);
    const Pte first = paged.machine().vmalloc().pte(Vmap{(addr - vmalloc_start) / 4096});
    CHECK(run(paged, "pcpu_lookup area=0 cpu=1").outcome.value == first.pfn().value * 4096 + addr % 4096);
    CHECK(run(w, "pcpu_lookup area=0 cpu=0 page=64").outcome.disabled);
    CHECK(run(w, "pcpu_lookup area=2 cpu=0").outcome.disabled);
}

TEST_CASE("a boot that lacks memory for a group gives back what it has") {
    const std::string boot = "pcpu_boot static=100000 reserved=8K dyn=28K atom=2M";
    const Config c = config_of("x86-64 nodes=2 cpus=0,0,1,1");
    for (const char* fault : {" fail=0", " fail=1"}) {
        World w(c);
        CHECK(run(w, boot + fault).outcome.err == Errno::nomem);
        CHECK(w == World(c));
    }
    World w(c);
    CHECK(run(w, boot + " fail=2").outcome == Outcome{});
    CHECK(run(w, boot).outcome.disabled);
}

TEST_CASE("a page-mapped boot that lacks a page gives back all, and a layout that cannot be is refused") {
    const Config c = config_of("tiny cpus=0,0");
    for (int fault = 0; fault < 6; ++fault) {
        World w(c);
        const Did d = run(w, "pcpu_boot static=100 dyn=100 atom=256 paged=1 fail=" + std::to_string(fault));
        INFO(fault);
        CHECK((d.outcome.err == Errno::nomem) == (fault < 6));
        CHECK(w.pcpu() == pcpu::Pcpu{});
        CHECK(audit(w) == "");
    }
    World w(c);
    CHECK(run(w, "pcpu_boot static=0 dyn=100 atom=256").outcome.err == Errno::inval);
    CHECK(run(w, "pcpu_boot static=100 dyn=100 atom=100").outcome.err == Errno::inval);
    CHECK(w == World(c));
}

TEST_CASE("percpu operations are disabled before boot, and a CPU that cannot come or go does not") {
    World w(config_of("tiny nodes=2 cpus=1,0,-,1,2"));
    for (const char* op : {"pcpu_alloc area=0 bytes=4 align=4", "pcpu_free area=0", "pcpu_balance",
                           "module_load area=0 bytes=4 align=4", "module_unload area=0", "pcpu_lookup area=0",
                           "vm_create chunk=0", "vm_populate chunk=0 to=1", "cpu_online cpu=0 on=1",
                           "cpu_online cpu=2 on=1", "cpu_online cpu=1"})
        CHECK(run(w, op).outcome.disabled);
    CHECK_FALSE(run(w, "cpu_online cpu=1 on=1").outcome.disabled);
    CHECK(w.machine().is_online(1));
    CHECK_FALSE(run(w, "cpu_online cpu=1 on=0").outcome.disabled);
}

} // namespace mmodel
