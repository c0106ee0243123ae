// SPDX-License-Identifier: GPL-2.0 OR MIT
// mm/percpu.c: the allocator above the chunks: which chunk serves a request, when one is created, populated,
// put aside, emptied and destroyed. One function for each of the kernel's, under its name.
#pragma once

#include "model/percpu/percpu_vm.hpp"

namespace mmodel::pcpu {

// Where an area is; percpu pointers are this and nothing else.
struct Where {
    ChunkId chunk{no_chunk};
    int off{};
    bool operator==(const Where&) const = default;
};

// ---- lists

// mm/percpu.c: __pcpu_chunk_move(), pcpu_chunk_move(). The reserved chunk is on no list.
inline void pcpu_chunk_move(Pcpu& p, ChunkId id, int slot, bool front = true) {
    if (id != p.reserved_chunk) p.chunks.move(id, slot, front);
}

// mm/percpu.c: pcpu_chunk_relocate(). Chunks that lost space go to the front of their new list, others to its
// back.
inline void pcpu_chunk_relocate(Pcpu& p, ChunkId id, int oslot) {
    const int nslot = pcpu_chunk_slot(p.layout, p.chunks[id]);
    if (!p.chunks[id].isolated && oslot != nslot) pcpu_chunk_move(p, id, nslot, oslot < nslot);
}

inline void pcpu_schedule_balance_work(Pcpu& p) { p.balance_scheduled = true; }

// What a change of a chunk's empty populated pages means for all of them together: mm/percpu.c:
// pcpu_update_empty_pages().
template <class F>
auto with_empty_pages(Pcpu& p, ChunkId id, F&& change) {
    Chunk& c = p.chunks.own(id);
    const int before = c.nr_empty_pop_pages;
    const auto result = change(c);
    if (id != p.reserved_chunk && !c.isolated) p.nr_empty_pop_pages += c.nr_empty_pop_pages - before;
    return result;
}

// mm/percpu.c: pcpu_chunk_populated(), pcpu_chunk_depopulated().
inline void chunk_populated(Pcpu& p, ChunkId id, int start, int end) {
    with_empty_pages(p, id, [&](Chunk& c) { return pcpu_chunk_populated(c, start, end), 0; });
    p.nr_populated += end - start;
}

inline void chunk_depopulated(Pcpu& p, ChunkId id, int start, int end) {
    with_empty_pages(p, id, [&](Chunk& c) { return pcpu_chunk_depopulated(c, start, end), 0; });
    p.nr_populated -= end - start;
}

// mm/percpu.c: pcpu_isolate_chunk(), pcpu_reintegrate_chunk().
inline void pcpu_isolate_chunk(Pcpu& p, ChunkId id) {
    if (!p.chunks[id].isolated) {
        p.chunks.own(id).isolated = true;
        p.nr_empty_pop_pages -= p.chunks[id].nr_empty_pop_pages;
    }
    p.chunks.move(id, p.layout.to_depopulate_slot, true);
}

inline void pcpu_reintegrate_chunk(Pcpu& p, ChunkId id) {
    if (!p.chunks[id].isolated) return;
    p.chunks.own(id).isolated = false;
    p.nr_empty_pop_pages += p.chunks[id].nr_empty_pop_pages;
    pcpu_chunk_relocate(p, id, -1);
}

// ---- areas

// mm/percpu.c: pcpu_alloc_area(), pcpu_free_area(), with what they do to the chunk's place and the counters.
inline int alloc_area(Pcpu& p, ChunkId id, int bits, int bit_align, int start) {
    const int oslot = pcpu_chunk_slot(p.layout, p.chunks[id]);
    const int off =
        with_empty_pages(p, id, [&](Chunk& c) { return pcpu_alloc_area(c, bits, bit_align, start); });
    if (off >= 0) pcpu_chunk_relocate(p, id, oslot);
    return off;
}

inline int free_area(Pcpu& p, ChunkId id, int off) {
    const int oslot = pcpu_chunk_slot(p.layout, p.chunks[id]);
    const int freed = with_empty_pages(p, id, [&](Chunk& c) { return pcpu_free_area(c, off); });
    pcpu_chunk_relocate(p, id, oslot);
    return freed;
}

// Runs f(start, end) for each maximal run of pages in [start, end) that is populated, or that is not. As the
// kernel's for_each_*_bitrange(), the bitmap is read anew after each.
template <class F>
void for_each_run(const Pcpu& p, ChunkId id, bool populated, int start, int end, F&& f) {
    auto next = [&](int from, bool set) {
        const Bitmap& b = p.chunks[id].populated;
        return set ? b.next_set(from, end) : b.next_zero(from, end);
    };
    for (int rs = next(start, populated); rs < end;) {
        const int re = next(rs, !populated);
        if (!f(rs, re)) return;
        rs = next(re, populated);
    }
}

struct Request {
    u64 bytes{}, align{};
    bool reserved{}, atomic{};
};

// mm/percpu.c: pcpu_alloc(), the search: one chunk after another, from those that just fit to those that are
// free.
inline std::optional<Where> find_area(Pcpu& p, int bits, int bit_align, bool atomic) {
    for (int slot = pcpu_size_to_slot(p.layout, bits * static_cast<int>(min_alloc_bytes));
         slot <= p.layout.free_slot; ++slot) {
        for (ChunkId id = p.chunks.first(slot), next; id != no_chunk; id = next) {
            next = p.chunks.next(id);
            const int start = pcpu_find_block_fit(p.chunks[id], bits, bit_align, atomic);
            if (start < 0) {
                if (slot < slot_fail_threshold) pcpu_chunk_move(p, id, 0);
                continue;
            }
            const int off = alloc_area(p, id, bits, bit_align, start);
            if (off < 0) continue;
            pcpu_reintegrate_chunk(p, id);
            return Where{id, off};
        }
    }
    return std::nullopt;
}

// mm/percpu.c: pcpu_alloc(), the reserved chunk, which alone serves reserved requests when it exists.
inline std::optional<Where> find_reserved_area(Pcpu& p, int bits, int bit_align, bool atomic) {
    const int start = pcpu_find_block_fit(p.chunks[p.reserved_chunk], bits, bit_align, atomic);
    const int off = start < 0 ? -1 : alloc_area(p, p.reserved_chunk, bits, bit_align, start);
    return off < 0 ? std::nullopt : std::optional(Where{p.reserved_chunk, off});
}

// mm/percpu.c: pcpu_alloc(), for who may sleep: new chunks as long as no chunk will do and none is free.
template <class K>
std::optional<Where> find_or_create(K& k, Pcpu& p, int bits, int bit_align, bool atomic, Gfp gfp) {
    for (;;) {
        if (const auto found = find_area(p, bits, bit_align, atomic)) return found;
        k.unlock(Fn::pcpu_alloc, Lock::spin);
        if (atomic) return std::nullopt;
        const bool create = p.chunks.is_empty(p.layout.free_slot);
        const ChunkId id = create ? pcpu_create_chunk(k, p, gfp) : no_chunk;
        if (create && id == no_chunk) return std::nullopt;
        k.lock(Fn::pcpu_alloc, Lock::spin);
        if (create) pcpu_chunk_relocate(p, id, -1);
    }
}

// mm/percpu.c: pcpu_alloc(), frames for an area. An error: the area is free again; runs already populated
// stay.
template <class K>
Errno populate_area(K& k, Pcpu& p, Where w, int bytes, Gfp gfp) {
    const int page = static_cast<int>(p.page_bytes());
    Errno err = Errno::ok;
    for_each_run(p, w.chunk, false, w.off / page, (w.off + bytes + page - 1) / page, [&](int rs, int re) {
        if (p.chunks[w.chunk].immutable) k.warn(Fn::pcpu_alloc, "chunk->immutable");
        err = pcpu_populate_chunk(k, p, w.chunk, rs, re, gfp);
        k.lock(Fn::pcpu_alloc, Lock::spin);
        if (err == Errno::ok)
            chunk_populated(p, w.chunk, rs, re);
        else
            free_area(p, w.chunk, w.off);
        k.unlock(Fn::pcpu_alloc, Lock::spin);
        return err == Errno::ok;
    });
    return err;
}

template <class K>
void zero_area(K& k, const Pcpu& p, Where w, int bytes) {
    for_each_possible_cpu(p, [&](int cpu) {
        k.memset_zero(Fn::pcpu_alloc, p.chunk_addr(p.chunks[w.chunk], cpu, 0) + static_cast<u64>(w.off),
                      static_cast<u64>(bytes));
    });
}

// What an area of that request takes, and at what it lies.
[[nodiscard]] constexpr u64 size_of(const Request& r) {
    return (r.bytes + min_alloc_bytes - 1) / min_alloc_bytes * min_alloc_bytes;
}
[[nodiscard]] constexpr u64 align_of(const Request& r) { return std::max<u64>(r.align, min_alloc_bytes); }

// What the kernel refuses, with a warning: nothing, more than a unit's minimum, an alignment past a page or
// odd.
[[nodiscard]] inline bool is_legal(const Sizes& s, u64 bytes, u64 align) {
    return bytes && bytes <= s.min_unit_bytes && align <= s.page_bytes && std::has_single_bit(align);
}

inline void schedule_balance_work_if_low(Pcpu& p) {
    if (p.nr_empty_pop_pages < empty_pop_pages_low) pcpu_schedule_balance_work(p);
}

// mm/percpu.c: pcpu_alloc(). Nothing: refused, or no space, or no memory; then the world is as it was, but
// for pages that were populated, chunks that were created and chunks that moved within the lists.
template <class K>
std::optional<Where> pcpu_alloc(K& k, Pcpu& p, Request r) {
    const u64 align = align_of(r), size = size_of(r);
    if (!is_legal(p.sizes, size, align)) return std::nullopt;
    const int bytes = static_cast<int>(size), bits = bytes / static_cast<int>(min_alloc_bytes);
    const int bit_align = static_cast<int>(align / min_alloc_bytes);
    const Gfp gfp = p.backing_gfp(r.atomic ? gfp::nowait : gfp::kernel);

    if (!r.atomic) k.lock(Fn::pcpu_alloc, Lock::mutex);
    k.lock(Fn::pcpu_alloc, Lock::spin);
    const bool only_reserved = r.reserved && p.reserved_chunk != no_chunk;
    std::optional<Where> found = only_reserved ? find_reserved_area(p, bits, bit_align, r.atomic)
                                               : find_or_create(k, p, bits, bit_align, r.atomic, gfp);
    if (found && p.sizes.schedules_early) schedule_balance_work_if_low(p);
    if (found || only_reserved) k.unlock(Fn::pcpu_alloc, Lock::spin);
    if (found && !r.atomic && populate_area(k, p, *found, bytes, gfp) != Errno::ok) found.reset();
    if (!r.atomic) k.unlock(Fn::pcpu_alloc, Lock::mutex);
    if (!found) {
        if (r.atomic) p.atomic_alloc_failed = true, pcpu_schedule_balance_work(p);
        return found;
    }
    if (!p.sizes.schedules_early) schedule_balance_work_if_low(p);
    zero_area(k, p, *found, bytes);
    return found;
}

// mm/percpu.c: pcpu_addr_in_chunk().
[[nodiscard]] inline bool pcpu_addr_in_chunk(const Pcpu& p, ChunkId id, u64 addr) {
    if (id == no_chunk) return false;
    const Chunk& c = p.chunks[id];
    return addr >= c.base_addr + static_cast<u64>(c.start_offset) &&
           addr <
               c.base_addr + static_cast<u64>(c.nr_pages) * p.page_bytes() - static_cast<u64>(c.end_offset);
}

// mm/percpu.c: pcpu_chunk_addr_search(). The chunk that an address of unit 0 belongs to, by what its page on
// the running CPU says.
template <class K>
ChunkId pcpu_chunk_addr_search(K& k, const Pcpu& p, u64 addr) {
    if (pcpu_addr_in_chunk(p, p.first_chunk, addr)) return p.first_chunk;
    if (pcpu_addr_in_chunk(p, p.reserved_chunk, addr)) return p.reserved_chunk;
    const auto page = pcpu_addr_to_page(k, p, addr + p.layout.unit_offsets[k.machine().config().boot_cpu()]);
    return page && k.machine().tag(*page) ? static_cast<ChunkId>(k.machine().tag(*page) - 1) : no_chunk;
}

// mm/percpu.c: free_percpu(). False: the address leads to no chunk.
template <class K>
bool free_percpu(K& k, Pcpu& p, u64 addr) {
    const ChunkId id = pcpu_chunk_addr_search(k, p, addr);
    if (!p.chunks.is_live(id)) return false;
    k.lock(Fn::free_percpu, Lock::spin);
    free_area(p, id, static_cast<int>(addr - p.chunks[id].base_addr));
    bool need_balance = false;
    if (!p.chunks[id].isolated && static_cast<u64>(p.chunks[id].free_bytes) == p.layout.unit_size) {
        const ChunkId first = p.chunks.first(p.layout.free_slot);
        need_balance = first != no_chunk && (first != id || p.chunks.next(first) != no_chunk);
    } else if (pcpu_should_reclaim_chunk(p, id)) {
        pcpu_isolate_chunk(p, id);
        need_balance = true;
    }
    k.unlock(Fn::free_percpu, Lock::spin);
    if (need_balance) pcpu_schedule_balance_work(p);
    return true;
}

// mm/percpu.c: per_cpu_ptr_to_phys(). The physical address behind an address of a CPU's unit.
template <class K>
u64 per_cpu_ptr_to_phys(K& k, const Pcpu& p, u64 addr) {
    const u64 page = p.page_bytes();
    const u64 low = p.base_addr + p.layout.unit_offsets[static_cast<std::size_t>(p.layout.low_unit_cpu)];
    const u64 high = p.base_addr + p.layout.unit_offsets[static_cast<std::size_t>(p.layout.high_unit_cpu)] +
                     p.layout.unit_size;
    bool in_first_chunk = false;
    if (addr >= low && addr < high)
        for_each_possible_cpu(p, [&](int cpu) {
            const u64 start = p.base_addr + p.layout.unit_offsets[static_cast<std::size_t>(cpu)];
            in_first_chunk = in_first_chunk || (addr >= start && addr < start + p.layout.unit_size);
        });
    if (in_first_chunk && !Pcpu::is_vmalloc_addr(addr)) return addr; // __pa()
    const auto found = pcpu_addr_to_page(k, p, addr);
    return found ? found->value * page + addr % page : ~u64{0};
}

} // namespace mmodel::pcpu
