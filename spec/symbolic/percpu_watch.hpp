// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the rules of spec/judge/discipline.hpp see of percpu's machine of formulas. It has no vmemmap: no TLB
// holds an address of it, and no frame came from boot or from a block.
#pragma once

#include <map>

#include "spec/symbolic/percpu_machine.hpp"
#include "spec/symbolic/watch.hpp"

namespace mmodel::symbolic {

struct PercpuFormulas {
    static constexpr bool has_vmemmap = false, has_vmalloc = true;
    using Frame = Term;

    const PercpuMachine& m;
    const PercpuShape& shape;

    [[nodiscard]] Term truth(bool b) const { return m.now.c.bool_val(b); }
    [[nodiscard]] Term is_mapped(Pfn p) const { return m.is_mapped(p); }
    [[nodiscard]] Term is_detached(Pfn p) const {
        return select(m.now.place, m.frame(p)) == number(m.now.c, PercpuState::detached, 3);
    }
    [[nodiscard]] Term is_shared_tail(Pfn) const { return truth(false); }
    [[nodiscard]] Term may_be_cached(Pfn) const { return truth(false); }
    [[nodiscard]] Term is_reserved(Pfn) const { return truth(false); }
    [[nodiscard]] Term is_under_unsplit_block(Pfn) const { return truth(false); }
    [[nodiscard]] bool is_locked(Lock l) const { return m.is_locked(l); }
    [[nodiscard]] Term is_stale(Vmap v) const { return m.now.stale[v.value]; }
    [[nodiscard]] Term is_cached(Vmap v) const { return m.now.cached[v.value]; }
    [[nodiscard]] Term has_no_stale_in_use() const {
        Term out = truth(true);
        for (u64 v = 0; v < shape.nr_vmaps(); ++v)
            out = out && (!m.now.stale[v] || m.now.is_lazy(v / shape.span()));
        return out;
    }
};

// The monitor judges at rest of which node pages were asked (spec/judge/percpu_rest.cpp), here it is the
// event.
class PercpuWatch : public Watch<PercpuMachine, PercpuFormulas, const PercpuShape&> {
public:
    explicit PercpuWatch(const PercpuShape& s) : Watch(s), shape_(s) {}

    void before(const PercpuMachine& m, const Event& e) {
        Watch::before(m, e);
        if (e.kind == EventKind::alloc_pages_node && e.ok) asked_[e.pfn.value] = e.nid;
        if (e.kind == EventKind::vmalloc_pte && e.pte.present()) judge_node(m, e);
    }

private:
    void judge_node(const PercpuMachine& m, const Event& e) {
        const int cpu = shape_.cpu_of_unit[e.vmap.value % shape_.span() / shape_.unit_pages];
        const auto asked = asked_.find(e.pte.pfn().value);
        if (cpu == pcpu::no_cpu || asked == asked_.end()) return;
        require(m.now.c.bool_val(int{asked->second.value} == shape_.pcpu.cpus.node(cpu)),
                spec::Inv::percpu_page_is_asked_of_its_cpus_node, name(e.where));
    }

    const PercpuShape& shape_;
    std::map<u64, Nid> asked_;
};

} // namespace mmodel::symbolic
