// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/explore/key.hpp"

#include <algorithm>
#include <utility>

namespace mmodel::explore {
namespace {

bool is_in_pool(const Space& space, Pfn p) {
    return std::ranges::any_of(space.pool, [&](const FrameRange& r) { return p >= r.start && p < r.end; });
}

// The first frame of the pool behind p.
Pfn next_in_pool(const Space& space, Pfn p) {
    Pfn next{~u64{0}};
    for (const FrameRange& r : space.pool)
        if (r.start > p && r.start < r.end) next = std::min(next, r.start);
    return next;
}

bool is_interchangeable(const Machine& m, const Space& space, Pfn p, Symmetry symmetry) {
    if (symmetry == Symmetry::none || !is_in_pool(space, p)) return false;
    return symmetry == Symmetry::pool ? !m.boot_vpage(p) : !m.is_reserved(p);
}

void put_vmemmap(KeyWriter& w, const Machine& m) {
    const Geometry& g = m.geometry();
    const u64 nr_pmds = g.vpage_of(Pfn{m.config().nr_frames()}).value / g.ptrs_per_pte;
    for (u64 i = 0; i < nr_pmds; ++i) {
        const Pmd pmd = m.pmd(i);
        w.put(static_cast<u64>(pmd.kind));
        if (pmd.kind != Pmd::Kind::table) continue;
        w.put_frame(pmd.pfn);
        for (u32 e = 0; e < g.ptrs_per_pte; ++e) w.put_pte(m.pte({pmd.pfn, e}));
    }
    // There is none at rest, unless something is broken.
    for (u64 v = 0; m.has_stale() && v < nr_pmds * g.ptrs_per_pte; ++v)
        m.for_each_stale(Vpage{v}, [&](const Pte& p) { w.put(v), w.put_pte(p); });
}

// Nothing is there, and nobody has been there before percpu boots.
bool is_unused(const Vmalloc& v) {
    return v.areas().empty() && !v.nr_stale() && v.mapped(Vmap{0}, Vmap{v.nr_pages()}).empty();
}

// Addresses before the areas come out as they lie; a page that was never used writes one byte.
void put_vmalloc(KeyWriter& w, const Machine& m) {
    const Vmalloc& v = m.vmalloc();
    for (const VmapArea& a : v.areas()) w.put(a.start.value << 1 | u64{a.lazy}), w.put(a.end.value);
    w.put(v.areas().size());
    const u64 per_table = m.geometry().ptrs_per_pte;
    for (u64 i = 0; i < v.nr_pages(); ++i) {
        const Vmap page{i};
        if (i % per_table == 0) w.put_pte(v.table(page));
        w.put_pte(v.pte(page));
        // A stale translation is compared with nothing but the page's own next one, which a flush has to come
        // before: that there is one is all that matters.
        u64 nr_stale = 0;
        for (const Pte& p : v.stale(page).pte) nr_stale += p.present() && p != v.pte(page);
        w.put(nr_stale);
        w.put(u64{v.cache(page).unflushed} << 1 | u64{v.cache(page).cached});
    }
}

void put_pool(KeyWriter& w, const hvo::Pool& pool, const Machine& m) {
    w.put(u64{pool.enabled} | static_cast<u64>(m.tally.memblock) << 1);
    for (const hvo::FolioSlot& s : pool.slots) {
        w.put(static_cast<u64>(s.state));
        if (s.state == hvo::SlotState::none) continue;
        w.put(static_cast<u64>(s.from) << 4 | s.size);
        w.put(s.head.value);
    }
    for (const u8 n : pool.boot_taken) w.put(n);
}

void put_bitmap(KeyWriter& w, const pcpu::Bitmap& b) {
    for (const u64 word : *b.words) w.put(word);
}

void put_block(KeyWriter& w, const pcpu::BlockMd& b) {
    for (const int n : {b.scan_hint, b.scan_hint_start, b.contig_hint, b.contig_hint_start, b.left_free,
                        b.right_free, b.first_free})
        w.put_signed(n);
}

void put_chunk(KeyWriter& w, const pcpu::Chunk& c) {
    w.put(c.base_addr);
    put_block(w, c.chunk_md);
    for (const pcpu::BlockMd& b : c.md_blocks) put_block(w, b);
    put_bitmap(w, c.alloc_map);
    put_bitmap(w, c.bound_map);
    put_bitmap(w, c.populated);
    w.put(u64{c.immutable} | u64{c.isolated} << 1);
    for (const int n :
         {c.free_bytes, c.start_offset, c.end_offset, c.nr_pages, c.nr_populated, c.nr_empty_pop_pages})
        w.put_signed(n);
}

void put_pcpu(KeyWriter& w, const pcpu::Pcpu& p) {
    w.put(p.booted);
    if (!p.booted) return;
    w.put(p.chunks.end_id());
    for (pcpu::ChunkId id = 0; id < p.chunks.end_id(); ++id) {
        w.put(p.chunks.is_live(id));
        if (p.chunks.is_live(id)) put_chunk(w, p.chunks[id]);
    }
    for (int list = 0; list < p.chunks.nr_lists(); ++list) {
        for (pcpu::ChunkId id = p.chunks.first(list); id != pcpu::no_chunk; id = p.chunks.next(id))
            w.put(u64{id} + 1);
        w.put(0);
    }
    for (const pcpu::Area& a : p.areas) {
        w.put(a.live);
        if (a.live) w.put(a.chunk), w.put_signed(a.off), w.put_signed(a.bytes);
    }
    for (const pcpu::ChunkId id : p.slots) w.put((u64{id} + 1) & 0xff);
    w.put(u64{p.atomic_alloc_failed} | u64{p.balance_scheduled} << 1 | u64{p.pages.empty()} << 2);
    w.put_signed(p.nr_empty_pop_pages);
    w.put_signed(p.nr_populated);
}

void put_counters(KeyWriter& w, const Machine& m) {
    for (const i64 n : {m.counters.static_key, m.counters.memmap, m.counters.memmap_boot, m.tally.objects})
        w.put_signed(n);
    for (u8 cpu = 0; cpu < m.config().nr_cpu_ids(); ++cpu) w.put(m.is_online(cpu));
    for (u8 b = 0; b < max_hot_blocks; ++b) {
        const HotBlock& h = m.hot_block(b);
        w.put(u64{h.present} | u64{h.self_hosted} << 1 | u64{h.nid.value} << 2);
        w.put(h.vmemmap.value);
    }
    for (u8 n = 0; n < m.config().nr_nodes; ++n) w.put(m.pressure(Nid{n}));
}

// Those that operations have made; the walkers of a space are no part of its worlds.
void put_walkers(KeyWriter& w, const Machine& m) {
    for (const Walker& k : m.walkers) {
        w.put(u64{k.inside} | u64{k.may_write} << 1);
        if (k.inside) w.put(k.page.value);
    }
}

void put_shared_tails(KeyWriter& w, const Machine& m) {
    w.put(m.shared_tails().size());
    for (const SharedTail& t : m.shared_tails()) {
        w.put(t.zone);
        w.put(t.order);
        w.put_frame(t.pfn);
    }
}

// Free memory: of what is interchangeable how much, of the rest which, as the lengths of runs of frames that
// are free and that are not.
void put_free(KeyWriter& w, const Machine& m, const Space& space, Symmetry symmetry) {
    u64 nr = 0, run = 0;
    bool runs_free = false;
    FreeRun now{};
    const Pfn last{m.config().nr_frames()};
    for (Pfn p{0}, next; p < last; p = next) {
        if (p >= now.end) now = m.free_run_from(p);
        const bool pool = symmetry != Symmetry::none && is_in_pool(space, p);
        next = pool ? p + 1 : std::min({now.end, last, next_in_pool(space, p)});
        if (pool && is_interchangeable(m, space, p, symmetry)) {
            nr += now.is_free;
            continue;
        }
        if (now.is_free != runs_free) w.put(std::exchange(run, 0));
        runs_free = now.is_free;
        run += next - p;
    }
    w.put(run);
    w.put(0);
    w.put(nr);
}

void write(KeyWriter& out, const World& w, const Space& space, Symmetry symmetry) {
    const Machine& m = w.machine();
    put_pool(out, w.pool(), m);
    put_vmemmap(out, m);
    const bool vmalloc = w.pcpu().booted || !is_unused(m.vmalloc());
    out.put(vmalloc);
    if (vmalloc) put_vmalloc(out, m);
    put_pcpu(out, w.pcpu());
    put_counters(out, m);
    put_walkers(out, m);
    put_shared_tails(out, m);
    put_free(out, m, space, symmetry);
}

} // namespace

void KeyWriter::put_pte(const Pte& p) {
    put(p.raw & 3);
    if (p.present()) put_frame(p.pfn());
}

bool KeyWriter::is_interchangeable(Pfn p) const {
    return explore::is_interchangeable(m_, space_, p, symmetry_);
}

std::size_t KeyWriter::name_of(Pfn p) const {
    if (p.value >= names_.size())
        return static_cast<std::size_t>(std::ranges::find(named_, p) - named_.begin());
    return names_[p.value] ? names_[p.value] - 1 : named_.size();
}

bool KeyWriter::has_named(Pfn p) const { return name_of(p) < named_.size(); }

void KeyWriter::put_frame(Pfn p) {
    const std::size_t known = name_of(p);
    put(is_interchangeable(p) ? u64{known} << 1 | 1 : p.value << 1);
    if (known != named_.size()) return;
    named_.push_back(p);
    if (p.value < names_.size()) names_[p.value] = static_cast<u32>(named_.size());
    put_what_it_carries(p);
    if (beside_) beside_->put_frame(*this, p);
}

void KeyWriter::put_what_it_carries(Pfn p) {
    const Frame& f = m_.frame(p);
    put(u64{m_.is_reserved(p)} | u64{m_.is_under_unsplit_block(p)} << 1 | u64{m_.is_unordered(p)} << 2 |
        u64{m_.is_free(p)} << 3 | u64{m_.is_self_hosted(p)} << 4 | static_cast<u64>(f.owner) << 5);
    put(m_.tag(p));
    const Contents c = m_.as_kept(p);
    put(static_cast<u64>(c.kind));
    put(c.optimised); // of junk, too: it is read
    if (c.kind == Contents::Kind::junk) return;
    put(c.subject);
    if (c.kind != Contents::Kind::copy) return;
    put(c.rest);
    for (const u8 s : c.slots) put(s);
}

void forget_the_dead(World& w) {
    const pcpu::Pcpu& now = w.pcpu();
    const bool areas =
        std::ranges::any_of(now.areas, [](const pcpu::Area& a) { return !a.live && a != pcpu::Area{}; });
    const bool pages = std::ranges::any_of(now.pages, [](Pfn p) { return p != Pfn{0}; });
    if (!areas && !pages) return;
    pcpu::Pcpu& p = w.own().pcpu.own();
    for (pcpu::Area& a : p.areas)
        if (!a.live) a = {};
    std::ranges::fill(p.pages, Pfn{0});
}

World as_all_see_it(World w) {
    if (!w.pcpu().booted) return w;
    pcpu::ChunkTable& chunks = w.own().pcpu.own().chunks;
    const auto forget = [](pcpu::BlockMd& md) {
        if (!md.scan_hint) md.scan_hint_start = 0;
        if (!md.contig_hint) md.contig_hint_start = 0;
    };
    for (pcpu::ChunkId id = 0; id < chunks.end_id(); ++id) {
        if (!chunks.is_live(id)) continue;
        pcpu::Chunk& c = chunks.own(id);
        c.chunk_md.left_free = c.chunk_md.right_free = 0;
        forget(c.chunk_md);
        std::ranges::for_each(c.md_blocks, forget);
    }
    return w;
}

std::string key_of(const World& w, const Space& space, Symmetry symmetry, const Beside* beside) {
    KeyWriter out(w.machine(), space, symmetry, beside);
    write(out, w, space, symmetry);
    if (beside) beside->put_rest(out);
    return out.take();
}

std::vector<Pfn> free_frames(const Machine& m, const Space& space) {
    std::vector<Pfn> found;
    for (const FrameRange& r : space.pool)
        for (Pfn p = r.start; p < r.end; ++p)
            if (m.is_free(p) && m.nr_free_pages(m.nid_of(p))) found.push_back(p);
    return found;
}

namespace {
// Free frames that some CPU may still reach through an address of the vmalloc range.
std::vector<Pfn> stale_in_vmalloc(const Machine& m) {
    std::vector<Pfn> found;
    for (u64 v = 0; m.vmalloc().nr_stale() && v < m.vmalloc().nr_pages(); ++v)
        for (const Pte& p : m.vmalloc().stale(Vmap{v}).pte)
            if (p.present()) found.push_back(p.pfn());
    return found;
}
} // namespace

std::vector<Pfn> choices(const Machine& m, const Space& space, Symmetry symmetry) {
    std::vector<Pfn> all = free_frames(m, space);
    // Of frames that nothing tells apart, the first: one that no TLB may hold if there is such a one, for
    // then an address that is mapped anew means another frame than before.
    const std::vector<Pfn> stale = stale_in_vmalloc(m);
    std::ranges::sort(all, {},
                      [&](Pfn p) { return std::pair(std::ranges::find(stale, p) != stale.end(), p); });
    bool plain = false;
    std::erase_if(all, [&](Pfn p) {
        return is_interchangeable(m, space, p, symmetry) && !m.may_be_cached(p) && std::exchange(plain, true);
    });
    return all;
}

u64 orbit(const World& w, const Space& space) {
    const Machine& m = w.machine();
    KeyWriter out(m, space, Symmetry::pool);
    write(out, w, space, Symmetry::pool);
    auto counts = [&](Pfn p) { return is_interchangeable(m, space, p, Symmetry::pool); };
    u64 all = 0, ways = 1;
    for (const FrameRange& r : space.pool)
        for (Pfn p = r.start; p < r.end; ++p) all += counts(p);
    for (const Pfn p : out.named())
        if (counts(p)) ways *= all--;
    return ways;
}

} // namespace mmodel::explore
