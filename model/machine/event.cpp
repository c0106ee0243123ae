// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/event.hpp"

#include <array>
#include <charconv>

namespace mmodel {

std::string_view name(EventKind k) {
    switch (k) {
    case EventKind::alloc_pages_node: return "alloc_pages_node";
    case EventKind::free_page: return "__free_page";
    case EventKind::free_bootmem_page: return "free_bootmem_page";
    case EventKind::split_page: return "split_page";
    case EventKind::pte_alloc_one_kernel: return "pte_alloc_one_kernel";
    case EventKind::pte_free_kernel: return "pte_free_kernel";
    case EventKind::set_pte_at: return "set_pte_at";
    case EventKind::pmd_populate_kernel: return "pmd_populate_kernel";
    case EventKind::smp_wmb: return "smp_wmb";
    case EventKind::copy_page: return "copy_page";
    case EventKind::reset_struct_pages: return "reset_struct_pages";
    case EventKind::init_compound_tail: return "init_compound_tail";
    case EventKind::cmpxchg_tail: return "cmpxchg";
    case EventKind::store: return "store";
    case EventKind::flush_tlb_kernel_range: return "flush_tlb_kernel_range";
    case EventKind::flush_tlb_all: return "flush_tlb_all";
    case EventKind::synchronize_rcu: return "synchronize_rcu";
    case EventKind::static_branch: return "static_branch";
    case EventKind::memmap_pages_add: return "memmap_pages_add";
    case EventKind::memmap_boot_pages_add: return "memmap_boot_pages_add";
    case EventKind::lock: return "lock";
    case EventKind::unlock: return "unlock";
    case EventKind::warn: return "VM_WARN_ON";
    case EventKind::vmalloc_pte: return "set_pte_at";
    case EventKind::flush_tlb_vmalloc: return "flush_tlb_kernel_range";
    case EventKind::flush_cache_vmap: return "flush_cache_vmap";
    case EventKind::flush_cache_vunmap: return "flush_cache_vunmap";
    case EventKind::pcpu_get_vm_areas: return "pcpu_get_vm_areas";
    case EventKind::pcpu_free_vm_areas: return "pcpu_free_vm_areas";
    case EventKind::kzalloc: return "kzalloc";
    case EventKind::kfree: return "kfree";
    case EventKind::set_page_tag: return "set_page_tag";
    case EventKind::memset_zero: return "memset";
    case EventKind::memblock_alloc: return "memblock_alloc";
    case EventKind::memblock_phys_free: return "memblock_phys_free";
    case EventKind::update_fails: return "update";
    }
    return "?";
}

namespace {

const char* name_of(Lock l) {
    constexpr std::array names{"init_mm.page_table_lock", "mmap_lock(init_mm)", "spinlock", "mutex"};
    return names[static_cast<std::size_t>(l)];
}

std::string hex(u64 n) {
    std::array<char, 19> text{'0', 'x'};
    const auto end = std::to_chars(text.data() + 2, text.data() + text.size(), n, 16).ptr;
    return {text.data(), end};
}

} // namespace

u64 Event::hash() const {
    u64 h = u64{static_cast<u8>(kind)} << 8 | u64{ok} << 1 | u64{on};
    for (const u64 x : {pfn.value, from.value, ref.table.value << 16 | ref.idx, pte.raw,
                        vpage ? vpage->value : ~u64{0}, vmap.value, n.value_, bytes.value_})
        h = fold(h, x);
    return h;
}

std::string print_event(const Event& e) {
    auto num = [](u64 n) { return std::to_string(n); };
    const bool any = e.gfp == gfp::kernel; // as most are
    const std::string mask = any ? "" : name(e.gfp);
    std::string args;
    switch (e.kind) {
    case EventKind::alloc_pages_node:
    case EventKind::memblock_alloc:
        args = "nid " + num(e.nid.value) + (e.this_node ? ", this node only" : "") +
               (any ? "" : ", " + mask) + (e.ok ? ") = pfn " + num(e.pfn.value) : ") = NULL");
        return std::string(name(e.kind)) + "(" + args;
    case EventKind::pte_alloc_one_kernel:
        return std::string(name(e.kind)) + "(" + mask +
               ") = " + (e.ok ? "table in pfn " + num(e.pfn.value) : "NULL");
    case EventKind::free_page:
    case EventKind::free_bootmem_page:
    case EventKind::memblock_phys_free:
    case EventKind::pte_free_kernel: args = "pfn " + num(e.pfn.value); break;
    case EventKind::split_page: args = "pfn " + num(e.pfn.value) + ", order " + num(e.order().value); break;
    case EventKind::set_pte_at:
        args =
            !e.is_live() ? "private table, entry " + num(e.ref.idx) : "vmemmap page " + num(e.vpage->value);
        args += !e.pte.present() ? ", none"
                                 : " -> pfn " + num(e.pte.pfn().value) + (e.pte.writable() ? " rw" : " ro");
        break;
    case EventKind::update_fails:
        return std::string(name(e.kind)) + "(vmemmap page " + num(e.vpage->value) + ") = -EAGAIN";
    case EventKind::pmd_populate_kernel:
        args = "PMD " + num(e.pmd_idx()) + ", table in pfn " + num(e.pfn.value);
        break;
    case EventKind::copy_page: args = "pfn " + num(e.pfn.value) + " <- pfn " + num(e.from.value); break;
    case EventKind::reset_struct_pages:
        args = "pfn " + num(e.pfn.value) + ", " + num(e.nr_struct_pages());
        break;
    case EventKind::init_compound_tail:
        args = "pfn " + num(e.pfn.value) + ", order " + num(e.order().value);
        break;
    case EventKind::cmpxchg_tail:
        args = "zone " + num(e.zone()) + "->vmemmap_tails[order " + num(e.order().value) + "], NULL, pfn " +
               num(e.pfn.value) + (e.ok ? "" : ": somebody was first");
        break;
    case EventKind::store:
        args = "vmemmap page " + num(e.vpage->value) +
               (e.store_to() == StoreTo::refcount ? ", refcount"
                : e.on                            ? ", set optimised"
                                                  : ", clear optimised");
        break;
    case EventKind::flush_tlb_kernel_range:
        args = "vmemmap pages " + num(e.vpage->value) + ".." + num(e.vpage->value + e.nr_pages());
        break;
    case EventKind::static_branch:
    case EventKind::memmap_pages_add:
    case EventKind::memmap_boot_pages_add:
        args = (e.change() >= 0 ? "+" : "") + std::to_string(e.change());
        break;
    case EventKind::lock:
    case EventKind::unlock: args = name_of(e.which()); break;
    case EventKind::warn: args = e.what; break;
    case EventKind::vmalloc_pte:
        args = "vmalloc page " + num(e.vmap.value) +
               (e.pte.present() ? " -> pfn " + num(e.pte.pfn().value) + (e.pte.writable() ? " rw" : " ro")
                                : ", none");
        break;
    case EventKind::flush_tlb_vmalloc:
    case EventKind::flush_cache_vmap:
    case EventKind::flush_cache_vunmap:
        args = "vmalloc pages " + num(e.vmap.value) + ".." + num(e.vmap.value + e.nr_pages());
        break;
    case EventKind::pcpu_get_vm_areas:
        return std::string(name(e.kind)) + "(" + mask +
               ") = " + (e.ok ? "vmalloc page " + num(e.vmap.value) : "NULL");
    case EventKind::pcpu_free_vm_areas: args = "vmalloc page " + num(e.vmap.value); break;
    case EventKind::kzalloc: return std::string(name(e.kind)) + "(" + mask + (e.ok ? ")" : ") = NULL");
    case EventKind::kfree: args = num(e.nr_objects()) + (e.nr_objects() == 1 ? " object" : " objects"); break;
    case EventKind::set_page_tag: args = "pfn " + num(e.pfn.value) + ", chunk " + num(e.tag() - 1); break;
    case EventKind::memset_zero: args = "address " + hex(e.address()) + ", 0, " + num(e.nr_bytes()); break;
    case EventKind::smp_wmb:
    case EventKind::flush_tlb_all:
    case EventKind::synchronize_rcu: break;
    }
    return std::string(name(e.kind)) + "(" + args + ")";
}

} // namespace mmodel
