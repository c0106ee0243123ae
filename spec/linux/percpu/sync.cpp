// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a kernel file's percpu allocator says of itself, read into the value that the specification judges.
// Only what differs from before is written, so that what an operation touched can be told.
#include <algorithm>
#include <cstring>
#include <ranges>
#include <span>
#include <utility>

#include "model/percpu/operations.hpp"
#include "spec/linux/percpu/driver.hpp"

namespace mmodel::bench {
namespace {

using pcpu::Bitmap;
using pcpu::BlockMd;
using pcpu::Chunk;
using pcpu::ChunkId;
using pcpu::no_chunk;

// Bits past the last are whatever bitmap_fill() made them.
u64 word_of(const unsigned long* map, std::size_t i, int nr_bits) {
    const int left = nr_bits - static_cast<int>(i * 64);
    return left >= 64 ? map[i] : map[i] & ((u64{1} << left) - 1);
}

bool is_same(const Bitmap& b, const unsigned long* map) {
    const std::size_t whole = static_cast<std::size_t>(b.nr_bits) / 64;
    if (std::memcmp(b.words->data(), map, whole * sizeof(u64))) return false;
    return whole == b.words->size() || (*b.words)[whole] == word_of(map, whole, b.nr_bits);
}

void read_bits(Bitmap& b, const unsigned long* map) {
    if (b.words->empty() || is_same(b, map)) return;
    std::vector<u64>& words = b.words.own();
    const std::size_t last = words.size() - 1;
    std::copy_n(map, last, words.begin());
    words[last] = word_of(map, last, b.nr_bits);
}

// The chunk's own hints; its edges are not kept.
BlockMd hints_of(const mmodel_percpu_chunk& d, BlockMd md) {
    md.scan_hint = d.scan_hint, md.scan_hint_start = d.scan_hint_start;
    md.contig_hint = d.contig_hint, md.contig_hint_start = d.contig_hint_start;
    md.first_free = d.first_free;
    return md;
}

BlockMd hints_of(const mmodel_percpu_block& d, BlockMd md) {
    md.scan_hint = d.scan_hint, md.scan_hint_start = d.scan_hint_start;
    md.contig_hint = d.contig_hint, md.contig_hint_start = d.contig_hint_start;
    md.left_free = d.left_free, md.right_free = d.right_free;
    md.first_free = d.first_free;
    return md;
}

bool has_same_hints(const BlockMd& md, const mmodel_percpu_block& d) {
    return d.scan_hint == md.scan_hint && d.scan_hint_start == md.scan_hint_start &&
           d.contig_hint == md.contig_hint && d.contig_hint_start == md.contig_hint_start &&
           d.left_free == md.left_free && d.right_free == md.right_free && d.first_free == md.first_free;
}

bool has_same_numbers(const Chunk& c, const mmodel_percpu_chunk& d) {
    return c.free_bytes == d.free_bytes && c.nr_populated == d.nr_populated &&
           c.nr_empty_pop_pages == d.nr_empty_pop_pages && c.isolated == (d.isolated != 0) &&
           c.immutable == (d.immutable != 0) && hints_of(d, c.chunk_md) == c.chunk_md;
}

bool has_same_maps(const Chunk& c, const mmodel_percpu_chunk& d) {
    return is_same(c.alloc_map, d.alloc_map) && is_same(c.bound_map, d.bound_map) &&
           is_same(c.populated, d.populated);
}

} // namespace

// ---- numbers

ChunkId ChunkNumbers::give(u64 base_addr) {
    const auto free = static_cast<ChunkId>(std::ranges::find(bases_, none) - bases_.begin());
    if (free == end()) bases_.push_back(none);
    bases_[free] = base_addr;
    return free;
}

ChunkId ChunkNumbers::of(u64 base_addr) const {
    const auto it = std::ranges::find(bases_, base_addr);
    return it == bases_.end() ? no_chunk : static_cast<ChunkId>(it - bases_.begin());
}

ChunkId ChunkNumbers::at(u64 addr, u64 unit_bytes) const {
    for (ChunkId id = 0; id < end(); ++id)
        if (is_given(id) && !is_boot(id) && addr >= bases_[id] && addr - bases_[id] < unit_bytes) return id;
    return no_chunk;
}

ChunkId PercpuDriver::number_of(const mmodel_percpu_chunk& d) const {
    if (d.self == selves_[pcpu_->first_chunk]) return pcpu_->first_chunk;
    if (pcpu_->reserved_chunk != no_chunk && d.self == selves_[pcpu_->reserved_chunk])
        return pcpu_->reserved_chunk;
    return numbers_.of(to_model(d.base_addr));
}

// ---- boot

namespace {

// The groups, by the units that CPUs have in them.
std::vector<pcpu::AllocInfo::Group> groups_of(const mmodel_percpu_globals& g, const pcpu::CpuMap& cpus) {
    std::vector<pcpu::AllocInfo::Group> out;
    const auto unit = static_cast<unsigned long>(g.unit_size);
    for (int i = 0; i < g.nr_groups; ++i) {
        const u64 nr = g.group_sizes[i] / unit;
        out.push_back({static_cast<int>(nr), g.group_offsets[i], std::vector<int>(nr, pcpu::no_cpu)});
        for (int cpu = 0; cpu < cpus.nr_cpu_ids(); ++cpu) {
            const u64 offset = cpus.possible(cpu) ? g.unit_offsets[cpu] - g.group_offsets[i] : ~u64{0};
            if (offset < g.group_sizes[i]) out.back().cpu_map[offset / unit] = cpu;
        }
    }
    return out;
}

pcpu::Layout layout_of(const mmodel_percpu_globals& g, const pcpu::BootParams& b, const pcpu::CpuMap& cpus,
                       u64 page) {
    pcpu::Layout l;
    l.ai = {.static_size = b.static_size,
            .reserved_size = b.reserved_size,
            .dyn_size = g.nr_populated * page - b.static_size - b.reserved_size,
            .unit_size = static_cast<u64>(g.unit_size),
            .atom_size = static_cast<u64>(g.atom_size),
            .groups = groups_of(g, cpus)};
    l.unit_map.assign(cpus.node_of_cpu.size(), -1);
    l.unit_offsets.assign(cpus.node_of_cpu.size(), 0);
    for (int cpu = 0; cpu < cpus.nr_cpu_ids(); ++cpu) {
        if (!cpus.possible(cpu)) continue;
        l.unit_map[static_cast<std::size_t>(cpu)] = g.unit_map[cpu];
        l.unit_offsets[static_cast<std::size_t>(cpu)] = g.unit_offsets[cpu];
    }
    l.nr_units = g.nr_units, l.unit_pages = g.unit_pages;
    l.unit_size = static_cast<u64>(g.unit_size), l.atom_size = static_cast<u64>(g.atom_size);
    l.group_offsets.assign(g.group_offsets, g.group_offsets + g.nr_groups);
    l.group_sizes.assign(g.group_sizes, g.group_sizes + g.nr_groups);
    l.low_unit_cpu = static_cast<int>(g.low_unit_cpu), l.high_unit_cpu = static_cast<int>(g.high_unit_cpu);
    l.nr_slots = g.nr_slots, l.free_slot = g.free_slot;
    l.sidelined_slot = g.sidelined_slot, l.to_depopulate_slot = g.to_depopulate_slot;
    return l;
}

} // namespace

void PercpuDriver::adopt_boot(const pcpu::BootParams& b) {
    mmodel_percpu_globals g{};
    unit_->globals(&g);
    Pcpu p;
    p.sizes = pcpu_->sizes;
    p.cpus = pcpu::cpus_of(config_);
    p.layout = layout_of(g, b, p.cpus, p.page_bytes());
    p.base_addr = to_model(g.base_addr);
    p.nr_embedded_frames = nr_embedded_frames_;
    p.chunks.reset_lists(g.nr_slots);
    selves_.clear();
    auto add = [&](void* self) {
        mmodel_percpu_chunk d{};
        unit_->describe(self, &d);
        const int bytes = d.nr_pages * static_cast<int>(p.page_bytes()) - d.start_offset - d.end_offset;
        selves_.push_back(self);
        return p.chunks.add(
            pcpu::init_first_chunk(p.sizes, to_model(d.base_addr) + static_cast<u64>(d.start_offset), bytes));
    };
    p.first_chunk = add(g.first_chunk);
    if (g.reserved_chunk) p.reserved_chunk = add(g.reserved_chunk);
    numbers_.begin(g.reserved_chunk ? 2 : 1);
    p.booted = true;
    *pcpu_ = std::move(p);
}

// Before flush_cache_vmap_early() (6.8) there was nothing to flush a page-mapped first chunk with; a comment
// said so. It is done for the tree, or none of what follows such a boot could be judged.
void PercpuDriver::flush_what_nobody_flushes() {
    if (unit_->flushes_early) return;
    for (const auto& [start, nr] : mapped_) kernel_->flush_cache_vmap(Fn::pcpu_page_first_chunk, start, nr);
}

// ---- after every operation

void PercpuDriver::sync() {
    if (!pcpu_->booted) return;
    mmodel_percpu_globals g{};
    unit_->globals(&g);
    pcpu_->nr_empty_pop_pages = g.nr_empty_pop_pages;
    pcpu_->nr_populated = static_cast<i64>(g.nr_populated);
    pcpu_->atomic_alloc_failed = g.atomic_alloc_failed != 0;
    selves_.resize(numbers_.end());
    read_lists(g.nr_slots);
    sync_members();
    sync_lists();
    sync_chunks();
    sync_array();
    sync_tags();
}

void PercpuDriver::read_lists(int nr) {
    std::size_t n = 0;
    for (int list = 0; list < nr; ++list) {
        if (room_.size() < n + 16) room_.resize(2 * n + 64);
        auto found = unit_->list(list, &room_[n], static_cast<unsigned>(room_.size() - n));
        if (found > room_.size() - n) {
            room_.resize(n + found + 64);
            found = unit_->list(list, &room_[n], found);
        }
        n += found;
    }
    read_ = std::span(room_).first(n);
}

// Chunks that are gone, or are others under the same number; then new ones. A number above one that is free
// again by now is reached over a chunk that does not stay.
void PercpuDriver::sync_members() {
    pcpu::ChunkTable& t = pcpu_->chunks;
    for (ChunkId id = 0; id < t.end_id(); ++id) {
        if (!t.is_live(id) ||
            (numbers_.is_given(id) && (numbers_.is_boot(id) || numbers_.base(id) == t[id].base_addr)))
            continue;
        t.unlist(id);
        t.remove(id);
    }
    std::vector<ChunkId> steps;
    for (ChunkId id = 0; id < numbers_.end(); ++id) {
        if (!numbers_.is_given(id) || t.is_live(id)) continue;
        Chunk c = pcpu::init_chunk(pcpu_->sizes, pcpu_->layout.unit_pages);
        c.base_addr = numbers_.base(id);
        for (ChunkId got; (got = t.add(c)) != id;) steps.push_back(got);
    }
    for (const ChunkId id : steps) t.remove(id);
}

void PercpuDriver::sync_lists() {
    pcpu::ChunkTable& t = pcpu_->chunks;
    found_.clear();
    for (const mmodel_percpu_chunk& d : read_) {
        const ChunkId id = number_of(d);
        if (id == no_chunk) {
            monitor_->fail(spec::Inv::every_chunk_is_on_its_list, nullptr,
                           "list " + std::to_string(d.list) + " holds a chunk that was destroyed",
                           {.way = spec::Way::in_no_chunk});
            continue;
        }
        selves_[id] = d.self;
        found_.push_back({id, d.list});
    }
    had_.clear();
    for (int list = 0; list < t.nr_lists(); ++list)
        for (ChunkId id = t.first(list); id != no_chunk; id = t.next(id)) had_.push_back({id, list});
    if (found_ == had_) return;
    std::vector<bool> same;
    for (int list = 0; list < t.nr_lists(); ++list) {
        const auto of_list = std::views::filter([=](const Listed& l) { return l.list == list; });
        same.push_back(std::ranges::equal(found_ | of_list, had_ | of_list));
    }
    for (const Listed& l : had_)
        if (!same[static_cast<std::size_t>(l.list)]) t.unlist(l.id);
    for (const Listed& l : found_)
        if (!same[static_cast<std::size_t>(l.list)]) t.move(l.id, l.list, false);
}

void PercpuDriver::sync_chunks() {
    std::vector<bool> done(numbers_.end());
    for (const mmodel_percpu_chunk& d : read_) {
        const ChunkId id = number_of(d);
        if (id == no_chunk) continue;
        sync_chunk(id, d);
        done[id] = true;
    }
    for (ChunkId id = 0; id < numbers_.end(); ++id) {
        if (done[id] || !numbers_.is_given(id) || !objects_.is_live(selves_[id])) continue;
        mmodel_percpu_chunk d{};
        unit_->describe(selves_[id], &d);
        sync_chunk(id, d);
    }
}

// Bitmaps are long. A chunk that has the same numbers as before, that the operation is not about and that the
// model did not touch is taken as unchanged, until an operation comes that may change anything.
bool PercpuDriver::is_suspect(ChunkId id) const {
    if (op_.kind != OpKind::pcpu_alloc && op_.kind != OpKind::pcpu_free && op_.kind != OpKind::pcpu_lookup &&
        op_.kind != OpKind::cpu_online)
        return true;
    const auto& touched = model_->chunks.touched();
    return op_.fail.any() || pcpu_->areas[op_.folio].chunk == id ||
           std::ranges::find(touched, id) != touched.end();
}

void PercpuDriver::sync_chunk(ChunkId id, const mmodel_percpu_chunk& d) {
    const Chunk& c = pcpu_->chunks[id];
    if (d.nr_pages != c.nr_pages)
        return monitor_->fail(spec::Inv::outcome_is_what_the_operation_promises, nullptr,
                              "chunk " + std::to_string(id) + " has " + std::to_string(d.nr_pages) + " pages",
                              {.way = spec::Way::nr_pages, .excess = d.nr_pages - c.nr_pages});
    std::erase_if(arrays_, [&](const void* at) {
        return at == d.self || at == d.alloc_map || at == d.bound_map || at == d.md_blocks;
    });
    bool same = has_same_numbers(c, d);
    if (same && !is_suspect(id)) return;
    same = same && has_same_maps(c, d);
    std::vector<BlockMd> blocks;
    for (int i = 0; i < c.nr_pages; ++i) {
        mmodel_percpu_block b{};
        unit_->describe_block(d.self, i, &b);
        const auto at = static_cast<std::size_t>(i);
        if (has_same_hints(c.md_blocks[at], b)) continue;
        if (blocks.empty()) blocks = c.md_blocks;
        blocks[at] = hints_of(b, blocks[at]);
        same = false;
    }
    if (same) return;
    Chunk& own = pcpu_->chunks.own(id);
    own.free_bytes = d.free_bytes;
    own.nr_populated = d.nr_populated;
    own.nr_empty_pop_pages = d.nr_empty_pop_pages;
    own.isolated = d.isolated != 0;
    own.immutable = d.immutable != 0;
    own.chunk_md = hints_of(d, own.chunk_md);
    if (!blocks.empty()) own.md_blocks = std::move(blocks);
    read_bits(own.alloc_map, d.alloc_map);
    read_bits(own.bound_map, d.bound_map);
    read_bits(own.populated, d.populated);
}

// NR_PERCPU_B of a node is what the populated pages of its possible CPUs hold; the first chunk's, which boot
// populates, are not counted. What is wrong is put right, so that the sequence goes on.
void PercpuDriver::judge_bytes() {
    mmodel_percpu_globals g{};
    unit_->globals(&g);
    if (!g.percpu_bytes || !pcpu_->booted) return;
    i64 pages = 0;
    for (ChunkId id = 0; id < numbers_.end(); ++id)
        if (numbers_.is_given(id) && !numbers_.is_boot(id)) pages += pcpu_->chunks[id].nr_populated;
    for (u8 nid = 0; nid < config_.nr_nodes; ++nid) {
        i64 truth = 0;
        for (int cpu = 0; cpu < pcpu_->cpus.nr_cpu_ids(); ++cpu)
            if (pcpu_->cpus.node(cpu) == nid) truth += pages * static_cast<i64>(pcpu_->page_bytes());
        if (const i64 says = std::exchange(g.percpu_bytes[nid], truth); says != truth)
            monitor_->fail(spec::Inv::percpu_counters_equal_the_truth, nullptr,
                           "NR_PERCPU_B of node " + std::to_string(nid) + " is " + std::to_string(says) +
                               ", in truth " + std::to_string(truth),
                           {.way = spec::Way::percpu_bytes, .excess = says - truth});
    }
}

// The one array of page pointers: an object of its size that is no chunk's. What is in it is judged where it
// is used.
void PercpuDriver::sync_array() {
    const auto live = std::ranges::find_if(arrays_, [&](const void* at) { return objects_.is_live(at); });
    if (live == arrays_.end()) return;
    array_ = *live;
    pcpu_->pages.assign(nr_page_pointers(), no_pfn);
}

// Between two operations nobody reads that array. As in the model (explore::forget_the_dead()), an entry left
// over becomes frame 0, which is always somebody's: using it breaks a rule.
void PercpuDriver::forget_the_array() {
    if (!array_ || !objects_.is_live(array_)) return;
    std::ranges::fill(std::span(static_cast<unsigned long*>(array_), nr_page_pointers()), mem_map());
}

// What the struct pages of newly mapped frames say.
void PercpuDriver::sync_tags() {
    for (const auto& [start, nr] : mapped_)
        for (u64 i = 0; i < nr; ++i) {
            const Pte pte = kernel_->machine().vmalloc().pte(start + i);
            if (!pte.present()) continue;
            void* self = unit_->page_tag(pte.pfn().value);
            const auto it = std::ranges::find(selves_, self);
            const u64 tag = !self                 ? 0
                            : it == selves_.end() ? ~u64{0}
                                                  : pcpu::tag_of(static_cast<ChunkId>(it - selves_.begin()));
            kernel_->set_page_tag(Fn::pcpu_set_page_chunk, pte.pfn(), tag);
        }
}

} // namespace mmodel::bench
