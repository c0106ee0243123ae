// SPDX-License-Identifier: GPL-2.0 OR MIT
// Which breaks of spec/sabotage/sabotage.hpp the proofs must refute, and by which theorem. Breaks that are
// not here lie outside of what this layer runs. spec/sabotage/sabotage.py reads this table.
#pragma once

#include <array>
#include <string_view>

namespace mmodel::symbolic {

struct Refuted {
    std::string_view sabotage, theorem;
};

inline constexpr std::array refuted{
    Refuted{"no_contents_wmb", "hvo_two_step"},
    Refuted{"no_table_wmb", "hvo_two_step"},
    Refuted{"no_flush", "hvo_two_step"},
    Refuted{"no_rcu", "hvo_two_step"},
    Refuted{"tail_writable", "hvo_two_step"},
    Refuted{"all_read_only", "hvo_two_step"},
    Refuted{"leak_page", "hvo_two_step"},
    Refuted{"double_free", "hvo_two_step"},
    Refuted{"early_free", "hvo_two_step"},
    Refuted{"no_split_page", "hvo_two_step"},
    Refuted{"no_copy", "hvo_two_step"},
    Refuted{"no_reset", "hvo_two_step"},
    Refuted{"no_flag", "hvo_two_step"},
    Refuted{"no_key_inc", "hvo_two_step"},
    Refuted{"no_key_dec", "hvo_two_step"},
    Refuted{"no_memmap_accounting", "hvo_two_step"},
    Refuted{"no_page_table_lock", "hvo_two_step"},
    Refuted{"keep_mmap_lock", "hvo_two_step"},
    Refuted{"no_self_hosted_check", "hvo_two_step"},
    Refuted{"no_work", "hvo_two_step"},
    Refuted{"no_errno", "hvo_two_step"},
    Refuted{"write_tail", "hvo_two_step"},
    Refuted{"wrong_allocator", "hvo_two_step"},
    Refuted{"short_table", "hvo_two_step"},
    Refuted{"warn", "hvo_two_step"},
    Refuted{"skip_tail", "hvo_two_step"},
    Refuted{"no_mmap_lock", "hvo_two_step"},
    Refuted{"no_restore_flush", "hvo_two_step"},
    Refuted{"late_errno", "hvo_two_step"},
    Refuted{"no_rollback", "hvo_gigantic_step"},
    Refuted{"shared_restore", "hvo_gigantic_step"},
    Refuted{"flag_after_copy", "hvo_two_list"},
    Refuted{"leak_page", "percpu_small_step"},
    Refuted{"double_free", "percpu_small_step"},
    Refuted{"leak_object", "percpu_small_step"},
    Refuted{"vmalloc_read_only", "percpu_small_step"},
    Refuted{"no_vmap_cache_flush", "percpu_small_step"},
    Refuted{"no_vunmap_cache_flush", "percpu_small_step"},
    Refuted{"no_purge_flush", "percpu_small_step"},
    Refuted{"no_page_tag", "percpu_small_step"},
    Refuted{"skip_failing_cpu", "percpu_small_step"},
    Refuted{"no_map_rollback_flush", "percpu_small_step"},
    Refuted{"short_flush", "percpu_small_step"},
    Refuted{"wrong_node", "percpu_small_step"},
    Refuted{"skip_last_cpu", "percpu_small_step"},
    Refuted{"shared_frame", "percpu_small_step"},
    Refuted{"no_populated_accounting", "percpu_small_step"},
    Refuted{"touch_surplus_unit", "percpu_small_step"},
    Refuted{"remap_without_flush", "percpu_small_step"},
    Refuted{"leak_failed_alloc", "percpu_small_step"},
};

} // namespace mmodel::symbolic
