// SPDX-License-Identifier: GPL-2.0 OR MIT
// Worlds are values: step() is a function of the world and the operation and of nothing else.
#include <catch2/catch.hpp>
#include <vector>

#include "fuzz/ops/generate.hpp"
#include "props/example.hpp"
#include "model/step.hpp"

namespace mmodel {

TEST_CASE("step() does not change the world given") {
    for (const char* geometry : {"tiny nodes=2 boot=1", "x86-64"}) {
        const Config c = config_of(geometry);
        World w(c), kept(c);
        std::vector<std::pair<World, u64>> worlds;
        for (const Op& op : random_ops(c, {}, 1, 200)) {
            const u64 hash = w.hash();
            const Step s = step(w, op);
            REQUIRE(w == kept);
            REQUIRE(w.hash() == hash);
            REQUIRE((s.ran.outcome.disabled ? s.next == w : true));
            worlds.emplace_back(w, hash);
            w = s.next;
            (void)step(kept, op);
            kept = step(kept, op).next;
        }
        for (const auto& [world, hash] : worlds) REQUIRE(world.hash() == hash);
    }
}

TEST_CASE("the same operations on equal worlds give equal worlds, equal hashes and equal outcomes") {
    for (u64 seed = 0; seed < 20; ++seed) {
        const Config c = config_of("tiny nodes=2 boot=1");
        World a(c), b(c);
        for (const Op& op : random_ops(c, {}, seed, 60)) {
            Step x = step(a, op);
            const spec::Checked y = spec::checked_advance(b, op); // in place, and watched
            REQUIRE_FALSE(y.violation);
            REQUIRE(x.ran.outcome == y.ran.outcome);
            REQUIRE(x.ran.nr_events == y.ran.nr_events);
            REQUIRE(x.ran.nr_allocs == y.ran.nr_allocs);
            a = std::move(x.next);
            REQUIRE(a == b);
            REQUIRE(a.hash() == b.hash());
        }
    }
}

TEST_CASE("worlds that were reached on different ways and hold the same are equal") {
    const World a = after("geometry tiny\nalloc_folio folio=0\nalloc_folio folio=1\nfree_folio folio=1\n");
    const World b = after("geometry tiny\nalloc_folio folio=0\n");
    CHECK(a == b);
    CHECK(a.hash() == b.hash());
    CHECK_FALSE(a == after("geometry tiny\nalloc_folio folio=1\n"));
    CHECK_FALSE(a == World(config_of("tiny")));
}

TEST_CASE("a thousand worlds of one history stay what they were when later ones change") {
    const Config c = config_of("x86-64");
    std::vector<World> history{World(c)};
    std::vector<i64> memmap{0};
    for (const Op& op : random_ops(c, {.gigantic_percent = 0}, 5, 1'000)) {
        history.push_back(step(history.back(), op).next);
        memmap.push_back(history.back().machine().counters.memmap);
    }
    for (std::size_t i = 0; i < history.size(); ++i)
        REQUIRE(history[i].machine().counters.memmap == memmap[i]);
}

} // namespace mmodel
