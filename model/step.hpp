// SPDX-License-Identifier: GPL-2.0 OR MIT
// step(): the only way from one world to the next.
#pragma once

#include "model/hvo/operations.hpp"
#include "model/percpu/operations.hpp"
#include "model/world.hpp"

namespace mmodel {

// What an operation of percpu runs on, ready for it; null for an operation of HVO.
[[nodiscard]] inline pcpu::Pcpu* begin_operation(State& s, const Op& op) {
    if (!is_percpu(op.kind)) return nullptr;
    pcpu::Pcpu& p = s.pcpu.own();
    p.chunks.forget_touched();
    return &p;
}

// Runs an operation on a state. Needs: `p` is the state's own, for operations of percpu.
template <class Watch>
Ran run(State& s, pcpu::Pcpu* p, const Op& op, Watch& watch) {
    Kernel<Watch> k(s.machine, watch, op.fail);
    k.name_frames(op.frames);
    Outcome outcome;
    if (is_percpu(op.kind)) {
        pcpu::ModelCalls<Kernel<Watch>> calls{k, *p};
        outcome = pcpu::run(*p, k, calls, op);
    } else {
        hvo::ModelCalls<Kernel<Watch>> calls{k};
        outcome = hvo::run(s.pool, k, calls, op);
    }
    return {outcome, k.nr_events(), k.nr_allocs(), k.nr_failed_allocs()};
}

// Runs an operation on a world, in place, watched. If the watch throws, `w` is as the events so far left it.
template <class Watch>
Ran advance(World& w, const Op& op, Watch& watch) {
    State& s = w.own();
    return run(s, begin_operation(s, op), op, watch);
}

struct Step {
    World next;
    Ran ran;
};

// The next world and what the operation returned. The world given is not changed.
[[nodiscard]] inline Step step(const World& w, const Op& op) {
    World next = w;
    NoWatch none;
    const Ran ran = advance(next, op, none);
    return {std::move(next), ran};
}

} // namespace mmodel
