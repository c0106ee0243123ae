// SPDX-License-Identifier: GPL-2.0 OR MIT
// How one operation is judged: events go to the discipline, the end to rest and outcome.
#include "spec/judge/monitor.hpp"

namespace mmodel::spec {

std::vector<u8> slots_of(const Op& op) {
    std::vector<u8> out;
    const u32 f = fields_of(op.kind);
    for (u8 i = 0; i < max_folios; ++i)
        if ((f & f_folios && op.folios >> i & 1) || (f & f_folio && op.folio == i)) out.push_back(i);
    return out;
}

Monitor::Monitor(const World& before, const Op& op, Scope scope, OnViolation on_violation)
    : op_(op), scope_(scope), on_violation_(on_violation), percpu_(before, op),
      tally_before_(before.machine().tally) {
    const Machine& m = before.machine();
    for (u8 i : slots_of(op)) {
        if (before.pool().slots[i].state != hvo::SlotState::hugetlb) continue;
        const hvo::Folio f = before.pool().folio(m.geometry(), i);
        const Vpage start = m.geometry().vpage_of(f.head);
        const bool optimised = hvo::is_optimised(m, f.head);
        const bool can =
            m.geometry().optimizable_pages(f.order) > 0 && !m.is_self_hosted(m.translate(start).pfn());
        subjects_.push_back(
            {f, start, start + m.geometry().vmemmap_pages(f.order), optimised, before.pool().enabled && can});
    }
}

void Monitor::fail(Inv inv, const Event* e, std::string detail) {
    if (!scope_.promises_to_tlbs && is_promise_to_tlbs(inv)) {
        broke_a_promise_ = true;
        return;
    }
    for (const Violation& v : violations_)
        if (v.inv == inv) return;
    Violation found{inv, nr_events_, e ? name(e->where) : "", e ? print_event(*e) : "", std::move(detail)};
    if (on_violation_ == OnViolation::stop) throw Violated{std::move(found)};
    violations_.push_back(std::move(found));
}

// ---- at the end

void Monitor::finish(const World& after, const Ran& ran) {
    judge_rest(after);
    // What was freed is gone: its struct pages are the next owner's.
    if (op_.kind != OpKind::free_folio || ran.outcome.err != Errno::ok)
        for (const Subject& s : subjects_) judge_subject(after.machine(), s);
    percpu_.judge_rest(*this, after);
    judge_outcome(after, ran);
}

void Monitor::finish_own(const World& w) { percpu_.judge_own(*this, w); }

// A folio that another operation has freed since is not this one's any more.
void Monitor::finish_at_rest(const World& after) {
    judge_rest(after);
    for (const Subject& s : subjects_)
        if (const Compound* c = after.machine().compound_at(s.start); c && c->head == s.folio.head)
            judge_subject(after.machine(), s);
    percpu_.judge_rest(*this, after);
}

void Monitor::judge_outcome(const World& w, const Ran& ran) {
    if (ran.outcome.disabled) return;
    if (is_percpu(op_.kind)) return percpu_.judge_outcome(*this, w, ran);
    switch (hvo_op(op_.kind)) {
    case HvoOp::optimise:
    case HvoOp::optimise_list: return judge_optimise(w, ran);
    case HvoOp::restore:
    case HvoOp::free_folio: return judge_restore(w, ran);
    case HvoOp::restore_list: return judge_restore_list(w, ran);
    case HvoOp::alloc_folio:
    case HvoOp::sysctl:
    case HvoOp::alloc_lru:
    case HvoOp::free_lru:
    case HvoOp::walker_enter:
    case HvoOp::walker_try_get:
    case HvoOp::walker_leave:
    case HvoOp::hot_add:
    case HvoOp::take_pages:
    case HvoOp::give_pages: return; // the pool's and the machine's own; nothing under test
    }
}

} // namespace mmodel::spec
