// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is kept of an operation and its events for the judgement after.
#include "spec/judge/monitor.hpp"

namespace mmodel::spec {

namespace {

// What the operation's allocations may do.
Gfp may_do(pcpu::Backing backing, const Op& op) {
    using enum pcpu::Backing;
    if (op.kind == OpKind::pcpu_boot) return gfp::kernel; // nobody waits for the mutex yet
    if (op.kind == OpKind::pcpu_alloc && op.is_atomic()) return gfp::nowait;
    if (op.kind == OpKind::pcpu_balance && backing == noio_worker) return gfp::noio;
    return backing == noio ? gfp::noio : gfp::kernel;
}

} // namespace

PercpuJudge::PercpuJudge(const World& before, const Op& op)
    : op_(op), may_(may_do(before.pcpu().sizes.backing, op)), was_booted_(before.pcpu().booted),
      nr_chunks_(before.pcpu().chunks.nr_live()), nr_populated_(before.pcpu().nr_populated),
      nr_mapped_(before.machine().tally.vmalloc), nr_empty_(before.pcpu().nr_empty_pop_pages),
      area_(fields_of(op.kind) & f_area ? before.pcpu().areas[op.area()] : pcpu::Area{}),
      slot_(fields_of(op.kind) & f_chunk ? before.pcpu().slots[op.chunk()] : pcpu::no_chunk) {
    if (slot_ != pcpu::no_chunk)
        nr_chunk_populated_ = static_cast<u64>(before.pcpu().chunks[slot_].nr_populated);
}

void PercpuJudge::note(Monitor& out, const Event& e) {
    if (is_percpu(op_.kind) && is_allocation(e.kind) && !e.gfp.is_within(may_))
        out.fail(Inv::percpu_allocation_does_no_more_than_it_may, &e,
                 "it asks for " + name(e.gfp) + ", and may for no more than " + name(may_));
    if (e.kind == EventKind::alloc_pages_node) {
        ++nr_page_allocs_;
        if (e.ok && is_percpu(op_.kind)) asked_[e.pfn.value] = e.nid.value;
    }
    if (e.kind == EventKind::vmalloc_pte) changed_.push_back(e.vmap);
    if (e.kind == EventKind::memset_zero) zeroed_.push_back({e.address(), e.nr_bytes()});
}

} // namespace mmodel::spec
