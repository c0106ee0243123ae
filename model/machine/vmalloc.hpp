// SPDX-License-Identifier: GPL-2.0 OR MIT
// The vmalloc range: which addresses are reserved, what their page table says, what TLBs may still hold of
// it, and what the data caches may. Page tables are filled and emptied entry by entry; a table, once there,
// stays. An address given back is not handed out again before a flush (mm/vmalloc.c: lazy freeing). Sources:
// mm/vmalloc.c: pcpu_get_vm_areas(), free_vmap_area_noflush(), __purge_vmap_area_lazy(),
// vmap_small_pages_range_noflush().
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "model/machine/page.hpp"
#include "model/machine/radix_array.hpp"

namespace mmodel {

// Page number inside the vmalloc range: its address is vmalloc_start + n * page_bytes.
using Vmap = Strong<struct VmapTag, u64>;

// Virtual addresses: the direct map begins at 0 (frame p at p * page_bytes), the vmalloc range here.
inline constexpr u64 vmalloc_start = u64{1} << 46;

// A reserved stretch of the range. Lazy: given back, but some CPU may still use what was mapped there.
struct VmapArea {
    Vmap start{}, end{};
    bool lazy{};
    bool operator==(const VmapArea&) const = default;
};

// What the data caches of a page's address still need.
struct CacheState {
    bool unflushed{}; // mapped since the last flush_cache_vmap() that covered it
    bool cached{};    // in use: flush_cache_vunmap() has to come before it is unmapped
    bool operator==(const CacheState&) const = default;
};
inline u64 hash_of(const CacheState& c) { return u64{c.unflushed} << 1 | u64{c.cached}; }

// Areas at fixed distances from one another, in pages: [base + offset, base + offset + size) for each.
struct Congruent {
    std::span<const u64> offsets, sizes;
    u64 align{1};
};

class Vmalloc {
public:
    Vmalloc() = default;
    Vmalloc(u64 nr_pages, u8 pmd_shift);

    [[nodiscard]] u64 nr_pages() const { return nr_pages_; }
    [[nodiscard]] const std::vector<VmapArea>& areas() const { return areas_; } // by address
    [[nodiscard]] const VmapArea* area_at(Vmap v) const;
    [[nodiscard]] Pte pte(Vmap v) const { return ptes_[v.value]; }
    [[nodiscard]] Pte table(Vmap v) const {
        return tables_[v.value >> pmd_shift_];
    } // not present: there is none
    [[nodiscard]] CacheState cache(Vmap v) const { return cache_[v.value]; }
    [[nodiscard]] const StaleSet& stale(Vmap v) const { return stale_[v.value]; }
    [[nodiscard]] u64 nr_stale() const { return nr_stale_; } // pages with a stale translation
    [[nodiscard]] u64 nr_lazy_pages() const { return nr_lazy_pages_; }
    [[nodiscard]] u64 nr_stale_in_use() const { return nr_stale_ - nr_stale_lazy_; } // ... outside lazy areas
    // The first of those. O(stale pages).
    [[nodiscard]] std::optional<Vmap> first_stale_in_use() const;
    // The first page in [start, end) with a stale translation. O(those there).
    [[nodiscard]] std::optional<Vmap> first_stale(Vmap start, Vmap end) const;
    // The pages in [start, end) that are mapped. O(those).
    [[nodiscard]] std::vector<Vmap> mapped(Vmap start, Vmap end) const;
    // Pages from the lowest to the highest area that was given back and is not flushed. Empty: start == end.
    [[nodiscard]] VmapArea lazy_span() const;

    // The highest base at which every area is free; nothing is reserved. O(areas) at worst.
    [[nodiscard]] std::optional<Vmap> find_areas(const Congruent& c) const;
    void reserve(Vmap base, const Congruent& c);
    // Given back: not reserved until purge(). An area that was not reserved is left alone.
    void give_back(Vmap base, const Congruent& c);
    // Every area that was given back can be reserved again. Needs: a flush that covers lazy_span().
    void purge();

    void set_table(Vmap v, Pfn table) { tables_.set(v.value >> pmd_shift_, Pte::map(table, true)); }
    Pte set_pte(Vmap v, Pte pte); // what it was; a present entry that changes becomes stale
    void flush_tlb(Vmap start, Vmap end);
    void flush_cache_vmap(Vmap start, Vmap end);
    void flush_cache_vunmap(Vmap start, Vmap end);

    // What makes two ranges' differences: calls ptes(v, a, b), tables(v of the first page, a, b).
    template <class P, class T>
    static void diff(const Vmalloc& a, const Vmalloc& b, P&& ptes, T&& tables) {
        RadixArray<Pte>::diff(a.ptes_, b.ptes_, [&](u64 v, const Pte& x, const Pte& y) {
            ptes(Vmap{v}, x, y);
            return true;
        });
        RadixArray<Pte>::diff(a.tables_, b.tables_, [&](u64 i, const Pte& x, const Pte& y) {
            tables(Vmap{i << a.pmd_shift_}, x, y);
            return true;
        });
    }

    [[nodiscard]] u64 hash() const;
    bool operator==(const Vmalloc&) const = default;

private:
    [[nodiscard]] std::vector<VmapArea>::const_iterator overlapping(Vmap start, Vmap end) const;
    void change_cache(Vmap start, Vmap end, CacheState to);

    u64 nr_pages_{};
    u8 pmd_shift_{};
    std::vector<VmapArea> areas_;
    u64 nr_lazy_pages_{}, nr_stale_{}, nr_stale_lazy_{};
    RadixArray<Pte> ptes_;         // by page
    RadixArray<Pte> tables_;       // by PMD
    RadixArray<StaleSet> stale_;   // by page
    RadixArray<CacheState> cache_; // by page
};

} // namespace mmodel
