// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/judge/invariant.hpp"

namespace mmodel::spec {
namespace {

constexpr std::array<Fact, static_cast<std::size_t>(Inv::count)> facts{{
    {"inv_no_frame_is_freed_while_mapped",
     "A frame goes back to an allocator only when no page table entry maps it."},
    {"inv_no_frame_is_freed_while_a_tlb_may_hold_it",
     "A frame goes back to an allocator only after a TLB flush has covered every address that translated to "
     "it."},
    {"inv_no_page_is_freed_twice", "Only a page that was allocated and not yet freed is freed."},
    {"inv_page_goes_back_to_its_own_allocator",
     "A reserved page is freed with free_bootmem_page(), any other page with __free_page()."},
    {"inv_high_order_block_is_split_before_its_pages_are_freed",
     "Pages of a higher-order allocation are freed one by one only after split_page()."},
    {"inv_contents_are_ordered_before_the_pte",
     "What was written to a page is ordered by a barrier before the PTE that lets others see it."},
    {"inv_table_is_ordered_before_the_pmd",
     "The entries of a new PTE table are ordered by a barrier before the PMD that installs it."},
    {"inv_table_translates_as_the_leaf_did",
     "A PTE table replaces a PMD leaf only if it holds the same translations, all of them, read-write."},
    {"inv_pmd_changes_under_the_page_table_lock",
     "A PMD of the vmemmap changes only under init_mm.page_table_lock."},
    {"inv_walk_holds_the_mmap_lock", "A PTE of the vmemmap changes only while init_mm's mmap lock is held."},
    {"inv_only_the_folios_own_vmemmap_changes",
     "An operation changes the vmemmap PTEs of the folios it was given and no others."},
    {"inv_tail_vmemmap_is_read_only",
     "A vmemmap page that shares its frame with the folio's head is mapped read-only."},
    {"inv_own_vmemmap_is_writable",
     "A folio's first vmemmap page, and every page that has a frame of its own, is mapped read-write."},
    {"inv_no_write_through_a_read_only_pte",
     "No struct page is written through a translation, current or stale, that is read-only."},
    {"inv_optimised_flag_reads_the_same_through_every_translation",
     "A folio's vmemmap-optimised flag reads the same through every translation of its head that a CPU may "
     "still use."},
    {"inv_compound_head_of_every_tail_is_its_head",
     "At every event, compound_head() of every tail struct page is its folio's head, by the kernel's own "
     "fake-head rule."},
    {"inv_compound_head_holds_through_stale_translations",
     "compound_head() of a tail is its head also for a CPU whose TLB still holds the translation from before "
     "the last change."},
    {"inv_no_remap_without_a_grace_period", "A vmemmap page is remapped only after a grace period for every "
                                            "walker that may still write to its struct pages."},
    {"inv_no_valid_to_valid_change_without_break_before_make",
     "Where the architecture wants break-before-make, no valid PTE changes its output address without being "
     "invalid between."},
    {"inv_self_hosted_vmemmap_is_never_optimised",
     "Vmemmap that lies in the memory block it describes (memmap_on_memory) is never remapped."},
    {"inv_no_kernel_warning", "None of the kernel's own VM_WARN_ON checks fires."},
    {"inv_no_page_is_leaked",
     "After an operation every page taken from an allocator is mapped, a page table, or freed again."},
    {"inv_frames_are_conserved",
     "After an operation, free pages, vmemmap, page tables and folios add up to the memory there is."},
    {"inv_tlb_agrees_with_the_page_table_at_rest",
     "After an operation no CPU may still use a translation that the page table does not hold."},
    {"inv_no_lock_is_held_at_rest", "After an operation no lock it took is still held."},
    {"inv_static_key_counts_optimised_folios", "hugetlb_optimize_vmemmap_key counts the optimised folios."},
    {"inv_memmap_counters_equal_the_truth",
     "nr_memmap_pages and nr_memmap_boot_pages are the numbers of frames behind the vmemmap."},
    {"inv_optimised_folio_keeps_one_page", "All vmemmap pages of an optimised folio map one frame, and the "
                                           "folio is flagged; the first is the head's, as it was."},
    {"inv_plain_folio_has_pages_of_its_own",
     "Every vmemmap page of a folio that is not optimised has a frame to itself."},
    {"inv_restore_after_optimise_is_the_identity",
     "Every struct page of a folio that is not optimised reads as freshly initialised: restore undoes "
     "optimise for every reader."},
    {"inv_failed_operation_is_rolled_back", "An operation that did not do its work leaves every folio, every "
                                            "struct page and the number of vmemmap frames as they were."},
    {"inv_outcome_is_what_the_operation_promises", "An operation does all of its work unless an allocation "
                                                   "failed or it may not, and what it returns says which."},
    {"inv_no_address_is_mapped_while_a_tlb_may_hold_another_translation",
     "A vmalloc address is mapped only after a TLB flush has covered every translation it had before."},
    {"inv_no_address_is_reserved_while_a_tlb_may_hold_its_translation",
     "Vmalloc addresses are handed out again only after a TLB flush has covered what was mapped there."},
    {"inv_percpu_page_is_asked_of_its_cpus_node", "A page of a CPU's unit is asked of that CPU's NUMA node."},
    {"inv_cache_is_flushed_before_an_address_is_unmapped",
     "flush_cache_vunmap() covers a percpu address before its page is unmapped."},
    {"inv_cache_is_flushed_after_an_address_is_mapped",
     "flush_cache_vmap() covers a percpu address after its page was mapped."},
    {"inv_nothing_sleeps_under_a_spinlock",
     "No allocation, no mapping and no TLB flush happens while pcpu_lock is held."},
    {"inv_vmalloc_area_is_empty_when_it_is_freed",
     "Vmalloc addresses are given back only when nothing is mapped there."},
    {"inv_populated_page_maps_a_frame_of_its_own_on_every_possible_cpu",
     "A chunk's page is marked populated exactly when every possible CPU's address of it maps, read-write, a "
     "frame "
     "that nothing else maps."},
    {"inv_only_units_of_possible_cpus_are_mapped",
     "Of a chunk's addresses only those of possible CPUs' units are ever mapped."},
    {"inv_page_says_whose_chunk_it_is", "The struct page of every frame of a chunk names that chunk."},
    {"inv_percpu_area_is_zeroed", "An area is handed out zeroed on every possible CPU."},
    {"inv_percpu_area_is_populated", "Every page of an area is populated while somebody has the area."},
    {"inv_percpu_areas_are_disjoint",
     "No two areas overlap, and a chunk's free bytes are what no area covers."},
    {"inv_percpu_area_is_as_asked",
     "An area has the size and alignment that were asked for and lies inside its chunk."},
    {"inv_percpu_counters_equal_the_truth", "pcpu_nr_populated and pcpu_nr_empty_pop_pages, and each chunk's "
                                            "own counts, are the numbers of pages they "
                                            "stand for."},
    {"inv_first_and_reserved_chunk_stay_populated",
     "The first and the reserved chunk are never depopulated, isolated or destroyed."},
    {"inv_every_chunk_is_on_its_list", "Every chunk is on exactly one list: the one of its slot, or, exactly "
                                       "when it is isolated, the sidelined or the "
                                       "to_depopulate list."},
    {"inv_no_object_is_leaked",
     "After an operation every object from kmalloc() and every vmalloc area belongs to a chunk."},
    {"inv_balance_leaves_one_free_chunk", "After the balance worker nothing waits to be depopulated, and of "
                                          "the free chunks all but the first have "
                                          "populated pages."},
    {"inv_percpu_lookup_finds_the_frame",
     "per_cpu_ptr_to_phys() is the physical address that the page table gives."},
    {"inv_concurrent_operations_end_as_in_some_order",
     "Operations that run at the same time return and leave what they would one after the other, in some "
     "order."},
    {"inv_no_task_waits_for_ever", "Of operations that run at the same time, one can always go on."},
    {"inv_real_file_agrees_with_the_model", "The kernel file does what the model does: same outcome, same "
                                            "chunk and offset, same pages, lists and counters."},
    {"inv_no_bug", "None of the kernel's own BUG_ON checks fires."},
    {"inv_kernel_code_touches_only_what_is_mapped",
     "Kernel code loads and stores only where the page table lets it; it does not fault."},
    {"inv_every_operation_ends", "Every operation ends."},
}};

} // namespace

const Fact& fact(Inv i) { return facts[static_cast<std::size_t>(i)]; }

std::optional<Inv> invariant_named(std::string_view name) {
    for (std::size_t i = 0; i < facts.size(); ++i)
        if (facts[i].name == name) return static_cast<Inv>(i);
    return std::nullopt;
}

} // namespace mmodel::spec
