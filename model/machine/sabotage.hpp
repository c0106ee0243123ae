// SPDX-License-Identifier: GPL-2.0 OR MIT
// Deliberate breaks, one name each. They exist to show that every invariant can fail: a trace with a
// `sabotage` line runs the model with that break in it. `none` is the model.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace mmodel {

enum class Sabotage : unsigned char {
    none,
    no_contents_wmb,         // no barrier between a page's contents and the PTE that publishes it
    no_table_wmb,            // ... between a PTE table's entries and the PMD that publishes it
    no_flush,                // no TLB flush at all
    no_rcu,                  // no grace period before the remap
    tail_writable,           // tails mapped read-write
    all_read_only,           // heads and restored pages mapped read-only
    remap_neighbour,         // PTEs of the wrong folio are written
    leak_page,               // the first page to be freed is forgotten
    double_free,             // every page is freed twice
    early_free,              // pages are freed before the PTEs that map them have changed
    no_split_page,           // a high-order block's pages are freed without split_page()
    no_copy,                 // pages are published with what they happened to contain
    no_reset,                // restored pages keep the head's struct pages
    no_flag,                 // the optimised flag is never written
    flag_after_copy,         // it is set after the head page was copied
    no_key_inc,              // the static key is not raised
    no_key_dec,              // ... not lowered
    no_memmap_accounting,    // nr_memmap_pages and nr_memmap_boot_pages stand still
    no_page_table_lock,      // PMDs change without the lock
    keep_mmap_lock,          // the walk does not drop the mmap lock
    no_rollback,             // a failed optimise leaves what it did
    no_self_hosted_check,    // self-hosted vmemmap is optimised
    no_work,                 // optimise does nothing and says nothing
    no_errno,                // a failed restore reports success
    write_tail,              // a tail's struct page is written after the remap
    wrong_allocator,         // boot memory is freed with __free_page()
    short_table,             // a new PTE table lacks its last entry
    warn,                    // a VM_WARN_ON fires
    shared_restore,          // a restore maps the same fresh page twice
    skip_tail,               // the folio keeps two frames: its first tail page is left as it was
    no_mmap_lock,            // the walk does not take the mmap lock
    no_restore_flush,        // a list restore does not flush
    late_errno,              // a failed restore is done all the same, and its error is returned
    lose_folio,              // a freed folio's pages go nowhere
    leak_object,             // kfree() does nothing
    vmalloc_read_only,       // vmalloc pages are mapped read-only
    no_vmap_cache_flush,     // no flush_cache_vmap()
    no_vunmap_cache_flush,   // no flush_cache_vunmap()
    no_purge_flush,          // freed vmalloc addresses are reserved again without a TLB flush
    no_page_tag,             // a chunk's pages do not say whose they are
    skip_failing_cpu,        // a failed map leaves what it mapped for the CPU it failed at
    no_map_rollback_flush,   // ... unmaps, but does not flush
    no_post_unmap_flush,     // reclaimed addresses are not flushed
    short_flush,             // the flush after unmapping ends with the lowest unit
    wrong_node,              // every page comes from node 0
    skip_last_cpu,           // a populated page lacks its frame on the last CPU
    shared_frame,            // two CPUs' pages share a frame
    no_zeroing,              // areas are handed out as they are
    zero_online_only,        // ... zeroed for online CPUs only
    no_populate,             // areas are handed out without frames
    overlapping_areas,       // an area is handed out that somebody has
    wrong_align,             // alignment is ignored
    no_populated_accounting, // pcpu_nr_populated stands still
    no_empty_accounting,     // pcpu_nr_empty_pop_pages stands still
    depopulate_first_chunk,  // the first chunk is reclaimed like any other
    lose_chunk,              // a reclaimed chunk is put on no list
    wrong_slot,              // a chunk stays in the list it was in
    destroy_populated,       // free chunks are destroyed with their pages
    keep_area,               // an allocation that cannot be populated keeps its area
    sleep_under_lock,        // a chunk is created with pcpu_lock held
    keep_free_chunks,        // the balance worker destroys no chunk
    wrong_lookup,            // per_cpu_ptr_to_phys() finds the neighbour's page
    touch_surplus_unit,      // units without a CPU are populated too
    remap_without_flush,     // a page just mapped is unmapped and mapped again
    leak_failed_alloc,       // a failed populate frees only the failing CPU's pages
    // Seen only where operations run at the same time (spec/tasks).
    no_pmd_recheck,       // a PMD is not looked at again once its lock is held: who came first is overwritten
    lost_race_fails,      // who finds the PMD split by another one returns -ENOMEM
    no_alloc_mutex,       // nobody takes pcpu_alloc_mutex
    mark_before_populate, // the populated bit is set before the page is populated
    reclaim_not_isolated, // a chunk is reclaimed without being isolated first
    inverted_locks,       // pcpu_alloc() takes pcpu_lock before pcpu_alloc_mutex, others after it
};

struct SabotageName {
    Sabotage sabotage;
    std::string_view name;
};

inline constexpr std::array sabotage_names{
    SabotageName{Sabotage::no_contents_wmb, "no_contents_wmb"},
    SabotageName{Sabotage::no_table_wmb, "no_table_wmb"},
    SabotageName{Sabotage::no_flush, "no_flush"},
    SabotageName{Sabotage::no_rcu, "no_rcu"},
    SabotageName{Sabotage::tail_writable, "tail_writable"},
    SabotageName{Sabotage::all_read_only, "all_read_only"},
    SabotageName{Sabotage::remap_neighbour, "remap_neighbour"},
    SabotageName{Sabotage::leak_page, "leak_page"},
    SabotageName{Sabotage::double_free, "double_free"},
    SabotageName{Sabotage::early_free, "early_free"},
    SabotageName{Sabotage::no_split_page, "no_split_page"},
    SabotageName{Sabotage::no_copy, "no_copy"},
    SabotageName{Sabotage::no_reset, "no_reset"},
    SabotageName{Sabotage::no_flag, "no_flag"},
    SabotageName{Sabotage::flag_after_copy, "flag_after_copy"},
    SabotageName{Sabotage::no_key_inc, "no_key_inc"},
    SabotageName{Sabotage::no_key_dec, "no_key_dec"},
    SabotageName{Sabotage::no_memmap_accounting, "no_memmap_accounting"},
    SabotageName{Sabotage::no_page_table_lock, "no_page_table_lock"},
    SabotageName{Sabotage::keep_mmap_lock, "keep_mmap_lock"},
    SabotageName{Sabotage::no_rollback, "no_rollback"},
    SabotageName{Sabotage::no_self_hosted_check, "no_self_hosted_check"},
    SabotageName{Sabotage::no_work, "no_work"},
    SabotageName{Sabotage::no_errno, "no_errno"},
    SabotageName{Sabotage::write_tail, "write_tail"},
    SabotageName{Sabotage::wrong_allocator, "wrong_allocator"},
    SabotageName{Sabotage::short_table, "short_table"},
    SabotageName{Sabotage::warn, "warn"},
    SabotageName{Sabotage::shared_restore, "shared_restore"},
    SabotageName{Sabotage::skip_tail, "skip_tail"},
    SabotageName{Sabotage::no_mmap_lock, "no_mmap_lock"},
    SabotageName{Sabotage::no_restore_flush, "no_restore_flush"},
    SabotageName{Sabotage::late_errno, "late_errno"},
    SabotageName{Sabotage::lose_folio, "lose_folio"},
    SabotageName{Sabotage::leak_object, "leak_object"},
    SabotageName{Sabotage::vmalloc_read_only, "vmalloc_read_only"},
    SabotageName{Sabotage::no_vmap_cache_flush, "no_vmap_cache_flush"},
    SabotageName{Sabotage::no_vunmap_cache_flush, "no_vunmap_cache_flush"},
    SabotageName{Sabotage::no_purge_flush, "no_purge_flush"},
    SabotageName{Sabotage::no_page_tag, "no_page_tag"},
    SabotageName{Sabotage::skip_failing_cpu, "skip_failing_cpu"},
    SabotageName{Sabotage::no_map_rollback_flush, "no_map_rollback_flush"},
    SabotageName{Sabotage::no_post_unmap_flush, "no_post_unmap_flush"},
    SabotageName{Sabotage::short_flush, "short_flush"},
    SabotageName{Sabotage::wrong_node, "wrong_node"},
    SabotageName{Sabotage::skip_last_cpu, "skip_last_cpu"},
    SabotageName{Sabotage::shared_frame, "shared_frame"},
    SabotageName{Sabotage::no_zeroing, "no_zeroing"},
    SabotageName{Sabotage::zero_online_only, "zero_online_only"},
    SabotageName{Sabotage::no_populate, "no_populate"},
    SabotageName{Sabotage::overlapping_areas, "overlapping_areas"},
    SabotageName{Sabotage::wrong_align, "wrong_align"},
    SabotageName{Sabotage::no_populated_accounting, "no_populated_accounting"},
    SabotageName{Sabotage::no_empty_accounting, "no_empty_accounting"},
    SabotageName{Sabotage::depopulate_first_chunk, "depopulate_first_chunk"},
    SabotageName{Sabotage::lose_chunk, "lose_chunk"},
    SabotageName{Sabotage::wrong_slot, "wrong_slot"},
    SabotageName{Sabotage::destroy_populated, "destroy_populated"},
    SabotageName{Sabotage::keep_area, "keep_area"},
    SabotageName{Sabotage::sleep_under_lock, "sleep_under_lock"},
    SabotageName{Sabotage::keep_free_chunks, "keep_free_chunks"},
    SabotageName{Sabotage::wrong_lookup, "wrong_lookup"},
    SabotageName{Sabotage::touch_surplus_unit, "touch_surplus_unit"},
    SabotageName{Sabotage::remap_without_flush, "remap_without_flush"},
    SabotageName{Sabotage::leak_failed_alloc, "leak_failed_alloc"},
    SabotageName{Sabotage::no_pmd_recheck, "no_pmd_recheck"},
    SabotageName{Sabotage::lost_race_fails, "lost_race_fails"},
    SabotageName{Sabotage::no_alloc_mutex, "no_alloc_mutex"},
    SabotageName{Sabotage::mark_before_populate, "mark_before_populate"},
    SabotageName{Sabotage::reclaim_not_isolated, "reclaim_not_isolated"},
    SabotageName{Sabotage::inverted_locks, "inverted_locks"},
};

constexpr std::optional<Sabotage> sabotage_named(std::string_view name) {
    for (const auto& s : sabotage_names)
        if (s.name == name) return s.sabotage;
    return std::nullopt;
}

} // namespace mmodel
