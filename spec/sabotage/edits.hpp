// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the edits of model.patch call: which break the broken model has, and which events it loses.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "model/machine/event.hpp"
#include "model/machine/machine.hpp"
#include "spec/sabotage/sabotage.hpp"

namespace mmodel {

// The break in the broken model that this thread runs. Who runs it says so before (spec/sabotage/broken.cpp,
// spec/symbolic/prove.cpp).
inline thread_local Sabotage planted = Sabotage::none;
inline bool does(Sabotage s) { return planted == s; }

// Events that do not happen: of one kind, and of those the ones that `which` says.
struct LostEvent {
    Sabotage sabotage;
    EventKind kind;
    bool (*which)(const Event&) = [](const Event&) { return true; };
};

template <Fn fn>
bool in(const Event& e) {
    return e.where == fn;
}
template <Fn fn>
bool not_in(const Event& e) {
    return !in<fn>(e);
}
template <Lock lock>
bool of(const Event& e) {
    return e.which() == lock;
}

inline constexpr std::array lost_events{
    LostEvent{Sabotage::no_contents_wmb, EventKind::smp_wmb, not_in<Fn::vmemmap_split_pmd>},
    LostEvent{Sabotage::no_table_wmb, EventKind::smp_wmb, in<Fn::vmemmap_split_pmd>},
    LostEvent{Sabotage::no_flush, EventKind::flush_tlb_kernel_range},
    LostEvent{Sabotage::no_flush, EventKind::flush_tlb_all},
    LostEvent{Sabotage::no_restore_flush, EventKind::flush_tlb_all, in<Fn::hugetlb_vmemmap_restore_folios>},
    LostEvent{Sabotage::no_rcu, EventKind::synchronize_rcu},
    LostEvent{Sabotage::leak_page, EventKind::free_page},
    LostEvent{Sabotage::leak_page, EventKind::free_bootmem_page},
    LostEvent{Sabotage::no_split_page, EventKind::split_page},
    LostEvent{Sabotage::no_copy, EventKind::copy_page},
    LostEvent{Sabotage::no_reset, EventKind::reset_struct_pages},
    LostEvent{Sabotage::no_flag, EventKind::store,
              [](const Event& e) { return e.store_to() == StoreTo::optimised_flag; }},
    LostEvent{Sabotage::no_key_inc, EventKind::static_branch, [](const Event& e) { return e.change() > 0; }},
    LostEvent{Sabotage::no_key_dec, EventKind::static_branch, [](const Event& e) { return e.change() <= 0; }},
    LostEvent{Sabotage::no_memmap_accounting, EventKind::memmap_pages_add},
    LostEvent{Sabotage::no_memmap_accounting, EventKind::memmap_boot_pages_add},
    LostEvent{Sabotage::no_page_table_lock, EventKind::lock, of<Lock::page_table>},
    LostEvent{Sabotage::no_page_table_lock, EventKind::unlock, of<Lock::page_table>},
    LostEvent{Sabotage::no_mmap_lock, EventKind::lock, of<Lock::mmap_read>},
    LostEvent{Sabotage::no_mmap_lock, EventKind::unlock, of<Lock::mmap_read>},
    LostEvent{Sabotage::keep_mmap_lock, EventKind::unlock, of<Lock::mmap_read>},
    LostEvent{Sabotage::no_alloc_mutex, EventKind::lock, of<Lock::mutex>},
    LostEvent{Sabotage::no_alloc_mutex, EventKind::unlock, of<Lock::mutex>},
    LostEvent{Sabotage::leak_object, EventKind::kfree},
    LostEvent{Sabotage::no_vmap_cache_flush, EventKind::flush_cache_vmap},
    LostEvent{Sabotage::no_vunmap_cache_flush, EventKind::flush_cache_vunmap},
    LostEvent{Sabotage::no_purge_flush, EventKind::flush_tlb_vmalloc, in<Fn::__purge_vmap_area_lazy>},
    LostEvent{Sabotage::no_page_tag, EventKind::set_page_tag},
    LostEvent{Sabotage::no_zeroing, EventKind::memset_zero},
};

// What is lost of an operation's events. leak_page loses one, any other break all that the table says.
class Loss {
public:
    bool takes(const Event& e) {
        const bool lost = std::ranges::any_of(lost_events, [&](const LostEvent& l) {
            return does(l.sabotage) && l.kind == e.kind && l.which(e);
        });
        return lost && !(does(Sabotage::leak_page) && std::exchange(spent_, true));
    }

private:
    bool spent_{};
};

} // namespace mmodel
