// SPDX-License-Identifier: GPL-2.0 OR MIT
// Folios of boot memory whose vmemmap is populated optimised, before the page allocator is up (Linux 6.15
// to 7.0): of mm/sparse-vmemmap.c what populates it, and the calls of mm/hugetlb_vmemmap.c. Their tails are
// the head's page from the beginning, read-write until the struct pages are initialised.
#pragma once

#include "model/hvo/hugetlb_vmemmap.hpp"

namespace mmodel::hvo {

// Whether the vmemmap was populated optimised: by either design.
template <class M>
[[nodiscard]] bool is_populated_optimised(const M& m, Folio f) {
    const Vpage start = m.geometry().vpage_of(f.head);
    const Pfn second = m.translate(start + 1).pfn();
    return second == m.translate(start).pfn() || m.is_shared_tail(second);
}

// vmemmap_populate_address(): `page`, or one of its own.
template <class K>
Errno vmemmap_populate_address(K& k, Vpage v, Nid nid, std::optional<Pfn> page) {
    const u64 pmd = k.machine().pmd_idx(v);
    if (k.machine().pmd(pmd).kind == Pmd::Kind::none) {
        const auto table = k.pte_alloc_one_kernel(Fn::vmemmap_pmd_populate);
        if (!table) return Errno::nomem;
        k.pmd_populate_kernel(Fn::vmemmap_pmd_populate, pmd, *table);
    }
    const PteRef pte = k.machine().pte_ref(v);
    if (k.machine().pte(pte).present()) return Errno::ok;
    if (!page) page = k.memblock_alloc(Fn::vmemmap_pte_populate, nid);
    if (!page) return Errno::nomem;
    k.set_pte_at(Fn::vmemmap_pte_populate, pte, Pte::map(*page, true));
    return Errno::ok;
}

// vmemmap_populate_hvo(): the first page is the head's own, the others are mirrors of it. -ENOMEM: some may
// be there.
template <class K>
Errno vmemmap_populate_hvo(K& k, Vpage start, Vpage end, Nid nid) {
    Errno ret = vmemmap_populate_address(k, start, nid, std::nullopt);
    if (ret != Errno::ok) return ret;
    const Pfn head = k.machine().translate(start).pfn();
    for (Vpage v = start + 1; v < end && ret == Errno::ok; ++v)
        ret = vmemmap_populate_address(k, v, nid, head);
    return ret;
}

// vmemmap_undo_hvo(), of what is there: mirrors first, then the head's page. The kernel populates the range
// normally after it.
template <class K>
void vmemmap_undo_hvo(K& k, Vpage start, Vpage end) {
    const Pte head = k.machine().translate(start);
    if (!head.present()) return;
    for (Vpage v = start + 1; v < end && k.machine().translate(v).present(); ++v)
        k.set_pte_at(Fn::vmemmap_undo_hvo, k.machine().pte_ref(v), Pte{});
    k.set_pte_at(Fn::vmemmap_undo_hvo, k.machine().pte_ref(start), Pte{});
    k.memblock_phys_free(Fn::vmemmap_undo_hvo, head.pfn());
    k.flush_tlb_kernel_range(Fn::vmemmap_undo_hvo, start, end);
}

// vmemmap_wrprotect_hvo(): the caller flushes.
template <class K>
void vmemmap_wrprotect_hvo(K& k, Vpage start, Vpage end) {
    for (Vpage v = start + 1; v < end; ++v) {
        const PteRef pte = k.machine().pte_ref(v);
        k.set_pte_at(Fn::vmemmap_wrprotect_hvo, pte, Pte::map(k.machine().pte(pte).pfn(), false));
    }
}

// vmemmap_should_optimize_bootmem_page(). A section's vmemmap is a PMD's, as on x86-64.
template <class K>
[[nodiscard]] bool vmemmap_should_optimize_bootmem_page(const K& k, Folio f, bool enabled) {
    const u64 ptrs = k.geometry().ptrs_per_pte;
    return enabled && k.geometry().optimizable_pages(f.order) > 0 && vmemmap_start(k, f).value % ptrs == 0 &&
           vmemmap_end(k, f).value % ptrs == 0;
}

// hugetlb_vmemmap_init_early(), of one folio: whether its vmemmap is populated from now on. Departs from the
// kernel in one point: of what could be populated in part nothing stays.
template <class K>
bool hugetlb_vmemmap_init_early(K& k, Folio f, bool enabled) {
    if (!vmemmap_should_optimize_bootmem_page(k, f, enabled)) return false;
    const Vpage start = vmemmap_start(k, f), end = vmemmap_end(k, f);
    if (vmemmap_populate_hvo(k, start, end, k.machine().nid_of(f.head)) != Errno::ok)
        return vmemmap_undo_hvo(k, start, end), false;
    k.memmap_boot_pages_add(Fn::hugetlb_vmemmap_init_early, 1);
    return true;
}

// hugetlb_vmemmap_init_late(), of one folio that spans two zones.
template <class K>
void hugetlb_vmemmap_init_late(K& k, Folio f) {
    if (!is_populated_optimised(k.machine(), f)) return;
    vmemmap_undo_hvo(k, vmemmap_start(k, f), vmemmap_end(k, f));
    k.machine().populate(vmemmap_start(k, f), vmemmap_end(k, f));
    k.memmap_boot_pages_add(Fn::hugetlb_vmemmap_init_late,
                            static_cast<i64>(vmemmap_end(k, f) - vmemmap_start(k, f)) - 1);
}

// hugetlb_vmemmap_optimize_bootmem_folios(): what was populated optimised is write-protected; the others are
// optimised as a list is. Departs from the kernel in one point: the first split that finds no memory ends the
// splitting, not the write-protection of those behind it.
template <class K>
void hugetlb_vmemmap_optimize_bootmem_folios(K& k, std::span<const Folio> folios, bool enabled) {
    bool has_others = false, splits = true;
    for (const Folio& f : folios) {
        if (is_optimised(k.machine(), f.head)) {
            vmemmap_wrprotect_hvo(k, vmemmap_start(k, f), vmemmap_end(k, f));
            k.static_branch(Fn::__hugetlb_vmemmap_optimize_folios, 1);
            continue;
        }
        has_others = true;
        if (splits) splits = hugetlb_vmemmap_split_folio(k, f, enabled) != Errno::nomem;
    }
    if (!has_others) return k.flush_tlb_all(Fn::__hugetlb_vmemmap_optimize_folios);
    hugetlb_vmemmap_optimize_split_folios(k, folios, enabled);
}

} // namespace mmodel::hvo
