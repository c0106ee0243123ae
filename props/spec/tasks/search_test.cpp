// SPDX-License-Identifier: GPL-2.0 OR MIT
// The search, on tasks whose schedules can be counted by hand.
#include <catch2/catch.hpp>
#include <set>

#include "spec/tasks/fiber.hpp"
#include "spec/tasks/search.hpp"

namespace mmodel::concurrent {
namespace {

// A step of a toy: a value is added to a cell, or multiplied into it, so that order shows; or a lock.
struct Step {
    enum class Kind { local, add, mul, take, drop, fail } kind{};
    u32 cell{};
};
using Program = std::vector<Step>;

class Toy : public System {
public:
    explicit Toy(const std::vector<Program>& programs)
        : programs_(programs), at_(programs.size()), holder_(4, nobody) {}

    u32 nr_tasks() const override { return static_cast<u32>(programs_.size()); }
    bool ended(u32 t) const override { return at_[t] == programs_[t].size(); }
    bool can_run(u32 t) const override {
        if (ended(t) || broken_) return false;
        const Step& s = programs_[t][at_[t]];
        return s.kind != Step::Kind::take || holder_[s.cell] == nobody;
    }
    bool run(u32 t, const std::function<bool()>& go_on) override {
        do {
            step(t);
            if (broken_) return false;
        } while (!ended(t) && go_on());
        return true;
    }
    const Footprint& touched() const override { return touched_; }
    u64 history(u32 t) const override { return at_[t]; } // toys decide nothing
    u64 place(u32 t) const override { return u64{t} << 32 | at_[t]; }
    u64 state() const override {
        u64 h = 0;
        for (const u64 c : cells_) h = hash_combine(h, c);
        for (const u32 t : holder_) h = hash_combine(h, t);
        return h;
    }

private:
    static constexpr u32 nobody = ~u32{0};

    void step(u32 t) {
        const Step s = programs_[t][at_[t]++];
        touched_.clear();
        switch (s.kind) {
        case Step::Kind::local: touched_.push_back({1000 + t, true}); return;
        case Step::Kind::add: cells_[s.cell] += t + 1; break;
        case Step::Kind::mul: cells_[s.cell] = cells_[s.cell] * (2 * t + 3) + t; break;
        case Step::Kind::take: holder_[s.cell] = t; break;
        case Step::Kind::drop: holder_[s.cell] = nobody; break;
        case Step::Kind::fail: broken_ = cells_[s.cell] == 1; break; // task 0 has added, task 1 has not
        }
        touched_.push_back(
            {(s.kind == Step::Kind::take || s.kind == Step::Kind::drop ? 500 : 0) + s.cell, true});
    }

    const std::vector<Program>& programs_;
    std::vector<std::size_t> at_;
    std::vector<u32> holder_;
    std::array<u64, 8> cells_{};
    Footprint touched_{};
    bool broken_{};
};

constexpr Step local{Step::Kind::local, 0};
constexpr Step add(u32 cell) { return {Step::Kind::add, cell}; }
constexpr Step mul(u32 cell) { return {Step::Kind::mul, cell}; }
constexpr Step take(u32 lock) { return {Step::Kind::take, lock}; }
constexpr Step drop(u32 lock) { return {Step::Kind::drop, lock}; }

struct Seen {
    Tally tally{};
    std::set<u64> states{};
    u64 stuck{}, broken{};
    std::vector<Schedule> bad{};
};

Seen explore(const std::vector<Program>& programs, u32 preemptions, bool reduce) {
    Seen out;
    const Judge judge = [&](System& s, const Schedule& schedule, Ending e) {
        out.stuck += e == Ending::stuck;
        out.broken += e == Ending::broken;
        if (e == Ending::done)
            out.states.insert(s.state());
        else
            out.bad.push_back(schedule);
        return true;
    };
    Knowledge knowledge;
    out.tally = search([&] { return std::make_unique<Toy>(programs); }, judge,
                       {.preemptions = preemptions, .reduce = reduce, .stop = {}}, knowledge);
    CHECK(out.tally.complete);
    return out;
}

u64 choose(u64 n, u64 k) {
    u64 out = 1;
    for (u64 i = 0; i < k; ++i) out = out * (n - i) / (i + 1);
    return out;
}

} // namespace

TEST_CASE("without reduction there are as many schedules as there are interleavings") {
    for (u64 n = 1; n <= 5; ++n) {
        const std::vector<Program> two(2, Program(n, local));
        CHECK(explore(two, unbounded, false).tally.schedules == choose(2 * n, n));
    }
    const std::vector<Program> three(3, Program(2, local));
    CHECK(explore(three, unbounded, false).tally.schedules == 90); // 6! / (2! 2! 2!)
}

TEST_CASE("within a bound there are as many schedules as ways to place the preemptions") {
    // Two tasks of n steps; c preemptions split them into c + 2 slices at most, who begins is free.
    for (u64 n = 1; n <= 6; ++n) {
        const std::vector<Program> two(2, Program(n, local));
        CHECK(explore(two, 0, false).tally.schedules == 2);
        CHECK(explore(two, 1, false).tally.schedules == 2 + 2 * (n - 1));
        CHECK(explore(two, 2, false).tally.schedules == 2 + 2 * (n - 1) + 2 * (n - 1) * (n - 1));
    }
}

TEST_CASE("tasks that have nothing in common are not interrupted: only who begins is free") {
    for (u64 n = 1; n <= 6; ++n) {
        const std::vector<Program> two{Program(n, add(0)), Program(n, add(1))};
        const Seen s = explore(two, unbounded, true);
        CHECK(s.tally.schedules == 2);
        CHECK(s.states.size() == 1);
    }
}

TEST_CASE("steps that may not change places are run in every order") {
    for (u64 n = 1; n <= 5; ++n) {
        const std::vector<Program> two(2, Program(n, mul(0)));
        const Seen all = explore(two, unbounded, false), reduced = explore(two, unbounded, true);
        CHECK(all.states.size() == choose(2 * n, n)); // each order ends in a state of its own
        CHECK(reduced.states == all.states);
        CHECK(reduced.tally.schedules == choose(2 * n, n));
    }
}

TEST_CASE("local steps between those that matter cost no schedule") {
    for (u64 n = 1; n <= 4; ++n) {
        Program p;
        for (u64 i = 0; i < n; ++i) p.insert(p.end(), {local, mul(0), local, local});
        const std::vector<Program> two(2, p);
        const Seen reduced = explore(two, unbounded, true);
        CHECK(reduced.states.size() == choose(2 * n, n));
        CHECK(reduced.tally.schedules == choose(2 * n, n));
    }
}

TEST_CASE("with and without reduction, within any bound, the same states are reached") {
    const std::vector<std::vector<Program>> all{
        {{mul(0), mul(1), local, mul(0)}, {mul(1), mul(0), mul(2)}},
        {{take(0), mul(0), drop(0), mul(1)}, {mul(1), take(0), mul(0), drop(0)}},
        {{mul(0), local, mul(1), mul(0)}, {mul(1), mul(1)}, {mul(0), local, mul(2), mul(1)}},
        {{take(0), mul(0), take(1), mul(1), drop(1), drop(0)},
         {mul(1), take(0), mul(0), drop(0)},
         {mul(0), mul(2)}},
        {{mul(0), mul(1), mul(2), mul(3)}, {mul(3), mul(2), mul(1), mul(0)}},
    };
    for (const auto& programs : all)
        for (const u32 bound : {0u, 1u, 2u, 3u, unbounded}) {
            const Seen whole = explore(programs, bound, false), reduced = explore(programs, bound, true);
            INFO("bound " << bound << ", " << whole.tally.schedules << " schedules, reduced "
                          << reduced.tally.schedules);
            CHECK(reduced.states == whole.states);
            CHECK(reduced.stuck == whole.stuck);
            CHECK(reduced.tally.schedules <= whole.tally.schedules);
        }
}

TEST_CASE("random programs reach the same states and deadlocks with and without reduction") {
    u64 random = 42;
    const auto draw_one = [&](u64 n) { return (random = mix(random)) % n; };
    u64 nr_stuck = 0, fewer = 0;
    for (int i = 0; i < 150; ++i) {
        std::vector<Program> programs(2 + draw_one(2));
        for (Program& p : programs)
            for (u64 n = 1 + draw_one(programs.size() == 2 ? 4 : 2); n > 0; --n) {
                const u32 lock = static_cast<u32>(draw_one(2)), cell = static_cast<u32>(draw_one(3));
                if (draw_one(4) == 0)
                    p.insert(p.begin() + static_cast<std::ptrdiff_t>(draw_one(p.size() + 1)), local);
                else if (draw_one(3) == 0)
                    p.insert(p.begin(), take(lock)), p.push_back(drop(lock));
                else
                    p.push_back(mul(cell));
            }
        for (const u32 bound : {1u, 2u, unbounded}) {
            const Seen whole = explore(programs, bound, false), reduced = explore(programs, bound, true);
            INFO("program " << i << ", bound " << bound);
            REQUIRE(reduced.states == whole.states);
            REQUIRE((reduced.stuck > 0) == (whole.stuck > 0));
            nr_stuck += whole.stuck > 0;
            fewer += reduced.tally.schedules < whole.tally.schedules;
        }
    }
    CHECK(nr_stuck >= 10);
    CHECK(fewer >= 200);
}

TEST_CASE("locks taken in opposite orders end in a deadlock, and only then") {
    const Program ab{take(0), take(1), drop(1), drop(0)}, ba{take(1), take(0), drop(0), drop(1)};
    for (const bool reduce : {false, true}) {
        CHECK(explore({ab, ba}, 1, reduce).stuck > 0);
        CHECK(explore({ab, ba}, 0, reduce).stuck == 0); // one after the other
        CHECK(explore({ab, ab}, unbounded, reduce).stuck == 0);
    }
}

TEST_CASE("a step that breaks something only in the middle of another task is found with one preemption") {
    const std::vector<Program> two{{add(0), add(0)}, {{Step::Kind::fail, 0}}};
    for (const bool reduce : {false, true}) {
        CHECK(explore(two, 0, reduce).broken == 0);
        const Seen s = explore(two, 1, reduce);
        CHECK(s.broken == 1);
        REQUIRE(s.bad.size() == 1);
        CHECK(s.bad[0] == Schedule{{0, 1}, {1, 1}});
    }
}

TEST_CASE("a schedule replays to what it was, and one that cannot be is cut to what can") {
    const std::vector<Program> programs{{take(0), mul(0), drop(0)}, {mul(1), take(0), mul(0), drop(0)}};
    const Judge judge = [&](System& s, const Schedule& schedule, Ending e) {
        Toy again(programs);
        Schedule same = schedule;
        CHECK(replay(again, same) == e);
        CHECK(same == schedule);
        CHECK(again.state() == s.state());
        return true;
    };
    Knowledge knowledge;
    const auto make = [&] { return std::make_unique<Toy>(programs); };
    CHECK(search(make, judge, {.preemptions = 3, .reduce = false, .stop = {}}, knowledge).complete);
    CHECK(draw(make, judge, 50, 7, {}).schedules == 50);
    Toy toy(programs);
    Schedule odd{{0, 1}, {1, 9}, {3, 2}, {0, 1}};
    CHECK(replay(toy, odd) == Ending::done);
    CHECK(odd == Schedule{{0, 1}, {1, 1}, {0, 2}, {1, 3}});
}

TEST_CASE("the same seed draws the same schedules, another one others") {
    const std::vector<Program> programs(2, Program(6, mul(0)));
    const auto drawn = [&](u64 seed) {
        std::vector<Schedule> out;
        const Judge judge = [&](System&, const Schedule& s, Ending) { return out.push_back(s), true; };
        (void)draw([&] { return std::make_unique<Toy>(programs); }, judge, 40, seed, {});
        return out;
    };
    CHECK(drawn(1) == drawn(1));
    CHECK(drawn(1) != drawn(2));
}

TEST_CASE("a fiber that is given up unwinds its stack") {
    int alive = 0;
    struct Counted {
        int& n;
        explicit Counted(int& count) : n(++count) {}
        ~Counted() { --n; }
    };
    for (int round = 0; round < 3; ++round) {
        Fiber* inside = nullptr;
        auto body = [&] {
            try {
                const Counted one(alive);
                for (;;) {
                    const Counted two(alive);
                    inside->yield();
                }
            } catch (const Fiber::Abandoned&) {
            }
        };
        auto fiber = std::make_unique<Fiber>(body);
        inside = fiber.get();
        fiber->resume();
        fiber->resume();
        CHECK(alive == 2);
        Fiber* const raw = fiber.release();
        delete raw;
        CHECK(alive == 0);
    }
}

} // namespace mmodel::concurrent
