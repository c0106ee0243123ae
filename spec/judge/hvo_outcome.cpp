// SPDX-License-Identifier: GPL-2.0 OR MIT
// What an operation on folios may have done: the rules of hvo_outcome.hpp, and every frame accounted for.
#include "spec/judge/hvo_outcome.hpp"

#include "spec/judge/monitor.hpp"

namespace mmodel::spec {
namespace {

std::string num(i64 n) { return std::to_string(n); }
std::string folio_name(const hvo::Folio& f) { return "folio at pfn " + num(static_cast<i64>(f.head.value)); }

} // namespace

auto Monitor::say_of(const Subject& s) {
    return [this, &s](Inv inv, bool holds, const auto& why) {
        if (holds) return;
        const Found found = why();
        fail(inv, nullptr, folio_name(s.folio) + " " + found.text, found.wrong);
    };
}

// The frames behind the vmemmap change by what was saved and nothing else.
void Monitor::judge_optimise(const World& w, const Ran& ran) {
    const Machine& m = w.machine();
    i64 saved = 0;
    for (const Subject& s : subjects_) {
        const bool is = hvo::is_optimised(m, s.folio.head);
        judge_optimised_folio(s.was_optimised, is, s.eligible, ran.nr_failed_allocs + nr_failed_updates_ > 0,
                              say_of(s));
        if (is && !s.was_optimised) saved += nr_saved(m, s);
    }
    const i64 before = tally_before_.vmemmap_buddy + tally_before_.vmemmap_boot;
    const i64 now = m.tally.vmemmap_buddy + m.tally.vmemmap_boot;
    if (before - saved != now)
        fail(Inv::failed_operation_is_rolled_back, nullptr,
             num(now) + " frames are behind the vmemmap, not " + num(before - saved),
             {.way = Way::vmemmap_frames, .excess = now - (before - saved)});
}

void Monitor::judge_restore(const World& w, const Ran& ran) {
    const Errno err = ran.outcome.err;
    if (err != Errno::ok && ran.nr_failed_allocs + nr_failed_updates_ == 0)
        fail(Inv::outcome_is_what_the_operation_promises, nullptr,
             std::string(name(err)) + " although no allocation failed",
             {.way = Way::failed_without_a_failure});
    for (const Subject& s : subjects_) {
        const bool freed = op_.kind == OpKind::free_folio && err == Errno::ok;
        const bool is = !freed && hvo::is_optimised(w.machine(), s.folio.head);
        judge_restored_folio(s.was_optimised, is, !nr_live_pte_changes_ || may_be_partial(s), err, say_of(s));
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
        judge_listed_folio(s.was_optimised, hvo::is_optimised(w.machine(), s.folio.head), i < o.moved,
                           say_of(s));
        restored += s.was_optimised && i < o.moved;
    }
    if (failed ? ran.nr_failed_allocs + nr_failed_updates_ == 0 || o.moved == subjects_.size()
               : o.moved != subjects_.size())
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
