// SPDX-License-Identifier: GPL-2.0 OR MIT
// The public calls of mm/hugetlb_vmemmap.c: one folio or a list, optimise or restore.
#pragma once

#include "model/hvo/vmemmap.hpp"

namespace mmodel::hvo {

template <class K>
[[nodiscard]] Vpage vmemmap_start(const K& k, Folio f) {
    return k.geometry().vpage_of(f.head);
}
template <class K>
[[nodiscard]] Vpage vmemmap_end(const K& k, Folio f) {
    return vmemmap_start(k, f) + k.geometry().vmemmap_pages(f.order);
}

// vmemmap_should_optimize_folio()
template <class K>
[[nodiscard]] bool vmemmap_should_optimize_folio(const K& k, Folio f, bool enabled) {
    return !is_optimised(k.machine(), f.head) && enabled && k.geometry().optimizable_pages(f.order) > 0;
}

// __hugetlb_vmemmap_restore_folio(): 0 also when there was nothing to restore. -ENOMEM: nothing changed.
// Departs from the kernel in one point: where the caller is to flush, the caller lowers the static key too,
// after the flush. Until then a CPU may read tails through the shared page and needs the fake-head rule (see
// spec/linux/findings).
template <class K>
Errno hugetlb_vmemmap_restore_one(K& k, Folio f, u8 flags) {
    if (!is_optimised(k.machine(), f.head)) return Errno::ok;
    if (flags & synchronize_rcu) k.synchronize_rcu(Fn::__hugetlb_vmemmap_restore_folio);
    const Errno ret =
        vmemmap_remap_alloc(k, vmemmap_end(k, f), vmemmap_start(k, f), k.machine().nid_of(f.head), flags);
    if (ret != Errno::ok) return ret;
    k.set_optimised(Fn::__hugetlb_vmemmap_restore_folio, vmemmap_start(k, f), false);
    if (!(flags & remap_no_tlb_flush)) k.static_branch(Fn::__hugetlb_vmemmap_restore_folio, -1);
    return ret;
}

// hugetlb_vmemmap_restore_folio()
template <class K>
Errno hugetlb_vmemmap_restore_folio(K& k, Folio f) {
    return hugetlb_vmemmap_restore_one(k, f, synchronize_rcu);
}

struct RestoreFolios {
    Errno err{};    // the first error; the folio that had it and those after it were left alone
    u64 restored{}; // folios whose vmemmap was restored (those not optimised are not counted)
    u64 moved{};    // folios of the list, from its start, that went to non_hvo_folios
};

// hugetlb_vmemmap_restore_folios()
template <class K>
RestoreFolios hugetlb_vmemmap_restore_folios(K& k, std::span<const Folio> folios) {
    RestoreFolios out;
    u8 flags = remap_no_tlb_flush | synchronize_rcu;
    for (const Folio& f : folios) {
        if (is_optimised(k.machine(), f.head)) {
            out.err = hugetlb_vmemmap_restore_one(k, f, flags);
            flags &= static_cast<u8>(~synchronize_rcu);
            if (out.err != Errno::ok) break;
            ++out.restored;
        }
        ++out.moved;
    }
    if (out.restored) {
        k.flush_tlb_all(Fn::hugetlb_vmemmap_restore_folios);
        k.static_branch(Fn::hugetlb_vmemmap_restore_folios, -static_cast<i64>(out.restored));
    }
    return out;
}

// __hugetlb_vmemmap_optimize_folio(): pages to be freed are added to the list, on error too.
template <class K>
Errno hugetlb_vmemmap_optimize_one(K& k, Folio f, bool enabled, PageList& list, u8 flags) {
    if (!vmemmap_should_optimize_folio(k, f, enabled)) return Errno::ok;
    const Vpage start = vmemmap_start(k, f);
    k.static_branch(Fn::__hugetlb_vmemmap_optimize_folio, 1);
    if (flags & synchronize_rcu) k.synchronize_rcu(Fn::__hugetlb_vmemmap_optimize_folio);
    // Set before the head page is copied, so that a CPU that still writes through an old translation sees the
    // same flag.
    k.set_optimised(Fn::__hugetlb_vmemmap_optimize_folio, start, true);
    const Errno ret =
        vmemmap_remap_free(k, vmemmap_end(k, f), start, k.machine().nid_of(f.head), list, flags);
    if (ret != Errno::ok) {
        k.static_branch(Fn::__hugetlb_vmemmap_optimize_folio, -1);
        k.set_optimised(Fn::__hugetlb_vmemmap_optimize_folio, start, false);
    }
    return ret;
}

// hugetlb_vmemmap_optimize_folio(): the kernel returns nothing; the error is told here for the trace.
template <class K>
Errno hugetlb_vmemmap_optimize_folio(K& k, Folio f, bool enabled) {
    PageList list;
    const Errno ret = hugetlb_vmemmap_optimize_one(k, f, enabled, list, synchronize_rcu);
    free_vmemmap_page_list(k, list);
    return ret;
}

// hugetlb_vmemmap_split_folio()
template <class K>
Errno hugetlb_vmemmap_split_folio(K& k, Folio f, bool enabled) {
    if (!vmemmap_should_optimize_folio(k, f, enabled)) return Errno::ok;
    return vmemmap_remap_split(k, vmemmap_start(k, f), vmemmap_end(k, f));
}

// hugetlb_vmemmap_optimize_folios(), once leaves are split: a folio that fails is simply not flagged. -ENOMEM
// with pages to free frees them and tries that folio once more.
// Departs from the kernel in one point: a folio that is passed over, for it is optimised already, does not
// count as one for which a grace period was waited (see spec/linux/findings).
template <class K>
void hugetlb_vmemmap_optimize_split_folios(K& k, std::span<const Folio> folios, bool enabled) {
    PageList list;
    u8 flags = remap_no_tlb_flush | synchronize_rcu;
    k.flush_tlb_all(Fn::hugetlb_vmemmap_optimize_folios);
    for (const Folio& f : folios) {
        const bool waits = vmemmap_should_optimize_folio(k, f, enabled);
        const Errno ret = hugetlb_vmemmap_optimize_one(k, f, enabled, list, flags);
        if (waits) flags &= static_cast<u8>(~synchronize_rcu);
        if (ret != Errno::nomem || list.empty()) continue;
        k.flush_tlb_all(Fn::hugetlb_vmemmap_optimize_folios);
        free_vmemmap_page_list(k, list);
        list.init();
        (void)hugetlb_vmemmap_optimize_one(k, f, enabled, list, flags);
    }
    k.flush_tlb_all(Fn::hugetlb_vmemmap_optimize_folios);
    free_vmemmap_page_list(k, list);
}

// hugetlb_vmemmap_optimize_folios()
template <class K>
void hugetlb_vmemmap_optimize_folios(K& k, std::span<const Folio> folios, bool enabled) {
    for (const Folio& f : folios)
        if (hugetlb_vmemmap_split_folio(k, f, enabled) == Errno::nomem) break;
    hugetlb_vmemmap_optimize_split_folios(k, folios, enabled);
}

} // namespace mmodel::hvo
