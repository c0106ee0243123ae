// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every fact the specification states: a name and one sentence. A violation names the fact, the event and the
// kernel function at which it stopped being true.
#pragma once

#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "model/machine/event.hpp"

namespace mmodel::spec {

// The list is invariants.inc; "inv_" stands before a name when it is printed.
enum class Inv : u8 {
#define MMODEL_INV(name, sentence) name,
#include "spec/judge/invariants.inc"
#undef MMODEL_INV
};

inline constexpr Inv all_invariants[] = {
#define MMODEL_INV(name, sentence) Inv::name,
#include "spec/judge/invariants.inc"
#undef MMODEL_INV
};
inline constexpr std::size_t nr_invariants = std::size(all_invariants);

struct Fact {
    std::string_view name; // "inv_..."
    std::string_view sentence;
};

// Whether it says that no CPU may still use an old translation, not what a CPU finds that does use one.
constexpr bool is_promise_to_tlbs(Inv i) {
    return i == Inv::no_frame_is_freed_while_a_tlb_may_hold_it ||
           i == Inv::tlb_agrees_with_the_page_table_at_rest ||
           i == Inv::no_address_is_mapped_while_a_tlb_may_hold_another_translation ||
           i == Inv::no_address_is_reserved_while_a_tlb_may_hold_its_translation;
}

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
