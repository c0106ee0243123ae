// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every operation in a set of prepared worlds, with its allocation 0, 1, 2, ... failing until none fires: no
// position is left out, and each has fired.
#include <algorithm>
#include <catch2/catch.hpp>

#include "props/audit.hpp"
#include "props/example.hpp"

namespace mmodel {
namespace {

// The operations of a setting, each of which allocates; those that never do are below.
struct Setting {
    const char* what;
    std::string made_by; // text of a trace
    std::vector<const char*> ops;
};

std::vector<Setting> settings(const std::string& geometry, const std::string& small,
                              const std::string& large) {
    const std::string g = "geometry " + geometry + "\n";
    const std::string two =
        "alloc_folio folio=0 size=" + small + "\nalloc_folio folio=1 size=" + small + "\n";
    const std::string one = "alloc_folio folio=0 size=" + large + "\n";
    return {
        {"boot", g, {"alloc_folio folio=0", "alloc_lru folio=0", "hot_add", "hot_add on=1"}},
        {"plain folios", g + two, {"optimise folio=0", "optimise_list folios=0,1"}},
        {"optimised folios",
         g + two + "optimise_list folios=0,1\n",
         {"restore folio=0", "restore_list folios=0,1", "free_folio folio=1"}},
        {"one optimised by keeping its head",
         g + two + "optimise folio=1 fail=0\n",
         {"optimise folio=0", "optimise_list folios=0,1", "restore folio=1", "restore_list folios=0,1",
          "free_folio folio=1"}},
        {"restored folios",
         g + two + "optimise_list folios=0,1\nrestore_list folios=0,1\n",
         {"optimise folio=0", "optimise_list folios=0,1"}},
        {"a hot-added block",
         g + "hot_add\nalloc_folio folio=0 size=" + small + " from=hot\n",
         {"optimise folio=0", "optimise_list folios=0"}},
        {"a self-hosted block",
         g + "hot_add on=1\nalloc_folio folio=0 size=" + small + " from=hot\n",
         {"optimise folio=0", "optimise_list folios=0"}},
        {"a plain gigantic folio", g + one, {"optimise folio=0", "optimise_list folios=0"}},
        {"an optimised gigantic folio",
         g + one + "optimise folio=0\n",
         {"restore folio=0", "restore_list folios=0", "free_folio folio=0"}},
        {"a gigantic folio after a rollback",
         g + one + "optimise folio=0 fail=2\n",
         {"optimise folio=0", "optimise_list folios=0"}},
        {"a walker inside",
         g + two + "walker_enter folio=0\n",
         {"optimise folio=0", "optimise_list folios=0,1"}},
    };
}

// The operation with these faults on a copy of the world. The specification holds; the audit, if the machine
// is small.
Ran run_failing(const World& world, Op op, Faults faults) {
    World w = world;
    op.fail = faults;
    const auto checked = spec::checked_advance(w, op);
    INFO(print_op(world.config().geometry, op));
    if (checked.violation) FAIL(spec::fact(checked.violation->inv).name << ": " << checked.violation->detail);
    if (world.config().nr_frames() < 1'000) REQUIRE(audit(w) == "");
    return checked.ran;
}

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

struct Counts {
    u64 singly{}, pairs{};
};

Counts sweep(const std::vector<Setting>& all, bool pairs, u64 step) {
    Counts counts;
    for (const Setting& s : all) {
        const World w = after(s.made_by);
        for (const char* line : s.ops) {
            INFO(s.what << ": " << line);
            const Op op = op_of(w.config(), line);
            REQUIRE_FALSE(run_failing(w, op, {}).outcome.disabled);
            counts.singly += sweep_singly(w, op, step);
            if (pairs) counts.pairs += sweep_pairs(w, op, step);
        }
    }
    return counts;
}

} // namespace

TEST_CASE("on the tiny machine every allocation of every operation fails once, and every pair does") {
    for (const char* geometry : {"tiny", "tiny nodes=2"}) {
        const Counts c = sweep(settings(geometry, "2K", "8K"), true, 1);
        CHECK(c.singly >= 62);
        CHECK(c.pairs >= 24);
    }
}

TEST_CASE("on x86-64 every allocation of 2 MiB operations fails once, and so do the first, last and many of "
          "1 GiB") {
    const Counts c = sweep(settings("x86-64", "2M", "1G"), false, 97);
    CHECK(c.singly >= 473);
}

// With the label long.
TEST_CASE("on every geometry every allocation of every operation fails once, and every pair does",
          "[.long]") {
    const auto pairs_on = [](const char* geometry, const char* small, const char* large) {
        INFO(geometry);
        const Counts c = sweep(settings(geometry, small, large), true, 1);
        CHECK(c.singly >= 62);
        CHECK(c.pairs >= 17);
    };
    pairs_on("tiny nodes=4", "2K", "8K");
    pairs_on("x86-64", "2M", "1G");
    pairs_on("x86-64 nodes=2", "2M", "1G");
    pairs_on("arm64-4k", "2M", "1G");
    pairs_on("arm64-16k", "32M", "1G");
}

TEST_CASE("under memory that ends after 0, 1, 2, ... pages every operation of the tiny machine satisfies the "
          "specification") {
    u64 starved = 0;
    for (const Setting& s : settings("tiny", "2K", "8K")) {
        const World w = after(s.made_by);
        for (const char* line : s.ops) {
            for (u32 left = 0; left < 24; ++left) {
                World tight = w;
                if (spec::checked_advance(tight, {.kind = OpKind::take_pages, .page = left})
                        .ran.outcome.disabled)
                    continue;
                INFO(s.what << ", " << left << " pages left: " << line);
                starved += run_failing(tight, op_of(w.config(), line), {}).nr_failed_allocs > 0;
            }
        }
    }
    CHECK(starved >= 83);
}

TEST_CASE("operations that take no memory allocate none") {
    const World w = after("geometry tiny\nalloc_folio folio=0\nalloc_lru folio=1\nwalker_enter folio=1 "
                          "walker=1\nwalker_enter folio=0 walker=2\n"
                          "alloc_folio folio=2\n");
    u64 nr_kinds = 0;
    for (const char* line :
         {"free_folio folio=0", "restore folio=0", "restore_list folios=0", "sysctl", "free_lru folio=1",
          "walker_enter folio=0", "walker_try_get walker=1", "walker_leave walker=2", "take_pages page=3"}) {
        const Ran ran = run_failing(w, op_of(w.config(), line), {});
        CHECK_FALSE(ran.outcome.disabled);
        CHECK(ran.nr_allocs == 0);
        ++nr_kinds;
    }
    CHECK(nr_kinds == 9);
}

} // namespace mmodel
