// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/vmalloc.hpp"

#include <catch2/catch.hpp>

#include "model/machine/machine.hpp"
#include "props/example.hpp"

namespace mmodel {
namespace {

// Areas at these offsets, of these sizes.
struct Areas {
    std::vector<u64> offsets, sizes;
    u64 align{1};
    [[nodiscard]] Congruent congruent() const { return {offsets, sizes, align}; }
};

const Areas one{{0}, {10}, 1};
const Areas two{{0, 20}, {10, 10}, 1}; // with a gap of ten pages

Vmalloc range(u64 nr_pages = 100) { return {nr_pages, 2}; }

std::optional<Vmap> reserve(Vmalloc& v, const Areas& a) {
    const auto base = v.find_areas(a.congruent());
    if (base) v.reserve(*base, a.congruent());
    return base;
}

// A tiny machine with a page of its node mapped at v.
Pfn map_page(Machine& m, Vmap v) {
    const auto p = m.alloc_highmem_page(Nid{0}, false);
    REQUIRE(p);
    m.set_vmalloc_pte(v, Pte::map(*p, true));
    return *p;
}

} // namespace

TEST_CASE("areas are found from the top of the range down, each aligned base below the last") {
    Vmalloc v = range();
    CHECK(reserve(v, one) == Vmap{90});
    CHECK(reserve(v, one) == Vmap{80});
    CHECK(reserve(v, {{0}, {10}, 16}) == Vmap{64}); // 70 rounded down
    CHECK(reserve(v, {{0}, {4}, 1}) == Vmap{76});   // above it is room for a smaller one
    REQUIRE(v.areas().size() == 4);
    CHECK(v.areas().front() == VmapArea{Vmap{64}, Vmap{74}, false});
    CHECK(v.area_at(Vmap{73})->start == Vmap{64});
    CHECK_FALSE(v.area_at(Vmap{74}));
    CHECK(v.area_at(Vmap{99})->start == Vmap{90});
}

TEST_CASE("congruent areas keep their distance, and others fill the gaps between them") {
    Vmalloc v = range();
    CHECK(reserve(v, two) == Vmap{70});
    CHECK(v.area_at(Vmap{79}));
    CHECK_FALSE(v.area_at(Vmap{80}));
    CHECK(v.area_at(Vmap{90})->end == Vmap{100});
    CHECK(reserve(v, two) == Vmap{60}); // [60, 70) and [80, 90), in the first one's gap
    CHECK(reserve(v, two) == Vmap{30});
    CHECK(reserve(v, one) == Vmap{40});
}

TEST_CASE("areas are all reserved or none") {
    Vmalloc v = range(30);
    CHECK(reserve(v, two) == Vmap{0});
    CHECK(v.find_areas(two.congruent()) == std::nullopt);
    const auto areas = v.areas();
    CHECK_FALSE(reserve(v, two));
    CHECK(v.areas() == areas);
    CHECK(reserve(v, one) == Vmap{10}); // one still fits
    CHECK_FALSE(reserve(v, one));
    CHECK_FALSE(range(29).find_areas(two.congruent()));
    CHECK_FALSE(range(0).find_areas(one.congruent()));
}

TEST_CASE("an area that was given back is not reserved again before a purge") {
    Vmalloc v = range(30);
    const auto base = reserve(v, two);
    v.give_back(*base, two.congruent());
    CHECK(v.nr_lazy_pages() == 20);
    CHECK(v.lazy_span() == VmapArea{Vmap{0}, Vmap{30}, false});
    CHECK_FALSE(v.find_areas(two.congruent()));
    v.give_back(*base, two.congruent()); // once more: nothing
    v.give_back(Vmap{10}, one.congruent());
    CHECK(v.nr_lazy_pages() == 20);
    v.purge();
    CHECK(v == range(30));
    CHECK(v.hash() == range(30).hash());
    CHECK(v.lazy_span() == VmapArea{});
    CHECK(reserve(v, two) == Vmap{0});
}

TEST_CASE("every translation since the last flush may still be used, in areas in use and in lazy ones") {
    Vmalloc v = range();
    const auto base = *reserve(v, one);
    const Pte a = Pte::map(Pfn{5}, true), b = Pte::map(Pfn{6}, true);
    CHECK(v.set_pte(base, a) == Pte{});
    CHECK(v.nr_stale() == 0);
    CHECK(v.set_pte(base, a) == a); // as it is: nothing becomes stale
    CHECK(v.nr_stale() == 0);
    CHECK(v.set_pte(base, b) == a);
    CHECK(v.set_pte(base, a) == b);
    CHECK(v.set_pte(base, b) == a); // a is known already
    CHECK(v.nr_stale() == 1);
    CHECK(v.stale(base).pte[0] == b);
    CHECK(v.stale(base).pte[1] == a);
    CHECK(v.first_stale_in_use() == base);
    CHECK(v.first_stale(base, base + 1) == base);
    CHECK_FALSE(v.first_stale(base + 1, base + 10));
    v.give_back(base, one.congruent());
    CHECK(v.nr_stale_in_use() == 0);
    CHECK_FALSE(v.first_stale_in_use());
    CHECK(v.first_stale(Vmap{0}, Vmap{100}) == base);
    v.flush_tlb(base + 1, base + 10);
    CHECK(v.nr_stale() == 1);
    v.flush_tlb(base, base + 1);
    CHECK(v.nr_stale() == 0);
    CHECK(v.nr_stale_in_use() == 0);
}

TEST_CASE("a page that no area has counts as stale in use") {
    Vmalloc v = range();
    v.set_pte(Vmap{3}, Pte::map(Pfn{1}, true));
    v.set_pte(Vmap{3}, {});
    CHECK(v.first_stale_in_use() == Vmap{3});
}

TEST_CASE("caches: a mapped page is unflushed, then in use, then clean once flushed or unmapped") {
    Vmalloc v = range();
    const Vmap at{7};
    CHECK(v.cache(at) == CacheState{});
    v.set_pte(at, Pte::map(Pfn{5}, true));
    CHECK(v.cache(at) == CacheState{.unflushed = true, .cached = false});
    v.flush_cache_vmap(at, at + 1);
    CHECK(v.cache(at) == CacheState{.unflushed = false, .cached = true});
    v.flush_cache_vunmap(Vmap{0}, at);
    CHECK(v.cache(at).cached);
    v.flush_cache_vunmap(at, at + 1);
    CHECK(v.cache(at) == CacheState{});
    v.flush_cache_vmap(at, at + 1);
    CHECK(v.cache(at) == CacheState{}); // nothing was waiting for it
    v.set_pte(at, {});
    CHECK(v.cache(at) == CacheState{});
    CHECK(v.mapped(Vmap{0}, Vmap{100}).empty());
}

TEST_CASE("a range that was mapped, unmapped and flushed is as before, and so is its hash") {
    Vmalloc v = range();
    const auto base = *reserve(v, two);
    v.set_table(base, Pfn{9});
    const Vmalloc before = v;
    const u64 hash = v.hash();
    for (u64 i = 0; i < 10; ++i) v.set_pte(base + i, Pte::map(Pfn{50 + i}, true));
    v.flush_cache_vmap(base, base + 10);
    CHECK(v != before);
    CHECK(v.hash() != hash);
    CHECK(v.mapped(base + 2, base + 5) == std::vector{base + 2, base + 3, base + 4});
    for (u64 i = 10; i-- > 0;) v.set_pte(base + i, {});
    CHECK(v.nr_stale() == 10);
    v.flush_tlb(base, base + 10);
    CHECK(v == before);
    CHECK(v.hash() == hash);
    CHECK(v.table(base + 1).pfn() == Pfn{9});
    CHECK_FALSE(v.table(base + 10).present());
}

TEST_CASE("a frame is the vmalloc range's while an entry maps it, and its taker's before and after") {
    Machine m(config_of("tiny"));
    const Machine boot = m;
    const Pfn p = map_page(m, Vmap{4});
    CHECK(m.frame(p).owner == Owner::vmalloc);
    CHECK(m.frame(p).nr_ptes == 1);
    CHECK(m.tally.vmalloc == 1);
    CHECK(m.tally.detached == 0);
    m.set_vmalloc_pte(Vmap{4}, Pte::map(p, true)); // as it is
    m.set_vmalloc_pte(Vmap{5}, Pte::map(p, true)); // twice
    CHECK(m.frame(p).nr_ptes == 2);
    m.set_vmalloc_pte(Vmap{4}, {});
    CHECK(m.frame(p).owner == Owner::vmalloc);
    m.set_vmalloc_pte(Vmap{5}, {});
    CHECK(m.frame(p).owner == Owner::detached);
    CHECK(m.tally.detached == 1);
    m.set_tag(p, 3);
    m.free_page(p);
    CHECK(m.tag(p) == 0);
    m.flush_tlb_all();
    CHECK(m == boot);
    CHECK(m.hash() == boot.hash());
}

TEST_CASE("an entry that goes from one frame to another hands over both") {
    Machine m(config_of("tiny"));
    const Pfn p = map_page(m, Vmap{4}), q = *m.alloc_highmem_page(Nid{0}, false);
    m.set_vmalloc_pte(Vmap{4}, Pte::map(q, true));
    CHECK(m.frame(p).owner == Owner::detached);
    CHECK(m.frame(q).owner == Owner::vmalloc);
    CHECK(m.vmalloc().stale(Vmap{4}).pte[0] == Pte::map(p, true));
}

TEST_CASE("a vmalloc page table is installed for good") {
    Machine m(config_of("tiny"));
    const Pfn table = *m.alloc_table(Nid{0});
    CHECK(m.tally.private_tables == 1);
    m.install_vmalloc_table(Vmap{6}, table);
    CHECK(m.tally.private_tables == 0);
    CHECK(m.vmalloc().table(Vmap{4}) == Pte::map(table, true));
    m.free_table(table);
    CHECK(m.tally.tables == 1);
}

// ---- highmem

TEST_CASE(
    "a page that may be highmem comes from its node's highmem, then its other memory, then other nodes") {
    Machine m(config_of("tiny nodes=2 memory=16K highmem=8K"));
    const Config& c = m.config();
    const auto zone = [&](Pfn p) {
        const Nid n = m.nid_of(p);
        return std::string(p < c.highmem_start(n.value) ? "low" : "high") + std::to_string(n.value);
    };
    std::vector<std::string> zones;
    while (const auto p = m.alloc_highmem_page(Nid{1}, false))
        if (zones.empty() || zones.back() != zone(*p)) zones.push_back(zone(*p));
    CHECK(zones == std::vector<std::string>{"high1", "low1", "high0", "low0"});
}

TEST_CASE("a page that may not be highmem never is, and pressure takes none of highmem") {
    Machine m(config_of("tiny memory=16K highmem=8K"));
    const u64 low = m.nr_free_pages(Nid{0});
    CHECK(m.nr_free_highmem_pages(Nid{0}) == 32);
    CHECK(m.nr_free_or_held_pages(Nid{0}) == low + 32);
    for (u64 i = 0; i < low; ++i) CHECK(*m.alloc_page(Nid{0}, false) < m.config().highmem_start(0));
    CHECK_FALSE(m.alloc_page(Nid{0}, false));
    CHECK_FALSE(m.alloc_table(Nid{0}));
    Machine tight(config_of("tiny memory=16K highmem=8K"));
    tight.set_pressure(Nid{0}, low);
    CHECK_FALSE(tight.alloc_page(Nid{0}, false));
    CHECK(tight.alloc_highmem_page(Nid{0}, false));
}

TEST_CASE("highmem goes back to where it came from") {
    const Machine boot(config_of("tiny memory=16K highmem=8K"));
    Machine m = boot;
    const Pfn p = *m.alloc_highmem_page(Nid{0}, true);
    CHECK(m.nr_free_highmem_pages(Nid{0}) == 31);
    CHECK_FALSE(m.is_free(p));
    m.free_page(p);
    CHECK(m == boot);
    CHECK_FALSE(m.alloc_highmem_page(Nid{1}, true)); // a node without memory, and no other will do
    CHECK(m.alloc_highmem_page(Nid{1}, false));
}

// ---- the geometry line

TEST_CASE("CPUs, distances, highmem and the vmalloc range print as they read") {
    for (const char* text : {"tiny cpus=0", "tiny nodes=2 cpus=0*2,1*2", "x86-64 nodes=2 cpus=0*32,1*32",
                             "tiny nodes=2 cpus=1,0,-,1,2", "tiny nodes=2 cpus=-*3,0 distance=10,10,10,10",
                             "tiny nodes=3 distance=10,15,30,15,10,20,30,20,10",
                             "tiny memory=16K highmem=8K vmalloc=8K", "x86-64 vmalloc=32T"})
        CHECK(print_config(config_of(text)) == text);
    CHECK(print_config(config_of("tiny cpus=0,0,0")) == "tiny cpus=0*3");
    CHECK(print_config(config_of("tiny nodes=3 distance=10,15,20,15,10,20,20,20,10")) ==
          "tiny nodes=3 distance=10,15,15,10"); // the third node's are the usual
    CHECK(print_config(config_of("tiny nodes=2 distance=10,20,20,10")) == "tiny nodes=2"); // the usual
    CHECK(print_config(config_of("x86-64 vmalloc=64G highmem=0")) == "x86-64");
}

TEST_CASE("CPUs are two a node unless told, and the boot CPU is the first possible one") {
    const Config usual = config_of("tiny nodes=2");
    CHECK(usual.nr_cpu_ids() == 4);
    CHECK(usual.cpu_to_node(1) == 0);
    CHECK(usual.cpu_to_node(2) == 1);
    const Config holes = config_of("tiny nodes=2 cpus=-,1,0,-,2");
    CHECK(holes.nr_cpu_ids() == 5);
    CHECK(holes.boot_cpu() == 1);
    CHECK_FALSE(holes.cpu_possible(3));
    CHECK_FALSE(holes.cpu_possible(5));
    CHECK(holes.cpu_to_node(4) == 2);
    CHECK(Machine(holes).is_online(1));
    CHECK_FALSE(Machine(holes).is_online(2));
    CHECK(config_of("tiny cpus=0*64").nr_cpu_ids() == 64);
    CHECK(usual.node_distance(0, 0) == 10);
    CHECK(usual.node_distance(0, 1) == 20);
    CHECK(config_of("tiny nodes=2 distance=10,11,12,10").node_distance(1, 0) == 12);
}

TEST_CASE("CPUs and distances that cannot be are refused with a sentence") {
    const auto error_of = [](const std::string& text) {
        const auto c = parse_config(text);
        INFO(text);
        REQUIRE_FALSE(c);
        return c.error();
    };
    for (const char* list :
         {"", ",", "0,", "x", "4", "0*", "0*0", "0*65", "0*64,0", "*2", "-1", "--", "0**2"}) {
        INFO(list);
        CHECK_THAT(error_of(std::string("tiny cpus=") + list),
                   Catch::StartsWith("'cpus' wants nodes such as"));
    }
    CHECK(error_of("tiny cpus=-,-*2") == "'cpus' has no possible CPU");
    for (const char* list : {"", "10", "10,20,20", "10,20,20,10,", "0,20,20,10", "10,256,20,10", "a,b,c,d",
                             "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"}) {
        INFO(list);
        CHECK_THAT(error_of(std::string("tiny distance=") + list),
                   Catch::StartsWith("'distance' wants 4, 9 or 16 numbers"));
    }
    CHECK(error_of("tiny vmalloc=0") == "vmalloc must be 1 to 2^33 pages");
    CHECK(error_of("x86-64 vmalloc=64T") == "vmalloc must be 1 to 2^33 pages");
    CHECK(error_of("tiny vmalloc=100") == "'vmalloc' is not a whole number of pages");
    CHECK(error_of("tiny highmem=256") == "highmem must be whole blocks of the page allocator");
    CHECK(error_of("tiny highmem=28K") == "highmem must leave room for the vmemmap, and boot=0");
    CHECK(error_of("tiny boot=1 highmem=8K") == "highmem must leave room for the vmemmap, and boot=0");
}

} // namespace mmodel
