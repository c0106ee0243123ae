// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/tasks/tasks.hpp"
#include "spec/sabotage/advance.hpp"

namespace mmodel::concurrent {
namespace {

// A run may have this many steps; more is one that does not end.
constexpr u64 max_steps = 100'000;

// Whether a stretch of addresses can be written. The direct map always can.
bool is_mapped(const Machine& m, u64 addr, u64 bytes) {
    if (addr < vmalloc_start) return true;
    const u64 page = m.geometry().page_bytes;
    for (u64 v = (addr - vmalloc_start) / page; v <= (addr + bytes - 1 - vmalloc_start) / page; ++v)
        if (!m.vmalloc().pte(Vmap{v}).present()) return false;
    return true;
}

} // namespace

struct MachineTasks::Task {
    u32 id{};
    const std::vector<Op>* ops{};
    std::unique_ptr<Fiber> fiber{};
    Machine::Running running{}; // while it does not run
    u64 history{};
    std::size_t op_idx{};
    u64 step{};   // of the operation
    bool begun{}; // its first operation
    bool ended{};
    std::optional<Event> next{}; // where it stands; none: before an operation
    std::array<bool, nr_walkers> waits_for{};
    Subject subject{}; // of the operation that runs
    std::vector<std::unique_ptr<spec::Monitor>> monitors{};
    std::vector<Ran> ran{};
};

struct MachineTasks::Watch {
    MachineTasks& all;
    Task& task;
    void before(const Machine& m, const Event& e) { all.before(task, m, e); }
    void after(const Machine& m, const Event& e) { all.after(task, m, e); }
};

MachineTasks::MachineTasks(const World& start, const Case& c, bool record)
    : world_(start), case_(c), state_(world_.own()), pcpu_(state_.pcpu.own()), record_(record) {
    pcpu_.chunks.forget_touched();
    for (u32 i = 0; i < c.tasks.size(); ++i) {
        auto t = std::make_unique<Task>();
        t->id = i;
        t->ops = &c.tasks[i];
        for (const Op& op : c.tasks[i])
            if (fields_of(op.kind) & f_walker) driven_ |= u32{1} << op.walker;
        t->fiber = std::make_unique<Fiber>([this, raw = t.get()] { body(*raw); });
        t->history = i + 1;
        t->ended = t->ops->empty();
        tasks_.push_back(std::move(t));
    }
}

// Fibers are unwound while what they use is there.
MachineTasks::~MachineTasks() {
    for (auto& t : tasks_) t->fiber.reset();
}

bool MachineTasks::ended(u32 task) const { return tasks_[task]->ended; }
u64 MachineTasks::history(u32 task) const { return tasks_[task]->history; }
u64 MachineTasks::place(u32 task) const {
    const Task& t = *tasks_[task];
    return u64{task} << 56 | u64{t.op_idx} << 32 | t.step;
}
const std::vector<Ran>& MachineTasks::ran(u32 task) const { return tasks_[task]->ran; }
bool MachineTasks::drives(u8 walker) const { return driven_ >> walker & 1; }

bool MachineTasks::can_run(u32 task) const {
    const Task& t = *tasks_[task];
    if (t.ended || violation_) return false;
    if (!t.next) return true;
    if (t.next->kind == EventKind::lock && t.next->which() != Lock::mmap_read)
        return owner_of(t.next->which()) == nobody;
    if (t.next->kind != EventKind::synchronize_rcu) return true;
    for (u8 w = 0; w < nr_walkers; ++w)
        if (t.waits_for[w]) return false;
    return true;
}

bool MachineTasks::run(u32 task, const std::function<bool()>& go_on) {
    Task& t = *tasks_[task];
    go_on_ = &go_on;
    touched_.clear();
    state_.machine.exchange(t.running);
    t.fiber->resume();
    state_.machine.exchange(t.running);
    return !violation_;
}

// ---- inside a task

void MachineTasks::body(Task& t) {
    try {
        for (; t.op_idx < t.ops->size(); ++t.op_idx) {
            arrive(t, nullptr);
            run_op(t, (*t.ops)[t.op_idx]);
        }
    } catch (const spec::Violated& v) {
        violation_ = v.violation;
        if (record_ && !done_.empty()) done_.back().violates = true;
    } catch (const Fiber::Abandoned&) {
    }
    t.ended = true;
    t.next.reset();
    end_waits();
    t.history = mix(t.history);
}

void MachineTasks::run_op(Task& t, const Op& op) {
    note(t, nullptr);
    t.subject = subject_of(world_, op);
    add_edge(touched_, state_.machine, t.subject);
    t.monitors.push_back(std::make_unique<spec::Monitor>(world_, op));
    Watch watch{*this, t};
    t.ran.push_back(mmodel::run(state_, &pcpu_, op, watch, case_.sabotage));
    const Outcome& outcome = t.ran.back().outcome;
    t.history = hash_combine(t.history, u64{outcome.disabled} << 32 | static_cast<u64>(outcome.err));
    add_edge(touched_, state_.machine, t.subject);
    t.monitors.back()->finish_own(world_);
}

// A step has ended, the next one begins with this event or, null, with the next operation.
void MachineTasks::arrive(Task& t, const Event* next) {
    if (!std::exchange(t.begun, true)) return; // nothing was done yet
    if (next) add_before(touched_, state_.machine, t.subject, *next);
    t.history = hash_combine(t.history, hash_combine(next ? next->hash() : 0, view_hash(world_, t.subject)));
    t.next = next ? std::optional(*next) : std::nullopt;
    t.step = next ? t.step + 1 : 0;
    // What is inside now is waited for. What no task moves leaves by itself.
    const bool waits = next && next->kind == EventKind::synchronize_rcu;
    for (u8 w = 0; w < nr_walkers; ++w) {
        const bool inside = state_.machine.walkers[w].inside;
        if (waits) t.waits_for[w] = inside && drives(w);
    }
    end_waits();
    if (++nr_steps_ > max_steps)
        throw spec::Violated{{spec::Inv::every_operation_ends, 0, next ? name(next->where) : "", "",
                              "a run of too many steps"}};
    if (!(*go_on_)()) t.fiber->yield();
    touched_.clear();
}

void MachineTasks::before(Task& t, const Machine& m, const Event& e) {
    arrive(t, &e);
    note(t, &e);
    add_effect(touched_, m, t.subject, e);
    if (e.kind == EventKind::synchronize_rcu) walkers_ = m.walkers;
    t.monitors.back()->before(m, e);
    if (e.kind == EventKind::memset_zero && !is_mapped(m, e.address(), e.nr_bytes()))
        t.monitors.back()->fail(spec::Inv::percpu_area_is_populated, &e, "a page of the area is not mapped");
}

void MachineTasks::after(Task& t, const Machine& m, const Event& e) {
    if (e.kind == EventKind::synchronize_rcu)
        for (u8 w = 0; w < nr_walkers; ++w)
            if (drives(w)) state_.machine.walkers[w] = walkers_[w]; // entered since: not waited for
    if (e.is_lock() && e.which() != Lock::mmap_read) {
        u32& owner = owner_of(e.which());
        if (e.kind == EventKind::lock) owner = t.id;
        if (e.kind == EventKind::unlock && owner == t.id) owner = nobody;
    }
    t.monitors.back()->after(m, e);
    t.next.reset();
}

// Who has left its read section is waited for no more.
void MachineTasks::end_waits() {
    for (auto& t : tasks_)
        for (u8 w = 0; w < nr_walkers; ++w)
            t->waits_for[w] = t->waits_for[w] && state_.machine.walkers[w].inside;
}

void MachineTasks::note(const Task& t, const Event* e) {
    if (record_) done_.push_back({t.id, e ? std::optional(*e) : std::nullopt, t.op_idx});
}

// ---- at the end

std::optional<spec::Violation> MachineTasks::judge_rest() {
    for (auto& t : tasks_)
        for (const u8 depth : t->running.lock_depth)
            if (depth) state_.machine.exchange(t->running); // a lock that is still held is seen
    try {
        for (const auto& t : tasks_)
            for (const auto& monitor : t->monitors) monitor->finish_at_rest(world_);
    } catch (const spec::Violated& v) {
        return v.violation;
    }
    return std::nullopt;
}

spec::Violation MachineTasks::stuck() const {
    std::string who;
    for (const auto& t : tasks_) {
        if (t->ended || !t->next) continue;
        who += (who.empty() ? "task " : ", task ") + std::to_string(t->id) + " waits in " +
               name(t->next->where) + "() for " + print_event(*t->next);
        if (t->next->kind == EventKind::lock)
            who += ", which task " + std::to_string(owner_of(t->next->which())) + " holds";
    }
    return {.inv = spec::Inv::no_task_waits_for_ever, .where = "", .event = "", .detail = who};
}

} // namespace mmodel::concurrent
