// SPDX-License-Identifier: GPL-2.0 OR MIT
// What tasks may come to: what they come to one operation after the other, in some order.
#pragma once

#include <map>
#include <set>

#include "spec/tasks/tasks.hpp"

namespace mmodel::concurrent {

// What a user sees of a run: what each operation returned, which folios are optimised, who has which areas.
// Not: frame numbers, where an area is, how many pages are populated (the balance worker aims at a number
// that changes while it works), how often memory was short of what nobody was told about.
struct Observed {
    std::vector<u64> values{};
    std::string text{};
    auto operator<=>(const Observed& o) const { return values <=> o.values; }
    bool operator==(const Observed& o) const { return values == o.values; }
};

[[nodiscard]] Observed observe(const World& w, const std::vector<std::vector<Outcome>>& outcomes);
[[nodiscard]] Observed observe(const MachineTasks& tasks);

// An operation of a case: its task, and which of the task's it is.
using Place = std::pair<std::size_t, std::size_t>;

struct Serial {
    std::set<Observed> all{};
    u64 nr_orders{};
    std::optional<spec::Violation> violation{}; // a serial run broke something,
    std::vector<Op> order{};                    // this one
    std::vector<std::vector<u32>> nr_allocs{};  // by task and operation: the most that it tried in any order
};

// Every order of a case's operations, each operation under the whole specification.
class SerialOrders {
public:
    // The world and the case must outlive this.
    SerialOrders(const World& start, const Case& c);

    [[nodiscard]] const Serial& all() const { return plain_; }
    // Why a run did not end as in some order; nothing if it did. An atomic percpu allocation may fail at any
    // time (mm/percpu.c promises it nothing): one that failed is compared with orders in which it fails and
    // does nothing.
    [[nodiscard]] std::optional<spec::Violation> judge(const MachineTasks& tasks) const;

private:
    const World& start_;
    const Case& case_;
    Serial plain_;
    mutable std::map<std::set<Place>, Serial> with_failures_{};
};

} // namespace mmodel::concurrent
