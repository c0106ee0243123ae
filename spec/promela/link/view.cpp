// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/promela/link/view.hpp"

#include <algorithm>
#include <stdexcept>

namespace mmodel::link {
namespace {

using explore::Graph;
using explore::NodeView;
using explore::Space;
using explore::ViewOf;

constexpr u8 elsewhere = 63; // the name of a frame that is at no place

class Names {
public:
    u8 of(Pfn p) { // 1 + index
        const auto at = std::ranges::find(named_, p);
        if (at != named_.end()) return static_cast<u8>(1 + (at - named_.begin()));
        named_.push_back(p);
        return static_cast<u8>(named_.size());
    }
    [[nodiscard]] u8 known(Pfn p) const {
        const auto at = std::ranges::find(named_, p);
        return at == named_.end() ? elsewhere : static_cast<u8>(1 + (at - named_.begin()));
    }
    [[nodiscard]] const std::vector<Pfn>& all() const { return named_; }

private:
    std::vector<Pfn> named_;
};

u8 pte_byte(const Pte& p, u8 name) { return static_cast<u8>(name << 1 | u8{p.writable()}); }

Pfn first_pfn(const Machine& m, const Shape& s) {
    return Pfn{s.first_page * (m.geometry().page_bytes / m.geometry().struct_page_bytes)};
}

// 0 junk, 1 a tail, 2 a head, 3 a page of no folio; + 8 optimised; + 16 times 1 + the folio.
u8 contents_byte(const Machine& m, const Shape& s, Pfn p) {
    const Contents c = m.read(p);
    const u8 flag = c.optimised ? 8 : 0;
    if (c.kind == Contents::Kind::junk) return flag;
    u8 kind = 4;
    if (c.slots[0] == slot::tail) kind = 1;
    if (c.slots[0] == slot::head) kind = 2;
    if (c.slots[0] == slot::plain) return static_cast<u8>(3 | flag);
    const u64 per_folio =
        (u64{s.nr_pages} / s.nr_folios) * (m.geometry().page_bytes / m.geometry().struct_page_bytes);
    const u64 folio = (c.subject - first_pfn(m, s).value) / per_folio;
    return static_cast<u8>(kind | flag | (1 + folio) << 4);
}

u8 count_byte(i64 n) { return static_cast<u8>(n + 64); }

u8 nr_free(const Machine& m, const Space& space) {
    return static_cast<u8>(explore::free_frames(m, space).size());
}

class Bytes {
public:
    void put(u64 b) { out_.push_back(static_cast<char>(b)); }
    void pad(std::size_t upto) {
        if (out_.size() > upto) throw std::length_error("a view has more in it than fits");
        out_.resize(upto);
    }
    [[nodiscard]] std::size_t size() const { return out_.size(); }
    std::string out_;
};

void put_head(Bytes& b, const ViewOf& v, const Space& space) {
    b.put(v.op == explore::no_op ? 0 : 1 + v.op);
    b.put(v.event);
    b.put(v.path >> 8);
    b.put(v.path & 0xff);
    b.put(v.faults);
    b.put(nr_free(v.state.machine, space));
}

void put_held(Bytes& b, Names& names, const ViewOf& v, const Shape& s) {
    const std::size_t end = b.size() + s.nr_held;
    for (const Pfn p : v.held) b.put(names.of(p));
    b.pad(end);
}

NodeView hvo_view(const ViewOf& v, const Space& space, const Shape& s) {
    const Machine& m = v.state.machine;
    Bytes b;
    Names names;
    put_head(b, v, space);
    b.put(count_byte(m.counters.static_key));
    b.put(count_byte(m.counters.memmap));
    b.put(count_byte(m.counters.memmap_boot));
    b.put(m.is_locked(Lock::page_table));
    for (u8 f = 0; f < s.nr_folios; ++f) b.put(static_cast<u64>(v.state.pool.slots[f].state));
    for (u64 p = s.first_page; p < s.first_page + s.nr_pages; p += m.geometry().ptrs_per_pte)
        b.put(m.pmd(m.pmd_idx(Vpage{p})).kind == Pmd::Kind::table);
    for (u8 p = 0; p < s.nr_pages; ++p) {
        const Pte pte = m.translate(Vpage{s.first_page + p});
        b.put(pte.present() ? pte_byte(pte, names.of(pte.pfn())) : 0);
    }
    put_held(b, names, v, s);
    const std::size_t end = b.size() + 2u * (s.nr_pages + s.nr_held);
    for (const Pfn p : names.all()) {
        b.put(contents_byte(m, s, p));
        b.put(u64{m.is_unordered(p)} | u64{m.is_reserved(p)} << 1);
    }
    b.pad(end);
    NodeView out{.bytes = std::move(b.out_)};
    for (std::size_t p = 0; p < v.mays.size(); ++p)
        for (std::size_t i = 0; i < v.mays[p].size(); ++i)
            out.entries[p][i + 1] = pte_byte(v.mays[p][i], names.known(v.mays[p][i].pfn()));
    return out;
}

// What has addresses at v, by the page: 0 nobody, 1 somebody, 2 nobody any more, and not flushed.
u8 area_byte(const Vmalloc& v, Vmap page) {
    const VmapArea* a = v.area_at(page);
    return a ? a->lazy ? 2 : 1 : 0;
}

NodeView percpu_view(const ViewOf& v, const Space& space, const Shape& s) {
    const Machine& m = v.state.machine;
    const pcpu::Pcpu& p = *v.state.pcpu;
    Bytes b;
    Names names;
    put_head(b, v, space);
    b.put(count_byte(m.tally.objects));
    b.put(!p.pages.empty());
    const u64 step = m.geometry().ptrs_per_pte;
    for (u64 at = 0; at < s.nr_pages; at += step) {
        b.put(area_byte(m.vmalloc(), Vmap{s.first_page + at}));
        b.put(m.vmalloc().table(Vmap{s.first_page + at}).present());
    }
    for (u8 c = 0; c < s.nr_chunks; ++c) {
        const pcpu::ChunkId id = p.slots[c];
        const bool is = id != pcpu::no_chunk;
        b.put(is ? 1 + ((p.chunks[id].base_addr - vmalloc_start) / p.page_bytes() - s.first_page) / step : 0);
        for (int i = 0; i < p.layout.unit_pages; ++i) b.put(is && p.chunks[id].populated.test(i));
    }
    for (u8 i = 0; i < s.nr_pages; ++i) {
        const Pte pte = m.vmalloc().pte(Vmap{s.first_page + i});
        b.put(pte.present() ? pte_byte(pte, names.of(pte.pfn())) : 0);
    }
    put_held(b, names, v, s);
    NodeView out{.bytes = std::move(b.out_)};
    // A stale translation is compared with nothing but the page's next one: that it is stale is all of it.
    for (std::size_t t = 0; t < v.mays.size(); ++t) {
        const bool mapped = m.vmalloc().pte(Vmap{space.pages[t].page}).present();
        for (std::size_t i = 0; i < v.mays[t].size(); ++i) out.entries[t][i + 1] = mapped && i == 0 ? 1 : 2;
    }
    return out;
}

// Past these a model that forgets to count would go on for ever.
bool counts_are_small(const State& s) {
    const Counters& c = s.machine.counters;
    const i64 memmap = c.memmap + c.memmap_boot - 32;
    return c.static_key >= -3 && c.static_key <= 3 && memmap >= -24 && memmap <= 8 &&
           s.machine.tally.objects <= 16;
}

} // namespace

Shape shape_of(const Space& space) {
    if (space.pages[0].vmalloc) {
        const u8 unit_pages = space.name == "link-percpu" ? 2 : 4;
        return {.percpu = true, .nr_pages = 16, .nr_chunks = 1, .nr_unit_pages = unit_pages, .nr_held = 4};
    }
    if (space.name == "link-hvo-gigantic")
        return {.first_page = 8, .nr_pages = 8, .nr_folios = 1, .nr_held = 10};
    if (space.name == "link-hvo-walker")
        return {.first_page = 4, .nr_pages = 2, .nr_folios = 1, .nr_held = 4};
    return {.first_page = 4, .nr_pages = 4, .nr_folios = 2, .nr_held = 6};
}

explore::GraphOptions options_for(const Space& space, Sabotage sabotage) {
    const Shape s = shape_of(space);
    return {.sabotage = sabotage,
            .judged = false,
            .view =
                [s, &space](const ViewOf& v) {
                    return s.percpu ? percpu_view(v, space, s) : hvo_view(v, space, s);
                },
            .goes_on = counts_are_small};
}

std::vector<std::string> fields_of(const Space& space) {
    const Shape s = shape_of(space);
    std::vector<std::string> out{"op", "event", "path_high", "path_low", "faults", "free"};
    auto add = [&](const std::string& name, unsigned nr) {
        for (unsigned i = 0; i < nr; ++i) out.push_back(name + std::to_string(i));
    };
    if (s.percpu) {
        out.insert(out.end(), {"objects", "array"});
        for (unsigned i = 0; i < s.nr_pages / 4u; ++i)
            out.push_back("area" + std::to_string(i)), out.push_back("table" + std::to_string(i));
        for (unsigned c = 0; c < s.nr_chunks; ++c) {
            out.push_back("chunk" + std::to_string(c));
            add("chunk" + std::to_string(c) + ".populated", s.nr_unit_pages);
        }
    } else {
        out.insert(out.end(), {"key", "memmap", "memmap_boot", "page_table_lock"});
        add("slot", s.nr_folios);
        add("split", (s.nr_pages + 3u) / 4u);
    }
    add("pte", s.nr_pages);
    add("held", s.nr_held);
    for (unsigned i = 1; !s.percpu && i <= unsigned{s.nr_pages} + s.nr_held; ++i)
        out.push_back("contents_of" + std::to_string(i)), out.push_back("marks_of" + std::to_string(i));
    for (unsigned c = 0; c < space.nr_tlbs; ++c)
        add("tlb" + std::to_string(c) + ".", static_cast<unsigned>(space.pages.size()));
    add("walker", static_cast<unsigned>(space.walkers.size()));
    return out;
}

std::string view_of(const Space& space, const Graph& g, const explore::Packing& packing, u64 state) {
    const NodeView& n = g.views[packing.node(state)];
    std::string out = n.bytes;
    for (unsigned c = 0; c < space.nr_tlbs; ++c)
        for (unsigned p = 0; p < space.pages.size(); ++p)
            out.push_back(static_cast<char>(n.entries[p][packing.entry(state, c, p)]));
    for (unsigned w = 0; w < space.walkers.size(); ++w)
        out.push_back(static_cast<char>(packing.walker(state, w)));
    return out;
}

unsigned action_of(const Space& space, const Graph& g, const explore::Step& s) {
    const unsigned at = s.cpu * static_cast<unsigned>(space.pages.size()) + s.page;
    switch (s.kind) {
    case explore::Step::Kind::fill: return act_fill + at;
    case explore::Step::Kind::evict: return act_evict + at;
    case explore::Step::Kind::enter: return act_walk;
    case explore::Step::Kind::write: return act_walk + 1;
    case explore::Step::Kind::leave: return act_walk + 2;
    case explore::Step::Kind::event: break;
    }
    const explore::Edge& e = g.edges[s.edge];
    return e.ends ? act_end : act_event + static_cast<unsigned>(e.kind);
}

} // namespace mmodel::link
