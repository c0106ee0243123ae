// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/tasks/search.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace mmodel::concurrent {

namespace {
constexpr u32 nobody = ~u32{0};
} // namespace

bool depend(const Footprint& a, const Footprint& b) {
    for (const Access& x : a)
        for (const Access& y : b)
            if (x.resource == y.resource && (x.write || y.write)) return true;
    return false;
}

u32 nr_switches(const Schedule& s) { return s.empty() ? 0 : static_cast<u32>(s.size()) - 1; }

// ---- what is shared

struct Knowledge::Impl {
    struct Users {
        u32 readers{}, writers{}; // masks of tasks
        [[nodiscard]] bool shared() const {
            const u32 all = readers | writers;
            return writers && (all & (all - 1));
        }
    };
    std::unordered_map<u64, Users> users{};     // by resource
    std::unordered_map<u64, Footprint> steps{}; // by place: what the step there was seen to touch
    std::unordered_set<u64> shared{}; // places whose step touches what others touch; as of the last update()

    void learn(u32 task, u64 place, const Footprint& touched) {
        Footprint& known = steps[place];
        for (const Access& a : touched) {
            const auto same = [&](const Access& k) { return k.resource == a.resource && k.write >= a.write; };
            if (std::ranges::any_of(known, same)) continue;
            known.push_back(a);
            Users& u = users[a.resource];
            (a.write ? u.writers : u.readers) |= u32{1} << task;
        }
    }
    // Whether more places are shared than were known to be.
    bool update() {
        const std::size_t before = shared.size();
        for (const auto& [place, touched] : steps)
            if (std::ranges::any_of(touched, [&](const Access& a) { return users[a.resource].shared(); }))
                shared.insert(place);
        return shared.size() > before;
    }
};

Knowledge::Knowledge() : impl_(std::make_unique<Impl>()) {}
Knowledge::~Knowledge() = default;

// ---- depth first

namespace {

class Search {
public:
    Search(const Make& make, const Judge& judge, const Limits& limits, Knowledge::Impl& known)
        : make_(make), judge_(judge), limits_(limits), known_(known) {}

    Tally run();

private:
    // Who can go on at one point, in the order in which they are tried; all before `at` were.
    struct Choice {
        std::vector<u32> options;
        std::size_t at{};
    };
    struct Preempted {
        bool is{};
        Footprint since{}; // what others have touched since
    };

    bool run_once();
    bool run_slice();
    bool after_step();
    void account();
    void note_resumed();
    bool interrupt_here();
    bool seen_before(u32 running);
    u32 choose(std::vector<u32> options);
    std::vector<u32> runnable(u32 first) const;
    bool backtrack();

    const Make& make_;
    const Judge& judge_;
    const Limits& limits_;
    Knowledge::Impl& known_;
    Tally out_{};
    std::vector<Choice> path_{};
    std::unordered_map<u64, u32> seen_{}; // state -> fewest preemptions
    // Of the run.
    std::unique_ptr<System> system_{};
    Schedule schedule_{};
    std::array<Preempted, max_tasks> preempted_{};
    std::size_t depth_{};
    u32 task_{}, next_{}, preemptions_{};
    u64 place_{}; // of the task, before its step
    bool has_shared_step_{}, resumed_{}, cut_{};
};

u32 Search::choose(std::vector<u32> options) {
    if (depth_ == path_.size()) path_.push_back({std::move(options)});
    const Choice& c = path_[depth_++];
    return c.options[c.at];
}

std::vector<u32> Search::runnable(u32 first) const {
    std::vector<u32> out;
    if (first != nobody) out.push_back(first);
    for (u32 t = 0; t < system_->nr_tasks(); ++t)
        if (t != first && system_->can_run(t)) out.push_back(t);
    return out;
}

bool Search::seen_before(u32 running) {
    if (!limits_.reduce || depth_ < path_.size()) return false;
    u64 key = hash_combine(system_->state(), running);
    for (u32 t = 0; t < system_->nr_tasks(); ++t) key = hash_combine(key, system_->history(t));
    const auto [at, is_new] = seen_.try_emplace(key, preemptions_);
    if (!is_new && at->second <= preemptions_) return true;
    at->second = preemptions_;
    return false;
}

// The first step of a task that was interrupted before it. If nothing since has to do with it, it could as
// well have been interrupted after it: that is another schedule.
void Search::note_resumed() {
    Preempted& p = preempted_[task_];
    if (limits_.reduce && !depend(system_->touched(), p.since)) cut_ = true;
    p.is = false;
    p.since.clear();
}

void Search::account() {
    const Footprint& touched = system_->touched();
    ++out_.steps;
    ++schedule_.back().steps;
    known_.learn(task_, place_, touched);
    has_shared_step_ = has_shared_step_ || known_.shared.contains(place_);
    if (std::exchange(resumed_, false)) note_resumed();
    for (u32 t = 0; t < system_->nr_tasks(); ++t)
        if (t != task_ && preempted_[t].is)
            preempted_[t].since.insert(preempted_[t].since.end(), touched.begin(), touched.end());
    place_ = system_->place(task_);
}

// Whether another task takes over although this one could go on.
bool Search::interrupt_here() {
    if (limits_.reduce && (!has_shared_step_ || !known_.shared.contains(place_))) return false;
    if (seen_before(task_)) return cut_ = true;
    if (preemptions_ >= limits_.preemptions) return false;
    std::vector<u32> options = runnable(task_);
    if (options.size() < 2) return false;
    const u32 chosen = choose(std::move(options));
    if (chosen == task_) return false;
    next_ = chosen;
    ++preemptions_;
    preempted_[task_] = {.is = true};
    return true;
}

// Whether the task goes on at once.
bool Search::after_step() {
    account();
    if (cut_) return false;
    return system_->can_run(task_) && !interrupt_here();
}

// False: the run is over.
bool Search::run_slice() {
    if (schedule_.empty() || schedule_.back().task != task_) schedule_.push_back({task_, 0});
    place_ = system_->place(task_);
    has_shared_step_ = false;
    resumed_ = preempted_[task_].is;
    next_ = nobody;
    const bool whole = system_->run(task_, [this] { return after_step(); });
    if (!whole || system_->ended(task_)) account();
    if (!whole) cut_ = false; // what broke is told
    return whole && !cut_;
}

// False: no more are wanted.
bool Search::run_once() {
    system_ = make_();
    schedule_.clear();
    for (Preempted& p : preempted_) p = {};
    depth_ = 0;
    preemptions_ = 0;
    cut_ = false;
    next_ = nobody;
    for (;;) {
        std::vector<u32> options = next_ == nobody ? runnable(nobody) : std::vector<u32>{next_};
        if (options.empty()) {
            bool done = true;
            for (u32 t = 0; t < system_->nr_tasks(); ++t) done = done && system_->ended(t);
            ++out_.schedules;
            return judge_(*system_, schedule_, done ? Ending::done : Ending::stuck);
        }
        if (next_ == nobody && seen_before(nobody)) break;
        task_ = options.size() == 1 ? options.front() : choose(std::move(options));
        if (run_slice()) continue;
        if (cut_) break;
        ++out_.schedules;
        return judge_(*system_, schedule_, Ending::broken);
    }
    ++out_.pruned;
    return true;
}

bool Search::backtrack() {
    while (!path_.empty()) {
        Choice& c = path_.back();
        if (++c.at < c.options.size()) return true;
        path_.pop_back();
    }
    return false;
}

Tally Search::run() {
    do {
        out_.schedules = out_.pruned = 0;
        path_.clear();
        seen_.clear();
        do {
            if (limits_.stop && limits_.stop()) return out_;
            if (!run_once()) return out_;
        } while (backtrack());
    } while (limits_.reduce && known_.update());
    out_.complete = true;
    return out_;
}

} // namespace

Tally search(const Make& make, const Judge& judge, const Limits& limits, Knowledge& knowledge) {
    return Search(make, judge, limits, *knowledge).run();
}

// ---- at random, and one

namespace {

// Runs one task until it ends, waits, or after a step go_on() is false.
bool run_some(System& system, u32 task, Schedule& ran, const std::function<bool()>& go_on) {
    if (ran.empty() || ran.back().task != task) ran.push_back({task, 0});
    const bool whole = system.run(task, [&] {
        ++ran.back().steps;
        return system.can_run(task) && go_on();
    });
    if (!whole || system.ended(task)) ++ran.back().steps;
    return whole;
}

std::vector<u32> who_can(const System& system) {
    std::vector<u32> out;
    for (u32 t = 0; t < system.nr_tasks(); ++t)
        if (system.can_run(t)) out.push_back(t);
    return out;
}

Ending ending_of(const System& system) {
    for (u32 t = 0; t < system.nr_tasks(); ++t)
        if (!system.ended(t)) return Ending::stuck;
    return Ending::done;
}

} // namespace

Tally draw(const Make& make, const Judge& judge, u64 nr, u64 seed, const Limits& limits) {
    Tally out;
    for (u64 i = 0; i < nr; ++i) {
        if (limits.stop && limits.stop()) return out;
        const auto system = make();
        Schedule ran;
        u64 random = mix(seed ^ mix(i));
        // One in 2 to one in 32: long slices find what short ones do not, and the other way round.
        const u64 every = u64{2} << random % 5;
        const auto draw_one = [&](u64 n) { return (random = mix(random)) % n; };
        Ending ending = Ending::done;
        for (auto who = who_can(*system); !who.empty(); who = who_can(*system))
            if (!run_some(*system, who[draw_one(who.size())], ran, [&] { return draw_one(every) != 0; })) {
                ending = Ending::broken;
                break;
            }
        if (ending != Ending::broken) ending = ending_of(*system);
        ++out.schedules;
        for (const Slice& s : ran) out.steps += s.steps;
        if (!judge(*system, ran, ending)) return out;
    }
    out.complete = true;
    return out;
}

Ending replay(System& system, Schedule& schedule) {
    const Schedule wanted = std::exchange(schedule, {});
    for (const Slice& s : wanted) {
        u64 left = s.steps;
        if (s.task >= system.nr_tasks() || !system.can_run(s.task)) continue;
        if (!run_some(system, s.task, schedule, [&] { return --left != 0; })) return Ending::broken;
    }
    const u32 last = schedule.empty() ? 0 : schedule.back().task;
    for (auto who = who_can(system); !who.empty(); who = who_can(system)) {
        const u32 task = system.can_run(last) ? last : who.front();
        if (!run_some(system, task, schedule, [] { return true; })) return Ending::broken;
    }
    return ending_of(system);
}

} // namespace mmodel::concurrent
