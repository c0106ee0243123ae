// SPDX-License-Identifier: GPL-2.0 OR MIT
// The discipline: what must hold at every event, each rule once. It is read twice: as truth values by the
// monitor, which watches one run of the model or of a real file, and as formulas by the proofs of
// spec/symbolic, which watch every run.
//
// A view is a machine as the rules see it. It answers in B, bool or z3::expr: only !, &&, || and == are used
// on answers. `say(inv, holds, why)` is called for every rule that applies; why(machine) is what was found,
// for who has a Machine to show. A rule that asks no more of what another one has found wrong says so in
// what it claims.
#pragma once

#include <algorithm>

#include "model/hvo/folio.hpp"
#include "model/machine/machine.hpp"
#include "spec/judge/invariant.hpp"

namespace mmodel::spec {

// The vmemmap of a folio, or of its beginning.
struct OwnVmemmap {
    Vpage start{}, end{};
};

inline std::string say_page(Vpage v) { return "vmemmap page " + std::to_string(v.value); }
inline std::string say_frame(Pfn p) { return "pfn " + std::to_string(p.value); }
inline std::string say_frame(const Machine&, Pfn p) { return say_frame(p); } // where it may be a formula
inline std::string say_vmalloc_page(Vmap v) { return "vmalloc page " + std::to_string(v.value); }

// ---- what a reader finds

// compound_head() of every struct page of a vmemmap page of a folio.
enum class Reading : u8 {
    right,
    right_with_key, // while the static key is on, page_fixed_fake_head() sees to it
    junk,
    of_another,
    of_another_order,
    not_a_tail,
    last_not_tails,
    not_the_head,
    first_not_a_tail
};

constexpr bool is_tail(u8 s) { return s == slot::tail || s >= slot::meta; }

// The first of the slots 1, 2, ... that is no tail; their number: there is none.
constexpr std::size_t first_not_tail(const Geometry& g, const Contents& found) {
    const std::size_t nr = std::min<std::size_t>(g.struct_pages_per_page(), Contents::nr_slots);
    std::size_t j = 1;
    while (j < nr && is_tail(found.slots[j])) ++j;
    return j;
}

// include/linux/page-flags.h: page_fixed_fake_head(), by what the page contains. Needs: `found` is as a
// reader finds it.
constexpr Reading reading(const Geometry& g, hvo::Folio f, Vpage v, const Contents& found) {
    if (found.kind == Contents::Kind::junk) return Reading::junk;
    const bool is_first = v == g.vpage_of(f.head);
    if (found.kind == Contents::Kind::tails) { // of any folio of an order
        if (is_first) return Reading::not_the_head;
        return found.subject == f.order ? Reading::right : Reading::of_another_order;
    }
    if (found.subject != f.head.value && found.slots[0] != slot::plain) return Reading::of_another;
    const u64 nr = g.struct_pages_per_page();
    if (first_not_tail(g, found) < std::min<u64>(nr, Contents::nr_slots)) return Reading::not_a_tail;
    if (nr > Contents::nr_slots && !is_tail(found.rest)) return Reading::last_not_tails;
    const bool is_head = found.slots[0] == slot::head;
    if (is_first) return is_head ? Reading::right : Reading::not_the_head;
    if (is_head) return Reading::right_with_key;
    return is_tail(found.slots[0]) ? Reading::right : Reading::first_not_a_tail;
}

// What is wrong with what a reader of v finds in that frame, with the key as it is. Empty: nothing.
[[nodiscard]] Found why_wrong(const Machine& m, Vpage v, Pfn p);

// A reader of vmemmap page v whose translation is to that frame.
template <class B, class View, class Say>
void judge_reader(const View& m, Vpage v, const typename View::Frame& f, Inv inv, const B& when, Say&& say) {
    say(inv, !when || m.reads_well(v, f), [v, f](const auto& now) {
        Found found = why_wrong(now, v, f);
        found.text.insert(0, say_page(v) + " reads " + say_frame(now, f) + ": ");
        return found;
    });
}

// ---- HVO

inline bool may_write_to(const Machine& m, const Walker& w, Vpage v) {
    return w.inside && w.may_write && m.geometry().vpage_of(w.page) == v;
}

template <class B, class View, class Say>
void judge_free(const View& m, const Event& e, Say&& say) {
    const Pfn p = e.pfn;
    const B mapped = m.is_mapped(p), detached = m.is_detached(p);
    const B tails = m.is_shared_tail(p);
    const B others = mapped || !detached; // than the caller's: no more is asked of it
    say(Inv::no_frame_is_freed_while_mapped, !mapped,
        [p](const auto&) { return say_frame(p) + " is mapped"; });
    say(Inv::shared_tail_page_is_never_freed, mapped || !tails,
        [p](const auto&) { return say_frame(p) + " is a zone's page of tails"; });
    say(Inv::no_page_is_freed_twice, mapped || tails || detached, [p](const auto& now) {
        return now.is_free(p)
                   ? Found(say_frame(p) + " is free already", {.way = Way::free_already})
                   : Found(say_frame(p) + " is not the caller's to free", {.way = Way::not_its_own});
    });
    say(Inv::no_frame_is_freed_while_a_tlb_may_hold_it, others || !m.may_be_cached(p),
        [p](const auto&) { return "a CPU may still translate an address to " + say_frame(p); });
    say(Inv::page_goes_back_to_its_own_allocator,
        others || m.is_reserved(p) == m.truth(e.kind == EventKind::free_bootmem_page), [p](const auto& now) {
            return now.is_reserved(p)
                       ? Found("the page is reserved boot memory", {.way = Way::reserved_page})
                       : Found("the page came from the page allocator", {.way = Way::ordinary_page});
        });
    say(Inv::high_order_block_is_split_before_its_pages_are_freed, others || !m.is_under_unsplit_block(p),
        [](const auto&) { return "the page is part of a higher-order allocation"; });
}

template <class B, class View, class Say>
void judge_install(const View& m, const Event& e, Say&& say) {
    if (m.populates()) return; // nothing is there yet
    const u64 pmd = e.pmd_idx();
    const B leaf = m.is_leaf(pmd);
    say(Inv::pmd_changes_under_the_page_table_lock, m.truth(m.is_locked(Lock::page_table)),
        [](const auto&) { return "the lock is not held"; });
    say(Inv::table_is_ordered_before_the_pmd, !m.is_unordered(e.pfn),
        [](const auto&) { return "the table's entries are not ordered yet"; });
    say(Inv::table_translates_as_the_leaf_did, leaf,
        [](const auto&) { return Found("there is no leaf to replace", {.way = Way::no_leaf}); });
    for (u32 i = 0; i < m.geometry().ptrs_per_pte && !m.is_never(leaf); ++i)
        say(Inv::table_translates_as_the_leaf_did, !leaf || m.translates_as_the_leaf(e.pfn, i, pmd),
            [i, pmd, table = e.pfn](const auto& now) {
                return Found("entry " + std::to_string(i) + " of the table is not " +
                                 say_frame(now.pmd(pmd).pfn + i) + " rw",
                             {.way = Way::other_translation,
                              .group = table.value << 1,
                              .place = i,
                              .of = now.geometry().ptrs_per_pte});
            });
}

// Where the tails are a page that a zone shares among all folios of an order (Linux 7.1).
template <class B, class View, class Say>
void judge_shared_pte(const View& m, const Event& e, const OwnVmemmap& own, Say&& say) {
    const Pfn p = e.pte.pfn();
    const B tails = m.is_shared_tail(p), writable = m.truth(e.pte.writable());
    say(Inv::own_vmemmap_is_writable, tails || writable, [](const auto&) { return "mapped read-only"; });
    say(Inv::tail_vmemmap_is_read_only, !tails || !writable, [](const auto&) { return "mapped read-write"; });
    say(Inv::optimised_folio_shares_its_zones_tails, !tails || m.truth(*e.vpage != own.start),
        [](const auto&) { return Found("the head page is a page of tails", {.way = Way::head_page}); });
    say(Inv::optimised_folio_shares_its_zones_tails, !tails || m.is_tail_of(own.start, p),
        [](const auto&) { return "they are of another zone or order"; });
}

// A store to a frame through the direct map.
template <class B, class View, class Say>
void judge_tail_store(const View& m, const Event& e, Say&& say) {
    say(Inv::shared_tail_page_is_never_written, !m.is_shared_tail(e.pfn),
        [](const auto&) { return "it is a zone's page of tails, which others read"; });
}

template <class B, class View, class Say>
void judge_publish(const View& m, const Event& e, Say&& say) {
    if (!e.ok) return;
    say(Inv::shared_tail_page_reads_as_tails, m.reads_as_tails(e.pfn, e.order()),
        [](const auto&) { return "not all of its struct pages are tails of that order"; });
}

// Of a folio whose vmemmap boot populated optimised the tails become read-only, and nothing else changes.
// Nobody knows of the folio yet.
template <class B, class View, class Say>
void judge_boot_pte(const View& m, const Event& e, const OwnVmemmap& own, Say&& say) {
    const Wrong change{.is_change = true};
    say(Inv::tail_vmemmap_is_read_only, m.truth(*e.vpage == own.start || !e.pte.writable()),
        [=](const auto&) { return Found("mapped read-write", change); });
    say(Inv::own_vmemmap_is_writable, m.truth(*e.vpage != own.start || e.pte.writable()),
        [=](const auto&) { return Found("mapped read-only", change); });
    say(Inv::optimised_folio_keeps_one_page, m.maps(*e.vpage, e.pte.pfn()), [=](const auto& now) {
        return Found("it maps " + say_frame(now.translate(*e.vpage).pfn()) + " until now", change);
    });
}

template <class B, class View, class Say>
void judge_set_pte(const View& m, const Event& e, Say&& say) {
    if (!e.is_live()) return;
    const Vpage v = *e.vpage;
    const auto own = m.subject_of(v);
    if (!own)
        return say(Inv::only_the_folios_own_vmemmap_changes, m.truth(false),
                   [v](const auto&) { return say_page(v) + " belongs to no folio of the operation"; });
    const Wrong change{.is_change = true};
    if (m.populates()) return;
    if (m.was_populated_optimised(*own)) return judge_boot_pte<B>(m, e, *own, say);
    say(Inv::walk_holds_the_mmap_lock, m.truth(m.is_locked(Lock::mmap_read)),
        [=](const auto&) { return Found("the lock is not held", change); });
    say(Inv::self_hosted_vmemmap_is_never_optimised, !m.is_self_hosted(v),
        [=](const auto&) { return Found("its frame is self-hosted", change); });
    say(Inv::contents_are_ordered_before_the_pte, !m.is_unordered(e.pte.pfn()),
        [=, p = e.pte.pfn()](const auto&) {
            return Found("stores to " + say_frame(p) + " are not ordered yet", change);
        });
    if (m.config().break_before_make && e.pte.present())
        say(Inv::no_valid_to_valid_change_without_break_before_make, !m.maps_another(v, e.pte.pfn()),
            [=](const auto& now) {
                return Found("it maps " + say_frame(now.translate(v).pfn()) + " until now", change);
            });
    if (m.shares_tails()) return judge_shared_pte<B>(m, e, *own, say);
    say(Inv::no_remap_without_a_grace_period, !m.walker_may_write(v), [v](const auto& now) {
        const auto is_there = [&](const Walker& w) { return may_write_to(now, w, v); };
        return "a walker is about to write to the struct page of " +
               say_frame(std::ranges::find_if(now.walkers, is_there)->page);
    });
    const B shared = v == own->start ? m.truth(false) : m.maps(own->start, e.pte.pfn());
    const B writable = m.truth(e.pte.writable());
    say(Inv::tail_vmemmap_is_read_only, !shared || !writable,
        [=](const auto&) { return Found("mapped read-write", change); });
    say(Inv::own_vmemmap_is_writable, shared || writable,
        [=](const auto&) { return Found("mapped read-only", change); });
}

template <class B, class View, class Say>
void judge_store(const View& m, const Event& e, Say&& say) {
    const Vpage v = *e.vpage;
    say(Inv::no_write_through_a_read_only_pte, m.is_writable(v),
        [](const auto&) { return Found("it is mapped read-only", {.way = Way::current_translation}); });
    m.for_each_stale(v, [&](const B& when, const auto&, const B& writable) {
        say(Inv::no_write_through_a_read_only_pte, !when || writable, [](const auto&) {
            return Found("a CPU may still have it mapped read-only", {.way = Way::stale_translation});
        });
    });
}

template <class B, class View, class Say>
void judge_optimised_flag(const View& m, Vpage head, Say&& say) {
    const auto now = m.frame_at(head);
    const B set = m.is_flagged(now);
    m.for_each_stale(head, [&](const B& when, const auto& f, const B&) {
        say(Inv::optimised_flag_reads_the_same_through_every_translation, !when || m.is_flagged(f) == set,
            [now, f](const auto& machine) {
                return std::string("it is ") + (machine.read(now).optimised ? "set" : "clear") + " in " +
                       say_frame(machine, now) + ", not in " + say_frame(machine, f);
            });
    });
}

// The fake-head rule is off once the key is 0: no tail of any folio may need it.
template <class B, class View, class Say>
void judge_compound_heads(const View& m, Say&& say) {
    const B off = m.is_key_zero();
    if (m.is_never(off)) return;
    for (const OwnVmemmap& own : m.folios())
        for (Vpage v = own.start; v < own.end; ++v) {
            judge_reader(m, v, m.frame_at(v), Inv::compound_head_of_every_tail_is_its_head, off, say);
            m.for_each_stale(v, [&](const B& when, const auto& f, const B&) {
                judge_reader<B>(m, v, f, Inv::compound_head_holds_through_stale_translations, off && when,
                                say);
            });
        }
}

// After an event of the vmemmap: what a reader finds there now, and what one with an old translation does.
template <class B, class View, class Say>
void judge_vmemmap_after(const View& m, const Event& e, Say&& say) {
    if (e.kind == EventKind::set_pte_at && e.is_live())
        if (const auto own = m.subject_of(*e.vpage); own && !m.was_populated_optimised(*own)) {
            judge_reader(m, *e.vpage, m.frame(e.pte.pfn()), Inv::compound_head_of_every_tail_is_its_head,
                         m.truth(true), say);
            if (*e.vpage == own->start) judge_optimised_flag<B>(m, own->start, say);
        }
    if (e.kind == EventKind::store && e.store_to() == StoreTo::optimised_flag)
        judge_optimised_flag<B>(m, *e.vpage, say);
    if (e.kind == EventKind::static_branch) {
        say(Inv::static_key_counts_optimised_folios, m.is_key_natural(),
            [](const auto&) { return Found("the key fell below zero", {.way = Way::below_zero}); });
        judge_compound_heads<B>(m, say);
    }
}

// ---- the vmalloc range

template <class B, class View, class Say>
void judge_vmalloc_pte(const View& m, const Event& e, Say&& say) {
    const Vmap v = e.vmap;
    if (e.pte.present())
        return say(Inv::no_address_is_mapped_while_a_tlb_may_hold_another_translation, !m.is_stale(v),
                   [v](const auto& now) {
                       return "a CPU may still translate it to " +
                              say_frame(now.vmalloc().stale(v).pte.front().pfn());
                   });
    say(Inv::cache_is_flushed_before_an_address_is_unmapped, !m.is_cached(v),
        [](const auto&) { return "its cache lines were not flushed"; });
    say(Inv::vmalloc_area_is_empty_when_it_is_freed, m.truth(e.where != Fn::pcpu_destroy_chunk),
        [v](const auto& now) { return "it still maps " + say_frame(now.vmalloc().pte(v).pfn()); });
}

template <class B, class View, class Say>
void judge_get_areas(const View& m, const Event& e, Say&& say) {
    if (!e.ok) return;
    say(Inv::no_address_is_reserved_while_a_tlb_may_hold_its_translation, m.has_no_stale_in_use(),
        [](const auto& now) {
            return "a CPU may still translate " + say_vmalloc_page(*now.vmalloc().first_stale_in_use());
        });
}

template <class B, class View, class Say>
void judge_sleep(const View& m, Say&& say) {
    say(Inv::nothing_sleeps_under_a_spinlock, m.truth(!m.is_locked(Lock::spin)),
        [](const auto&) { return "the lock is held"; });
}

// ---- which rules an event is judged by

enum class JudgedBy : u8 {
    nothing,
    free,
    install,
    set_pte,
    store,
    tail_store,
    publish,
    warn,
    sleep,
    vmalloc_pte,
    get_areas
};

constexpr JudgedBy judged_by(EventKind k) {
    switch (k) {
    case EventKind::free_page:
    case EventKind::free_bootmem_page: return JudgedBy::free;
    case EventKind::pmd_populate_kernel: return JudgedBy::install;
    case EventKind::set_pte_at: return JudgedBy::set_pte;
    case EventKind::store: return JudgedBy::store;
    case EventKind::copy_page:
    case EventKind::reset_struct_pages:
    case EventKind::init_compound_tail: return JudgedBy::tail_store;
    case EventKind::cmpxchg_tail: return JudgedBy::publish;
    case EventKind::warn: return JudgedBy::warn;
    case EventKind::vmalloc_pte: return JudgedBy::vmalloc_pte;
    case EventKind::pcpu_get_vm_areas: return JudgedBy::get_areas;
    case EventKind::alloc_pages_node:
    case EventKind::pte_alloc_one_kernel:
    case EventKind::flush_tlb_vmalloc:
    case EventKind::pcpu_free_vm_areas:
    case EventKind::kzalloc: return JudgedBy::sleep;
    case EventKind::memblock_alloc: return JudgedBy::nothing;
    case EventKind::split_page:
    case EventKind::pte_free_kernel:
    case EventKind::smp_wmb:
    case EventKind::flush_tlb_kernel_range:
    case EventKind::flush_tlb_all:
    case EventKind::synchronize_rcu:
    case EventKind::static_branch:
    case EventKind::memmap_pages_add:
    case EventKind::memmap_boot_pages_add:
    case EventKind::lock:
    case EventKind::unlock:
    case EventKind::flush_cache_vmap:
    case EventKind::flush_cache_vunmap:
    case EventKind::kfree:
    case EventKind::memset_zero:
    case EventKind::set_page_tag:
    case EventKind::memblock_phys_free:
    case EventKind::update_fails: return JudgedBy::nothing;
    }
    return JudgedBy::nothing;
}

// Before an event. A view that has no vmemmap, or no vmalloc range, is not asked about it: it sees no such
// event.
template <class B, class View, class Say>
void judge_before(const View& m, const Event& e, Say&& say) {
    switch (judged_by(e.kind)) {
    case JudgedBy::free: return judge_free<B>(m, e, say);
    case JudgedBy::install:
        if constexpr (View::has_vmemmap) judge_install<B>(m, e, say);
        return;
    case JudgedBy::set_pte:
        if constexpr (View::has_vmemmap) judge_set_pte<B>(m, e, say);
        return;
    case JudgedBy::store:
        if constexpr (View::has_vmemmap) judge_store<B>(m, e, say);
        return;
    case JudgedBy::tail_store: return judge_tail_store<B>(m, e, say);
    case JudgedBy::publish:
        if constexpr (View::has_vmemmap) judge_publish<B>(m, e, say);
        return;
    case JudgedBy::warn:
        return say(Inv::no_kernel_warning, m.truth(false), [&e](const auto&) { return e.what; });
    case JudgedBy::vmalloc_pte:
        judge_sleep<B>(m, say);
        if constexpr (View::has_vmalloc) judge_vmalloc_pte<B>(m, e, say);
        return;
    case JudgedBy::get_areas:
        judge_sleep<B>(m, say);
        if constexpr (View::has_vmalloc) judge_get_areas<B>(m, e, say);
        return;
    case JudgedBy::sleep: return judge_sleep<B>(m, say);
    case JudgedBy::nothing: return;
    }
}

template <class B, class View, class Say>
void judge_after(const View& m, const Event& e, Say&& say) {
    if constexpr (View::has_vmemmap) judge_vmemmap_after<B>(m, e, say);
}

} // namespace mmodel::spec
