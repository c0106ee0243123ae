// SPDX-License-Identifier: GPL-2.0 OR MIT
// What readers find behind a PTE that the model never sets up wrongly: told to the monitor by hand.
#include <catch2/catch.hpp>

#include "props/example.hpp"

namespace mmodel::spec {
namespace {

// What is found of compound_head() when a PTE of the optimised folio's tail pages maps this page.
template <class Change>
std::string found_behind_a_tail(Change change) {
    World w = after("geometry x86-64\nalloc_folio folio=0\noptimise folio=0\n");
    Machine& m = w.own().machine;
    const Vpage tail = m.geometry().vpage_of(w.pool().slots[0].head) + 1;
    Contents c = m.read(m.translate(tail).pfn());
    change(c);
    m.write(m.translate(tail).pfn(), c);
    Monitor monitor(w, op_of(w.config(), "optimise folio=0"), {}, OnViolation::collect);
    monitor.after(m, {.kind = EventKind::set_pte_at,
                      .ref = m.pte_ref(tail),
                      .pte = m.translate(tail),
                      .vpage = tail,
                      .where = Fn::vmemmap_remap_pte});
    if (monitor.violations().empty()) return "";
    const Violation& v = monitor.violations().front();
    CHECK(v.inv == Inv::compound_head_of_every_tail_is_its_head);
    CHECK(v.where == "vmemmap_remap_pte");
    return v.detail.substr(v.detail.find(": ") + 2);
}

} // namespace

TEST_CASE("a tail's page may begin with the head or a tail, and with nothing else") {
    const auto beginning_with = [](u8 first) {
        return found_behind_a_tail([=](Contents& c) { c.slots[0] = first; });
    };
    CHECK(beginning_with(slot::head) == "");
    CHECK(beginning_with(slot::tail) == "");
    CHECK(beginning_with(slot::plain) == "struct page 0 is not a tail");
    CHECK(beginning_with(slot::junk) == "struct page 0 is not a tail");
}

TEST_CASE("another folio's struct pages behind a tail's PTE are reported as that folio's") {
    CHECK(found_behind_a_tail([](Contents& c) { c.subject = 17; }) == "struct pages of pfn 17");
}

} // namespace mmodel::spec
