// SPDX-License-Identifier: GPL-2.0 OR MIT
// What neither the percpu model nor its sabotages do, told to the monitor by hand: each is reported, in
// words.
#include <catch2/catch.hpp>

#include "props/example.hpp"

namespace mmodel::spec {
namespace {

using Said = std::vector<std::string>;
using pcpu::ChunkId;
using pcpu::Pcpu;

const Ran done{}, refused{.outcome = {.err = Errno::inval}},
    out_of_memory{.outcome = {.err = Errno::nomem}, .nr_failed_allocs = 1},
    for_no_reason{.outcome = {.err = Errno::nomem}};

Said said(const World& before, const std::string& op, const World& after, const Ran& ran,
          const std::vector<Event>& events = {}) {
    Monitor monitor(before, op_of(before.config(), op), {}, OnViolation::collect);
    for (const Event& e : events) monitor.before(after.machine(), e);
    monitor.finish(after, ran);
    Said out;
    for (const Violation& v : monitor.violations())
        out.push_back(std::string(fact(v.inv).name) + ": " + v.detail);
    return out;
}

// Units of eight pages. Chunk 0 is the first one, of five pages, chunk 1 the reserved one; 2 is in chunk slot
// 0.
const std::string unbooted = "geometry tiny cpus=0,0\n";
const std::string boot = "pcpu_boot static=100 reserved=128 dyn=1000 atom=1K";
const std::string with_chunk = unbooted + boot + "\nvm_create chunk=0\n";
const std::string with_area = with_chunk + "pcpu_alloc area=0 bytes=64 align=4\n";
constexpr ChunkId first = 0, reserved = 1, own = 2;

// The world with a change to what percpu keeps.
template <class Change>
World with(World w, Change change) {
    change(w.own().pcpu.own());
    return w;
}

std::string promise(const std::string& detail) {
    return "inv_outcome_is_what_the_operation_promises: " + detail;
}
std::string rollback(const std::string& what) {
    return "inv_failed_operation_is_rolled_back: " + what + ", and something has changed";
}
std::string counters(const std::string& detail) { return "inv_percpu_counters_equal_the_truth: " + detail; }
std::string first_chunks(const std::string& detail) {
    return "inv_first_and_reserved_chunk_stay_populated: " + detail;
}
// After an atomic request that found no room.
World with_the_worker_due(World w) {
    return with(std::move(w), [](Pcpu& p) { p.balance_scheduled = true; });
}
auto contains(const std::string& line) { return Catch::VectorContains(line); }

} // namespace

TEST_CASE("what a percpu operation may do is not reported") {
    const World w = after(with_chunk), area = after(with_area);
    const Said nothing;
    CHECK(said(World(w.config()), boot, after(unbooted + boot + "\n"), done) == nothing);
    CHECK(said(World(w.config()), boot, World(w.config()), out_of_memory) == nothing);
    CHECK(said(w, "pcpu_alloc area=0 bytes=0 align=4", w, refused) == nothing);
    CHECK(said(w, "pcpu_alloc area=0 bytes=64 align=4 atomic=1", with_the_worker_due(w), for_no_reason) ==
          nothing);
    CHECK(said(w, "module_load area=0 bytes=64 align=4", w, for_no_reason) == nothing);
    CHECK(said(w, "vm_populate chunk=0 to=1", after(with_chunk + "vm_populate chunk=0 to=1\n"), done) ==
          nothing);
    CHECK(said(w, "vm_populate chunk=0 to=1", w, out_of_memory) == nothing);
    CHECK(said(area, "pcpu_free area=0", after(with_area + "pcpu_free area=0\n"), done) == nothing);
    CHECK(said(w, "cpu_online cpu=1 on=1", w, done) == nothing);
}

TEST_CASE("a chunk whose counters lie is reported") {
    const World w = after(with_chunk);
    const std::string op = "vm_should_reclaim chunk=0";
    CHECK_THAT(said(w, op, with(w, [](Pcpu& p) { p.chunks.own(own).nr_populated = 3; }), done),
               contains(counters("chunk 2: nr_populated 3, in truth 0")));
    CHECK_THAT(said(w, op, with(w, [](Pcpu& p) { p.chunks.own(own).nr_empty_pop_pages = -1; }), done),
               contains(counters("chunk 2: nr_empty_pop_pages -1, in truth 0")));
    CHECK_THAT(said(w, op, with(w, [](Pcpu& p) { ++p.nr_empty_pop_pages; }), done),
               contains(counters("pcpu_nr_empty_pop_pages 5, in truth 4")));
}

TEST_CASE("a page that is mapped and not marked populated, or marked and not mapped, is reported") {
    const World w = after(with_chunk), populated = after(with_chunk + "vm_populate chunk=0 to=1\n");
    const Vmap page = w.pcpu().chunk_vmap(w.pcpu().chunks[own], 1, 0);
    const std::string op = "vm_populate chunk=0 to=1",
                      inv = "inv_populated_page_maps_a_frame_of_its_own_on_every_possible_cpu: ";
    const World unmarked = with(populated, [](Pcpu& p) { p.chunks.own(own).populated.clear(0, 1); });
    const Event map{
        .kind = EventKind::vmalloc_pte, .pte = populated.machine().vmalloc().pte(page), .vmap = page};
    CHECK_THAT(said(w, op, unmarked, done, {map}),
               contains(inv + "chunk 2, page 0 of CPU 1 is mapped but not marked populated"));
    const World marked = with(w, [](Pcpu& p) { p.chunks.own(own).populated.set(0, 1); });
    const Event unmap{.kind = EventKind::vmalloc_pte, .vmap = page};
    CHECK_THAT(said(w, op, marked, done, {unmap}),
               contains(inv + "chunk 2, page 0 of CPU 1 is marked populated but not mapped"));
}

TEST_CASE("a first chunk that lost a page or is isolated is reported") {
    const World w = after(with_chunk);
    const std::string op = "vm_should_reclaim chunk=0";
    CHECK_THAT(said(w, op, with(w, [](Pcpu& p) { p.chunks.own(first).populated.clear(2, 1); }), done),
               contains(first_chunks("chunk 0 lacks pages")));
    CHECK_THAT(said(w, op, with(w, [](Pcpu& p) { p.chunks.own(reserved).isolated = true; }), done),
               contains(first_chunks("chunk 1 is isolated")));
}

TEST_CASE("a chunk on the wrong list is reported with the list and why it is wrong") {
    const World w = after(with_chunk);
    const std::string op = "vm_should_reclaim chunk=0", inv = "inv_every_chunk_is_on_its_list: ";
    CHECK_THAT(
        said(w, op, with(w, [](Pcpu& p) { p.chunks.move(own, 3, true); }), done),
        contains(inv + "chunk 2 is on list 3; its slot is " + std::to_string(w.pcpu().layout.free_slot)));
    CHECK_THAT(said(w, op, with(w, [](Pcpu& p) { p.chunks.move(reserved, 0, true); }), done),
               contains(inv + "chunk 1 is on list 0; its slot is 5"));
    CHECK_THAT(said(w, op, with(w, [](Pcpu& p) { p.chunks.unlist(first); }), done),
               contains(inv + "chunk 0 is on no list; its slot is 8"));
    const World isolated = with(w, [](Pcpu& p) {
        p.slots[0] = pcpu::no_chunk;
        p.chunks.own(own).isolated = true;
        p.chunks.move(own, p.layout.free_slot, true);
    });
    CHECK_THAT(
        said(w, "cpu_online cpu=1 on=1", isolated, done),
        contains(inv + "chunk 2 is on list " + std::to_string(w.pcpu().layout.free_slot) + ", and isolated"));
}

TEST_CASE("a vmalloc area that no chunk has is reported") {
    World w = after(with_chunk);
    const World before = w;
    const u64 offset = 0, size = 1;
    Vmalloc& v = w.own().machine.vmalloc();
    v.reserve(Vmap{0}, {std::span(&offset, 1), std::span(&size, 1), 1});
    CHECK(said(before, "vm_should_reclaim chunk=0", w, done) ==
          Said{"inv_no_object_is_leaked: 2 vmalloc areas are reserved; the chunks account for 1"});
}

TEST_CASE("a boot whose result does not say what it did is reported") {
    const World none(config_of("tiny cpus=0,0")), w = after(unbooted + boot + "\n");
    CHECK(said(none, boot, none, done) == Said{promise("there is no first chunk although 0 was returned")});
    CHECK(said(none, boot, w, out_of_memory) == Said{rollback("percpu was not set up")});
    CHECK(said(none, boot, with(w, [](Pcpu& p) { p.chunks.own(reserved).immutable = false; }), done) ==
          Said{first_chunks("a first chunk is not populated, or not immutable")});
    CHECK(said(none, boot, with(w, [](Pcpu& p) { p.layout.low_unit_cpu = 1; }), done) ==
          Said{promise("the lowest or the highest unit is another CPU's")});
    CHECK(said(none, boot, with(w, [](Pcpu& p) { p.layout.high_unit_cpu = 0; }), done) ==
          Said{promise("the lowest or the highest unit is another CPU's")});
}

TEST_CASE("an allocation whose result does not say what it did is reported") {
    const World w = after(with_chunk), area = after(with_area);
    const std::string atomic = "pcpu_alloc area=0 bytes=64 align=4 atomic=1",
                      odd = "pcpu_alloc area=0 bytes=0 align=4";
    const std::string broke = promise("an atomic allocation populated pages or made a chunk");
    CHECK(said(w, atomic, with_the_worker_due(w), for_no_reason,
               {{.kind = EventKind::alloc_pages_node, .ok = false, .gfp = gfp::nowait}}) == Said{broke});
    CHECK(said(w, atomic, with_the_worker_due(after(with_chunk + "vm_create chunk=1\n")), for_no_reason) ==
          Said{broke});
    CHECK(said(w, atomic, w, for_no_reason) ==
          Said{promise("no empty page is left for an atomic allocation, and the balance worker is not due")});
    CHECK(said(w, odd, w, out_of_memory) == Said{promise("a request that cannot be is not refused")});
    CHECK(said(w, odd, after(with_chunk + "vm_create chunk=1\n"), refused) ==
          Said{rollback("the request was refused")});
    CHECK_THAT(said(w, odd, area, done),
               contains("inv_percpu_area_is_as_asked: a request that is to be refused was served"));
    CHECK(said(w, "pcpu_alloc area=0 bytes=64 align=4", w, for_no_reason) ==
          Said{promise("nothing was handed out although no allocation failed")});
}

TEST_CASE("an area that lies where another one does, or was not zeroed, is reported") {
    const World w = after(with_chunk + "pcpu_alloc area=1 bytes=64 align=4\n");
    const pcpu::Area other = w.pcpu().areas[1];
    const World twice = with(w, [&](Pcpu& p) { p.areas[0] = other; });
    const std::string off = std::to_string(other.off);
    CHECK_THAT(
        said(w, "cpu_online cpu=1 on=1", with(twice, [](Pcpu& p) { (void)p.chunks.own(first); }), done),
        contains("inv_percpu_areas_are_disjoint: chunk 0: areas at " + off + " and " + off + " overlap"));
    // Only what judges the operation looks at a chunk that it left alone.
    World quiet = twice;
    quiet.own().pcpu.own().chunks.forget_touched();
    const Said all = said(w, "pcpu_alloc area=0 bytes=64 align=4", quiet, done);
    const std::string at = "offset " + std::to_string(other.off) + " of chunk 0";
    CHECK_THAT(all, contains("inv_percpu_areas_are_disjoint: the area at " + at + " overlaps the one at " +
                             std::to_string(other.off)));
    CHECK_THAT(all, contains("inv_percpu_area_is_zeroed: the area at " + at + " on CPU 0"));
}

TEST_CASE("a free whose result does not say what it did is reported") {
    const World w = after(with_area), freed = after(with_area + "pcpu_free area=0\n");
    CHECK(said(w, "pcpu_free area=0", w, refused) ==
          Said{promise("no chunk was found for an area that was handed out")});
    CHECK(said(w, "pcpu_free area=0", w, done) == Said{promise("the area is still allocated")});
    const Event unmap{.kind = EventKind::vmalloc_pte, .vmap = Vmap{1}};
    CHECK(said(w, "pcpu_free area=0", freed, done, {unmap}) ==
          Said{promise("freeing an area changed what is populated")});
    CHECK(said(freed, "pcpu_free area=0 again=1", after(with_chunk + "vm_create chunk=1\n"), refused) ==
          Said{rollback("freeing it again was refused")});
}

TEST_CASE("a balance worker that leaves a chunk to be depopulated is reported") {
    const World w = after(with_chunk);
    const World waiting = with(w, [](Pcpu& p) {
        p.slots[0] = pcpu::no_chunk;
        pcpu_isolate_chunk(p, own);
    });
    CHECK(said(w, "pcpu_balance", waiting, done) ==
          Said{"inv_balance_leaves_one_free_chunk: a chunk still waits to be depopulated"});
}

TEST_CASE("a lookup of what is not mapped, or one that changes something, is reported") {
    const World w = after(with_area);
    const World moved = with(w, [](Pcpu& p) { p.areas[0].chunk = own; }); // whose pages are not populated
    const Said all = said(moved, "pcpu_lookup area=0 cpu=0", moved, {.outcome = {.value = 7}});
    CHECK_THAT(all, contains("inv_percpu_lookup_finds_the_frame: it is 7, the page table gives -1"));
    const World more = after(with_area + "vm_create chunk=1\n");
    const u64 phys = w.pcpu().chunks[first].base_addr + static_cast<u64>(w.pcpu().areas[0].off);
    CHECK(said(w, "pcpu_lookup area=0 cpu=0", more, {.outcome = {.value = phys}}) ==
          Said{rollback("an address was looked up")});
}

TEST_CASE("a percpu-vm call whose result does not say what it did is reported") {
    const World w = after(with_chunk), populated = after(with_chunk + "vm_populate chunk=0 to=2\n");
    CHECK(said(w, "vm_populate chunk=0 to=2", w, for_no_reason) ==
          Said{promise("it failed although no allocation failed")});
    CHECK(said(w, "vm_populate chunk=0 to=2", populated, out_of_memory) ==
          Said{rollback("the operation failed")});
    CHECK(said(w, "vm_populate chunk=0 to=3", populated, done) ==
          Said{promise("2 pages populated and 0 chunks made, not 3 and 0")});
    CHECK(said(populated, "vm_depopulate chunk=0 to=2", populated, done) ==
          Said{promise("0 pages populated and 0 chunks made, not -2 and 0")});
    CHECK(said(populated, "vm_destroy chunk=0", populated, done) ==
          Said{promise("0 pages populated and 0 chunks made, not -2 and -1")});
    CHECK(said(w, "vm_create chunk=1", w, done) ==
          Said{promise("0 pages populated and 0 chunks made, not 0 and 1")});
    CHECK(said(w, "vm_should_reclaim chunk=0", w, {.outcome = {.value = 1}}) ==
          Said{promise("it is not to be reclaimed")});
    const World plenty = with(populated, [](Pcpu& p) {
        p.chunks.own(own).isolated = true;
        p.nr_empty_pop_pages -= 2;
    });
    CHECK_THAT(said(plenty, "vm_should_reclaim chunk=0", plenty, done),
               contains(promise("it is to be reclaimed")));
    CHECK(said(w, "vm_should_reclaim chunk=0", populated, done) == Said{rollback("a question was asked")});
    CHECK(said(w, "cpu_online cpu=1 on=1", populated, done) == Said{rollback("a CPU came or went")});
}

} // namespace mmodel::spec
