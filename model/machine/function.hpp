// SPDX-License-Identifier: GPL-2.0 OR MIT
// The kernel functions that events come from, as a type: who asks for one of them asks the compiler, not a
// spelling. The names are the kernel's.
#pragma once

#include <string_view>

#include "model/machine/types.hpp"

namespace mmodel {

// In the order of their bytes: fn_named() searches by halves.
#define MMODEL_KERNEL_FUNCTIONS(X)                                                                           \
    X(__hugetlb_vmemmap_optimize_folio)                                                                      \
    X(__hugetlb_vmemmap_optimize_folios)                                                                     \
    X(__hugetlb_vmemmap_restore_folio)                                                                       \
    X(__pcpu_map_pages)                                                                                      \
    X(__pcpu_unmap_pages)                                                                                    \
    X(__purge_vmap_area_lazy)                                                                                \
    X(alloc_vmemmap_page_list)                                                                               \
    X(free_percpu)                                                                                           \
    X(free_vmemmap_page)                                                                                     \
    X(hugetlb_vmemmap_init_early)                                                                            \
    X(hugetlb_vmemmap_init_late)                                                                             \
    X(hugetlb_vmemmap_optimize_folios)                                                                       \
    X(hugetlb_vmemmap_restore_folios)                                                                        \
    X(page_ref_add_unless)                                                                                   \
    X(pcpu_alloc)                                                                                            \
    X(pcpu_alloc_chunk)                                                                                      \
    X(pcpu_alloc_pages)                                                                                      \
    X(pcpu_balance_free)                                                                                     \
    X(pcpu_balance_populated)                                                                                \
    X(pcpu_balance_workfn)                                                                                   \
    X(pcpu_chunk_page)                                                                                       \
    X(pcpu_create_chunk)                                                                                     \
    X(pcpu_depopulate_chunk)                                                                                 \
    X(pcpu_destroy_chunk)                                                                                    \
    X(pcpu_fc_alloc)                                                                                         \
    X(pcpu_free_chunk)                                                                                       \
    X(pcpu_free_pages)                                                                                       \
    X(pcpu_get_pages)                                                                                        \
    X(pcpu_page_first_chunk)                                                                                 \
    X(pcpu_populate_chunk)                                                                                   \
    X(pcpu_populate_pte)                                                                                     \
    X(pcpu_post_map_flush)                                                                                   \
    X(pcpu_post_unmap_tlb_flush)                                                                             \
    X(pcpu_pre_unmap_flush)                                                                                  \
    X(pcpu_reclaim_populated)                                                                                \
    X(pcpu_set_page_chunk)                                                                                   \
    X(pcpu_unmap_pages)                                                                                      \
    X(reset_struct_pages)                                                                                    \
    X(vmemmap_pmd_entry)                                                                                     \
    X(vmemmap_pmd_populate)                                                                                  \
    X(vmemmap_pte_populate)                                                                                  \
    X(vmemmap_remap_free)                                                                                    \
    X(vmemmap_remap_pte)                                                                                     \
    X(vmemmap_remap_range)                                                                                   \
    X(vmemmap_restore_pte)                                                                                   \
    X(vmemmap_split_pmd)                                                                                     \
    X(vmemmap_undo_hvo)                                                                                      \
    X(vmemmap_wrprotect_hvo)

// none: no function's doing. other: a function of a kernel tree that nothing here asks for by name.
enum class Fn : u8 {
    none,
    other,
#define MMODEL_FN(f) f,
    MMODEL_KERNEL_FUNCTIONS(MMODEL_FN)
#undef MMODEL_FN
};

[[nodiscard]] const char* name(Fn f);               // "" for none
[[nodiscard]] Fn fn_named(std::string_view c_name); // other, if it is none of the list

// Who causes an event. The model says an Fn; of a kernel tree's own function the name is kept as well.
class Caller {
public:
    constexpr Caller() = default;
    constexpr Caller(Fn fn) : fn_(fn) {}
    [[nodiscard]] constexpr Fn fn() const { return fn_; }
    [[nodiscard]] const char* name() const { return fn_ == Fn::other ? c_name_ : mmodel::name(fn_); }
    friend constexpr bool operator==(const Caller& a, Fn b) { return a.fn_ == b; }

private:
    friend Caller in_tree(const char* c_name);

    Fn fn_{Fn::none};
    const char* c_name_{""};
};

[[nodiscard]] inline const char* name(const Caller& c) { return c.name(); }

// A function of a tree, by its C name. The text is not copied.
[[nodiscard]] Caller in_tree(const char* c_name);

} // namespace mmodel
