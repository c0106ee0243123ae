// SPDX-License-Identifier: GPL-2.0 OR MIT
// The first chunk: units laid out, memory taken for them in one of two ways, static data in front, then the
// reserved chunk, then the first chunk proper. Source: mm/percpu.c (pcpu_embed_first_chunk(),
// pcpu_page_first_chunk(), pcpu_setup_first_chunk()).
#pragma once

#include <algorithm>

#include "model/percpu/percpu.hpp"

namespace mmodel::pcpu {

struct BootParams {
    u64 static_size{}, reserved_size{}, dyn_size{}, atom_size{};
    bool paged{}; // pages of their own, mapped in the vmalloc range, instead of memory of the direct map
};

// Takes memory for a group: 2^n pages that hold it, on the CPU's node or else on another, and gives back what
// is more.
template <class K>
std::optional<Pfn> pcpu_fc_alloc(K& k, int node, u64 pages, u64 align_pages) {
    if (k.next_allocation_fails()) return k.note_failed_allocation(), std::nullopt;
    Machine& m = k.machine();
    u8 order = 0;
    while (u64{1} << order < std::max(pages, align_pages)) ++order;
    auto p =
        node < m.config().nr_nodes ? m.take_contig(Nid{static_cast<u8>(node)}, Order{order}) : std::nullopt;
    for (u8 n = 0; !p && n < m.config().nr_nodes; ++n)
        if (n != node) p = m.take_contig(Nid{n}, Order{order});
    if (!p) return k.note_failed_allocation(), std::nullopt;
    m.give_range(*p + pages, (u64{1} << order) - pages);
    return p;
}

// mm/percpu.c: pcpu_setup_first_chunk(). The tables, the lists, and the one or two chunks of the first chunk.
inline void pcpu_setup_first_chunk(Pcpu& p, u64 base_addr) {
    const FirstChunkAreas a = first_chunk_areas(p.sizes, p.layout.ai);
    p.chunks.reset_lists(p.layout.nr_slots);
    p.base_addr = base_addr;
    const u64 dynamic = base_addr + a.static_size + a.reserved_size;
    p.first_chunk = p.chunks.add(init_first_chunk(p.sizes, dynamic, static_cast<int>(a.dyn_size)));
    if (a.reserved_size)
        p.reserved_chunk = p.chunks.add(
            init_first_chunk(p.sizes, base_addr + a.static_size, static_cast<int>(a.reserved_size)));
    p.nr_empty_pop_pages = p.chunks[p.first_chunk].nr_empty_pop_pages;
    pcpu_chunk_move(p, p.first_chunk, pcpu_chunk_slot(p.layout, p.chunks[p.first_chunk]), true);
    p.nr_populated = static_cast<i64>(a.nr_populated);
    p.booted = true;
}

// mm/percpu.c: pcpu_embed_first_chunk(), the end: what no unit uses goes back.
template <class K>
void free_unused_parts(K& k, Pcpu& p, const AllocInfo& ai, std::span<const Pfn> groups) {
    const u64 page = p.page_bytes(), unit = ai.unit_size / page;
    const u64 used = (ai.static_size + ai.reserved_size + ai.dyn_size) / page;
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (std::size_t i = 0; i < ai.groups[g].cpu_map.size(); ++i) {
            const bool surplus = ai.groups[g].cpu_map[i] == no_cpu;
            const Pfn start = groups[g] + i * unit;
            k.machine().give_range(surplus ? start : start + used, surplus ? unit : unit - used);
            p.nr_embedded_frames += surplus ? 0 : used;
        }
}

// mm/percpu.c: pcpu_embed_first_chunk(). -ENOMEM, -EINVAL (groups too far apart): nothing is taken.
template <class K>
Errno pcpu_embed_first_chunk(K& k, Pcpu& p, AllocInfo ai) {
    const u64 page = p.page_bytes();
    std::vector<Pfn> groups;
    auto group_pages = [&](std::size_t g) {
        return static_cast<u64>(ai.groups[g].nr_units) * ai.unit_size / page;
    };
    auto undo = [&](Errno err) {
        for (std::size_t g = 0; g < groups.size(); ++g) k.machine().give_range(groups[g], group_pages(g));
        return err;
    };
    for (std::size_t g = 0; g < ai.groups.size(); ++g) {
        int cpu = no_cpu;
        for (std::size_t i = 0; cpu == no_cpu; ++i) cpu = ai.groups[g].cpu_map[i];
        const auto memory = pcpu_fc_alloc(k, p.cpus.node(cpu), group_pages(g), ai.atom_size / page);
        if (!memory) return undo(Errno::nomem);
        groups.push_back(*memory);
    }
    const Pfn base = *std::ranges::min_element(groups);
    u64 max_distance = 0;
    for (std::size_t g = 0; g < groups.size(); ++g)
        max_distance = std::max(max_distance, groups[g] - base + group_pages(g));
    if (max_distance > k.machine().vmalloc().nr_pages() / 4 * 3) return undo(Errno::inval);
    for (std::size_t g = 0; g < groups.size(); ++g) ai.groups[g].base_offset = (groups[g] - base) * page;
    const auto layout = make_layout(p.sizes, ai, p.cpus);
    if (!layout) return undo(Errno::inval);
    free_unused_parts(k, p, ai, groups);
    p.layout = *layout;
    pcpu_setup_first_chunk(p, base.value * page);
    return Errno::ok;
}

// mm/percpu.c: pcpu_page_first_chunk(), its pages: those of each unit on its CPU's node.
template <class K>
bool take_unit_pages(K& k, const Pcpu& p, const AllocInfo& ai, std::vector<Pfn>& pages) {
    for (const int cpu : ai.groups[0].cpu_map)
        for (u64 i = 0; cpu != no_cpu && i < ai.unit_size / p.page_bytes(); ++i) {
            const auto page =
                k.alloc_pages_node(Fn::pcpu_page_first_chunk, Nid{static_cast<u8>(p.cpus.node(cpu))}, false);
            if (!page) return false;
            pages.push_back(*page);
        }
    return true;
}

// mm/percpu.c: pcpu_page_first_chunk(). -ENOMEM: as it was. Where the kernel would panic for want of a page
// table, so early, this gives everything back.
template <class K>
Errno pcpu_page_first_chunk(K& k, Pcpu& p, const AllocInfo& ai) {
    std::vector<Pfn> pages;
    if (!take_unit_pages(k, p, ai, pages)) {
        for (const Pfn page : pages) k.free_page(Fn::pcpu_page_first_chunk, page);
        return Errno::nomem;
    }
    const u64 offset = 0, nr = pages.size();
    const Congruent area{std::span(&offset, 1), std::span(&nr, 1), 1};
    const auto layout = make_layout(p.sizes, ai, p.cpus);
    const auto base = layout ? k.pcpu_get_vm_areas(Fn::pcpu_page_first_chunk, area) : std::nullopt;
    const bool mapped =
        base && k.vmap_pages_range_noflush(Fn::pcpu_page_first_chunk, *base, pages) == Errno::ok;
    if (!mapped) {
        if (base) k.pcpu_free_vm_areas(Fn::pcpu_page_first_chunk, *base, area);
        for (const Pfn page : pages) k.free_page(Fn::pcpu_page_first_chunk, page);
        return layout ? Errno::nomem : Errno::inval;
    }
    k.flush_cache_vmap(Fn::pcpu_page_first_chunk, *base, nr);
    p.layout = *layout;
    pcpu_setup_first_chunk(p, vmalloc_start + base->value * p.page_bytes());
    return Errno::ok;
}

// How units are laid out for these sizes, as the two ways of boot ask for it.
[[nodiscard]] inline auto alloc_info_for(const Sizes& s, const CpuMap& cpus, const BootParams& b) {
    return pcpu_build_alloc_info(s, b.reserved_size, b.paged ? 0 : b.dyn_size,
                                 b.paged ? s.page_bytes : b.atom_size, b.static_size, cpus,
                                 b.paged ? Grouping::one_group : Grouping::by_distance);
}

// arch: setup_per_cpu_areas(). -EINVAL: no layout has these sizes. Where pcpu.sizes say something already,
// they are those of a kernel version that differs from the model's.
template <class K>
Errno setup_per_cpu_areas(K& k, Pcpu& pcpu, const BootParams& b) {
    Pcpu p;
    p.sizes = pcpu.sizes.page_bytes ? pcpu.sizes : sizes_of(k.geometry());
    p.cpus = cpus_of(k.machine().config());
    const auto ai = alloc_info_for(p.sizes, p.cpus, b);
    if (!ai) return Errno::inval;
    const Errno err = b.paged ? pcpu_page_first_chunk(k, p, *ai) : pcpu_embed_first_chunk(k, p, *ai);
    if (err == Errno::ok) pcpu = std::move(p);
    return err;
}

} // namespace mmodel::pcpu
