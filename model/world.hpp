// SPDX-License-Identifier: GPL-2.0 OR MIT
// One value that holds it all.
#pragma once

#include "model/hvo/pool.hpp"
#include "model/machine/box.hpp"
#include "model/percpu/pcpu.hpp"

namespace mmodel {

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
    // Becomes equal to `o`, as by =, but does not share with it what own() copies: for who needs a second
    // world again and again and keeps the room.
    void copy_from(const World& o) {
        State& s = state_.own();
        s.machine = o.state_->machine;
        s.pool = o.state_->pool;
        s.pcpu.own() = *o.state_->pcpu;
    }
    [[nodiscard]] u64 hash() const {
        return hash_combine(hash_combine(machine().hash(), pool().hash()), pcpu().hash());
    }
    friend bool operator==(const World& a, const World& b) {
        return a.state_.shares_with(b.state_) || (a.hash() == b.hash() && *a.state_ == *b.state_);
    }

private:
    Box<State> state_;
};

} // namespace mmodel
