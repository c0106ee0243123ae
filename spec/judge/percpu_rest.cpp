// SPDX-License-Identifier: GPL-2.0 OR MIT
// What must hold after an operation, of the chunks that it touched and of the sums.
#include <algorithm>

#include "spec/judge/monitor.hpp"

namespace mmodel::spec {
namespace {

std::string num(i64 n) { return std::to_string(n); }
std::string num(u64 n) { return std::to_string(n); }
std::string chunk_name(pcpu::ChunkId id) { return "chunk " + num(u64{id}); }
std::string vmalloc_page(Vmap v) { return "vmalloc page " + num(v.value); }

bool is_boot_chunk(const pcpu::Pcpu& p, pcpu::ChunkId id) {
    return id == p.first_chunk || id == p.reserved_chunk;
}

bool is_in_slot(const pcpu::Pcpu& p, pcpu::ChunkId id) {
    return std::ranges::find(p.slots, id) != p.slots.end();
}

// Whose unit a distance from a chunk's base lies in, no_cpu for a surplus one; nothing outside the areas.
std::optional<int> cpu_at(const pcpu::Pcpu& p, u64 offset) {
    std::optional<int> found;
    for (std::size_t g = 0; g < p.layout.group_offsets.size(); ++g) {
        const u64 start = p.layout.group_offsets[g];
        if (offset >= start && offset < start + p.layout.group_sizes[g])
            found = p.layout.ai.groups[g].cpu_map[(offset - start) / p.layout.unit_size];
    }
    return found;
}

// The list of a chunk that is not isolated, by the longest free run that it says it has: list 0 has nothing
// to give; whole units have a list of their own; runs below 16 bytes are in list 1, and whenever a run is
// twice as long its list is the next.
int list_of(const pcpu::Pcpu& p, const pcpu::Chunk& c) {
    const u64 run = c.free_bytes ? u64{pcpu::min_alloc_bytes} * static_cast<u64>(c.chunk_md.contig_hint) : 0;
    if (run == 0) return 0;
    if (run == p.layout.unit_size) return p.layout.free_slot;
    int list = 1;
    for (u64 end = 16; run >= end; end *= 2) ++list;
    return list;
}

} // namespace

// Boot fills a unit from its start to where the first chunk ends.
i64 nr_pages_from_boot(const pcpu::Pcpu& p) {
    const pcpu::Chunk& first = p.chunks[p.first_chunk];
    return static_cast<i64>((first.base_addr - p.base_addr) / p.page_bytes()) + first.nr_pages;
}

void PercpuJudge::judge_rest(Monitor& out, const World& w) {
    const Pcpu& p = w.pcpu();
    const Vmalloc& v = w.machine().vmalloc();
    if (const auto stale = v.first_stale_in_use())
        out.fail(Inv::tlb_agrees_with_the_page_table_at_rest, nullptr,
                 "a stale translation of " + vmalloc_page(*stale) + " was never flushed");
    if (!p.booted || !is_percpu(op_.kind)) return;
    std::vector<ChunkId> chunks = p.chunks.touched();
    std::ranges::sort(chunks);
    chunks.erase(std::ranges::unique(chunks).begin(), chunks.end());
    std::erase_if(chunks, [&](ChunkId id) { return !p.chunks.is_live(id); });
    for (const Vmap page : changed_) judge_mapping(out, w, page, chunks);
    for (const ChunkId id : chunks) judge_chunk(out, w, id);
    judge_totals(out, w);
    if (p.chunks.nr_live() <= max_chunks_judged_each_time) judge_all_chunks(out, w);
}

// A page of the vmalloc range whose entry changed is what the populated bitmap of its chunk says it is.
void PercpuJudge::judge_mapping(Monitor& out, const World& w, Vmap v, const std::vector<ChunkId>& chunks) {
    const Pcpu& p = w.pcpu();
    const Machine& m = w.machine();
    const Pte pte = m.vmalloc().pte(v);
    const u64 addr = vmalloc_start + v.value * p.page_bytes();
    for (const ChunkId id : chunks) {
        const Chunk& c = p.chunks[id];
        const u64 offset = addr - c.base_addr;
        const auto cpu = is_boot_chunk(p, id) || addr < c.base_addr ? std::nullopt : cpu_at(p, offset);
        if (!cpu) continue;
        if (*cpu == pcpu::no_cpu) {
            if (pte.present())
                out.fail(Inv::only_units_of_possible_cpus_are_mapped, nullptr,
                         vmalloc_page(v) + " lies in a unit that no CPU has");
            return;
        }
        if (pte.present() && m.vmalloc().cache(v).unflushed)
            out.fail(Inv::cache_is_flushed_after_an_address_is_mapped, nullptr,
                     vmalloc_page(v) + " was not flushed");
        const int page = static_cast<int>((offset - p.layout.unit_offsets[static_cast<std::size_t>(*cpu)]) /
                                          p.page_bytes());
        const auto which = [&] { // said only of what is wrong
            return chunk_name(id) + ", page " + num(i64{page}) + " of CPU " + num(i64{*cpu});
        };
        if (pte.present() != c.populated.test(page))
            out.fail(Inv::populated_page_maps_a_frame_of_its_own_on_every_possible_cpu, nullptr,
                     which() + (pte.present() ? " is mapped but not marked populated"
                                              : " is marked populated but not mapped"),
                     {.way = pte.present() ? Way::unmarked : Way::unmapped});
        if (!pte.present()) return;
        if (!pte.writable() || m.frame(pte.pfn()).nr_ptes != 1)
            out.fail(Inv::populated_page_maps_a_frame_of_its_own_on_every_possible_cpu, nullptr,
                     which() + (pte.writable() ? " shares its frame" : " is read-only"),
                     {.way = pte.writable() ? Way::shared : Way::read_only});
        if (m.tag(pte.pfn()) != pcpu::tag_of(id))
            out.fail(Inv::page_says_whose_chunk_it_is, nullptr,
                     which() + ": pfn " + num(pte.pfn().value) + " does not name it");
        const auto asked = asked_.find(pte.pfn().value);
        if (asked != asked_.end() && int{asked->second} != p.cpus.node(*cpu))
            out.fail(Inv::percpu_page_is_asked_of_its_cpus_node, nullptr,
                     which() + " was asked of node " + num(u64{asked->second}) + ", its node is " +
                         num(i64{p.cpus.node(*cpu)}));
        return;
    }
}

void PercpuJudge::judge_chunk(Monitor& out, const World& w, ChunkId id) {
    const Pcpu& p = w.pcpu();
    const Chunk& c = p.chunks[id];
    judge_chunk_areas(out, p, id);
    const int empty = judge_hints(out, p, id);
    const int populated = c.populated.count(0, c.nr_pages);
    if (populated != c.nr_populated)
        out.fail(Inv::percpu_counters_equal_the_truth, nullptr,
                 chunk_name(id) + ": nr_populated " + num(i64{c.nr_populated}) + ", in truth " +
                     num(i64{populated}),
                 {.way = Way::chunk_nr_populated, .excess = c.nr_populated - populated});
    if (empty != c.nr_empty_pop_pages)
        out.fail(Inv::percpu_counters_equal_the_truth, nullptr,
                 chunk_name(id) + ": nr_empty_pop_pages " + num(i64{c.nr_empty_pop_pages}) + ", in truth " +
                     num(i64{empty}),
                 {.way = Way::chunk_nr_empty_pop_pages, .excess = c.nr_empty_pop_pages - empty});
    if (is_boot_chunk(p, id) && (populated != c.nr_pages || c.isolated))
        out.fail(Inv::first_and_reserved_chunk_stay_populated, nullptr,
                 chunk_name(id) + (c.isolated ? " is isolated" : " lacks pages"),
                 {.way = c.isolated ? Way::isolated : Way::first_chunk_lacks_pages});
}

// mm/percpu.c, pcpu_block_update_hint_free(): a chunk's hint may be short by up to a page, and is never more
// than there is. So are those of a page; and a search begins no later than where something is free. How many
// populated pages have no area: whoever knows where the first one begins need not search for most of this.
int PercpuJudge::judge_hints(Monitor& out, const Pcpu& p, ChunkId id) {
    const Chunk& c = p.chunks[id];
    const int page_bits = static_cast<int>(p.page_bytes() / pcpu::min_alloc_bytes);
    const auto judge = [&](const pcpu::BlockMd& b, int start, int nr_bits, bool edges) {
        const int end = start + nr_bits, taken = c.alloc_map.next_set(start, end);
        const auto is_free = [&](int from, int to) {
            return (from >= start && to <= taken) || c.alloc_map.next_set(from, to) == to;
        };
        const int contig = start + b.contig_hint_start;
        if ((b.contig_hint && !is_free(contig, contig + b.contig_hint)) ||
            (edges && !(is_free(start, start + b.left_free) && is_free(end - b.right_free, end))))
            out.fail(Inv::percpu_counters_equal_the_truth, nullptr,
                     chunk_name(id) + ": a hint at byte " + num(i64{start} * pcpu::min_alloc_bytes) +
                         " promises what is not free",
                     {.way = Way::hint});
        const int first = std::min(end, start + b.first_free);
        if (c.alloc_map.next_zero(start, first) < first)
            out.fail(Inv::percpu_counters_equal_the_truth, nullptr,
                     chunk_name(id) + ": what is free before first_free is passed over",
                     {.way = Way::first_free});
        return taken == end;
    };
    judge(c.chunk_md, 0, c.nr_pages * page_bits, false);
    int empty = 0;
    for (int page = 0; page < c.nr_pages; ++page) {
        const bool is_empty =
            judge(c.md_blocks[static_cast<std::size_t>(page)], page * page_bits, page_bits, true);
        empty += is_empty && c.populated.test(page);
    }
    return empty;
}

// What the chunk counts as taken is what the areas in it take, and they do not overlap.
void PercpuJudge::judge_chunk_areas(Monitor& out, const Pcpu& p, ChunkId id) {
    const Chunk& c = p.chunks[id];
    std::vector<std::pair<int, int>> areas;
    int taken = 0;
    for (const pcpu::Area& a : p.areas)
        if (a.live && a.chunk == id) areas.emplace_back(a.off, a.off + a.bytes), taken += a.bytes;
    std::ranges::sort(areas);
    for (std::size_t i = 1; i < areas.size(); ++i)
        if (areas[i].first < areas[i - 1].second)
            out.fail(Inv::percpu_areas_are_disjoint, nullptr,
                     chunk_name(id) + ": areas at " + num(i64{areas[i - 1].first}) + " and " +
                         num(i64{areas[i].first}) + " overlap",
                     {.way = Way::overlap});
    const int served = c.nr_pages * static_cast<int>(p.page_bytes()) - c.start_offset - c.end_offset;
    if (c.free_bytes != served - taken)
        out.fail(Inv::percpu_areas_are_disjoint, nullptr,
                 chunk_name(id) + " has " + num(i64{c.free_bytes}) + " free bytes; without its areas " +
                     num(i64{served - taken}) + " would be free",
                 {.way = Way::free_bytes, .excess = c.free_bytes - (served - taken)});
    const int page = static_cast<int>(p.page_bytes());
    for (const auto& [start, end] : areas)
        if (const int last = (end + page - 1) / page; c.populated.next_zero(start / page, last) != last)
            out.fail(Inv::percpu_area_is_populated, nullptr,
                     chunk_name(id) + ": a page of the area at " + num(i64{start}) + " is not populated");
}

void PercpuJudge::judge_chunk_list(Monitor& out, const Pcpu& p, ChunkId id) {
    const int list = p.chunks.list_of(id);
    const Chunk& c = p.chunks[id];
    const int slot = list_of(p, c);
    // A search that finds too little room in a small chunk puts it in list 0, where it stays until it
    // changes.
    const bool demoted = list == 0 && slot < pcpu::slot_fail_threshold;
    const bool holds = id == p.reserved_chunk || is_in_slot(p, id) ? list == pcpu::no_list
                       : c.isolated ? list == p.layout.sidelined_slot || list == p.layout.to_depopulate_slot
                                    : list == slot || demoted;
    if (!holds)
        out.fail(Inv::every_chunk_is_on_its_list, nullptr,
                 chunk_name(id) +
                     (list == pcpu::no_list ? " is on no list" : " is on list " + num(i64{list})) +
                     (c.isolated ? ", and isolated" : "; its slot is " + num(i64{slot})),
                 {.way = list == pcpu::no_list ? Way::on_no_list
                         : c.isolated          ? Way::isolated
                                               : Way::wrong_list});
}

// The sums, by what the page table and the counts of objects say.
void PercpuJudge::judge_totals(Monitor& out, const World& w) {
    const Pcpu& p = w.pcpu();
    const Machine& m = w.machine();
    const bool paged = Pcpu::is_vmalloc_addr(p.base_addr);
    const i64 cpus = p.nr_possible();
    const i64 first_mapped = paged ? i64{p.layout.unit_pages} * cpus : 0;
    const i64 mapped = (p.nr_populated - nr_pages_from_boot(p)) * cpus + first_mapped;
    if (mapped != m.tally.vmalloc)
        out.fail(Inv::percpu_counters_equal_the_truth, nullptr,
                 "pcpu_nr_populated " + num(p.nr_populated) + " stands for " + num(mapped) +
                     " mapped frames; there are " + num(m.tally.vmalloc),
                 {.way = Way::nr_populated, .excess = mapped - m.tally.vmalloc});
    const i64 boot_chunks = p.reserved_chunk == pcpu::no_chunk ? 1 : 2;
    const i64 chunks = static_cast<i64>(p.chunks.nr_live()) - boot_chunks;
    const i64 objects = chunks * static_cast<i64>(pcpu::objects_per_chunk) + (p.pages.empty() ? 0 : 1);
    if (m.tally.objects != objects)
        out.fail(Inv::no_object_is_leaked, nullptr,
                 num(m.tally.objects) + " objects are held; the chunks account for " + num(objects),
                 {.way = Way::object, .excess = m.tally.objects - objects});
}

void PercpuJudge::judge_all_chunks(Monitor& out, const World& w) {
    const Pcpu& p = w.pcpu();
    int empty = 0;
    i64 areas = Pcpu::is_vmalloc_addr(p.base_addr) ? 1 : 0;
    for (ChunkId id = 0; id < p.chunks.end_id(); ++id) {
        if (!p.chunks.is_live(id)) continue;
        judge_chunk_list(out, p, id);
        const Chunk& c = p.chunks[id];
        if (!c.isolated && id != p.reserved_chunk) empty += c.nr_empty_pop_pages;
        if (!is_boot_chunk(p, id)) areas += static_cast<i64>(p.layout.group_offsets.size());
    }
    if (empty != p.nr_empty_pop_pages)
        out.fail(Inv::percpu_counters_equal_the_truth, nullptr,
                 "pcpu_nr_empty_pop_pages " + num(i64{p.nr_empty_pop_pages}) + ", in truth " +
                     num(i64{empty}),
                 {.way = Way::nr_empty_pop_pages, .excess = p.nr_empty_pop_pages - empty});
    const auto& all = w.machine().vmalloc().areas();
    const i64 reserved = std::ranges::count_if(all, [](const VmapArea& a) { return !a.lazy; });
    if (reserved != areas)
        out.fail(Inv::no_object_is_leaked, nullptr,
                 num(reserved) + " vmalloc areas are reserved; the chunks account for " + num(areas),
                 {.way = Way::vmalloc_area, .excess = reserved - areas});
}

} // namespace mmodel::spec
