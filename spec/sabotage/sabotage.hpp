// SPDX-License-Identifier: GPL-2.0 OR MIT
// Deliberate breaks, one name each. They exist to show that every invariant can fail: a trace with a
// `sabotage` line runs the model with that break in it. `none` is the model.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace mmodel {

// A name, and what is wrong then. The last six are seen only where operations run at the same time
// (spec/tasks).
#define MMODEL_SABOTAGES(X)                                                                                  \
    X(no_contents_wmb, "no barrier between a page's contents and the PTE that publishes it")                 \
    X(no_table_wmb, "no barrier between a PTE table's entries and the PMD that publishes it")                \
    X(no_flush, "no TLB flush at all")                                                                       \
    X(no_rcu, "no grace period before the remap")                                                            \
    X(tail_writable, "tails mapped read-write")                                                              \
    X(all_read_only, "heads and restored pages mapped read-only")                                            \
    X(remap_neighbour, "PTEs of the wrong folio are written")                                                \
    X(leak_page, "the first page to be freed is forgotten")                                                  \
    X(double_free, "every page is freed twice")                                                              \
    X(early_free, "pages are freed before the PTEs that map them have changed")                              \
    X(no_split_page, "a high-order block's pages are freed without split_page()")                            \
    X(no_copy, "pages are published with what they happened to contain")                                     \
    X(no_reset, "restored pages keep the head's struct pages")                                               \
    X(no_flag, "the optimised flag is never written")                                                        \
    X(flag_after_copy, "the optimised flag is set after the head page was copied")                           \
    X(no_key_inc, "the static key is not raised")                                                            \
    X(no_key_dec, "the static key is not lowered")                                                           \
    X(no_memmap_accounting, "nr_memmap_pages and nr_memmap_boot_pages stand still")                          \
    X(no_page_table_lock, "PMDs change without the lock")                                                    \
    X(keep_mmap_lock, "the walk does not drop the mmap lock")                                                \
    X(no_rollback, "a failed optimise leaves what it did")                                                   \
    X(no_self_hosted_check, "self-hosted vmemmap is optimised")                                              \
    X(no_work, "optimise does nothing and says nothing")                                                     \
    X(no_errno, "a failed restore reports success")                                                          \
    X(write_tail, "a tail's struct page is written after the remap")                                         \
    X(wrong_allocator, "boot memory is freed with __free_page()")                                            \
    X(short_table, "a new PTE table lacks its last entry")                                                   \
    X(warn, "a VM_WARN_ON fires")                                                                            \
    X(shared_restore, "a restore maps the same fresh page twice")                                            \
    X(skip_tail, "the folio keeps two frames: its first tail page is left as it was")                        \
    X(no_mmap_lock, "the walk does not take the mmap lock")                                                  \
    X(no_restore_flush, "a list restore does not flush")                                                     \
    X(late_errno, "a failed restore is done all the same, and its error is returned")                        \
    X(lose_folio, "a freed folio's pages go nowhere")                                                        \
    X(leak_object, "kfree() does nothing")                                                                   \
    X(vmalloc_read_only, "vmalloc pages are mapped read-only")                                               \
    X(no_vmap_cache_flush, "no flush_cache_vmap()")                                                          \
    X(no_vunmap_cache_flush, "no flush_cache_vunmap()")                                                      \
    X(no_purge_flush, "freed vmalloc addresses are reserved again without a TLB flush")                      \
    X(no_page_tag, "a chunk's pages do not say whose they are")                                              \
    X(skip_failing_cpu, "a failed map leaves what it mapped for the CPU it failed at")                       \
    X(no_map_rollback_flush, "a failed map unmaps what it mapped, but does not flush")                       \
    X(no_post_unmap_flush, "reclaimed addresses are not flushed")                                            \
    X(short_flush, "the flush after unmapping ends with the lowest unit")                                    \
    X(wrong_node, "every page comes from node 0")                                                            \
    X(skip_last_cpu, "a populated page lacks its frame on the last CPU")                                     \
    X(shared_frame, "two CPUs' pages share a frame")                                                         \
    X(no_zeroing, "areas are handed out as they are")                                                        \
    X(zero_online_only, "areas are zeroed for online CPUs only")                                             \
    X(no_populate, "areas are handed out without frames")                                                    \
    X(overlapping_areas, "an area is handed out that somebody has")                                          \
    X(wrong_align, "alignment is ignored")                                                                   \
    X(refuse_whole_unit, "a request of a whole unit is refused with -EINVAL")                                \
    X(no_populated_accounting, "pcpu_nr_populated stands still")                                             \
    X(no_empty_accounting, "pcpu_nr_empty_pop_pages stands still")                                           \
    X(depopulate_first_chunk, "the first chunk is reclaimed like any other")                                 \
    X(lose_chunk, "a reclaimed chunk is put on no list")                                                     \
    X(wrong_slot, "a chunk stays in the list it was in")                                                     \
    X(destroy_populated, "free chunks are destroyed with their pages")                                       \
    X(keep_area, "an allocation that cannot be populated keeps its area")                                    \
    X(sleep_under_lock, "a chunk is created with pcpu_lock held")                                            \
    X(keep_free_chunks, "the balance worker destroys no chunk")                                              \
    X(worker_with_io, "the balance worker allocates as a caller that may do IO")                             \
    X(wrong_lookup, "per_cpu_ptr_to_phys() finds the neighbour's page")                                      \
    X(touch_surplus_unit, "units without a CPU are populated too")                                           \
    X(remap_without_flush, "a page just mapped is unmapped and mapped again")                                \
    X(leak_failed_alloc, "a failed populate frees only the failing CPU's pages")                             \
    X(no_pmd_recheck, "a PMD is not looked at again once its lock is held: who came first is overwritten")   \
    X(lost_race_fails, "who finds the PMD split by another one returns -ENOMEM")                             \
    X(no_alloc_mutex, "nobody takes pcpu_alloc_mutex")                                                       \
    X(mark_before_populate, "the populated bit is set before the page is populated")                         \
    X(reclaim_not_isolated, "a chunk is reclaimed without being isolated first")                             \
    X(inverted_locks, "pcpu_alloc() takes pcpu_lock before pcpu_alloc_mutex, others after it")

enum class Sabotage : unsigned char {
    none,
#define MMODEL_SABOTAGE(name, what) name,
    MMODEL_SABOTAGES(MMODEL_SABOTAGE)
#undef MMODEL_SABOTAGE
};

struct SabotageName {
    Sabotage sabotage;
    std::string_view name, what;
};

// All but none, in the order of the enum.
inline constexpr std::array sabotage_names{
#define MMODEL_SABOTAGE(name, what) SabotageName{Sabotage::name, #name, what},
    MMODEL_SABOTAGES(MMODEL_SABOTAGE)
#undef MMODEL_SABOTAGE
};

constexpr std::optional<Sabotage> sabotage_named(std::string_view name) {
    for (const auto& s : sabotage_names)
        if (s.name == name) return s.sabotage;
    return std::nullopt;
}

} // namespace mmodel
