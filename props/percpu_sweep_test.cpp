// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every percpu operation that allocates, in a set of prepared worlds, with its allocation 0, 1, 2, ...
// failing until none fires: pages, page tables, objects and address areas alike.
#include <catch2/catch.hpp>

#include "props/sweep.hpp"

namespace mmodel {
namespace {

// What a machine calls a boot with room for little, one with chunks of many pages, and a request that only a
// chunk of its own can hold.
struct Sizes {
    std::string geometry, small_boot, large_boot, large;
};

const Sizes tiny{"tiny nodes=2 cpus=0,1,1", "pcpu_boot static=100 reserved=128 dyn=100 atom=1K",
                 "pcpu_boot static=100 dyn=1500 atom=1K", "512"};
const Sizes x86{"x86-64 nodes=2 cpus=0,0,1,1", "pcpu_boot static=100000 reserved=8K dyn=28K atom=2M",
                "pcpu_boot static=100000 dyn=28K atom=2M", "32K"};

std::vector<Setting> settings(const Sizes& s) {
    const std::string g = "geometry " + s.geometry + "\n", small = g + s.small_boot + "\n",
                      large = g + s.large_boot + "\n";
    auto alloc = [&](const char* area) {
        return std::string("pcpu_alloc area=") + area + " bytes=" + s.large + " align=4\n";
    };
    const std::string atomic = "pcpu_alloc area=9 bytes=" + s.large + " align=4 atomic=1\n";
    return {
        {"before boot", g, {s.small_boot, s.large_boot, s.small_boot + " paged=1"}},
        {"no chunk has room",
         small,
         {alloc("0"), "module_load area=0 bytes=64 align=4", "vm_create chunk=0"}},
        {"an atomic allocation failed", small + atomic, {"pcpu_balance"}},
        {"all chunks are free",
         small + alloc("0") + alloc("1") + alloc("2") + atomic +
             "pcpu_free area=0\npcpu_free area=1\npcpu_free area=2\n",
         {"pcpu_balance", alloc("0")}},
        {"a chunk without pages",
         large + "vm_create chunk=0\n",
         {"vm_populate chunk=0 page=1 to=7", "vm_populate chunk=0 to=1"}},
        {"tables are there",
         large + "vm_create chunk=0\nvm_populate chunk=0 page=1 to=7\nvm_depopulate chunk=0 page=3 to=7\n",
         {"vm_populate chunk=0 page=3 to=7", "vm_populate chunk=0 page=3 to=8"}},
        {"an address area was given back",
         large + "vm_create chunk=0\nvm_populate chunk=0 page=1 to=7\nvm_destroy chunk=0\n",
         {"vm_create chunk=0"}},
    };
}

u64 sweep_twice(const Sizes& s) {
    u64 fired = 0;
    for (const Setting& setting : settings(s)) {
        const World w = after(setting.made_by);
        for (const std::string& line : setting.ops) {
            INFO(setting.what << ": " << line);
            fired += sweep_twice(w, op_of(w.config(), line));
        }
    }
    return fired;
}

} // namespace

// What fails ends the operation, so the faults of a pair never fire in one.
TEST_CASE("on the tiny machine every allocation of every percpu operation fails once") {
    const Counts c = sweep(settings(tiny), true, 1);
    CHECK(c.singly >= 130);
    CHECK(c.pairs == 0);
}

TEST_CASE("on x86-64 with two groups every allocation of every percpu operation fails once") {
    CHECK(sweep(settings(x86), false, 1).singly >= 275);
}

TEST_CASE("a percpu operation fails at every allocation, then at every allocation again, then is done") {
    CHECK(sweep_twice(tiny) >= 1'275);
    CHECK(sweep_twice(x86) >= 19'748);
}

} // namespace mmodel
