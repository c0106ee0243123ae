// SPDX-License-Identifier: GPL-2.0 OR MIT
// One step of percpu-vm: from every state that satisfies the invariant, creating, populating, depopulating
// and destroying a chunk, on every path, with any allocations failing.
#include <map>

#include "spec/inductive/invariant.hpp"
#include "spec/symbolic/percpu_machine.hpp"
#include "spec/symbolic/proof.hpp"
#include "spec/symbolic/steps.hpp"

namespace mmodel::symbolic {
namespace {

using spec::Inv;

// spec/judge/percpu_discipline.cpp, judge by judge, as formulas.
class PercpuWatch {
public:
    explicit PercpuWatch(const PercpuShape& s) : shape_(s) {}

    void before(const PercpuMachine& m, const Event& e) {
        seen_.push_back({e, e.pfn == no_pfn ? number(m.now.c, 0, m.now.bits) : m.frame(e.pfn),
                         e.pte.present() ? m.frame(e.pte.pfn()) : number(m.now.c, 0, m.now.bits)});
        switch (e.kind) {
        case EventKind::alloc_pages_node:
            if (e.ok) asked_[e.pfn.value] = e.nid;
            return;
        case EventKind::free_page: return judge_free(m, e);
        case EventKind::vmalloc_pte: return judge_pte(m, e);
        case EventKind::pcpu_get_vm_areas: return judge_areas(m, e);
        case EventKind::warn: return require(m.now.c.bool_val(false), Inv::no_kernel_warning, e);
        case EventKind::split_page:
        case EventKind::pte_alloc_one_kernel:
        case EventKind::pte_free_kernel:
        case EventKind::smp_wmb:
        case EventKind::copy_page:
        case EventKind::reset_struct_pages:
        case EventKind::init_compound_tail:
        case EventKind::cmpxchg_tail:
        case EventKind::flush_tlb_kernel_range:
        case EventKind::flush_tlb_all:
        case EventKind::synchronize_rcu:
        case EventKind::static_branch:
        case EventKind::memmap_pages_add:
        case EventKind::memmap_boot_pages_add:
        case EventKind::lock:
        case EventKind::unlock:
        case EventKind::flush_tlb_vmalloc:
        case EventKind::flush_cache_vmap:
        case EventKind::flush_cache_vunmap:
        case EventKind::pcpu_free_vm_areas:
        case EventKind::kzalloc:
        case EventKind::kfree:
        case EventKind::set_page_tag:
        case EventKind::memset_zero:
        case EventKind::free_bootmem_page:
        case EventKind::set_pte_at:
        case EventKind::pmd_populate_kernel:
        case EventKind::store: return; // nothing to judge
        }
    }
    void after(const PercpuMachine&, const Event&) {}
    [[nodiscard]] const std::vector<Claim>& claims() const { return claims_; }
    [[nodiscard]] std::string show(const z3::model& model) const {
        std::string out;
        for (const Seen& s : seen_) {
            Event e = s.event;
            if (e.pfn != no_pfn) e.pfn = Pfn{model.eval(s.pfn, true).get_numeral_uint64()};
            if (e.pte.present())
                e.pte = Pte::map(Pfn{model.eval(s.mapped, true).get_numeral_uint64()}, e.pte.writable());
            out += "    " + print_event(e) + "  " + name(e.where) + "()\n";
        }
        return out;
    }

private:
    void require(const Term& holds, Inv inv, const Event& e) {
        claims_.push_back({holds.simplify(), std::string(spec::fact(inv).name), name(e.where)});
    }
    void judge_free(const PercpuMachine& m, const Event& e) {
        require(!m.is_mapped(e.pfn), Inv::no_frame_is_freed_while_mapped, e);
        require(select(m.now.place, m.frame(e.pfn)) == number(m.now.c, PercpuState::detached, 3),
                Inv::no_page_is_freed_twice, e);
    }
    void judge_pte(const PercpuMachine& m, const Event& e) {
        const u64 v = e.vmap.value;
        if (!e.pte.present()) {
            require(!m.now.cached[v], Inv::cache_is_flushed_before_an_address_is_unmapped, e);
            require(m.now.c.bool_val(e.where != Fn::pcpu_destroy_chunk),
                    Inv::vmalloc_area_is_empty_when_it_is_freed, e);
            return;
        }
        require(!m.now.stale[v], Inv::no_address_is_mapped_while_a_tlb_may_hold_another_translation, e);
        const int cpu = shape_.cpu_of_unit[v % shape_.span() / shape_.unit_pages];
        const auto asked = asked_.find(e.pte.pfn().value);
        if (cpu == pcpu::no_cpu || asked == asked_.end()) return;
        require(m.now.c.bool_val(int{asked->second.value} == shape_.pcpu.cpus.node(cpu)),
                Inv::percpu_page_is_asked_of_its_cpus_node, e);
    }
    void judge_areas(const PercpuMachine& m, const Event& e) {
        for (u64 v = 0; e.ok && v < shape_.nr_vmaps(); ++v)
            require(!m.now.stale[v] || m.now.is_lazy(v / shape_.span()),
                    Inv::no_address_is_reserved_while_a_tlb_may_hold_its_translation, e);
    }

    struct Seen {
        Event event;
        Term pfn, mapped;
    };
    const PercpuShape& shape_;
    std::map<u64, Nid> asked_;
    std::vector<Claim> claims_;
    std::vector<Seen> seen_;
};

using K = Kernel<PercpuWatch, PercpuMachine, AnyFaults>;

std::vector<Claim> invariant(const PercpuState& s) {
    std::vector<Claim> out;
    percpu_invariant<Term>(
        s, [&](const char* name, const Term& holds) { out.push_back({holds.simplify(), name, "at rest"}); });
    return out;
}

const PercpuShape& small() {
    static const PercpuShape s =
        percpu_shape("2 chunks, 2 CPUs and a surplus unit, 2 pages", 2, {0, 1, pcpu::no_cpu}, 2, 3, 12);
    return s;
}
const PercpuShape& larger() {
    static const PercpuShape s =
        percpu_shape("2 chunks, 3 CPUs and a surplus unit, 3 pages", 2, {0, pcpu::no_cpu, 1, 2}, 3, 4, 24);
    return s;
}

struct Step {
    std::string name;
    std::optional<u64> chunk;
    Op op;
};

std::vector<Step> steps(const PercpuShape& s) {
    std::vector<Step> out{{"vm_create", std::nullopt, {.kind = OpKind::vm_create}}};
    for (u8 k = 0; k < s.nr_chunks; ++k) {
        const std::string of = " chunk=" + std::to_string(k);
        for (u32 from = 0; from < s.unit_pages; ++from)
            for (u32 to = from + 1; to <= s.unit_pages; ++to) {
                const std::string pages = of + " page=" + std::to_string(from) + " to=" + std::to_string(to);
                out.push_back({"vm_populate" + pages,
                               k,
                               {.kind = OpKind::vm_populate, .folio = k, .page = from, .to = to}});
                out.push_back({"vm_depopulate" + pages,
                               k,
                               {.kind = OpKind::vm_depopulate, .folio = k, .page = from, .to = to}});
            }
        out.push_back({"vm_destroy" + of, k, {.kind = OpKind::vm_destroy, .folio = k}});
    }
    return out;
}

void prove_step(z3::context& c, const PercpuShape& s, const Step& step, Paths& paths, Result& out) {
    const PercpuState before(c, s);
    const auto assumed = invariant(before);
    const Refuter refuter(assumed);
    paths.each(before.well_formed() && all_hold(c, assumed), [&] {
        PercpuMachine m(paths, s, before);
        PercpuWatch watch(s);
        K k(m, watch, AnyFaults{&paths});
        pcpu::Pcpu p = m.begin(step.chunk);
        if (!step.chunk && p.chunks.nr_live() == s.nr_chunks) throw Infeasible{}; // no place is left
        const Outcome o = run_on_chunks(p, k, step.op);
        m.end(p, step.chunk);
        std::vector<Claim> claims = watch.claims();
        for (Claim& x : invariant(m.now)) claims.push_back(std::move(x));
        const bool excused = o.err == Errno::ok || k.nr_failed_allocs() > 0;
        claims.push_back({c.bool_val(excused),
                          std::string(spec::fact(Inv::outcome_is_what_the_operation_promises).name),
                          "outcome"});
        const auto model = refuter.refute(paths, claims);
        if (!model) return;
        const Claim* broken = first_broken(claims, *model);
        out.proved = false;
        out.broken = broken ? broken->name : "?";
        out.example = "  before:\n" + before.show(*model) + "  " + step.name;
        for (const std::string& n : paths.notes()) out.example += ", " + n;
        out.example += o.disabled ? " is disabled\n" : std::string(" returns ") + name(o.err) + "\n";
        out.example += watch.show(*model) + "  broken: " + out.broken + " (" + (broken ? broken->where : "") +
                       ")\n  after:\n" + m.now.show(*model);
        paths.stop();
    });
}

using ShapeOf = const PercpuShape& (*)();

// Chunks are interchangeable, but for their addresses: the first on its own, or the others.
template <ShapeOf shape, bool first>
Result prove_steps(const Theorem&) {
    const Stopwatch watch;
    Result out;
    z3::context c;
    for (const Step& step : steps(shape())) {
        if ((step.chunk.value_or(0) == 0) != first) continue;
        Paths paths(c);
        prove_step(c, shape(), step, paths, out);
        out.nr_paths += paths.nr_paths();
        out.nr_checks += paths.nr_checks();
        if (!out.proved) break;
    }
    out.seconds = watch.seconds();
    return out;
}

template <ShapeOf shape>
Result prove_init(const Theorem&) {
    const Stopwatch watch;
    Result out;
    z3::context c;
    const PercpuState boot = PercpuState::booted(c, shape());
    const auto claims = invariant(boot);
    Paths paths(c);
    paths.each(boot.well_formed(), [&] {
        const auto model = paths.refute(all_hold(c, claims));
        if (!model) return;
        out.proved = false;
        out.broken = first_broken(claims, *model)->name;
        out.example = "  at boot:\n" + boot.show(*model);
    });
    out.nr_paths = paths.nr_paths(), out.nr_checks = paths.nr_checks(), out.seconds = watch.seconds();
    return out;
}

template <ShapeOf shape>
Result prove_inhabited(const Theorem&) {
    const Stopwatch watch;
    Result out;
    z3::context c;
    const PercpuState s(c, shape());
    Term all = c.bool_val(true), some_stale = c.bool_val(false);
    for (const Term& t : s.populated) all = all && t;
    for (const Term& t : s.stale) some_stale = some_stale || t;
    const std::pair<const char*, Term> probes[] = {
        {"every page populated", all},
        {"a chunk and addresses that are still in a TLB", some_stale && s.live[0]},
        {"a chunk with one page of two populated", s.live[0] && s.populated[0] && !s.populated[1]},
        {"no chunk", !s.live[0] && !s.live[1]},
    };
    Paths paths(c);
    paths.each(s.well_formed() && all_hold(c, invariant(s)), [&] {
        for (const auto& [name, probe] : probes)
            if (paths.holds(!probe)) out.proved = false, out.broken = std::string("no state has ") + name;
    });
    if (!paths.nr_paths()) out.proved = false, out.broken = "no state satisfies the invariant";
    out.nr_paths = paths.nr_paths(), out.nr_checks = paths.nr_checks(), out.seconds = watch.seconds();
    return out;
}

// What the invariant is at boot, and which states it allows.
template <ShapeOf shape>
void add_states(std::vector<Theorem>& out, const std::string& name) {
    const std::string of = std::string(" (") + shape().name + ")";
    out.push_back(
        {"percpu_" + name + "_init", false, prove_init<shape>, "boot satisfies the invariant" + of});
    out.push_back({"percpu_" + name + "_inhabited", false, prove_inhabited<shape>,
                   "states of every kind satisfy it" + of});
}

template <ShapeOf shape>
void add(std::vector<Theorem>& out, const std::string& name) {
    const std::string of = std::string(" (") + shape().name + ")";
    add_states<shape>(out, name);
    out.push_back({"percpu_" + name + "_step", false, prove_steps<shape, true>,
                   "every operation on the first chunk keeps the discipline and the invariant" + of, true});
    out.push_back(
        {"percpu_" + name + "_others", true, prove_steps<shape, false>, "... and on the others" + of, true});
}

} // namespace

void add_percpu_theorems(std::vector<Theorem>& out) {
    add<small>(out, "small");
    add_states<larger>(out, "larger"); // its steps were not seen to end in half an hour
}

} // namespace mmodel::symbolic
