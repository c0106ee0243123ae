// SPDX-License-Identifier: GPL-2.0 OR MIT
// How one operation is judged: events go to the discipline, the end to rest and outcome.
#include "spec/judge/monitor.hpp"

#include <algorithm>

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

void Monitor::fail(Inv inv, const Event* e, std::string detail, const Wrong& wrong) {
    Violation v{.inv = inv, .event_idx = nr_events_, .detail = std::move(detail)};
    if (e) v.where = name(e->where), v.event = print_event(*e), v.kind = e->kind;
    add(std::move(v), wrong);
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

Monitor::Subject* Monitor::subject_of(Vpage v) {
    for (Subject& s : subjects_)
        if (v >= s.start && v < s.end) return &s;
    return nullptr;
}

// Groups of changes are told from those of pages by the lowest bit.
Wrong Monitor::change_of(const Subject& s, Way way) {
    return {.way = way,
            .group = (s.start.value << 32 | (s.nr_changes - s.nr_in_a_row)) << 1 | 1,
            .place = s.nr_in_a_row,
            .of = s.nr_in_a_row + 1};
}

// What is wrong with some of the PTEs that a function changes in a row is wrong with so many of all of them.
void Monitor::count_change(Subject& s) {
    const u64 group = change_of(s).group;
    ++s.nr_changes, ++s.nr_in_a_row;
    for (std::size_t i = 0; i < violations_.size(); ++i)
        if (violations_[i].of && groups_[i] == group) violations_[i].of = s.nr_in_a_row;
}

// ---- at every event

void Monitor::before(const Machine& m, const Event& e) {
    switch (e.kind) {
    case EventKind::free_page:
    case EventKind::free_bootmem_page: return judge_free(m, e);
    case EventKind::pmd_populate_kernel: return judge_install(m, e);
    case EventKind::set_pte_at: return judge_set_pte(m, e);
    case EventKind::store: return judge_store(m, e);
    case EventKind::copy_page:
    case EventKind::reset_struct_pages:
    case EventKind::init_compound_tail: return judge_tail_store(m, e);
    case EventKind::cmpxchg_tail: return judge_publish(m, e);
    case EventKind::warn: return fail(Inv::no_kernel_warning, &e, e.what);
    case EventKind::alloc_pages_node:
    case EventKind::pte_alloc_one_kernel: return percpu_.before(*this, m, e);
    case EventKind::split_page:
    case EventKind::pte_free_kernel:
    case EventKind::smp_wmb:
    case EventKind::flush_tlb_kernel_range:
    case EventKind::flush_tlb_all:
    case EventKind::synchronize_rcu:
    case EventKind::static_branch:
    case EventKind::memmap_pages_add:
    case EventKind::memmap_boot_pages_add:
    case EventKind::lock:
    case EventKind::unlock:
    case EventKind::flush_cache_vmap:
    case EventKind::flush_cache_vunmap:
    case EventKind::kfree:
    case EventKind::set_page_tag: return;
    case EventKind::vmalloc_pte:
    case EventKind::flush_tlb_vmalloc:
    case EventKind::pcpu_get_vm_areas:
    case EventKind::pcpu_free_vm_areas:
    case EventKind::kzalloc:
    case EventKind::memset_zero: return percpu_.before(*this, m, e);
    }
}

void Monitor::after(const Machine& m, const Event& e) {
    if (e.kind == EventKind::set_pte_at && e.is_live()) {
        ++nr_live_pte_changes_;
        if (Subject* s = subject_of(*e.vpage)) {
            judge_remap(m, e, *s);
            count_change(*s);
        }
    }
    if (e.ok && (e.kind == EventKind::alloc_pages_node || e.kind == EventKind::pte_alloc_one_kernel)) {
        if (!nr_pages_taken_++) first_taken_ = e.pfn;
    }
    if (e.kind == EventKind::store && e.store_to() == StoreTo::optimised_flag)
        judge_optimised_flag(m, *e.vpage, e);
    if (e.kind == EventKind::static_branch) {
        require(m.counters.static_key >= 0, Inv::static_key_counts_optimised_folios, e,
                "the key fell below zero", {.way = Way::below_zero});
        if (m.counters.static_key == 0) judge_compound_heads(m, e);
    }
    if (++nr_events_ == max_events)
        fail(Inv::every_operation_ends, &e, "there have been " + std::to_string(max_events) + " events");
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
