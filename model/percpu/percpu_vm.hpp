// SPDX-License-Identifier: GPL-2.0 OR MIT
// mm/percpu-vm.c: chunks in the vmalloc range, whose pages come and go. One function for each of the
// kernel's, under its name. Pages are half-open ranges [start, end) of page indices in a chunk, the same on
// every possible CPU. All need pcpu_alloc_mutex.
#pragma once

#include "model/machine/kernel.hpp"
#include "model/percpu/pcpu.hpp"

namespace mmodel::pcpu {

// mm/percpu-vm.c: pcpu_chunk_page(). The frame behind a page of the chunk, by the page table.
template <class K>
std::optional<Pfn> pcpu_chunk_page(K& k, const Pcpu& p, ChunkId id, int cpu, int page_idx) {
    if (p.chunks[id].immutable) k.warn(Fn::pcpu_chunk_page, "chunk->immutable");
    return k.vmalloc_to_page(p.chunk_vmap(p.chunks[id], cpu, page_idx));
}

// mm/percpu-vm.c: pcpu_get_pages(). The one array of page pointers, made at the first call and never cleared:
// entries of earlier calls are still in it. Null: no memory for it.
template <class K>
std::vector<Pfn>* pcpu_get_pages(K& k, Pcpu& p, Gfp gfp) {
    const Gfp own = p.sizes.backing == Backing::noio ? gfp : gfp::kernel;
    if (p.pages.empty() && k.kzalloc(Fn::pcpu_get_pages, own))
        p.pages.assign(static_cast<std::size_t>(p.layout.nr_units * p.layout.unit_pages), no_pfn);
    return p.pages.empty() ? nullptr : &p.pages;
}

// mm/percpu-vm.c: pcpu_free_pages().
template <class K>
void pcpu_free_pages(K& k, const Pcpu& p, const std::vector<Pfn>& pages, int start, int end) {
    for_each_possible_cpu(p, [&](int cpu) {
        for (int i = start; i < end; ++i)
            if (pages[p.page_idx(cpu, i)] != no_pfn)
                k.free_page(Fn::pcpu_free_pages, pages[p.page_idx(cpu, i)]);
    });
}

// mm/percpu-vm.c: pcpu_alloc_pages(), the way back: the failing CPU's pages down from i, then the CPUs before
// it.
template <class K>
void free_allocated_pages(K& k, const Pcpu& p, const std::vector<Pfn>& pages, int cpu, int start, int i,
                          int end) {
    while (--i >= start) k.free_page(Fn::pcpu_alloc_pages, pages[p.page_idx(cpu, i)]);
    for (int tcpu = 0; tcpu < cpu; ++tcpu)
        for (int j = start; p.is_possible(tcpu) && j < end; ++j)
            k.free_page(Fn::pcpu_alloc_pages, pages[p.page_idx(tcpu, j)]);
}

// mm/percpu-vm.c: pcpu_alloc_pages(). -ENOMEM: nothing is left allocated, entries are stale.
template <class K>
Errno pcpu_alloc_pages(K& k, const Pcpu& p, std::vector<Pfn>& pages, int start, int end, Gfp gfp) {
    for (int cpu = 0; cpu < p.nr_cpu_ids(); ++cpu) {
        if (!p.is_possible(cpu)) continue;
        const Nid nid{static_cast<u8>(p.cpus.node(cpu))};
        for (int i = start; i < end; ++i) {
            const auto page = k.alloc_pages_node(Fn::pcpu_alloc_pages, nid, false, true, gfp);
            pages[p.page_idx(cpu, i)] = page.value_or(no_pfn);
            if (page) continue;
            free_allocated_pages(k, p, pages, cpu, start, i, end);
            return Errno::nomem;
        }
    }
    return Errno::ok;
}

// mm/percpu-vm.c: pcpu_pre_unmap_flush(), pcpu_post_unmap_tlb_flush(), pcpu_post_map_flush(): the whole
// stretch of addresses from the lowest to the highest unit at once.
template <class K>
void pcpu_pre_unmap_flush(K& k, const Pcpu& p, ChunkId id, int start, int end) {
    const Chunk& c = p.chunks[id];
    k.flush_cache_vunmap(Fn::pcpu_pre_unmap_flush, p.chunk_vmap(c, p.layout.low_unit_cpu, start),
                         p.span_pages(c, start, end));
}

template <class K>
void pcpu_post_unmap_tlb_flush(K& k, const Pcpu& p, ChunkId id, int start, int end) {
    const Chunk& c = p.chunks[id];
    k.flush_tlb_vmalloc(Fn::pcpu_post_unmap_tlb_flush, p.chunk_vmap(c, p.layout.low_unit_cpu, start),
                        p.span_pages(c, start, end));
}

template <class K>
void pcpu_post_map_flush(K& k, const Pcpu& p, ChunkId id, int start, int end) {
    const Chunk& c = p.chunks[id];
    k.flush_cache_vmap(Fn::pcpu_post_map_flush, p.chunk_vmap(c, p.layout.low_unit_cpu, start),
                       p.span_pages(c, start, end));
}

// mm/percpu-vm.c: __pcpu_unmap_pages(), __pcpu_map_pages().
template <class K>
void __pcpu_unmap_pages(K& k, Vmap addr, int nr_pages) {
    k.vunmap_range_noflush(Fn::__pcpu_unmap_pages, addr, static_cast<u64>(nr_pages));
}

template <class K>
Errno __pcpu_map_pages(K& k, const Pcpu& p, Vmap addr, std::span<const Pfn> pages, Gfp gfp) {
    // page tables ask for GFP_KERNEL, whoever they are for
    const Gfp before = k.enter_scope(p.sizes.backing == Backing::noio ? gfp : gfp::kernel);
    const Errno err = k.vmap_pages_range_noflush(Fn::__pcpu_map_pages, addr, pages);
    k.restore_scope(before);
    return err;
}

// mm/percpu-vm.c: pcpu_unmap_pages(). What each page was is left in `pages`. No TLB flush.
template <class K>
void pcpu_unmap_pages(K& k, const Pcpu& p, ChunkId id, std::vector<Pfn>& pages, int start, int end) {
    for_each_possible_cpu(p, [&](int cpu) {
        for (int i = start; i < end; ++i) {
            const auto page = pcpu_chunk_page(k, p, id, cpu, i);
            if (!page) k.warn(Fn::pcpu_unmap_pages, "!page");
            pages[p.page_idx(cpu, i)] = page.value_or(no_pfn);
        }
        __pcpu_unmap_pages(k, p.chunk_vmap(p.chunks[id], cpu, start), end - start);
    });
}

// mm/percpu-vm.c: pcpu_map_pages(), the way back: every CPU up to and with the one that failed.
template <class K>
void unmap_mapped_pages(K& k, const Pcpu& p, ChunkId id, int cpu, int start, int end) {
    for (int tcpu = 0; tcpu <= cpu; ++tcpu) {
        if (!p.is_possible(tcpu)) continue;
        __pcpu_unmap_pages(k, p.chunk_vmap(p.chunks[id], tcpu, start), end - start);
    }
    pcpu_post_unmap_tlb_flush(k, p, id, start, end);
}

// mm/percpu-vm.c: pcpu_map_pages(). An error: nothing is left mapped, tags are as they came.
template <class K>
Errno pcpu_map_pages(K& k, const Pcpu& p, ChunkId id, std::vector<Pfn>& pages, int start, int end, Gfp gfp) {
    const auto nr = static_cast<std::size_t>(end - start);
    for (int cpu = 0; cpu < p.nr_cpu_ids(); ++cpu) {
        if (!p.is_possible(cpu)) continue;
        const auto run = std::span(pages).subspan(p.page_idx(cpu, start), nr);
        const Errno err = __pcpu_map_pages(k, p, p.chunk_vmap(p.chunks[id], cpu, start), run, gfp);
        if (err != Errno::ok) return unmap_mapped_pages(k, p, id, cpu, start, end), err;
        for (const Pfn page : run) k.set_page_tag(Fn::pcpu_set_page_chunk, page, tag_of(id));
    }
    return Errno::ok;
}

// mm/percpu-vm.c: pcpu_populate_chunk(). -ENOMEM: as it was, but for tables that stay and entries of the
// array. Neither the populated bitmap nor any counter is touched, and nothing is zeroed.
template <class K>
Errno pcpu_populate_chunk(K& k, Pcpu& p, ChunkId id, int start, int end, Gfp gfp) {
    std::vector<Pfn>* pages = pcpu_get_pages(k, p, gfp);
    if (!pages) return Errno::nomem;
    if (pcpu_alloc_pages(k, p, *pages, start, end, gfp) != Errno::ok) return Errno::nomem;
    if (pcpu_map_pages(k, p, id, *pages, start, end, gfp) != Errno::ok) {
        pcpu_free_pages(k, p, *pages, start, end);
        return Errno::nomem;
    }
    pcpu_post_map_flush(k, p, id, start, end);
    return Errno::ok;
}

// mm/percpu-vm.c: pcpu_depopulate_chunk(). The frames are free at once, the addresses not before the caller's
// pcpu_post_unmap_tlb_flush(), or until vmalloc has them back.
template <class K>
void pcpu_depopulate_chunk(K& k, Pcpu& p, ChunkId id, int start, int end) {
    std::vector<Pfn>* pages = pcpu_get_pages(k, p, gfp::kernel);
    if (!pages) return k.warn(Fn::pcpu_depopulate_chunk, "!pages"); // BUG_ON: populated pages imply the array
    pcpu_pre_unmap_flush(k, p, id, start, end);
    pcpu_unmap_pages(k, p, id, *pages, start, end);
    pcpu_free_pages(k, p, *pages, start, end);
}

// In pages, as the layout has its groups.
struct ChunkAreas {
    std::vector<u64> offsets, sizes;
    u64 align;

    explicit ChunkAreas(const Pcpu& p) : align(p.layout.atom_size / p.page_bytes()) {
        for (std::size_t g = 0; g < p.layout.group_offsets.size(); ++g) {
            offsets.push_back(p.layout.group_offsets[g] / p.page_bytes());
            sizes.push_back(p.layout.group_sizes[g] / p.page_bytes());
        }
    }
    [[nodiscard]] Congruent congruent() const { return {offsets, sizes, align}; }
};

// mm/percpu.c: pcpu_alloc_chunk(), pcpu_free_chunk(): what describes a chunk, in memory.
template <class K>
bool pcpu_alloc_chunk(K& k, Gfp gfp) {
    for (u64 n = 0; n < objects_per_chunk; ++n) {
        if (k.kzalloc(Fn::pcpu_alloc_chunk, gfp)) continue;
        if (n) k.kfree(Fn::pcpu_alloc_chunk, n);
        return false;
    }
    return true;
}

template <class K>
void pcpu_free_chunk(K& k) {
    k.kfree(Fn::pcpu_free_chunk, objects_per_chunk);
}

// mm/percpu-vm.c: pcpu_create_chunk(). On no list and without a page; no_chunk when memory or addresses are
// lacking.
template <class K>
ChunkId pcpu_create_chunk(K& k, Pcpu& p, Gfp gfp) {
    if (!pcpu_alloc_chunk(k, gfp)) return no_chunk;
    const ChunkAreas areas(p);
    const auto vms = k.pcpu_get_vm_areas(Fn::pcpu_create_chunk, areas.congruent(),
                                         p.sizes.backing == Backing::noio ? gfp : gfp::kernel);
    if (!vms) return pcpu_free_chunk(k), no_chunk;
    Chunk chunk = init_chunk(p.sizes, p.layout.unit_pages);
    chunk.base_addr = vmalloc_start + vms->value * p.page_bytes();
    return p.chunks.add(std::move(chunk));
}

// mm/percpu-vm.c: pcpu_destroy_chunk(). Needs: on no list, depopulated.
template <class K>
void pcpu_destroy_chunk(K& k, Pcpu& p, ChunkId id) {
    const ChunkAreas areas(p);
    const Vmap base{(p.chunks[id].base_addr - vmalloc_start) / p.page_bytes()};
    k.pcpu_free_vm_areas(Fn::pcpu_destroy_chunk, base, areas.congruent());
    p.chunks.remove(id);
    pcpu_free_chunk(k);
}

// mm/percpu-vm.c: pcpu_addr_to_page(). The frame behind an address of the vmalloc range.
template <class K>
std::optional<Pfn> pcpu_addr_to_page(K& k, const Pcpu& p, u64 addr) {
    return k.vmalloc_to_page(Vmap{(addr - vmalloc_start) / p.page_bytes()});
}

// mm/percpu-vm.c: pcpu_verify_alloc_info(): chunks in the vmalloc range take any layout.
[[nodiscard]] inline Errno pcpu_verify_alloc_info(const AllocInfo&) { return Errno::ok; }

// mm/percpu-vm.c: pcpu_should_reclaim_chunk().
[[nodiscard]] inline bool pcpu_should_reclaim_chunk(const Pcpu& p, ChunkId id) {
    const Chunk& c = p.chunks[id];
    if (id == p.first_chunk || id == p.reserved_chunk) return false;
    return (c.isolated && c.nr_empty_pop_pages) ||
           (p.nr_empty_pop_pages > empty_pop_pages_high + c.nr_empty_pop_pages &&
            c.nr_empty_pop_pages >= c.nr_pages / 4);
}

} // namespace mmodel::pcpu
