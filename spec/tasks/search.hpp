// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every schedule of some tasks, or some drawn at random. The search knows nothing of machines: it runs a
// System again and again from its beginning, each time with another choice of who goes on.
//
// Preemptions are bounded: switches away from a task that could have gone on. Switches from one that waits or
// has ended cost nothing.
//
// Reduction leaves out schedules that end as another one does that is run:
// - A task is interrupted only before a step that touches what another task touches, too, one of them
// writing.
//   What is touched by whom is learned from the runs; if that grows, the search begins anew.
// - A slice has at least one such step. An interrupted task whose next step depends on nothing that was done
// since
//   could have done that step first: that run is cut short.
// - A state that was seen before, with as many preemptions left and the same histories of all tasks, is not
// gone on
//   from again.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "spec/tasks/schedule.hpp"

namespace mmodel::concurrent {

struct Access {
    u64 resource{};
    bool write{};
};
using Footprint = std::vector<Access>;

// Whether two steps may not change places.
[[nodiscard]] bool depend(const Footprint& a, const Footprint& b);

// Tasks that begin together and share a state. Deterministic: the same schedule, the same run.
class System {
public:
    virtual ~System() = default;
    [[nodiscard]] virtual u32 nr_tasks() const = 0;
    [[nodiscard]] virtual bool ended(u32 task) const = 0;
    // Whether its next step can be done now. False when it has ended.
    [[nodiscard]] virtual bool can_run(u32 task) const = 0;
    // Does a step; then one more as long as the task has not ended and go_on() says so, which is asked after
    // every other step. False: a step broke something, and this System is at its end. Needs: can_run(task);
    // go_on() answers false when it cannot.
    [[nodiscard]] virtual bool run(u32 task, const std::function<bool()>& go_on) = 0;
    // What the last step touched.
    [[nodiscard]] virtual const Footprint& touched() const = 0;
    // What the task has done and seen: where that is equal, it goes on in the same way in the same state.
    [[nodiscard]] virtual u64 history(u32 task) const = 0;
    [[nodiscard]] virtual u64 state() const = 0;
    // Where the task stands: a name of its next step, the same in all runs that may get there.
    [[nodiscard]] virtual u64 place(u32 task) const = 0;
};

enum class Ending : u8 { done, stuck, broken };

using Make = std::function<std::unique_ptr<System>()>;
// Asked after each schedule that was run to its end: whether to look for more.
using Judge = std::function<bool(System&, const Schedule&, Ending)>;

inline constexpr u32 unbounded = ~u32{0};

struct Limits {
    u32 preemptions{2};
    bool reduce{true};
    std::function<bool()> stop{}; // asked before each run; may be empty
};

struct Tally {
    u64 schedules{}; // run to their end; of a search that began anew, those since
    u64 pruned{};    // cut short: they go on as another one
    u64 steps{};     // done, in all runs
    bool complete{}; // nothing within the bound is left
};

// What was learned of the tasks; worth keeping from one bound to the next.
class Knowledge {
public:
    Knowledge();
    ~Knowledge();
    struct Impl;
    [[nodiscard]] Impl& operator*() const { return *impl_; }

private:
    std::unique_ptr<Impl> impl_;
};

// Depth first, until all is done or the judge or a limit ends it.
[[nodiscard]] Tally search(const Make& make, const Judge& judge, const Limits& limits, Knowledge& knowledge);

// `nr` schedules, drawn at random: no reduction, no bound.
[[nodiscard]] Tally draw(const Make& make, const Judge& judge, u64 nr, u64 seed, const Limits& limits);

// One schedule. What it really was is written back: slices that could not be are shorter or missing.
[[nodiscard]] Ending replay(System& system, Schedule& schedule);

// Switches away from a task that comes back later in the schedule.
[[nodiscard]] u32 nr_switches(const Schedule& s);

} // namespace mmodel::concurrent
