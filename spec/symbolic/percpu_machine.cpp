// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/symbolic/percpu_machine.hpp"

#include <numeric>

namespace mmodel::symbolic {
namespace {

Terms named(z3::context& c, const std::string& name, u64 nr, unsigned bits) {
    Terms out;
    for (u64 i = 0; i < nr; ++i) {
        const std::string n = name + std::to_string(i);
        out.push_back(bits ? c.bv_const(n.c_str(), bits) : c.bool_const(n.c_str()));
    }
    return out;
}

std::vector<u64> up_to(u64 n) {
    std::vector<u64> out(n);
    std::iota(out.begin(), out.end(), u64{0});
    return out;
}

} // namespace

PercpuShape percpu_shape(const char* name, u64 chunks, std::vector<int> cpu_of_unit, u64 pages, u64 ptrs,
                         u64 frames) {
    PercpuShape s{name, chunks, frames, pages, cpu_of_unit, ptrs};
    const pcpu::Sizes sizes = pcpu::sizes_of(parse_config("tiny")->geometry);
    std::vector<int> nodes;
    for (const int cpu : cpu_of_unit)
        if (cpu != pcpu::no_cpu) nodes.push_back(static_cast<int>(nodes.size()) % 2);
    const u64 unit = pages * sizes.page_bytes;
    const pcpu::AllocInfo ai{.static_size = 4,
                             .reserved_size = 0,
                             .dyn_size = unit - 4,
                             .unit_size = unit,
                             .atom_size = sizes.page_bytes,
                             .alloc_size = unit,
                             .groups = {{static_cast<int>(cpu_of_unit.size()), 0, cpu_of_unit}}};
    s.pcpu.sizes = sizes;
    s.pcpu.cpus = pcpu::cpus_on_nodes(nodes);
    s.pcpu.layout = *pcpu::make_layout(sizes, ai, s.pcpu.cpus);
    s.pcpu.booted = true;
    s.pcpu.chunks.reset_lists(s.pcpu.layout.nr_slots);
    return s;
}

// ---- the state

PercpuState::PercpuState(z3::context& ctx, const PercpuShape& s)
    : c(ctx), shape(s), bits(static_cast<unsigned>(std::bit_width(s.nr_frames))),
      present(named(c, "present", s.nr_vmaps(), 0)), frame_of(named(c, "pte", s.nr_vmaps(), bits)),
      writable(named(c, "rw", s.nr_vmaps(), 0)), stale(named(c, "stale", s.nr_vmaps(), 0)),
      unflushed(named(c, "unflushed", s.nr_vmaps(), 0)), cached(named(c, "cached", s.nr_vmaps(), 0)),
      has_table_at(named(c, "table", s.nr_vmaps() / s.ptrs + 1, 0)), place(named(c, "place", s.nr_frames, 3)),
      tag(named(c, "tag", s.nr_frames, 4)), live(named(c, "live", s.nr_chunks, 0)),
      area(named(c, "area", s.nr_chunks, 2)), populated(named(c, "populated", s.nr_chunks * s.unit_pages, 0)),
      array(c.bool_const("array")), populated_drift(c.bv_const("populated_drift", 8)),
      objects_drift(c.bv_const("objects_drift", 8)) {}

PercpuState PercpuState::booted(z3::context& c, const PercpuShape& s) {
    PercpuState b(c, s);
    for (Terms* cells :
         {&b.present, &b.stale, &b.unflushed, &b.cached, &b.has_table_at, &b.live, &b.populated})
        for (Term& t : *cells) t = c.bool_val(false);
    for (Term& t : b.place) t = number(c, free, 3);
    for (Term& t : b.area) t = number(c, none, 2);
    b.array = c.bool_val(false);
    b.populated_drift = b.objects_drift = Count(number(c, 0, 8));
    return b;
}

std::vector<u64> PercpuState::chunks() const { return up_to(shape.nr_chunks); }
std::vector<u64> PercpuState::frames() const { return up_to(shape.nr_frames); }
std::vector<u64> PercpuState::cpus() const {
    std::vector<u64> out;
    for (u64 u = 0; u < shape.cpu_of_unit.size(); ++u)
        if (shape.cpu_of_unit[u] != pcpu::no_cpu) out.push_back(u);
    return out;
}

Term PercpuState::is_alone(u64 k, u64 u, u64 i) const {
    const u64 v = shape.vmap(k, u, i);
    Term out = select(place, frame_of[v]) == number(c, vmalloc, 3);
    for (u64 w = 0; w < shape.nr_vmaps(); ++w)
        if (w != v) out = out && (!present[w] || frame_of[w] != frame_of[v]);
    return out;
}

Term PercpuState::names_chunk(u64 k, u64 u, u64 i) const {
    return select(tag, frame_of[shape.vmap(k, u, i)]) == number(c, pcpu::tag_of(static_cast<u32>(k)), 4);
}

Term PercpuState::is_mapped_somewhere(u64 f) const {
    Term out = c.bool_val(false);
    for (u64 v = 0; v < shape.nr_vmaps(); ++v) out = out || (present[v] && frame_of[v] == number(c, f, bits));
    return out;
}

Term PercpuState::has_no_surplus() const {
    Term out = c.bool_val(true);
    for (const u64 k : chunks())
        for (u64 u = 0; u < shape.cpu_of_unit.size(); ++u)
            for (u64 i = 0; i < nr_pages() && shape.cpu_of_unit[u] == pcpu::no_cpu; ++i)
                out = out && !present[shape.vmap(k, u, i)] && !stale[shape.vmap(k, u, i)];
    return out;
}

Term PercpuState::well_formed() const {
    Term out = c.bool_val(true);
    auto below = [&](const Terms& cells, u64 n) {
        for (const Term& t : cells) out = out && z3::ult(t, number(c, n, t.get_sort().bv_size()));
    };
    below(frame_of, shape.nr_frames);
    below(place, 5);
    below(area, 3);
    return out;
}

std::string PercpuState::show(const z3::model& m) const {
    static const char* const places[] = {"elsewhere", "vmalloc", "table", "nobody's", "free"};
    static const char* const areas[] = {"not reserved", "reserved", "given back, lazy"};
    auto n = [&](const Term& t) { return m.eval(t, true).get_numeral_uint64(); };
    auto yes = [&](const Term& t) { return m.eval(t, true).is_true(); };
    std::string out;
    for (const u64 k : chunks()) {
        out += "    chunk " + std::to_string(k) + (yes(live[k]) ? ": " : ": none; ") + "addresses " +
               areas[n(area[k]) % 3] + "\n";
        for (u64 u = 0; u < shape.cpu_of_unit.size(); ++u)
            for (u64 i = 0; i < nr_pages(); ++i) {
                const u64 v = shape.vmap(k, u, i);
                if (!yes(present[v]) && !yes(stale[v])) continue;
                out += "      unit " + std::to_string(u) + " page " + std::to_string(i) +
                       (yes(is_populated(k, i)) ? " (populated)" : " (not populated)") + " at " +
                       std::to_string(v) + ":";
                if (yes(present[v]))
                    out += " pfn " + std::to_string(n(frame_of[v])) + (yes(writable[v]) ? " rw" : " ro");
                out += std::string(yes(stale[v]) ? ", a TLB may hold another" : "") +
                       (yes(unflushed[v]) ? ", cache not flushed" : "") + "\n";
            }
    }
    for (u64 at = 0; at < 5; ++at) {
        std::string list;
        for (const u64 f : frames())
            if (n(place[f]) == at) list += " " + std::to_string(f);
        if (!list.empty()) out += std::string("    frames ") + places[at] + ":" + list + "\n";
    }
    return out;
}

// ---- the vmalloc range

u64 PercpuVmalloc::nr_pages() const { return m_.shape_.nr_vmaps(); }

Pte PercpuVmalloc::pte(Vmap v) const {
    if (!m_.paths_.decide(m_.now.present[v.value])) return {};
    return Pte::map(m_.handles_.of(m_.now.frame_of[v.value]), true);
}

Pte PercpuVmalloc::table(Vmap v) const {
    return m_.paths_.decide(m_.now.has_table_at[v.value / m_.shape_.ptrs]) ? Pte::map(Pfn{0}, true) : Pte{};
}

std::vector<Vmap> PercpuVmalloc::mapped(Vmap start, Vmap end) const {
    std::vector<Vmap> out;
    for (Vmap v = start; v < end; ++v)
        if (m_.paths_.decide(m_.now.present[v.value])) out.push_back(v);
    return out;
}

// The place of the chunk that gets the lowest free number; others are as good.
std::optional<Vmap> PercpuVmalloc::find_areas(const Congruent&) const {
    for (u64 k = 0; k < m_.shape_.nr_chunks; ++k) {
        if (m_.paths_.decide(m_.now.live[k])) continue;
        if (m_.paths_.decide(m_.now.is(m_.now.area, k, PercpuState::none))) return m_.shape_.base(k);
        return std::nullopt;
    }
    return std::nullopt;
}

// Few pages, or so many that whoever gives back some more flushes.
u64 PercpuVmalloc::nr_lazy_pages() const {
    Term any = m_.now.c.bool_val(false);
    for (u64 k = 0; k < m_.shape_.nr_chunks; ++k) any = any || m_.now.is_lazy(k);
    if (!m_.paths_.decide(any)) return 0;
    return m_.paths_.flip() ? 1 : ~u64{0};
}

VmapArea PercpuVmalloc::lazy_span() const {
    VmapArea span;
    for (u64 k = 0; k < m_.shape_.nr_chunks; ++k) {
        if (!m_.paths_.decide(m_.now.is_lazy(k))) continue;
        if (span.start == span.end) span.start = m_.shape_.base(k);
        span.end = m_.shape_.base(k + 1);
    }
    return span;
}

void PercpuVmalloc::reserve(Vmap base, const Congruent&) {
    m_.now.area[base.value / m_.shape_.span()] = number(m_.now.c, PercpuState::reserved, 2);
}
void PercpuVmalloc::give_back(Vmap base, const Congruent&) {
    m_.now.area[base.value / m_.shape_.span()] = number(m_.now.c, PercpuState::lazy, 2);
}
void PercpuVmalloc::purge() {
    const Term none = number(m_.now.c, PercpuState::none, 2), lazy = number(m_.now.c, PercpuState::lazy, 2);
    for (Term& t : m_.now.area) t = z3::ite(t == lazy, none, t).simplify();
}

void PercpuVmalloc::flush_tlb(Vmap start, Vmap end) {
    for (u64 v = start.value; v < end.value && v < nr_pages(); ++v)
        m_.now.stale[v] = m_.now.c.bool_val(false);
}
void PercpuVmalloc::flush_cache_vmap(Vmap start, Vmap end) {
    for (u64 v = start.value; v < end.value && v < nr_pages(); ++v) {
        m_.now.cached[v] = (m_.now.cached[v] || m_.now.unflushed[v]).simplify();
        m_.now.unflushed[v] = m_.now.c.bool_val(false);
    }
}
void PercpuVmalloc::flush_cache_vunmap(Vmap start, Vmap end) {
    for (u64 v = start.value; v < end.value && v < nr_pages(); ++v)
        m_.now.cached[v] = m_.now.unflushed[v] = m_.now.c.bool_val(false);
}

// ---- frames

std::optional<Pfn> PercpuMachine::alloc(PercpuState::Place owner) {
    const Term free = number(now.c, PercpuState::free, 3);
    Term any = now.c.bool_val(false);
    for (const Term& p : now.place) any = any || p == free;
    if (!paths_.decide(any)) return std::nullopt;
    const Term x = now.c.bv_const(paths_.fresh("taken").c_str(), now.bits);
    paths_.assume(z3::ult(x, number(now.c, shape_.nr_frames, now.bits)) && select(now.place, x) == free);
    return take(x, owner);
}

Pfn PercpuMachine::take(const Term& f, PercpuState::Place owner) {
    store(now.place, f, number(now.c, owner, 3));
    store(now.tag, f, number(now.c, 0, 4));
    return handles_.of(f);
}

void PercpuMachine::free_page(Pfn p) {
    const Term mine = select(now.place, frame(p)) == number(now.c, PercpuState::detached, 3);
    store(now.place, frame(p), number(now.c, PercpuState::free, 3), mine);
}

Term PercpuMachine::is_mapped(Pfn p) const {
    Term out = now.c.bool_val(false);
    for (u64 v = 0; v < shape_.nr_vmaps(); ++v) out = out || (now.present[v] && now.frame_of[v] == frame(p));
    return out;
}

// The algorithms never write an entry over one that is there: what was is decided.
void PercpuMachine::set_vmalloc_pte(Vmap v, Pte pte) {
    const Term yes = now.c.bool_val(true), no = now.c.bool_val(false);
    const bool was = paths_.decide(now.present[v.value]);
    const Pfn old = was ? handles_.of(now.frame_of[v.value]) : no_pfn;
    if (was) now.stale[v.value] = yes;
    now.present[v.value] = now.c.bool_val(pte.present());
    now.unflushed[v.value] = now.c.bool_val(pte.present());
    if (was || pte.present()) now.cached[v.value] = no;
    if (pte.present()) {
        now.frame_of[v.value] = frame(pte.pfn());
        now.writable[v.value] = now.c.bool_val(pte.writable());
        store(now.place, frame(pte.pfn()), number(now.c, PercpuState::vmalloc, 3),
              select(now.place, frame(pte.pfn())) == number(now.c, PercpuState::detached, 3));
    }
    if (was)
        store(now.place, frame(old), number(now.c, PercpuState::detached, 3),
              !is_mapped(old) && select(now.place, frame(old)) == number(now.c, PercpuState::vmalloc, 3));
}

// ---- an operation's beginning and end

pcpu::Pcpu PercpuMachine::begin(std::optional<u64> of) {
    pcpu::Pcpu p = shape_.pcpu;
    std::vector<pcpu::ChunkId> gone;
    for (u64 k = 0; k < shape_.nr_chunks; ++k) {
        const bool live = of && *of != k ? true : paths_.decide(now.live[k]);
        was_live_.push_back(live);
        pcpu::Chunk chunk = pcpu::init_chunk(p.sizes, p.layout.unit_pages);
        chunk.base_addr = vmalloc_start + shape_.base(k).value * p.page_bytes();
        for (int i = 0; of == k && live && i < p.layout.unit_pages; ++i)
            if (paths_.decide(now.is_populated(k, static_cast<u64>(i))))
                pcpu::pcpu_chunk_populated(chunk, i, i + 1), ++counted_;
        const pcpu::ChunkId id = p.chunks.add(std::move(chunk));
        if (live)
            p.slots[k] = id;
        else
            gone.push_back(id);
    }
    for (const pcpu::ChunkId id : gone) p.chunks.remove(id);
    had_array_ = paths_.decide(now.array);
    // Entries of earlier calls are still in it: any frames.
    const u64 nr = static_cast<u64>(p.layout.nr_units) * static_cast<u64>(p.layout.unit_pages);
    for (u64 i = 0; had_array_ && i < nr; ++i) {
        const Term x = now.c.bv_const(("entry" + std::to_string(i)).c_str(), now.bits);
        paths_.assume(z3::ult(x, number(now.c, shape_.nr_frames, now.bits)));
        p.pages.push_back(handles_.of(x));
    }
    p.nr_populated = counted_;
    return p;
}

void PercpuMachine::end(const pcpu::Pcpu& p, std::optional<u64> of) {
    i64 truth = 0, due = i64{!p.pages.empty()} - i64{had_array_};
    for (u64 k = 0; k < shape_.nr_chunks; ++k) {
        const auto id = static_cast<pcpu::ChunkId>(k);
        const bool live = p.chunks.is_live(id);
        if (of && of != k) continue;
        now.live[k] = now.c.bool_val(live);
        due += static_cast<i64>(pcpu::objects_per_chunk) * (i64{live} - i64{was_live_[k]});
        if (!of && live && was_live_[k]) continue; // its pages were not looked at
        for (int i = 0; i < p.layout.unit_pages; ++i) {
            const bool populated = live && p.chunks[id].populated.test(i);
            truth += populated;
            now.populated[k * shape_.unit_pages + static_cast<u64>(i)] = now.c.bool_val(populated);
        }
    }
    now.array = now.c.bool_val(!p.pages.empty());
    now.populated_drift += p.nr_populated - truth;
    now.objects_drift += tally.objects - due;
    now.locked = is_locked(Lock::spin) || is_locked(Lock::mutex);
}

} // namespace mmodel::symbolic
