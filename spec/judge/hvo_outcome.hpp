// SPDX-License-Identifier: GPL-2.0 OR MIT
// What an operation may have done to one of its folios. The abstract machine: a folio is plain or optimised;
// an operation that cannot do its work leaves it as it was. Read twice, as discipline.hpp is: `was` and `is`
// optimised are answers in B, and `say(inv, holds, why)` is called for every rule, why() is what was found.
#pragma once

#include <string>

#include "model/op.hpp"
#include "model/outcome.hpp"
#include "spec/judge/invariant.hpp"

namespace mmodel::spec {

// What an operation's calls are to do; none: it is the pool's or the machine's own, nothing under test.
enum class Promise : u8 { none, optimise, restore, restore_list };

constexpr Promise promise_of(HvoOp op) {
    switch (op) {
    case HvoOp::optimise:
    case HvoOp::optimise_list:
    case HvoOp::boot_up: return Promise::optimise;
    case HvoOp::restore:
    case HvoOp::free_folio: return Promise::restore;
    case HvoOp::restore_list: return Promise::restore_list;
    case HvoOp::alloc_folio:
    case HvoOp::sysctl:
    case HvoOp::alloc_lru:
    case HvoOp::free_lru:
    case HvoOp::walker_enter:
    case HvoOp::walker_try_get:
    case HvoOp::walker_leave:
    case HvoOp::hot_add:
    case HvoOp::take_pages:
    case HvoOp::give_pages:
    case HvoOp::boot_folio:
    case HvoOp::boot_late: return Promise::none;
    }
    return Promise::none;
}

// Optimised before and after; or it may not be, and is as it was; or it becomes optimised; or an allocation
// failed, and it is as it was.
template <class B, class Say>
void judge_optimised_folio(const B& was, const B& is, const B& eligible, bool alloc_failed, Say&& say) {
    say(Inv::outcome_is_what_the_operation_promises, !was || is,
        [] { return Found("is no longer optimised", {.way = Way::no_longer_optimised}); });
    say(Inv::outcome_is_what_the_operation_promises, was || !is || eligible, [] {
        return Found("was optimised although it may not be", {.way = Way::optimised_though_it_may_not_be});
    });
    if (!alloc_failed)
        say(Inv::outcome_is_what_the_operation_promises, was || is || !eligible, [] {
            return Found("was not optimised although no allocation failed", {.way = Way::not_optimised});
        });
}

// Restored and 0 is returned; or that is returned, and nothing was changed.
template <class B, class Say>
void judge_restored_folio(const B& was, const B& is, const B& is_mapped_as_before, Errno err, Say&& say) {
    if (err == Errno::ok)
        return say(Inv::outcome_is_what_the_operation_promises, !is, [] {
            return Found("is still optimised although 0 was returned", {.way = Way::still_optimised});
        });
    say(Inv::failed_operation_is_rolled_back, is == was && is_mapped_as_before, [err] {
        return Found(std::string("changed although ") + name(err) + " was returned",
                     {.way = Way::folio_changed});
    });
}

// Of a list: restored and moved to the other list, or left alone.
template <class B, class Say>
void judge_listed_folio(const B& was, const B& is, bool moved, Say&& say) {
    if (moved)
        say(Inv::outcome_is_what_the_operation_promises, !is,
            [] { return Found("was moved but is optimised", {.way = Way::moved_but_optimised}); });
    else
        say(Inv::outcome_is_what_the_operation_promises, is == was,
            [] { return Found("stayed but was changed", {.way = Way::stayed_but_changed}); });
}

} // namespace mmodel::spec
