// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/report/facts.hpp"

namespace mmodel::cli {
namespace {

enum class Whose : u8 { each, hvo, one_page, shared_tail, percpu, tasks };

// hvo: of both designs; one_page: a folio's tails are its own; tasks: no file runs them yet.
Whose whose(spec::Inv i) {
    using enum spec::Inv;
    switch (i) {
    case no_frame_is_freed_while_mapped:
    case no_frame_is_freed_while_a_tlb_may_hold_it:
    case no_page_is_freed_twice:
    case page_goes_back_to_its_own_allocator:
    case no_kernel_warning:
    case no_page_is_leaked:
    case frames_are_conserved:
    case tlb_agrees_with_the_page_table_at_rest:
    case no_lock_is_held_at_rest:
    case failed_operation_is_rolled_back:
    case outcome_is_what_the_operation_promises:
    case real_file_agrees_with_the_model:
    case no_bug:
    case kernel_code_touches_only_what_is_mapped:
    case every_operation_ends: return Whose::each;
    case high_order_block_is_split_before_its_pages_are_freed:
    case contents_are_ordered_before_the_pte:
    case table_is_ordered_before_the_pmd:
    case table_translates_as_the_leaf_did:
    case pmd_changes_under_the_page_table_lock:
    case walk_holds_the_mmap_lock:
    case only_the_folios_own_vmemmap_changes:
    case tail_vmemmap_is_read_only:
    case own_vmemmap_is_writable:
    case no_write_through_a_read_only_pte:
    case optimised_flag_reads_the_same_through_every_translation:
    case compound_head_of_every_tail_is_its_head:
    case compound_head_holds_through_stale_translations:
    case no_valid_to_valid_change_without_break_before_make:
    case self_hosted_vmemmap_is_never_optimised:
    case memmap_counters_equal_the_truth:
    case plain_folio_has_pages_of_its_own:
    case restore_after_optimise_is_the_identity: return Whose::hvo;
    case no_remap_without_a_grace_period:
    case static_key_counts_optimised_folios:
    case optimised_folio_keeps_one_page: return Whose::one_page;
    case shared_tail_page_is_never_freed:
    case shared_tail_page_is_never_written:
    case shared_tail_page_reads_as_tails:
    case optimised_folio_shares_its_zones_tails: return Whose::shared_tail;
    case no_address_is_mapped_while_a_tlb_may_hold_another_translation:
    case no_address_is_reserved_while_a_tlb_may_hold_its_translation:
    case percpu_page_is_asked_of_its_cpus_node:
    case cache_is_flushed_before_an_address_is_unmapped:
    case cache_is_flushed_after_an_address_is_mapped:
    case nothing_sleeps_under_a_spinlock:
    case percpu_allocation_does_no_more_than_it_may:
    case vmalloc_area_is_empty_when_it_is_freed:
    case populated_page_maps_a_frame_of_its_own_on_every_possible_cpu:
    case only_units_of_possible_cpus_are_mapped:
    case page_says_whose_chunk_it_is:
    case percpu_area_is_zeroed:
    case percpu_area_is_populated:
    case percpu_areas_are_disjoint:
    case percpu_area_is_as_asked:
    case percpu_counters_equal_the_truth:
    case first_and_reserved_chunk_stay_populated:
    case every_chunk_is_on_its_list:
    case no_object_is_leaked:
    case balance_leaves_one_free_chunk:
    case percpu_lookup_finds_the_frame: return Whose::percpu;
    case concurrent_operations_end_as_in_some_order:
    case no_task_waits_for_ever: return Whose::tasks;
    }
    return Whose::tasks;
}

bool is_asked(Whose w, const bench::Tree& tree) {
    const bool hvo = tree.name == "hugetlb_vmemmap";
    switch (w) {
    case Whose::each: return true;
    case Whose::hvo: return hvo;
    case Whose::one_page: return hvo && !tree.hvo.shared_tail;
    case Whose::shared_tail: return hvo && tree.hvo.shared_tail;
    case Whose::percpu: return !hvo;
    case Whose::tasks: return false;
    }
    return false;
}

} // namespace

std::vector<spec::Inv> facts_of(const bench::Tree& tree) {
    std::vector<spec::Inv> out;
    for (const spec::Inv i : spec::all_invariants)
        if (is_asked(whose(i), tree)) out.push_back(i);
    return out;
}

} // namespace mmodel::cli
