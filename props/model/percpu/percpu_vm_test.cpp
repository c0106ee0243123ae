// SPDX-License-Identifier: GPL-2.0 OR MIT
// percpu-vm by example, with the steps of model/percpu/README.md, section 3, in their order. The machine has
// two CPUs of eight pages each, four to a page table; the first CPU's unit is pages 0..7 of a chunk, the
// second's 8..15.
#include "model/percpu/percpu_vm.hpp"

#include <catch2/catch.hpp>

#include "model/percpu/percpu.hpp"
#include "props/model/percpu/script.hpp"

namespace mmodel {
namespace {

const std::string booted = "geometry tiny cpus=0,0\npcpu_boot static=100 dyn=1500 atom=1K\n";
const std::string with_chunk = booted + "vm_create chunk=0\n";

// What the operation does to the chunk in slot 0; the world is as after it.
std::string script(World& w, const std::string& op) {
    Script s(w, w.pcpu().slots[0]);
    return s.of(run(w, op));
}
std::string script_after(const std::string& made_by, const std::string& op) {
    World w = after(made_by);
    return script(w, op);
}

// The events of an operation when no chunk is there yet.
std::string create(const std::string& made_by, const std::string& op) {
    World w = after(made_by);
    Script s(w, w.pcpu().first_chunk);
    return s.of(run(w, op));
}

} // namespace

TEST_CASE(
    "populate makes the page array, allocates CPU by CPU, maps and tags CPU by CPU, and flushes caches") {
    CHECK(script_after(with_chunk, "vm_populate chunk=0 page=1 to=3") ==
          "kzalloc; alloc 0 a; alloc 0 b; alloc 0 c; alloc 0 d; "
          "table; map 1 a; map 2 b; tag a; tag b; "
          "table; map 9 c; map 10 d; tag c; tag d; "
          "cache+ 1+10");
}

TEST_CASE("a second populate finds the array and the tables there") {
    CHECK(script_after(with_chunk + "vm_populate chunk=0 page=1 to=3\n", "vm_populate chunk=0 page=3 to=4") ==
          "alloc 0 a; alloc 0 b; map 3 a; tag a; map 11 b; tag b; cache+ 3+9");
}

TEST_CASE(
    "a populate that lacks a page frees the failing CPU's pages downwards, then those of CPUs before it") {
    CHECK(script_after(with_chunk, "vm_populate chunk=0 page=1 to=4 fail=6") ==
          "kzalloc; alloc 0 a; alloc 0 b; alloc 0 c; alloc 0 d; alloc 0 e; alloc 0 fails; "
          "free e; free d; free a; free b; free c");
    CHECK(script_after(with_chunk, "vm_populate chunk=0 page=1 to=4 fail=1") == "kzalloc; alloc 0 fails");
    CHECK(script_after(with_chunk, "vm_populate chunk=0 page=1 to=4 fail=0") == "kzalloc fails");
}

TEST_CASE("a populate that lacks a page table unmaps up to and with the failing CPU and flushes all units") {
    CHECK(script_after(with_chunk, "vm_populate chunk=0 page=3 to=5 fail=8") ==
          "kzalloc; alloc 0 a; alloc 0 b; alloc 0 c; alloc 0 d; "
          "table; map 3 a; table; map 4 b; tag a; tag b; table; map 11 c; table fails; "
          "unmap 3; unmap 4; unmap 11; tlb 3+10; free a; free b; free c; free d");
    CHECK(script_after(with_chunk, "vm_populate chunk=0 page=3 to=5 fail=6") ==
          "kzalloc; alloc 0 a; alloc 0 b; alloc 0 c; alloc 0 d; "
          "table; map 3 a; table fails; unmap 3; tlb 3+10; free a; free b; free c; free d");
}

TEST_CASE("a failed populate leaves nothing but the array and the tables it made") {
    const World before = after(with_chunk);
    World w = before;
    const Did d = run(w, "vm_populate chunk=0 page=3 to=5 fail=8");
    CHECK(d.outcome.err == Errno::nomem);
    CHECK(d.free == -3);
    CHECK(w.machine().tally.tables == before.machine().tally.tables + 3);
    CHECK(w.machine().tally.objects == before.machine().tally.objects + 1);
    CHECK(w.pcpu().chunks == before.pcpu().chunks);
    CHECK(w.pcpu().pages.size() == 16);
}

TEST_CASE("entries of an older call stay in the page array and are not looked at") {
    World w = after(with_chunk + "vm_populate chunk=0 page=0 to=2\n");
    const auto stale = w.pcpu().pages[1];
    CHECK(script(w, "vm_populate chunk=0 page=4 to=6 fail=0") == "alloc 0 fails");
    CHECK(w.pcpu().pages[1] == stale);
    CHECK(w.pcpu().pages[4] == no_pfn);
    CHECK(script(w, "vm_populate chunk=0 page=4 to=5 fail=1") == "alloc 0 a; alloc 0 fails; free a");
}

TEST_CASE("depopulate flushes caches, unmaps CPU by CPU and frees at once, and its caller flushes the TLBs") {
    CHECK(
        script_after(with_chunk + "vm_populate chunk=0 page=1 to=4\n", "vm_depopulate chunk=0 page=1 to=3") ==
        "cache- 1+10; unmap 1; unmap 2; unmap 9; unmap 10; "
        "free @1; free @2; free @9; free @10; tlb 1+10");
}

TEST_CASE("destroy flushes no TLB: the addresses go back to vmalloc, which does before it reuses them") {
    World w = after(with_chunk + "vm_populate chunk=0 page=1 to=2\n");
    CHECK(script(w, "vm_destroy chunk=0") == "cache- 1+9; unmap 1; unmap 9; free @1; free @9; "
                                             "cache- 0+16; release; kfree 4");
    CHECK(w.machine().vmalloc().nr_lazy_pages() == 16);
    CHECK(w.machine().vmalloc().nr_stale() == 2);
    CHECK(w.machine().vmalloc().nr_stale_in_use() == 0);
    CHECK(w.machine().tally.objects == 1); // the array
}

TEST_CASE("create makes four objects and one area for each group, and a failure gives back what it made") {
    CHECK(create(booted, "vm_create chunk=0") == "kzalloc; kzalloc; kzalloc; kzalloc; reserve");
    CHECK(create(booted, "vm_create chunk=0 fail=0") == "kzalloc fails");
    CHECK(create(booted, "vm_create chunk=0 fail=1") == "kzalloc; kzalloc fails; kfree 1");
    CHECK(create(booted, "vm_create chunk=0 fail=3") == "kzalloc; kzalloc; kzalloc; kzalloc fails; kfree 3");
    CHECK(create(booted, "vm_create chunk=0 fail=4") ==
          "kzalloc; kzalloc; kzalloc; kzalloc; reserve fails; kfree 4");
    const World before = after(booted);
    World w = before;
    CHECK(run(w, "vm_create chunk=0 fail=4").outcome.err == Errno::nomem);
    CHECK(w == before);
}

TEST_CASE("create has no room once addresses run out, and has again when a chunk was destroyed") {
    World w = after("geometry tiny vmalloc=8K cpus=0,0\npcpu_boot static=100 dyn=1500 atom=1K\n"
                    "vm_create chunk=0\nvm_create chunk=1\n");
    CHECK(run(w, "vm_create chunk=2").outcome.err == Errno::nomem);
    run(w, "vm_populate chunk=0 page=1 to=2");
    run(w, "vm_destroy chunk=0");
    const Did d = run(w, "vm_create chunk=2");
    CHECK(d.outcome == Outcome{.value = 1});
    CHECK(d.count(EventKind::flush_tlb_vmalloc) == 1); // the purge
    CHECK(w.machine().vmalloc().nr_stale() == 0);
}

TEST_CASE("groups of a chunk lie as far apart as in the first chunk, and units without a CPU stay empty") {
    World w = after("geometry x86-64 nodes=2 cpus=0*3,1*2\n"
                    "pcpu_boot static=100000 reserved=8K dyn=28K atom=2M\nvm_create chunk=0\n");
    const pcpu::Pcpu& p = w.pcpu();
    const u64 groups = p.layout.group_offsets.size();
    REQUIRE(groups == 2);
    const u64 base = (p.chunks[p.slots[0]].base_addr - vmalloc_start) / 4096;
    for (u64 g = 0; g < groups; ++g) {
        const VmapArea* a = w.machine().vmalloc().area_at(Vmap{base + p.layout.group_offsets[g] / 4096});
        REQUIRE(a);
        CHECK(a->start.value == base + p.layout.group_offsets[g] / 4096);
        CHECK((a->end - a->start) * 4096 == p.layout.group_sizes[g]);
    }
    const Did d = run(w, "vm_populate chunk=0 to=1");
    CHECK(d.count(EventKind::alloc_pages_node) == 5);
    CHECK(d.count(EventKind::vmalloc_pte) == 5);
    CHECK(w.machine().vmalloc().mapped(Vmap{base}, Vmap{w.machine().vmalloc().nr_pages()}).size() == 5);
}

TEST_CASE("should_reclaim: a quarter of the pages, and more than HIGH besides, and never the first chunks") {
    World w = after("geometry tiny cpus=0,0\npcpu_boot static=100 reserved=128 dyn=1500 atom=1K\n"
                    "vm_create chunk=0\n");
    State& s = w.own();
    pcpu::Pcpu& p = s.pcpu.own();
    NoWatch nobody;
    Kernel<NoWatch> k(s.machine, nobody);
    const auto asks = [&](pcpu::ChunkId id, bool isolated, int empty, int global, int nr_pages = 8) {
        pcpu::Chunk& c = p.chunks.own(id);
        c.isolated = isolated;
        c.nr_empty_pop_pages = empty;
        c.nr_pages = nr_pages;
        p.nr_empty_pop_pages = global;
        return pcpu_should_reclaim_chunk(p, id);
    };
    const pcpu::ChunkId id = p.slots[0];
    CHECK_FALSE(asks(id, false, 2, 6)); // 6 is not more than 4 + 2
    CHECK(asks(id, false, 2, 7));
    CHECK_FALSE(asks(id, false, 1, 100)); // less than 8 / 4
    CHECK(asks(id, false, 1, 6, 7));      // 7 / 4 is 1
    CHECK_FALSE(asks(id, false, 0, 4, 3));
    CHECK(asks(id, false, 0, 5, 3)); // 3 / 4 is 0: a chunk without an empty page will do
    CHECK_FALSE(asks(id, true, 0, 0));
    CHECK(asks(id, true, 1, 0));
    for (const pcpu::ChunkId first : {p.first_chunk, p.reserved_chunk}) {
        CHECK_FALSE(asks(first, true, 5, 100));
        CHECK_FALSE(asks(first, false, 5, 100));
    }
}

TEST_CASE("chunks in the vmalloc range take any layout") {
    CHECK(pcpu::pcpu_verify_alloc_info(pcpu::AllocInfo{}) == Errno::ok);
}

TEST_CASE("populate and depopulate are refused where the pages are not all the other way") {
    World w = after(with_chunk + "vm_populate chunk=0 page=2 to=4\n");
    for (const char* op : {"vm_populate chunk=0 page=3 to=5", "vm_populate chunk=0 page=4 to=4",
                           "vm_populate chunk=0 page=7 to=9", "vm_depopulate chunk=0 page=3 to=5",
                           "vm_depopulate chunk=0 page=0 to=1", "vm_populate chunk=1 to=1",
                           "vm_create chunk=0", "vm_destroy chunk=1", "vm_should_reclaim chunk=1"}) {
        const World before = w;
        CHECK(run(w, op).outcome.disabled);
        CHECK(w == before);
    }
}

} // namespace mmodel
