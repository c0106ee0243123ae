// SPDX-License-Identifier: GPL-2.0 OR MIT
// step(): the only way from one world to the next.
#pragma once

#include "model/hvo/operations.hpp"
#include "model/percpu/operations.hpp"
#include "model/world.hpp"

namespace mmodel {

// Runs an operation on a world, in place, watched. If the watch throws, `w` is as the events so far left it.
template <class Watch>
Ran advance(World& w, const Op& op, Watch& watch, Sabotage sabotage = Sabotage::none) {
    State& s = w.own();
    Kernel<Watch> k(s.machine, watch, op.fail, sabotage);
    Outcome outcome;
    if (is_percpu(op.kind)) {
        pcpu::Pcpu& p = s.pcpu.own();
        p.chunks.forget_touched();
        pcpu::ModelCalls<Kernel<Watch>> calls{k, p};
        outcome = pcpu::run(p, k, calls, op);
    } else {
        hvo::ModelCalls<Kernel<Watch>> calls{k};
        outcome = hvo::run(s.pool, k, calls, op);
    }
    return {outcome, k.nr_events(), k.nr_allocs(), k.nr_failed_allocs()};
}

struct Step {
    World next;
    Ran ran;
};

// The next world and what the operation returned. The world given is not changed.
[[nodiscard]] inline Step step(const World& w, const Op& op, Sabotage sabotage = Sabotage::none) {
    World next = w;
    NoWatch none;
    const Ran ran = advance(next, op, none, sabotage);
    return {std::move(next), ran};
}

} // namespace mmodel
