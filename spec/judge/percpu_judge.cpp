// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is kept of an operation and its events for the judgement after.
#include "spec/judge/monitor.hpp"

namespace mmodel::spec {
PercpuJudge::PercpuJudge(const World& before, const Op& op)
    : op_(op), was_booted_(before.pcpu().booted), nr_chunks_(before.pcpu().chunks.nr_live()),
      nr_populated_(before.pcpu().nr_populated), nr_mapped_(before.machine().tally.vmalloc),
      nr_empty_(before.pcpu().nr_empty_pop_pages),
      area_(fields_of(op.kind) & f_area ? before.pcpu().areas[op.area()] : pcpu::Area{}),
      slot_(fields_of(op.kind) & f_chunk ? before.pcpu().slots[op.chunk()] : pcpu::no_chunk) {
    if (slot_ != pcpu::no_chunk)
        nr_chunk_populated_ = static_cast<u64>(before.pcpu().chunks[slot_].nr_populated);
}

void PercpuJudge::note(const Event& e) {
    if (e.kind == EventKind::alloc_pages_node) {
        ++nr_page_allocs_;
        if (e.ok && is_percpu(op_.kind)) asked_[e.pfn.value] = e.nid.value;
    }
    if (e.kind == EventKind::vmalloc_pte) changed_.push_back(e.vmap);
    if (e.kind == EventKind::memset_zero) zeroed_.push_back({e.address(), e.nr_bytes()});
}

} // namespace mmodel::spec
