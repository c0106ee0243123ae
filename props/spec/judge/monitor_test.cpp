// SPDX-License-Identifier: GPL-2.0 OR MIT
// The monitor's two ways with a violation.
#include "spec/judge/monitor.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <tuple>

#include "spec/judge/check.hpp"
#include "spec/sabotage/advance.hpp"

using namespace mmodel;
using namespace mmodel::spec;

TEST_CASE("a monitor that collects lets the operation end and names each way in which an invariant is "
          "broken once, the first one first") {
    World w(*parse_config("x86-64"));
    REQUIRE_FALSE(checked_advance(w, {.kind = OpKind::alloc_folio}).violation);
    World stopped = w;
    const Op op{.kind = OpKind::optimise};
    const Checked first = checked_advance(stopped, op, Sabotage::no_flush);
    REQUIRE(first.violation);

    Monitor monitor(w, op, {}, OnViolation::collect);
    const Ran ran = advance(w, op, monitor, Sabotage::no_flush);
    monitor.finish(w, ran);
    REQUIRE(monitor.violations().size() >= 2);
    CHECK(monitor.violations().front().inv == first.violation->inv);
    CHECK(monitor.violations().front().event_idx == first.violation->event_idx);
    CHECK(ran.nr_events > first.ran.nr_events);
    const auto kind_of = [](const Violation& v) { return std::tuple(v.inv, v.way, v.where, v.kind); };
    for (std::size_t i = 0; i < monitor.violations().size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            CHECK(kind_of(monitor.violations()[i]) != kind_of(monitor.violations()[j]));
}

TEST_CASE("a monitor that collects counts the places where it is so, of how many, and whether the first is") {
    for (const u8 size : {u8{0}, u8{1}}) {
        World w(*parse_config("x86-64"));
        REQUIRE_FALSE(checked_advance(w, {.kind = OpKind::alloc_folio, .size = size}).violation);
        const Op op{.kind = OpKind::optimise};
        Monitor monitor(w, op, {}, OnViolation::collect);
        monitor.finish(w, advance(w, op, monitor, Sabotage::tail_writable));
        const auto v =
            std::ranges::find(monitor.violations(), Inv::tail_vmemmap_is_read_only, &Violation::inv);
        REQUIRE(v != monitor.violations().end());
        CHECK(v->of == w.machine().geometry().vmemmap_pages(w.pool().folio(w.machine().geometry(), 0).order));
        CHECK(v->nr == v->of - 1);
        CHECK_FALSE(v->first_is_wrong);
        CHECK(v->kind == EventKind::set_pte_at);
    }
}

TEST_CASE("what a tree does not count is not asked of it") {
    World w(*parse_config("x86-64"));
    REQUIRE_FALSE(checked_advance(w, {.kind = OpKind::alloc_folio}).violation);
    const Op op{.kind = OpKind::optimise};
    for (const bool counters : {true, false}) {
        World next = w;
        Monitor monitor(next, op, {.memmap_counters = counters}, OnViolation::collect);
        monitor.finish(next, advance(next, op, monitor, Sabotage::no_memmap_accounting));
        CHECK(monitor.violations().empty() == !counters);
    }
}

TEST_CASE("an operation that causes events without end is stopped, and not before its limit") {
    const World w(*parse_config("tiny"));
    Monitor monitor(w, {.kind = OpKind::optimise}, {}, OnViolation::collect);
    const Event barrier{.kind = EventKind::smp_wmb, .where = Fn::vmemmap_restore_pte};
    for (u64 i = 1; i < max_events; ++i) monitor.after(w.machine(), barrier);
    CHECK(monitor.violations().empty());
    monitor.after(w.machine(), barrier);
    REQUIRE(monitor.violations().size() == 1);
    CHECK(monitor.violations().front().inv == Inv::every_operation_ends);
    CHECK(monitor.violations().front().where == "vmemmap_restore_pte");
}
