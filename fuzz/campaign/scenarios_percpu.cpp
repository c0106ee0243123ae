// SPDX-License-Identifier: GPL-2.0 OR MIT
// Sequences for the percpu allocator.
#include <algorithm>

#include "fuzz/campaign/scenarios.hpp"
#include "model/percpu/chunk.hpp"

namespace mmodel::bench {
namespace {

using enum OpKind;
using Ops = std::vector<Op>;

// Sizes and machines of a geometry. Most sequences have units of 8 pages: on x86-64 the smallest there are,
// and the largest area is as large; elsewhere an area fills less of a unit, and it takes more of them.
struct Room {
    u32 page, largest; // bytes of a page, of the largest area
    u32 reserve, atom; // PERCPU_DYNAMIC_RESERVE; what embedded units are aligned to
    u8 more;           // times as many areas as on x86-64
    u32 table;         // entries
    std::string two_cpus, two_nodes, odd_cpus, little_room, many_cpus;

    [[nodiscard]] u8 times(unsigned n) const { return static_cast<u8>(std::min(n * more, 40u)); }
    [[nodiscard]] u32 part(u32 eighths) const { return largest / 8 * eighths; }
};

// `grains`: of the least memory that a node can have.
Room room_of(const std::string& geometry, u64 grains = 2) {
    const Geometry g = parse_config(geometry)->geometry;
    const pcpu::Sizes s = pcpu::sizes_of(g);
    const bool tiny = g.page_bytes < 4096;
    const u64 grain = u64{g.ptrs_per_pte} * g.page_bytes / g.struct_page_bytes * g.page_bytes;
    const std::string memory = tiny ? "" : " memory=" + print_bytes(grain * grains);
    return {.page = g.page_bytes,
            .largest = s.min_unit_bytes,
            .reserve = s.dynamic_reserve,
            .atom = g.ptrs_per_pte <= 512 ? g.ptrs_per_pte * g.page_bytes : g.page_bytes, // arm64: a page
            .more = static_cast<u8>(std::max(8 * g.page_bytes / s.min_unit_bytes, 1u)),
            .table = g.ptrs_per_pte,
            .two_cpus = geometry + memory,
            .two_nodes = geometry + " nodes=2" + memory + " cpus=0*2,1*2",
            .odd_cpus = geometry + memory + " cpus=1,0,1,-,2",
            .little_room =
                geometry + memory + " vmalloc=" + print_bytes(u64{g.page_bytes} * (tiny ? 128 : 16384)),
            .many_cpus = geometry + memory + (tiny ? " cpus=0*4" : " cpus=0*64")};
}

bool is_tiny(const Room& r) { return r.page < 4096; }

Op boot(u32 static_size, u32 reserved, u32 dyn, u32 atom) {
    return {.kind = pcpu_boot, .page = reserved, .to = dyn, .bytes = static_size, .align = atom};
}
Op embedded(const Room& r) { return boot(10 * r.page, 2 * r.page, 7 * r.page, r.atom); }
Op paged(u32 static_size) { return canonical(Op{.kind = pcpu_boot, .on = true, .bytes = static_size}); }
Op paged(const Room& r) { return paged(8 * r.page - r.reserve); } // units of 8 pages
Op alloc(u8 slot, u32 bytes, u32 align = 8, bool atomic = false) {
    return {.kind = pcpu_alloc, .folio = slot, .on = atomic, .bytes = bytes, .align = align};
}
Op free(u8 slot) { return {.kind = pcpu_free, .folio = slot}; }
Op balance() { return {.kind = pcpu_balance}; }
Op module(u8 slot, u32 bytes) { return {.kind = module_load, .folio = slot, .bytes = bytes, .align = 64}; }
Op cpu(u8 n, bool on) { return {.kind = cpu_online, .nid = n, .on = on}; }
Op lookup(u8 slot, u8 n, u32 byte) { return {.kind = pcpu_lookup, .folio = slot, .nid = n, .page = byte}; }
Op pages_left(u32 n) { return {.kind = take_pages, .page = n}; }
Op create(u8 slot) { return {.kind = vm_create, .folio = slot}; }
Op run(OpKind kind, u8 slot, u32 start, u32 end) {
    return {.kind = kind, .folio = slot, .page = start, .to = end};
}
Op on_chunk(OpKind kind, u8 slot) { return {.kind = kind, .folio = slot}; }

Ops operator+(Ops a, const Ops& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Ops allocs(u8 first, u8 end, u32 bytes, u32 align = 8) {
    Ops out;
    for (u8 i = first; i < end; ++i) out.push_back(alloc(i, bytes, align));
    return out;
}
Ops frees(u8 first, u8 end, u8 step = 1) {
    Ops out;
    for (u8 i = first; i < end; i = static_cast<u8>(i + step)) out.push_back(free(i));
    return out;
}

// Each prefix of a sequence from `from` operations on, so that each of the later ones is swept.
void add_prefixes(std::vector<Scenario>& out, const std::string& config, const Ops& ops, std::size_t from) {
    for (std::size_t n = from; n <= ops.size(); ++n)
        out.push_back({config, {ops.begin(), ops.begin() + static_cast<long>(n)}});
}

// The first areas fill the first chunk, later ones a chunk of its own; then all goes again.
Ops life_of_a_chunk(const Room& r, const Op& boot) {
    const u8 n = r.times(5);
    return Ops{boot} + allocs(0, n, r.part(5)) +
           Ops{alloc(n, r.page, r.page), lookup(static_cast<u8>(n - 1), 0, r.page + 4)} +
           frees(0, static_cast<u8>(n + 1)) + Ops{balance()};
}

// Chunks of 8 pages: three are filled, then pages of one get free until it is reclaimed.
Ops reclaim(const Room& r, const Op& boot) {
    return Ops{boot} + allocs(0, 30, r.page, r.page) + frees(22, 30) + frees(8, 15) + Ops{balance()} +
           frees(15, 22) + Ops{balance(), alloc(8, r.page), balance()};
}

Ops atomic_ones(const Room& r, const Op& boot) {
    const u32 two_pages = std::min(2 * r.page, r.largest);
    const u8 n = static_cast<u8>(8 * r.page / two_pages), next = static_cast<u8>(n + 1);
    return Ops{boot} + allocs(0, n, two_pages) +
           Ops{alloc(n, r.largest, 8, true), balance(), alloc(n, r.page, 8, true),
               alloc(next, 64, 64, true),    free(n),   balance()};
}

// Those of all CPUs lie under several page tables, or one unit lies under two. The second kind has 20 pages.
constexpr u8 long_unit_pages = 20;
Ops long_units(const Room& r) {
    const u32 static_size = r.page / 512 * 7250; // not whole pages
    return {paged(static_size), boot(static_size, 0, 5 * r.page, r.page)};
}

// So large that few chunks fill the vmalloc range.
Op large_units(const Room& r) {
    return is_tiny(r) ? boot(25 * r.page, 0, 7 * r.page, 32 * r.page)
                      : boot(500 * r.page, 0, 7 * r.page, 512 * r.page);
}

} // namespace

std::vector<std::string> percpu_configs(const std::string& geometry) {
    const Room r = room_of(geometry), larger = room_of(geometry, 4);
    return {geometry, larger.two_nodes, r.odd_cpus, r.little_room, larger.many_cpus};
}

std::vector<Scenario> percpu_vm_scenarios(const std::string& geometry) {
    const Room r = room_of(geometry);
    std::vector<Scenario> out;
    for (const std::string& config : {r.two_cpus, r.two_nodes, r.odd_cpus}) {
        for (const Op& b : {embedded(r), paged(r)}) {
            const Ops ops{b,
                          create(0),
                          run(vm_populate, 0, 1, 3),
                          run(vm_populate, 0, 5, 8),
                          on_chunk(vm_should_reclaim, 0),
                          run(vm_depopulate, 0, 1, 2),
                          run(vm_populate, 0, 0, 2),
                          create(1),
                          run(vm_populate, 1, 2, 4),
                          on_chunk(vm_destroy, 0),
                          create(0),
                          run(vm_populate, 0, 1, 3)};
            add_prefixes(out, config, ops, 2);
        }
    }
    for (const Op& b : long_units(r)) {
        out.push_back({r.many_cpus, {b, create(0), run(vm_populate, 0, 0, 5)}});
        out.push_back(
            {r.many_cpus, {b, create(0), run(vm_populate, 0, 0, 1), create(1), run(vm_populate, 1, 3, 9)}});
    }
    if (const u8 nr = static_cast<u8>(r.table / (64u * long_unit_pages))) { // chunks under the last table
        Ops ops{long_units(r).back()};
        for (u8 i = 0; i <= nr; ++i) ops.push_back(create(i));
        out.push_back({r.many_cpus, ops + Ops{run(vm_populate, nr, 0, long_unit_pages)}});
    }
    return out;
}

std::vector<Scenario> percpu_scenarios(const std::string& geometry) {
    const Room r = room_of(geometry);
    std::vector<Scenario> out;
    for (const std::string& config : {r.two_cpus, r.two_nodes, r.odd_cpus, r.little_room}) {
        out.push_back({config, {embedded(r)}});
        out.push_back({config, {paged(r)}});
        add_prefixes(out, config, life_of_a_chunk(r, embedded(r)), r.times(5) - 1u);
        add_prefixes(out, config, life_of_a_chunk(r, paged(r)), r.times(5) - 1u);
        add_prefixes(out, config, atomic_ones(r, paged(r)), 5);
        add_prefixes(out, config, reclaim(r, paged(r)), 40);
        add_prefixes(out, config,
                     {embedded(r),
                      module(0, r.page),
                      module(1, 2 * r.page),
                      module(2, 100),
                      free(0),
                      {.kind = module_unload, .folio = 2}},
                     2);
    }
    add_prefixes(out, r.two_nodes,
                 {embedded(r), alloc(0, 100), cpu(2, true), lookup(0, 3, 99), cpu(2, false)}, 3);
    out.push_back({r.two_cpus, Ops{embedded(r), pages_left(6)} + allocs(0, r.times(4), r.largest)});
    out.push_back({r.two_cpus, Ops{paged(r), pages_left(20)} + allocs(0, r.times(12), r.largest)});
    for (const Op& b : long_units(r))
        for (u8 n = 1; n < 4; ++n) out.push_back({r.many_cpus, Ops{b} + allocs(0, n, r.part(5))});
    out.push_back(
        {r.two_cpus, {boot(1, 0, 0, r.page), alloc(0, 0), alloc(0, r.largest + r.page), alloc(0, 4, 3)}});
    out.push_back(
        {r.two_cpus, {boot(25 * r.page + 3, 101 * 4, 9, r.page), alloc(0, 4), alloc(1, r.largest, r.page)}});
    // Chunks until the vmalloc range is full, and again when they are gone.
    out.push_back({r.little_room, Ops{large_units(r)} + allocs(0, 40, r.largest) + frees(0, 40) +
                                      Ops{balance()} + allocs(0, 40, r.largest)});
    return out;
}

} // namespace mmodel::bench
