// SPDX-License-Identifier: GPL-2.0 OR MIT
// Random sequences of percpu operations, and of both subsystems on one machine, under the whole
// specification.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "fuzz/ops/bytes.hpp"
#include "props/example.hpp"
#include "props/prop.hpp"
#include "props/reach.hpp"
#include "spec/judge/percpu_judge.hpp"
#include "spec/sabotage/advance.hpp"

namespace mmodel {
namespace {

constexpr Mix percpu{.max_fault = 40, .subsystem = Subsystem::percpu};
// Its faults fire in most operations that allocate.
constexpr Mix failing{.fault_percent = 60, .max_fault = 8, .subsystem = Subsystem::percpu};
constexpr Mix mixed{.gigantic_percent = 20, .max_fault = 24, .subsystem = Subsystem::both};

// Machines whose CPUs make a difference; rows of fuzz_configs(), so that a case can become bytes.
constexpr std::array tiny_machines{"tiny cpus=0,0", "tiny nodes=2 cpus=0,1,1", "tiny nodes=2 cpus=1,0,-,1,2",
                                   "tiny memory=16K vmalloc=8K cpus=0*3",
                                   "tiny memory=16K highmem=8K cpus=0"};
// Addresses run out before memory does. In no row.
constexpr std::array narrow_machines{"tiny vmalloc=8K cpus=0*2", "tiny nodes=2 vmalloc=8K cpus=0,1"};
constexpr std::array x86_machines{"x86-64 nodes=2 cpus=0,0,1,1",
                                  "x86-64 vmalloc=64M cpus=0*4",
                                  "x86-64 nodes=2 memory=1G cpus=1,0,1,-,2",
                                  "x86-64 nodes=2 cpus=0*3,1*2",
                                  "x86-64 nodes=2 memory=1G cpus=0,1,0,1 distance=10,10,10,10",
                                  "x86-64 memory=1G highmem=512M cpus=0*2"};

// step() is a function of its arguments: it leaves the world it was given alone, and equal operations lead
// from equal worlds, made independently, to equal worlds.
Verdict judge_values(const Trace& t) {
    World world(t.config), twin(t.config);
    for (const Op& op : t.ops) {
        const u64 hash = world.hash();
        const Step s = step(world, op, sabotage_of(t));
        if (world.hash() != hash || world != twin)
            return Broken{"given", "step() leaves the world it was given as it was."};
        NoWatch nobody;
        const Ran ran = advance(twin, op, nobody, sabotage_of(t));
        if (s.ran.outcome != ran.outcome || s.ran.nr_events != ran.nr_events)
            return Broken{"outcome", "Equal operations on equal worlds have equal outcomes."};
        if (s.next != twin || s.next.hash() != twin.hash())
            return Broken{"equal", "Equal operations lead from equal worlds to equal worlds and hashes."};
        world = s.next;
    }
    return {};
}

// What failed for want of memory may be tried again without its faults, and satisfies the specification.
Verdict judge_second_try(const Trace& t) {
    World w(t.config);
    bool tried = false;
    for (Op op : t.ops) {
        const auto c = spec::checked_advance(w, op, sabotage_of(t));
        if (c.violation) break; // not what this property is about
        if (c.ran.outcome.err != Errno::nomem || !op.fail.any()) continue;
        op.fail = {};
        World again = w;
        const auto second = spec::checked_advance(again, op, sabotage_of(t));
        if (second.violation || second.ran.outcome.disabled)
            return Broken{"second try", "What failed because an allocation did can be tried again."};
        tried = true;
    }
    return tried ? Verdict{} : Verdict::says_nothing();
}

// As judge_formats(), without what a record cannot hold: odd atoms, reserved areas of an odd size.
Verdict judge_percpu_formats(Trace t) {
    std::erase_if(t.ops, [&](const Op& op) { return !encode({.config = t.config, .ops = {op}}); });
    return judge_formats(t);
}

// A request at the edges of what may be asked, and anywhere. Needs: percpu is booted.
rc::Gen<Op> gen_request(const pcpu::Sizes& s) {
    const auto edge = [](u32 at) { return rc::gen::element(at - 1, at, at + 1); };
    const auto below = [](u32 end) { return rc::gen::inRange(0u, end); };
    return rc::gen::apply(
        [](u32 bytes, u32 align, bool atomic) {
            return Op{.kind = OpKind::pcpu_alloc, .on = atomic, .bytes = bytes, .align = align};
        },
        rc::gen::oneOf(below(8), edge(s.page_bytes), edge(s.min_unit_bytes), below(2 * s.min_unit_bytes)),
        rc::gen::oneOf(below(8), edge(s.page_bytes), rc::gen::element(16u, 2 * s.page_bytes),
                       below(2 * s.page_bytes)),
        rc::gen::arbitrary<bool>());
}

// -EINVAL is the answer to what may not be asked, in the specification's words, and to nothing else.
PropResult refusals(const World& booted, Sabotage sabotage = Sabotage::none) {
    const pcpu::Sizes s = booted.pcpu().sizes;
    return check_prop("percpu, refusals, " + print_config(booted.config()), prop_params(400),
                      rc::detail::toProperty([=] {
                          const Op op = *gen_request(s);
                          World w = booted;
                          NoWatch nobody;
                          const bool refused = advance(w, op, nobody, sabotage).outcome.err == Errno::inval;
                          RC_ASSERT(refused != spec::may_be_asked(s, op.bytes, op.align));
                      }));
}

template <std::size_t N>
void prop_on(const std::array<const char*, N>& machines, const std::string& what, Budget budget,
             const Mix& mix, std::size_t most, const Judge& judge) {
    for (const char* m : machines)
        prop(what + ", " + m, budget, gen_trace(config_of(m), mix, 1, most), judge);
}

} // namespace

TEST_CASE("every percpu sequence on tiny machines satisfies the specification, and every frame is where it "
          "should be",
          "[times]") {
    prop_on(tiny_machines, "percpu, spec and audit", 150, percpu, 120, judge_spec_and_audit);
    prop_on(narrow_machines, "percpu, spec and audit", 150, percpu, 200, judge_spec_and_audit);
    prop_on(tiny_machines, "mixed, spec and audit", 150, mixed, 120, judge_spec_and_audit);
}

TEST_CASE("every percpu sequence on tiny machines satisfies the specification", "[times]") {
    prop_on(tiny_machines, "percpu, spec", 3'000, percpu, 200, judge_spec);
    prop_on(narrow_machines, "percpu, spec", 2'000, percpu, 400, judge_spec);
}

TEST_CASE("every percpu sequence on x86-64 satisfies the specification", "[times]") {
    prop_on(x86_machines, "percpu, spec", 600, percpu, 200, judge_spec);
    prop("percpu, spec, arm64-64k", 100,
         gen_trace(config_of("arm64-64k nodes=2 memory=512G vmalloc=4T cpus=0,1"), percpu, 1, 60),
         judge_spec);
}

TEST_CASE("every mixed sequence of HVO and percpu satisfies the specification", "[times]") {
    prop_on(tiny_machines, "mixed, spec", 2'000, mixed, 160, judge_spec);
    prop_on(x86_machines, "mixed, spec", 300, mixed, 120, judge_spec);
}

TEST_CASE("a percpu operation leaves the world it was given alone and leads from equal worlds to equal "
          "worlds") {
    prop_on(tiny_machines, "percpu, values", 40, percpu, 80, judge_values);
    prop_on(tiny_machines, "mixed, values", 40, mixed, 80, judge_values);
    prop_on(x86_machines, "percpu, values", 10, percpu, 60, judge_values);
}

TEST_CASE("a request is refused if it may not be asked, and only then") {
    for (const char* booted : {"geometry tiny cpus=0,0\npcpu_boot static=128 dyn=100 atom=256\n",
                               "geometry x86-64 cpus=0,0\npcpu_boot static=100000 dyn=28K atom=2M\n"}) {
        require_holds(refusals(after(booted)));
        const PropResult broken = refusals(after(booted), Sabotage::refuse_whole_unit);
        INFO(broken.report);
        CHECK_FALSE(broken.holds);
    }
}

TEST_CASE("a percpu operation that failed because an allocation did can be tried again") {
    prop_on(tiny_machines, "percpu, second try", {600, 30}, failing, 80, judge_second_try);
    prop_on(x86_machines, "percpu, second try", {100, 45}, failing, 80, judge_second_try);
}

TEST_CASE("a second try that does not satisfy the specification is found, and printed in a few lines") {
    for (const char* sabotage : {"no_populate", "no_zeroing", "vmalloc_read_only"}) {
        const auto gen = with_break(gen_trace(config_of(tiny_machines[1]), failing, 1, 80), sabotage);
        const auto r = check_traces("second try", {.seed = 1, .budget = 300}, gen, judge_second_try);
        INFO(r.report);
        REQUIRE(r.least);
        CHECK(r.least->ops.size() <= 3);
    }
}

TEST_CASE("every percpu trace drawn reads back from its text and from its bytes") {
    prop_on(tiny_machines, "percpu, formats", 100, percpu, 80, judge_percpu_formats);
    prop_on(x86_machines, "mixed, formats", 100, mixed, 80, judge_percpu_formats);
}

// ---- reach

namespace {

class Reach {
public:
    Paths nr{};

    void start() { freed_by_hvo_.clear(), freed_by_percpu_.clear(), purged_ = false; }

    void run(World& w, const Op& op) {
        const World before = w;
        ptes_ = objects_ = 0;
        lacks_page_ = false;
        for_percpu_ = is_percpu(op.kind);
        const Ran ran = advance(w, op, *this);
        nr["operations"] += !ran.outcome.disabled;
        if (is_percpu(op.kind) && !ran.outcome.disabled) note(before.pcpu(), w.pcpu(), op, ran);
    }

    void before(const Machine&, const Event&) {}

    void after(const Machine& m, const Event& e) {
        switch (e.kind) {
        case EventKind::vmalloc_pte: ptes_ += e.pte.present(); break;
        case EventKind::pte_alloc_one_kernel:
            nr["populate fails after PTEs were set"] += !e.ok && ptes_ && e.where == Fn::__pcpu_map_pages;
            break;
        case EventKind::kzalloc:
            if (e.where != Fn::pcpu_alloc_chunk) break;
            if (!e.ok) ++nr["create fails at object " + std::to_string(objects_ % pcpu::objects_per_chunk)];
            ++objects_;
            break;
        case EventKind::pcpu_get_vm_areas:
            nr["create finds no addresses"] += !e.ok && e.where == Fn::pcpu_create_chunk;
            nr["addresses are used again after a purge"] += e.ok && std::exchange(purged_, false);
            break;
        case EventKind::flush_tlb_vmalloc: purged_ |= e.where == Fn::__purge_vmap_area_lazy; break;
        case EventKind::free_page:
        case EventKind::free_bootmem_page:
            (for_percpu_ ? freed_by_percpu_ : freed_by_hvo_).insert(e.pfn.value);
            break;
        case EventKind::alloc_pages_node:
            if (e.ok) note_page(m, e);
            lacks_page_ |= !e.ok && e.where == Fn::pcpu_alloc_pages;
            break;
        case EventKind::split_page:
        case EventKind::pte_free_kernel:
        case EventKind::set_pte_at:
        case EventKind::pmd_populate_kernel:
        case EventKind::smp_wmb:
        case EventKind::copy_page:
        case EventKind::reset_struct_pages:
        case EventKind::init_compound_tail:
        case EventKind::cmpxchg_tail:
        case EventKind::memblock_alloc:
        case EventKind::memblock_phys_free:
        case EventKind::update_fails:
        case EventKind::store:
        case EventKind::flush_tlb_kernel_range:
        case EventKind::flush_tlb_all:
        case EventKind::synchronize_rcu:
        case EventKind::static_branch:
        case EventKind::memmap_pages_add:
        case EventKind::memmap_boot_pages_add:
        case EventKind::lock:
        case EventKind::unlock:
        case EventKind::warn:
        case EventKind::flush_cache_vmap:
        case EventKind::flush_cache_vunmap:
        case EventKind::pcpu_free_vm_areas:
        case EventKind::kfree:
        case EventKind::set_page_tag:
        case EventKind::memset_zero: break;
        }
    }

private:
    void note_page(const Machine& m, const Event& e) {
        nr["a page comes from another node"] +=
            for_percpu_ && m.nid_of(e.pfn) != e.nid && e.nid.value < m.config().nr_nodes;
        nr["a page comes for a node without memory"] += for_percpu_ && e.nid.value >= m.config().nr_nodes;
        nr["HVO's frame feeds percpu"] += for_percpu_ && freed_by_hvo_.contains(e.pfn.value);
        nr["percpu's frame feeds HVO"] += !for_percpu_ && freed_by_percpu_.contains(e.pfn.value);
        freed_by_hvo_.erase(e.pfn.value);
        freed_by_percpu_.erase(e.pfn.value);
    }

    void note(const pcpu::Pcpu& a, const pcpu::Pcpu& b, const Op& op, const Ran& ran) {
        const bool failed = ran.outcome.err == Errno::nomem;
        nr["reserved chunk is exhausted"] +=
            op.kind == OpKind::module_load && failed && b.reserved_chunk != pcpu::no_chunk;
        nr["an atomic failure makes the balance worker populate"] +=
            op.kind == OpKind::pcpu_balance && a.atomic_alloc_failed && b.nr_populated > a.nr_populated;
        nr["boot fails"] += op.kind == OpKind::pcpu_boot && failed;
        nr["paged boot"] += !a.booted && b.booted && pcpu::Pcpu::is_vmalloc_addr(b.base_addr);
        if (op.kind == OpKind::pcpu_boot && b.booted) note_layout(b.layout);
        const bool allocates = op.kind == OpKind::pcpu_alloc || op.kind == OpKind::module_load;
        nr["an area is given back because a page is lacking"] += allocates && failed && lacks_page_;
        for (pcpu::ChunkId id = 0; id < std::max(a.chunks.end_id(), b.chunks.end_id()); ++id)
            note_chunk(a, b, id, op);
    }

    void note_layout(const pcpu::Layout& l) {
        bool surplus = false;
        for (const auto& g : l.ai.groups)
            for (const int cpu : g.cpu_map) surplus |= cpu == pcpu::no_cpu;
        nr["several groups"] += l.ai.groups.size() > 1;
        nr["several groups with surplus units"] += surplus && l.ai.groups.size() > 1;
        nr["the lowest unit is not the first CPU's"] += l.low_unit_cpu != 0;
    }

    void note_chunk(const pcpu::Pcpu& a, const pcpu::Pcpu& b, pcpu::ChunkId id, const Op& op) {
        const bool was = a.chunks.is_live(id), is = b.chunks.is_live(id);
        nr["chunk created"] += is && !was;
        nr["chunk destroyed by the balance worker"] += was && !is && op.kind == OpKind::pcpu_balance;
        if (!was || !is) return;
        const int from = a.chunks.list_of(id), to = b.chunks.list_of(id);
        nr["chunk isolated"] += from != to && to == b.layout.to_depopulate_slot;
        nr["chunk sidelined"] += from != to && to == b.layout.sidelined_slot;
        nr["chunk reintegrated"] += a.chunks[id].isolated && !b.chunks[id].isolated;
        nr["chunk reintegrated by an allocation"] +=
            a.chunks[id].isolated && !b.chunks[id].isolated && op.kind == OpKind::pcpu_alloc;
        nr["chunk demoted to list 0"] +=
            from > 0 && to == 0 && pcpu::pcpu_chunk_slot(b.layout, b.chunks[id]) != 0;
    }

    u64 ptes_{}, objects_{};
    bool purged_{}, lacks_page_{}, for_percpu_{};
    std::set<u64> freed_by_hvo_{}, freed_by_percpu_{};
};

template <std::size_t N>
Paths reached_on(const std::array<const char*, N>& machines, const Mix& mix, u64 nr_sequences,
                 std::size_t nr_ops = 120) {
    Paths all;
    for (const char* m : machines)
        for (const auto& [what, n] : reached<Reach>(m, mix, nr_sequences, nr_ops)) all[what] += n;
    return all;
}

} // namespace

// Each bound is about half of what the generator reaches today.
TEST_CASE("tiny percpu sequences reach every path of the model") {
    require_reached(reached_on(tiny_machines, percpu, 400),
                    {{"a page comes for a node without memory", 2'100},
                     {"a page comes from another node", 780},
                     {"an area is given back because a page is lacking", 360},
                     {"an atomic failure makes the balance worker populate", 370},
                     {"boot fails", 37},
                     {"chunk created", 6'700},
                     {"chunk demoted to list 0", 430},
                     {"chunk destroyed by the balance worker", 310},
                     {"chunk isolated", 150},
                     {"chunk reintegrated", 66},
                     {"chunk reintegrated by an allocation", 20},
                     {"chunk sidelined", 93},
                     {"create fails at object 0", 360},
                     {"create fails at object 1", 250},
                     {"create fails at object 2", 220},
                     {"create fails at object 3", 180},
                     {"create finds no addresses", 160},
                     {"operations", 42'600},
                     {"paged boot", 160},
                     {"populate fails after PTEs were set", 130},
                     {"reserved chunk is exhausted", 700},
                     {"several groups", 330},
                     {"several groups with surplus units", 26},
                     {"the lowest unit is not the first CPU's", 160}});
}

TEST_CASE("percpu sequences where addresses run out reach every path of the model") {
    require_reached(reached_on(narrow_machines, percpu, 200, 300),
                    {{"a page comes from another node", 140},
                     {"addresses are used again after a purge", 340},
                     {"an area is given back because a page is lacking", 87},
                     {"an atomic failure makes the balance worker populate", 85},
                     {"boot fails", 16},
                     {"chunk created", 1'400},
                     {"chunk demoted to list 0", 140},
                     {"chunk destroyed by the balance worker", 200},
                     {"chunk isolated", 160},
                     {"chunk reintegrated", 73},
                     {"chunk reintegrated by an allocation", 22},
                     {"chunk sidelined", 99},
                     {"create fails at object 0", 120},
                     {"create fails at object 1", 66},
                     {"create fails at object 2", 64},
                     {"create fails at object 3", 57},
                     {"create finds no addresses", 470},
                     {"operations", 15'700},
                     {"paged boot", 59},
                     {"populate fails after PTEs were set", 16},
                     {"reserved chunk is exhausted", 200},
                     {"several groups", 12}});
}

TEST_CASE("x86-64 percpu sequences reach every path of the model") {
    require_reached(reached_on(x86_machines, percpu, 60),
                    {{"a page comes for a node without memory", 480},
                     {"a page comes from another node", 830},
                     {"an area is given back because a page is lacking", 120},
                     {"an atomic failure makes the balance worker populate", 110},
                     {"boot fails", 6},
                     {"chunk created", 920},
                     {"chunk destroyed by the balance worker", 3},
                     {"chunk isolated", 23},
                     {"chunk reintegrated", 6},
                     {"chunk reintegrated by an allocation", 2},
                     {"chunk sidelined", 20},
                     {"create fails at object 0", 48},
                     {"create fails at object 1", 27},
                     {"create fails at object 2", 21},
                     {"create fails at object 3", 21},
                     {"create finds no addresses", 18},
                     {"operations", 8'200},
                     {"paged boot", 21},
                     {"populate fails after PTEs were set", 5},
                     {"reserved chunk is exhausted", 100},
                     {"several groups", 79},
                     {"several groups with surplus units", 13},
                     {"the lowest unit is not the first CPU's", 26}});
}

TEST_CASE("mixed sequences pass frames from HVO to percpu and back") {
    require_reached(reached_on(tiny_machines, mixed, 300),
                    {{"operations", 31'500},
                     {"HVO's frame feeds percpu", 1'000},
                     {"percpu's frame feeds HVO", 170},
                     {"chunk destroyed by the balance worker", 62},
                     {"chunk isolated", 18},
                     {"a page comes from another node", 430},
                     {"an area is given back because a page is lacking", 170},
                     {"populate fails after PTEs were set", 45}});
    require_reached(reached_on(x86_machines, mixed, 40),
                    {{"operations", 4'900},
                     {"HVO's frame feeds percpu", 390},
                     {"percpu's frame feeds HVO", 34},
                     {"chunk destroyed by the balance worker", 2},
                     {"a page comes from another node", 320},
                     {"an area is given back because a page is lacking", 31},
                     {"populate fails after PTEs were set", 1}});
}

} // namespace mmodel
