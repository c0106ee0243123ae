// SPDX-License-Identifier: GPL-2.0 OR MIT
// The real files under the specification, in children as a campaign runs them. Each benchmark runs its
// sequences in turns on both backends and, between, the bare model, and counts each child's own CPU time: on
// a busy machine the rates are worth little, their ratios a lot.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "fuzz/campaign/scenarios.hpp"
#include "fuzz/ops/generate.hpp"
#include "model/step.hpp"
#include "spec/explore/graph.hpp"
#include "spec/linux/host/load.hpp"
#include "spec/linux/host/real_subject.hpp"
#include "spec/linux/host/runner.hpp"

using namespace mmodel;

namespace {

using Problems = std::optional<std::string>;
constexpr const char* trees = MMODEL_TREES_DIR;

double thread_seconds() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// How much was done in how much CPU time.
struct Work {
    double done{}, seconds{};
    [[nodiscard]] double rate() const { return done / seconds; }
};

// The events of the bare model optimising and restoring 2 MiB: how fast this machine is just now.
class Bare {
public:
    Bare() { (void)advance(world_, {.kind = OpKind::alloc_folio}, nobody_); }
    void run() {
        const double began = thread_seconds();
        for (int i = 0; i < 500; ++i)
            for (const OpKind kind : {OpKind::optimise, OpKind::restore})
                work.done += static_cast<double>(advance(world_, {.kind = kind}, nobody_).nr_events);
        work.seconds += thread_seconds() - began;
    }
    Work work{};

private:
    World world_{*parse_config("x86-64")};
    NoWatch nobody_{};
};

// A tree's file with one of the backends, in a child.
class Side {
public:
    Side(const bench::Tree& tree, bench::Backend backend) {
        const auto dir = std::filesystem::temp_directory_path() / "mmodel-bench";
        const auto unit = bench::compile(tree, dir, {}, {}, backend);
        if (!unit)
            trouble = unit.error().what;
        else if (unit->backend != backend)
            trouble = unit->no_mmu;
        else
            runner_ = std::make_unique<bench::Runner>(*unit, *parse_config("x86-64"));
    }
    void run(std::span<const Op> ops) {
        const double began = runner_->cpu_seconds();
        const auto r = runner_->run(ops);
        if (!r)
            trouble = r.error().what;
        else if (!r->violations.empty())
            trouble = "the run was not clean: " + r->violations[0].detail;
        else
            work.done += static_cast<double>(r->nr_ops), work.seconds += runner_->cpu_seconds() - began;
    }
    Work work{};
    Problems trouble{};

private:
    std::unique_ptr<bench::Runner> runner_;
};

using Sequences = std::vector<std::vector<Op>>;

void both(benchmark::State& state, const std::string& dir, const char* file, const Sequences& sequences) {
    const auto whole = bench::open_tree(dir);
    const auto tree = whole ? whole->judged_by(file) : whole;
    if (!tree) return state.SkipWithError(tree.error().what.c_str());
    Bare bare;
    std::array sides{Side{*tree, bench::Backend::mmap}, Side{*tree, bench::Backend::mmu}};
    auto& [mmap, mmu] = sides;
    for (Side& s : sides) { // forks, and touches memory for the first time
        for (const auto& ops : sequences)
            if (!s.trouble) s.run(ops);
        s.work = {};
        if (s.trouble) return state.SkipWithError(s.trouble->c_str());
    }
    for (auto _ : state) {
        const double before = mmu.work.seconds;
        bare.run();
        for (const auto& ops : sequences)
            for (Side& s : sides) s.run(ops);
        if (mmap.trouble || mmu.trouble) return state.SkipWithError("a later run was not clean");
        state.SetIterationTime(mmu.work.seconds - before);
    }
    state.counters["mmap_op/s"] = mmap.work.rate();
    state.counters["mmu_op/s"] = mmu.work.rate();
    state.counters["mmu_to_mmap"] = mmu.work.rate() / mmap.work.rate();
    state.counters["bare_ev/s"] = bare.work.rate();
    state.counters["op_to_bare_Mev"] = mmu.work.rate() / bare.work.rate() * 1e6;
}

// Optimised and restored, again and again.
Sequences pairs(u8 size, int n) {
    std::vector<Op> ops{{.kind = OpKind::alloc_folio, .size = size}};
    for (int i = 0; i < n; ++i)
        ops.insert(ops.end(), {{.kind = OpKind::optimise}, {.kind = OpKind::restore}});
    return {ops};
}

// For a tree whose restore violates the specification: optimised, a folio after the other.
Sequences optimise_only() {
    std::vector<Op> ops;
    for (const OpKind kind : {OpKind::alloc_folio, OpKind::optimise})
        for (u8 i = 0; i < max_folios; ++i) ops.push_back({.kind = kind, .folio = i});
    return {ops};
}

// Percpu areas that need no page.
Sequences areas() {
    std::vector<Op> ops{
        {.kind = OpKind::pcpu_boot, .page = 8192, .to = 28672, .bytes = 40960, .align = 2 << 20}};
    for (u8 i = 0; i < 3; ++i)
        ops.push_back({.kind = OpKind::pcpu_alloc, .folio = i, .bytes = 16384, .align = 8});
    for (int i = 0; i < 1000; ++i)
        ops.insert(ops.end(), {{.kind = OpKind::pcpu_alloc, .folio = 3, .bytes = 64, .align = 8},
                               {.kind = OpKind::pcpu_free, .folio = 3}});
    return {ops};
}

// Pages of a chunk of percpu's, on each CPU.
Sequences pages_of_a_chunk() {
    std::vector<Op> ops{
        {.kind = OpKind::pcpu_boot, .page = 8192, .to = 28672, .bytes = 40960, .align = 2 << 20},
        {.kind = OpKind::vm_create}};
    for (int i = 0; i < 200; ++i)
        for (const OpKind kind : {OpKind::vm_populate, OpKind::vm_depopulate})
            ops.push_back({.kind = kind, .to = 8});
    return {ops};
}

// As a campaign draws them: allocations and frees of all sizes, which take pages and give them back.
Sequences drawn_areas() {
    const bench::Plan plan = bench::plan_for("percpu", "x86-64");
    Sequences out;
    for (u64 seed = 0; seed < 32; ++seed)
        out.push_back(random_ops(*parse_config("x86-64"), plan.mix, seed, plan.random_length));
    return out;
}

// Every state of a file in a space, in this process: operations of the C a second of CPU time, with all that
// is done for each: judging it, keeping the state, telling it from others, going back.
void explored(benchmark::State& state, const std::string& dir, const char* name, explore::Symmetry symmetry) {
    const auto tree = bench::open_tree(dir);
    if (!tree) return state.SkipWithError(tree.error().what.c_str());
    const auto work = std::filesystem::temp_directory_path() / "mmodel-bench";
    const auto unit = bench::compile(*tree, work, {}, {}, bench::Backend::mmu, "tiny512");
    if (!unit) return state.SkipWithError(unit.error().what.c_str());
    const auto all = explore::default_spaces();
    const explore::Space space = explore::on_tiny512(*std::ranges::find(all, name, &explore::Space::name));
    bench::Progress progress;
    const auto driver = make_driver(*unit, space.config, progress);
    Bare bare;
    Work work_done;
    for (auto _ : state) {
        bare.run();
        bench::RealSubject subject(*driver, space);
        const double began = thread_seconds();
        const explore::Graph g = build_graph(subject, space, {.symmetry = symmetry}, {});
        const double seconds = thread_seconds() - began;
        work_done.done += static_cast<double>(g.nr_runs), work_done.seconds += seconds;
        state.SetIterationTime(seconds);
        subject.restart();
    }
    state.counters["op/s"] = work_done.rate();
    state.counters["bare_ev/s"] = bare.work.rate();
    state.counters["op_to_bare_Mev"] = work_done.rate() / bare.work.rate() * 1e6;
}

#define BOTH(name, dir, file, ops)                                                                           \
    BENCHMARK_CAPTURE(both, name, dir, file, ops)->UseManualTime()->Unit(benchmark::kMillisecond)

BOTH(percpu_areas_6_12, trees + std::string("/linux-6.12"), "percpu", areas());
BOTH(percpu_drawn_6_12, trees + std::string("/linux-6.12"), "percpu", drawn_areas());
BOTH(percpu_pages_6_12, trees + std::string("/linux-6.12"), "percpu", pages_of_a_chunk());
BOTH(2M_6_1, trees + std::string("/linux-6.1"), "hugetlb_vmemmap", pairs(0, 500));
BOTH(2M_6_12_optimise_only, trees + std::string("/linux-6.12"), "hugetlb_vmemmap", optimise_only());
BOTH(2M_stand_in, MMODEL_FIXTURES_DIR "/reuse_page", "hugetlb_vmemmap", pairs(0, 500));
BOTH(1G_6_1, trees + std::string("/linux-6.1"), "hugetlb_vmemmap", pairs(1, 4));
BOTH(1G_stand_in, MMODEL_FIXTURES_DIR "/reuse_page", "hugetlb_vmemmap", pairs(1, 4));

#define EXPLORED(name, dir, space, symmetry)                                                                 \
    BENCHMARK_CAPTURE(explored, name, trees + std::string(dir), space, explore::Symmetry::symmetry)          \
        ->UseManualTime()                                                                                    \
        ->Unit(benchmark::kMillisecond)

EXPLORED(pressure_6_1, "/linux-6.1", "hvo-pressure", frames);
EXPLORED(pressure_6_1_no_symmetry, "/linux-6.1", "hvo-pressure", none);
EXPLORED(two_sizes_6_1, "/linux-6.1", "hvo-two-sizes", frames);
EXPLORED(gigantic_hotplug_6_12, "/linux-6.12", "hvo-gigantic-hotplug", frames);

} // namespace
