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
    no_contents_wmb,      // no barrier between a page's contents and the PTE that publishes it
    no_table_wmb,         // ... between a PTE table's entries and the PMD that publishes it
    no_flush,             // no TLB flush at all
    no_rcu,               // no grace period before the remap
    tail_writable,        // tails mapped read-write
    all_read_only,        // heads and restored pages mapped read-only
    remap_neighbour,      // PTEs of the wrong folio are written
    leak_page,            // the first page to be freed is forgotten
    double_free,          // every page is freed twice
    early_free,           // pages are freed before the PTEs that map them have changed
    no_split_page,        // a high-order block's pages are freed without split_page()
    no_copy,              // pages are published with what they happened to contain
    no_reset,             // restored pages keep the head's struct pages
    no_flag,              // the optimised flag is never written
    flag_after_copy,      // it is set after the head page was copied
    no_key_inc,           // the static key is not raised
    no_key_dec,           // ... not lowered
    no_memmap_accounting, // nr_memmap_pages and nr_memmap_boot_pages stand still
    no_page_table_lock,   // PMDs change without the lock
    keep_mmap_lock,       // the walk does not drop the mmap lock
    no_rollback,          // a failed optimise leaves what it did
    no_self_hosted_check, // self-hosted vmemmap is optimised
    no_work,              // optimise does nothing and says nothing
    no_errno,             // a failed restore reports success
    write_tail,           // a tail's struct page is written after the remap
    wrong_allocator,      // boot memory is freed with __free_page()
    short_table,          // a new PTE table lacks its last entry
    warn,                 // a VM_WARN_ON fires
    shared_restore,       // a restore maps the same fresh page twice
    skip_tail,            // the folio keeps two frames: its first tail page is left as it was
    no_mmap_lock,         // the walk does not take the mmap lock
    no_restore_flush,     // a list restore does not flush
    late_errno,           // a failed restore is done all the same, and its error is returned
    lose_folio,           // a freed folio's pages go nowhere
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
};

constexpr std::optional<Sabotage> sabotage_named(std::string_view name) {
    for (const auto& s : sabotage_names)
        if (s.name == name) return s.sabotage;
    return std::nullopt;
}

} // namespace mmodel
