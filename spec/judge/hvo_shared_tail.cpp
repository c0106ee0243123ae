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

// How many of a folio's pages are its zone's; where no zone has any, all but the head's.
i64 Monitor::nr_saved(const Machine& m, const Subject& s) const {
    if (!scope_.updates_may_fail) return static_cast<i64>(s.end - s.start) - 1;
    i64 nr = 0;
    for (Vpage v = s.start; v < s.end; ++v) nr += m.is_shared_tail(m.translate(v).pfn());
    return nr;
}

bool Monitor::may_be_partial(const Subject& s) const {
    return s.was_partial || (scope_.updates_may_fail && nr_failed_updates_);
}

// An update failed, and so did the way back: a page is its zone's and read-only, or the folio's own and
// writable, as initialised. One at least is its zone's, or the folio would not be flagged.
void Monitor::judge_partial(const Machine& m, const Subject& s) {
    const Inv inv = Inv::optimised_folio_shares_its_zones_tails;
    const auto tail = m.shared_tail(m.zone_of(s.folio.head), s.folio.order);
    bool shares = false;
    for (Vpage v = s.start + 1; v < s.end; ++v) {
        const Pte p = m.translate(v);
        const bool is_shared = tail && p == Pte::map(*tail, false);
        shares |= is_shared;
        if (is_shared) continue;
        if (!p.writable() || m.frame(p.pfn()).nr_ptes > 1)
            fail(inv, nullptr,
                 vmemmap_page(s.folio, v - s.start) +
                     " is neither its zone's, read-only, nor its own, writable",
                 page_of(s, v, p.writable() ? Way::shared : Way::read_only));
        else if (m.read(p.pfn()) != m.freshly_initialised(v) &&
                 m.read(p.pfn()) != Contents::tails(s.folio.order))
            fail(inv, nullptr, vmemmap_page(s.folio, v - s.start) + " is not as initialised",
                 page_of(s, v, Way::not_a_tail));
    }
    if (!shares)
        fail(inv, nullptr,
             "folio at pfn " + num(s.folio.head.value) + " is flagged, and no page of it is its zone's",
             {.way = Way::tail_page});
}

// An optimised folio: the head page is its own, all other pages are its zone's.
void Monitor::judge_shared(const Machine& m, const Subject& s) {
    const Inv inv = Inv::optimised_folio_shares_its_zones_tails;
    const auto tail = m.shared_tail(m.zone_of(s.folio.head), s.folio.order);
    if (may_be_partial(s)) judge_partial(m, s);
    for (Vpage v = s.start + 1; v < s.end && !may_be_partial(s); ++v)
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
