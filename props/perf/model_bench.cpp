// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the model and the specification cost. Rates are per machine event; compare only figures of one run.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>

#include "spec/judge/check.hpp"
#include "model/step.hpp"

using namespace mmodel;

namespace {

World world_with_folio(const char* config, u8 size) {
    World w(*parse_config(config));
    (void)spec::checked_advance(w, {.kind = OpKind::alloc_folio, .size = size});
    return w;
}

void events(benchmark::State& state, u64 n) {
    state.counters["events"] = benchmark::Counter(static_cast<double>(n), benchmark::Counter::kIsRate);
}

// Optimise and restore one folio, watched by the whole specification.
void pair_watched(benchmark::State& state, const char* config, u8 size) {
    World w = world_with_folio(config, size);
    u64 n = 0;
    for (auto _ : state) {
        const auto a = spec::checked_advance(w, {.kind = OpKind::optimise});
        const auto b = spec::checked_advance(w, {.kind = OpKind::restore});
        if (a.violation || b.violation) state.SkipWithError("the specification is violated");
        n += a.ran.nr_events + b.ran.nr_events;
    }
    events(state, n);
}

void pair_bare(benchmark::State& state, const char* config, u8 size) {
    World w = world_with_folio(config, size);
    NoWatch nobody;
    u64 n = 0;
    for (auto _ : state) {
        n += advance(w, {.kind = OpKind::optimise}, nobody).nr_events;
        n += advance(w, {.kind = OpKind::restore}, nobody).nr_events;
    }
    events(state, n);
}

void boot(benchmark::State& state, const char* config) {
    const Config c = *parse_config(config);
    for (auto _ : state) benchmark::DoNotOptimize(World(c));
}

void copy_world(benchmark::State& state, const char* config) {
    const World w = world_with_folio(config, 0);
    for (auto _ : state) {
        World copy = w;
        benchmark::DoNotOptimize(copy);
    }
}

RadixArray<Frame> filled_array(u64 size) {
    RadixArray<Frame> a(size);
    for (u64 i = 0; i < 4096; ++i) a.set(i * (size / 4096), Frame{.nr_ptes = 1});
    return a;
}

void write_unshared(benchmark::State& state) {
    RadixArray<Frame> a = filled_array(u64{1} << 28);
    u64 i = 0;
    for (auto _ : state) {
        ++i;
        a.set((i & 4095) << 16, Frame{.nr_ptes = static_cast<u32>(i)});
    }
}

void write_after_copy(benchmark::State& state) {
    RadixArray<Frame> a = filled_array(u64{1} << 28);
    u64 i = 0;
    for (auto _ : state) {
        RadixArray<Frame> b = a;
        ++i;
        b.set((i & 4095) << 16, Frame{.nr_ptes = static_cast<u32>(i)});
        benchmark::DoNotOptimize(b);
    }
}

// The first write to a world that somebody else still sees: its roots, and one path.
void first_step_after_copy(benchmark::State& state) {
    const World w = world_with_folio("x86-64", 0);
    for (auto _ : state) {
        World next = w;
        next.own().machine.counters.memmap++;
        benchmark::DoNotOptimize(next);
    }
}

// Two arrays that differ in as many elements as the argument says.
void diff(benchmark::State& state) {
    const RadixArray<Frame> a = filled_array(u64{1} << 28);
    RadixArray<Frame> b = a;
    for (i64 i = 0; i < state.range(0); ++i) b.set(static_cast<u64>(i) << 16, Frame{.nr_ptes = 7});
    u64 n = 0;
    for (auto _ : state)
        RadixArray<Frame>::diff(a, b, [&](u64, const Frame&, const Frame&) { return ++n, true; });
    benchmark::DoNotOptimize(n);
}

// The baseline of a copy: 4 KiB of flat state.
void copy_4k_flat(benchmark::State& state) {
    std::array<char, 4096> from{}, to{};
    for (auto _ : state) {
        std::memcpy(to.data(), from.data(), to.size());
        benchmark::DoNotOptimize(to);
        benchmark::ClobberMemory();
    }
}

BENCHMARK_CAPTURE(pair_watched, 2M_on_4G, "x86-64", 0);
BENCHMARK_CAPTURE(pair_watched, 2M_on_1T, "x86-64 memory=1024G", 0);
BENCHMARK_CAPTURE(pair_bare, 2M_on_4G, "x86-64", 0);
BENCHMARK_CAPTURE(pair_watched, 1G_on_4G, "x86-64", 1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(pair_watched, tiny, "tiny", 0);
BENCHMARK_CAPTURE(boot, 4G, "x86-64");
BENCHMARK_CAPTURE(boot, 1T, "x86-64 memory=1024G");
BENCHMARK_CAPTURE(copy_world, 4G, "x86-64");
BENCHMARK_CAPTURE(copy_world, 1T, "x86-64 memory=1024G");
BENCHMARK(copy_4k_flat);
BENCHMARK(write_unshared);
BENCHMARK(write_after_copy);
BENCHMARK(first_step_after_copy);
BENCHMARK(diff)->Arg(1)->Arg(16)->Arg(256);

} // namespace
