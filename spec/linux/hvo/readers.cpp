// SPDX-License-Identifier: GPL-2.0 OR MIT
// Readers between any two accesses of a call under test. Only a store to a frame behind the folios' vmemmap,
// or to one of its page tables, changes what they see: then they look, by the kernel's own rule, at each
// struct page there that is not a plain tail. Between events nobody else would: the rules are asked at
// events.
#include "spec/linux/hvo/readers.hpp"

#include <algorithm>

#include "spec/judge/discipline.hpp"

namespace mmodel::bench {

HvoDriver::Reading::Reading(HvoDriver& d, std::span<const hvo::Folio> folios) : driver_(d) {
    driver_.read_ = folios;
    driver_.arena_.tell_stores(&driver_);
    for (const hvo::Folio& f : folios) driver_.watch_folio(f);
}

HvoDriver::Reading::~Reading() {
    driver_.arena_.tell_stores(nullptr);
    driver_.read_ = {};
    driver_.say_found_between();
}

void HvoDriver::found_between(spec::Inv inv, const std::string& what) {
    if (std::ranges::find(between_, inv, &std::pair<spec::Inv, std::string>::first) != between_.end()) return;
    between_.emplace_back(inv, what + " between two accesses of the code, after event " +
                                   std::to_string(monitor_->nr_events()));
}

// What an event shows as well is said of the event.
void HvoDriver::say_found_between() {
    for (auto& [inv, what] : between_)
        if (std::ranges::find(monitor_->violations(), inv, &spec::Violation::inv) ==
            monitor_->violations().end())
            monitor_->fail(inv, nullptr, std::move(what), {.way = spec::Way::between_accesses});
    between_.clear();
}

void HvoDriver::watch_folio(const hvo::Folio& f) {
    const Machine& m = kernel_->machine();
    const Vpage start = m.geometry().vpage_of(f.head), end = start + m.geometry().vmemmap_pages(f.order);
    if (!m.geometry().optimizable_pages(f.order)) return;
    for (Vpage v = start; v < end; ++v) arena_.watch(m.translate(v).pfn());
    for (u64 i = m.pmd_idx(start); i <= m.pmd_idx(end - 1); ++i)
        if (m.pmd(i).kind == Pmd::Kind::table) arena_.watch(m.pmd(i).pfn);
}

void HvoDriver::stored(Pfn p) noexcept {
    const bool is_table = kernel_->machine().frame(p).owner == Owner::page_table;
    try {
        arena_.answer_from(nullptr);
        for (const hvo::Folio& f : read_) is_table ? read_table(p, f) : read_frame(p, f);
    } catch (const BadAccess& b) {
        found_between(spec::Inv::compound_head_of_every_tail_is_its_head,
                      std::string("a reader cannot look (") + b.what + ")");
    }
    arena_.answer_from(tlb_);
}

// What a page table says now, without an event: is it there, is it right, and may who is about to write do
// so?
void HvoDriver::read_table(Pfn table, const hvo::Folio& f) {
    const Machine& m = kernel_->machine();
    const Vpage start = m.geometry().vpage_of(f.head);
    for (Vpage v = start; v < start + m.geometry().vmemmap_pages(f.order); ++v) {
        if (m.pmd(m.pmd_idx(v)).pfn != table || m.pmd(m.pmd_idx(v)).kind != Pmd::Kind::table) continue;
        const unsigned long entry =
            reinterpret_cast<const unsigned long*>(arena_.frame(table))[v.value % m.geometry().ptrs_per_pte];
        const Pfn behind{entry >> m.geometry().page_shift()};
        if (!(entry & MMODEL_PRESENT) || behind.value >= arena_.nr_frames())
            return found_between(spec::Inv::compound_head_of_every_tail_is_its_head,
                                 "a reader finds nothing mapped at " + spec::say_page(v));
        const auto writes_there = [&](const Walker& w) { return spec::may_write_to(m, w, v); };
        if (!(entry & MMODEL_RW) && std::ranges::any_of(m.walkers, writes_there))
            found_between(spec::Inv::no_write_through_a_read_only_pte,
                          spec::say_page(v) + " is mapped read-only while a walker is about to write to it,");
        read_between(v, f, description_of(behind, f, arena_.contents(behind)), not_stale);
    }
}

// Of the pages that map it, now or for a CPU that still uses an old translation, the folio's first, and one
// that speaks for all others.
void HvoDriver::read_frame(Pfn p, const hvo::Folio& f) {
    const Machine& m = kernel_->machine();
    const Vpage start = m.geometry().vpage_of(f.head);
    std::optional<Contents> found;
    for (const StaleWay way : {not_stale, oldest, newest_stale}) {
        if (way != not_stale && !m.has_stale()) return;
        StaleTlb tlb(m, way);
        u32 left = way == not_stale ? std::max(m.frame(p).nr_ptes, 1u) : ~0u; // a leaf maps it once
        for (Vpage v = start; left && v < start + m.geometry().vmemmap_pages(f.order); ++v) {
            const Pte held = way == not_stale ? m.translate(v) : tlb.held({false, v.value}).value_or(Pte{});
            if (!held.present() || held.pfn() != p) continue;
            if (!found) found = description_of(p, f, arena_.contents(p));
            read_between(v, f, *found, way);
            left = v == start ? left - 1 : 0;
        }
    }
}

void HvoDriver::read_between(Vpage v, const hvo::Folio& f, const Contents& found, StaleWay way) {
    const Machine& m = kernel_->machine();
    const u64 nr = m.geometry().struct_pages_per_page(), first = v.value * nr;
    const auto is_tail = [&](u64 j) {
        return (j < Contents::nr_slots ? found.slots[j] : found.rest) == slot::tail;
    };
    StaleTlb tlb(m, way);
    if (way != not_stale) arena_.answer_from(&tlb);
    for (u64 j = 0; j < nr; ++j) {
        if (found.kind == Contents::Kind::copy && is_tail(j)) continue;
        const u64 head = unit_->compound_head(first + j);
        if (head == f.head.value) continue;
        found_between(way == not_stale ? spec::Inv::compound_head_of_every_tail_is_its_head
                                       : spec::Inv::compound_head_holds_through_stale_translations,
                      "compound_head() of page " + std::to_string(first + j - f.head.value) +
                          " of the folio is pfn " + std::to_string(head) + ", not " +
                          std::to_string(f.head.value) + ",");
        break;
    }
    arena_.answer_from(nullptr);
}

} // namespace mmodel::bench
