// SPDX-License-Identifier: GPL-2.0 OR MIT
// One operation of the model on a machine of formulas: what the proofs run, and what is compared with the
// real machine (props/spec/symbolic).
#pragma once

#include "model/hvo/operations.hpp"
#include "model/percpu/operations.hpp"
#include "spec/symbolic/hvo_machine.hpp"

namespace mmodel::symbolic {

// Of folios and walkers. The others only change what surrounds the code under test: they are disabled here.
template <class K>
Outcome run_on_folios(HvoMachine& m, hvo::Pool& pool, K& k, const Op& op) {
    hvo::ModelCalls<K> calls{k};
    const bool hugetlb = pool.slots[op.folio].state == hvo::SlotState::hugetlb;
    switch (hvo_op(op.kind)) {
    case HvoOp::optimise:
        if (!hugetlb) return Outcome::disable();
        return {.err = calls.optimise(pool.folio(k.geometry(), op.folio), pool.enabled)};
    case HvoOp::restore:
        return hugetlb ? Outcome{.err = calls.restore(pool.folio(k.geometry(), op.folio))}
                       : Outcome::disable();
    case HvoOp::optimise_list:
    case HvoOp::restore_list: return hvo::run_list(pool, k, calls, op);
    case HvoOp::alloc_folio: return m.taking = op.folio, hvo::alloc_folio(pool, k, calls, op);
    case HvoOp::free_folio: return hvo::free_folio(pool, k, calls, op);
    case HvoOp::alloc_lru: return m.taking = op.folio, hvo::alloc_lru(pool, k, calls, op);
    case HvoOp::free_lru: return hvo::free_lru(pool, k, calls, op);
    case HvoOp::walker_enter: return hvo::walker_enter(pool, k, op);
    case HvoOp::walker_try_get: return hvo::walker_try_get(k, op);
    case HvoOp::walker_leave: return hvo::walker_leave(k, op);
    case HvoOp::sysctl:
    case HvoOp::take_pages:
    case HvoOp::give_pages:
    case HvoOp::hot_add:
    case HvoOp::boot_folio:
    case HvoOp::boot_late:
    case HvoOp::boot_up: break;
    }
    return Outcome::disable();
}

// Of percpu-vm, on the chunk in the operation's slot, or making one.
template <class K>
Outcome run_on_chunks(pcpu::Pcpu& p, K& k, const Op& op) {
    pcpu::ModelCalls<K> calls{k, p};
    if (op.kind != OpKind::vm_create) return pcpu::on_chunk(p, calls, op);
    const pcpu::ChunkId id = calls.create();
    return id == pcpu::no_chunk ? Outcome{.err = Errno::nomem} : Outcome{.value = id};
}

} // namespace mmodel::symbolic
