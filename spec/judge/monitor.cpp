// SPDX-License-Identifier: GPL-2.0 OR MIT
// How one operation is judged: events go to the discipline, the end to rest and outcome.
#include "spec/judge/monitor.hpp"

#include <algorithm>

#include "spec/judge/hvo_outcome.hpp"

namespace mmodel::spec {

std::vector<u8> slots_of(const Op& op) {
    std::vector<u8> out;
    const u32 f = fields_of(op.kind);
    for (u8 i = 0; i < max_folios; ++i)
        if ((f & f_folios && op.folios >> i & 1) || (f & f_folio && op.folio == i)) out.push_back(i);
    return out;
}

// ... that hugetlb has, or that a boot operation is about.
std::vector<u8> Monitor::slots_of(const World& w, const Op& op) {
    using hvo::SlotState;
    std::vector<u8> out = op.kind == OpKind::boot_late ? std::vector<u8>{} : spec::slots_of(op);
    for (u8 i = 0; op.kind == OpKind::boot_late && i < max_folios; ++i) out.push_back(i);
    const SlotState wanted = op.kind == OpKind::boot_late ? SlotState::early
                             : op.kind == OpKind::boot_up ? SlotState::late
                                                          : SlotState::hugetlb;
    std::erase_if(out, [&](u8 i) { return w.pool().slots[i].state != wanted; });
    return out;
}

Monitor::Monitor(const World& before, const Op& op, Scope scope, OnViolation on_violation)
    : op_(op), scope_(scope), on_violation_(on_violation), percpu_(before, op),
      tally_before_(before.machine().tally) {
    const hvo::Pool& pool = before.pool();
    if (op.kind == OpKind::boot_folio) {
        if (hvo::has_boot_folio(before.config(), pool, op.nid))
            add_subject(before, hvo::next_boot_folio(before.config(), pool, op.nid), false);
        return;
    }
    for (u8 i : slots_of(before, op)) {
        const hvo::Folio f = pool.folio(before.machine().geometry(), i);
        const bool is_up = pool.slots[i].state == hvo::SlotState::hugetlb;
        add_subject(before, f,
                    is_up ? hvo::is_optimised(before.machine(), f.head)
                          : hvo::is_populated_optimised(before.machine(), f));
    }
}

void Monitor::add_subject(const World& w, const hvo::Folio& f, bool optimised) {
    const Machine& m = w.machine();
    const Vpage start = m.geometry().vpage_of(f.head);
    const bool can =
        m.geometry().optimizable_pages(f.order) > 0 && !m.is_self_hosted(m.translate(start).pfn());
    subjects_.push_back(
        {f, start, start + m.geometry().vmemmap_pages(f.order), optimised, false, w.pool().enabled && can});
    Subject& s = subjects_.back();
    s.was_partial =
        scope_.updates_may_fail && optimised && nr_saved(m, s) != static_cast<i64>(s.end - start) - 1;
}

void Monitor::fail(Inv inv, const Event* e, std::string detail, const Wrong& wrong) {
    Violation v{.inv = inv, .event_idx = nr_events_, .detail = std::move(detail)};
    if (e) v.where = name(e->where), v.event = print_event(*e), v.kind = e->kind;
    const Subject* s = wrong.is_change ? changed_by(*e) : nullptr;
    add(std::move(v), s ? change_of(*s) : wrong);
}

void Monitor::fail_in(const char* where, Inv inv, std::string detail, std::string condition) {
    add({.inv = inv,
         .event_idx = nr_events_,
         .where = where,
         .detail = std::move(detail),
         .condition = std::move(condition)},
        {});
}

void Monitor::name_condition(std::string condition) {
    if (!violations_.empty() && violations_.back().kind == EventKind::warn)
        violations_.back().condition = std::move(condition);
}

// The first of its kind is kept; what is like it is counted, if it is of the same group.
void Monitor::add(Violation v, const Wrong& wrong) {
    if (!scope_.promises_to_tlbs && is_promise_to_tlbs(v.inv)) {
        broke_a_promise_ = true;
        return;
    }
    const auto is_like = [&](const Violation& o) {
        return o.inv == v.inv && o.way == wrong.way && o.kind == v.kind && o.where == v.where &&
               (v.kind != EventKind::warn || o.detail == v.detail);
    };
    const auto like = std::ranges::find_if(violations_, is_like);
    if (like != violations_.end()) {
        if (!wrong.of || groups_[static_cast<std::size_t>(like - violations_.begin())] != wrong.group) return;
        like->nr += wrong.nr;
        like->of = std::max(like->of, wrong.of);
        like->first_is_wrong |= wrong.place == 0;
        return;
    }
    v.way = wrong.way, v.excess = wrong.excess, v.nr = wrong.nr, v.of = wrong.of;
    v.first_is_wrong = wrong.of && wrong.place == 0;
    if (on_violation_ == OnViolation::stop) throw Violated{std::move(v)};
    violations_.push_back(std::move(v));
    groups_.push_back(wrong.group);
}

Monitor::Subject* Monitor::changed_by(const Event& e) {
    if (e.kind != EventKind::set_pte_at || !e.is_live()) return nullptr;
    const auto s = std::ranges::find_if(
        subjects_, [&](const Subject& f) { return *e.vpage >= f.start && *e.vpage < f.end; });
    return s == subjects_.end() ? nullptr : &*s;
}

// Groups of changes are told from those of pages by the lowest bit.
Wrong Monitor::change_of(const Subject& s) {
    return {.group = (s.start.value << 32 | (s.nr_changes - s.nr_in_a_row)) << 1 | 1,
            .place = s.nr_in_a_row,
            .of = s.nr_in_a_row + 1};
}

void Monitor::begin_change(const Event& e) {
    Subject* s = changed_by(e);
    if (s && s->by != name(e.where)) s->by = name(e.where), s->nr_in_a_row = 0; // one name, one place
}

// What is wrong with some of the PTEs that a function changes in a row is wrong with so many of all of them.
void Monitor::end_change(const Event& e) {
    if (e.kind != EventKind::set_pte_at || !e.is_live()) return;
    ++nr_live_pte_changes_;
    Subject* s = changed_by(e);
    if (!s) return;
    const u64 group = change_of(*s).group;
    ++s->nr_changes, ++s->nr_in_a_row;
    for (std::size_t i = 0; i < violations_.size(); ++i)
        if (violations_[i].of && groups_[i] == group) violations_[i].of = s->nr_in_a_row;
}

// ---- at the end

void Monitor::finish(const World& after, const Ran& ran) {
    judge_rest(after);
    // What was freed is gone: its struct pages are the next owner's.
    const bool on_its_way = op_.kind == OpKind::boot_folio || op_.kind == OpKind::boot_late ||
                            (op_.kind == OpKind::boot_up && ran.outcome.disabled);
    if (!on_its_way && (op_.kind != OpKind::free_folio || ran.outcome.err != Errno::ok))
        for (const Subject& s : subjects_) judge_subject(after.machine(), s);
    if (op_.kind == OpKind::boot_late && !ran.outcome.disabled)
        for (const Subject& s : subjects_) // what was given back is ordinary memory
            if (std::ranges::find(after.pool().slots, s.folio.head, &hvo::FolioSlot::head) ==
                after.pool().slots.end())
                judge_plain(after.machine(), s);
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
    switch (promise_of(hvo_op(op_.kind))) {
    case Promise::optimise: return judge_optimise(w, ran);
    case Promise::restore: return judge_restore(w, ran);
    case Promise::restore_list: return judge_restore_list(w, ran);
    case Promise::none: return;
    }
}

} // namespace mmodel::spec
