// SPDX-License-Identifier: GPL-2.0 OR MIT
// The real files under the specification, in a child as a campaign runs them: operations a second on one
// core. HVO on 2 MiB folios; percpu areas that need no page, compared with the model as they come.
#include <benchmark/benchmark.h>

#include <filesystem>

#include "spec/linux/host/runner.hpp"

using namespace mmodel;

namespace {

void real_file(benchmark::State& state, const char* dir, bool restores, bench::Backend backend, u8 size = 0) {
    const auto tree = bench::open_tree(dir);
    if (!tree) return state.SkipWithError(tree.error().what.c_str());
    const auto unit =
        bench::compile(*tree, std::filesystem::temp_directory_path() / "mmodel-bench", {}, {}, backend);
    if (unit && unit->backend != backend) return state.SkipWithError(unit->no_mmu.c_str());
    if (!unit) return state.SkipWithError(unit.error().what.c_str());
    std::vector<Op> ops;
    // A tree whose restore violates the specification is measured with optimise alone, a folio after the
    // other.
    for (u8 i = 0; i < max_folios && !restores; ++i) ops.push_back({.kind = OpKind::alloc_folio, .folio = i});
    for (u8 i = 0; i < max_folios && !restores; ++i) ops.push_back({.kind = OpKind::optimise, .folio = i});
    if (restores) ops.push_back({.kind = OpKind::alloc_folio, .size = size});
    for (int i = 0; i < (size ? 10 : 500) && restores; ++i)
        ops.insert(ops.end(), {{.kind = OpKind::optimise}, {.kind = OpKind::restore}});
    bench::Runner runner(*unit, *parse_config("x86-64"));
    u64 n = 0;
    for (auto _ : state) {
        const auto r = runner.run(ops);
        if (!r || !r->violations.empty()) return state.SkipWithError("the run was not clean");
        n += r->nr_ops;
    }
    state.counters["operations"] = benchmark::Counter(static_cast<double>(n), benchmark::Counter::kIsRate);
}

void percpu_areas(benchmark::State& state, const char* dir, bench::Backend backend) {
    const auto whole = bench::open_tree(dir);
    const auto tree = whole ? whole->judged_by("percpu") : whole;
    if (!tree) return state.SkipWithError(tree.error().what.c_str());
    const auto unit =
        bench::compile(*tree, std::filesystem::temp_directory_path() / "mmodel-bench", {}, {}, backend);
    if (unit && unit->backend != backend) return state.SkipWithError(unit->no_mmu.c_str());
    if (!unit) return state.SkipWithError(unit.error().what.c_str());
    std::vector<Op> ops{
        {.kind = OpKind::pcpu_boot, .page = 8192, .to = 28672, .bytes = 40960, .align = 2 << 20}};
    for (u8 i = 0; i < 3; ++i)
        ops.push_back({.kind = OpKind::pcpu_alloc, .folio = i, .bytes = 16384, .align = 8});
    for (int i = 0; i < 1000; ++i)
        ops.insert(ops.end(), {{.kind = OpKind::pcpu_alloc, .folio = 3, .bytes = 64, .align = 8},
                               {.kind = OpKind::pcpu_free, .folio = 3}});
    bench::Runner runner(*unit, *parse_config("x86-64"));
    u64 n = 0;
    for (auto _ : state) {
        const auto r = runner.run(ops);
        if (!r || !r->violations.empty()) return state.SkipWithError("the run was not clean");
        n += r->nr_ops;
    }
    state.counters["operations"] = benchmark::Counter(static_cast<double>(n), benchmark::Counter::kIsRate);
}

// Both backends, side by side.
#define BOTH(function, name, ...)                                                                            \
    BENCHMARK_CAPTURE(function, name##_mmap, __VA_ARGS__, bench::Backend::mmap)                              \
        ->UseRealTime()                                                                                      \
        ->Unit(benchmark::kMillisecond);                                                                     \
    BENCHMARK_CAPTURE(function, name##_mmu, __VA_ARGS__, bench::Backend::mmu)                                \
        ->UseRealTime()                                                                                      \
        ->Unit(benchmark::kMillisecond)

void gigantic(benchmark::State& state, const char* dir, bool restores, bench::Backend backend) {
    real_file(state, dir, restores, backend, 1);
}

BOTH(percpu_areas, linux_6_12, MMODEL_TREES_DIR "/linux-6.12");
BOTH(real_file, linux_6_1, MMODEL_TREES_DIR "/linux-6.1", true);
BOTH(real_file, linux_6_12_optimise_only, MMODEL_TREES_DIR "/linux-6.12", false);
BOTH(real_file, stand_in, MMODEL_FIXTURES_DIR "/reuse_page", true);
BOTH(gigantic, stand_in, MMODEL_FIXTURES_DIR "/reuse_page", true);

} // namespace
