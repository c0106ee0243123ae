// SPDX-License-Identifier: GPL-2.0 OR MIT
// What tasks may come to: what they come to one operation after the other, in some order.
#pragma once

#include <set>

#include "spec/concurrent/tasks.hpp"

namespace mmodel::concurrent {

// What a user sees of a run: what each operation returned, which folios are optimised, who has which areas. Not:
// frame numbers, where an area is, how many pages are populated (the balance worker aims at a number that changes
// while it works), how often memory was short of what nobody was told about.
struct Observed {
    std::vector<u64> values{};
    std::string text{};
    auto operator<=>(const Observed& o) const { return values <=> o.values; }
    bool operator==(const Observed& o) const { return values == o.values; }
};

[[nodiscard]] Observed observe(const World& w, const std::vector<std::vector<Outcome>>& outcomes);
[[nodiscard]] Observed observe(const MachineTasks& tasks);

struct Serial {
    std::set<Observed> all{};
    u64 nr_orders{};
    std::optional<spec::Violation> violation{}; // a serial run broke something,
    std::vector<Op> order{};                    // this one
    std::vector<std::vector<u32>> nr_allocs{};  // by task and operation: the most that it tried in any order
};

// Runs every order, each operation under the whole specification.
[[nodiscard]] Serial serial_runs(const World& start, const Case& c);

// Why a run did not end as in some order; nothing if it did.
[[nodiscard]] std::optional<spec::Violation> judge_order(const Serial& serial, const Observed& observed);

} // namespace mmodel::concurrent
