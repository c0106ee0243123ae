// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/judge/check.hpp"
#include "spec/sabotage/advance.hpp"

namespace mmodel::spec {

Checked checked_advance(World& w, const Op& op, Sabotage sabotage) {
    Monitor monitor(w, op);
    Checked out;
    try {
        out.ran = advance(w, op, monitor, sabotage);
        monitor.finish(w, out.ran);
    } catch (const Violated& v) {
        out.ran.nr_events = monitor.nr_events();
        out.violation = v.violation;
    }
    return out;
}

SequenceResult check_sequence(const Config& c, std::span<const Op> ops, Sabotage sabotage) {
    SequenceResult r{.world = World(c)};
    for (const Op& op : ops) {
        Checked step = checked_advance(r.world, op, sabotage);
        r.nr_ops += !step.ran.outcome.disabled;
        r.nr_events += step.ran.nr_events;
        if (step.violation) {
            r.violation = std::move(step.violation);
            return r;
        }
        ++r.op_idx;
    }
    return r;
}

} // namespace mmodel::spec
