// SPDX-License-Identifier: GPL-2.0 OR MIT
// Everything that changes the machine is one of these events, with the kernel's own names. The model and the
// real kernel file both act through them and nothing else, and the specification sees nothing else.
#pragma once

#include <cassert>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>

#include "model/machine/function.hpp"
#include "model/machine/gfp.hpp"
#include "model/machine/page.hpp"
#include "model/machine/vmalloc.hpp"

namespace mmodel {

class Machine;

enum class EventKind : u8 {
    alloc_pages_node,     // pfn if ok; nid, this_node
    free_page,            // __free_page(pfn)
    free_bootmem_page,    // pfn
    split_page,           // pfn, order
    pte_alloc_one_kernel, // pfn of the table if ok
    pte_free_kernel,      // pfn of the table
    set_pte_at,           // ref, pte; vpage: what it translates, if the table is installed
    pmd_populate_kernel,  // pmd_idx, pfn of the table
    smp_wmb,
    copy_page,          // to pfn, from `from`
    reset_struct_pages, // pfn: the first nr_struct_pages are overwritten by the next
    store, // to a struct page of vpage, through its mapping; store_to; on = the new optimised flag
    flush_tlb_kernel_range, // [vpage, vpage + nr_pages)
    flush_tlb_all,
    synchronize_rcu,
    static_branch,         // change: +1 static_branch_inc, -1 static_branch_dec
    memmap_pages_add,      // change
    memmap_boot_pages_add, // change
    lock,                  // which
    unlock,
    warn, // the kernel's own VM_WARN_ON fired; `what` is its condition
    // The vmalloc range.
    vmalloc_pte,        // set_pte_at() or pte_clear(): vmap, pte (not present: cleared)
    flush_tlb_vmalloc,  // flush_tlb_kernel_range() of [vmap, vmap + nr_pages)
    flush_cache_vmap,   // [vmap, vmap + nr_pages)
    flush_cache_vunmap, // [vmap, vmap + nr_pages)
    pcpu_get_vm_areas,  // vmap = base if ok
    pcpu_free_vm_areas, // vmap = base
    kzalloc,            // an object that no frame stands for
    kfree,              // nr_objects
    set_page_tag,       // pfn, tag: what its struct page says from now on
    memset_zero,        // nr_bytes from address
    // Shared tail pages. spec/promela/link numbers the events before these: new ones go last.
    init_compound_tail, // pfn: a struct page in it becomes a tail of any folio of `order`
    cmpxchg_tail,       // zone->vmemmap_tails[order] = pfn if it was NULL (ok); zone; a full barrier
    // Before the page allocator is up.
    memblock_alloc,     // pfn if ok; nid
    memblock_phys_free, // pfn
    update_fails, // a PTE (vpage) or PMD that is to change in place, and somebody else was there: -EAGAIN
};
inline constexpr std::size_t nr_event_kinds = static_cast<std::size_t>(EventKind::update_fails) + 1;

template <std::same_as<EventKind>... Kinds>
constexpr bool is_one_of(EventKind k, Kinds... kinds) {
    return ((k == kinds) || ...);
}

enum class StoreTo : u8 { optimised_flag, refcount };

// What the one number of an event means depends on its kind, so only Event's own names read it.
class EventNumber {
public:
    constexpr EventNumber() = default;
    template <std::integral T>
    constexpr EventNumber(T n) : value_(static_cast<u64>(n)) {}
    constexpr EventNumber(Order o) : value_(o.value) {}
    constexpr EventNumber(Lock l) : value_(static_cast<u64>(l)) {}
    constexpr EventNumber(StoreTo s) : value_(static_cast<u64>(s)) {}

private:
    friend struct Event;
    u64 value_{};
};

struct Event {
    EventKind kind{};
    bool ok{true}; // alloc_*: it succeeded
    bool on{};
    Nid nid{};
    bool this_node{};
    Gfp gfp{gfp::kernel}; // allocations: as it reached the allocator, the scopes of its task taken off
    Pfn pfn{no_pfn};
    Pfn from{no_pfn};
    PteRef ref{};
    Pte pte{};
    std::optional<Vpage> vpage{};
    Vmap vmap{};
    EventNumber n{};      // written here by who makes the event; read by the names below
    EventNumber bytes{};  // memset_zero; cmpxchg_tail: the zone
    Caller where{};       // the kernel function
    const char* what{""}; // warn: the condition

    // set_pte_at: of an installed table, whose translations CPUs may use.
    [[nodiscard]] bool is_live() const { return vpage.has_value(); }
    [[nodiscard]] bool is_lock() const { return kind == EventKind::lock || kind == EventKind::unlock; }

    [[nodiscard]] Order order() const {
        assert(kind == EventKind::split_page || kind == EventKind::init_compound_tail ||
               kind == EventKind::cmpxchg_tail);
        return Order{static_cast<u8>(n.value_)};
    }
    [[nodiscard]] u8 zone() const {
        assert(kind == EventKind::cmpxchg_tail);
        return static_cast<u8>(bytes.value_);
    }
    [[nodiscard]] u64 pmd_idx() const { return of(EventKind::pmd_populate_kernel); }
    [[nodiscard]] u64 nr_struct_pages() const { return of(EventKind::reset_struct_pages); }
    [[nodiscard]] StoreTo store_to() const { return static_cast<StoreTo>(of(EventKind::store)); }
    [[nodiscard]] i64 change() const {
        assert(kind == EventKind::static_branch || kind == EventKind::memmap_pages_add ||
               kind == EventKind::memmap_boot_pages_add);
        return static_cast<i64>(n.value_);
    }
    [[nodiscard]] Lock which() const {
        assert(is_lock());
        return static_cast<Lock>(n.value_);
    }
    [[nodiscard]] u64 nr_pages() const {
        assert(kind == EventKind::flush_tlb_kernel_range || kind == EventKind::flush_tlb_vmalloc ||
               kind == EventKind::flush_cache_vmap || kind == EventKind::flush_cache_vunmap);
        return n.value_;
    }
    [[nodiscard]] u64 nr_objects() const { return of(EventKind::kfree); }
    [[nodiscard]] u64 tag() const { return of(EventKind::set_page_tag); }
    [[nodiscard]] u64 address() const { return of(EventKind::memset_zero); }
    [[nodiscard]] u64 nr_bytes() const {
        assert(kind == EventKind::memset_zero);
        return bytes.value_;
    }
    // Of all that the event says but the function it comes from.
    [[nodiscard]] u64 hash() const;

private:
    [[nodiscard]] u64 of([[maybe_unused]] EventKind k) const {
        assert(kind == k);
        return n.value_;
    }
};

// It may be told to fail.
constexpr bool is_allocation(EventKind k) {
    return is_one_of(k, EventKind::alloc_pages_node, EventKind::pte_alloc_one_kernel, EventKind::kzalloc,
                     EventKind::pcpu_get_vm_areas);
}

[[nodiscard]] std::string_view name(EventKind k);

// "set_pte_at(vmemmap page 70 -> pfn 64 ro)", as `mmodel replay` shows it.
[[nodiscard]] std::string print_event(const Event& e);

} // namespace mmodel
