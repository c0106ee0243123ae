// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/percpu/hints.hpp"

#include <algorithm>

namespace mmodel::pcpu {

namespace {

// An area as the blocks see it: the blocks of its first and last bit, and where it starts in the one and ends
// in the other.
struct Span {
    int s_index, e_index, s_off, e_off;

    Span(const Blocks& b, int bit_off, int bits)
        : s_index(b.index(bit_off)), e_index(b.index(bit_off + bits - 1)), s_off(b.offset(bit_off)),
          e_off(b.offset(bit_off + bits - 1) + 1) {}
    [[nodiscard]] bool in_one_block() const { return s_index == e_index; }
    [[nodiscard]] int nr_between() const { return in_one_block() ? 0 : e_index - s_index - 1; }
};

BlockMd& block_at(Chunk& c, int index) { return c.md_blocks[static_cast<std::size_t>(index)]; }
const BlockMd& block_at(const Chunk& c, int index) { return c.md_blocks[static_cast<std::size_t>(index)]; }

// mm/percpu.c: pcpu_region_overlap(). A hint of no bits inside the other overlaps too, as in the kernel.
bool pcpu_region_overlap(int a, int b, int x, int y) { return a < y && x < b; }
bool scan_hint_overlaps(const BlockMd& m, int start, int end) {
    return pcpu_region_overlap(m.scan_hint_start, m.scan_hint_start + m.scan_hint, start, end);
}
bool contig_hint_overlaps(const BlockMd& m, int start, int end) {
    return pcpu_region_overlap(m.contig_hint_start, m.contig_hint_start + m.contig_hint, start, end);
}

// The free bits right before s_off of a block start here.
int free_start(const Chunk& c, const Blocks& b, int index, int s_off) {
    const int base = b.start(index);
    const int last = c.alloc_map.last_set(base, base + s_off);
    return last < 0 ? 0 : last - base + 1;
}

// The first free bit of a block from `off` on, block-relative; the block's size when there is none.
int next_free(const Chunk& c, const Blocks& b, int index, int off) {
    const int base = b.start(index);
    return c.alloc_map.next_zero(base + off, base + b.bits) - base;
}

// The scan hint becomes the contig hint, and what follows it is yet to be searched; without one, all from the
// first free bit on is. Says where to go on.
int promote_scan_hint(BlockMd& m, bool use_scan_hint) {
    if (!use_scan_hint || !m.scan_hint) {
        m.contig_hint = 0;
        return m.first_free;
    }
    m.contig_hint_start = m.scan_hint_start;
    m.contig_hint = m.scan_hint;
    m.scan_hint = 0;
    return m.contig_hint_start + m.contig_hint;
}

// mm/percpu.c: pcpu_chunk_refresh_hint()
void pcpu_chunk_refresh_hint(Chunk& c, bool full_scan) {
    const int end = Blocks(c).map_bits();
    int off = promote_scan_hint(c.chunk_md, !full_scan);
    for (;;) {
        const Region r = pcpu_next_md_free_region(c, off);
        if (r.off >= end) return;
        pcpu_block_update(c.chunk_md, r.off, r.off + r.bits);
        off = r.off + r.bits + 1;
    }
}

// mm/percpu.c: pcpu_block_refresh_hint()
void pcpu_block_refresh_hint(Chunk& c, const Blocks& b, int index) {
    BlockMd& block = block_at(c, index);
    const int base = b.start(index), limit = base + b.bits;
    int start = base + promote_scan_hint(block, true);
    block.right_free = 0;
    while ((start = c.alloc_map.next_zero(start, limit)) < limit) {
        const int end = c.alloc_map.next_set(start + 1, limit);
        pcpu_block_update(block, start - base, end - base);
        start = end + 1;
    }
}

// The block that an allocation starts in.
void update_first_block(Chunk& c, const Blocks& b, const Span& s, int bits) {
    BlockMd& block = block_at(c, s.s_index);
    const int end = s.s_off + bits; // may lie beyond the block
    if (s.s_off == block.first_free) block.first_free = next_free(c, b, s.s_index, std::min(end, b.bits));
    if (scan_hint_overlaps(block, s.s_off, end)) block.scan_hint = 0;
    if (contig_hint_overlaps(block, s.s_off, end)) {
        if (!s.s_off) block.left_free = 0;
        pcpu_block_refresh_hint(c, b, s.s_index);
        return;
    }
    block.left_free = std::min(block.left_free, s.s_off);
    block.right_free = s.in_one_block() ? std::min(block.right_free, b.bits - s.e_off) : 0;
}

void fill_block(BlockMd& m) { m.scan_hint = m.contig_hint = m.left_free = m.right_free = 0; }

// The block that an allocation ends in, another than it starts in.
void update_last_block(Chunk& c, const Blocks& b, const Span& s) {
    BlockMd& block = block_at(c, s.e_index);
    block.first_free = next_free(c, b, s.e_index, s.e_off);
    if (s.e_off == b.bits) return fill_block(block);
    if (s.e_off > block.scan_hint_start) block.scan_hint = 0;
    block.left_free = 0;
    if (s.e_off > block.contig_hint_start)
        pcpu_block_refresh_hint(c, b, s.e_index);
    else
        block.right_free = std::min(block.right_free, b.bits - s.e_off);
}

// A block between the first and the last of a freed area.
void empty_block(BlockMd& m) {
    m.first_free = m.scan_hint = m.contig_hint_start = 0;
    m.contig_hint = m.left_free = m.right_free = m.nr_bits;
}

// mm/percpu.c: pcpu_init_md_block()
BlockMd pcpu_init_md_block(int nr_bits) {
    return {.contig_hint = nr_bits, .left_free = nr_bits, .right_free = nr_bits, .nr_bits = nr_bits};
}

} // namespace

bool pcpu_check_block_hint(const BlockMd& block, int bits, int bit_align) {
    const int skip = align_up(block.contig_hint_start, bit_align) - block.contig_hint_start;
    return skip + bits <= block.contig_hint;
}

int pcpu_next_hint(const BlockMd& block, int alloc_bits) {
    if (block.scan_hint && block.contig_hint_start > block.scan_hint_start && alloc_bits > block.scan_hint)
        return block.scan_hint_start + block.scan_hint;
    return block.first_free;
}

Region pcpu_next_md_free_region(const Chunk& chunk, int off) {
    const Blocks b(chunk);
    int block_off = b.offset(off);
    Region r{off, 0};
    for (int i = b.index(off); i < b.nr; ++i) {
        const BlockMd& block = block_at(chunk, i);
        if (r.bits) { // an area that started in an earlier block
            r.bits += block.left_free;
            if (block.left_free == b.bits) continue;
            return r;
        }
        // The contig hint, unless `off` is past it or it is the block's right edge.
        if (block.contig_hint && block.contig_hint_start >= block_off &&
            block.contig_hint + block.contig_hint_start < b.bits)
            return {b.start(i) + block.contig_hint_start, block.contig_hint};
        block_off = 0;
        r = {b.start(i + 1) - block.right_free, block.right_free};
    }
    return r;
}

Region pcpu_next_fit_region(const Chunk& chunk, int alloc_bits, int bit_align, int off) {
    const Blocks b(chunk);
    int block_off = b.offset(off);
    Region r{off, 0};
    for (int i = b.index(off); i < b.nr; ++i) {
        const BlockMd& block = block_at(chunk, i);
        if (r.bits) {
            r.bits += block.left_free;
            if (r.bits >= alloc_bits) return r;
            if (block.left_free == b.bits) continue;
        }
        if (block.contig_hint && block.contig_hint_start >= block_off &&
            pcpu_check_block_hint(block, alloc_bits, bit_align)) {
            // Up to where the hint would hold it, which is tried last.
            const int start = pcpu_next_hint(block, alloc_bits);
            const int skip = align_up(block.contig_hint_start, bit_align) - block.contig_hint_start;
            return {b.start(i) + start, skip + alloc_bits + block.contig_hint_start - start};
        }
        block_off = 0;
        const int edge = align_up(b.bits - block.right_free, bit_align);
        r = {b.start(i) + edge, b.bits - edge};
        if (r.bits >= alloc_bits) return r;
    }
    return {b.map_bits(), r.bits};
}

void pcpu_block_update(BlockMd& m, int start, int end) {
    const int contig = end - start;
    m.first_free = std::min(m.first_free, start);
    if (start == 0) m.left_free = contig;
    if (end == m.nr_bits) m.right_free = contig;

    const auto becomes_scan_hint = [&](int at, int bits) {
        m.scan_hint_start = at;
        m.scan_hint = bits;
    };
    if (contig > m.contig_hint) {
        // The old contig hint is the new scan hint if it is worth more and lies before.
        if (start <= m.contig_hint_start)
            m.scan_hint = 0;
        else if (m.contig_hint > m.scan_hint)
            becomes_scan_hint(m.contig_hint_start, m.contig_hint);
        else if (start < m.scan_hint_start)
            m.scan_hint = 0;
        m.contig_hint_start = start;
        m.contig_hint = contig;
    } else if (contig == m.contig_hint) {
        const bool better_aligned =
            m.contig_hint_start && (!start || std::countr_zero(static_cast<u32>(start)) >
                                                  std::countr_zero(static_cast<u32>(m.contig_hint_start)));
        if (better_aligned) {
            m.contig_hint_start = start;
            if (start < m.scan_hint_start && m.contig_hint > m.scan_hint) m.scan_hint = 0;
        } else if (start > m.scan_hint_start || m.contig_hint > m.scan_hint) {
            becomes_scan_hint(start, contig);
        }
    } else if (start < m.contig_hint_start &&
               (contig > m.scan_hint || (contig == m.scan_hint && start > m.scan_hint_start))) {
        becomes_scan_hint(start, contig);
    }
}

void pcpu_block_update_scan(Chunk& chunk, Region skipped) {
    const Blocks b(chunk);
    const int s_off = b.offset(skipped.off), e_off = s_off + skipped.bits;
    if (e_off > b.bits) return;
    const int index = b.index(skipped.off);
    // Alignment may have skipped free bits before it.
    pcpu_block_update(block_at(chunk, index), free_start(chunk, b, index, s_off), e_off);
}

void pcpu_block_update_hint_alloc(Chunk& chunk, int bit_off, int bits) {
    const Blocks b(chunk);
    const Span s(b, bit_off, bits);
    int nr_empty = s.nr_between() + (block_at(chunk, s.s_index).contig_hint == b.bits);
    if (!s.in_one_block()) nr_empty += block_at(chunk, s.e_index).contig_hint == b.bits;

    update_first_block(chunk, b, s, bits);
    if (!s.in_one_block()) {
        update_last_block(chunk, b, s);
        for (int i = s.s_index + 1; i < s.e_index; ++i) fill_block(block_at(chunk, i));
    }
    chunk.nr_empty_pop_pages -= nr_empty;

    BlockMd& md = chunk.chunk_md;
    if (scan_hint_overlaps(md, bit_off, bit_off + bits)) md.scan_hint = 0;
    if (contig_hint_overlaps(md, bit_off, bit_off + bits)) pcpu_chunk_refresh_hint(chunk, false);
}

void pcpu_block_update_hint_free(Chunk& chunk, int bit_off, int bits) {
    const Blocks b(chunk);
    const Span s(b, bit_off, bits);
    BlockMd& s_block = block_at(chunk, s.s_index);
    BlockMd& e_block = block_at(chunk, s.e_index);

    // The free area around it, as far as the first and the last block go.
    const bool after_hint = s.s_off == s_block.contig_hint + s_block.contig_hint_start;
    const int start = after_hint ? s_block.contig_hint_start : free_start(chunk, b, s.s_index, s.s_off);
    const int e_base = b.start(s.e_index);
    const int end = s.e_off == e_block.contig_hint_start
                        ? e_block.contig_hint_start + e_block.contig_hint
                        : chunk.alloc_map.next_set(e_base + s.e_off, e_base + b.bits) - e_base;

    const int s_end = s.in_one_block() ? end : b.bits;
    int nr_empty = s.nr_between() + (start == 0 && s_end == b.bits);
    pcpu_block_update(s_block, start, s_end);
    if (!s.in_one_block()) {
        nr_empty += end == b.bits;
        pcpu_block_update(e_block, 0, end);
        for (int i = s.s_index + 1; i < s.e_index; ++i) empty_block(block_at(chunk, i));
    }
    chunk.nr_empty_pop_pages += nr_empty;

    // An area that does not fill its block is taken by itself, so the chunk's hint may lack up to a page. Its
    // end stays relative to the block, as in the kernel.
    if (end - start >= b.bits || !s.in_one_block())
        pcpu_chunk_refresh_hint(chunk, true);
    else
        pcpu_block_update(chunk.chunk_md, b.start(s.s_index) + start, end);
}

void pcpu_init_md_blocks(Chunk& chunk) {
    const Blocks b(chunk);
    chunk.chunk_md = pcpu_init_md_block(b.map_bits());
    chunk.md_blocks.assign(static_cast<std::size_t>(b.nr), pcpu_init_md_block(b.bits));
}

} // namespace mmodel::pcpu
