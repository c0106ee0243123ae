// SPDX-License-Identifier: GPL-2.0 OR MIT
// The generators themselves: what they draw is valid and various, and what they shrink to is least.
#include <catch2/catch.hpp>
#include <numeric>
#include <set>

#include "fuzz/ops/shrink.hpp"
#include "props/audit.hpp"
#include "props/example.hpp"
#include "props/gen/sequence.hpp"
#include "props/prop.hpp"

namespace mmodel {
namespace {

// Of a generator's n-th value.
template <class T>
rc::Shrinkable<T> drawn(const rc::Gen<T>& gen, u64 n) {
    return gen(rc::Random(n), rc::kNominalSize);
}

u64 sum_of(const Trace& t) {
    u64 sum = 0;
    for (const Op& op : t.ops) sum += static_cast<u64>(op.kind) + op.folio + op.nid + op.folios + op.page;
    return sum;
}

// Predicates that need this much of a trace, and more.
std::vector<StillFails> predicates() {
    return {
        [](const Trace& t) { return t.ops.size() > 6; },
        [](const Trace& t) { return sum_of(t) >= 40; },
        [](const Trace& t) { return sum_of(t) % 7 == 3 && t.ops.size() > 2; },
        [](const Trace& t) {
            return std::ranges::count_if(t.ops, [](const Op& op) { return op.fail.any(); }) > 1;
        },
    };
}

} // namespace

TEST_CASE("RapidCheck shrinks a trace to what our shrinker shrinks it to, or further") {
    const auto gen = gen_trace(gen_config("tiny"), {.max_fault = 12}, 10, 50);
    int nr_failed = 0;
    for (u64 n = 0; n < 60; ++n)
        for (const StillFails& fails : predicates()) {
            const auto start = drawn(gen, n);
            if (!fails(start.value())) continue;
            ++nr_failed;
            const auto [least, nr_accepted] = rc::shrinkable::findLocalMin(start, fails);
            ShrinkStats stats;
            const Trace ours = shrink(start.value(), fails, &stats);
            REQUIRE(nr_accepted >= stats.accepted);
            if (nr_accepted == stats.accepted) REQUIRE(least == ours);
            REQUIRE(least.ops.size() <= ours.ops.size());
            REQUIRE(sum_of(least) <= sum_of(ours));
            REQUIRE(shrink(least, fails) == least);
        }
    CHECK(nr_failed > 150);
}

TEST_CASE("a property that draws a trace and a number shrinks both") {
    const auto property = rc::detail::toProperty([] {
        const Trace t = *gen_trace(config_of("tiny"), {}, 20, 40);
        const u64 n = *rc::gen::inRange<u64>(0, 1000);
        RC_ASSERT((n < 17 || t.ops.size() < 3));
    });
    const auto r = check_prop("both", {.seed = 4, .budget = 100}, property);
    REQUIRE_FALSE(r.holds);
    CHECK_THAT(r.report, Catch::Contains("mmodel trace 1\ngeometry tiny\n"));
    CHECK_THAT(r.report, Catch::Contains("\n17\n"));
}

TEST_CASE("an operation is drawn valid, in all its kinds, and its operands shrink") {
    const Config c = config_of("tiny nodes=2 boot=1");
    const auto gen = gen_op(c, {.subsystem = Subsystem::both});
    std::set<OpKind> kinds;
    for (u64 n = 0; n < 3'000; ++n) {
        const Op op = drawn(gen, n).value();
        REQUIRE(is_valid(c, op));
        kinds.insert(op.kind);
    }
    CHECK(kinds.size() == all_op_kinds.size());
    const auto page = [](const Op& op) { return op.kind == OpKind::pcpu_lookup && op.page >= 5; };
    int nr = 0;
    for (u64 n = 0; n < 3'000; ++n) {
        const auto op = drawn(gen, n);
        if (!page(op.value())) continue;
        ++nr;
        REQUIRE(rc::shrinkable::findLocalMin(op, page).first == op_of(c, "pcpu_lookup area=0 cpu=0 page=5"));
    }
    CHECK(nr > 20);
}

TEST_CASE("machines are drawn in all their variety, and shrink to the plainest that will do") {
    const auto gen = gen_config("tiny");
    std::set<std::string> lines;
    int nr_impossible = 0;
    for (u64 n = 0; n < 500; ++n) {
        const auto c = drawn(gen, n);
        lines.insert(print_config(c.value()));
        nr_impossible += !why_impossible(c.value()).empty();
        if (c.value().nr_nodes < 3) continue;
        const auto three = [](const Config& x) { return x.nr_nodes >= 3; };
        REQUIRE(print_config(rc::shrinkable::findLocalMin(c, three).first) == "tiny nodes=3");
    }
    CHECK(lines.size() > 400);
    CHECK((nr_impossible > 5 && nr_impossible < 100));
}

TEST_CASE("every machine reads back from its line, and boots with every frame where it should be") {
    prop("machines", {300, 20}, [] {
        const Config c = *gen_config("tiny");
        RC_PRE(why_impossible(c).empty());
        RC_ASSERT(*parse_config(print_config(c)) == c);
        RC_ASSERT(audit(World(c)) == "");
    });
}

TEST_CASE("a sequence loses what is not needed, and its elements shrink") {
    const auto gen = gen_sequence(rc::gen::inRange(0, 1'000), 100, 200);
    const auto fails = [](const std::vector<int>& v) {
        return std::ranges::count_if(v, [](int x) { return x >= 9; }) >= 3;
    };
    for (u64 n = 0; n < 20; ++n) {
        const auto v = drawn(gen, n);
        REQUIRE((v.value().size() >= 100 && v.value().size() <= 200));
        REQUIRE(rc::shrinkable::findLocalMin(v, fails).first == std::vector<int>{9, 9, 9});
    }
}

} // namespace mmodel
