// SPDX-License-Identifier: GPL-2.0 OR MIT
// The audit is what the properties trust: it must go red for each thing it counts.
#include "props/audit.hpp"

#include <catch2/catch.hpp>

#include "props/example.hpp"

namespace mmodel {
namespace {

World optimised_world() {
    return after("geometry tiny\nalloc_folio folio=0\nalloc_folio folio=1\noptimise_list folios=0,1\nrestore "
                 "folio=1\n");
}

} // namespace

TEST_CASE("the audit finds nothing wrong at boot, on every machine that is small enough to count") {
    for (const char* geometry :
         {"tiny", "tiny nodes=2 boot=1", "tiny nodes=4", "tiny memory=16K", "tiny block=0"})
        CHECK(audit(World(config_of(geometry))) == "");
    CHECK(audit(optimised_world()) == "");
}

TEST_CASE("the audit sees a frame that nobody has") {
    World w = optimised_world();
    REQUIRE(w.own().machine.take_block(Nid{0}, Order{0}, true));
    CHECK_THAT(audit(w), Catch::Contains("is nobody's"));
}

TEST_CASE("the audit sees a frame that two have") {
    World w = optimised_world();
    w.own().machine.give_block(w.pool().slots[0].head, Order{0});
    CHECK_THAT(audit(w), Catch::Contains("belongs to the buddy and to a folio"));
}

TEST_CASE("the audit sees a detached frame and a private table") {
    World w = optimised_world();
    REQUIRE(w.own().machine.alloc_page(Nid{0}, true));
    CHECK_THAT(audit(w), Catch::Contains("is nobody's"));
    World t = optimised_world();
    REQUIRE(t.own().machine.alloc_table(Nid{0}));
    CHECK_THAT(audit(t), Catch::Contains("is installed nowhere"));
}

TEST_CASE("the audit sees each number of the tally that is off by one") {
    for (i64 Tally::* number : {&Tally::vmemmap_buddy, &Tally::vmemmap_boot, &Tally::detached, &Tally::tables,
                                &Tally::private_tables}) {
        World w = optimised_world();
        ++(w.own().machine.tally.*number);
        CHECK_THAT(audit(w), Catch::Contains("counted, the machine says"));
    }
}

TEST_CASE("the audit sees a folio slot that names memory of another") {
    World w = optimised_world();
    w.own().pool.slots[2] = w.pool().slots[0];
    CHECK_THAT(audit(w), Catch::Contains("belongs to a folio and to a folio"));
}

} // namespace mmodel
