// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/buddy.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "props/example.hpp"

namespace mmodel {
namespace {

using Random = std::mt19937_64;
u64 below(Random& random, u64 n) { return random() % n; }

constexpr u64 pages(u8 order) { return u64{1} << order; }

// One bool a page, and the rule in words: the largest aligned free blocks, the smallest that fits, the lowest
// of those.
class Dumb {
public:
    Dumb(Pfn start, Pfn end, u8 max_order)
        : start_(start), end_(end), max_order_(max_order), free_(end - start) {}

    void set(Pfn p, u64 n, bool free) {
        for (u64 i = 0; i < n; ++i) {
            REQUIRE(free_[p - start_ + i] != free); // nothing is handed out twice, nothing freed twice
            free_[p - start_ + i] = free;
        }
    }
    [[nodiscard]] bool is_free(Pfn p) const { return free_[p - start_]; }
    [[nodiscard]] u64 nr_free() const { return static_cast<u64>(std::ranges::count(free_, true)); }
    [[nodiscard]] bool all_free(Pfn p, u64 n) const {
        if (p < start_ || p + n > end_) return false;
        for (u64 i = 0; i < n; ++i)
            if (!free_[p - start_ + i]) return false;
        return true;
    }
    // Whether p starts a free block of just this order: aligned, free, and part of no larger one.
    [[nodiscard]] bool is_block(Pfn p, u8 o) const {
        if (p.value % pages(o) || !all_free(p, pages(o))) return false;
        const Pfn larger{p.value / pages(o + 1) * pages(o + 1)};
        return o == max_order_ || !all_free(larger, pages(o + 1));
    }
    [[nodiscard]] std::optional<Pfn> choice(u8 order) const {
        for (u8 o = order; o <= max_order_; ++o)
            for (Pfn p = start_; p < end_; ++p)
                if (is_block(p, o)) return p;
        return std::nullopt;
    }
    [[nodiscard]] std::optional<Pfn> contig_choice(u8 order) const {
        for (Pfn p = start_; p < end_; ++p)
            if (p.value % pages(order) == 0 && all_free(p, pages(order))) return p;
        return std::nullopt;
    }

private:
    Pfn start_, end_;
    u8 max_order_;
    std::vector<bool> free_;
};

struct Block {
    Pfn pfn;
    u8 order;
};

struct Area_ {
    Area area;
    Pfn start, end;           // the area
    Pfn free_start, free_end; // what boot hands over
};

Buddy booted(const Config& c, const std::vector<Area_>& areas) {
    Buddy b(c);
    for (const Area_& a : areas) b.add_untouched(a.area, a.free_start, a.free_end);
    return b;
}

// Random allocations and frees against the bool array, then everything freed: the representation is that of
// boot again.
void play(const Config& c, const std::vector<Area_>& areas, u64 seed, int nr_steps) {
    Random random(seed);
    const u8 max_order = c.geometry.max_order;
    const Buddy boot = booted(c, areas);
    Buddy b = boot;
    std::vector<Dumb> dumb;
    std::vector<std::vector<Block>> taken(areas.size());
    for (const Area_& a : areas) {
        dumb.emplace_back(a.start, a.end, max_order);
        dumb.back().set(a.free_start, a.free_end - a.free_start, true);
    }
    for (int n = 0; n < nr_steps; ++n) {
        const std::size_t i = below(random, areas.size());
        const Area a = areas[i].area;
        if (below(random, 100) < 55) {
            const bool contig = below(random, 10) == 0;
            const u8 o = static_cast<u8>(contig ? max_order + 1 : below(random, max_order + 1u));
            const auto wanted = contig ? dumb[i].contig_choice(o) : dumb[i].choice(o);
            const auto got = contig ? b.alloc_contig(a, Order{o}) : b.alloc(a, Order{o});
            REQUIRE(got == wanted);
            if (!got) continue;
            dumb[i].set(*got, pages(o), false);
            taken[i].push_back({*got, o});
        } else if (!taken[i].empty()) {
            std::swap(taken[i][below(random, taken[i].size())], taken[i].back());
            const Block block = taken[i].back();
            taken[i].pop_back();
            // In one piece where the buddy can, in halves, or page by page.
            const u8 o = static_cast<u8>(std::min<u64>(below(random, block.order + 1u), max_order));
            for (Pfn p = block.pfn; p < block.pfn + pages(block.order); p = p + pages(o))
                b.free(a, p, Order{o});
            dumb[i].set(block.pfn, pages(block.order), true);
        }
        REQUIRE(b.nr_free_pages(a) == dumb[i].nr_free());
        for (int k = 0; k < 4; ++k) {
            const Pfn p = areas[i].start + below(random, areas[i].end - areas[i].start);
            REQUIRE(b.is_free(a, p) == dumb[i].is_free(p));
            const FreeRun run = b.run_from(a, p);
            REQUIRE((run.end > p && run.end <= areas[i].end));
            for (Pfn q = p; q < run.end; q = q + 1) REQUIRE(dumb[i].is_free(q) == run.is_free);
        }
    }
    for (std::size_t i = 0; i < areas.size(); ++i) {
        std::ranges::shuffle(taken[i], random);
        for (const Block& block : taken[i])
            for (Pfn p = block.pfn; p < block.pfn + pages(block.order);
                 p = p + pages(std::min(block.order, max_order)))
                b.free(areas[i].area, p, Order{std::min(block.order, max_order)});
    }
    REQUIRE(b == boot);
    REQUIRE(b.hash() == boot.hash());
}

} // namespace

TEST_CASE("the buddy hands out what a bool array would, and is as booted once all is back") {
    const Config tiny = config_of("tiny nodes=2");
    const Config x86 = config_of("x86-64 memory=128M");
    for (u64 seed = 0; seed < 60; ++seed) {
        play(tiny, {{0, Pfn{0}, Pfn{128}, Pfn{32}, Pfn{128}}}, seed, 300);
        play(tiny, {{0, Pfn{0}, Pfn{128}, Pfn{32}, Pfn{96}}, {1, Pfn{128}, Pfn{256}, Pfn{160}, Pfn{256}}},
             seed, 300);
        play(tiny, {{0, Pfn{0}, Pfn{128}, Pfn{7}, Pfn{121}}}, seed, 300); // ragged ends
        play(tiny, {{0, Pfn{0}, Pfn{128}, Pfn{3}, Pfn{14}}}, seed,
             300); // no whole block of the largest order
        play(tiny, {{0, Pfn{0}, Pfn{128}, Pfn{0}, Pfn{128}}}, seed, 300); // from the area's very start
        if (seed < 2) play(x86, {{0, Pfn{0}, Pfn{32'768}, Pfn{512}, Pfn{32'768}}}, seed, 60);
    }
}

TEST_CASE("frames that boot never handed over may come later, and equal free sets still have equal "
          "representations") {
    const Config c = config_of("tiny");
    // [0, 32) is vmemmap: freed page by page later, it merges with what lies behind the frontier.
    for (u64 seed = 0; seed < 30; ++seed) {
        Random random(seed);
        std::vector<u64> order(32);
        for (u64 i = 0; i < 32; ++i) order[i] = i;
        Buddy late(c), split(c);
        late.add_untouched(0, Pfn{32}, Pfn{128});
        split = late;
        const auto taken = split.alloc(0, Order{4});
        REQUIRE(taken);
        std::ranges::shuffle(order, random);
        for (u64 i : order) late.free(0, Pfn{i}, Order{0});
        std::ranges::shuffle(order, random);
        for (u64 i : order) split.free(0, Pfn{i}, Order{0});
        REQUIRE_FALSE(late == split);
        split.free(0, *taken, Order{4});
        REQUIRE(late == split);
        REQUIRE(late.nr_free_pages(0) == 128);
        REQUIRE(late.alloc(0, Order{4}) == Pfn{0});
    }
}

TEST_CASE("the smallest block that fits is split, and its halves are what remains on the lists") {
    Buddy b(config_of("tiny"));
    b.add_untouched(0, Pfn{32}, Pfn{128});
    REQUIRE(b.alloc(0, Order{0}) == Pfn{32});
    for (u8 o = 0; o < 4; ++o) CHECK(b.nr_free(0, Order{o}) == 1);
    CHECK(b.nr_free(0, Order{4}) == 0); // the others are untouched
    CHECK(b.nr_free_pages(0) == 95);
    REQUIRE(b.alloc(0, Order{2}) == Pfn{36}); // not the lowest address, the lowest of the smallest that fit
    REQUIRE(b.alloc(0, Order{0}) == Pfn{33});
}

TEST_CASE("an exhausted area gives nothing, and one page back is one page to be had") {
    Buddy b(config_of("tiny"));
    b.add_untouched(0, Pfn{32}, Pfn{128});
    std::vector<Pfn> all;
    while (const auto p = b.alloc(0, Order{0})) all.push_back(*p);
    CHECK(all.size() == 96);
    CHECK(b.nr_free_pages(0) == 0);
    CHECK_FALSE(b.alloc(0, Order{0}));
    CHECK_FALSE(b.alloc_contig(0, Order{5}));
    b.free(0, Pfn{77}, Order{0});
    CHECK_FALSE(b.alloc(0, Order{1}));
    CHECK(b.alloc(0, Order{0}) == Pfn{77});
}

TEST_CASE("blocks never merge across areas") {
    const Config c = config_of("tiny nodes=2 memory=4K"); // 16 pages a node, the largest block is 16
    Buddy b(c);
    const Buddy empty = b;
    for (u64 p = 0; p < 32; ++p) b.free(p < 16 ? 0 : 1, Pfn{p}, Order{0});
    CHECK(b.nr_free(0, Order{4}) == 1);
    CHECK(b.nr_free(1, Order{4}) == 1);
    CHECK(b.alloc(0, Order{4}) == Pfn{0});
    CHECK_FALSE(b.alloc(0, Order{0}));
    CHECK(b.alloc(1, Order{4}) == Pfn{16});
    CHECK(b == empty);
}

TEST_CASE("blocks never merge across areas that end within a block of the largest order") {
    Config c = config_of("tiny nodes=2"); // no machine is like this: its areas are whole blocks
    c.geometry.max_order = 5;
    c.frames_per_node = 48;
    Buddy b(c);
    for (u64 p = 0; p < 48; ++p) b.free(0, Pfn{p}, Order{0});
    b.free(1, Pfn{80}, Order{4});
    b.free(1, Pfn{48}, Order{4}); // its buddy, 32 to 47, is free and of the other area
    CHECK(b.nr_free(0, Order{4}) == 1);
    CHECK(b.nr_free(1, Order{4}) == 2);
    CHECK(b.nr_free(1, Order{5}) == 0);
    CHECK(b.alloc(1, Order{4}) == Pfn{48});
}

TEST_CASE("contiguous memory is aligned, whole and the lowest, made of listed and untouched blocks alike") {
    const Config c = config_of("tiny");
    Buddy b(c);
    b.add_untouched(0, Pfn{32}, Pfn{128});
    REQUIRE(b.alloc(0, Order{0}) == Pfn{32});
    CHECK(b.alloc_contig(0, Order{5}) == Pfn{64}); // 32..63 is broken
    CHECK(b.alloc_contig(0, Order{5}) == Pfn{96});
    CHECK_FALSE(b.alloc_contig(0, Order{5}));
    b.free(0, Pfn{32}, Order{0});
    CHECK(b.alloc_contig(0, Order{5}) == Pfn{32});
    CHECK(b.nr_free_pages(0) == 0);
}

TEST_CASE("a terabyte costs nothing to boot, to copy or to compare") {
    const Config c = config_of("x86-64 memory=1T");
    Buddy b(c);
    b.add_untouched(0, Pfn{c.vmemmap_frames(c.frames_per_node)}, Pfn{c.frames_per_node});
    const Buddy boot = b;
    std::vector<Pfn> taken;
    for (int i = 0; i < 100; ++i) taken.push_back(*b.alloc(0, Order{9}));
    for (Pfn p : taken) b.free(0, p, Order{9});
    CHECK(b == boot);
}

} // namespace mmodel
