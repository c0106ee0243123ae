// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "props/spec/symbolic/hvo_mirror.hpp"

#include <algorithm>
#include <set>

#include "props/spec/symbolic/follow.hpp"

namespace mmodel::symbolic {

HvoMirror::HvoMirror(const World& before, const World& after)
    : shape_{.name = "mirror",
             .geometry = before.machine().geometry(),
             .nr_pmds = before.machine().geometry().vpage_of(Pfn{before.config().nr_frames()}).value /
                        before.machine().geometry().ptrs_per_pte,
             .folios = {},
             .sizes = {},
             .nr_spare = 0,
             .lists = {}},
      ours_(before.config().nr_frames()), reals_(shape_.nr_vpages()), is_folios_(ours_.size()) {
    const Machine& m = before.machine();
    for (u64 p = 0; p < ours_.size(); ++p) {
        const auto v = m.boot_vpage(Pfn{p});
        ours_[p] = v ? v->value : reals_.size();
        if (v)
            reals_[v->value] = Pfn{p};
        else
            reals_.emplace_back(Pfn{p});
    }
    shape_.nr_spare = reals_.size() - shape_.nr_vpages();
    const hvo::Folio nowhere{Pfn{shape_.nr_vpages() * shape_.geometry.struct_pages_per_page()}, 0};
    for (u8 i = 0; i < max_folios; ++i) {
        const World& w = before.pool().slots[i].state == hvo::SlotState::none ? after : before;
        const bool is = w.pool().slots[i].state != hvo::SlotState::none;
        shape_.folios.push_back(is ? w.pool().folio(shape_.geometry, i) : nowhere);
        shape_.sizes.push_back(w.pool().slots[i].size);
        for (u64 n = 0; is && n < u64{1} << shape_.folios.back().order; ++n)
            is_folios_[shape_.folios.back().head.value + n] = true;
    }
}

HvoState::Kind HvoMirror::kind(const Machine& m, u64 pmd) const {
    const Geometry& g = shape_.geometry;
    const u64 v = pmd * g.ptrs_per_pte;
    for (u8 b = 0; b < max_hot_blocks; ++b) {
        const u64 start = g.vpage_of(m.config().hot_block_start(b)).value;
        if (v >= start && v < start + m.config().vmemmap_frames(m.config().hot_block_frames))
            return m.hot_block(b).self_hosted ? HvoState::self_hosted : HvoState::hot;
    }
    return HvoState::boot;
}

HvoState::Place HvoMirror::place(const Machine& m, Pfn p) const {
    const Frame& f = m.frame(p);
    switch (f.owner) {
    case Owner::vmemmap: return HvoState::vmemmap;
    case Owner::page_table: return HvoState::table;
    case Owner::detached: return HvoState::detached;
    case Owner::vmalloc:
    case Owner::shared_tail:
    case Owner::memblock: return HvoState::other;
    case Owner::other: break;
    }
    if (m.boot_vpage(p) && !f.released) return HvoState::vmemmap;
    return m.is_free(p) && !is_folios_[p.value] ? HvoState::free : HvoState::other;
}

void HvoMirror::mirror_pmd(HvoState& s, const Machine& m, u64 pmd) const {
    const Pmd d = m.pmd(pmd);
    const bool is_table = d.kind == Pmd::Kind::table;
    bool is_split = true;
    s.leaf[pmd] = s.c.bool_val(!is_table);
    s.table_of[pmd] = number(s.c, is_table ? frame(d.pfn).value : 0, s.bits);
    s.kind[pmd] = number(s.c, kind(m, pmd), 2);
    for (u64 v = pmd * shape_.geometry.ptrs_per_pte; v < (pmd + 1) * shape_.geometry.ptrs_per_pte; ++v) {
        const Pte e = m.translate(Vpage{v});
        s.frame_of[v] = number(s.c, is_table ? frame(e.pfn()).value : v, s.bits);
        s.writable[v] = s.c.bool_val(!is_table || e.writable());
        is_split = is_split && !(reals_[v] && m.is_under_unsplit_block(*reals_[v]));
    }
    s.split[pmd] = s.c.bool_val(is_split);
}

HvoState HvoMirror::state(HvoState s, ContentsCodes& codes, const Machine& m, const hvo::Pool& slots) const {
    z3::context& c = s.c;
    for (u64 p = 0; p < shape_.nr_pmds; ++p) mirror_pmd(s, m, p);
    for (u64 f = 0; f < reals_.size(); ++f) {
        // Where there is no memory yet, nothing happens.
        s.place[f] = number(c, reals_[f] ? place(m, *reals_[f]) : HvoState::vmemmap, 3);
        s.released[f] = c.bool_val(reals_[f] && m.frame(*reals_[f]).released);
        const u64 code = reals_[f] ? codes.of(m.as_kept(*reals_[f])) : ContentsCodes::fresh(f);
        if (code > 255) throw std::length_error("more contents than a cell has numbers for");
        s.contents[f] = number(c, code, 8);
    }
    for (u8 i = 0; i < max_folios; ++i) {
        const bool is_lru = slots.slots[i].state == hvo::SlotState::lru;
        s.slot[i] = number(c,
                           m.compound(i).order ? HvoState::hugetlb
                           : is_lru            ? HvoState::lru
                                               : HvoState::none,
                           2);
    }
    auto count = [&](i64 n) { return Count(number(c, static_cast<u64>(n) & 255, 8)); };
    s.key = count(m.counters.static_key);
    s.memmap_drift = count(m.counters.memmap - m.tally.vmemmap_buddy);
    s.boot_drift = count(m.counters.memmap_boot - m.tally.vmemmap_boot);
    const Walker& w = m.walkers[0];
    s.enabled = c.bool_val(slots.enabled);
    s.walker_inside = c.bool_val(w.inside);
    s.walker_may = c.bool_val(w.may_write);
    s.walker_at = number(c, shape_.geometry.vpage_of(w.page).value, s.walker_at.get_sort().bv_size());
    return s;
}

void HvoMirror::compare(ContentsCodes& codes, const HvoMachine& m, const Machine& real,
                        const hvo::Pool& slots) const {
    const HvoState should = state(m.now, codes, real, slots);
    require_same("leaf of PMD", m.now.leaf, should.leaf);
    require_same("table of PMD", m.now.table_of, should.table_of);
    require_same("kind of PMD", m.now.kind, should.kind);
    require_same("entry of vmemmap page", m.now.frame_of, should.frame_of);
    require_same("permission of vmemmap page", m.now.writable, should.writable);
    require_same("who has frame", m.now.place, should.place);
    require_same("folio in slot", m.now.slot, should.slot);
    require_same("static key", 0, m.now.key.term(), should.key.term());
    require_same("drift of nr_memmap_pages", 0, m.now.memmap_drift.term(), should.memmap_drift.term());
    require_same("drift of nr_memmap_boot_pages", 0, m.now.boot_drift.term(), should.boot_drift.term());
    require_same("walker inside", 0, m.now.walker_inside, should.walker_inside);
    require_same("walker may write", 0, m.now.walker_may, should.walker_may);
    if (should.walker_inside.is_true()) require_same("walker at", 0, m.now.walker_at, should.walker_at);
    for (u64 f = 0; f < reals_.size(); ++f) {
        if (f < shape_.nr_vpages()) require_same("released: frame", f, m.now.released[f], should.released[f]);
        const HvoState::Place at = reals_[f] ? place(real, *reals_[f]) : HvoState::other;
        if (at == HvoState::vmemmap || at == HvoState::table || at == HvoState::detached)
            require_same("contents of frame", f, m.now.contents[f], should.contents[f]);
    }
    for (const Lock l : {Lock::page_table, Lock::mmap_read, Lock::spin, Lock::mutex})
        require_same("lock", static_cast<u64>(l), m.now.c.bool_val(m.is_locked(l)), real.is_locked(l));
    compare_stale(m, real);
    compare_private_tables(m, real);
}

void HvoMirror::compare_stale(const HvoMachine& m, const Machine& real) const {
    using Translations = std::set<std::pair<u64, bool>>;
    for (u64 v = 0; v < shape_.nr_vpages(); ++v) {
        Translations is, should;
        if (m.is_leaf_stale(m.now.pmd_of(v))) is.insert({v, true});
        for (const auto& s : m.stale())
            if (s.v == v && s.when.simplify().is_true())
                is.insert({s.frame.simplify().get_numeral_uint64(), s.writable.simplify().is_true()});
        u64 nr = 0;
        real.for_each_stale(Vpage{v}, [&](Pte e) {
            ++nr;
            should.insert({frame(e.pfn()).value, e.writable()});
        });
        // The real machine forgets the oldest of more than it has room for.
        const bool forgets = nr >= StaleSet::capacity && std::ranges::includes(is, should);
        if (is != should && !forgets)
            throw Differs{"stale translations of vmemmap page " + std::to_string(v) + ": " +
                          std::to_string(is.size()) + ", not " + std::to_string(should.size())};
    }
}

void HvoMirror::compare_private_tables(const HvoMachine& m, const Machine& real) const {
    for (const auto& p : reals_) {
        if (!p || real.frame(*p).owner != Owner::page_table || real.frame(*p).installed) continue;
        const auto& entries = m.entries(frame(*p));
        for (u32 i = 0; i < entries.size(); ++i) {
            const Pte should = real.pte({*p, i});
            if (entries[i].present() != should.present() || entries[i].writable() != should.writable() ||
                (should.present() && entries[i].pfn() != frame(should.pfn())))
                throw Differs{"entry " + std::to_string(i) + " of the table in frame " +
                              std::to_string(frame(*p).value)};
        }
    }
}

void HvoMirror::compare_answers(const HvoMachine& m, const Machine& real, Pfn p) const {
    const Pfn f = frame(p);
    require_same("is_reserved", f.value, m.reserved(f), real.is_reserved(p));
    require_same("is_self_hosted", f.value, m.now.c.bool_val(m.is_self_hosted(f)), real.is_self_hosted(p));
    require_same("is_unordered", f.value, m.is_unordered(f), real.is_unordered(p));
    require_same("may_be_cached", f.value, m.may_be_cached(f), real.may_be_cached(p));
    require_same("is_under_unsplit_block", f.value, m.is_under_unsplit_block(f),
                 real.is_under_unsplit_block(p));
    if (real.frame(p).owner != Owner::page_table)
        require_same("is_mapped", f.value, m.is_mapped(f), real.is_mapped(p));
}

} // namespace mmodel::symbolic
