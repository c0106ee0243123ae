// SPDX-License-Identifier: GPL-2.0 OR MIT
// What must hold after an operation, and what an operation may have done. The abstract machine: a folio is
// plain or optimised; an operation that cannot do its work leaves it as it was, every frame accounted for.
#include "spec/judge/monitor.hpp"

namespace mmodel::spec {
namespace {

std::string num(i64 n) { return std::to_string(n); }
std::string folio_name(const hvo::Folio& f) { return "folio at pfn " + num(static_cast<i64>(f.head.value)); }

} // namespace

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

// ---- at rest

void Monitor::judge_rest(const World& w) {
    const Machine& m = w.machine();
    if (m.tally.detached)
        fail(
            Inv::no_page_is_leaked, nullptr,
            num(m.tally.detached) + " page(s) are nobody's, the first is " +
                (m.first_detached() ? "pfn " + num(static_cast<i64>(m.first_detached()->value)) : "unknown"));
    if (m.tally.private_tables)
        fail(Inv::no_page_is_leaked, nullptr,
             num(m.tally.private_tables) + " page tables are installed nowhere");
    if (m.has_stale())
        fail(Inv::tlb_agrees_with_the_page_table_at_rest, nullptr, "a stale translation was never flushed");
    for (const auto& [lock, what] : {std::pair(Lock::page_table, "init_mm.page_table_lock"),
                                     {Lock::mmap_read, "mmap_lock(init_mm)"},
                                     {Lock::spin, "pcpu_lock"},
                                     {Lock::mutex, "pcpu_alloc_mutex"}})
        if (m.is_locked(lock)) fail(Inv::no_lock_is_held_at_rest, nullptr, what);
    i64 optimised = 0;
    for (u8 i = 0; i < max_folios; ++i)
        if (w.pool().slots[i].state == hvo::SlotState::hugetlb)
            optimised += hvo::is_optimised(m, w.pool().slots[i].head);
    if (m.counters.static_key != optimised)
        fail(Inv::static_key_counts_optimised_folios, nullptr,
             "the key is " + num(m.counters.static_key) + ", optimised folios are " + num(optimised));
    if (scope_.memmap_counters &&
        (m.counters.memmap != m.tally.vmemmap_buddy || m.counters.memmap_boot != m.tally.vmemmap_boot))
        fail(Inv::memmap_counters_equal_the_truth, nullptr,
             "nr_memmap_pages " + num(m.counters.memmap) + ", in truth " + num(m.tally.vmemmap_buddy) +
                 "; nr_memmap_boot_pages " + num(m.counters.memmap_boot) + ", in truth " +
                 num(m.tally.vmemmap_boot));
    judge_conservation(w);
}

void Monitor::judge_conservation(const World& w) {
    const Machine& m = w.machine();
    const Config& c = m.config();
    i64 memory = 0, held = m.tally.vmemmap_buddy + m.tally.vmemmap_boot + m.tally.tables + m.tally.detached;
    held += m.tally.vmalloc + static_cast<i64>(w.pcpu().nr_embedded_frames);
    for (u8 n = 0; n < c.nr_nodes; ++n) {
        memory += static_cast<i64>(c.frames_per_node);
        held += static_cast<i64>(m.nr_free_or_held_pages(Nid{n}));
        held += static_cast<i64>(u64{c.boot_gigantic} - w.pool().boot_taken[n])
                << c.geometry.folio_order[c.geometry.nr_hstates() - 1];
    }
    for (u8 b = 0; b < max_hot_blocks; ++b)
        memory += m.hot_block(b).present ? static_cast<i64>(c.hot_block_frames) : 0;
    for (u8 i = 0; i < max_folios; ++i)
        if (w.pool().slots[i].state != hvo::SlotState::none)
            held += i64{1} << w.pool().folio(c.geometry, i).order;
    if (memory != held)
        fail(Inv::frames_are_conserved, nullptr,
             num(memory) + " frames exist, " + num(held) + " are accounted for");
}

void Monitor::judge_subject(const Machine& m, const Subject& s) {
    if (!m.geometry().optimizable_pages(s.folio.order)) return;
    if (hvo::is_optimised(m, s.folio.head))
        judge_optimised(m, s);
    else
        judge_plain(m, s);
}

void Monitor::judge_optimised(const Machine& m, const Subject& s) {
    const Pte head = m.translate(s.start);
    for (Vpage v = s.start + 1; v < s.end; ++v)
        if (m.translate(v) != Pte::map(head.pfn(), false))
            fail(Inv::optimised_folio_keeps_one_page, nullptr,
                 folio_name(s.folio) + ": its vmemmap page " + num(static_cast<i64>(v - s.start)) +
                     " does not map the head's frame read-only");
    Contents found = m.read(head.pfn());
    found.optimised = false;
    if (!head.writable() || found != m.freshly_initialised(s.start))
        fail(Inv::optimised_folio_keeps_one_page, nullptr,
             folio_name(s.folio) + ": its head page is not what it was");
}

void Monitor::judge_plain(const Machine& m, const Subject& s) {
    for (Vpage v = s.start; v < s.end; ++v) {
        const Pte p = m.translate(v);
        const bool alone = p.present() && p.writable() && m.frame(p.pfn()).nr_ptes <= 1;
        if (!alone)
            fail(Inv::plain_folio_has_pages_of_its_own, nullptr,
                 folio_name(s.folio) + ": its vmemmap page " + num(static_cast<i64>(v - s.start)) +
                     (p.writable() ? " shares its frame" : " is read-only"));
        if (m.read(p.pfn()) != m.freshly_initialised(v))
            fail(Inv::restore_after_optimise_is_the_identity, nullptr,
                 folio_name(s.folio) + ": the struct pages of its vmemmap page " +
                     num(static_cast<i64>(v - s.start)) + " are not as initialised");
    }
}

// ---- refinement

void Monitor::judge_outcome(const World& w, const Ran& ran) {
    if (ran.outcome.disabled) return;
    switch (op_.kind) {
    case OpKind::optimise:
    case OpKind::optimise_list: return judge_optimise(w, ran);
    case OpKind::restore:
    case OpKind::free_folio: return judge_restore(w, ran);
    case OpKind::restore_list: return judge_restore_list(w, ran);
    case OpKind::alloc_folio:
    case OpKind::sysctl:
    case OpKind::alloc_lru:
    case OpKind::free_lru:
    case OpKind::walker_enter:
    case OpKind::walker_try_get:
    case OpKind::walker_leave:
    case OpKind::hot_add:
    case OpKind::take_pages:
    case OpKind::give_pages: return; // the pool's and the machine's own; nothing under test
    default: return percpu_.judge_outcome(*this, w, ran);
    }
}

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
                 folio_name(s.folio) + " is no longer optimised");
        if (is && !s.was_optimised && !s.eligible)
            fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 folio_name(s.folio) + " was optimised although it may not be");
        if (!is && s.eligible && ran.nr_failed_allocs == 0)
            fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 folio_name(s.folio) + " was not optimised although no allocation failed");
        if (is && !s.was_optimised) saved += static_cast<i64>(s.end - s.start) - 1;
    }
    const i64 before = tally_before_.vmemmap_buddy + tally_before_.vmemmap_boot;
    const i64 now = m.tally.vmemmap_buddy + m.tally.vmemmap_boot;
    if (before - saved != now)
        fail(Inv::failed_operation_is_rolled_back, nullptr,
             num(now) + " frames are behind the vmemmap, not " + num(before - saved));
}

// One folio: restored and 0 is returned; or an allocation failed, that is returned, and nothing was changed.
void Monitor::judge_restore(const World& w, const Ran& ran) {
    const bool failed = ran.outcome.err != Errno::ok;
    if (failed && ran.nr_failed_allocs == 0)
        fail(Inv::outcome_is_what_the_operation_promises, nullptr,
             std::string(name(ran.outcome.err)) + " although no allocation failed");
    for (const Subject& s : subjects_) {
        const bool freed = op_.kind == OpKind::free_folio && !failed;
        const bool is = !freed && hvo::is_optimised(w.machine(), s.folio.head);
        if (!failed && is)
            fail(Inv::outcome_is_what_the_operation_promises, nullptr,
                 folio_name(s.folio) + " is still optimised although 0 was returned");
        if (failed && (is != s.was_optimised || nr_live_pte_changes_))
            fail(Inv::failed_operation_is_rolled_back, nullptr,
                 folio_name(s.folio) + " changed although " + name(ran.outcome.err) + " was returned");
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
                 folio_name(s.folio) + (moved ? " was moved but is optimised" : " stayed but was changed"));
        restored += s.was_optimised && moved;
    }
    if (failed ? ran.nr_failed_allocs == 0 || o.moved == subjects_.size() : o.moved != subjects_.size())
        fail(Inv::outcome_is_what_the_operation_promises, nullptr,
             std::string(name(o.err)) + " with " + num(static_cast<i64>(o.moved)) + " folios moved");
    if (!failed && o.restored != restored)
        fail(Inv::outcome_is_what_the_operation_promises, nullptr,
             num(static_cast<i64>(o.restored)) + " returned, " + num(static_cast<i64>(restored)) +
                 " restored");
}

} // namespace mmodel::spec
