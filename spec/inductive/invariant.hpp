// SPDX-License-Identifier: GPL-2.0 OR MIT
// The inductive invariants, each a text that is read twice: as formulas over every state of a symbolic
// machine (the proof: prove.cpp), and as plain truth values over a real World (world_view.hpp; the explorer
// and the tests assert it in every state at rest). Stronger than what spec/ demands at rest: every conjunct
// is one that the proof of a step needs.
//
// A view answers in B, bool or z3::expr: only !, && and || are used on answers, and no answer decides which
// conjuncts there are. `say(name, holds)` is called for every one of them.
#pragma once

#include "model/machine/types.hpp"

namespace mmodel::symbolic {

// HVO at rest. The view has, beside the answers:
//   pmds() -> range of p, vpages() -> range of v, folios() -> range of k, frames() -> range of f,
//   folio_at(v) -> k or -1; start(k), end(k): its vmemmap pages, as v.
template <class B, class View, class Say>
void pmd_invariant(const View& w, Say&& say) {
    for (const u64 p : w.pmds()) {
        const B leaf = w.is_leaf(p);
        say("a PTE table is a page table of its own", leaf || w.has_table_of_its_own(p));
        say("what a leaf maps is as boot or hot-plug left it", !leaf || w.leaf_is_as_booted(p));
        say("self-hosted vmemmap is mapped by leaves", leaf || !w.is_self_hosted(p));
        say("the block behind a leaf that was split is split", leaf || w.is_block_split(p));
    }
}

template <class B, class View, class Say>
void vpage_invariant(const View& w, Say&& say) {
    for (const u64 v : w.vpages()) {
        const int k = w.folio_at(v);
        const B optimised = w.is_optimised(k);
        say("every vmemmap page maps a frame that is the vmemmap's", w.maps_vmemmap_frame(v));
        say("a page of nobody optimised is writable", optimised || w.is_writable(v));
        say("... alone in its frame", optimised || w.is_alone(v, v, v + 1));
        say("... and reads as initialisation leaves it, whoever has it next", optimised || w.is_settled(v));
        say("no walker may write to what is optimised", !optimised || !w.walker_may_write(v));
    }
}

template <class B, class View, class Say>
void folio_invariant(const View& w, Say&& say) {
    for (const int k : w.folios()) {
        const B optimised = w.is_optimised(k);
        const u64 start = w.start(k), end = w.end(k);
        say("only hugetlb folios are optimised", !optimised || w.is_hugetlb(k));
        say("an optimised folio's first page is writable", !optimised || w.is_writable(start));
        say("... shared with nobody else", !optimised || w.is_alone(start, start, end));
        say("... and is its head, flagged, otherwise as it was", !optimised || w.reads_flagged_head(k));
        for (u64 v = start; v < end; ++v)
            say("a folio's vmemmap is self-hosted from its first page or not at all",
                w.is_self_hosted(w.pmd_of(v)) == w.is_self_hosted(w.pmd_of(start)));
        for (u64 v = start; v < end; ++v)
            say("... its vmemmap is mapped by PTEs", !optimised || !w.is_leaf(w.pmd_of(v)));
        for (u64 v = start + 1; v < end; ++v) {
            say("... its tails map the head's frame", !optimised || w.is_same_frame(start, v));
            say("... read-only", !optimised || !w.is_writable(v));
        }
    }
}

template <class B, class View, class Say>
void frame_invariant(const View& w, Say&& say) {
    for (const u64 f : w.frames()) {
        say("the vmemmap's frames are those that it maps", w.is_vmemmap(f) == w.is_mapped(f));
        say("page tables are the tables that are installed", w.is_page_table(f) == w.is_installed(f));
        say("a reserved frame is the vmemmap's", !w.is_reserved(f) || w.is_vmemmap(f));
        say("no frame is nobody's", !w.is_detached(f));
    }
}

template <class B, class View, class Say>
void hvo_invariant(const View& w, Say&& say) {
    pmd_invariant<B>(w, say);
    vpage_invariant<B>(w, say);
    folio_invariant<B>(w, say);
    frame_invariant<B>(w, say);
    say("the static key counts optimised folios", w.key_counts_optimised());
    say("nr_memmap_pages is the truth", w.memmap_is_true());
    say("nr_memmap_boot_pages is the truth", w.memmap_boot_is_true());
    say("no TLB holds what the page table does not", w.has_no_stale());
    say("no lock is held", w.has_no_lock());
    say("no page table is installed nowhere", w.has_no_private_table());
    say("every store is ordered", w.has_no_unordered_store());
}

// Percpu chunks in the vmalloc range, at rest. The view has, beside the answers:
//   chunks() -> range of c (places where a chunk may be), cpus() -> range of u (possible CPUs), nr_pages(),
//   frames().
template <class B, class View, class Say>
void percpu_page_invariant(const View& w, Say&& say, u64 c, u64 u, u64 i) {
    const B mapped = w.is_mapped(c, u, i);
    const B live = w.is_live(c);
    say("a populated page is mapped on every possible CPU, another on none",
        mapped == (live && w.is_populated(c, i)));
    say("a mapped page is writable", !mapped || w.is_writable(c, u, i));
    say("... alone in its frame, which is the vmalloc range's", !mapped || w.is_alone(c, u, i));
    say("... its struct page names the chunk", !mapped || w.names_chunk(c, u, i));
    say("... its cache was flushed when it was mapped", !mapped || !w.is_unflushed(c, u, i));
    say("a page that is not mapped has nothing in a cache", mapped || w.is_uncached(c, u, i));
    say("a mapped page has a page table above it", !mapped || w.has_table(c, u, i));
    say("a TLB holds only translations of addresses given back", !w.is_stale(c, u, i) || w.is_lazy(c));
}

template <class B, class View, class Say>
void percpu_invariant(const View& w, Say&& say) {
    for (const u64 c : w.chunks()) {
        for (const u64 u : w.cpus())
            for (u64 i = 0; i < w.nr_pages(); ++i) {
                percpu_page_invariant<B>(w, say, c, u, i);
                say("who has a page has the array of pages", !w.is_mapped(c, u, i) || w.has_array());
            }
        say("a chunk's addresses are reserved, and not given back", !w.is_live(c) || w.is_reserved(c));
        say("addresses are reserved for a chunk", w.is_live(c) || !w.is_reserved(c));
    }
    for (const u64 f : w.frames()) {
        say("the vmalloc range's frames are those that it maps", w.is_vmalloc(f) == w.is_mapped_somewhere(f));
        say("no frame is nobody's", !w.is_detached(f));
    }
    say("units without a CPU are not mapped", w.has_no_surplus());
    say("pcpu_nr_populated is the truth", w.populated_is_true());
    say("every object is a chunk's, or the array of pages", w.objects_are_true());
    say("no lock is held", w.has_no_lock());
}

} // namespace mmodel::symbolic
