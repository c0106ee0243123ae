// SPDX-License-Identifier: GPL-2.0 OR MIT
// What must hold at every event that touches the vmemmap, a folio or a frame.
#include <algorithm>

#include "spec/judge/monitor.hpp"

namespace mmodel::spec {
namespace {

std::string num(u64 n) { return std::to_string(n); }
std::string page(Vpage v) { return "vmemmap page " + num(v.value); }
std::string frame(Pfn p) { return "pfn " + num(p.value); }

} // namespace

void Monitor::judge_free(const Machine& m, const Event& e) {
    const Pfn p = e.pfn;
    if (m.is_mapped(p)) return fail(Inv::no_frame_is_freed_while_mapped, &e, frame(p) + " is mapped");
    if (m.is_shared_tail(p))
        return fail(Inv::shared_tail_page_is_never_freed, &e, frame(p) + " is a zone's page of tails");
    if (m.frame(p).owner != Owner::detached)
        return fail(Inv::no_page_is_freed_twice, &e,
                    frame(p) + (m.is_free(p) ? " is free already" : " is not the caller's to free"),
                    {.way = m.is_free(p) ? Way::free_already : Way::not_its_own});
    if (m.may_be_cached(p))
        fail(Inv::no_frame_is_freed_while_a_tlb_may_hold_it, &e,
             "a CPU may still translate an address to " + frame(p));
    require(m.is_reserved(p) == (e.kind == EventKind::free_bootmem_page),
            Inv::page_goes_back_to_its_own_allocator, e,
            m.is_reserved(p) ? "the page is reserved boot memory" : "the page came from the page allocator",
            {.way = m.is_reserved(p) ? Way::reserved_page : Way::ordinary_page});
    require(!m.is_under_unsplit_block(p), Inv::high_order_block_is_split_before_its_pages_are_freed, e,
            "the page is part of a higher-order allocation");
}

void Monitor::judge_install(const Machine& m, const Event& e) {
    const Pmd leaf = m.pmd(e.pmd_idx());
    require(m.is_locked(Lock::page_table), Inv::pmd_changes_under_the_page_table_lock, e,
            "the lock is not held");
    require(!m.is_unordered(e.pfn), Inv::table_is_ordered_before_the_pmd, e,
            "the table's entries are not ordered yet");
    require(leaf.kind == Pmd::Kind::leaf, Inv::table_translates_as_the_leaf_did, e,
            "there is no leaf to replace", {.way = Way::no_leaf});
    for (u32 i = 0; leaf.kind == Pmd::Kind::leaf && i < m.geometry().ptrs_per_pte; ++i)
        if (m.pte({e.pfn, i}) != Pte::map(leaf.pfn + i, true))
            fail(Inv::table_translates_as_the_leaf_did, &e,
                 "entry " + num(i) + " of the table is not " + frame(leaf.pfn + i) + " rw",
                 {.way = Way::other_translation,
                  .group = e.pfn.value << 1,
                  .place = i,
                  .of = m.geometry().ptrs_per_pte});
}

void Monitor::judge_set_pte(const Machine& m, const Event& e) {
    if (!e.is_live()) return;
    Subject* s = subject_of(*e.vpage);
    if (!s)
        return fail(Inv::only_the_folios_own_vmemmap_changes, &e,
                    page(*e.vpage) + " belongs to no folio of the operation");
    if (s->by != name(e.where)) s->by = name(e.where), s->nr_in_a_row = 0; // one name, one place
    const Pte old = m.pte(e.ref);
    const Wrong change = change_of(*s);
    require(m.is_locked(Lock::mmap_read), Inv::walk_holds_the_mmap_lock, e, "the lock is not held", change);
    require(!m.is_self_hosted(old.pfn()), Inv::self_hosted_vmemmap_is_never_optimised, e,
            "its frame is self-hosted", change);
    if (m.is_unordered(e.pte.pfn()))
        fail(Inv::contents_are_ordered_before_the_pte, &e,
             "stores to " + frame(e.pte.pfn()) + " are not ordered yet", change);
    if (m.config().break_before_make && old.present() && e.pte.present() && old.pfn() != e.pte.pfn())
        fail(Inv::no_valid_to_valid_change_without_break_before_make, &e,
             "it maps " + frame(old.pfn()) + " until now", change);
    if (scope_.shared_tail) return judge_shared_pte(m, e, *s);
    for (const Walker& w : m.walkers)
        if (w.inside && w.may_write && m.geometry().vpage_of(w.page) == *e.vpage)
            fail(Inv::no_remap_without_a_grace_period, &e,
                 "a walker is about to write to the struct page of " + frame(w.page));
    const bool shares_with_head = *e.vpage != s->start && e.pte.pfn() == m.translate(s->start).pfn();
    require(!shares_with_head || !e.pte.writable(), Inv::tail_vmemmap_is_read_only, e, "mapped read-write",
            change);
    require(shares_with_head || e.pte.writable(), Inv::own_vmemmap_is_writable, e, "mapped read-only",
            change);
}

// After a PTE of the folio changed: what a reader finds there now, and what one with an old translation does.
void Monitor::judge_remap(const Machine& m, const Event& e, const Subject& s) {
    judge_reader(m, *e.vpage, e.pte.pfn(), Inv::compound_head_of_every_tail_is_its_head, &e);
    if (*e.vpage == s.start) judge_optimised_flag(m, s.start, e);
}

void Monitor::judge_store(const Machine& m, const Event& e) {
    auto judge = [&](Pte p, const char* what, Way way) {
        require(p.writable(), Inv::no_write_through_a_read_only_pte, e, what, {.way = way});
    };
    judge(m.translate(*e.vpage), "it is mapped read-only", Way::current_translation);
    m.for_each_stale(*e.vpage, [&](Pte p) {
        judge(p, "a CPU may still have it mapped read-only", Way::stale_translation);
    });
}

void Monitor::judge_optimised_flag(const Machine& m, Vpage head, const Event& e) {
    const bool flag = m.read(m.translate(head).pfn()).optimised;
    m.for_each_stale(head, [&](Pte p) {
        if (m.read(p.pfn()).optimised != flag)
            fail(Inv::optimised_flag_reads_the_same_through_every_translation, &e,
                 std::string("it is ") + (flag ? "set" : "clear") + " in " + frame(m.translate(head).pfn()) +
                     ", not in " + frame(p.pfn()));
    });
}

// The fake-head rule is off from now on: no tail of any folio may need it.
void Monitor::judge_compound_heads(const Machine& m, const Event& e) {
    for (u8 i = 0; i < max_compounds; ++i) {
        const Compound& c = m.compound(i);
        if (!c.order || !m.geometry().optimizable_pages(c.order)) continue;
        const Vpage start = m.geometry().vpage_of(c.head);
        // Others than the operation's folios have not changed: their first tail page speaks for all.
        const Vpage end = start + (subject_of(start) ? m.geometry().vmemmap_pages(c.order) : 2);
        for (Vpage v = start; v < end; ++v) {
            judge_reader(m, v, m.translate(v).pfn(), Inv::compound_head_of_every_tail_is_its_head, &e);
            m.for_each_stale(v, [&](Pte p) {
                judge_reader(m, v, p.pfn(), Inv::compound_head_holds_through_stale_translations, &e);
            });
        }
    }
}

// include/linux/page-flags.h: compound_head() of every struct page of vmemmap page v, read in frame p.
void Monitor::judge_reader(const Machine& m, Vpage v, Pfn p, Inv inv, const Event* e) {
    const Compound* c = m.compound_at(v);
    if (!c) return;
    const Contents found = m.read(p);
    const Vpage start = m.geometry().vpage_of(c->head);
    auto is_tail = [](u8 s) { return s == slot::tail || s >= slot::meta; };
    auto wrong = [&](Way way, const std::string& why) {
        fail(inv, e, page(v) + " reads " + frame(p) + ": " + why,
             {.way = way,
              .group = start.value << 1,
              .place = v - start,
              .of = m.geometry().vmemmap_pages(c->order)});
    };
    if (found.kind == Contents::Kind::junk) return wrong(Way::junk, "what an earlier owner left there");
    if (found.kind == Contents::Kind::tails) { // of any folio of an order
        if (v == start) wrong(Way::not_the_head, "struct page 0 is not the head");
        if (found.subject != c->order) wrong(Way::of_another_folio, "tails of order " + num(found.subject));
        return;
    }
    if (found.subject != c->head.value && found.slots[0] != slot::plain)
        return wrong(Way::of_another_folio, "struct pages of " + frame(Pfn{found.subject}));
    const u64 nr = m.geometry().struct_pages_per_page();
    for (std::size_t j = 1; j < std::min<u64>(nr, Contents::nr_slots); ++j)
        if (!is_tail(found.slots[j]))
            return wrong(Way::not_a_tail, "struct page " + num(j) + " is not a tail");
    if (nr > Contents::nr_slots && !is_tail(found.rest))
        return wrong(Way::not_a_tail, "its last struct pages are not tails");
    if (v == start) {
        if (found.slots[0] != slot::head) wrong(Way::not_the_head, "struct page 0 is not the head");
    } else if (found.slots[0] == slot::head) {
        if (m.counters.static_key <= 0)
            wrong(Way::copy_of_head, "struct page 0 is a copy of the head, and the static key is off");
    } else if (!is_tail(found.slots[0])) {
        wrong(Way::not_a_tail, "struct page 0 is not a tail");
    }
}

} // namespace mmodel::spec
