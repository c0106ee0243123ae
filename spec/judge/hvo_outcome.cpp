// SPDX-License-Identifier: GPL-2.0 OR MIT
// What an operation on folios may have done. The abstract machine: a folio is plain or optimised; an
// operation that cannot do its work leaves it as it was, every frame accounted for.
#include "spec/judge/monitor.hpp"

namespace mmodel::spec {
namespace {

std::string num(i64 n) { return std::to_string(n); }
std::string folio_name(const hvo::Folio& f) { return "folio at pfn " + num(static_cast<i64>(f.head.value)); }

} // namespace

// Each folio: optimised before and after; or it may not be, and is as it was; or it becomes optimised; or an
// allocation failed, and it is as it was. The frames behind the vmemmap change by what that says and nothing
// else.
void Monitor::judge_optimise(const World& w, const Ran& ran) {
    const Machine& m = w.machine();
    i64 saved = 0;
    for (const Subject& s : subjects_) {
        const bool is = hvo::is_optimised(m, s.folio.head);
        if (s.was_optimised && !is)
            fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 folio_name(s.folio) + " is no longer optimised", {.way = Way::no_longer_optimised});
        if (is && !s.was_optimised && !s.eligible)
            fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 folio_name(s.folio) + " was optimised although it may not be",
                 {.way = Way::optimised_though_it_may_not_be});
        if (!is && s.eligible && ran.nr_failed_allocs == 0)
            fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 folio_name(s.folio) + " was not optimised although no allocation failed",
                 {.way = Way::not_optimised});
        if (is && !s.was_optimised) saved += static_cast<i64>(s.end - s.start) - 1;
    }
    const i64 before = tally_before_.vmemmap_buddy + tally_before_.vmemmap_boot;
    const i64 now = m.tally.vmemmap_buddy + m.tally.vmemmap_boot;
    if (before - saved != now)
        fail(Inv::failed_operation_is_rolled_back, nullptr,
             num(now) + " frames are behind the vmemmap, not " + num(before - saved),
             {.way = Way::vmemmap_frames, .excess = now - (before - saved)});
}

// One folio: restored and 0 is returned; or an allocation failed, that is returned, and nothing was changed.
void Monitor::judge_restore(const World& w, const Ran& ran) {
    const bool failed = ran.outcome.err != Errno::ok;
    if (failed && ran.nr_failed_allocs == 0)
        fail(Inv::outcome_is_what_the_operation_promises, nullptr,
             std::string(name(ran.outcome.err)) + " although no allocation failed",
             {.way = Way::failed_without_a_failure});
    for (const Subject& s : subjects_) {
        const bool freed = op_.kind == OpKind::free_folio && !failed;
        const bool is = !freed && hvo::is_optimised(w.machine(), s.folio.head);
        if (!failed && is)
            fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 folio_name(s.folio) + " is still optimised although 0 was returned",
                 {.way = Way::still_optimised});
        if (failed && (is != s.was_optimised || nr_live_pte_changes_))
            fail(Inv::failed_operation_is_rolled_back, nullptr,
                 folio_name(s.folio) + " changed although " + name(ran.outcome.err) + " was returned",
                 {.way = Way::folio_changed});
    }
}

// A list: a prefix was restored (and moved to the other list), then at most one folio failed; the rest was
// left alone.
void Monitor::judge_restore_list(const World& w, const Ran& ran) {
    const Outcome& o = ran.outcome;
    const bool failed = o.err != Errno::ok;
    u64 restored = 0;
    for (u64 i = 0; i < subjects_.size(); ++i) {
        const Subject& s = subjects_[i];
        const bool is = hvo::is_optimised(w.machine(), s.folio.head);
        const bool moved = i < o.moved;
        if (is != (s.was_optimised && !moved))
            fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 folio_name(s.folio) + (moved ? " was moved but is optimised" : " stayed but was changed"),
                 {.way = moved ? Way::moved_but_optimised : Way::stayed_but_changed});
        restored += s.was_optimised && moved;
    }
    if (failed ? ran.nr_failed_allocs == 0 || o.moved == subjects_.size() : o.moved != subjects_.size())
        fail(Inv::outcome_is_what_the_operation_promises, nullptr,
             std::string(name(o.err)) + " with " + num(static_cast<i64>(o.moved)) + " folios moved",
             {.way = Way::nr_moved});
    if (!failed && o.restored != restored)
        fail(Inv::outcome_is_what_the_operation_promises, nullptr,
             num(static_cast<i64>(o.restored)) + " returned, " + num(static_cast<i64>(restored)) +
                 " restored",
             {.way = Way::nr_returned, .excess = static_cast<i64>(o.restored) - static_cast<i64>(restored)});
}

} // namespace mmodel::spec
