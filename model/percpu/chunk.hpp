// SPDX-License-Identifier: GPL-2.0 OR MIT
// A percpu chunk and the allocation of areas in it, as a plain value. An area is a run of 4-byte pieces, a
// bit each; where it goes is decided by hints that the kernel keeps instead of searching, and the hints are
// kept here exactly as it keeps them: the same calls hand out the same offsets. Nothing here knows of pages'
// frames, of lists of chunks or of the global counters. Source: mm/percpu.c, mm/percpu-internal.h.
#pragma once

#include <vector>

#include "model/machine/geometry.hpp"
#include "model/percpu/bitmap.hpp"

namespace mmodel::pcpu {

inline constexpr u32 min_alloc_bytes = 4; // PCPU_MIN_ALLOC_SIZE

// What may be done for memory that backs areas, while pcpu_alloc_mutex is held.
enum class Backing : u8 {
    as_asked,    // what the caller may; the balance worker may all
    noio_worker, // the worker allocates without IO, for callers without IO or FS wait for it
                 // (6.15, 6.12.59, 6.1.159)
    noio,        // nor is there IO for any caller (7.3)
};

// The kernel's constants on a geometry, and what its version decides.
struct Sizes {
    u32 page_bytes{};      // a block of hints describes one page: PCPU_BITMAP_BLOCK_SIZE
    u32 min_unit_bytes{};  // PCPU_MIN_UNIT_SIZE, which is also the largest request
    u32 dynamic_early{};   // PERCPU_DYNAMIC_EARLY_SIZE
    u32 dynamic_reserve{}; // PERCPU_DYNAMIC_RESERVE
    u32 module_reserve{};  // PERCPU_MODULE_RESERVE
    // pcpu_alloc() looks under pcpu_lock, before it populates, whether the balance worker is due (6.14 and
    // later); else after that.
    bool schedules_early{};
    Backing backing{Backing::noio_worker};

    bool operator==(const Sizes&) const = default;
};

// The kernel's values for 64-bit machines (without RANDOM_KMALLOC_CACHES); pages below 4 KiB get smaller
// ones, so that a machine of tiny tables has tiny units.
[[nodiscard]] Sizes sizes_of(const Geometry& g);

// struct pcpu_block_md: what is known of the free areas in a page, or in a whole chunk. In bits, starts
// relative to the page or chunk. Starts of hints that are 0 are leftovers.
struct BlockMd {
    int scan_hint{}, scan_hint_start{};     // the largest area known before the contig hint
    int contig_hint{}, contig_hint_start{}; // the largest area known
    int left_free{}, right_free{};          // free at the left and right edge; not kept for a chunk
    int first_free{};
    int nr_bits{};

    bool operator==(const BlockMd&) const = default;
};

// struct pcpu_chunk without its place in a list.
struct Chunk {
    u64 base_addr{}; // virtual address of offset 0 in a unit whose unit offset is 0
    int free_bytes{};
    BlockMd chunk_md{};
    std::vector<BlockMd> md_blocks{}; // one a page
    Bitmap alloc_map{};               // bits of areas; also what start_offset and end_offset hide
    Bitmap bound_map{};               // where areas start and end; meaningless where nothing is allocated
    Bitmap populated{};               // pages that have frames
    bool immutable{};                 // no population or depopulation
    bool isolated{};
    int start_offset{}, end_offset{}; // bytes at either end that are not this chunk's
    int nr_pages{}, nr_populated{};
    // Populated pages without an area, at rest. An allocation takes off every free page it enters, populated
    // or not; populating it puts that back.
    int nr_empty_pop_pages{};
    int page_bytes{};

    bool operator==(const Chunk&) const = default;
    [[nodiscard]] u64 hash() const;
};

// mm/percpu.c: pcpu_alloc_first_chunk(). A populated, immutable chunk that serves [tmp_addr, tmp_addr +
// map_size). Needs: tmp_addr and map_size multiples of min_alloc_bytes, map_size > 0.
[[nodiscard]] Chunk init_first_chunk(const Sizes& s, u64 tmp_addr, int map_size);

// mm/percpu.c: pcpu_alloc_chunk(). An empty chunk without frames; base_addr is for the caller to fill in.
[[nodiscard]] Chunk init_chunk(const Sizes& s, int unit_pages);

// mm/percpu.c: pcpu_find_block_fit(). The bit to give pcpu_alloc_area() as its start, or -1. bit_align is in
// bits (the kernel's caller has divided by 4), a power of two; pop_only: only where pages are populated.
[[nodiscard]] int pcpu_find_block_fit(const Chunk& chunk, int alloc_bits, int bit_align, bool pop_only);

// mm/percpu.c: pcpu_alloc_area(). The byte offset of the area, or -1 and nothing has changed. bit_align and
// start as above. The chunk's nr_empty_pop_pages changes; the global count and the chunk's slot are the
// caller's.
[[nodiscard]] int pcpu_alloc_area(Chunk& chunk, int alloc_bits, int bit_align, int start);

// mm/percpu.c: pcpu_free_area(). Frees the area that starts at this byte offset and says how many bytes that
// were. Needs: area_bytes_at(chunk, off) != 0.
int pcpu_free_area(Chunk& chunk, int off);

// mm/percpu.c: pcpu_chunk_populated(), pcpu_chunk_depopulated(). The bookkeeping of pages [page_start,
// page_end).
void pcpu_chunk_populated(Chunk& chunk, int page_start, int page_end);
void pcpu_chunk_depopulated(Chunk& chunk, int page_start, int page_end);

// Size of the area that starts at this byte offset; 0 when none does.
[[nodiscard]] int area_bytes_at(const Chunk& chunk, int off);

} // namespace mmodel::pcpu
