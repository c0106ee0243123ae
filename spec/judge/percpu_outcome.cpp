// SPDX-License-Identifier: GPL-2.0 OR MIT
// The percpu allocator: what an operation may return, and what it leaves. The abstract machine: an area is
// somebody's or free, a chunk's page populated or not; what fails leaves both as they were.
#include <algorithm>

#include "spec/judge/monitor.hpp"

namespace mmodel::spec {
namespace {

std::string num(i64 n) { return std::to_string(n); }

} // namespace

bool may_be_asked(const pcpu::Sizes& s, u64 bytes, u64 align) {
    return bytes > 0 && bytes <= s.min_unit_bytes && align <= s.page_bytes &&
           (align < 4 || std::has_single_bit(align));
}

void PercpuJudge::judge_outcome(Monitor& out, const World& w, const Ran& ran) {
    switch (percpu_op(op_.kind)) {
    case PercpuOp::pcpu_boot: return judge_boot(out, w, ran);
    case PercpuOp::pcpu_alloc:
    case PercpuOp::module_load: return judge_alloc(out, w, ran);
    case PercpuOp::pcpu_free:
    case PercpuOp::module_unload: return judge_free(out, w, ran);
    case PercpuOp::pcpu_balance: return judge_balance(out, w, ran);
    case PercpuOp::pcpu_lookup: return judge_lookup(out, w, ran);
    case PercpuOp::vm_create:
    case PercpuOp::vm_populate:
    case PercpuOp::vm_depopulate:
    case PercpuOp::vm_destroy:
    case PercpuOp::vm_should_reclaim: return judge_chunk_operation(out, w, ran);
    case PercpuOp::cpu_online: return require_as_before(out, w, "a CPU came or went");
    }
}

// Page tables that were made stay, and so does the array of page pointers; nothing else does.
void PercpuJudge::require_as_before(Monitor& out, const World& w, const char* what) {
    const Pcpu& p = w.pcpu();
    const struct {
        Way way;
        i64 now, before;
    } all[] = {{Way::booted, p.booted, was_booted_},
               {Way::nr_chunks, static_cast<i64>(p.chunks.nr_live()), static_cast<i64>(nr_chunks_)},
               {Way::nr_populated, p.nr_populated, nr_populated_},
               {Way::nr_mapped, w.machine().tally.vmalloc, nr_mapped_},
               {Way::nr_empty_pop_pages, p.nr_empty_pop_pages, nr_empty_}};
    for (const auto& [way, now, before] : all)
        if (now != before)
            return out.fail(Inv::failed_operation_is_rolled_back, nullptr,
                            std::string(what) + ", and something has changed",
                            {.way = way, .excess = now - before});
}

void PercpuJudge::judge_boot(Monitor& out, const World& w, const Ran& ran) {
    if (ran.outcome.err != Errno::ok) return require_as_before(out, w, "percpu was not set up");
    const Pcpu& p = w.pcpu();
    if (!p.booted)
        return out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                        "there is no first chunk although 0 was returned", {.way = Way::no_first_chunk});
    for (ChunkId id : {p.first_chunk, p.reserved_chunk})
        if (id != pcpu::no_chunk &&
            (!p.chunks[id].immutable || p.chunks[id].nr_populated != p.chunks[id].nr_pages))
            out.fail(Inv::first_and_reserved_chunk_stay_populated, nullptr,
                     "a first chunk is not populated, or not immutable",
                     {.way = Way::first_chunk_lacks_pages});
    u64 low = ~u64{0}, high = 0;
    for_each_possible_cpu(p, [&](int cpu) {
        low = std::min(low, p.layout.unit_offsets[static_cast<std::size_t>(cpu)]);
        high = std::max(high, p.layout.unit_offsets[static_cast<std::size_t>(cpu)]);
    });
    if (p.layout.unit_offsets[static_cast<std::size_t>(p.layout.low_unit_cpu)] != low ||
        p.layout.unit_offsets[static_cast<std::size_t>(p.layout.high_unit_cpu)] != high)
        out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 "the lowest or the highest unit is another CPU's", {.way = Way::lowest_or_highest_unit});
    if (!Pcpu::is_vmalloc_addr(p.base_addr)) judge_kept_pages(out, p);
}

// Of what boot took, an embedded first chunk keeps what the units of possible CPUs use.
void PercpuJudge::judge_kept_pages(Monitor& out, const Pcpu& p) {
    const pcpu::AllocInfo& ai = p.layout.ai;
    const i64 of_a_unit =
        static_cast<i64>((ai.static_size + ai.reserved_size + ai.dyn_size) / p.page_bytes());
    const i64 kept = static_cast<i64>(p.nr_embedded_frames), used = of_a_unit * p.nr_possible();
    if (kept != used)
        out.fail(kept > used ? Inv::no_page_is_leaked : Inv::first_and_reserved_chunk_stay_populated, nullptr,
                 num(kept) + " pages are kept for units, which use " + num(used),
                 {.way = Way::unused_by_units, .excess = kept - used});
}

void PercpuJudge::judge_alloc(Monitor& out, const World& w, const Ran& ran) {
    const Pcpu& p = w.pcpu();
    const pcpu::Area& a = p.areas[op_.area()];
    const bool module = op_.kind == OpKind::module_load;
    const u64 align = module ? std::min(op_.align, p.page_bytes()) : op_.align;
    const bool atomic = !module && op_.is_atomic(), refused = !may_be_asked(p.sizes, op_.bytes, align);
    if (atomic && (nr_page_allocs_ || p.chunks.nr_live() != nr_chunks_ || !changed_.empty()))
        out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 "an atomic allocation populated pages or made a chunk", {.way = Way::atomic_populated});
    // pcpu_alloc() asks for the worker after an atomic request that found no room, and when few pages are
    // left.
    if (!refused && (a.live ? p.nr_empty_pop_pages == 0 : atomic) && !p.balance_scheduled)
        out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 "no empty page is left for an atomic allocation, and the balance worker is not due",
                 {.way = Way::worker_is_not_due});
    if (a.live) {
        if (refused)
            out.fail(Inv::percpu_area_is_as_asked, nullptr, "a request that is to be refused was served",
                     {.way = Way::served_though_refused});
        return judge_area(out, w, a, align);
    }
    if (refused) {
        if (ran.outcome.err != Errno::inval)
            out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                     "a request that cannot be is not refused", {.way = Way::not_refused});
        return require_as_before(out, w, "the request was refused");
    }
    if (ran.outcome.err != Errno::nomem)
        out.fail(Inv::outcome_is_what_the_operation_promises, nullptr, "a request that can be is refused",
                 {.way = Way::refused});
    const bool may_fail = atomic || (module && p.reserved_chunk != pcpu::no_chunk) || ran.nr_failed_allocs;
    if (!may_fail)
        out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 "nothing was handed out although no allocation failed", {.way = Way::nothing_handed_out});
}

void PercpuJudge::judge_own(Monitor& out, const World& w) {
    const bool module = op_.kind == OpKind::module_load;
    if (op_.kind != OpKind::pcpu_alloc && !module) return;
    if (!module && op_.is_atomic() && (nr_page_allocs_ || !changed_.empty()))
        out.fail(Inv::outcome_is_what_the_operation_promises, nullptr, "an atomic allocation populated pages",
                 {.way = Way::atomic_populated});
    const pcpu::Area& a = w.pcpu().areas[op_.area()];
    if (a.live) judge_area(out, w, a, module ? std::min(op_.align, w.pcpu().page_bytes()) : op_.align);
}

void PercpuJudge::judge_area(Monitor& out, const World& w, const pcpu::Area& a, u64 align) {
    const Pcpu& p = w.pcpu();
    const Chunk& c = p.chunks[a.chunk];
    const u64 addr = c.base_addr + static_cast<u64>(a.off);
    const int end = c.nr_pages * static_cast<int>(p.page_bytes()) - c.end_offset;
    if (addr % std::max<u64>(align, pcpu::min_alloc_bytes) || a.off < c.start_offset ||
        a.off + a.bytes > end || area_bytes_at(c, a.off) != a.bytes || static_cast<u32>(a.bytes) < op_.bytes)
        out.fail(Inv::percpu_area_is_as_asked, nullptr,
                 num(area_bytes_at(c, a.off)) + " bytes at offset " + num(a.off) + " of chunk " +
                     num(i64{a.chunk}) + " for " + num(i64{op_.bytes}) + " bytes aligned to " +
                     num(static_cast<i64>(align)));
    for (const pcpu::Area& other : p.areas)
        if (&other != &a && other.live && other.chunk == a.chunk && other.off < a.off + a.bytes &&
            a.off < other.off + other.bytes)
            out.fail(Inv::percpu_areas_are_disjoint, nullptr,
                     "the area at offset " + num(a.off) + " of chunk " + num(i64{a.chunk}) +
                         " overlaps the one at " + num(other.off),
                     {.way = Way::overlap});
    u64 place = 0;
    for_each_possible_cpu(p, [&](int cpu) {
        const u64 start = p.chunk_addr(c, cpu, 0) + static_cast<u64>(a.off);
        const bool zeroed = std::ranges::any_of(zeroed_, [&](const Zeroed& z) {
            return z.addr <= start && start + static_cast<u64>(a.bytes) <= z.addr + z.bytes;
        });
        if (!zeroed)
            out.fail(Inv::percpu_area_is_zeroed, nullptr,
                     "the area at offset " + num(a.off) + " of chunk " + num(i64{a.chunk}) + " on CPU " +
                         num(cpu),
                     {.place = place, .of = static_cast<u64>(p.nr_possible())});
        ++place;
    });
}

void PercpuJudge::judge_free(Monitor& out, const World& w, const Ran& ran) {
    if (op_.kind == OpKind::pcpu_free && op_.is_again())
        return require_as_before(out, w, "freeing it again was refused");
    if (ran.outcome.err != Errno::ok)
        return out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                        "no chunk was found for an area that was handed out", {.way = Way::no_chunk_found});
    if (area_bytes_at(w.pcpu().chunks[area_.chunk], area_.off))
        out.fail(Inv::outcome_is_what_the_operation_promises, nullptr, "the area is still allocated",
                 {.way = Way::still_allocated});
    if (!changed_.empty() || w.pcpu().nr_populated != nr_populated_)
        out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 "freeing an area changed what is populated", {.way = Way::free_populated});
}

// The worker is what makes room for allocations that may not sleep (pcpu_balance_populated()). How many pages
// it keeps is tuned. They may be an isolated chunk's, whose pages pcpu_nr_empty_pop_pages does not count: an
// allocation finds them all the same.
void PercpuJudge::judge_balance(Monitor& out, const World& w, const Ran& ran) {
    const Pcpu& p = w.pcpu();
    if (!p.chunks.is_empty(p.layout.to_depopulate_slot))
        out.fail(Inv::balance_leaves_one_free_chunk, nullptr, "a chunk still waits to be depopulated",
                 {.way = Way::waits});
    const ChunkId first = p.chunks.first(p.layout.free_slot);
    for (ChunkId id = first; id != pcpu::no_chunk; id = p.chunks.next(id))
        if (id != first && p.chunks[id].nr_populated == 0)
            out.fail(Inv::balance_leaves_one_free_chunk, nullptr,
                     "chunk " + num(i64{id}) + " is free, empty and not the first", {.way = Way::empty});
    bool has_room = ran.nr_failed_allocs != 0;
    for (ChunkId id = 0; id < p.chunks.end_id() && !has_room; ++id)
        has_room = p.chunks.is_live(id) && id != p.reserved_chunk && p.chunks[id].nr_empty_pop_pages;
    if (!has_room)
        out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 "the balance worker left no empty page although no allocation failed",
                 {.way = Way::no_empty_page});
}

void PercpuJudge::judge_lookup(Monitor& out, const World& w, const Ran& ran) {
    const Pcpu& p = w.pcpu();
    const u64 addr =
        p.chunk_addr(p.chunks[area_.chunk], op_.cpu(), 0) + static_cast<u64>(area_.off) + op_.page;
    u64 phys = addr;
    if (Pcpu::is_vmalloc_addr(addr)) {
        const Pte pte = w.machine().vmalloc().pte(Vmap{(addr - vmalloc_start) / p.page_bytes()});
        phys = pte.present() ? pte.pfn().value * p.page_bytes() + addr % p.page_bytes() : ~u64{0};
    }
    if (ran.outcome.value != phys)
        out.fail(Inv::percpu_lookup_finds_the_frame, nullptr,
                 "it is " + num(static_cast<i64>(ran.outcome.value)) + ", the page table gives " +
                     num(static_cast<i64>(phys)));
    require_as_before(out, w, "an address was looked up");
}

void PercpuJudge::judge_chunk_operation(Monitor& out, const World& w, const Ran& ran) {
    const Pcpu& p = w.pcpu();
    if (ran.outcome.err != Errno::ok) {
        if (!ran.nr_failed_allocs)
            out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                     "it failed although no allocation failed", {.way = Way::failed_without_a_failure});
        return require_as_before(out, w, "the operation failed");
    }
    if (op_.kind == OpKind::vm_should_reclaim) {
        const Chunk& c = p.chunks[slot_];
        const bool plenty = p.nr_empty_pop_pages > pcpu::empty_pop_pages_high + c.nr_empty_pop_pages;
        const bool should =
            (c.isolated && c.nr_empty_pop_pages > 0) || (plenty && c.nr_empty_pop_pages >= c.nr_pages / 4);
        if (ran.outcome.value != u64{should})
            out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                     should ? "it is to be reclaimed" : "it is not to be reclaimed",
                     {.way = should ? Way::to_be_reclaimed : Way::not_to_be_reclaimed});
        return require_as_before(out, w, "a question was asked");
    }
    const i64 delta = op_.kind == OpKind::vm_populate     ? i64{op_.to} - op_.page
                      : op_.kind == OpKind::vm_depopulate ? i64{op_.page} - op_.to
                      : op_.kind == OpKind::vm_destroy    ? -static_cast<i64>(nr_chunk_populated_)
                                                          : 0;
    const i64 chunks = op_.kind == OpKind::vm_create ? 1 : op_.kind == OpKind::vm_destroy ? -1 : 0;
    const i64 populated = p.nr_populated - nr_populated_;
    const i64 made = static_cast<i64>(p.chunks.nr_live()) - static_cast<i64>(nr_chunks_);
    for (const auto& [excess, way] :
         {std::pair(populated - delta, Way::nr_populated), {made - chunks, Way::nr_chunks}})
        if (excess)
            return out.fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                            num(populated) + " pages populated and " + num(made) + " chunks made, not " +
                                num(delta) + " and " + num(chunks),
                            {.way = way, .excess = excess});
}

} // namespace mmodel::spec
