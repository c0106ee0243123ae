// SPDX-License-Identifier: GPL-2.0 OR MIT
// One value that holds it all, and step(): the only way from one world to the next.
#pragma once

#include "model/hvo/pool.hpp"
#include "model/machine/box.hpp"
#include "model/percpu/operations.hpp"

namespace mmodel {

using hvo::Outcome;

// What a world consists of.
struct State {
    Machine machine;
    hvo::Pool pool;
    Box<pcpu::Pcpu> pcpu{pcpu::Pcpu{}};
    bool operator==(const State& o) const {
        return machine == o.machine && pool == o.pool && (pcpu.shares_with(o.pcpu) || *pcpu == *o.pcpu);
    }
};

// A machine as booted from a configuration, and what has been done to it since. Copying costs one reference
// count.
class World {
public:
    explicit World(const Config& c) : state_(State{Machine(c), {}, Box(pcpu::Pcpu{})}) {}

    [[nodiscard]] const Machine& machine() const { return state_->machine; }
    [[nodiscard]] const hvo::Pool& pool() const { return state_->pool; }
    [[nodiscard]] const pcpu::Pcpu& pcpu() const { return *state_->pcpu; }
    [[nodiscard]] const Config& config() const { return machine().config(); }
    [[nodiscard]] State& own() { return state_.own(); }
    [[nodiscard]] u64 hash() const {
        return hash_combine(hash_combine(machine().hash(), pool().hash()), pcpu().hash());
    }
    friend bool operator==(const World& a, const World& b) {
        return a.state_.shares_with(b.state_) || (a.hash() == b.hash() && *a.state_ == *b.state_);
    }

private:
    Box<State> state_;
};

struct Ran {
    Outcome outcome{};
    u64 nr_events{};
    u32 nr_allocs{}; // allocations the operation tried: faults 0 .. nr_allocs - 1 can fire
    u32 nr_failed_allocs{};
};

[[nodiscard]] inline Outcome outcome_of(const pcpu::Result& r) {
    return {.disabled = r.disabled, .err = r.err, .value = r.value};
}

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
        outcome = outcome_of(pcpu::run(p, k, calls, op));
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
