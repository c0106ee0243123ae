// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/vmalloc.hpp"

#include <algorithm>

namespace mmodel {

Vmalloc::Vmalloc(u64 nr_pages, u8 pmd_shift)
    : nr_pages_(nr_pages), pmd_shift_(pmd_shift), ptes_(nr_pages + 1), tables_((nr_pages >> pmd_shift) + 1),
      stale_(nr_pages + 1), cache_(nr_pages + 1) {}

// ---- areas

std::vector<VmapArea>::const_iterator Vmalloc::overlapping(Vmap start, Vmap end) const {
    // The last area that begins before `end` is the only candidate that has to be looked at.
    auto it = std::ranges::lower_bound(areas_, end, {}, &VmapArea::start);
    if (it == areas_.begin()) return areas_.end();
    --it;
    return it->end > start ? it : areas_.end();
}

const VmapArea* Vmalloc::area_at(Vmap v) const {
    const auto it = overlapping(v, v + 1);
    return it == areas_.end() ? nullptr : &*it;
}

// mm/vmalloc.c: pcpu_get_vm_areas(): from the top down, one step below whatever is in the way.
std::optional<Vmap> Vmalloc::find_areas(const Congruent& c) const {
    u64 span = 0;
    for (std::size_t i = 0; i < c.offsets.size(); ++i) span = std::max(span, c.offsets[i] + c.sizes[i]);
    if (span > nr_pages_) return std::nullopt;
    Vmap base{(nr_pages_ - span) / c.align * c.align};
    for (std::size_t i = 0, fits = 0; fits < c.offsets.size(); i = (i + 1) % c.offsets.size()) {
        const Vmap start = base + c.offsets[i];
        const auto hit = overlapping(start, start + c.sizes[i]);
        if (hit == areas_.end()) {
            ++fits;
            continue;
        }
        const u64 below = c.offsets[i] + c.sizes[i];
        if (hit->start.value < below) return std::nullopt;
        base = Vmap{(hit->start.value - below) / c.align * c.align};
        fits = 0;
    }
    return base;
}

void Vmalloc::reserve(Vmap base, const Congruent& c) {
    for (std::size_t i = 0; i < c.offsets.size(); ++i) {
        const VmapArea a{base + c.offsets[i], base + c.offsets[i] + c.sizes[i], false};
        areas_.insert(std::ranges::lower_bound(areas_, a.start, {}, &VmapArea::start), a);
    }
}

void Vmalloc::give_back(Vmap base, const Congruent& c) {
    for (u64 offset : c.offsets) {
        const auto it = std::ranges::lower_bound(areas_, base + offset, {}, &VmapArea::start);
        if (it == areas_.end() || it->start != base + offset || it->lazy) continue;
        it->lazy = true;
        nr_lazy_pages_ += it->end - it->start;
        stale_.for_each(it->start.value, it->end.value, [&](u64, const StaleSet&) { ++nr_stale_lazy_; });
    }
}

VmapArea Vmalloc::lazy_span() const {
    VmapArea span;
    for (const VmapArea& a : areas_) {
        if (!a.lazy) continue;
        if (span.start == span.end) span.start = a.start;
        span.end = a.end;
    }
    return span;
}

void Vmalloc::purge() {
    std::erase_if(areas_, [](const VmapArea& a) { return a.lazy; });
    nr_lazy_pages_ = nr_stale_lazy_ = 0;
}

// ---- page table, TLB, caches

Pte Vmalloc::set_pte(Vmap v, Pte pte) {
    Pte old;
    ptes_.modify(v.value, [&](Pte& p) { old = std::exchange(p, pte); });
    if (pte.present()) cache_.set(v.value, {.unflushed = true, .cached = false});
    if (old == pte || !old.present()) return old;
    stale_.modify(v.value, [&](StaleSet& s) {
        if (!s.pte.front().present()) ++nr_stale_;
        if (std::ranges::find(s.pte, old) != s.pte.end()) return;
        std::shift_right(s.pte.begin(), s.pte.end(), 1);
        s.pte.front() = old;
    });
    if (!pte.present()) cache_.set(v.value, {});
    return old;
}

void Vmalloc::flush_tlb(Vmap start, Vmap end) {
    std::vector<u64> hit;
    stale_.for_each(start.value, end.value, [&](u64 v, const StaleSet&) { hit.push_back(v); });
    for (u64 v : hit) {
        stale_.set(v, {});
        const VmapArea* a = nr_stale_lazy_ ? area_at(Vmap{v}) : nullptr;
        nr_stale_lazy_ -= a && a->lazy;
    }
    nr_stale_ -= hit.size();
}

void Vmalloc::change_cache(Vmap start, Vmap end, CacheState to) {
    std::vector<u64> hit;
    cache_.for_each(start.value, end.value, [&](u64 v, const CacheState& c) {
        if (c != to) hit.push_back(v);
    });
    for (u64 v : hit) cache_.set(v, to);
}

void Vmalloc::flush_cache_vmap(Vmap start, Vmap end) {
    change_cache(start, end, {.unflushed = false, .cached = true});
}
void Vmalloc::flush_cache_vunmap(Vmap start, Vmap end) { change_cache(start, end, {}); }

std::optional<Vmap> Vmalloc::first_stale_in_use() const {
    std::optional<Vmap> found;
    if (!nr_stale_in_use()) return found;
    stale_.for_each(0, nr_pages_, [&](u64 v, const StaleSet&) {
        const VmapArea* a = found ? nullptr : area_at(Vmap{v});
        if (!found && !(a && a->lazy)) found = Vmap{v};
    });
    return found;
}

std::optional<Vmap> Vmalloc::first_stale(Vmap start, Vmap end) const {
    std::optional<Vmap> found;
    if (!nr_stale_) return found;
    stale_.for_each(start.value, end.value, [&](u64 v, const StaleSet&) {
        if (!found) found = Vmap{v};
    });
    return found;
}

std::vector<Vmap> Vmalloc::mapped(Vmap start, Vmap end) const {
    std::vector<Vmap> found;
    ptes_.for_each(start.value, end.value, [&](u64 v, const Pte&) { found.push_back(Vmap{v}); });
    return found;
}

u64 Vmalloc::hash() const {
    u64 h = hash_combine(ptes_.hash(), tables_.hash());
    h = hash_combine(h, stale_.hash());
    h = hash_combine(h, cache_.hash());
    for (const VmapArea& a : areas_) h = hash_combine(h, a.start.value << 1 | u64{a.lazy});
    return h;
}

} // namespace mmodel
