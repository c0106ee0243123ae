// SPDX-License-Identifier: GPL-2.0 OR MIT
// One operation, or a sequence of them, on the model under the specification. A violation is a value.
#pragma once

#include <optional>
#include <span>

#include "spec/judge/monitor.hpp"
#include "spec/sabotage/sabotage.hpp"

namespace mmodel::spec {

struct Checked {
    Ran ran{}; // events so far, if there is a violation
    std::optional<Violation> violation{};
};

// Runs the operation in place. With a violation, `w` is as the events before it left it.
[[nodiscard]] Checked checked_advance(World& w, const Op& op, Sabotage sabotage = Sabotage::none);

struct SequenceResult {
    World world;  // after the last operation that ran
    u64 nr_ops{}; // operations that were not disabled
    u64 nr_events{};
    std::optional<Violation> violation{};
    u64 op_idx{}; // the operation that violated; else the number of operations
};

// From boot, until the end or the first violation.
[[nodiscard]] SequenceResult check_sequence(const Config& c, std::span<const Op> ops,
                                            Sabotage sabotage = Sabotage::none);

} // namespace mmodel::spec
