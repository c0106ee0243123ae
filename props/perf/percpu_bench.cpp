// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the percpu allocator costs, on the model. Rates are per machine event; compare only figures of one
// run.
#include <benchmark/benchmark.h>

#include "spec/judge/check.hpp"
#include "model/step.hpp"

using namespace mmodel;

namespace {

World booted(const char* config, const Op& boot) {
    World w(*parse_config(config));
    (void)spec::checked_advance(w, boot);
    return w;
}

// As x86-64 boots.
constexpr Op embedded{
    .kind = OpKind::pcpu_boot, .page = 8 << 10, .to = 28 << 10, .bytes = 100'000, .align = 2 << 20};
constexpr Op create{.kind = OpKind::vm_create};
constexpr Op populate_8{.kind = OpKind::vm_populate, .page = 0, .to = 8};
constexpr Op depopulate_8{.kind = OpKind::vm_depopulate, .page = 0, .to = 8};

void rate(benchmark::State& state, const char* what, u64 n) {
    state.counters[what] = benchmark::Counter(static_cast<double>(n), benchmark::Counter::kIsRate);
}

// 8 pages of 64 CPUs come and go, watched by the whole specification.
void populate_watched(benchmark::State& state, const char* config) {
    World w = booted(config, embedded);
    (void)spec::checked_advance(w, create);
    u64 n = 0;
    for (auto _ : state) {
        const auto a = spec::checked_advance(w, populate_8);
        const auto b = spec::checked_advance(w, depopulate_8);
        if (a.violation || b.violation) state.SkipWithError("the specification is violated");
        n += a.ran.nr_events + b.ran.nr_events;
    }
    rate(state, "events", n);
}

void populate_bare(benchmark::State& state, const char* config) {
    World w = booted(config, embedded);
    NoWatch nobody;
    (void)advance(w, create, nobody);
    u64 n = 0;
    for (auto _ : state) {
        n += advance(w, populate_8, nobody).nr_events;
        n += advance(w, depopulate_8, nobody).nr_events;
    }
    rate(state, "events", n);
}

// An allocation and its free among `state.range(0)` chunks. All but the first are full and lie in list 0, as
// the kernel's would: the list walk that finds the one with room does not meet them.
void alloc_among_chunks(benchmark::State& state, bool in_the_way) {
    World w = booted("x86-64 memory=64G vmalloc=1T cpus=0*2", embedded);
    State& s = w.own();
    pcpu::Pcpu& p = s.pcpu.own();
    NoWatch nobody;
    Kernel<NoWatch> k(s.machine, nobody);
    const auto nr = static_cast<u64>(state.range(0));
    const int page_bits = static_cast<int>(p.page_bytes()) / 4;
    while (p.chunks.nr_live() < nr + 2) {
        const pcpu::ChunkId id = pcpu_create_chunk(k, p, gfp::kernel);
        if (id == pcpu::no_chunk) return state.SkipWithError("no chunk could be made");
        // In the way: no page is populated and an atomic request has to look at each.
        const int bits = p.chunks[id].nr_pages * page_bits;
        if (!in_the_way && alloc_area(p, id, bits, 1, 0) != 0)
            return state.SkipWithError("a new chunk has no room");
        pcpu_chunk_relocate(p, id, -1);
    }
    const Op alloc{.kind = OpKind::pcpu_alloc, .on = true, .bytes = 64, .align = 8};
    const Op free{.kind = OpKind::pcpu_free};
    const Op too_large{.kind = OpKind::pcpu_alloc, .on = true, .bytes = 32 << 10, .align = 8};
    for (auto _ : state) {
        if (advance(w, in_the_way ? too_large : alloc, nobody).outcome.err != Errno::ok && !in_the_way)
            state.SkipWithError("nothing was handed out");
        if (!in_the_way) (void)advance(w, free, nobody);
    }
    rate(state, "operations", state.iterations() * (in_the_way ? 1u : 2u));
}

// HVO and percpu in turns on one machine, watched: folios lose vmemmap pages, a chunk takes them and gives
// them back.
void mixed(benchmark::State& state) {
    World w = booted("x86-64 nodes=2 cpus=0*4,1*4", embedded);
    const std::array setup{Op{.kind = OpKind::alloc_folio}, create};
    const std::array round{Op{.kind = OpKind::optimise},
                           populate_8,
                           Op{.kind = OpKind::pcpu_alloc, .bytes = 64, .align = 8},
                           Op{.kind = OpKind::restore},
                           Op{.kind = OpKind::pcpu_free},
                           depopulate_8};
    for (const Op& op : setup) (void)spec::checked_advance(w, op);
    u64 n = 0;
    for (auto _ : state)
        for (const Op& op : round) {
            const auto c = spec::checked_advance(w, op);
            if (c.violation || c.ran.outcome.disabled) state.SkipWithError("an operation did not run");
            n += c.ran.nr_events;
        }
    rate(state, "events", n);
}

BENCHMARK_CAPTURE(populate_watched, 64_cpus, "x86-64 cpus=0*64");
BENCHMARK_CAPTURE(populate_watched, 64_cpus_2_nodes, "x86-64 nodes=2 cpus=0*32,1*32");
BENCHMARK_CAPTURE(populate_bare, 64_cpus, "x86-64 cpus=0*64");
BENCHMARK_CAPTURE(alloc_among_chunks, full_chunks, false)->Arg(1)->Arg(100)->Arg(10'000);
BENCHMARK_CAPTURE(alloc_among_chunks, in_the_way, true)->Arg(1)->Arg(100)->Arg(10'000);
BENCHMARK(mixed);

} // namespace
