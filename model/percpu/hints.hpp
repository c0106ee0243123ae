// SPDX-License-Identifier: GPL-2.0 OR MIT
// The hints of a chunk's blocks: what they say about free areas, and how they follow an allocation or a free.
// For chunk.cpp alone. Source: mm/percpu.c.
#pragma once

#include <bit>

#include "model/percpu/chunk.hpp"

namespace mmodel::pcpu {

// Bits of a chunk and of its blocks, a power of two each: pcpu_off_to_block_index() and its relatives.
struct Blocks {
    int shift{}, bits{}; // of a block
    int nr{};            // pcpu_chunk_nr_blocks()

    explicit Blocks(const Chunk& c)
        : shift(std::countr_zero(static_cast<u32>(c.page_bytes) / min_alloc_bytes)), bits(1 << shift),
          nr(c.nr_pages) {}
    [[nodiscard]] int map_bits() const { return nr << shift; } // pcpu_chunk_map_bits()
    [[nodiscard]] int index(int off) const { return off >> shift; }
    [[nodiscard]] int offset(int off) const { return off & (bits - 1); }
    [[nodiscard]] int start(int index) const { return index << shift; }
};

// mm/percpu.c: ALIGN(). align is a power of two.
constexpr int align_up(int n, int align) { return (n + align - 1) & -align; }

// A run of bits; which numbers it is relative to, the function says.
struct Region {
    int off{}, bits{};
};

// mm/percpu.c: pcpu_check_block_hint(). Whether the contig hint alone can hold the allocation.
[[nodiscard]] bool pcpu_check_block_hint(const BlockMd& block, int bits, int bit_align);

// mm/percpu.c: pcpu_next_hint(). Where to start looking: the first free bit, or past the scan hint when that
// is too small and lies before the contig hint.
[[nodiscard]] int pcpu_next_hint(const BlockMd& block, int alloc_bits);

// mm/percpu.c: pcpu_next_md_free_region(). The next free area at or after `off`, as the blocks tell it; areas
// at the edges of blocks are joined. Chunk offsets; off at the chunk's end or beyond: there is none.
[[nodiscard]] Region pcpu_next_md_free_region(const Chunk& chunk, int off);

// mm/percpu.c: pcpu_next_fit_region(). As above, but only where the allocation fits.
[[nodiscard]] Region pcpu_next_fit_region(const Chunk& chunk, int alloc_bits, int bit_align, int off);

// mm/percpu.c: pcpu_block_update(). [start, end) is a maximal free area of this block.
void pcpu_block_update(BlockMd& block, int start, int end);

// mm/percpu.c: pcpu_block_update_scan(). A search went past this free area, given by chunk offset.
void pcpu_block_update_scan(Chunk& chunk, Region skipped);

// mm/percpu.c: pcpu_block_update_hint_alloc(), pcpu_block_update_hint_free(). The hints after [bit_off,
// bit_off + bits) was set or cleared in alloc_map. Each page that stops or starts being free counts in
// nr_empty_pop_pages.
void pcpu_block_update_hint_alloc(Chunk& chunk, int bit_off, int bits);
void pcpu_block_update_hint_free(Chunk& chunk, int bit_off, int bits);

// mm/percpu.c: pcpu_init_md_blocks(). Everything is free.
void pcpu_init_md_blocks(Chunk& chunk);

} // namespace mmodel::pcpu
