// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/index_set.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <set>

namespace mmodel {
namespace {

using Random = std::mt19937_64;
u64 below(Random& random, u64 n) { return random() % n; }

std::optional<u64> first_from(const std::set<u64>& s, u64 i) {
    const auto at = s.lower_bound(i);
    return at == s.end() ? std::nullopt : std::optional(*at);
}

} // namespace

TEST_CASE("a set finds the same members as std::set after any insertions and removals") {
    Random random(1);
    for (const u64 size :
         {u64{1}, u64{63}, u64{64}, u64{65}, u64{4'096}, u64{4'097}, u64{300'000}, u64{1} << 36}) {
        IndexSet set(size);
        std::set<u64> reference;
        auto pick = [&] {
            const u64 i = below(random, 2) ? below(random, std::min<u64>(size, 200)) : below(random, size);
            return below(random, 2) ? i : size - 1 - i;
        };
        for (int n = 0; n < 3'000; ++n) {
            const u64 i = pick();
            // Half of the time what is there already goes, or comes again.
            if (below(random, 2))
                set.insert(i), reference.insert(i);
            else
                set.erase(i), reference.erase(i);
            const u64 from = pick();
            REQUIRE(set.contains(from) == reference.contains(from));
            REQUIRE(set.first_from(from) == first_from(reference, from));
        }
        REQUIRE_FALSE(set.first_from(size));
    }
}

TEST_CASE("sets are equal, and hash alike, if and only if their members are") {
    Random random(2);
    for (int round = 0; round < 300; ++round) {
        const u64 size = 1 + below(random, 10'000);
        IndexSet a(size), b(size);
        std::set<u64> members;
        for (int n = 0; n < 40; ++n) members.insert(below(random, size));
        for (auto i = members.begin(); i != members.end(); ++i) a.insert(*i);
        for (u64 n = 0; n < 20; ++n) {
            const u64 i = below(random, size);
            b.insert(i);
            if (!members.contains(i)) b.erase(i);
        }
        for (auto i = members.rbegin(); i != members.rend(); ++i) b.insert(*i);
        REQUIRE(a == b);
        REQUIRE(a.hash() == b.hash());
        const IndexSet copy = b;
        b.erase(*members.begin());
        REQUIRE_FALSE(a == b);
        REQUIRE(a.hash() != b.hash());
        REQUIRE(a == copy);
    }
}

} // namespace mmodel
