// SPDX-License-Identifier: GPL-2.0 OR MIT
// Predicates here stand in for "breaks the same invariant": each says exactly what a failing trace needs, so
// that the least trace with it is known.
#include "fuzz/ops/shrink.hpp"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <random>

#include "fuzz/ops/bytes.hpp"

namespace mmodel {
namespace {

using Random = std::mt19937_64;

u64 below(Random& random, u64 n) { return random() % n; }

Trace trace_of(const std::string& text) {
    const auto t = parse_trace("mmodel trace 1\n" + text);
    INFO((t ? "" : print_error(t.error())));
    REQUIRE(t);
    return *t;
}

Trace random_trace(Random& random, const std::string& config, std::size_t nr_ops) {
    Trace t{.config = *parse_config(config)};
    for (std::size_t i = 0; i < nr_ops; ++i) {
        Record r;
        for (u8& b : r) b = static_cast<u8>(random());
        t.ops.push_back(decode_op(t.config, r));
    }
    return t;
}

// Random operations with the needed ones among them, in their order.
Trace buried(Random& random, const Trace& needed, std::size_t nr_ops) {
    Trace t = random_trace(random, print_config(needed.config), nr_ops);
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < needed.ops.size(); ++i) places.push_back(below(random, nr_ops));
    std::ranges::sort(places);
    for (std::size_t i = 0; i < places.size(); ++i)
        t.ops.insert(t.ops.begin() + static_cast<std::ptrdiff_t>(places[i] + i), needed.ops[i]);
    return t;
}

bool has(const Trace& t, const std::function<bool(const Op&)>& what) {
    return std::ranges::any_of(t.ops, what);
}

// An alloc_folio, later an optimise of the same folio in which an allocation fails.
bool optimise_fails_after_alloc(const Trace& t) {
    for (std::size_t j = 0; j < t.ops.size(); ++j) {
        const Op& b = t.ops[j];
        if (b.kind != OpKind::optimise || !b.fail.any()) continue;
        for (std::size_t i = 0; i < j; ++i)
            if (t.ops[i].kind == OpKind::alloc_folio && t.ops[i].folio == b.folio) return true;
    }
    return false;
}

// As many walkers enter as leave, and at least one folio is freed.
bool walkers_balance_and_one_folio_is_freed(const Trace& t) {
    const auto enters = std::ranges::count(t.ops, OpKind::walker_enter, &Op::kind);
    const auto leaves = std::ranges::count(t.ops, OpKind::walker_leave, &Op::kind);
    return enters == leaves && std::ranges::count(t.ops, OpKind::free_folio, &Op::kind) > 0;
}

std::string shrunk(const Trace& t, const StillFails& still_fails) {
    ShrinkStats stats;
    const Trace least = shrink(t, still_fails, &stats);
    CHECK(stats.reproduced);
    CHECK(stats.reached_end);
    return print_trace(least).substr(std::string("mmodel trace 1\n").size());
}

} // namespace

TEST_CASE("two operations on one folio with a fault are all that is left of 60, within 100 evaluations") {
    const Trace needed = trace_of("geometry x86-64 nodes=2\nalloc_folio folio=7 size=1G nid=1\n"
                                  "optimise folio=7 fail=300,4000\n");
    for (u64 seed = 0; seed < 200; ++seed) {
        Random random(seed);
        ShrinkStats stats;
        const Trace least = shrink(buried(random, needed, 58), optimise_fails_after_alloc, &stats);
        REQUIRE(print_trace(least) ==
                "mmodel trace 1\ngeometry x86-64\nalloc_folio folio=0\noptimise folio=0 fail=0\n");
        REQUIRE(stats.reached_end);
        REQUIRE(stats.evaluations <= 100);
    }
}

TEST_CASE("operations that only go in pairs go, however far apart they are") {
    for (u64 seed = 0; seed < 50; ++seed) {
        Random random(seed);
        Trace t = random_trace(random, "tiny", 60);
        std::erase_if(t.ops, [](const Op& op) {
            return op.kind == OpKind::walker_enter || op.kind == OpKind::walker_leave;
        });
        const auto middle = t.ops.begin() + static_cast<std::ptrdiff_t>(t.ops.size() / 2);
        t.ops.insert(middle, Op{.kind = OpKind::free_folio, .folio = 3});
        for (u8 w = 0; w < 3; ++w) {
            t.ops.insert(t.ops.begin(), Op{.kind = OpKind::walker_enter, .folio = w, .walker = w});
            t.ops.push_back(Op{.kind = OpKind::walker_leave, .walker = static_cast<u8>(3 - w)});
        }
        REQUIRE(shrunk(t, walkers_balance_and_one_folio_is_freed) == "geometry tiny\nfree_folio folio=0\n");
    }
}

TEST_CASE("a number goes down to the least that still fails") {
    for (const u32 least : {0u, 1u, 2u, 511u, 12'345u, 262'143u}) {
        const Trace t = trace_of("geometry x86-64\ntake_pages page=262143\n");
        const auto enough = [&](const Trace& x) {
            return has(x, [&](const Op& op) { return op.page >= least && op.kind == OpKind::take_pages; });
        };
        const Trace small = shrink(t, enough);
        REQUIRE(small.ops.size() == 1);
        CHECK(small.ops[0].page == least);
    }
}

TEST_CASE("faults go, or go down, whichever of two is needed") {
    const Trace t = trace_of("geometry x86-64\noptimise folio=1 fail=7,65534\n");
    const auto has_fault = [](u64 least) {
        return [=](const Trace& x) {
            return has(x, [=](const Op& op) {
                return std::ranges::any_of(op.fail.nth, [=](u16 n) { return n != no_fault && n >= least; });
            });
        };
    };
    CHECK(shrunk(t, has_fault(0)) == "geometry x86-64\noptimise folio=0 fail=0\n");
    CHECK(shrunk(t, has_fault(7)) == "geometry x86-64\noptimise folio=0 fail=7\n");
    CHECK(shrunk(t, has_fault(900)) == "geometry x86-64\noptimise folio=0 fail=900\n");
    const auto has_second = [](u64 least) {
        return [=](const Trace& x) {
            return has(x,
                       [=](const Op& op) { return op.fail.nth[1] != no_fault && op.fail.nth[1] >= least; });
        };
    };
    CHECK(shrunk(t, has_second(0)) == "geometry x86-64\noptimise folio=0 fail=0,1\n");
    CHECK(shrunk(t, has_second(40'000)) == "geometry x86-64\noptimise folio=0 fail=0,40000\n");
}

TEST_CASE("the frames that an operation names go, but for the first ones that are needed") {
    const Trace t =
        trace_of("geometry x86-64\noptimise folio=0 frames=40000,40001,40002\nrestore folio=0 frames=7\n");
    const auto names = [](u32 pfn) {
        return [=](const Trace& x) {
            return has(x, [=](const Op& op) { return std::ranges::count(op.frames.nth, pfn) != 0; });
        };
    };
    CHECK(shrunk(t, names(40001)) == "geometry x86-64\noptimise folio=0 frames=40000,40001\n");
    CHECK(shrunk(t, names(7)) == "geometry x86-64\nrestore folio=0 frames=7\n");
}

TEST_CASE("a list loses the members that are not needed, and a list of one becomes the operation on it") {
    const Trace t = trace_of("geometry tiny\nrestore folio=9\noptimise_list folios=1,4,9,12,15 fail=3\n");
    const auto both = [](const Trace& x) {
        return has(x, [](const Op& op) { return std::popcount(op.folios) >= 2; });
    };
    CHECK(shrunk(t, both) == "geometry tiny\noptimise_list folios=0,1\n");
    const auto optimised_after_restore = [](const Trace& x) {
        return x.ops.size() >= 2 && x.ops[0].kind == OpKind::restore &&
               ((x.ops[1].folios >> x.ops[0].folio & 1) ||
                (x.ops[1].kind == OpKind::optimise && x.ops[1].folio == x.ops[0].folio));
    };
    CHECK(shrunk(t, optimised_after_restore) == "geometry tiny\nrestore folio=0\noptimise folio=0\n");
}

TEST_CASE("slots are renamed in all operations alike, in the order of their first use") {
    const Trace t =
        trace_of("geometry tiny\nalloc_folio folio=13\nalloc_folio folio=4\nwalker_enter folio=13 walker=3\n"
                 "optimise_list folios=4,13\nwalker_leave walker=3\n");
    const auto all = [](const Trace& x) {
        return x.ops.size() == 5 && x.ops[0].folio != x.ops[1].folio && x.ops[2].folio == x.ops[0].folio &&
               x.ops[3].folios == (1u << x.ops[0].folio | 1u << x.ops[1].folio) &&
               x.ops[2].walker == x.ops[4].walker;
    };
    CHECK(shrunk(t, all) == "geometry tiny\nalloc_folio folio=0\nalloc_folio folio=1\nwalker_enter folio=0\n"
                            "optimise_list folios=0,1\nwalker_leave\n");
    // Where the order of slots matters, they stay in that order.
    const auto descending = [&](const Trace& x) { return all(x) && x.ops[0].folio > x.ops[1].folio; };
    CHECK(shrunk(t, descending) ==
          "geometry tiny\nalloc_folio folio=1\nalloc_folio folio=0\nwalker_enter folio=1\n"
          "optimise_list folios=0,1\nwalker_leave\n");
}

TEST_CASE("operands that must agree are lowered together") {
    const Trace t = trace_of("geometry x86-64 nodes=2\nalloc_folio folio=0 size=1G from=boot nid=1\n"
                             "alloc_lru folio=1 size=1G nid=1\n");
    const auto agree = [](const Trace& x) {
        return x.ops.size() == 2 && x.ops[0].size == x.ops[1].size && x.ops[0].nid == x.ops[1].nid;
    };
    CHECK(shrunk(t, agree) == "geometry x86-64\nalloc_folio folio=0\nalloc_lru folio=1\n");
}

TEST_CASE("the machine becomes plainer as far as it still fails and its operations still exist") {
    const Trace t = trace_of(
        "geometry tiny nodes=4 boot=2 memory=64K block=0\nsabotage skip\ngive_pages nid=1\nexpect ok\n");
    CHECK(shrunk(t, [](const Trace& x) { return !x.ops.empty(); }) ==
          "geometry tiny\ngive_pages\nexpect ok\n");
    CHECK(shrunk(t, [](const Trace& x) { return has(x, [](const Op& op) { return op.nid == 1; }); }) ==
          "geometry tiny nodes=2\ngive_pages nid=1\nexpect ok\n");
    CHECK(shrunk(t, [](const Trace& x) { return x.config.boot_gigantic >= 1 && x.sabotage == "skip"; }) ==
          "geometry tiny boot=1\nsabotage skip\nexpect ok\n");
}

TEST_CASE("an area that does not fit is all that is left of 60 percpu operations, with its boot") {
    const Trace needed =
        trace_of("geometry x86-64 nodes=2 cpus=0,0,1,1\npcpu_boot static=184K reserved=8K dyn=28K atom=2M\n"
                 "pcpu_alloc area=33 bytes=30000 align=64 fail=7\n");
    const auto fails = [](const Trace& t) {
        bool booted = false;
        for (const Op& op : t.ops) {
            booted = booted || (op.kind == OpKind::pcpu_boot && op.bytes >= 1000 && op.align >= 4096);
            if (booted && op.kind == OpKind::pcpu_alloc && op.bytes > 28'672 && op.fail.any()) return true;
        }
        return false;
    };
    for (u64 seed = 0; seed < 50; ++seed) {
        Random random(seed);
        REQUIRE(shrunk(buried(random, needed, 58), fails) ==
                "geometry x86-64\npcpu_boot static=1000 atom=4K\npcpu_alloc area=0 bytes=28673 fail=0\n");
    }
}

TEST_CASE("areas and chunks are renamed in the order of their first use, and pages go down") {
    const Trace t = trace_of(
        "geometry tiny cpus=0,0\nvm_create chunk=5\nvm_create chunk=3\nvm_populate chunk=3 page=2 to=9\n"
        "pcpu_free area=40\npcpu_lookup area=7 cpu=1 page=99\npcpu_free area=7 again=1\n");
    const auto all = [](const Trace& x) {
        return x.ops.size() == 6 && x.ops[0].folio != x.ops[1].folio && x.ops[2].folio == x.ops[1].folio &&
               x.ops[2].to > x.ops[2].page && x.ops[3].folio != x.ops[4].folio &&
               x.ops[4].folio == x.ops[5].folio;
    };
    CHECK(shrunk(t, all) == "geometry tiny\nvm_create chunk=0\nvm_create chunk=1\nvm_populate chunk=1 to=1\n"
                            "pcpu_free area=0\npcpu_lookup area=1\npcpu_free area=1\n");
}

TEST_CASE("a machine loses the CPUs, distances, highmem and addresses that are not needed") {
    const Trace t = trace_of(
        "geometry tiny nodes=2 memory=16K highmem=8K vmalloc=8K cpus=1,0,-,1,2 distance=10,10,10,10\n"
        "pcpu_boot static=256 atom=256\n");
    CHECK(shrunk(t, [](const Trace& x) { return !x.ops.empty(); }) == "geometry tiny\npcpu_boot\n");
    const auto possible = [](const Trace& x, int least) {
        int nr = 0;
        for (u8 cpu = 0; cpu < x.config.nr_cpus; ++cpu) nr += x.config.cpu_possible(cpu);
        return !x.ops.empty() && nr >= least;
    };
    CHECK(shrunk(t, [&](const Trace& x) { return possible(x, 3); }) == "geometry tiny cpus=0*3\npcpu_boot\n");
    CHECK(shrunk(t, [&](const Trace& x) { return possible(x, 1); }) == "geometry tiny cpus=0\npcpu_boot\n");
}

TEST_CASE("a trace that does not fail comes back as it was after one evaluation") {
    Random random(7);
    const Trace t = random_trace(random, "tiny", 20);
    ShrinkStats stats;
    CHECK(shrink(t, [](const Trace&) { return false; }, &stats) == t);
    CHECK(stats == ShrinkStats{.evaluations = 1});
}

TEST_CASE("evaluations never pass their cap, and what comes back still fails") {
    Random random(8);
    const Trace needed = trace_of("geometry tiny\nalloc_folio folio=7\noptimise folio=7 fail=300\n");
    const Trace t = buried(random, needed, 200);
    for (u64 cap = 1; cap < 200; ++cap) {
        u64 calls = 0;
        ShrinkStats stats;
        const auto counting = [&](const Trace& x) { return ++calls, optimise_fails_after_alloc(x); };
        const Trace out = shrink(t, counting, &stats, cap);
        REQUIRE(calls <= cap);
        REQUIRE(stats.evaluations == calls);
        REQUIRE(optimise_fails_after_alloc(out));
        REQUIRE(stats.reached_end == (calls < cap));
    }
    CHECK(shrink(t, optimise_fails_after_alloc, nullptr, 0) == t);
}

TEST_CASE("the end is only reached when every pair has been tried") {
    Trace t{.config = *parse_config("tiny")};
    for (u8 i = 0; i < 80; ++i)
        t.ops.push_back({.kind = OpKind::restore, .folio = static_cast<u8>(i % max_folios)});
    ShrinkStats stats;
    CHECK(shrink(t, [&](const Trace& x) { return x == t; }, &stats, 5'000) == t);
    CHECK(stats.reached_end);
    CHECK(stats.evaluations > 3'000); // of 3160 pairs, some leave the same trace behind
    CHECK(shrink(t, [&](const Trace& x) { return x == t; }, &stats, 2'000) == t);
    CHECK_FALSE(stats.reached_end);
}

TEST_CASE("only valid operations are ever tried, and the same input shrinks the same way") {
    for (u64 seed = 0; seed < 100; ++seed) {
        Random random(seed);
        const Trace t = random_trace(random, "tiny nodes=2 boot=1", 40);
        // Depends on everything a little, so that the walk is winding.
        const auto fails = [](const Trace& x) {
            u64 sum = 0;
            for (const Op& op : x.ops) {
                REQUIRE(is_valid(x.config, op));
                sum += static_cast<u64>(op.kind) + op.folio + op.nid + op.folios + op.page;
            }
            return sum >= 40;
        };
        ShrinkStats first, second;
        REQUIRE(shrink(t, fails, &first) == shrink(t, fails, &second));
        REQUIRE(first == second);
        REQUIRE((first.reached_end || !first.reproduced));
    }
}

TEST_CASE("a shrunk trace shrinks no further") {
    Random random(9);
    const auto fails = [](const Trace& x) {
        u64 sum = 0;
        for (const Op& op : x.ops) sum += op.page + op.walker * 5 + std::popcount(op.folios) * 3;
        return sum % 7 == 3 && x.ops.size() > 2;
    };
    for (int i = 0; i < 300; ++i) {
        const Trace t = random_trace(random, "tiny nodes=2", 30);
        if (!fails(t)) continue;
        const Trace once = shrink(t, fails);
        ShrinkStats stats;
        REQUIRE(shrink(once, fails, &stats) == once);
        REQUIRE(stats.rounds == 1);
    }
}

} // namespace mmodel
