// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "props/sweep.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "props/audit.hpp"

namespace mmodel {

Ran run_failing(const World& world, Op op, Faults faults, World* next) {
    World w = world;
    op.fail = faults;
    const auto checked = spec::checked_advance(w, op);
    INFO(print_op(world.config().geometry, op));
    if (checked.violation) FAIL(spec::fact(checked.violation->inv).name << ": " << checked.violation->detail);
    if (world.config().nr_frames() < 1'000) REQUIRE(audit(w) == "");
    if (next) *next = std::move(w);
    return checked.ran;
}

namespace {

// The position to fail after n, of about `all`; `step` > 1 leaves out some between the first and last 40.
u64 next_position(u64 n, u64 all, u64 step) {
    return n + (n < 40 || n + 40 >= all ? 1 : std::min(step, all - 40 - n));
}

// How many positions fired.
u64 sweep_singly(const World& w, const Op& op, u64 step) {
    const u64 all = run_failing(w, op, {}).nr_allocs;
    u64 fired = 0;
    for (u64 n = 0;; n = next_position(n, all, step)) {
        const Ran ran = run_failing(w, op, {{static_cast<u16>(n), no_fault}});
        if (ran.nr_failed_allocs == 0) {
            REQUIRE(n == all); // the positions are those of the run without faults, and all of them
            return fired;
        }
        REQUIRE(ran.nr_failed_allocs == 1);
        ++fired;
    }
}

// Pairs: the second fault is that of the run which the first one left, until it no longer fires.
u64 sweep_pairs(const World& w, const Op& op, u64 step) {
    const u64 all = run_failing(w, op, {}).nr_allocs;
    u64 fired = 0;
    for (u64 i = 0; i < all; i = next_position(i, all, step)) {
        const u64 then = run_failing(w, op, {{static_cast<u16>(i), no_fault}}).nr_allocs;
        for (u64 j = i + 1;; j = next_position(j, then, step)) {
            const Ran ran = run_failing(w, op, {{static_cast<u16>(i), static_cast<u16>(j)}});
            REQUIRE(ran.nr_failed_allocs >= 1);
            if (ran.nr_failed_allocs < 2) {
                REQUIRE(j >= ran.nr_allocs);
                break;
            }
            ++fired;
        }
    }
    return fired;
}

} // namespace

Counts sweep(const std::vector<Setting>& all, bool pairs, u64 step) {
    Counts counts;
    for (const Setting& s : all) {
        const World w = after(s.made_by);
        for (const std::string& line : s.ops) {
            INFO(s.what << ": " << line);
            const Op op = op_of(w.config(), line);
            REQUIRE_FALSE(run_failing(w, op, {}).outcome.disabled);
            counts.singly += sweep_singly(w, op, step);
            if (pairs) counts.pairs += sweep_pairs(w, op, step);
        }
    }
    return counts;
}

u64 sweep_twice(const World& w, const Op& op) {
    u64 fired = 0;
    for (u16 i = 0;; ++i) {
        World once = w;
        if (run_failing(w, op, {{i, no_fault}}, &once).nr_failed_allocs == 0) return fired;
        for (u16 j = 0;; ++j) {
            World twice = once;
            if (run_failing(once, op, {{j, no_fault}}, &twice).nr_failed_allocs == 0) break;
            REQUIRE_FALSE(run_failing(twice, op, {}).outcome.disabled);
            ++fired;
        }
    }
}

} // namespace mmodel
