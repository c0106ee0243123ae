// SPDX-License-Identifier: GPL-2.0 OR MIT
// Sequences for the percpu allocator.
#include "fuzz/campaign/scenarios.hpp"

namespace mmodel::bench {
namespace {

using enum OpKind;
using Ops = std::vector<Op>;

constexpr u32 KiB = 1024;
constexpr const char* two_cpus = "x86-64 memory=256M";
constexpr const char* two_nodes = "x86-64 nodes=2 memory=256M cpus=0*2,1*2";
constexpr const char* odd_cpus = "x86-64 memory=256M cpus=1,0,1,-,2";
constexpr const char* little_room = "x86-64 vmalloc=64M memory=256M";
constexpr const char* many_cpus = "x86-64 memory=256M cpus=0*64";

Op boot(u32 static_size, u32 reserved, u32 dyn, u32 atom) {
    return {.kind = pcpu_boot, .page = reserved, .to = dyn, .bytes = static_size, .align = atom};
}
Op embedded() { return boot(40 * KiB, 8 * KiB, 28 * KiB, 2048 * KiB); } // as x86-64 boots
Op paged(u32 static_size = 4 * KiB, u32 reserved = 0) {
    return canonical(Op{.kind = pcpu_boot, .on = true, .page = reserved, .bytes = static_size});
}
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
void add_prefixes(std::vector<Scenario>& out, const char* config, const Ops& ops, std::size_t from) {
    for (std::size_t n = from; n <= ops.size(); ++n)
        out.push_back({config, {ops.begin(), ops.begin() + static_cast<long>(n)}});
}

// The first areas fill the first chunk, later ones a chunk of its own; then all goes again.
Ops life_of_a_chunk(const Op& boot) {
    return Ops{boot} + allocs(0, 5, 20 * KiB) + Ops{alloc(5, 4 * KiB, 4 * KiB), lookup(4, 0, 4100)} +
           frees(0, 6) + Ops{balance()};
}

// Chunks of 8 pages: three are filled, then pages of one get free until it is reclaimed.
Ops reclaim(const Op& boot) {
    return Ops{boot} + allocs(0, 30, 4 * KiB, 4 * KiB) + frees(22, 30) + frees(8, 15) + Ops{balance()} +
           frees(15, 22) + Ops{balance(), alloc(8, 4 * KiB), balance()};
}

Ops atomic_ones(const Op& boot) {
    return Ops{boot} + allocs(0, 4, 8 * KiB) +
           Ops{alloc(4, 32 * KiB, 8, true), balance(), alloc(4, 4 * KiB, 8, true),
               alloc(5, 64, 64, true),      free(4),   balance()};
}

} // namespace

std::vector<Scenario> percpu_vm_scenarios() {
    std::vector<Scenario> out;
    for (const char* config : {two_cpus, two_nodes, odd_cpus}) {
        for (const Op& b : {embedded(), paged()}) {
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
    // Units of 18 pages and more: those of 64 CPUs lie under several page tables.
    for (const Op& b : {paged(58000), boot(58000, 0, 20 * KiB, 4 * KiB)}) {
        out.push_back({many_cpus, {b, create(0), run(vm_populate, 0, 0, 5)}});
        out.push_back(
            {many_cpus, {b, create(0), run(vm_populate, 0, 0, 1), create(1), run(vm_populate, 1, 3, 9)}});
    }
    return out;
}

std::vector<Scenario> percpu_scenarios() {
    std::vector<Scenario> out;
    for (const char* config : {two_cpus, two_nodes, odd_cpus, little_room}) {
        out.push_back({config, {embedded()}});
        out.push_back({config, {paged()}});
        add_prefixes(out, config, life_of_a_chunk(embedded()), 4);
        add_prefixes(out, config, life_of_a_chunk(paged()), 4);
        add_prefixes(out, config, atomic_ones(paged()), 5);
        add_prefixes(out, config, reclaim(paged()), 40);
        add_prefixes(out, config,
                     {embedded(),
                      module(0, 4 * KiB),
                      module(1, 8 * KiB),
                      module(2, 100),
                      free(0),
                      {.kind = module_unload, .folio = 2}},
                     2);
    }
    add_prefixes(out, two_nodes, {embedded(), alloc(0, 100), cpu(2, true), lookup(0, 3, 99), cpu(2, false)},
                 3);
    out.push_back({two_cpus, Ops{embedded(), pages_left(6)} + allocs(0, 4, 32 * KiB)});
    out.push_back({two_cpus, Ops{paged(), pages_left(20)} + allocs(0, 12, 32 * KiB)});
    for (const Op& b : {paged(58000), boot(58000, 0, 20 * KiB, 4 * KiB)})
        for (u8 n = 1; n < 4; ++n) out.push_back({many_cpus, Ops{b} + allocs(0, n, 20 * KiB)});
    out.push_back({two_cpus, {boot(1, 0, 0, 4 * KiB), alloc(0, 0), alloc(0, 40 * KiB), alloc(0, 4, 3)}});
    out.push_back(
        {two_cpus, {boot(100 * KiB + 3, 101 * 4, 9, 4 * KiB), alloc(0, 4), alloc(1, 32 * KiB, 4 * KiB)}});
    // Chunks until the vmalloc range is full, and again when they are gone.
    out.push_back({little_room, Ops{boot(2000 * KiB, 0, 28 * KiB, 2048 * KiB)} + allocs(0, 40, 32 * KiB) +
                                    frees(0, 40) + Ops{balance()} + allocs(0, 40, 32 * KiB)});
    return out;
}

} // namespace mmodel::bench
