// SPDX-License-Identifier: GPL-2.0 OR MIT
// What changes a machine of formulas; function by function as in model/machine/machine_events.cpp.
#include <algorithm>

#include "spec/symbolic/hvo_machine.hpp"

namespace mmodel::symbolic {

HvoMachine::HvoMachine(Paths& p, const HvoShape& s, const HvoState& before, ContentsCodes& codes)
    : now(before), paths_(p), shape_(s), codes_(codes), handles_(before.c, before.bits),
      stale_leaf_(s.nr_pmds) {
    config_.geometry = s.geometry;
}

// ---- what is where

Pmd HvoMachine::pmd(u64 idx) const {
    if (!paths_.decide(now.leaf[idx])) return {Pmd::Kind::table, Pfn{table_handle + idx}};
    return {Pmd::Kind::leaf, Pfn{idx * shape_.geometry.ptrs_per_pte}};
}

PteRef HvoMachine::pte_ref(Vpage v) const {
    return {Pfn{table_handle + now.pmd_of(v.value)},
            static_cast<u32>(v.value % shape_.geometry.ptrs_per_pte)};
}

std::optional<Vpage> HvoMachine::installed_at(PteRef r) const {
    const u64 ptrs = shape_.geometry.ptrs_per_pte;
    if (r.table.value >= table_handle) return Vpage{(r.table.value - table_handle) * ptrs + r.idx};
    const Table& t = tables_.at(r.table.value);
    return t.pmd ? std::optional(Vpage{*t.pmd * ptrs + r.idx}) : std::nullopt;
}

Pte HvoMachine::pte(PteRef r) const {
    if (const auto v = installed_at(r)) return Pte::map(handles_.of(now.frame_of[v->value]), true);
    return tables_.at(r.table.value).entries[r.idx];
}

Term HvoMachine::of_boot_frame(const Term& f, const std::function<Term(u64 frame, u64 pmd)>& holds) const {
    return select(shape_.nr_frames(), f, [&](u64 i) {
        return i < shape_.nr_vpages() ? holds(i, now.pmd_of(i)) : now.c.bool_val(false);
    });
}

bool HvoMachine::is_self_hosted(Pfn p) const {
    return paths_.decide(of_boot_frame(frame(p), [&](u64, u64 pmd) { return now.is_self_hosted(pmd); }));
}

Term HvoMachine::reserved(Pfn p) const {
    return select(shape_.nr_frames(), frame(p), [&](u64 f) { return now.is_reserved(f); });
}

Term HvoMachine::is_mapped(Pfn p) const {
    const Term f = frame(p);
    Term out = now.c.bool_val(false);
    for (const u64 v : now.vpages()) out = out || now.frame(v) == f;
    for (const auto& [handle, t] : tables_)
        for (const Pte& e : t.entries)
            if (!t.pmd && e.present()) out = out || frame(e.pfn()) == f;
    return out;
}

Term HvoMachine::may_be_cached(Pfn p) const {
    const Term f = frame(p);
    Term out = now.c.bool_val(false);
    for (const Stale& s : stale_) out = out || (s.when && s.frame == f);
    for (const u64 v : now.vpages())
        if (stale_leaf_[now.pmd_of(v)]) out = out || f == number(now.c, v, now.bits);
    return out;
}

Term HvoMachine::is_under_unsplit_block(Pfn p) const {
    return of_boot_frame(frame(p), [&](u64 f, u64 pmd) {
        return now.is(now.kind, pmd, HvoState::hot) && !now.released[f] && !now.split[pmd];
    });
}

Term HvoMachine::is_unordered(Pfn p) const {
    Term out = now.c.bool_val(false);
    for (const Unordered& u : unordered_) out = out || (u.when && u.frame == frame(p));
    return out;
}

// ---- struct pages

Contents HvoMachine::resolved(const Contents& c) const {
    if (c.kind != Contents::Kind::fresh) return c;
    const int k = now.folio_at(c.subject);
    if (k >= 0 && paths_.decide(now.is_hugetlb(k)))
        return initialised(shape_, shape_.folios[static_cast<std::size_t>(k)], c.subject);
    Contents plain{.kind = Contents::Kind::copy, .rest = slot::plain};
    plain.slots.fill(slot::plain);
    return plain;
}

Contents HvoMachine::read(Pfn p) const { return resolved(codes_[code(p)]); }

void HvoMachine::write(Pfn p, const Contents& c) {
    store(now.contents, frame(p), number(now.c, codes_.of(c), 8));
}

void HvoMachine::settle(Pfn p, Vpage v) {
    const Contents c = codes_[code(p)];
    if (c.kind == Contents::Kind::copy && c == resolved(Contents::fresh(v))) write(p, Contents::fresh(v));
}

// ---- allocators

// Any of those that are free.
std::optional<Term> HvoMachine::any_free() {
    const Term free = number(now.c, HvoState::free, 3);
    Term any = now.c.bool_val(false);
    for (const Term& place : now.place) any = any || place == free;
    if (!paths_.decide(any)) return std::nullopt;
    const Term x = now.c.bv_const(paths_.fresh("taken").c_str(), now.bits);
    paths_.assume(z3::ult(x, number(now.c, shape_.nr_frames(), now.bits)) && select(now.place, x) == free);
    return x;
}

Pfn HvoMachine::take(const Term& f, HvoState::Place owner) {
    store(now.place, f, number(now.c, owner, 3));
    store(now.contents, f, number(now.c, ContentsCodes::junk, 8));
    return handles_.of(f);
}

std::optional<Pfn> HvoMachine::alloc_page(Nid, bool) {
    const auto f = any_free();
    return f ? std::optional(take(*f, HvoState::detached)) : std::nullopt;
}

std::optional<Pfn> HvoMachine::alloc_table(Nid) {
    const auto f = any_free();
    return f ? alloc_this_table(handles_.of(*f)) : std::nullopt;
}

std::optional<Pfn> HvoMachine::alloc_this_table(Pfn p) {
    tables_[p.value] = {std::vector<Pte>(shape_.geometry.ptrs_per_pte), std::nullopt};
    return take(frame(p), HvoState::table);
}

void HvoMachine::free_page(Pfn p) {
    const Term f = frame(p);
    const Term mine = at(now.place, p) == number(now.c, HvoState::detached, 3);
    store(now.place, f, number(now.c, HvoState::free, 3), mine);
    store(now.released, f, now.c.bool_val(true), mine);
    for (Unordered& u : unordered_) u.when = u.when && !(mine && u.frame == f);
}

void HvoMachine::free_table(Pfn table) {
    if (table.value >= table_handle || tables_.at(table.value).pmd) return;
    tables_.erase(table.value);
    const Term f = frame(table);
    store(now.place, f, number(now.c, HvoState::free, 3));
    store(now.released, f, now.c.bool_val(true), now.c.bool_val(true));
    for (Unordered& u : unordered_) u.when = u.when && u.frame != f;
}

void HvoMachine::split_page(Pfn p) { now.split[now.pmd_of(p.value)] = now.c.bool_val(true); }

std::optional<Pfn> HvoMachine::take_contig(Nid, Order) { return shape_.folios[*taking].head; }

// ---- page table, TLB

void HvoMachine::set_pte(PteRef r, Pte pte) {
    if (const auto v = installed_at(r)) return set_live_pte(v->value, pte);
    tables_.at(r.table.value).entries[r.idx] = pte;
    note_store(r.table);
}

// An entry that everyone sees decides who has the frames, and TLBs may hold what it was.
void HvoMachine::set_live_pte(u64 v, Pte pte) {
    const Term old = now.frame_of[v], old_rw = now.writable[v], page = frame(pte.pfn());
    const Term rw = now.c.bool_val(pte.writable());
    const Term changed = (old != page || old_rw != rw).simplify();
    stale_.push_back({v, old, old_rw, changed});
    now.frame_of[v] = page;
    now.writable[v] = rw;
    auto hand = [&](Pfn p, u64 from, u64 to, const Term& when, i64 to_drift) {
        const Term moves = changed && when && at(now.place, p) == number(now.c, from, 3);
        const Term is_boot = of_boot_frame(frame(p), [&](u64 f, u64 pmd) {
            return now.is(now.kind, pmd, HvoState::boot) && !now.released[f];
        });
        now.boot_drift.add_if(moves && is_boot, to_drift);
        now.memmap_drift.add_if(moves && !is_boot, to_drift);
        store(now.place, frame(p), number(now.c, to, 3), moves);
    };
    hand(pte.pfn(), HvoState::detached, HvoState::vmemmap, now.c.bool_val(true), -1);
    const Pfn was = handles_.of(old);
    hand(was, HvoState::vmemmap, HvoState::detached, !is_mapped(was), 1);
    settle(pte.pfn(), Vpage{v});
}

void HvoMachine::install_table(u64 idx, Pfn table) {
    Table& t = tables_.at(table.value);
    t.pmd = idx;
    stale_leaf_[idx] = true;
    now.leaf[idx] = now.c.bool_val(false);
    now.table_of[idx] = frame(table);
    for (u64 i = 0; i < shape_.geometry.ptrs_per_pte; ++i) {
        const u64 v = idx * shape_.geometry.ptrs_per_pte + i;
        now.frame_of[v] = frame(t.entries[i].pfn());
        now.writable[v] = now.c.bool_val(t.entries[i].writable());
    }
}

void HvoMachine::flush_tlb(Vpage start, Vpage end) {
    if (start >= end) return;
    std::erase_if(stale_, [&](const Stale& s) { return s.v >= start.value && s.v < end.value; });
    for (u64 p = now.pmd_of(start.value); p <= now.pmd_of(end.value - 1) && p < shape_.nr_pmds; ++p)
        stale_leaf_[p] = false;
}

void HvoMachine::flush_tlb_all() { flush_tlb(Vpage{0}, Vpage{shape_.nr_vpages()}); }

// ---- walkers, folios, the end of an operation

Walker& HvoMachine::Walkers::operator[](u8) {
    if (!m.walker_) {
        const bool inside = m.paths_.decide(m.now.walker_inside);
        const bool may = inside && m.paths_.decide(m.now.walker_may);
        const u64 v = inside ? m.paths_.pick(m.now.walker_at) : 0;
        m.walker_ = Walker{inside, may, Pfn{v * m.geometry().struct_pages_per_page()}};
    }
    return *m.walker_;
}

void HvoMachine::Walkers::fill(const Walker&) {
    m.walker_.reset();
    m.now.walker_inside = m.now.walker_may = m.now.c.bool_val(false);
}

hvo::SlotState HvoMachine::slot_state(u8 i) { return static_cast<hvo::SlotState>(paths_.pick(now.slot[i])); }

void HvoMachine::end(const hvo::Pool& pool, u16 known_slots) {
    for (u8 i = 0; i < shape_.folios.size(); ++i)
        if (known_slots >> i & 1) now.slot[i] = number(now.c, static_cast<u64>(pool.slots[i].state), 2);
    if (walker_) {
        now.walker_inside = now.c.bool_val(walker_->inside);
        now.walker_may = now.c.bool_val(walker_->may_write);
        now.walker_at =
            number(now.c, geometry().vpage_of(walker_->page).value, now.walker_at.get_sort().bv_size());
    }
    for (const Stale& s : stale_) now.stale = now.stale || s.when;
    for (const bool b : stale_leaf_) now.stale = now.stale || now.c.bool_val(b);
    for (const Unordered& u : unordered_) now.unordered = now.unordered || u.when;
    for (const auto& [handle, t] : tables_) now.nr_private_tables += !t.pmd;
    now.locked = is_locked(Lock::page_table) || is_locked(Lock::mmap_read);
}

} // namespace mmodel::symbolic
