// SPDX-License-Identifier: GPL-2.0 OR MIT
// Traces with tasks, and the cases that spec/tasks runs.
#pragma once

#include "fuzz/ops/trace.hpp"
#include "spec/sabotage/sabotage.hpp"
#include "spec/tasks/campaign.hpp"

namespace mmodel {

// Needs: a sabotage that there is, or none.
[[nodiscard]] inline concurrent::Case case_of(const Trace& t) {
    concurrent::Case c{.config = t.config, .sabotage = sabotage_named(t.sabotage).value_or(Sabotage::none)};
    auto next = t.ops.end() - static_cast<std::ptrdiff_t>(t.tasks.total());
    c.before.assign(t.ops.begin(), next);
    for (const u32 n : t.tasks.nr_ops) {
        c.tasks.emplace_back(next, next + n);
        next += n;
    }
    return c;
}

[[nodiscard]] inline Trace trace_of(const concurrent::Case& c, const concurrent::Schedule& schedule) {
    Trace t{.config = c.config, .ops = c.before};
    for (const auto& s : sabotage_names)
        if (s.sabotage == c.sabotage) t.sabotage = s.name;
    for (const auto& ops : c.tasks) {
        t.ops.insert(t.ops.end(), ops.begin(), ops.end());
        t.tasks.nr_ops.push_back(static_cast<u32>(ops.size()));
    }
    if (!c.tasks.empty()) t.tasks.schedule = schedule;
    return t;
}

} // namespace mmodel
