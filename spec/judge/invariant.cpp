// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/judge/invariant.hpp"

#include <algorithm>

namespace mmodel::spec {
namespace {

constexpr Fact facts[nr_invariants] = {
#define MMODEL_INV(name, sentence) {"inv_" #name, sentence},
#include "spec/judge/invariants.inc"
#undef MMODEL_INV
};

constexpr std::string_view way_names[] = {
    "plain",
#define MMODEL_WAY(name) #name,
#include "spec/judge/ways.inc"
#undef MMODEL_WAY
};

} // namespace

const Fact& fact(Inv i) { return facts[static_cast<std::size_t>(i)]; }

std::optional<Inv> invariant_named(std::string_view name) {
    for (const Inv i : all_invariants)
        if (fact(i).name == name) return i;
    return std::nullopt;
}

bool is_about_order(const Violation& v) {
    constexpr Inv about_order[] = {Inv::contents_are_ordered_before_the_pte,
                                   Inv::table_is_ordered_before_the_pmd,
                                   Inv::pmd_changes_under_the_page_table_lock,
                                   Inv::walk_holds_the_mmap_lock,
                                   Inv::optimised_flag_reads_the_same_through_every_translation,
                                   Inv::compound_head_holds_through_stale_translations,
                                   Inv::no_remap_without_a_grace_period,
                                   Inv::no_valid_to_valid_change_without_break_before_make,
                                   Inv::no_kernel_warning,
                                   Inv::real_file_agrees_with_the_model};
    return std::ranges::find(about_order, v.inv) != std::end(about_order);
}

std::string_view name(Way w) { return way_names[static_cast<std::size_t>(w)]; }

std::optional<Way> way_named(std::string_view name) {
    for (std::size_t i = 0; i < std::size(way_names); ++i)
        if (way_names[i] == name) return static_cast<Way>(i);
    return std::nullopt;
}

} // namespace mmodel::spec
