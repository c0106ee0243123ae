// SPDX-License-Identifier: GPL-2.0 OR MIT
// A real machine with chunks as spec/symbolic/percpu_machine.hpp has it: every cell is a number.
#pragma once

#include "model/percpu/pcpu.hpp"
#include "spec/symbolic/percpu_machine.hpp"

namespace mmodel::symbolic {

// The machine, and the allocator whose layout is the shape's.
struct PercpuWorld {
    Machine machine;
    pcpu::Pcpu pcpu;
};

class PercpuMirror {
public:
    // For an operation that turns the one into the other. Frames are counted as the real machine does. A
    // chunk lies at the place of its id, wherever it is really; a chunk to come, where it will be.
    PercpuMirror(const PercpuShape& s, const PercpuWorld& before, const PercpuWorld& after);

    // Every cell of it is overwritten.
    [[nodiscard]] PercpuState state(PercpuState s, const PercpuWorld& w) const;
    // Throw Differs unless each cell that an event changes is as in `real`; each that an operation changes.
    void compare(const PercpuMachine& m, const Machine& real) const;
    void compare_at_rest(const PercpuMachine& m, const PercpuWorld& real) const;

private:
    [[nodiscard]] Vmap real_of(u64 v) const { return Vmap{bases_[v / shape_.span()] + v % shape_.span()}; }
    void mirror_machine(PercpuState& s, const Machine& m) const;

    const PercpuShape& shape_;
    std::vector<u64> bases_; // by chunk: its first page in the real range
    i64 objects_before_;
};

} // namespace mmodel::symbolic
