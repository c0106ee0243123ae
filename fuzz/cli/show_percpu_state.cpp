// SPDX-License-Identifier: GPL-2.0 OR MIT
// The percpu allocator whole, as lines.
#include <fmt/format.h>

#include "fuzz/cli/show.hpp"

namespace mmodel::show {
namespace {

using pcpu::ChunkId;
using pcpu::Pcpu;

void add_layout(const Pcpu& p, std::vector<std::string>& out) {
    const pcpu::Layout& l = p.layout;
    out.push_back(fmt::format(
        "percpu: units of {} ({} pages), atom {}, lists 0..{}, sidelined {}, free {}, to_depopulate {}",
        print_bytes(l.unit_size), l.unit_pages, print_bytes(l.atom_size), l.sidelined_slot - 1,
        l.sidelined_slot, l.free_slot, l.to_depopulate_slot));
    int unit = 0;
    for (std::size_t g = 0; g < l.ai.groups.size(); ++g) {
        std::string cpus;
        for (const int cpu : l.ai.groups[g].cpu_map)
            cpus += cpu == pcpu::no_cpu ? " -" : fmt::format(" {}", cpu);
        out.push_back(fmt::format("  group {} at +{}: units {}..{} of CPUs{}", g,
                                  print_bytes(l.group_offsets[g]), unit, unit + l.ai.groups[g].nr_units,
                                  cpus));
        unit += l.ai.groups[g].nr_units;
    }
}

void add_counters(const Pcpu& p, std::vector<std::string>& out) {
    out.push_back(fmt::format("pcpu_nr_empty_pop_pages {}, pcpu_nr_populated {}, balance {}{}",
                              p.nr_empty_pop_pages, p.nr_populated,
                              p.balance_scheduled ? "scheduled" : "not scheduled",
                              p.atomic_alloc_failed ? ", an atomic allocation has failed" : ""));
}

void add_chunks(const World& w, std::vector<std::string>& out) {
    const Pcpu& p = w.pcpu();
    for (ChunkId id = 0; id < p.chunks.end_id(); ++id) {
        if (!p.chunks.is_live(id)) continue;
        const ChunkView v = view_of(p, id);
        out.push_back(
            fmt::format("chunk {}{}: list {}, {} of {} pages populated ({}), {} empty, {} bytes free, "
                        "largest area {} at {:#x}",
                        id, kind_of(p, id), v.list, v.nr_populated, v.nr_pages, populated_text(v),
                        v.nr_empty_pop_pages, v.free_bytes, v.contig_bytes,
                        p.chunks[id].chunk_md.contig_hint_start * static_cast<int>(pcpu::min_alloc_bytes)));
        if (!Pcpu::is_vmalloc_addr(p.chunks[id].base_addr))
            out.push_back(fmt::format("  in the direct map, from {:#x}", p.chunks[id].base_addr));
        for (const UnitRange& r : ptes_of(w, id)) out.push_back("  " + line(w.machine().geometry(), r));
        for (const UnitRange& r : stale_of(w, id))
            out.push_back("  stale in a TLB: " + line(w.machine().geometry(), r));
    }
}

void add_areas(const Pcpu& p, std::vector<std::string>& out) {
    for (std::size_t i = 0; i < max_areas; ++i)
        if (const pcpu::Area& a = p.areas[i]; a.live)
            out.push_back(fmt::format("area {}: {} bytes at {}:{:#x}", i, a.bytes, a.chunk, a.off));
}

void add_vmalloc(const Machine& m, std::vector<std::string>& out) {
    const Vmalloc& v = m.vmalloc();
    out.push_back(fmt::format("vmalloc: {} areas, {} pages given back and not flushed, {} pages with stale "
                              "translations, {} frames mapped",
                              v.areas().size(), v.nr_lazy_pages(), v.nr_stale(), m.tally.vmalloc));
}

void add_cpus(const Machine& m, std::vector<std::string>& out) {
    std::string text = "CPUs:";
    for (u8 cpu = 0; cpu < m.config().nr_cpu_ids(); ++cpu)
        text += m.config().cpu_possible(cpu)
                    ? fmt::format(" {} on node {}{}", cpu, m.config().cpu_to_node(cpu),
                                  m.is_online(cpu) ? " (online)" : "")
                    : fmt::format(" {} not possible", cpu);
    out.push_back(std::move(text));
}

} // namespace

std::string kind_of(const Pcpu& p, ChunkId id) {
    if (id == p.first_chunk) return " (first)";
    if (id == p.reserved_chunk) return " (reserved)";
    for (std::size_t s = 0; s < max_chunks; ++s)
        if (p.slots[s] == id) return fmt::format(" (slot {})", s);
    return p.chunks[id].isolated ? " (isolated)" : "";
}

std::vector<std::string> percpu_state(const World& w) {
    std::vector<std::string> out;
    const Pcpu& p = w.pcpu();
    if (!p.booted) return out;
    add_layout(p, out);
    add_counters(p, out);
    add_chunks(w, out);
    add_areas(p, out);
    add_vmalloc(w.machine(), out);
    add_cpus(w.machine(), out);
    return out;
}

} // namespace mmodel::show
