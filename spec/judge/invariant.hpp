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

// In which way; the list is ways.inc. An invariant that breaks in one way only breaks in the plain one.
enum class Way : u8 {
    plain,
#define MMODEL_WAY(name) name,
#include "spec/judge/ways.inc"
#undef MMODEL_WAY
};

inline constexpr std::size_t nr_ways = 1
#define MMODEL_WAY(name) +1
#include "spec/judge/ways.inc"
#undef MMODEL_WAY
    ;

[[nodiscard]] std::string_view name(Way w); // "plain", "copy_of_head", ...
[[nodiscard]] std::optional<Way> way_named(std::string_view name);

// What of a violation says more than its text does. A number is too large or too small by `excess`; or of
// `of` places `nr` are wrong, from number `place` on, and the places of one `group` (a folio) are counted.
struct Wrong {
    Way way{};
    i64 excess{};
    u64 group{}, place{}, of{}, nr{1};
    bool is_change{}; // the place is the PTE that changes, one of those that a function changes in a row
};

// What was found where something does not hold.
struct Found {
    std::string text;
    Wrong wrong{};
    Found(const char* t) : text(t) {}
    Found(std::string t) : text(std::move(t)) {}
    Found(std::string t, const Wrong& w) : text(std::move(t)), wrong(w) {}
};

struct Violation {
    Inv inv{};
    u64 event_idx{};                 // events of the operation before this one
    std::string where{};             // kernel function; empty when judged at rest
    std::string event{};             // the event as printed; empty when judged at rest
    std::string detail{};            // what was found, with numbers
    std::optional<EventKind> kind{}; // of the event
    Way way{};
    i64 excess{};            // found less wanted, if it is about a number
    u64 nr{1}, of{};         // places that are wrong, of how many; of = 0: it is not about places
    bool first_is_wrong{};   // of the places
    std::string condition{}; // of the kernel's own check that fired, as the source has it
};

// Whether it was wrong at the time only: once what was too early, too late or not locked is over, the machine
// is as if it had been right.
[[nodiscard]] bool is_about_order(const Violation& v);

} // namespace mmodel::spec
