// SPDX-License-Identifier: GPL-2.0 OR MIT
// What must hold at every event of the vmalloc range, and what of them is kept for the judgement after.
#include "spec/judge/monitor.hpp"

namespace mmodel::spec {
namespace {

std::string num(u64 n) { return std::to_string(n); }
std::string vmalloc_page(Vmap v) { return "vmalloc page " + num(v.value); }

} // namespace

PercpuJudge::PercpuJudge(const World& before, const Op& op)
    : op_(op), was_booted_(before.pcpu().booted), nr_chunks_(before.pcpu().chunks.nr_live()),
      nr_populated_(before.pcpu().nr_populated), nr_mapped_(before.machine().tally.vmalloc),
      nr_empty_(before.pcpu().nr_empty_pop_pages),
      area_(fields_of(op.kind) & f_area ? before.pcpu().areas[op.area()] : pcpu::Area{}),
      slot_(fields_of(op.kind) & f_chunk ? before.pcpu().slots[op.chunk()] : pcpu::no_chunk) {
    if (slot_ != pcpu::no_chunk)
        nr_chunk_populated_ = static_cast<u64>(before.pcpu().chunks[slot_].nr_populated);
}

void PercpuJudge::before(Monitor& out, const Machine& m, const Event& e) {
    if (m.is_locked(Lock::spin) && e.kind != EventKind::memset_zero)
        out.fail(Inv::nothing_sleeps_under_a_spinlock, &e, "the lock is held");
    if (e.kind == EventKind::alloc_pages_node) {
        ++nr_page_allocs_;
        if (e.ok && is_percpu(op_.kind)) asked_[e.pfn.value] = e.nid.value;
    }
    if (e.kind == EventKind::vmalloc_pte) judge_vmalloc_pte(out, m, e);
    if (e.kind == EventKind::pcpu_get_vm_areas)
        if (const auto stale = m.vmalloc().first_stale_in_use(); e.ok && stale)
            out.fail(Inv::no_address_is_reserved_while_a_tlb_may_hold_its_translation, &e,
                     "a CPU may still translate " + vmalloc_page(*stale));
    if (e.kind == EventKind::memset_zero) zeroed_.push_back({e.address(), e.nr_bytes()});
}

void PercpuJudge::judge_vmalloc_pte(Monitor& out, const Machine& m, const Event& e) {
    const Vmalloc& v = m.vmalloc();
    if (e.pte.present() && v.stale(e.vmap).pte.front().present())
        out.fail(Inv::no_address_is_mapped_while_a_tlb_may_hold_another_translation, &e,
                 "a CPU may still translate it to pfn " + num(v.stale(e.vmap).pte.front().pfn().value));
    if (!e.pte.present() && v.cache(e.vmap).cached)
        out.fail(Inv::cache_is_flushed_before_an_address_is_unmapped, &e, "its cache lines were not flushed");
    if (!e.pte.present() && e.where == Fn::pcpu_destroy_chunk)
        out.fail(Inv::vmalloc_area_is_empty_when_it_is_freed, &e,
                 "it still maps pfn " + num(v.pte(e.vmap).pfn().value));
    changed_.push_back(e.vmap);
}

} // namespace mmodel::spec
