// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every fact the specification states: a name and one sentence. A violation names the fact, the event and the
// kernel function at which it stopped being true.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "model/machine/event.hpp"

namespace mmodel::spec {

enum class Inv : u8 {
    // Discipline: judged at every event.
    no_frame_is_freed_while_mapped,
    no_frame_is_freed_while_a_tlb_may_hold_it,
    no_page_is_freed_twice,
    page_goes_back_to_its_own_allocator,
    high_order_block_is_split_before_its_pages_are_freed,
    contents_are_ordered_before_the_pte,
    table_is_ordered_before_the_pmd,
    table_translates_as_the_leaf_did,
    pmd_changes_under_the_page_table_lock,
    walk_holds_the_mmap_lock,
    only_the_folios_own_vmemmap_changes,
    tail_vmemmap_is_read_only,
    own_vmemmap_is_writable,
    no_write_through_a_read_only_pte,
    optimised_flag_reads_the_same_through_every_translation,
    compound_head_of_every_tail_is_its_head,
    compound_head_holds_through_stale_translations,
    no_remap_without_a_grace_period,
    no_valid_to_valid_change_without_break_before_make,
    self_hosted_vmemmap_is_never_optimised,
    no_kernel_warning,
    // At rest: judged after every operation, failed or not.
    no_page_is_leaked,
    frames_are_conserved,
    tlb_agrees_with_the_page_table_at_rest,
    no_lock_is_held_at_rest,
    static_key_counts_optimised_folios,
    memmap_counters_equal_the_truth,
    optimised_folio_keeps_one_page,
    plain_folio_has_pages_of_its_own,
    restore_after_optimise_is_the_identity,
    // Refinement: judged against what the operation was allowed to do.
    failed_operation_is_rolled_back,
    outcome_is_what_the_operation_promises,
    // The percpu allocator. Discipline.
    no_address_is_mapped_while_a_tlb_may_hold_another_translation,
    no_address_is_reserved_while_a_tlb_may_hold_its_translation,
    percpu_page_is_asked_of_its_cpus_node,
    cache_is_flushed_before_an_address_is_unmapped,
    cache_is_flushed_after_an_address_is_mapped,
    nothing_sleeps_under_a_spinlock,
    vmalloc_area_is_empty_when_it_is_freed,
    // ... at rest.
    populated_page_maps_a_frame_of_its_own_on_every_possible_cpu,
    only_units_of_possible_cpus_are_mapped,
    page_says_whose_chunk_it_is,
    percpu_area_is_zeroed,
    percpu_area_is_populated,
    percpu_areas_are_disjoint,
    percpu_area_is_as_asked,
    percpu_counters_equal_the_truth,
    first_and_reserved_chunk_stay_populated,
    every_chunk_is_on_its_list,
    no_object_is_leaked,
    balance_leaves_one_free_chunk,
    percpu_lookup_finds_the_frame,
    // Operations that run at the same time (spec/tasks).
    concurrent_operations_end_as_in_some_order,
    no_task_waits_for_ever,
    // The real kernel file only: judged by the process that runs it.
    real_file_agrees_with_the_model,
    no_bug,
    kernel_code_touches_only_what_is_mapped,
    every_operation_ends,
    count
};

struct Fact {
    std::string_view name; // "inv_..."
    std::string_view sentence;
};

// The name and the sentence of each, in the order of Inv.
[[nodiscard]] const Fact& fact(Inv i);
[[nodiscard]] std::optional<Inv> invariant_named(std::string_view name);

struct Violation {
    Inv inv{};
    u64 event_idx{};    // events of the operation before this one
    std::string where;  // kernel function; empty when judged at rest
    std::string event;  // the event as printed; empty when judged at rest
    std::string detail; // what was found, with numbers
};

} // namespace mmodel::spec
