// SPDX-License-Identifier: GPL-2.0 OR MIT
// The model's operations as tasks on one machine: each on a stack of its own, through Kernel<Watch>, which
// stops before every event. Locks block, synchronize_rcu() waits for the walkers that are inside; each task
// has its own monitor.
//
// What of the specification holds of one task while others run is judged as ever, at its events: which frames
// are freed and mapped, TLBs, barriers, locks it holds, its own folios' struct pages. What an operation
// leaves and returns is judged when all have returned: at rest, and against every serial order (serial.hpp).
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "model/machine/event.hpp"
#include "spec/judge/monitor.hpp"
#include "spec/sabotage/sabotage.hpp"
#include "spec/tasks/fiber.hpp"
#include "spec/tasks/footprint.hpp"

namespace mmodel::concurrent {

// What is run: operations one after the other, then tasks.
struct Case {
    Config config{};
    std::vector<Op> before{};
    std::vector<std::vector<Op>> tasks{};
    Sabotage sabotage{};
};

// One thing that a task did, for who wants to see it.
struct Done {
    u32 task{};
    std::optional<Event> event{}; // none: an operation began
    u64 op_idx{};                 // in the task
    bool violates{};
};

class MachineTasks : public System {
public:
    // `start`: after c.before. The case must outlive this.
    MachineTasks(const World& start, const Case& c, bool record = false);
    ~MachineTasks() override;

    [[nodiscard]] u32 nr_tasks() const override { return static_cast<u32>(tasks_.size()); }
    [[nodiscard]] bool ended(u32 task) const override;
    [[nodiscard]] bool can_run(u32 task) const override;
    [[nodiscard]] bool run(u32 task, const std::function<bool()>& go_on) override;
    [[nodiscard]] const Footprint& touched() const override { return touched_; }
    [[nodiscard]] u64 history(u32 task) const override;
    [[nodiscard]] u64 state() const override { return world_.hash(); }
    [[nodiscard]] u64 place(u32 task) const override;

    [[nodiscard]] const World& world() const { return world_; }
    // What each operation of a task returned; those that have.
    [[nodiscard]] const std::vector<Ran>& ran(u32 task) const;
    // After the last step of the last task: what must hold at rest.
    [[nodiscard]] std::optional<spec::Violation> judge_rest();
    // After run() was false.
    [[nodiscard]] const std::optional<spec::Violation>& violation() const { return violation_; }
    // Who waits for what; when nobody can run.
    [[nodiscard]] spec::Violation stuck() const;
    [[nodiscard]] const std::vector<Done>& done() const { return done_; }

private:
    struct Task;
    struct Watch;
    friend struct Watch;

    void body(Task& t);
    void run_op(Task& t, const Op& op);
    void arrive(Task& t, const Event* next);
    void before(Task& t, const Machine& m, const Event& e);
    void after(Task& t, const Machine& m, const Event& e);
    void note(const Task& t, const Event* e);
    void end_waits();
    [[nodiscard]] bool drives(u8 walker) const;

    static constexpr u32 nobody = ~u32{0};

    World world_;
    const Case& case_;
    State& state_;
    pcpu::Pcpu& pcpu_;
    std::vector<std::unique_ptr<Task>> tasks_;
    [[nodiscard]] u32& owner_of(Lock l) { return owner_[static_cast<u8>(l)]; }
    [[nodiscard]] u32 owner_of(Lock l) const { return owner_[static_cast<u8>(l)]; }
    std::array<u32, 4> owner_{nobody, nobody, nobody, nobody}; // of each lock but mmap_read
    std::array<Walker, nr_walkers> walkers_{};                 // while synchronize_rcu() is applied
    u32 driven_{};                                             // walkers that a task moves, as a mask
    Footprint touched_{};
    const std::function<bool()>* go_on_{};
    std::optional<spec::Violation> violation_{};
    std::vector<Done> done_{};
    u64 nr_steps_{};
    bool record_;
};

} // namespace mmodel::concurrent
