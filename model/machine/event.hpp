// SPDX-License-Identifier: GPL-2.0 OR MIT
// Everything that changes the machine is one of these events, with the kernel's own names. The model and the
// real kernel file both act through them and nothing else, and the specification sees nothing else.
#pragma once

#include <string>
#include <string_view>

#include "model/machine/function.hpp"
#include "model/machine/page.hpp"
#include "model/machine/vmalloc.hpp"

namespace mmodel {

class Machine;

enum class EventKind : u8 {
    alloc_pages_node,     // pfn if ok; nid, this_node
    free_page,            // __free_page(pfn)
    free_bootmem_page,    // pfn
    split_page,           // pfn, n = order
    pte_alloc_one_kernel, // pfn of the table if ok
    pte_free_kernel,      // pfn of the table
    set_pte_at,           // ref, pte; vpage it maps if the table is installed
    pmd_populate_kernel,  // n = PMD index, pfn of the table
    smp_wmb,
    copy_page,          // to pfn, from `from`
    reset_struct_pages, // pfn: the first n struct pages are overwritten by the next n
    store, // to a struct page of vpage, through its mapping; on = the new optimised flag, n = what (see
           // StoreTo)
    flush_tlb_kernel_range, // [vpage, vpage + n)
    flush_tlb_all,
    synchronize_rcu,
    static_branch,         // delta: +1 static_branch_inc, -1 static_branch_dec
    memmap_pages_add,      // delta
    memmap_boot_pages_add, // delta
    lock,                  // n = Lock
    unlock,
    warn, // the kernel's own VM_WARN_ON fired; `what` is its condition
    // The vmalloc range.
    vmalloc_pte,        // set_pte_at() or pte_clear(): vmap, pte (not present: cleared)
    flush_tlb_vmalloc,  // flush_tlb_kernel_range() of [vmap, vmap + n)
    flush_cache_vmap,   // [vmap, vmap + n)
    flush_cache_vunmap, // [vmap, vmap + n)
    pcpu_get_vm_areas,  // vmap = base if ok
    pcpu_free_vm_areas, // vmap = base
    kzalloc,            // an object that no frame stands for
    kfree,              // n objects
    set_page_tag,       // pfn, n = what its struct page says from now on
    memset_zero,        // [from address n, + delta bytes)
};

enum class StoreTo : u8 { optimised_flag, refcount };

struct Event {
    EventKind kind{};
    bool ok{true}; // alloc_*: it succeeded
    bool on{};
    Nid nid{};
    bool this_node{};
    Pfn pfn{no_pfn};
    Pfn from{no_pfn};
    PteRef ref{};
    Pte pte{};
    Vpage vpage{};
    Vmap vmap{};
    u64 n{};
    i64 delta{};
    Caller where{};       // the kernel function
    const char* what{""}; // warn: the condition

    // set_pte_at: of an installed table, whose translations CPUs may use.
    [[nodiscard]] bool is_live() const { return vpage != Vpage{~u64{0}}; }
};

[[nodiscard]] std::string_view name(EventKind k);

// "set_pte_at(vmemmap page 70 -> pfn 64 ro)", as `mmodel replay` shows it.
[[nodiscard]] std::string print_event(const Event& e);

} // namespace mmodel
