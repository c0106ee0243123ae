// SPDX-License-Identifier: GPL-2.0 OR MIT
// What must hold after an operation: of the machine as a whole, of HVO's counters, of the operation's folios.
#include <algorithm>
#include <tuple>

#include "spec/judge/monitor.hpp"

namespace mmodel::spec {
namespace {

std::string num(i64 n) { return std::to_string(n); }
std::string folio_name(const hvo::Folio& f) { return "folio at pfn " + num(static_cast<i64>(f.head.value)); }

// What is wrong with struct pages that are not as initialised.
Way way_of(const Contents& found, Pfn head) {
    if (found.kind == Contents::Kind::junk) return Way::junk;
    if (found.subject != head.value) return Way::of_another_folio;
    return found.slots[0] == slot::head ? Way::copy_of_head : Way::not_a_tail;
}

} // namespace

Wrong Monitor::page_of(const Subject& s, Vpage v, Way way) {
    return {.way = way, .group = s.start.value << 1, .place = v - s.start, .of = s.end - s.start};
}

void Monitor::judge_rest(const World& w) {
    const Machine& m = w.machine();
    judge_leaks(m);
    if (m.has_stale())
        fail(Inv::tlb_agrees_with_the_page_table_at_rest, nullptr, "a stale translation was never flushed");
    for (const auto& [lock, what, way] :
         {std::tuple(Lock::page_table, "init_mm.page_table_lock", Way::page_table_lock),
          {Lock::mmap_read, "mmap_lock(init_mm)", Way::mmap_lock},
          {Lock::spin, "pcpu_lock", Way::pcpu_lock},
          {Lock::mutex, "pcpu_alloc_mutex", Way::pcpu_alloc_mutex}})
        if (m.is_locked(lock)) fail(Inv::no_lock_is_held_at_rest, nullptr, what, {.way = way});
    i64 optimised = 0;
    for (u8 i = 0; i < max_folios; ++i)
        if (w.pool().slots[i].state == hvo::SlotState::hugetlb)
            optimised += hvo::is_optimised(m, w.pool().slots[i].head);
    if (scope_.shared_tail) judge_shared_tails(m);
    if (!scope_.shared_tail && m.counters.static_key != optimised)
        fail(Inv::static_key_counts_optimised_folios, nullptr,
             "the key is " + num(m.counters.static_key) + ", optimised folios are " + num(optimised),
             {.excess = m.counters.static_key - optimised});
    const i64 excess = m.counters.memmap - m.tally.vmemmap_buddy;
    const i64 boot_excess = m.counters.memmap_boot - m.tally.vmemmap_boot;
    const auto both = [&] {
        return "nr_memmap_pages " + num(m.counters.memmap) + ", in truth " + num(m.tally.vmemmap_buddy) +
               "; nr_memmap_boot_pages " + num(m.counters.memmap_boot) + ", in truth " +
               num(m.tally.vmemmap_boot);
    };
    for (const auto& [off, way] :
         {std::pair(excess, Way::nr_memmap_pages), {boot_excess, Way::nr_memmap_boot_pages}})
        if (scope_.memmap_counters && off)
            fail(Inv::memmap_counters_equal_the_truth, nullptr, both(), {.way = way, .excess = off});
    judge_conservation(w);
}

// Of the pages that the operation took, so many are nobody's. One for each folio that it changed is one.
void Monitor::judge_leaks(const Machine& m) {
    if (m.tally.detached > 0) {
        const u64 lost = static_cast<u64>(m.tally.detached), of = std::max(nr_pages_taken_, lost);
        const auto changed = static_cast<u64>(
            std::ranges::count_if(subjects_, [](const Subject& s) { return s.nr_changes != 0; }));
        const bool first = first_taken_ && m.frame(*first_taken_).owner == Owner::detached;
        fail(Inv::no_page_is_leaked, nullptr,
             num(m.tally.detached) + " page(s) are nobody's, the first is " +
                 (m.first_detached() ? "pfn " + num(static_cast<i64>(m.first_detached()->value)) : "unknown"),
             {.way = Way::page,
              .place = first ? 0u : 1u,
              .of = of,
              .nr = lost == of || changed < 2 ? lost : (lost + changed - 1) / changed});
    }
    if (m.tally.private_tables)
        fail(Inv::no_page_is_leaked, nullptr,
             num(m.tally.private_tables) + " page tables are installed nowhere", {.way = Way::table});
}

void Monitor::judge_conservation(const World& w) {
    const Machine& m = w.machine();
    const Config& c = m.config();
    i64 memory = 0, held = m.tally.vmemmap_buddy + m.tally.vmemmap_boot + m.tally.tables + m.tally.detached;
    held += m.tally.shared_tails + m.tally.memblock + m.tally.vmalloc +
            static_cast<i64>(w.pcpu().nr_embedded_frames);
    for (u8 n = 0; n < c.nr_nodes; ++n) {
        memory += static_cast<i64>(c.frames_per_node);
        held += static_cast<i64>(m.nr_free_or_held_pages(Nid{n}));
        held += static_cast<i64>(u64{c.boot_gigantic} - w.pool().boot_taken[n])
                << c.geometry.folio_order[c.geometry.nr_hstates() - 1];
    }
    for (u8 b = 0; b < max_hot_blocks; ++b)
        memory += m.hot_block(b).present ? static_cast<i64>(c.hot_block_frames) : 0;
    for (u8 i = 0; i < max_folios; ++i)
        if (w.pool().slots[i].state != hvo::SlotState::none)
            held += i64{1} << w.pool().folio(c.geometry, i).order;
    if (memory != held)
        fail(Inv::frames_are_conserved, nullptr,
             num(memory) + " frames exist, " + num(held) + " are accounted for", {.excess = held - memory});
}

void Monitor::judge_subject(const Machine& m, const Subject& s) {
    if (!m.geometry().optimizable_pages(s.folio.order)) return;
    if (hvo::is_optimised(m, s.folio.head))
        scope_.shared_tail ? judge_shared(m, s) : judge_optimised(m, s);
    else
        judge_plain(m, s);
}

void Monitor::judge_optimised(const Machine& m, const Subject& s) {
    const Pte head = m.translate(s.start);
    for (Vpage v = s.start + 1; v < s.end; ++v)
        if (m.translate(v) != Pte::map(head.pfn(), false))
            fail(Inv::optimised_folio_keeps_one_page, nullptr,
                 folio_name(s.folio) + ": its vmemmap page " + num(static_cast<i64>(v - s.start)) +
                     " does not map the head's frame read-only",
                 page_of(s, v, Way::tail_page));
    Contents found = m.read(head.pfn());
    found.optimised = false;
    if (!head.writable() || found != m.freshly_initialised(s.start))
        fail(Inv::optimised_folio_keeps_one_page, nullptr,
             folio_name(s.folio) + ": its head page is not what it was", {.way = Way::head_page});
}

void Monitor::judge_plain(const Machine& m, const Subject& s) {
    for (Vpage v = s.start; v < s.end; ++v) {
        const Pte p = m.translate(v);
        const bool alone = p.present() && p.writable() && m.frame(p.pfn()).nr_ptes <= 1;
        if (!alone)
            fail(Inv::plain_folio_has_pages_of_its_own, nullptr,
                 folio_name(s.folio) + ": its vmemmap page " + num(static_cast<i64>(v - s.start)) +
                     (p.writable() ? " shares its frame" : " is read-only"),
                 page_of(s, v, p.writable() ? Way::shared : Way::read_only));
        if (m.is_settled(p.pfn(), v)) continue;
        if (const Contents found = m.read(p.pfn()); found != m.freshly_initialised(v))
            fail(Inv::restore_after_optimise_is_the_identity, nullptr,
                 folio_name(s.folio) + ": the struct pages of its vmemmap page " +
                     num(static_cast<i64>(v - s.start)) + " are not as initialised",
                 page_of(s, v, way_of(found, s.folio.head)));
    }
}

} // namespace mmodel::spec
