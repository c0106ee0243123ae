// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is asked at rest where the tails of optimised folios are a page that a zone shares among all folios of
// an order (Linux 7.1), instead of the head page again. A tail says where its head is by a mask of its own
// address, so one page serves all of them.
#include "spec/judge/monitor.hpp"

namespace mmodel::spec {
namespace {

std::string num(u64 n) { return std::to_string(n); }
std::string frame(Pfn p) { return "pfn " + num(p.value); }
std::string vmemmap_page(const hvo::Folio& f, u64 i) {
    return "folio at pfn " + num(f.head.value) + ": its vmemmap page " + num(i);
}
std::string tails_of(const SharedTail& t) {
    return frame(t.pfn) + ", the tails of order " + num(t.order) + " of zone " + num(t.zone);
}

} // namespace

void Monitor::judge_shared_tails(const Machine& m) {
    for (const SharedTail& t : m.shared_tails())
        if (m.read(t.pfn) != Contents::tails(t.order))
            fail(Inv::shared_tail_page_reads_as_tails, nullptr, tails_of(t) + ", are not as initialised");
}

// An optimised folio: the head page is its own, all other pages are its zone's.
void Monitor::judge_shared(const Machine& m, const Subject& s) {
    const Inv inv = Inv::optimised_folio_shares_its_zones_tails;
    const auto tail = m.shared_tail(m.zone_of(s.folio.head), s.folio.order);
    for (Vpage v = s.start + 1; v < s.end; ++v)
        if (!tail || m.translate(v) != Pte::map(*tail, false))
            fail(inv, nullptr,
                 vmemmap_page(s.folio, v - s.start) + " does not map its zone's page of tails read-only",
                 page_of(s, v, Way::tail_page));
    const Pte head = m.translate(s.start);
    if (!head.writable() || m.frame(head.pfn()).nr_ptes != 1)
        fail(inv, nullptr,
             vmemmap_page(s.folio, 0) + (head.writable() ? " shares its frame" : " is mapped read-only"),
             {.way = head.writable() ? Way::shared : Way::read_only});
    Contents found = m.read(head.pfn());
    found.optimised = false;
    if (found != m.freshly_initialised(s.start))
        fail(inv, nullptr, vmemmap_page(s.folio, 0) + " is not what it was", {.way = Way::head_page});
}

} // namespace mmodel::spec
