// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/percpu/layout.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>

namespace mmodel::pcpu {

namespace {

using std::unexpected;
using Error = std::optional<std::string>;

constexpr u64 round_up(u64 n, u64 unit) { return (n + unit - 1) / unit * unit; }

constexpr u64 int_max = std::numeric_limits<int>::max();
constexpr auto too_large = "a size does not fit: units are measured by an int";

std::string cpu_name(int cpu) { return "CPU " + std::to_string(cpu); }

// ---- pcpu_build_alloc_info()

Error why_no_layout(const Sizes& s, u64 reserved_size, u64 dyn_size, u64 atom_size, u64 static_size,
                    const CpuMap& cpus) {
    if (cpus.nr_possible() == 0) return "no CPU is possible";
    if (std::ranges::any_of(cpus.node_of_cpu, [](int nid) { return nid >= int{max_nodes}; }))
        return "a CPU is on a node that no machine has";
    if (static_size == 0) return "the static area is empty";
    if (atom_size == 0 || atom_size % s.page_bytes) return "the atom size is not a whole number of pages";
    for (const u64 n : {reserved_size, dyn_size, atom_size, static_size})
        if (n > int_max) return too_large;
    return std::nullopt;
}

// The CPUs of each group, ascending: the first CPU left opens one and takes all that are local to it both
// ways.
std::vector<std::vector<int>> group_cpus(const CpuMap& cpus, Grouping grouping) {
    const auto together = [&](int a, int b) {
        return grouping == Grouping::one_group ||
               (cpus.distance(a, b) == local_distance && cpus.distance(b, a) == local_distance);
    };
    std::vector<std::vector<int>> groups;
    for (int cpu = 0; cpu < cpus.nr_cpu_ids(); ++cpu) {
        if (!cpus.possible(cpu)) continue;
        // Only its opener decides who is in a group: being local need not be transitive.
        const auto mine = std::ranges::find_if(groups, [&](const auto& g) { return together(g[0], cpu); });
        if (mine != groups.end())
            mine->push_back(cpu);
        else
            groups.push_back({cpu});
    }
    return groups;
}

// How many units an allocation can hold, each a whole number of pages.
bool divides(const Sizes& s, u64 alloc_size, u64 upa) {
    return alloc_size % upa == 0 && alloc_size / upa % s.page_bytes == 0;
}

// Units per allocation: the fewest allocations, and of those the fewest units an allocation, as long as no
// more than a third of the CPUs' number goes to waste. One unit an allocation wastes nothing, so there is an
// answer.
u64 choose_upa(const Sizes& s, u64 alloc_size, u64 max_upa, const std::vector<std::vector<int>>& groups) {
    u64 nr_cpus = 0, best_upa = 1, last_allocs = int_max;
    for (const auto& g : groups) nr_cpus += g.size();
    for (u64 upa = max_upa; upa; --upa) {
        if (!divides(s, alloc_size, upa)) continue;
        u64 allocs = 0;
        for (const auto& g : groups) allocs += (g.size() + upa - 1) / upa;
        if (allocs * upa - nr_cpus > nr_cpus / 3) continue;
        if (allocs > last_allocs) break;
        last_allocs = allocs;
        best_upa = upa;
    }
    return best_upa;
}

// ---- pcpu_setup_first_chunk()

// The kernel's PCPU_SETUP_BUG_ON()s on sizes, and pcpu_dump_alloc_info()'s BUG_ON().
Error why_sizes_impossible(const Sizes& s, const AllocInfo& ai) {
    if (ai.groups.empty()) return "there is no group";
    if (ai.static_size == 0) return "the static area is empty";
    for (const u64 n : {ai.static_size, ai.reserved_size, ai.dyn_size})
        if (n > ai.unit_size) return "a unit is smaller than one of its parts";
    if (ai.static_size + ai.reserved_size + ai.dyn_size > ai.unit_size)
        return "a unit is smaller than its parts";
    if (ai.unit_size > int_max) return too_large;
    if (ai.unit_size % s.page_bytes) return "a unit is not a whole number of pages";
    if (ai.unit_size < s.min_unit_bytes) return "a unit is smaller than the smallest there can be";
    if (ai.dyn_size < s.dynamic_early) return "the dynamic area is too small for an early boot";
    if (ai.reserved_size % min_alloc_bytes)
        return "the reserved area is not a multiple of the smallest allocation";
    if (ai.alloc_size < ai.unit_size) return "an allocation is smaller than a unit";
    const u64 upa = ai.alloc_size / ai.unit_size;
    for (const auto& g : ai.groups) {
        if (g.nr_units < 0 || static_cast<u64>(g.nr_units) != g.cpu_map.size())
            return "a group does not say for each of its units whose it is";
        if (static_cast<u64>(g.nr_units) % upa) return "a group is not made of whole allocations";
    }
    return std::nullopt;
}

// Gives a unit to its CPU.
Error place(Layout& l, const CpuMap& cpus, int cpu, int unit, u64 offset) {
    if (cpu < 0 || cpu >= cpus.nr_cpu_ids()) return cpu_name(cpu) + " has a unit but does not exist";
    const auto i = static_cast<std::size_t>(cpu);
    if (!cpus.possible(cpu)) return cpu_name(cpu) + " has a unit but is not possible";
    if (l.unit_map[i] != -1) return cpu_name(cpu) + " has two units";
    l.unit_map[i] = unit;
    l.unit_offsets[i] = offset;
    const auto offset_of = [&](int c) { return l.unit_offsets[static_cast<std::size_t>(c)]; };
    if (l.low_unit_cpu == no_cpu || offset < offset_of(l.low_unit_cpu)) l.low_unit_cpu = cpu;
    if (l.high_unit_cpu == no_cpu || offset > offset_of(l.high_unit_cpu)) l.high_unit_cpu = cpu;
    return std::nullopt;
}

Error place_units(Layout& l, const CpuMap& cpus) {
    l.unit_map.assign(cpus.node_of_cpu.size(), -1);
    l.unit_offsets.assign(cpus.node_of_cpu.size(), 0);
    l.low_unit_cpu = l.high_unit_cpu = no_cpu;
    for (const auto& g : l.ai.groups) {
        l.group_offsets.push_back(g.base_offset);
        l.group_sizes.push_back(static_cast<u64>(g.nr_units) * l.ai.unit_size);
        for (std::size_t i = 0; i < g.cpu_map.size(); ++i) {
            if (g.cpu_map[i] == no_cpu) continue;
            const int unit = l.nr_units + static_cast<int>(i);
            if (auto e = place(l, cpus, g.cpu_map[i], unit,
                               arithmetic::unit_offset(g.base_offset, u64{i}, l.ai.unit_size)))
                return e;
        }
        l.nr_units += g.nr_units;
    }
    for (int cpu = 0; cpu < cpus.nr_cpu_ids(); ++cpu)
        if (cpus.possible(cpu) && l.unit_map[static_cast<std::size_t>(cpu)] == -1)
            return cpu_name(cpu) + " has no unit";
    return std::nullopt;
}

// mm/percpu.c: __pcpu_size_to_slot(). Sizes below 32 bytes share a slot.
int raw_size_to_slot(int size) {
    constexpr int base_shift = 5; // PCPU_SLOT_BASE_SHIFT
    return std::max(static_cast<int>(std::bit_width(static_cast<u32>(size))) - base_shift + 2, 1);
}

} // namespace

int CpuMap::nr_possible() const {
    return static_cast<int>(std::ranges::count_if(node_of_cpu, [](int nid) { return nid >= 0; }));
}

CpuMap cpus_on_nodes(std::vector<int> node_of_cpu) {
    CpuMap m{.node_of_cpu = std::move(node_of_cpu)};
    for (std::size_t a = 0; a < max_nodes; ++a)
        for (std::size_t b = 0; b < max_nodes; ++b)
            m.node_distance[a][b] = a == b ? local_distance : remote_distance;
    return m;
}

std::expected<AllocInfo, std::string> pcpu_build_alloc_info(const Sizes& s, u64 reserved_size, u64 dyn_size,
                                                            u64 atom_size, u64 static_size,
                                                            const CpuMap& cpus, Grouping grouping) {
    if (auto e = why_no_layout(s, reserved_size, dyn_size, atom_size, static_size, cpus))
        return unexpected(*e);

    const u64 least_dyn = std::max<u64>(dyn_size, s.dynamic_early);
    const u64 size_sum = round_up(static_size + reserved_size + least_dyn, s.page_bytes);
    const u64 min_unit_size = std::max<u64>(size_sum, s.min_unit_bytes);
    const u64 alloc_size = round_up(min_unit_size, atom_size);
    u64 max_upa = alloc_size / min_unit_size;
    while (!divides(s, alloc_size, max_upa)) --max_upa;

    const auto groups = group_cpus(cpus, grouping);
    const u64 upa = choose_upa(s, alloc_size, max_upa, groups);
    AllocInfo ai{.static_size = static_size,
                 .reserved_size = reserved_size,
                 .dyn_size = size_sum - static_size - reserved_size,
                 .unit_size = alloc_size / upa,
                 .atom_size = atom_size,
                 .alloc_size = alloc_size};
    if (ai.unit_size > int_max) return unexpected(too_large);
    u64 unit = 0;
    for (const auto& cpu_list : groups) {
        const u64 nr_units = round_up(cpu_list.size(), upa);
        ai.groups.push_back({static_cast<int>(nr_units), unit * ai.unit_size, cpu_list});
        ai.groups.back().cpu_map.resize(nr_units, no_cpu);
        unit += nr_units;
    }
    return ai;
}

u64 Layout::hash() const {
    u64 h = fold(fold(ai.static_size, ai.reserved_size), fold(ai.dyn_size, ai.alloc_size));
    h = fold(h, fold(unit_size, atom_size));
    for (const auto& g : ai.groups) {
        h = fold(h, fold(static_cast<u64>(g.nr_units), g.base_offset));
        for (const int cpu : g.cpu_map) h = fold(h, static_cast<u64>(cpu));
    }
    return h; // the rest follows from these
}

std::expected<Layout, std::string> make_layout(const Sizes& s, const AllocInfo& ai, const CpuMap& cpus) {
    if (auto e = why_sizes_impossible(s, ai)) return unexpected(*e);
    Layout l{.ai = ai,
             .unit_pages = static_cast<int>(ai.unit_size / s.page_bytes),
             .unit_size = ai.unit_size,
             .atom_size = ai.atom_size};
    if (auto e = place_units(l, cpus)) return unexpected(*e);
    l.sidelined_slot = raw_size_to_slot(static_cast<int>(l.unit_size)) + 1;
    l.free_slot = l.sidelined_slot + 1;
    l.to_depopulate_slot = l.free_slot + 1;
    l.nr_slots = l.to_depopulate_slot + 1;
    return l;
}

FirstChunkAreas first_chunk_areas(const Sizes& s, const AllocInfo& ai) {
    const u64 static_size = round_up(ai.static_size, min_alloc_bytes);
    return {.static_size = static_size,
            .reserved_size = ai.reserved_size,
            .dyn_size = ai.dyn_size - (static_size - ai.static_size),
            .nr_populated = (ai.static_size + ai.reserved_size + ai.dyn_size) / s.page_bytes};
}

int pcpu_size_to_slot(const Layout& l, int size) {
    return static_cast<u64>(size) == l.unit_size ? l.free_slot : raw_size_to_slot(size);
}

int pcpu_chunk_slot(const Layout& l, const Chunk& chunk) {
    constexpr int piece = static_cast<int>(min_alloc_bytes);
    if (chunk.free_bytes < piece || chunk.chunk_md.contig_hint == 0) return 0;
    return pcpu_size_to_slot(l, chunk.chunk_md.contig_hint * piece);
}

} // namespace mmodel::pcpu
