// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <tuple>

#include "spec/tasks/campaign.hpp"

namespace mmodel::concurrent {
namespace {

// A search that looks for a smaller case gives up after so many schedules.
constexpr u64 max_schedules = 20'000;

auto size_of(const Schedule& s) {
    u64 steps = 0;
    for (const Slice& slice : s) steps += slice.steps;
    return std::tuple(s.size(), steps);
}

class Shrinker {
public:
    Shrinker(Found f, const std::function<bool()>& stop) : best_(std::move(f)), stop_(stop) {}

    Found run() {
        u32 most = 0; // preemptions
        while (most < nr_switches(best_.schedule) && !take(best_.what, most)) ++most;
        for (bool smaller = true; smaller;) {
            smaller = false;
            for (const Case& c : smaller_cases()) {
                if (!take(c, most)) continue;
                smaller = true;
                break;
            }
        }
        return std::move(best_);
    }

private:
    // The smallest schedule with at most so many preemptions that breaks the same; whether there is one.
    bool take(const Case& c, u32 preemptions) {
        World start(c.config);
        if (run_before(c, start)) return false;
        const SerialOrders orders(start, c);
        if (orders.all().violation) return false;
        std::optional<Found> found;
        u64 left = max_schedules;
        const Judge judge = [&](System& system, const Schedule& schedule, Ending ending) {
            auto& tasks = static_cast<MachineTasks&>(system);
            const auto v = judge_ending(tasks, orders, ending);
            if (v && v->inv == best_.violation.inv &&
                (!found || size_of(schedule) < size_of(found->schedule)))
                found = Found{*v, c, schedule};
            return true;
        };
        const Limits limits{.preemptions = preemptions, .reduce = true, .stop = [&] {
                                return left-- == 0 || (stop_ && stop_());
                            }};
        Knowledge knowledge;
        (void)search([&] { return std::make_unique<MachineTasks>(start, c); }, judge, limits, knowledge);
        if (found) best_ = std::move(*found);
        return found.has_value();
    }

    [[nodiscard]] std::vector<Case> smaller_cases() const {
        const Case& c = best_.what;
        std::vector<Case> out;
        const auto add = [&](auto&& change) {
            Case smaller = c;
            change(smaller);
            out.push_back(std::move(smaller));
        };
        const auto at = [](auto& v, std::size_t i) { return v.begin() + static_cast<std::ptrdiff_t>(i); };
        for (std::size_t t = 0; c.tasks.size() > 2 && t < c.tasks.size(); ++t)
            add([&](Case& s) { s.tasks.erase(at(s.tasks, t)); });
        for (std::size_t i = c.before.size(); i-- > 0;)
            add([&](Case& s) { s.before.erase(at(s.before, i)); });
        for (std::size_t t = 0; t < c.tasks.size(); ++t)
            for (std::size_t i = c.tasks[t].size(); i-- > 0;) {
                if (c.tasks[t].size() > 1) add([&](Case& s) { s.tasks[t].erase(at(s.tasks[t], i)); });
                if (c.tasks[t][i].fail.any()) add([&](Case& s) { s.tasks[t][i].fail = {}; });
            }
        return out;
    }

    Found best_;
    const std::function<bool()>& stop_;
};

} // namespace

Found shrink(Found f, const std::function<bool()>& stop) {
    return f.what.tasks.empty() ? f : Shrinker(std::move(f), stop).run();
}

} // namespace mmodel::concurrent
