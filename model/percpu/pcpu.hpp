// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the percpu allocator keeps: its layout, its chunks and their lists, its counters, and, for the
// operations, the areas and chunks that somebody holds. A value. Source: the file-scope variables of
// mm/percpu.c and mm/percpu-vm.c.
#pragma once

#include <array>

#include "model/machine/gfp.hpp"
#include "model/machine/machine.hpp"
#include "model/op.hpp"
#include "model/percpu/chunk_table.hpp"
#include "model/percpu/layout.hpp"

namespace mmodel::pcpu {

inline constexpr int empty_pop_pages_low = 2;  // PCPU_EMPTY_POP_PAGES_LOW
inline constexpr int empty_pop_pages_high = 4; // PCPU_EMPTY_POP_PAGES_HIGH
inline constexpr int slot_fail_threshold = 3;  // PCPU_SLOT_FAIL_THRESHOLD

// An area that was handed out. Once freed, chunk and off stay, for who frees it again.
struct Area {
    bool live{};
    ChunkId chunk{no_chunk};
    int off{}, bytes{}; // as rounded up
    bool operator==(const Area&) const = default;
};

// Kernel objects that a chunk is made of.
inline constexpr u64 objects_per_chunk = 4; // the struct, two bitmaps, the blocks

struct Pcpu {
    bool booted{};
    Sizes sizes{};
    CpuMap cpus{};
    Layout layout{};
    ChunkTable chunks{};
    ChunkId first_chunk{no_chunk}, reserved_chunk{no_chunk}; // pcpu_first_chunk, pcpu_reserved_chunk
    int nr_empty_pop_pages{};                                // pcpu_nr_empty_pop_pages
    i64 nr_populated{};                                      // pcpu_nr_populated
    bool atomic_alloc_failed{};                              // pcpu_atomic_alloc_failed
    bool balance_scheduled{};                                // pcpu_balance_work is pending
    std::vector<Pfn> pages{};                                // pcpu_get_pages(): empty until there is one
    u64 base_addr{};                                         // pcpu_base_addr
    u64 nr_embedded_frames{}; // of the first chunk, taken from the page allocator for good; 0 when
                              // page-mapped
    std::array<Area, max_areas> areas{};
    std::array<ChunkId, max_chunks> slots = no_chunks(); // chunks that no list holds, by slot

    bool operator==(const Pcpu&) const = default;
    [[nodiscard]] u64 hash() const;

    [[nodiscard]] u32 page_bytes() const { return sizes.page_bytes; }
    // mm/percpu.c: pcpu_alloc(): pcpu_gfp.
    [[nodiscard]] Gfp backing_gfp(Gfp gfp) const {
        return sizes.backing == Backing::noio ? gfp & gfp::noio : gfp;
    }
    [[nodiscard]] bool is_possible(int cpu) const { return cpus.possible(cpu); }
    [[nodiscard]] int nr_cpu_ids() const { return cpus.nr_cpu_ids(); }
    [[nodiscard]] int nr_possible() const { return cpus.nr_possible(); }
    // mm/percpu.c: pcpu_chunk_addr(). The address of a page of a chunk on a CPU.
    [[nodiscard]] u64 chunk_addr(const Chunk& c, int cpu, int page_idx) const {
        return arithmetic::chunk_addr(c.base_addr, layout.unit_offsets[static_cast<std::size_t>(cpu)],
                                      static_cast<u64>(page_idx), page_bytes());
    }
    // ... as a page of the vmalloc range. Needs: the chunk lies there.
    [[nodiscard]] Vmap chunk_vmap(const Chunk& c, int cpu, int page_idx) const {
        return Vmap{arithmetic::range_page(chunk_addr(c, cpu, page_idx), vmalloc_start, page_bytes())};
    }
    // mm/percpu.c: pcpu_page_idx().
    [[nodiscard]] std::size_t page_idx(int cpu, int page) const {
        return static_cast<std::size_t>(
            arithmetic::page_idx(layout.unit_map[static_cast<std::size_t>(cpu)], layout.unit_pages, page));
    }
    [[nodiscard]] static bool is_vmalloc_addr(u64 addr) { return addr >= vmalloc_start; }
    // Pages from the lowest to the highest unit: pages [start, end) of a chunk span so many addresses.
    [[nodiscard]] u64 span_pages(const Chunk& c, int start, int end) const {
        return chunk_vmap(c, layout.high_unit_cpu, end) - chunk_vmap(c, layout.low_unit_cpu, start);
    }

private:
    static std::array<ChunkId, max_chunks> no_chunks() {
        std::array<ChunkId, max_chunks> none;
        none.fill(no_chunk);
        return none;
    }
};

[[nodiscard]] CpuMap cpus_of(const Config& c);

// for_each_possible_cpu()
template <class F>
void for_each_possible_cpu(const Pcpu& p, F&& f) {
    for (int cpu = 0; cpu < p.nr_cpu_ids(); ++cpu)
        if (p.is_possible(cpu)) f(cpu);
}

// The tag that a chunk's pages carry.
constexpr u64 tag_of(ChunkId id) { return u64{id} + 1; }

} // namespace mmodel::pcpu
