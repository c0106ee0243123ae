// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/tasks/campaign.hpp"

#include <chrono>

#include "spec/judge/check.hpp"

namespace mmodel::concurrent {
namespace {

using Clock = std::chrono::steady_clock;

struct Site {
    std::size_t task, op;
    u16 nth;
};

Case with_fault(Case c, const Site& s) {
    Faults& f = c.tasks[s.task][s.op].fail;
    (f.nth[0] == no_fault ? f.nth[0] : f.nth[1]) = s.nth;
    c.tasks[s.task][s.op] = canonical(c.tasks[s.task][s.op]);
    return c;
}

Found in_series(const Case& c, const Serial& serial) {
    Found f{.violation = *serial.violation, .what = c, .schedule = {}};
    f.what.before.insert(f.what.before.end(), serial.order.begin(), serial.order.end());
    f.what.tasks.clear();
    return f;
}

class Campaign {
public:
    Campaign(const World& start, const Options& o, Explored& out) : start_(start), options_(o), out_(out) {}

    bool over() const {
        return !out_.found.empty() || (options_.stop && options_.stop()) ||
               (options_.seconds > 0 && seconds() > options_.seconds);
    }
    double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

    // Whether all of it was run.
    bool run(const Case& c, const SerialOrders& orders) {
        ++out_.variants;
        const Make make = [&] { return std::make_unique<MachineTasks>(start_, c); };
        const Judge judge = [&](System& system, const Schedule& schedule, Ending ending) {
            auto& tasks = static_cast<MachineTasks&>(system);
            if (auto v = judge_ending(tasks, orders, ending))
                out_.found.push_back({.violation = *v, .what = c, .schedule = schedule});
            else
                for (const u64 v : observe(tasks).values) ending_ = hash_combine(ending_, v);
            out_.endings.insert(std::exchange(ending_, 0));
            return out_.found.empty();
        };
        u64 runs = 0;
        const Limits limits{.preemptions = options_.preemptions, .reduce = options_.reduce, .stop = [&] {
                                if (options_.progress && ++runs % 64 == 0)
                                    options_.progress(out_.schedules + runs);
                                return over();
                            }};
        Knowledge knowledge; // of one variant: what another one shares would only slow this one down
        const Tally t = options_.random ? draw(make, judge, options_.random, options_.seed, limits)
                                        : search(make, judge, limits, knowledge);
        out_.schedules += t.schedules;
        out_.pruned += t.pruned;
        out_.steps += t.steps;
        return t.complete;
    }

private:
    const World& start_;
    const Options& options_;
    Explored& out_;
    u64 ending_{};
    Clock::time_point begin_{Clock::now()};
};

} // namespace

std::optional<spec::Violation> judge_ending(MachineTasks& tasks, const SerialOrders& orders, Ending ending) {
    if (ending == Ending::broken) return tasks.violation();
    if (ending == Ending::stuck) return tasks.stuck();
    if (auto v = tasks.judge_rest()) return v;
    return orders.judge(tasks);
}

std::optional<Found> run_before(const Case& c, World& w) {
    for (std::size_t i = 0; i < c.before.size(); ++i) {
        const spec::Checked r = spec::checked_advance(w, c.before[i], c.sabotage);
        if (!r.violation) continue;
        Found f{.violation = *r.violation, .what = c, .schedule = {}};
        f.what.before.resize(i + 1);
        f.what.tasks.clear();
        return f;
    }
    return std::nullopt;
}

std::vector<Case> variants_of(const Case& c, const Serial& serial) {
    std::vector<Site> sites;
    for (std::size_t t = 0; t < c.tasks.size(); ++t)
        for (std::size_t i = 0; i < c.tasks[t].size(); ++i)
            for (u32 n = 0; fields_of(c.tasks[t][i].kind) & f_fail && n < serial.nr_allocs[t][i]; ++n)
                sites.push_back({t, i, static_cast<u16>(n)});
    std::vector<Case> out{c};
    for (const Site& s : sites) out.push_back(with_fault(c, s));
    for (const Site& a : c.tasks.size() == 2 ? sites : std::vector<Site>{})
        for (const Site& b : sites)
            if (a.task < b.task) out.push_back(with_fault(with_fault(c, a), b));
    return out;
}

Explored explore(const Case& given, const Options& o) {
    Explored out;
    Case c = given;
    c.sabotage = o.sabotage;
    World start(c.config);
    if (auto f = run_before(c, start)) return out.found.push_back(std::move(*f)), out;
    Campaign campaign(start, o, out);
    const SerialOrders plain(start, c);
    const std::vector<Case> all =
        o.faults && !plain.all().violation ? variants_of(c, plain.all()) : std::vector{c};
    out.complete = true;
    for (const Case& variant : all) {
        if (campaign.over()) break;
        const SerialOrders orders(start, variant);
        if (orders.all().violation)
            out.found.push_back(in_series(variant, orders.all()));
        else
            out.complete = campaign.run(variant, orders) && out.complete;
    }
    out.complete = out.complete && out.variants == all.size();
    out.seconds = campaign.seconds();
    return out;
}

Replayed replay(const Case& c, const Schedule& schedule) {
    Replayed out{.schedule = schedule, .world = World(c.config)};
    World start(c.config);
    if (const auto f = run_before(c, start)) return out.violation = f->violation, out;
    const SerialOrders orders(start, c);
    MachineTasks tasks(start, c, true);
    const Ending ending = replay(tasks, out.schedule);
    out.violation = judge_ending(tasks, orders, ending);
    out.done = tasks.done();
    out.world = tasks.world();
    for (u32 t = 0; t < tasks.nr_tasks(); ++t) out.ran.push_back(tasks.ran(t));
    return out;
}

} // namespace mmodel::concurrent
