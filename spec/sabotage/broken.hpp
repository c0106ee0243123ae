// SPDX-License-Identifier: GPL-2.0 OR MIT
// The broken model: the algorithms of model/ with the edits of model.patch in them, each behind the break
// that it is for. The build makes the copy (CMakeLists.txt) and compiles it in a namespace of its own; worlds,
// operations and outcomes are the model's.
#pragma once

#include "model/outcome.hpp"
#include "model/world.hpp"
#include "spec/sabotage/sabotage.hpp"

namespace mmodel {

// A watch whose type the broken model need not know.
struct AnyWatch {
    Sabotage sabotage;
    bool picks; // it, not the buddy allocator, chooses among free frames

    AnyWatch(Sabotage s, bool p) : sabotage(s), picks(p) {}
    virtual ~AnyWatch() = default;
    virtual void before(const Machine& m, const Event& e) = 0;
    virtual void after(const Machine& m, const Event& e) = 0;
    virtual std::optional<Pfn> pick_frame(const Machine& m) = 0;
};

// run() of model/step.hpp with the break that the watch names.
Ran run_broken(State& s, pcpu::Pcpu* p, const Op& op, AnyWatch& watch);

} // namespace mmodel
