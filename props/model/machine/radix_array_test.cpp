// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/radix_array.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <vector>

namespace mmodel {
namespace {

// Counts how often two elements are compared, so that the cost of a diff can be stated.
struct Cell {
    u64 value{};
    bool operator==(const Cell& o) const {
        ++nr_compared;
        return value == o.value;
    }
    static inline u64 nr_compared = 0;
};
u64 hash_of(const Cell& c) { return c.value; }

using Array = RadixArray<Cell>;
using Reference = std::map<u64, u64>; // elements that are not zero
using Random = std::mt19937_64;

u64 below(Random& random, u64 n) { return random() % n; }

constexpr u64 sizes[] = {1, 15, 16, 17, 512, 513, 16'385, u64{1} << 40};

void write(Array& a, Reference& r, u64 i, u64 v) {
    a.set(i, Cell{v});
    if (v)
        r[i] = v;
    else
        r.erase(i);
}

Reference listed(const Array& a, u64 start, u64 end) {
    Reference out;
    u64 last = 0;
    a.for_each(start, end, [&](u64 i, const Cell& c) {
        REQUIRE((out.empty() || i > last));
        last = i;
        out[i] = c.value;
    });
    return out;
}

Reference part(const Reference& r, u64 start, u64 end) {
    if (start >= end) return {};
    return {r.lower_bound(start), r.lower_bound(end)};
}

// Indices near each other, so that nodes are shared and split.
u64 pick(Random& random, u64 size) {
    const u64 i = below(random, 3) ? below(random, std::min<u64>(size, 100)) : below(random, size);
    return below(random, 2) ? i : size - 1 - i;
}

} // namespace

TEST_CASE("an array reads as a map does after any writes, and so does every copy made on the way") {
    Random random(1);
    for (const u64 size : sizes) {
        std::vector<std::pair<Array, Reference>> kept;
        Array a(size);
        Reference r;
        for (int n = 0; n < 2'000; ++n) {
            write(a, r, pick(random, size), below(random, 4));
            if (below(random, 40) == 0) kept.emplace_back(a, r);
            if (below(random, 200) == 0 && !kept.empty()) std::tie(a, r) = kept[below(random, kept.size())];
            if (below(random, 400) == 0) a.clear(), r.clear();
        }
        kept.emplace_back(a, r);
        for (const auto& [array, reference] : kept) {
            REQUIRE(listed(array, 0, size) == reference);
            const u64 start = pick(random, size), end = pick(random, size);
            REQUIRE(listed(array, start, end) == part(reference, start, end));
            for (int n = 0; n < 50; ++n) {
                const u64 i = pick(random, size);
                REQUIRE(array[i].value == (reference.contains(i) ? reference.at(i) : 0));
            }
        }
    }
}

TEST_CASE(
    "arrays are equal, and hash alike, if and only if their contents are, whatever the order of writes") {
    Random random(2);
    for (int round = 0; round < 300; ++round) {
        const u64 size = sizes[below(random, std::size(sizes))];
        std::vector<std::pair<u64, u64>> writes;
        Reference r;
        for (int n = 0; n < 30; ++n) writes.emplace_back(pick(random, size), 1 + below(random, 3));
        for (const auto& [i, v] : writes) r[i] = v;
        writes.assign(r.begin(), r.end());
        Array a(size), b(size);
        for (const auto& [i, v] : writes) a.set(i, Cell{v});
        std::ranges::shuffle(writes, random);
        for (const auto& [i, v] : writes) b.set(i, Cell{v + 1}), b.set(i, Cell{v});
        REQUIRE(a == b);
        REQUIRE(a.hash() == b.hash());
        const u64 i = pick(random, size);
        const Cell was = b[i];
        b.set(i, Cell{was.value + 1});
        REQUIRE_FALSE(a == b);
        REQUIRE(a.hash() != b.hash());
        b.set(i, was);
        REQUIRE(a == b);
        REQUIRE(a.hash() == b.hash());
    }
}

TEST_CASE("what is written back to nothing hashes as if never written") {
    Array a(1000);
    CHECK(a.hash() == 0);
    a.set(7, Cell{1});
    CHECK(a.hash() != 0);
    a.set(7, Cell{0});
    CHECK(a.hash() == 0);
    CHECK(a == Array(1000));
    CHECK(listed(a, 0, 1000).empty());
}

TEST_CASE("the same elements in other places hash otherwise") {
    Array a(100), b(100), c(100);
    a.set(3, Cell{1}), a.set(4, Cell{2});
    b.set(3, Cell{2}), b.set(4, Cell{1});
    c.set(3, Cell{1}), c.set(5, Cell{2});
    CHECK(a.hash() != b.hash());
    CHECK(a.hash() != c.hash());
    CHECK_FALSE(a == b);
}

TEST_CASE("diff visits each difference once, in ascending order, and nothing else") {
    Random random(3);
    for (int round = 0; round < 300; ++round) {
        const u64 size = sizes[below(random, std::size(sizes))];
        Array a(size);
        Reference ra;
        for (u64 n = below(random, 60); n > 0; --n) write(a, ra, pick(random, size), below(random, 3));
        Array b = a;
        Reference rb = ra;
        for (u64 n = below(random, 60); n > 0; --n) {
            const u64 i = pick(random, size), v = below(random, 3);
            if (below(random, 2))
                write(a, ra, i, v);
            else
                write(b, rb, i, v);
        }
        std::map<u64, std::pair<u64, u64>> expected, found;
        for (const auto& [i, v] : ra) expected[i] = {v, 0};
        for (const auto& [i, v] : rb) expected[i].second = v;
        std::erase_if(expected, [](const auto& e) { return e.second.first == e.second.second; });
        Array::diff(a, b, [&](u64 i, const Cell& x, const Cell& y) {
            REQUIRE((found.empty() || i > found.rbegin()->first));
            found[i] = {x.value, y.value};
            return true;
        });
        REQUIRE(found == expected);
    }
}

TEST_CASE("a diff that is told to stop stops") {
    Array a(100'000), b(100'000);
    for (u64 i = 0; i < 100'000; i += 1'000) b.set(i, Cell{1});
    int nr_seen = 0;
    Array::diff(a, b, [&](u64, const Cell&, const Cell&) { return ++nr_seen < 3; });
    CHECK(nr_seen == 3);
}

TEST_CASE("a diff costs what was written since the copy, however much the two share") {
    const u64 size = u64{1} << 30;
    Array a(size);
    for (u64 i = 0; i < 20'000; ++i) a.set(i * 7, Cell{1});
    Array b = a;
    b.set(5, Cell{2});
    b.set(size - 1, Cell{3});
    Cell::nr_compared = 0;
    int nr_seen = 0;
    Array::diff(a, b, [&](u64, const Cell&, const Cell&) { return ++nr_seen, true; });
    CHECK(nr_seen == 2);
    CHECK(Cell::nr_compared <= 2 * 16); // two leaves
    Cell::nr_compared = 0;
    CHECK_FALSE(a == b);
    CHECK(Cell::nr_compared == 0); // the hashes differ
    const Array c = b;
    CHECK(b == c);
    CHECK(Cell::nr_compared == 0); // the same root
}

TEST_CASE("modify changes the array's own copy of an element and no older one") {
    Array a(100);
    a.set(3, Cell{1});
    const Array before = a;
    a.modify(3, [](Cell& c) { c.value += 10; });
    CHECK(a[3].value == 11);
    CHECK(before[3].value == 1);
    const Array moved = std::move(a);
    CHECK(moved[3].value == 11);
}

} // namespace mmodel
