// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is asked of a machine at each event, some of it many times: part of machine.hpp, so that it costs no
// calls.
#pragma once

#include "model/machine/machine.hpp"

namespace mmodel {

inline Area Machine::area_of(Pfn p) const {
    if (p < config_.hot_start()) {
        const u8 n = node_at(p);
        return p < config_.highmem_start(n) ? n : highmem_area(n);
    }
    return static_cast<Area>(config_.nr_nodes + (p - config_.hot_start()) / config_.hot_block_frames);
}

// Four comparisons are cheaper than a division.
inline u8 Machine::node_at(Pfn p) const {
    u8 n = 0;
    while (n + 1 < config_.nr_nodes && p >= config_.node_start(n + 1)) ++n;
    return n;
}

inline bool Machine::is_populated(Pfn p) const {
    if (p.value >= config_.nr_frames()) return false;
    const Area a = area_of(p);
    return p < config_.hot_start() || hot_[a - config_.nr_nodes].present;
}

inline bool Machine::is_boot_memory(Pfn p) const {
    if (p >= config_.hot_start() || frame(p).released || hot_vmemmap_block(p)) return false;
    return p - config_.node_start(node_at(p)) < config_.vmemmap_frames(config_.frames_per_node);
}

inline bool Machine::is_reserved(Pfn p) const {
    return is_boot_memory(p) || (is_self_hosted(p) && !frame(p).released);
}

inline bool Machine::is_self_hosted(Pfn p) const {
    const auto b = hot_vmemmap_block(p);
    return b && hot_[*b].self_hosted;
}

// The youngest block counts: a frame freed from the vmemmap of one may have become part of the next one's.
inline std::optional<u8> Machine::hot_vmemmap_block(Pfn p) const {
    for (u8 b = max_hot_blocks; b-- > 0;)
        if (hot_[b].present && p >= hot_[b].vmemmap &&
            p < hot_[b].vmemmap + config_.vmemmap_frames(config_.hot_block_frames))
            return b;
    return std::nullopt;
}

inline std::optional<Vpage> Machine::boot_vpage(Pfn p) const {
    if (const auto b = hot_vmemmap_block(p))
        return geometry().vpage_of(config_.hot_block_start(*b)) + (p - hot_[*b].vmemmap);
    if (p >= config_.hot_start()) return std::nullopt;
    const Pfn start = config_.node_start(node_at(p));
    if (p - start >= config_.vmemmap_frames(config_.frames_per_node)) return std::nullopt;
    return geometry().vpage_of(start) + (p - start);
}

// The first frame that the boot (or hot-plug) leaf of this PMD maps, whether or not the leaf is still there.
inline std::optional<Pfn> Machine::leaf_head(u64 idx) const {
    if (absent_[idx].set) return std::nullopt;
    const Vpage v{idx << pmd_shift_};
    const Geometry& g = geometry();
    if (v < g.vpage_of(config_.hot_start())) {
        u8 n = 0;
        while (n + 1 < config_.nr_nodes && v >= g.vpage_of(config_.node_start(n + 1))) ++n;
        return config_.node_start(n) + (v - g.vpage_of(config_.node_start(n)));
    }
    if (!config_.hot_block_frames) return std::nullopt;
    const u64 per_block = config_.vmemmap_frames(config_.hot_block_frames);
    const u64 i = v - g.vpage_of(config_.hot_start());
    if (i / per_block >= max_hot_blocks || !hot_[i / per_block].present) return std::nullopt;
    return hot_[i / per_block].vmemmap + i % per_block;
}

inline Pmd Machine::pmd(u64 idx) const {
    if (const Pte& t = pmds_[idx]; t.present()) return {Pmd::Kind::table, t.pfn()};
    const auto head = leaf_head(idx);
    return head ? Pmd{Pmd::Kind::leaf, *head} : Pmd{};
}

inline PteRef Machine::pte_ref(Vpage v) const {
    return {pmds_[pmd_idx(v)].pfn(), static_cast<u32>(arithmetic::entry_of(v.value, pmd_shift_))};
}

inline Pte Machine::translate(Vpage v) const {
    const u64 in_pmd = arithmetic::entry_of(v.value, pmd_shift_);
    if (const Pte& t = pmds_[pmd_idx(v)]; t.present()) return pte({t.pfn(), static_cast<u32>(in_pmd)});
    const auto head = leaf_head(pmd_idx(v));
    return head ? Pte::map(*head + in_pmd, true) : Pte{};
}

inline bool Machine::is_mapped(Pfn p) const {
    if (frame(p).nr_ptes) return true;
    const auto v = boot_vpage(p);
    return v && !pmds_[pmd_idx(*v)].present() && !absent_[pmd_idx(*v)].set;
}

inline bool Machine::may_be_cached(Pfn p) const {
    if (frame(p).nr_stale) return true;
    const auto v = boot_vpage(p);
    return v && stale_leaf_[pmd_idx(*v)].set;
}

inline bool Machine::is_under_unsplit_block(Pfn p) const {
    if (frame(p).released || is_reserved(p)) return false;
    const auto v = boot_vpage(p);
    return v && !split_[pmd_idx(*v)].set;
}

inline std::optional<Vpage> Machine::installed_at(PteRef r) const {
    const u64 at = frame(r.table).installed;
    return at ? std::optional(Vpage{arithmetic::page_at(at - 1, u64{r.idx}, pmd_shift_)}) : std::nullopt;
}

inline Contents Machine::as_kept(Pfn p) const {
    const Contents& c = contents_[p.value];
    if (c.kind != Contents::Kind::implicit) return c;
    const auto v = boot_vpage(p);
    return v && !frame(p).released ? Contents::fresh(*v) : Contents::junk();
}

} // namespace mmodel
