// SPDX-License-Identifier: GPL-2.0 OR MIT
// mm/hugetlb_vmemmap.c, function by function, in the reuse_page design of Linux 6.8 to 6.19 with the memmap
// counters of 6.11. A template over the kernel's primitives: watched by the specification, bare, or on
// another kind of machine.
#pragma once

#include <algorithm>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "model/hvo/folio.hpp"
#include "model/machine/kernel.hpp"

namespace mmodel::hvo {

// A list of pages linked through page->lru: added at its head, taken from its head.
class PageList {
public:
    void add(Pfn p) { pages_.push_back(p); }
    [[nodiscard]] bool empty() const { return pages_.empty(); }
    [[nodiscard]] Pfn first() const { return pages_.back(); }
    void del(Pfn p) { pages_.erase(std::ranges::find(pages_.rbegin(), pages_.rend(), p).base() - 1); }
    void init() { pages_.clear(); }
    // From head to tail.
    template <class F>
    void for_each(F&& f) const {
        std::for_each(pages_.rbegin(), pages_.rend(), f);
    }

private:
    std::vector<Pfn> pages_; // the list's head is at the back
};

enum Flags : u8 {
    split_no_tlb_flush = 1, // VMEMMAP_SPLIT_NO_TLB_FLUSH
    remap_no_tlb_flush = 2, // VMEMMAP_REMAP_NO_TLB_FLUSH
    synchronize_rcu = 4,    // VMEMMAP_SYNCHRONIZE_RCU
};

// struct vmemmap_remap_walk. `remap_pte` null: split only.
template <class K>
struct Walk {
    void (*remap_pte)(K&, PteRef, Vpage, Walk&){};
    u64 nr_walked{};
    std::optional<Pfn> reuse_page{};
    Vpage reuse_addr{};
    PageList* vmemmap_pages{};
    u8 flags{};
};

// vmemmap_split_pmd(): the leaf over `head` from `start` becomes a table of the same translations. -ENOMEM:
// nothing changed.
template <class K>
Errno vmemmap_split_pmd(K& k, u64 pmd, Pfn head, Vpage start, const Walk<K>& walk) {
    const u32 ptrs_per_pte = k.geometry().ptrs_per_pte;
    const auto pgtable = k.pte_alloc_one_kernel(Fn::vmemmap_split_pmd);
    if (!pgtable) return Errno::nomem;
    for (u32 i = 0; i < ptrs_per_pte; ++i)
        k.set_pte_at(Fn::vmemmap_split_pmd, PteRef{*pgtable, i}, Pte::map(head + i, true));

    k.lock(Fn::vmemmap_split_pmd, Lock::page_table);
    if (k.machine().pmd(pmd).kind == Pmd::Kind::leaf) {
        if (!k.machine().is_reserved(head))
            k.split_page(Fn::vmemmap_split_pmd, head, k.geometry().pmd_order());
        k.smp_wmb(Fn::vmemmap_split_pmd);
        k.pmd_populate_kernel(Fn::vmemmap_split_pmd, pmd, *pgtable);
        if (!(walk.flags & split_no_tlb_flush))
            k.flush_tlb_kernel_range(Fn::vmemmap_split_pmd, start, start + ptrs_per_pte);
    } else {
        k.pte_free_kernel(Fn::vmemmap_split_pmd, *pgtable);
    }
    k.unlock(Fn::vmemmap_split_pmd, Lock::page_table);
    return Errno::ok;
}

// vmemmap_pmd_entry(): -ENOTSUPP where the vmemmap lies in the memory it describes, else splits a leaf.
template <class K>
Errno vmemmap_pmd_entry(K& k, u64 pmd, Vpage addr, Walk<K>& walk) {
    Errno ret = Errno::ok;
    k.lock(Fn::vmemmap_pmd_entry, Lock::page_table);
    const Pmd entry = k.machine().pmd(pmd);
    const bool leaf = entry.kind == Pmd::Kind::leaf;
    if (walk.nr_walked == 0 && k.machine().is_self_hosted(k.machine().translate(addr).pfn()))
        ret = Errno::notsupp;
    k.unlock(Fn::vmemmap_pmd_entry, Lock::page_table);
    if (!leaf || ret != Errno::ok) return ret;
    return vmemmap_split_pmd(k, pmd, entry.pfn,
                             Vpage{addr.value / k.geometry().ptrs_per_pte * k.geometry().ptrs_per_pte}, walk);
}

// vmemmap_pte_entry(): the first page becomes the reuse page unless one was given.
template <class K>
void vmemmap_pte_entry(K& k, PteRef pte, Vpage addr, Walk<K>& walk) {
    if (!walk.reuse_page)
        walk.reuse_page = k.machine().pte(pte).pfn();
    else
        walk.remap_pte(k, pte, addr, walk);
    ++walk.nr_walked;
}

// vmemmap_remap_range(): walks [start, end) PMD by PMD. An error ends the walk at once, without a flush.
template <class K>
Errno vmemmap_remap_range(K& k, Vpage start, Vpage end, Walk<K>& walk) {
    const u64 ptrs = k.geometry().ptrs_per_pte;
    Errno ret = Errno::ok;
    k.lock(Fn::vmemmap_remap_range, Lock::mmap_read);
    for (Vpage addr = start; addr < end && ret == Errno::ok;) {
        const u64 pmd = k.machine().pmd_idx(addr);
        const Vpage next = std::min(Vpage{(pmd + 1) * ptrs}, end);
        ret = vmemmap_pmd_entry(k, pmd, addr, walk);
        if (ret != Errno::ok) break;
        for (; walk.remap_pte && addr < next; ++addr)
            vmemmap_pte_entry(k, k.machine().pte_ref(addr), addr, walk);
        addr = next;
    }
    k.unlock(Fn::vmemmap_remap_range, Lock::mmap_read);
    if (ret != Errno::ok) return ret;
    if (walk.remap_pte && !(walk.flags & remap_no_tlb_flush))
        k.flush_tlb_kernel_range(Fn::vmemmap_remap_range, start, end);
    return Errno::ok;
}

// free_vmemmap_page(): to boot memory or to the page allocator, as its reserved mark says.
template <class K>
void free_vmemmap_page(K& k, Pfn page) {
    if (k.machine().is_reserved(page)) {
        k.memmap_boot_pages_add(Fn::free_vmemmap_page, -1);
        k.free_bootmem_page(Fn::free_vmemmap_page, page);
    } else {
        k.memmap_pages_add(Fn::free_vmemmap_page, -1);
        k.free_page(Fn::free_vmemmap_page, page);
    }
}

// free_vmemmap_page_list(): the list itself is left as it is; who uses it again must init() it.
template <class K>
void free_vmemmap_page_list(K& k, const PageList& list) {
    list.for_each([&](Pfn p) { free_vmemmap_page(k, p); });
}

// vmemmap_remap_pte(): points the PTE at the reuse page, read-only for all but a head that was given.
template <class K>
void vmemmap_remap_pte(K& k, PteRef pte, Vpage addr, Walk<K>& walk) {
    const Pfn old = k.machine().pte(pte).pfn();
    const bool head = addr == walk.reuse_addr;
    if (head) {
        walk.vmemmap_pages->del(*walk.reuse_page);
        k.smp_wmb(Fn::vmemmap_remap_pte);
    }
    walk.vmemmap_pages->add(old);
    k.set_pte_at(Fn::vmemmap_remap_pte, pte, Pte::map(*walk.reuse_page, head));
}

// vmemmap_restore_pte(): points the PTE at a page from the list, filled from the reuse page, its first struct
// pages reset.
template <class K>
void vmemmap_restore_pte(K& k, PteRef pte, Vpage, Walk<K>& walk) {
    const Pfn page = walk.vmemmap_pages->first();
    walk.vmemmap_pages->del(page);
    k.copy_page(Fn::vmemmap_restore_pte, page, k.machine().translate(walk.reuse_addr).pfn());
    k.reset_struct_pages(Fn::reset_struct_pages, page, k.geometry().nr_reset_struct_page);
    k.smp_wmb(Fn::vmemmap_restore_pte);
    k.set_pte_at(Fn::vmemmap_restore_pte, pte, Pte::map(page, true));
}

// vmemmap_remap_split(): splits the leaves over [start, end), flushing nothing.
template <class K>
Errno vmemmap_remap_split(K& k, Vpage start, Vpage end) {
    Walk<K> walk{.flags = split_no_tlb_flush};
    return vmemmap_remap_range(k, start, end, walk);
}

// vmemmap_remap_free(): maps [reuse, end) to one page: a new head if there is memory for one, else the old
// one. What was mapped is added to the list, which is the caller's whatever is returned. On error the PTEs
// that had changed map pages of the list again, contents as freshly initialised; leaves already split stay
// split.
template <class K>
Errno vmemmap_remap_free(K& k, Vpage end, Vpage reuse, Nid nid, PageList& list, u8 flags) {
    Walk<K> walk{
        .remap_pte = vmemmap_remap_pte<K>, .reuse_addr = reuse, .vmemmap_pages = &list, .flags = flags};
    walk.reuse_page = k.alloc_pages_node(Fn::vmemmap_remap_free, nid, false);
    if (walk.reuse_page) {
        k.copy_page(Fn::vmemmap_remap_free, *walk.reuse_page, k.machine().translate(reuse).pfn());
        list.add(*walk.reuse_page);
        k.memmap_pages_add(Fn::vmemmap_remap_free, 1);
    }
    const Errno ret = vmemmap_remap_range(k, reuse, end, walk);
    if (ret != Errno::ok && walk.nr_walked) {
        Walk<K> back{.remap_pte = vmemmap_restore_pte<K>, .reuse_addr = reuse, .vmemmap_pages = &list};
        (void)vmemmap_remap_range(k, reuse, reuse + walk.nr_walked, back);
    }
    return ret;
}

// alloc_vmemmap_page_list(): n pages near nid, or -ENOMEM and none.
template <class K>
Errno alloc_vmemmap_page_list(K& k, u64 n, Nid nid, PageList& list) {
    for (u64 i = 0; i < n; ++i) {
        const auto page = k.alloc_pages_node(Fn::alloc_vmemmap_page_list, nid, false);
        if (!page) {
            list.for_each([&](Pfn p) { k.free_page(Fn::alloc_vmemmap_page_list, p); });
            return Errno::nomem;
        }
        list.add(*page);
    }
    k.memmap_pages_add(Fn::alloc_vmemmap_page_list, static_cast<i64>(n));
    return Errno::ok;
}

// vmemmap_remap_alloc(): gives [reuse + 1, end) pages of its own again. -ENOMEM: nothing changed.
template <class K>
Errno vmemmap_remap_alloc(K& k, Vpage end, Vpage reuse, Nid nid, u8 flags) {
    PageList list;
    if (alloc_vmemmap_page_list(k, end - reuse - 1, nid, list) != Errno::ok) return Errno::nomem;
    Walk<K> walk{
        .remap_pte = vmemmap_restore_pte<K>, .reuse_addr = reuse, .vmemmap_pages = &list, .flags = flags};
    return vmemmap_remap_range(k, reuse, end, walk);
}

} // namespace mmodel::hvo
