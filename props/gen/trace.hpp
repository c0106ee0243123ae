// SPDX-License-Identifier: GPL-2.0 OR MIT
// RapidCheck's generators of operations, machines and traces. RapidCheck makes each choice; which choices
// there are, and how likely each is, stands in fuzz/ops/generate.hpp, for everybody.
//
// Shrinking is joined here. RapidCheck's own shrinking of sequences tries every run of elements, and starts
// again after each success: time grows with the cube of the length. So what RapidCheck is offered as shrinks
// of a trace is, one by one, what fuzz/ops/shrink.hpp would try next; when that has nothing left,
// RapidCheck's shrinks of single operands follow. RapidCheck runs the property and decides, so this works in
// any property, whatever else it draws.
#pragma once

#include <iosfwd>

#include <rapidcheck.h>

#include "fuzz/ops/generate.hpp"
#include "fuzz/ops/trace.hpp"
#include "props/gen/machine.hpp"

namespace mmodel {

// How RapidCheck prints a counterexample: as the text that `mmodel replay` reads.
void showValue(const Trace& t, std::ostream& os);
void showValue(const Op& op, std::ostream& os);

// One operation that is valid for the machine. Its operands shrink to 0.
[[nodiscard]] rc::Gen<Op> gen_op(const Config& c, const Mix& mix);

// Sequences of `min_ops` to `max_ops` operations on this machine, or on a drawn one that is possible,
// whatever the size that RapidCheck is at.
[[nodiscard]] rc::Gen<Trace> gen_trace(const Config& c, const Mix& mix, std::size_t min_ops,
                                       std::size_t max_ops);
[[nodiscard]] rc::Gen<Trace> gen_trace(const rc::Gen<Config>& machines, const Mix& mix, std::size_t min_ops,
                                       std::size_t max_ops);

// The same traces, changed; what is shrunk is the changed one.
[[nodiscard]] rc::Gen<Trace> changed(const rc::Gen<Trace>& gen, const std::function<void(Trace&)>& change);
// With a break in the model, by its name; with these operations before all others.
[[nodiscard]] rc::Gen<Trace> with_break(const rc::Gen<Trace>& gen, const std::string& sabotage);
[[nodiscard]] rc::Gen<Trace> with_first(const rc::Gen<Trace>& gen, const std::vector<Op>& first);

// The trace with the shrinks described above.
[[nodiscard]] rc::Shrinkable<Trace> shrinkable_trace(Trace t);

} // namespace mmodel
