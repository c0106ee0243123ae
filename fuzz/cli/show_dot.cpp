// SPDX-License-Identifier: GPL-2.0 OR MIT
// A world as a picture.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "fuzz/cli/show.hpp"

namespace mmodel::show {
namespace {

constexpr std::string_view legend =
    "\nsolid: read-write; dashed: read-only; red: stale, a CPU may still use it\n"
    "dotted: free frames, and what an area covers; orange: frames that are nobody's";
constexpr u64 few = 16; // so many pages or frames are drawn one by one

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) out += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
    return out + "\"";
}

// ---- ranges, cut where something else begins

using Cuts = std::set<u64>;

template <class V>
u64 nr_pages(const std::vector<Range<V>>& ranges) {
    u64 n = 0;
    for (const auto& r : ranges) n += r.end - r.start;
    return n;
}

template <class V>
void add_ends(Cuts& cuts, const std::vector<Range<V>>& ranges) {
    for (const auto& r : ranges) cuts.insert({r.start.value, r.end.value});
}

template <class V>
std::vector<Range<V>> cut(const std::vector<Range<V>>& ranges, const Cuts& cuts) {
    std::vector<Range<V>> out;
    for (const auto& r : ranges)
        for (V v = r.start; v < r.end;) {
            const auto next = cuts.upper_bound(v.value);
            const V end = next == cuts.end() ? r.end : std::min(r.end, V{*next});
            out.push_back({v, end, r.at(v - r.start), r.step});
            v = end;
        }
    return out;
}

// What is drawn of one folio or chunk: live and stale pages, the same ones cut at the same places, and at the
// ends of page tables.
template <class V>
struct Pages {
    std::vector<Range<V>> live, stale;
};

// `step`: 1 draws page by page. `more`: further places to cut at.
template <class V>
Pages<V> laid_out(const std::vector<Range<V>>& live, const std::vector<Range<V>>& stale, u64 step,
                  const Cuts& more = {}) {
    Cuts cuts = more;
    add_ends(cuts, live);
    add_ends(cuts, stale);
    if (cuts.empty()) return {};
    const u64 first = *cuts.begin(), last = *cuts.rbegin();
    for (u64 v = first / step * step; v < last; v += step) cuts.insert(v);
    return {cut(live, cuts), cut(stale, cuts)};
}

// ---- the picture

class Picture {
public:
    Picture(const World& w, const World* before) : w_(w), m_(w.machine()), before_(before) {}

    std::string whole(const std::string& title) {
        for (u8 i = 0; i < max_folios; ++i)
            if (w_.pool().slots[i].state != hvo::SlotState::none) add_folio(i);
        add_strays();
        if (w_.pcpu().booted) add_percpu();
        add_frames();
        return fmt::format(
            "digraph vmemmap {{\n  label={};\n  rankdir=LR;\n  node [shape=box, fontname=monospace];\n"
            "{}{}}}\n",
            quoted(title + std::string(legend)), nodes_, edges_);
    }

private:
    // ---- pieces
    // Where to cut so many pages.
    [[nodiscard]] u64 step_for(u64 nr) const { return nr <= few ? 1 : m_.geometry().ptrs_per_pte; }
    void begin(std::string_view id, std::string_view label) {
        nodes_ += fmt::format("  subgraph cluster_{} {{\n    label={};\n", id, quoted(label));
    }
    void end() { nodes_ += "  }\n"; }
    void node(const std::string& name, std::string_view style = "") {
        if (seen_.insert(name).second)
            nodes_ +=
                fmt::format("    {}{};\n", quoted(name), style.empty() ? "" : fmt::format(" [{}]", style));
    }
    void edge(const std::string& from, const std::string& to, std::string_view style) {
        const std::string line = fmt::format("  {} -> {} [{}];\n", quoted(from), quoted(to), style);
        if (seen_.insert(line).second) edges_ += line;
    }
    // Drawn when all are known; the name does not depend on the order in which they are mapped.
    std::string frames(Pfn start, Pfn end) {
        frames_.emplace(start.value, end.value);
        const u64 n = end - start;
        return n == 1 ? fmt::format("pfn {}", start.value)
                      : fmt::format("pfn {}..{}", start.value, end.value);
    }
    std::string table(Pfn pfn) {
        const std::string name = fmt::format("table in pfn {}", pfn.value);
        node(name, m_.is_free(pfn) ? "shape=cylinder, style=dotted" : "shape=cylinder");
        return name;
    }
    // The edges of a range: one for each stretch of frames that are all free, all nobody's, or neither.
    template <class V>
    void map(const std::string& from, const Range<V>& r, bool stale) {
        const std::string_view kind = r.first.writable() ? "RW" : "RO";
        const std::string style = fmt::format(
            "label={}{}{}", stale ? fmt::format("\"stale {}\"", kind) : std::string(kind),
            r.first.writable() ? "" : ", style=dashed", stale ? ", color=red, fontcolor=red" : "");
        const u64 n = r.step ? r.end - r.start : 1;
        for (u64 i = 0, j = 0; i < n; i = j) {
            const auto state = [&](u64 k) {
                return std::pair(m_.is_free(r.at(k).pfn()), is_lost(r.at(k).pfn()));
            };
            for (j = i + 1; j < n && state(j) == state(i); ++j) {
            }
            const auto [low, high] = std::minmax(r.at(i).pfn(), r.at(j - 1).pfn());
            edge(from, frames(low, high + 1), style);
        }
    }

    // ---- the vmemmap
    static std::string name_of(const PteRange& r) {
        return r.end - r.start == 1 ? fmt::format("vmemmap {}", r.start.value)
                                    : fmt::format("vmemmap {}..{}", r.start.value, r.end.value);
    }
    void add_pages(const std::string& id, const std::string& label, const Pages<Vpage>& pages) {
        begin(id, label);
        for (const auto* ranges : {&pages.live, &pages.stale})
            for (const PteRange& r : *ranges) node(name_of(r));
        end();
        for (const PteRange& r : pages.live) {
            if (!r.first.present()) continue;
            const u64 idx = m_.pmd_idx(r.start);
            const std::string pmd = fmt::format("PMD {}", idx);
            node(pmd, "shape=folder");
            if (m_.pmd(idx).kind == Pmd::Kind::table) {
                edge(pmd, table(m_.pmd(idx).pfn), "color=gray50");
                edge(table(m_.pmd(idx).pfn), name_of(r), "color=gray50");
            } else {
                edge(pmd, name_of(r), "label=leaf, color=gray50");
            }
            map(name_of(r), r, false);
        }
        for (const PteRange& r : pages.stale) map(name_of(r), r, true);
    }
    void add_folio(u8 slot) {
        const Span v = vmemmap_of(w_, slot);
        add_pages(
            fmt::format("folio_{}", slot), fmt::format("folio {}: {}", slot, slot_text(w_, slot)),
            laid_out(ptes(m_, v.start, v.end), stale_ptes(m_, v.start, v.end), step_for(v.end - v.start)));
        folios_.push_back(v);
    }
    // Stale translations of no folio in use.
    void add_strays() {
        std::vector<Mapped<Vpage>> stray;
        m_.for_all_stale([&](Vpage v, const Pte& p) {
            const auto has = [&](const Span& f) { return v >= f.start && v < f.end; };
            if (p != m_.translate(v) && std::ranges::none_of(folios_, has)) stray.emplace_back(v, p);
        });
        const auto stale = merge(std::move(stray));
        if (stale.empty()) return;
        add_pages("strays", "vmemmap of no folio in use", laid_out({}, stale, step_for(nr_pages(stale))));
    }

    // ---- percpu
    void add_percpu() {
        const pcpu::Pcpu& p = w_.pcpu();
        for (pcpu::ChunkId id = 0; id < p.chunks.end_id(); ++id)
            if (p.chunks.is_live(id)) add_chunk(p, id);
        for (const VmapArea& a : m_.vmalloc().areas())
            if (a.lazy) add_lazy(a);
    }
    // A unit's pages: one CPU's, cut as its live and stale translations are.
    struct Unit {
        int cpu{};
        Vmap start{};
        Pages<Vmap> pages;
    };
    std::vector<Unit> units_of(const pcpu::Pcpu& p, pcpu::ChunkId id) const {
        std::vector<Unit> out;
        const auto live = ptes_of(w_, id), stale = stale_of(w_, id);
        u64 nr = 0;
        for (const UnitRange& u : live) nr += u.ptes.end - u.ptes.start;
        const auto add = [&](int cpu, Vmap start) {
            const auto of_cpu = [&](const std::vector<UnitRange>& all) {
                std::vector<Range<Vmap>> ranges;
                for (const UnitRange& u : all)
                    if (u.cpu == cpu) ranges.push_back(u.ptes);
                return ranges;
            };
            out.push_back({cpu, start,
                           laid_out(of_cpu(live), of_cpu(stale), step_for(nr), ends_of_areas(p, id, start))});
        };
        pcpu::for_each_possible_cpu(p, [&](int cpu) { add(cpu, p.chunk_vmap(p.chunks[id], cpu, 0)); });
        add(pcpu::no_cpu, Vmap{}); // what must not be: pages of a surplus unit
        return out;
    }
    // The first page and the one behind the last page of each of the chunk's areas, on the CPU whose unit
    // starts at `unit`.
    static Cuts ends_of_areas(const pcpu::Pcpu& p, pcpu::ChunkId id, Vmap unit) {
        Cuts out;
        for (const pcpu::Area& a : p.areas) {
            if (!a.live || a.chunk != id) continue;
            const auto start = static_cast<u64>(a.off), end = start + static_cast<u64>(a.bytes);
            out.insert({unit.value + start / p.page_bytes(), unit.value + (end - 1) / p.page_bytes() + 1});
        }
        return out;
    }
    static std::string name_of(const Range<Vmap>& r) {
        return fmt::format("vmalloc {}..{}", r.start.value, r.end.value);
    }
    static std::string name_of(pcpu::ChunkId id, const Unit& u, const Range<Vmap>& r) {
        if (u.cpu == pcpu::no_cpu) return name_of(r);
        const u64 page = r.start - u.start, n = r.end - r.start;
        return n == 1 ? fmt::format("chunk {} cpu {} page {}", id, u.cpu, page)
                      : fmt::format("chunk {} cpu {} pages {}..{}", id, u.cpu, page, page + n);
    }
    void add_chunk(const pcpu::Pcpu& p, pcpu::ChunkId id) {
        const std::string label = fmt::format("chunk {}{}, list {}", id, kind_of(p, id), view_of(p, id).list);
        const bool mapped = pcpu::Pcpu::is_vmalloc_addr(p.chunks[id].base_addr);
        const std::vector<Unit> units = mapped ? units_of(p, id) : std::vector<Unit>{};
        const std::string base = mapped ? fmt::format("chunk {}: nothing is populated", id)
                                        : fmt::format("chunk {}: direct map, from pfn {}", id,
                                                      p.chunks[id].base_addr / p.page_bytes());
        begin(fmt::format("chunk_{}", id), label);
        bool any = false;
        for (const Unit& u : units)
            for (const auto* ranges : {&u.pages.live, &u.pages.stale})
                for (const Range<Vmap>& r : *ranges) node(name_of(id, u, r)), any = true;
        if (!any) node(base);
        add_areas(p, id, any ? "" : base, units);
        end();
        for (const Unit& u : units) {
            for (const Range<Vmap>& r : u.pages.live) {
                if (const Pte t = m_.vmalloc().table(r.start); t.present())
                    edge(table(t.pfn()), name_of(id, u, r), "color=gray50");
                map(name_of(id, u, r), r, false);
            }
            for (const Range<Vmap>& r : u.pages.stale) map(name_of(id, u, r), r, true);
        }
    }
    // Each area points to its pages on the first CPU: on the others they are the same ones.
    void add_areas(const pcpu::Pcpu& p, pcpu::ChunkId id, const std::string& base,
                   const std::vector<Unit>& units) {
        for (std::size_t i = 0; i < max_areas; ++i) {
            const pcpu::Area& a = p.areas[i];
            if (!a.live || a.chunk != id) continue;
            const auto start = static_cast<u64>(a.off), end = start + static_cast<u64>(a.bytes);
            const std::string name = fmt::format("area {}: {} bytes at {:#x}", i, a.bytes, a.off);
            node(name, "shape=note");
            if (!base.empty()) edge(name, base, "style=dotted, arrowhead=none, constraint=false");
            if (units.empty() || !base.empty()) continue;
            for (const Range<Vmap>& r : units.front().pages.live)
                if ((r.start - units.front().start) * p.page_bytes() < end &&
                    start < (r.end - units.front().start) * p.page_bytes())
                    edge(name, name_of(id, units.front(), r),
                         "style=dotted, arrowhead=none, constraint=false");
        }
    }
    void add_lazy(const VmapArea& a) {
        std::vector<Mapped<Vmap>> found;
        for (Vmap v = a.start; v < a.end; ++v)
            for (const Pte& p : m_.vmalloc().stale(v).pte)
                if (p.present()) found.emplace_back(v, p);
        const auto stale = merge(std::move(found));
        const Pages<Vmap> pages = laid_out({}, stale, step_for(nr_pages(stale)));
        begin(fmt::format("lazy_{}", a.start.value),
              fmt::format("vmalloc {}..{}: given back, not flushed", a.start.value, a.end.value));
        if (pages.stale.empty()) node(fmt::format("vmalloc {}..{}", a.start.value, a.end.value));
        for (const Range<Vmap>& r : pages.stale) node(name_of(r));
        end();
        for (const Range<Vmap>& r : pages.stale) map(name_of(r), r, true);
    }

    // ---- frames
    [[nodiscard]] bool is_drawn(Pfn p) const {
        return std::ranges::any_of(frames_,
                                   [&](const auto& f) { return p.value >= f.first && p.value < f.second; });
    }
    // Frames that were in use at boot or before the last operation and are free, and those that are nobody's.
    [[nodiscard]] std::vector<Range<Pfn>> left() const {
        std::vector<Mapped<Pfn>> out;
        const auto note = [&](const Machine& then) {
            Machine::diff(
                then, m_,
                [&](Pfn p, const Frame&, const Frame&) {
                    if (is_lost(p) || (m_.is_free(p) && !then.is_free(p)))
                        out.emplace_back(p, Pte::map(p, m_.is_free(p)));
                },
                [](PteRef, const Pte&, const Pte&) {}, [](Pfn, const Contents&, const Contents&) {});
        };
        note(World(m_.config()).machine());
        if (before_) note(before_->machine());
        std::erase_if(out, [&](const Mapped<Pfn>& f) { return is_drawn(f.first); });
        return merge(std::move(out));
    }
    [[nodiscard]] bool is_lost(Pfn p) const { return m_.frame(p).owner == Owner::detached; }
    void add_frames() {
        const std::vector<Range<Pfn>> more = left();
        const bool one_by_one = nr_pages(more) <= few;
        for (const Range<Pfn>& r : more)
            for (Pfn p = r.start; p < r.end; p = one_by_one ? p + 1 : r.end)
                (void)frames(p, one_by_one ? p + 1 : r.end);
        begin("free", "free frames");
        for (const auto& [start, end] : frames_)
            if (m_.is_free(Pfn{start})) node(frames(Pfn{start}, Pfn{end}), "style=dotted");
        end();
        for (const auto& [start, end] : frames_)
            node(frames(Pfn{start}, Pfn{end}), is_lost(Pfn{start}) ? "color=orange" : "");
    }

    const World& w_;
    const Machine& m_;
    const World* before_;
    std::string nodes_, edges_;
    std::set<std::string> seen_;           // names of nodes and edges
    std::set<std::pair<u64, u64>> frames_; // [start, end)
    std::vector<Span> folios_;
};

} // namespace

std::string dot(const World& w, const std::string& title, const World* before) {
    return Picture(w, before).whole(title);
}

} // namespace mmodel::show
