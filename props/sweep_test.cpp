// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every operation in a set of prepared worlds, with its allocation 0, 1, 2, ... failing until none fires: no
// position is left out, and each has fired.
#include <catch2/catch.hpp>

#include "props/sweep.hpp"

namespace mmodel {
namespace {

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
        for (const std::string& line : s.ops) {
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
