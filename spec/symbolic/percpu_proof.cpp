// SPDX-License-Identifier: GPL-2.0 OR MIT
// The proofs of percpu-vm: creating, populating, depopulating and destroying a chunk. What driver.hpp has to
// know of it, and over which layouts.
#include "spec/inductive/invariant.hpp"
#include "spec/symbolic/driver.hpp"
#include "spec/symbolic/percpu_watch.hpp"
#include "spec/symbolic/steps.hpp"

namespace mmodel::symbolic {
namespace {

using K = Kernel<PercpuWatch, PercpuMachine, AnyFaults>;

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

std::vector<Step> steps(const PercpuShape& s) {
    std::vector<Step> out{{"vm_create", {.kind = OpKind::vm_create}}};
    for (u8 k = 0; k < s.nr_chunks; ++k) {
        const std::string of = " chunk=" + std::to_string(k);
        for (u32 from = 0; from < s.unit_pages; ++from)
            for (u32 to = from + 1; to <= s.unit_pages; ++to) {
                const std::string pages = of + " page=" + std::to_string(from) + " to=" + std::to_string(to);
                out.push_back({"vm_populate" + pages,
                               {.kind = OpKind::vm_populate, .folio = k, .page = from, .to = to}});
                out.push_back({"vm_depopulate" + pages,
                               {.kind = OpKind::vm_depopulate, .folio = k, .page = from, .to = to}});
            }
        out.push_back({"vm_destroy" + of, {.kind = OpKind::vm_destroy, .folio = k}});
    }
    return out;
}

class PercpuRoom {
public:
    using Shape = PercpuShape;
    using State = PercpuState;

    PercpuRoom(z3::context& c, const PercpuShape& s) : c_(c), shape_(s) {}

    [[nodiscard]] PercpuState any() const { return PercpuState(c_, shape_); }
    [[nodiscard]] PercpuState booted() const { return PercpuState::booted(c_, shape_); }
    template <class Say>
    static void invariant(const PercpuState& s, Say&& say) {
        percpu_invariant<Term>(s, say);
    }
    [[nodiscard]] std::vector<Step> steps() const { return symbolic::steps(shape_); }
    Ended<PercpuState> run(Paths& paths, const PercpuState& before, const Step& step) const;
    [[nodiscard]] std::vector<std::pair<std::string, Term>> probes(const PercpuState& s) const;

private:
    z3::context& c_;
    const PercpuShape& shape_;
};

Ended<PercpuState> PercpuRoom::run(Paths& paths, const PercpuState& before, const Step& step) const {
    const bool creates = step.op.kind == OpKind::vm_create;
    const auto chunk = creates ? std::nullopt : std::optional<u64>(step.op.chunk());
    PercpuMachine m(paths, shape_, before);
    PercpuWatch watch(shape_);
    K k(m, watch, AnyFaults{&paths});
    pcpu::Pcpu p = m.begin(chunk);
    if (creates && p.chunks.nr_live() == shape_.nr_chunks) throw Infeasible{}; // no place is left
    const Outcome o = run_on_chunks(p, k, step.op);
    m.end(p, chunk);
    const Claim promise{c_.bool_val(o.err == Errno::ok || k.nr_failed_allocs() > 0),
                        std::string(spec::fact(spec::Inv::outcome_is_what_the_operation_promises).name),
                        "outcome"};
    return {m.now, watch, {promise}, o};
}

std::vector<std::pair<std::string, Term>> PercpuRoom::probes(const PercpuState& s) const {
    Term all = c_.bool_val(true), some_stale = c_.bool_val(false);
    for (const Term& t : s.populated) all = all && t;
    for (const Term& t : s.stale) some_stale = some_stale || t;
    return {{"every page populated", all},
            {"a chunk and addresses that are still in a TLB", some_stale && s.live[0]},
            {"a chunk with one page of two populated", s.live[0] && s.populated[0] && !s.populated[1]},
            {"no chunk", !s.live[0] && !s.live[1]}};
}

// Chunks are interchangeable, but for their addresses: the first on its own, or the others.
bool is_on_first(const Step& s) { return s.op.kind == OpKind::vm_create || s.op.chunk() == 0; }

} // namespace

void add_percpu_theorems(std::vector<Theorem>& out) {
    const Part step{"_step", "every operation on the first chunk keeps the discipline and the invariant",
                    false, is_on_first};
    const Part others{"_others", "... and on the others", true,
                      [](const Step& s) { return !is_on_first(s); }};
    add_states<PercpuRoom>(out, "percpu_small", false, small());
    for (const Part& part : {step, others}) add_steps<PercpuRoom>(out, "percpu_small", part, small());
    add_states<PercpuRoom>(out, "percpu_larger", false,
                           larger()); // its steps were not seen to end in half an hour
}

} // namespace mmodel::symbolic
