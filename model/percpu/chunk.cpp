// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/percpu/chunk.hpp"

#include <algorithm>
#include <bit>

#include "model/percpu/hints.hpp"

namespace mmodel::pcpu {

namespace {

constexpr int piece = static_cast<int>(min_alloc_bytes);

// All but the hints' first words: nr_pages pages, nothing allocated, nothing populated.
Chunk unmapped_chunk(const Sizes& s, int nr_pages) {
    Chunk c;
    c.page_bytes = static_cast<int>(s.page_bytes);
    c.nr_pages = nr_pages;
    const int bits = Blocks(c).map_bits();
    c.alloc_map = Bitmap(bits);
    c.bound_map = Bitmap(bits + 1);
    c.populated = Bitmap(nr_pages);
    pcpu_init_md_blocks(c);
    return c;
}

// mm/percpu.c: pcpu_alloc_first_chunk(). Takes [start, end) out of the chunk for good.
void hide(Chunk& c, int start, int end) {
    c.alloc_map.set(start, end - start);
    c.bound_map.set(start, 1);
    c.bound_map.set(end, 1);
    if (start == 0) c.chunk_md.first_free = end;
    pcpu_block_update_hint_alloc(c, start, end - start);
}

// mm/percpu.c: pcpu_is_populated(). Bits [off, off + bits) all have frames, or the bit to go on with: the
// first of the next populated page.
struct Populated {
    bool all;
    int next_off;
};
Populated pcpu_is_populated(const Chunk& c, const Blocks& b, Region r) {
    const int end = b.index(r.off + r.bits + b.bits - 1);
    const int hole = c.populated.next_zero(b.index(r.off), end);
    if (hole >= end) return {true, 0};
    return {false, b.start(c.populated.next_set(hole + 1, end))};
}

// mm/percpu.c: pcpu_find_zero_area(). The first run of alloc_bits zero bits of [start, end), aligned; end or
// beyond when there is none. `largest` becomes the largest run it skipped for being too short, the best
// aligned of equals.
int pcpu_find_zero_area(const Bitmap& map, int end, int start, int alloc_bits, int bit_align,
                        Region& largest) {
    for (;;) {
        const int off = align_up(map.next_zero(start, end), bit_align);
        if (off + alloc_bits > end) return end;
        const int taken = map.next_set(off, off + alloc_bits);
        if (taken == off + alloc_bits) return off;
        const int bits = taken - off;
        const bool better_aligned =
            largest.off && (!off || std::countr_zero(static_cast<u32>(off)) >
                                        std::countr_zero(static_cast<u32>(largest.off)));
        if (bits > largest.bits || (bits == largest.bits && better_aligned)) largest = {off, bits};
        start = taken + 1;
    }
}

u64 hash_of(const BlockMd& m) {
    const auto pair = [](int a, int b) { return u64{static_cast<u32>(a)} << 32 | static_cast<u32>(b); };
    return fold(fold(pair(m.scan_hint, m.scan_hint_start), pair(m.contig_hint, m.contig_hint_start)),
                fold(pair(m.left_free, m.right_free), pair(m.first_free, m.nr_bits)));
}

} // namespace

Sizes sizes_of(const Geometry& g) {
    constexpr u32 KiB = 1024;
    if (g.page_bytes < 4 * KiB)
        return {.page_bytes = g.page_bytes,
                .min_unit_bytes = 2 * g.page_bytes,
                .dynamic_early = g.page_bytes / 2,
                .dynamic_reserve = g.page_bytes,
                .module_reserve = g.page_bytes / 2};
    return {.page_bytes = g.page_bytes,
            .min_unit_bytes = std::max(32 * KiB, g.page_bytes), // PFN_ALIGN(32 << 10)
            .dynamic_early = 20 * KiB,
            .dynamic_reserve = 28 * KiB,
            .module_reserve = 8 * KiB};
}

u64 Chunk::hash() const {
    u64 h = fold(base_addr, static_cast<u64>(free_bytes));
    h = fold(h, hash_of(chunk_md));
    for (const BlockMd& m : md_blocks) h = fold(h, hash_of(m));
    for (const Bitmap* m : {&alloc_map, &bound_map, &populated}) h = fold(h, m->hash());
    h = fold(h, u64{immutable} << 1 | u64{isolated});
    for (const int n : {start_offset, end_offset, nr_pages, nr_populated, nr_empty_pop_pages, page_bytes})
        h = fold(h, static_cast<u64>(n));
    return h;
}

Chunk init_first_chunk(const Sizes& s, u64 tmp_addr, int map_size) {
    const u64 aligned_addr = tmp_addr & ~u64{s.page_bytes - 1};
    const int page_bytes = static_cast<int>(s.page_bytes);
    const int start_offset = static_cast<int>(tmp_addr - aligned_addr);
    const int region_size = align_up(start_offset + map_size, page_bytes);

    Chunk c = unmapped_chunk(s, region_size / page_bytes);
    c.base_addr = aligned_addr;
    c.start_offset = start_offset;
    c.end_offset = region_size - start_offset - map_size;
    c.immutable = true;
    c.populated.set(0, c.nr_pages);
    c.nr_populated = c.nr_empty_pop_pages = c.nr_pages;
    c.free_bytes = map_size;
    if (c.start_offset) hide(c, 0, c.start_offset / piece);
    if (c.end_offset) hide(c, (region_size - c.end_offset) / piece, region_size / piece);
    return c;
}

Chunk init_chunk(const Sizes& s, int unit_pages) {
    Chunk c = unmapped_chunk(s, unit_pages);
    c.free_bytes = c.nr_pages * c.page_bytes;
    return c;
}

int pcpu_find_block_fit(const Chunk& chunk, int alloc_bits, int bit_align, bool pop_only) {
    if (!pcpu_check_block_hint(chunk.chunk_md, alloc_bits, bit_align)) return -1;
    const Blocks b(chunk);
    int off = pcpu_next_hint(chunk.chunk_md, alloc_bits);
    for (;;) {
        const Region r = pcpu_next_fit_region(chunk, alloc_bits, bit_align, off);
        if (r.off >= b.map_bits()) return -1;
        if (!pop_only) return r.off;
        const Populated p = pcpu_is_populated(chunk, b, r);
        if (p.all) return r.off;
        off = p.next_off;
    }
}

int pcpu_alloc_area(Chunk& chunk, int alloc_bits, int bit_align, int start) {
    const Blocks b(chunk);
    const int end = std::min(start + alloc_bits + b.bits, b.map_bits());
    Region skipped;
    const int off = pcpu_find_zero_area(chunk.alloc_map, end, start, alloc_bits, bit_align, skipped);
    if (off >= end) return -1;
    if (skipped.bits) pcpu_block_update_scan(chunk, skipped);

    chunk.alloc_map.set(off, alloc_bits);
    chunk.bound_map.set(off, 1);
    chunk.bound_map.clear(off + 1, alloc_bits - 1);
    chunk.bound_map.set(off + alloc_bits, 1);
    chunk.free_bytes -= alloc_bits * piece;
    if (off == chunk.chunk_md.first_free)
        chunk.chunk_md.first_free = chunk.alloc_map.next_zero(off + alloc_bits, b.map_bits());
    pcpu_block_update_hint_alloc(chunk, off, alloc_bits);
    return off * piece;
}

int pcpu_free_area(Chunk& chunk, int off) {
    const int bit_off = off / piece;
    const int bits = chunk.bound_map.next_set(bit_off + 1, Blocks(chunk).map_bits()) - bit_off;
    chunk.alloc_map.clear(bit_off, bits);
    chunk.free_bytes += bits * piece;
    chunk.chunk_md.first_free = std::min(chunk.chunk_md.first_free, bit_off);
    pcpu_block_update_hint_free(chunk, bit_off, bits);
    return bits * piece;
}

void pcpu_chunk_populated(Chunk& chunk, int page_start, int page_end) {
    const int nr = page_end - page_start;
    chunk.populated.set(page_start, nr);
    chunk.nr_populated += nr;
    chunk.nr_empty_pop_pages += nr;
}

void pcpu_chunk_depopulated(Chunk& chunk, int page_start, int page_end) {
    const int nr = page_end - page_start;
    chunk.populated.clear(page_start, nr);
    chunk.nr_populated -= nr;
    chunk.nr_empty_pop_pages -= nr;
}

int area_bytes_at(const Chunk& chunk, int off) {
    const int region_size = chunk.nr_pages * chunk.page_bytes;
    if (off < chunk.start_offset || off >= region_size - chunk.end_offset || off % piece) return 0;
    const int bit = off / piece;
    if (!chunk.alloc_map.test(bit) || !chunk.bound_map.test(bit)) return 0;
    return (chunk.bound_map.next_set(bit + 1, chunk.alloc_map.nr_bits) - bit) * piece;
}

} // namespace mmodel::pcpu
