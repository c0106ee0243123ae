// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a page table entry says, what is known of a frame, and what a vmemmap page contains.
#pragma once

#include <array>
#include <bit>

#include "model/machine/types.hpp"

namespace mmodel {

// One PTE: a frame and a permission, or nothing.
struct Pte {
    u64 raw{}; // pfn << 2 | writable << 1 | present

    static constexpr Pte map(Pfn p, bool writable) { return Pte{p.value << 2 | u64{writable} << 1 | 1}; }
    [[nodiscard]] constexpr bool present() const { return raw & 1; }
    [[nodiscard]] constexpr bool writable() const { return raw & 2; }
    [[nodiscard]] constexpr Pfn pfn() const { return Pfn{raw >> 2}; }
    constexpr bool operator==(const Pte&) const = default;
};
inline u64 hash_of(const Pte& p) { return p.raw; }

// A PMD of the vmemmap: a leaf over ptrs_per_pte frames from pfn, a table in frame pfn, or nothing.
struct Pmd {
    enum class Kind : u8 { none, leaf, table } kind{Kind::none};
    Pfn pfn{};
    bool operator==(const Pmd&) const = default;
};

// A place in a PTE table: entry idx of the table in that frame.
struct PteRef {
    Pfn table{};
    u32 idx{};
};

// Who has a frame. `other` covers what needs no bookkeeping: free memory (the buddy knows), folios and their
// users.
// memblock: free, and the page allocator does not have it yet.
enum class Owner : u8 { other, vmemmap, page_table, detached, vmalloc, shared_tail, memblock };

struct Frame {
    Owner owner{Owner::other};
    bool released{}; // was boot memory, its reserved mark is gone: the buddy has had it since
    u32 nr_ptes{};   // entries of installed PTE tables that map it
    u32 nr_stale{};  // page-sized stale translations to it
    u64 installed{}; // page_table: 1 + index of the PMD it is installed in; 0: private
    bool operator==(const Frame&) const = default;
};
inline u64 hash_of(const Frame& f) {
    return fold(u64{f.nr_ptes} << 32 | f.nr_stale,
                f.installed << 8 | u64{f.released} << 4 | static_cast<u64>(f.owner));
}

// What a reader finds in one struct page of a vmemmap page. Values from meta on: the metadata of slot (value
// - meta).
namespace slot {
inline constexpr u8 tail = 0, head = 1, plain = 2, junk = 3, meta = 16;
}

// A vmemmap page's struct pages, slots 0..7 one by one and the rest as one. `fresh` is what initialisation
// leaves there for whoever has the described memory now; it is what almost every page holds, and it costs
// nothing to say.
struct Contents {
    enum class Kind : u8 { implicit, fresh, copy, junk, tails };
    static constexpr std::size_t nr_slots = 8;

    Kind kind{Kind::implicit}; // implicit: fresh where boot mapped the frame, junk in every other frame
    bool optimised{};          // copy: the folio's vmemmap-optimised flag, in the head's struct page
    u8 rest{};                 // copy: slots past the eighth
    std::array<u8, nr_slots> slots{}; // copy
    u64 subject{}; // fresh: the vmemmap page; copy: pfn of the head page of the folio it was copied from;
                   // tails: the order of the folios, any of them, whose tails these are
    bool operator==(const Contents&) const = default;

    static Contents fresh(Vpage v) { return Contents{.kind = Kind::fresh, .subject = v.value}; }
    static Contents junk() { return Contents{.kind = Kind::junk}; }
    static Contents tails(u8 order) { return Contents{.kind = Kind::tails, .subject = order}; }
};
inline u64 hash_of(const Contents& c) {
    return fold(std::bit_cast<u64>(c.slots),
                c.subject << 16 | u64{c.rest} << 8 | u64{c.optimised} << 4 | static_cast<u64>(c.kind));
}

// Translations of one vmemmap page that some CPU may still use although the page table says otherwise: every
// one that was valid since the last flush that covered it. More than fit: the oldest are forgotten (a
// sequence that gets there has long freed a frame under one of them).
struct StaleSet {
    static constexpr std::size_t capacity = 3;
    std::array<Pte, capacity> pte{}; // newest first, unused entries not present
    bool operator==(const StaleSet&) const = default;
};
inline u64 hash_of(const StaleSet& s) { return fold(s.pte[0].raw, fold(s.pte[1].raw, s.pte[2].raw)); }

// What a user of a page has left in its struct page to find himself again (page->private, page->index).
struct PageTag {
    u64 value{};
    bool operator==(const PageTag&) const = default;
};
inline u64 hash_of(const PageTag& t) { return t.value; }

// The page of tails that every optimised folio of an order in a zone shares (Linux 7.1).
struct SharedTail {
    u8 zone{}; // Machine::zone_of()
    u8 order{};
    Pfn pfn{};
    bool operator==(const SharedTail&) const = default;
};

struct Mark {
    u8 set{};
    bool operator==(const Mark&) const = default;
};
inline u64 hash_of(const Mark& m) { return m.set; }

} // namespace mmodel
