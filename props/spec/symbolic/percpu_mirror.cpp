// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "props/spec/symbolic/percpu_mirror.hpp"

#include <algorithm>

#include "props/spec/symbolic/follow.hpp"

namespace mmodel::symbolic {
namespace {

constexpr u64 nowhere = ~u64{0};

PercpuState::Place place(const Machine& m, Pfn p) {
    switch (m.frame(p).owner) {
    case Owner::vmalloc: return PercpuState::vmalloc;
    case Owner::page_table: return PercpuState::table;
    case Owner::detached: return PercpuState::detached;
    case Owner::vmemmap:
    case Owner::shared_tail:
    case Owner::memblock: return PercpuState::other;
    case Owner::other: break;
    }
    return m.is_free(p) ? PercpuState::free : PercpuState::other;
}

i64 objects_due(const pcpu::Pcpu& p) {
    return static_cast<i64>(p.chunks.nr_live() * pcpu::objects_per_chunk + u64{!p.pages.empty()});
}

bool is_live(const pcpu::Pcpu& p, u64 k) {
    return k < p.chunks.end_id() && p.chunks.is_live(static_cast<pcpu::ChunkId>(k));
}

} // namespace

PercpuMirror::PercpuMirror(const PercpuShape& s, const PercpuWorld& before, const PercpuWorld& after)
    : shape_(s), bases_(s.nr_chunks, nowhere), objects_before_(before.machine.tally.objects) {
    for (u64 k = 0; k < s.nr_chunks; ++k)
        for (const pcpu::Pcpu* p : {&after.pcpu, &before.pcpu})
            if (is_live(*p, k))
                bases_[k] = p->chunk_vmap(p->chunks[static_cast<pcpu::ChunkId>(k)], 0, 0).value;
    for (u64 base = 0; base < s.nr_vmaps(); base += s.span())
        if (std::ranges::find(bases_, base) == bases_.end()) *std::ranges::find(bases_, nowhere) = base;
}

void PercpuMirror::mirror_machine(PercpuState& s, const Machine& m) const {
    const Vmalloc& range = m.vmalloc();
    auto truth = [&](bool b) { return s.c.bool_val(b); };
    for (u64 v = 0; v < shape_.nr_vmaps(); ++v) {
        const Vmap r = real_of(v);
        const Pte e = range.pte(r);
        s.present[v] = truth(e.present());
        s.frame_of[v] = number(s.c, e.present() ? e.pfn().value : 0, s.bits);
        s.writable[v] = truth(e.writable());
        s.stale[v] = truth(range.stale(r).pte.front().present());
        s.unflushed[v] = truth(range.cache(r).unflushed);
        s.cached[v] = truth(range.cache(r).cached);
        if (v % shape_.ptrs == 0) s.has_table_at[v / shape_.ptrs] = truth(range.table(r).present());
    }
    s.has_table_at.back() = truth(false);
    for (u64 f = 0; f < shape_.nr_frames; ++f) {
        s.place[f] = number(s.c, place(m, Pfn{f}), 3);
        s.tag[f] = number(s.c, m.tag(Pfn{f}), 4);
    }
    for (u64 k = 0; k < shape_.nr_chunks; ++k) {
        const VmapArea* a = range.area_at(Vmap{bases_[k]});
        s.area[k] = number(s.c,
                           !a        ? PercpuState::none
                           : a->lazy ? PercpuState::lazy
                                     : PercpuState::reserved,
                           2);
    }
}

PercpuState PercpuMirror::state(PercpuState s, const PercpuWorld& w) const {
    z3::context& c = s.c;
    mirror_machine(s, w.machine);
    i64 nr_populated = 0;
    for (u64 k = 0; k < shape_.nr_chunks; ++k) {
        const bool live = is_live(w.pcpu, k);
        s.live[k] = c.bool_val(live);
        for (u64 i = 0; i < shape_.unit_pages; ++i) {
            const bool is =
                live && w.pcpu.chunks[static_cast<pcpu::ChunkId>(k)].populated.test(static_cast<int>(i));
            s.populated[k * shape_.unit_pages + i] = c.bool_val(is);
            nr_populated += is;
        }
    }
    s.array = c.bool_val(!w.pcpu.pages.empty());
    auto count = [&](i64 n) { return Count(number(c, static_cast<u64>(n) & 255, 8)); };
    s.populated_drift = count(w.pcpu.nr_populated - nr_populated);
    s.objects_drift = count(w.machine.tally.objects - objects_due(w.pcpu));
    return s;
}

void PercpuMirror::compare(const PercpuMachine& m, const Machine& real) const {
    PercpuState should = m.now;
    mirror_machine(should, real);
    require_same("present: page", m.now.present, should.present);
    require_same("stale: page", m.now.stale, should.stale);
    require_same("unflushed: page", m.now.unflushed, should.unflushed);
    require_same("cached: page", m.now.cached, should.cached);
    require_same("table of PMD", m.now.has_table_at, should.has_table_at);
    require_same("area of chunk", m.now.area, should.area);
    require_same("who has frame", m.now.place, should.place);
    for (u64 v = 0; v < shape_.nr_vmaps(); ++v) {
        if (!should.present[v].is_true()) continue;
        require_same("entry of page", v, m.now.frame_of[v], should.frame_of[v]);
        require_same("permission of page", v, m.now.writable[v], should.writable[v]);
    }
    for (u64 f = 0; f < shape_.nr_frames; ++f) {
        const PercpuState::Place at = place(real, Pfn{f});
        if (at != PercpuState::vmalloc && at != PercpuState::detached) continue;
        require_same("tag of frame", f, m.now.tag[f], should.tag[f]);
        require_same("is_mapped", f, m.is_mapped(Pfn{f}), real.is_mapped(Pfn{f}));
    }
    if (m.tally.objects != real.tally.objects - objects_before_) throw Differs{"the number of objects"};
}

void PercpuMirror::compare_at_rest(const PercpuMachine& m, const PercpuWorld& real) const {
    compare(m, real.machine);
    const PercpuState should = state(m.now, real);
    require_same("live: chunk", m.now.live, should.live);
    require_same("populated: page", m.now.populated, should.populated);
    require_same("the array", 0, m.now.array, should.array);
    require_same("drift of pcpu_nr_populated", 0, m.now.populated_drift.term(),
                 should.populated_drift.term());
    require_same("drift of objects", 0, m.now.objects_drift.term(), should.objects_drift.term());
    require_same("a lock is held", 0, m.now.c.bool_val(m.now.locked),
                 real.machine.is_locked(Lock::spin) || real.machine.is_locked(Lock::mutex));
}

} // namespace mmodel::symbolic
