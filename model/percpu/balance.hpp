// SPDX-License-Identifier: GPL-2.0 OR MIT
// mm/percpu.c: the balance worker: keeps a few populated empty pages for those who may not sleep, gives back
// what is too many, and all free chunks but one.
#pragma once

#include <algorithm>

#include "model/percpu/percpu.hpp"

namespace mmodel::pcpu {

// mm/percpu.c: pcpu_balance_free(). Destroys the free chunks behind the first; empty_only: those without a
// page.
template <class K>
void pcpu_balance_free(K& k, Pcpu& p, bool empty_only) {
    std::vector<ChunkId> to_free;
    const ChunkId spared = p.chunks.first(p.layout.free_slot);
    for (ChunkId id = spared; id != no_chunk; id = p.chunks.next(id)) {
        if (p.chunks[id].immutable) k.warn(Fn::pcpu_balance_free, "chunk->immutable");
        if (id != spared && (!empty_only || p.chunks[id].nr_empty_pop_pages == 0))
            to_free.insert(to_free.begin(), id);
    }
    if (to_free.empty()) return;
    for (const ChunkId id : to_free) p.chunks.unlist(id);
    k.unlock(Fn::pcpu_balance_free, Lock::spin);
    for (const ChunkId id : to_free) {
        for_each_run(p, id, true, 0, p.chunks[id].nr_pages, [&](int rs, int re) {
            pcpu_depopulate_chunk(k, p, id, rs, re);
            k.lock(Fn::pcpu_balance_free, Lock::spin);
            chunk_depopulated(p, id, rs, re);
            k.unlock(Fn::pcpu_balance_free, Lock::spin);
            return true;
        });
        pcpu_destroy_chunk(k, p, id);
    }
    k.lock(Fn::pcpu_balance_free, Lock::spin);
}

// Pages of a chunk that were given back and are not flushed yet.
struct Freed {
    int start, end;
};

// mm/percpu.c: pcpu_reclaim_populated(), one run: pages [start, end) go.
template <class K>
void reclaim_run(K& k, Pcpu& p, ChunkId id, int start, int end, Freed& freed) {
    k.unlock(Fn::pcpu_reclaim_populated, Lock::spin);
    pcpu_depopulate_chunk(k, p, id, start, end);
    k.lock(Fn::pcpu_reclaim_populated, Lock::spin);
    chunk_depopulated(p, id, start, end);
    freed = {std::min(freed.start, start), std::max(freed.end, end)};
}

// mm/percpu.c: pcpu_reclaim_populated(), one chunk, from its last page down: runs of pages that are populated
// and free. True: so few empty pages are left that the chunk has to serve again.
template <class K>
bool reclaim_chunk(K& k, Pcpu& p, ChunkId id, Freed& freed) {
    const int block_bits = static_cast<int>(p.page_bytes() / min_alloc_bytes);
    for (int i = p.chunks[id].nr_pages - 1, end = -1; i >= 0; --i) {
        const Chunk& c = p.chunks[id];
        if (c.nr_empty_pop_pages == 0) return false;
        if (p.nr_empty_pop_pages < empty_pop_pages_high) return true;
        if (c.md_blocks[static_cast<std::size_t>(i)].contig_hint == block_bits && c.populated.test(i)) {
            if (end == -1) end = i;
            if (i > 0) continue;
            --i;
        }
        if (end == -1) continue;
        reclaim_run(k, p, id, i + 1, end + 1, freed);
        end = -1;
    }
    return false;
}

// mm/percpu.c: pcpu_reclaim_populated(). One flush a chunk, over all that was given back of it.
template <class K>
void pcpu_reclaim_populated(K& k, Pcpu& p) {
    for (ChunkId id; (id = p.chunks.first(p.layout.to_depopulate_slot)) != no_chunk;) {
        if (p.chunks[id].immutable) k.warn(Fn::pcpu_reclaim_populated, "chunk->immutable");
        Freed freed{p.chunks[id].nr_pages, 0};
        const bool reintegrate = reclaim_chunk(k, p, id, freed);
        if (freed.start < freed.end) {
            k.unlock(Fn::pcpu_reclaim_populated, Lock::spin);
            pcpu_post_unmap_tlb_flush(k, p, id, freed.start, freed.end);
            k.lock(Fn::pcpu_reclaim_populated, Lock::spin);
        }
        if (reintegrate || static_cast<u64>(p.chunks[id].free_bytes) == p.layout.unit_size)
            pcpu_reintegrate_chunk(p, id);
        else
            p.chunks.move(id, p.layout.sidelined_slot, false);
    }
}

// mm/percpu.c: pcpu_balance_populated(), one list: its first chunk with a page to populate gets up to
// nr_to_pop pages. What is still to be populated; 0 after an error.
template <class K>
int populate_in_slot(K& k, Pcpu& p, int slot, int nr_to_pop) {
    ChunkId id = p.chunks.first(slot);
    while (id != no_chunk && p.chunks[id].nr_pages == p.chunks[id].nr_populated) id = p.chunks.next(id);
    if (id == no_chunk) return nr_to_pop;
    for_each_run(p, id, false, 0, p.chunks[id].nr_pages, [&](int rs, int re) {
        const int nr = std::min(re - rs, nr_to_pop);
        k.unlock(Fn::pcpu_balance_populated, Lock::spin);
        const Errno err = pcpu_populate_chunk(k, p, id, rs, rs + nr, gfp::kernel);
        k.lock(Fn::pcpu_balance_populated, Lock::spin);
        if (err == Errno::ok) chunk_populated(p, id, rs, rs + nr);
        nr_to_pop = err == Errno::ok ? nr_to_pop - nr : 0;
        return nr_to_pop != 0;
    });
    return nr_to_pop;
}

// mm/percpu.c: pcpu_balance_populated(). The fullest chunks first; a new chunk when they have no room.
template <class K>
void pcpu_balance_populated(K& k, Pcpu& p) {
    for (;;) {
        int nr_to_pop = std::clamp(empty_pop_pages_high - p.nr_empty_pop_pages, 0, empty_pop_pages_high);
        if (std::exchange(p.atomic_alloc_failed, false)) nr_to_pop = empty_pop_pages_high;
        for (int slot = pcpu_size_to_slot(p.layout, static_cast<int>(p.page_bytes()));
             slot <= p.layout.free_slot && nr_to_pop; ++slot)
            nr_to_pop = populate_in_slot(k, p, slot, nr_to_pop);
        if (!nr_to_pop) return;
        k.unlock(Fn::pcpu_balance_populated, Lock::spin);
        const ChunkId id = pcpu_create_chunk(k, p, gfp::kernel);
        k.lock(Fn::pcpu_balance_populated, Lock::spin);
        if (id == no_chunk) return;
        pcpu_chunk_relocate(p, id, -1);
    }
}

// mm/percpu.c: pcpu_balance_workfn().
template <class K>
void pcpu_balance_workfn(K& k, Pcpu& p) {
    p.balance_scheduled = false;
    const Gfp before = k.enter_scope(p.sizes.backing == Backing::as_asked ? gfp::kernel : gfp::noio);
    k.lock(Fn::pcpu_balance_workfn, Lock::mutex);
    k.lock(Fn::pcpu_balance_workfn, Lock::spin);
    pcpu_balance_free(k, p, false);
    pcpu_reclaim_populated(k, p);
    pcpu_balance_populated(k, p);
    pcpu_balance_free(k, p, true);
    k.unlock(Fn::pcpu_balance_workfn, Lock::spin);
    k.unlock(Fn::pcpu_balance_workfn, Lock::mutex);
    k.restore_scope(before);
}

} // namespace mmodel::pcpu
