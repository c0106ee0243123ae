// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/show_percpu.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace mmodel::show {
namespace {

using pcpu::ChunkId;
using pcpu::Pcpu;

// The kernel's VMALLOC_START where every kernel has the same (x86-64, four levels, no KASLR).
std::string address(const Geometry& g, Vmap v) {
    constexpr u64 x86_vmalloc_start = 0xffffc90000000000;
    const u64 offset = v.value * g.page_bytes;
    if (g.arch.starts_with("x86-64")) return fmt::format("{:#x}", x86_vmalloc_start + offset);
    return fmt::format("vmalloc+{:#x}", offset);
}

bool is_in_vmalloc(const Pcpu& p, ChunkId id) {
    return p.booted && p.chunks.is_live(id) && Pcpu::is_vmalloc_addr(p.chunks[id].base_addr);
}

// Whose unit a page is in: the chunk, the CPU, the page of the unit. `hint` is tried first.
UnitRange unit_at(const Pcpu& p, Vmap v, ChunkId hint) {
    const auto in_chunk = [&](ChunkId id) -> std::optional<UnitRange> {
        if (!is_in_vmalloc(p, id)) return std::nullopt;
        std::optional<UnitRange> found;
        for_each_possible_cpu(p, [&](int cpu) {
            const Vmap start = p.chunk_vmap(p.chunks[id], cpu, 0);
            if (v >= start && v < start + static_cast<u64>(p.chunks[id].nr_pages))
                found = UnitRange{id, cpu, static_cast<int>(v - start), {}};
        });
        return found;
    };
    if (auto u = in_chunk(hint)) return *u;
    for (ChunkId id = 0; id < p.chunks.end_id(); ++id)
        if (auto u = in_chunk(id)) return *u;
    return {};
}

// Ranges, cut at the ends of units.
std::vector<UnitRange> by_unit(const Pcpu& p, const Pcpu& otherwise, std::vector<Mapped<Vmap>> pages) {
    std::ranges::sort(pages, {}, &Mapped<Vmap>::first);
    std::vector<std::pair<UnitRange, std::vector<Mapped<Vmap>>>> units;
    for (const auto& page : pages) {
        const ChunkId hint = units.empty() ? pcpu::no_chunk : units.back().first.chunk;
        UnitRange u = unit_at(p, page.first, hint);
        if (u.chunk == pcpu::no_chunk) u = unit_at(otherwise, page.first, hint);
        if (units.empty() || units.back().first.chunk != u.chunk || units.back().first.cpu != u.cpu)
            units.emplace_back(u, std::vector<Mapped<Vmap>>{});
        units.back().second.push_back(page);
    }
    std::vector<UnitRange> out;
    for (const auto& [u, mapped] : units)
        for (const Range<Vmap>& r : merge(mapped)) {
            out.push_back(u);
            out.back().start_page += static_cast<int>(r.start - mapped.front().first);
            out.back().ptes = r;
        }
    return out;
}

std::string list_name(const Pcpu& p, ChunkId id) {
    const int list = p.chunks.list_of(id);
    if (list == pcpu::no_list) return "none";
    if (list == p.layout.sidelined_slot) return "sidelined";
    if (list == p.layout.free_slot) return "free";
    if (list == p.layout.to_depopulate_slot) return "to_depopulate";
    return std::to_string(list);
}

std::vector<PercpuChange::Chunk> changed_chunks(const Pcpu& a, const Pcpu& b) {
    std::vector<PercpuChange::Chunk> out;
    for (ChunkId id = 0; id < std::max(a.chunks.end_id(), b.chunks.end_id()); ++id) {
        PercpuChange::Chunk c;
        if (a.chunks.is_live(id)) c.before = view_of(a, id);
        if (b.chunks.is_live(id)) c.after = view_of(b, id);
        const bool another = c.before && c.after && c.before->base_addr != c.after->base_addr;
        if (another) out.push_back({std::exchange(c.before, std::nullopt), std::nullopt});
        if (c.before != c.after) out.push_back(std::move(c));
    }
    return out;
}

void note_boot(const World& w, std::vector<std::string>& notes) {
    const Pcpu& p = w.pcpu();
    const auto a = pcpu::first_chunk_areas(p.sizes, p.layout.ai);
    notes.push_back(fmt::format(
        "first chunk: static {}, reserved {}, dynamic {} bytes in units of {}, {} groups, {} units",
        print_bytes(a.static_size), print_bytes(a.reserved_size), print_bytes(a.dyn_size),
        print_bytes(p.layout.unit_size), p.layout.group_offsets.size(), p.layout.nr_units));
    if (p.nr_embedded_frames)
        notes.push_back(fmt::format("embedded from pfn {}: {} frames", p.base_addr / p.page_bytes(),
                                    p.nr_embedded_frames));
}

void note_pcpu(const Pcpu& a, const Pcpu& b, std::vector<std::string>& notes) {
    const auto moved = [&](const char* what, i64 from, i64 to) {
        if (from != to) notes.push_back(fmt::format("{} {} -> {}", what, from, to));
    };
    moved("pcpu_nr_empty_pop_pages", a.nr_empty_pop_pages, b.nr_empty_pop_pages);
    moved("pcpu_nr_populated", a.nr_populated, b.nr_populated);
    if (b.atomic_alloc_failed != a.atomic_alloc_failed)
        notes.push_back(b.atomic_alloc_failed ? "pcpu_atomic_alloc_failed is set"
                                              : "pcpu_atomic_alloc_failed is cleared");
    if (b.balance_scheduled && !a.balance_scheduled) notes.push_back("the balance worker is scheduled");
    if (a.pages.empty() && !b.pages.empty())
        notes.push_back(fmt::format("pcpu_get_pages(): an array of {} pages", b.pages.size()));
}

void note_vmalloc(const Geometry& g, const Vmalloc& a, const Vmalloc& b, std::vector<std::string>& notes) {
    const auto text = [&](const VmapArea& v) {
        return fmt::format("{}: vmalloc {}..{}", address(g, v.start), v.start.value, v.end.value);
    };
    const auto is_in = [](const Vmalloc& m, const VmapArea& v) {
        return std::ranges::count(m.areas(), v) > 0;
    };
    for (const VmapArea& v : a.areas())
        if (v.lazy && !is_in(b, v)) notes.push_back(text(v) + " purged");
    for (const VmapArea& v : b.areas())
        if (!is_in(a, v))
            notes.push_back(text(v) + (v.lazy ? " given back, not to be had before a flush" : " reserved"));
    Vmalloc::diff(
        a, b, [](Vmap, const Pte&, const Pte&) {},
        [&](Vmap v, const Pte&, const Pte& now) {
            notes.push_back(fmt::format("{}: page table in pfn {}", address(g, v), now.pfn().value));
        });
}

std::string chunk_line(const ChunkView& v) {
    return fmt::format("list {}, {} of {} pages populated ({}), {} empty, {} bytes free", v.list,
                       v.nr_populated, v.nr_pages, populated_text(v), v.nr_empty_pop_pages, v.free_bytes);
}

std::string line(const PercpuChange::Chunk& c) {
    if (!c.before) return fmt::format("chunk {} created: {}", c.after->id, chunk_line(*c.after));
    if (!c.after) return fmt::format("chunk {} destroyed", c.before->id);
    const ChunkView &a = *c.before, &b = *c.after;
    std::string out = fmt::format("chunk {}:", b.id), comma = " ";
    const auto add = [&](const std::string& s) { out += comma + s, comma = ", "; };
    if (a.list != b.list) add(fmt::format("list {} -> {}", a.list, b.list));
    if (a.isolated != b.isolated) add(b.isolated ? "isolated" : "reintegrated");
    if (a.populated != b.populated)
        add(fmt::format("populated {} -> {}", populated_text(a), populated_text(b)));
    if (a.nr_empty_pop_pages != b.nr_empty_pop_pages)
        add(fmt::format("empty pages {} -> {}", a.nr_empty_pop_pages, b.nr_empty_pop_pages));
    if (a.free_bytes != b.free_bytes) add(fmt::format("bytes free {} -> {}", a.free_bytes, b.free_bytes));
    if (a.contig_bytes != b.contig_bytes)
        add(fmt::format("largest area {} -> {}", a.contig_bytes, b.contig_bytes));
    return out;
}

std::vector<UnitRange> units_of(const World& w, ChunkId id, bool stale) {
    const Pcpu& p = w.pcpu();
    const Vmalloc& m = w.machine().vmalloc();
    std::vector<Mapped<Vmap>> found;
    if (!is_in_vmalloc(p, id)) return {};
    const u64 base = (p.chunks[id].base_addr - vmalloc_start) / p.page_bytes();
    for (std::size_t g = 0; g < p.layout.group_offsets.size(); ++g) {
        const u64 start = base + p.layout.group_offsets[g] / p.page_bytes();
        const u64 end = start + p.layout.group_sizes[g] / p.page_bytes();
        for (u64 v = start; v < end; ++v) {
            if (!stale && m.pte(Vmap{v}).present()) found.emplace_back(Vmap{v}, m.pte(Vmap{v}));
            for (const Pte& pte : m.stale(Vmap{v}).pte)
                if (stale && pte.present() && pte != m.pte(Vmap{v})) found.emplace_back(Vmap{v}, pte);
        }
    }
    std::vector<UnitRange> out = by_unit(p, p, std::move(found));
    // The reserved chunk's pages lie among those of the first chunk's units.
    std::erase_if(out, [&](const UnitRange& u) { return u.chunk != id && u.chunk != pcpu::no_chunk; });
    return out;
}

} // namespace

ChunkView view_of(const Pcpu& p, ChunkId id) {
    const pcpu::Chunk& c = p.chunks[id];
    ChunkView v{.id = id,
                .base_addr = c.base_addr,
                .list = list_name(p, id),
                .nr_pages = c.nr_pages,
                .nr_populated = c.nr_populated,
                .nr_empty_pop_pages = c.nr_empty_pop_pages,
                .free_bytes = c.free_bytes,
                .contig_bytes = c.chunk_md.contig_hint * static_cast<int>(pcpu::min_alloc_bytes),
                .isolated = c.isolated};
    pcpu::for_each_run(p, id, true, 0, c.nr_pages, [&](int start, int end) {
        v.populated.emplace_back(start, end);
        return true;
    });
    return v;
}

PercpuChange percpu_change(const World& before, const World& after) {
    const Machine &a = before.machine(), &b = after.machine();
    PercpuChange c;
    if (&before.pcpu() != &after.pcpu()) {
        if (after.pcpu().booted && !before.pcpu().booted) note_boot(after, c.notes);
        c.chunks = changed_chunks(before.pcpu(), after.pcpu());
        note_pcpu(before.pcpu(), after.pcpu(), c.notes);
    }
    note_vmalloc(b.geometry(), a.vmalloc(), b.vmalloc(), c.notes);
    for (u8 cpu = 0; cpu < b.config().nr_cpu_ids(); ++cpu)
        if (a.is_online(cpu) != b.is_online(cpu))
            c.notes.push_back(fmt::format("CPU {} is {}", cpu, b.is_online(cpu) ? "online" : "offline"));
    std::vector<Mapped<Vmap>> mapped;
    Vmalloc::diff(
        a.vmalloc(), b.vmalloc(), [&](Vmap v, const Pte&, const Pte& now) { mapped.emplace_back(v, now); },
        [](Vmap, const Pte&, const Pte&) {});
    c.ptes = by_unit(after.pcpu(), before.pcpu(), std::move(mapped));
    c.objects = b.tally.objects - a.tally.objects;
    return c;
}

std::vector<std::string> lines(const Geometry& g, const PercpuChange& c) {
    std::vector<std::string> out = c.notes;
    for (const PercpuChange::Chunk& chunk : c.chunks) out.push_back(line(chunk));
    for (const UnitRange& r : c.ptes) out.push_back(line(g, r));
    if (c.objects) out.push_back(fmt::format("objects {:+}", c.objects));
    return out;
}

std::string percpu_result(const Outcome& o, OpKind kind) {
    switch (percpu_op(kind)) {
    case PercpuOp::pcpu_alloc:
    case PercpuOp::module_load: return fmt::format("= {}:{:#x}", o.value >> 32, o.value & 0xffffffff);
    case PercpuOp::pcpu_lookup: return o.value == ~u64{0} ? "= not mapped" : fmt::format("= {:#x}", o.value);
    case PercpuOp::vm_create: return fmt::format("= chunk {}", o.value);
    case PercpuOp::vm_should_reclaim: return o.value ? "= yes" : "= no";
    case PercpuOp::pcpu_boot:
    case PercpuOp::pcpu_free:
    case PercpuOp::pcpu_balance:
    case PercpuOp::module_unload:
    case PercpuOp::cpu_online:
    case PercpuOp::vm_populate:
    case PercpuOp::vm_depopulate:
    case PercpuOp::vm_destroy: return name(o.err);
    }
    return {};
}

std::string line(const Geometry& g, const UnitRange& r) {
    const u64 n = r.ptes.end - r.ptes.start;
    std::string where = fmt::format("{}: ", address(g, r.ptes.start));
    if (r.chunk == pcpu::no_chunk)
        where += fmt::format("vmalloc {}..{}", r.ptes.start.value, r.ptes.end.value);
    else
        where += fmt::format("chunk {} cpu {} pages {}..{}", r.chunk, r.cpu, r.start_page,
                             r.start_page + static_cast<int>(n));
    return where + " " + r.ptes.text();
}

std::string populated_text(const ChunkView& v) {
    std::string out;
    for (const auto& [start, end] : v.populated)
        out += fmt::format("{}{}..{}", out.empty() ? "" : ", ", start, end);
    return out.empty() ? "none" : out;
}

std::vector<UnitRange> ptes_of(const World& w, ChunkId id) { return units_of(w, id, false); }
std::vector<UnitRange> stale_of(const World& w, ChunkId id) { return units_of(w, id, true); }

} // namespace mmodel::show
