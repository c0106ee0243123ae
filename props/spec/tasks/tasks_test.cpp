// SPDX-License-Identifier: GPL-2.0 OR MIT
// The model's operations as tasks.
#include <catch2/catch.hpp>

#include "spec/tasks/campaign.hpp"
#include "model/step.hpp"

namespace mmodel::concurrent {
namespace {

const Case& case_named(std::string_view name) {
    const Scenario* s = scenario_named(name);
    REQUIRE(s);
    return s->what;
}

World begun(const Case& c) {
    World w(c.config);
    REQUIRE_FALSE(run_before(c, w));
    return w;
}

Explored explored(const Case& c, u32 preemptions, bool reduce, Sabotage sabotage = Sabotage::none) {
    return explore(c, {.preemptions = preemptions,
                       .reduce = reduce,
                       .faults = false,
                       .sabotage = sabotage,
                       .stop = {},
                       .progress = {}});
}

} // namespace

TEST_CASE("every scenario holds, its operations do something, and each has a sentence") {
    for (const Scenario& s : scenarios()) {
        INFO(s.name);
        CHECK(s.sentence.ends_with("."));
        const World w = begun(s.what);
        const SerialOrders orders(w, s.what);
        CHECK_FALSE(orders.all().violation);
        for (const Observed& o : orders.all().all)
            if (s.name.find("walker") == s.name.npos) CHECK(o.text.find("nothing") == o.text.npos);
        if (s.what.tasks.size() > 2) continue; // mmodel explore --concurrent has them
        const Explored r = explored(s.what, 1, true);
        CHECK(r.complete);
        CHECK(r.found.empty());
        CHECK(r.schedules > 0);
    }
}

TEST_CASE("with and without reduction the tasks come to the same") {
    for (const char* name :
         {"two_splitters", "optimise_restore", "walker_single", "walker_list", "populate_populate",
          "populate_atomic", "balance_atomic", "two_chunks", "destroy_atomic"}) {
        INFO(name);
        const Explored whole = explored(case_named(name), 2, false),
                       reduced = explored(case_named(name), 2, true);
        CHECK(whole.complete);
        CHECK(reduced.complete);
        CHECK(reduced.endings == whole.endings);
        CHECK(reduced.schedules < whole.schedules);
    }
}

TEST_CASE("with and without reduction the same breaks are found") {
    const std::vector<std::pair<Sabotage, const char*>> rows{
        {Sabotage::no_pmd_recheck, "two_splitters"},
        {Sabotage::lost_race_fails, "two_splitters"},
        {Sabotage::no_alloc_mutex, "populate_populate"},
        {Sabotage::no_alloc_mutex, "two_chunks"},
        {Sabotage::mark_before_populate, "populate_atomic"},
        {Sabotage::reclaim_not_isolated, "reclaim_atomic"},
        {Sabotage::inverted_locks, "two_chunks"}};
    for (const auto& [sabotage, name] : rows)
        for (const u32 preemptions : {0u, 1u}) {
            INFO(name << ", " << preemptions << " preemptions");
            const Explored whole = explored(case_named(name), preemptions, false, sabotage);
            const Explored reduced = explored(case_named(name), preemptions, true, sabotage);
            CHECK(whole.found.size() == reduced.found.size());
            if (preemptions) CHECK(reduced.found.size() == 1);
        }
}

TEST_CASE("a schedule drawn at random replays to the same events, and no violation") {
    const Case& c = case_named("three_optimisers");
    const World w = begun(c);
    const SerialOrders orders(w, c);
    u64 nr = 0;
    const Judge judge = [&](System& s, const Schedule& schedule, Ending ending) {
        auto& tasks = static_cast<MachineTasks&>(s);
        const u64 state = tasks.state();
        CHECK_FALSE(judge_ending(tasks, orders, ending));
        MachineTasks again(w, c);
        Schedule same = schedule;
        CHECK(replay(again, same) == ending);
        CHECK(same == schedule);
        CHECK(again.state() == state);
        return ++nr, true;
    };
    (void)draw([&] { return std::make_unique<MachineTasks>(w, c); }, judge, 200, 3, {});
    CHECK(nr == 200);
}

TEST_CASE("one task alone does what the operation does") {
    for (const Scenario& s : scenarios()) {
        INFO(s.name);
        Case c = s.what;
        c.tasks.resize(1);
        const World w = begun(c);
        World alone = w;
        for (const Op& op : c.tasks[0]) CHECK_FALSE(spec::Monitor(alone, op).violations().size());
        NoWatch none;
        for (const Op& op : c.tasks[0]) (void)advance(alone, op, none);
        MachineTasks tasks(w, c);
        Schedule schedule;
        CHECK(replay(tasks, schedule) == Ending::done);
        CHECK_FALSE(tasks.judge_rest());
        CHECK(tasks.world() == alone);
    }
}

TEST_CASE("a grace period waits for who is inside, and not for who comes later") {
    const Case& c = case_named("walker_single");
    const World w = begun(c);
    // The walker enters, then the folio is taken and optimised: it stands at synchronize_rcu() until the
    // walker left.
    Schedule before{{1, 1}, {0, 100}};
    MachineTasks tasks(w, c, true);
    CHECK(replay(tasks, before) == Ending::done);
    CHECK(before.size() == 4);
    CHECK(before[1].steps == 4); // free_lru, alloc_folio, begin of optimise, static_branch
    // The walker enters when the folio is frozen: nobody waits for it.
    Schedule after{{0, 4}, {1, 1}, {0, 100}};
    MachineTasks others(w, c, true);
    CHECK(replay(others, after) == Ending::done);
    REQUIRE(after.size() == 4);
    CHECK(after[2].steps > 10);
    CHECK(others.world().machine().walkers[0] == Walker{});
}

TEST_CASE("an atomic allocation may fail beside one that populates, and that is no finding") {
    const Explored r = explored(case_named("populate_atomic"), 2, true);
    CHECK(r.found.empty());
    CHECK(r.endings.size() == 2);
}

TEST_CASE("a finding is shrunk to the fewest preemptions, operations and faults") {
    Case c = case_named("three_optimisers");
    c.tasks[2][0].fail.nth[0] = 0;
    c.before.push_back({.kind = OpKind::sysctl, .on = true});
    Explored r = explored(c, 2, true, Sabotage::no_pmd_recheck);
    REQUIRE(r.found.size() == 1);
    const Found f = shrink(r.found[0]);
    CHECK(f.violation.inv == spec::Inv::table_translates_as_the_leaf_did);
    CHECK(f.what.before.size() == 2);
    CHECK(f.what.tasks.size() == 2);
    CHECK(f.schedule.size() == 3);
    const Replayed again = replay(f.what, f.schedule);
    REQUIRE(again.violation);
    CHECK(again.violation->inv == f.violation.inv);
    CHECK(again.schedule == f.schedule);
    CHECK(again.done.back().violates);
}

} // namespace mmodel::concurrent
