// SPDX-License-Identifier: GPL-2.0 OR MIT
// The pool around the calls: where folios come from and go to, walkers, memory pressure, hot-added blocks.
#include <catch2/catch.hpp>

#include "props/audit.hpp"
#include "props/example.hpp"

namespace mmodel {
namespace {

bool is_disabled(World w, const std::string& op) {
    const World before = w;
    const bool disabled = run(w, op).outcome.disabled;
    if (disabled) CHECK(w == before);
    return disabled;
}

} // namespace

TEST_CASE("a freed folio is restored first, and its memory merges with the rest") {
    World w = after("geometry x86-64\nalloc_folio folio=0\noptimise folio=0\n");
    const Did d = run(w, "free_folio folio=0");
    CHECK(d.outcome == Outcome{});
    CHECK(d.memmap == 7);
    CHECK(d.free == 512 - 7);
    CHECK(w.machine().counters.static_key == 0);
    CHECK(w.pool() == World(config_of("x86-64")).pool());
}

TEST_CASE("a folio whose restore fails stays in the pool, optimised") {
    World w = after("geometry x86-64\nalloc_folio folio=0\noptimise folio=0\n");
    const World before = w;
    CHECK(run(w, "free_folio folio=0 fail=6").outcome.err == Errno::nomem);
    CHECK(w == before);
}

TEST_CASE("a folio that was never optimised goes back without a trace") {
    for (const char* geometry : {"x86-64", "tiny", "tiny nodes=2 boot=1", "arm64-64k"}) {
        World w(config_of(geometry));
        const World boot = w;
        const u8 sizes = w.config().geometry.nr_hstates();
        for (u8 size = 0; size < sizes; ++size) {
            run(w, Op{.kind = OpKind::alloc_folio, .folio = 3, .size = size});
            CHECK_FALSE(w == boot);
            run(w, Op{.kind = OpKind::free_folio, .folio = 3});
            CHECK(w == boot);
            CHECK(w.hash() == boot.hash());
        }
    }
}

TEST_CASE("gigantic folios come from boot memory, as many as boot set aside, from each node") {
    World w(config_of("tiny nodes=2 boot=1"));
    run(w, "alloc_folio folio=0 size=8K from=boot nid=1");
    CHECK(w.pool().slots[0].head == w.config().node_start(1) + (128 - 32));
    CHECK(is_disabled(w, "alloc_folio folio=1 size=8K from=boot nid=1"));
    CHECK_FALSE(is_disabled(w, "alloc_folio folio=1 size=8K from=boot nid=0"));
    CHECK(is_disabled(World(config_of("tiny boot=1")), "alloc_folio folio=0 size=2K from=boot"));
    CHECK(is_disabled(World(config_of("tiny")), "alloc_folio folio=0 size=8K from=boot"));
    run(w, "optimise folio=0");
    CHECK(is_optimised(w, 0));
    run(w, "free_folio folio=0");
    CHECK(audit(w) == "");
    CHECK(is_disabled(w, "alloc_folio folio=0 size=8K from=boot nid=1")); // it is the buddy's now
}

TEST_CASE("a folio from a hot-added block lies in one, and there is none before it was added") {
    World w(config_of("tiny"));
    CHECK(run(w, "alloc_folio folio=0 from=hot").outcome.err == Errno::nomem);
    run(w, "hot_add");
    run(w, "alloc_folio folio=0 from=hot");
    CHECK(w.pool().slots[0].head >= w.config().hot_block_start(0));
    CHECK(audit(w) == "");
}

TEST_CASE("four blocks can be added, with and without their own vmemmap") {
    World w(config_of("tiny"));
    for (int i = 0; i < 4; ++i) {
        const Did d = run(w, i % 2 ? "hot_add on=1" : "hot_add");
        CHECK(d.outcome == Outcome{});
        CHECK(d.memmap == 8);
        CHECK(d.free == 32 - 8); // its vmemmap comes out of itself, or out of the node's other memory
        CHECK(audit(w) == "");
    }
    CHECK(is_disabled(w, "hot_add"));
    CHECK(is_disabled(World(config_of("tiny block=0")), "hot_add"));
    CHECK(run(w, "alloc_folio folio=0 fail=0").outcome.err == Errno::nomem);
}

TEST_CASE("an operation whose guard is false is disabled and changes nothing") {
    const World w =
        after("geometry tiny\nalloc_folio folio=0\nalloc_lru folio=1\nwalker_enter folio=1 walker=1\n");
    for (const char* op :
         {"alloc_folio folio=0", "alloc_lru folio=1", "alloc_folio folio=1", "free_folio folio=1",
          "free_folio folio=2", "free_lru folio=0", "optimise folio=1", "optimise folio=2", "restore folio=1",
          "restore folio=2", "optimise_list folios=0,1", "restore_list", "walker_enter folio=2",
          "walker_enter folio=0 walker=1", "walker_enter folio=0 page=8", "walker_try_get", "walker_leave",
          "give_pages"})
        CHECK(is_disabled(w, op));
    CHECK(is_disabled(w, "take_pages page=200"));
    World tight = w;
    run(tight, "take_pages page=3");
    CHECK(is_disabled(tight, "take_pages page=1"));
}

TEST_CASE("taken pages are not to be had, and come back") {
    World w(config_of("tiny"));
    const World boot = w;
    run(w, "take_pages page=5");
    CHECK(w.machine().nr_free_pages(Nid{0}) == 5);
    CHECK(run(w, "alloc_folio folio=0").outcome.err == Errno::nomem);
    run(w, "give_pages");
    CHECK(w == boot);
}

TEST_CASE("a walker that saw a reference may write once, one that saw a frozen folio may not") {
    World w = after("geometry tiny\nalloc_folio folio=0\nalloc_lru folio=1\nwalker_enter "
                    "folio=0\nwalker_enter folio=1 walker=1 page=2\n");
    CHECK(run(w, "walker_try_get").outcome.err == Errno::busy);
    const Did d = run(w, "walker_try_get walker=1");
    CHECK(d.outcome == Outcome{});
    CHECK(d.count(EventKind::store) == 1);
    CHECK(run(w, "walker_try_get walker=1").outcome.err == Errno::busy);
    run(w, "walker_leave walker=1");
    CHECK_FALSE(w.machine().walkers[1].inside);
}

TEST_CASE("a remap waits for the walkers that are inside, those of a folio's earlier life too") {
    World w = after("geometry tiny\nalloc_lru folio=0\nwalker_enter folio=0 page=5\nfree_lru "
                    "folio=0\nalloc_folio folio=0\n");
    CHECK(w.machine().walkers[0].may_write);
    run(w, "optimise folio=0");
    CHECK_FALSE(w.machine().walkers[0].inside);
}

} // namespace mmodel
