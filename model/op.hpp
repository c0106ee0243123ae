// SPDX-License-Identifier: GPL-2.0 OR MIT
// An operation is plain data: what is done, to which folio, and which of its allocations fail. RapidCheck
// generates it, libFuzzer decodes it from bytes, a text trace holds it, a shrinker cuts it down.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "model/machine/types.hpp"

namespace mmodel {

// Opcodes are part of the fuzz byte format: never renumbered, never reused.
enum class OpKind : u8 {
    alloc_folio = 1,     // take a folio from `from` on node `nid`, freeze it, mark it hugetlb
    free_folio = 2,      // restore it if optimised, then give it back to where it came from
    optimise = 3,        // hugetlb_vmemmap_optimize_folio()
    restore = 4,         // hugetlb_vmemmap_restore_folio()
    optimise_list = 5,   // hugetlb_vmemmap_optimize_folios(), slots of `folios` in ascending order
    restore_list = 6,    // hugetlb_vmemmap_restore_folios()
    sysctl = 7,          // vm.hugetlb_optimize_vmemmap = `on`
    alloc_lru = 8,       // take the folio's memory as ordinary pages in use (refcount 1 each)
    free_lru = 9,        // give those back
    walker_enter = 10,   // a speculative PFN walker looks at page `page` of folio slot `folio` inside RCU
    walker_try_get = 11, // it tries to take a reference (page_ref_add_unless)
    walker_leave = 12,   // it leaves its RCU read section
    hot_add = 13,        // add a memory block to node `nid`; `on`: memmap_on_memory (self-hosted vmemmap)
    take_pages = 14,     // memory pressure: all but `page` order-0 frames of node `nid` are taken
    give_pages = 15,     // ... and given back
};

enum class From : u8 { buddy = 0, boot = 1, hot = 2 };

inline constexpr std::size_t max_folios = 16; // folio slots a world has; a list is a mask of them
inline constexpr std::size_t max_walkers = 4;
inline constexpr std::size_t max_faults = 2; // allocations of one operation that can be told to fail
inline constexpr u16 no_fault = 0xffff;

// Which allocations of the operation fail, by their order in it (0 = the first). Unused entries are no_fault;
// ascending.
struct Faults {
    std::array<u16, max_faults> nth{no_fault, no_fault};

    auto operator<=>(const Faults&) const = default;
    [[nodiscard]] constexpr bool has(u64 n) const { return n == nth[0] || n == nth[1]; }
    [[nodiscard]] constexpr bool any() const { return nth[0] != no_fault; }
};

// Fields an operation does not use are zero, so that == on operations is == on what they mean (see
// canonical()).
struct Op {
    OpKind kind{OpKind::optimise};
    u8 folio{};  // folio slot
    u8 size{};   // alloc_*: index into the geometry's huge page sizes
    From from{}; // alloc_folio
    u8 nid{};
    bool on{};
    u8 walker{};
    u16 folios{}; // *_list: mask of folio slots
    u32 page{};   // walker_enter: page of the folio; take_pages: frames left
    Faults fail{};

    auto operator<=>(const Op&) const = default;
};

// The fields an operation may use; the printer, the parser, the byte decoder and the shrinker all go by
// fields_of().
enum Field : u16 {
    f_folio = 1,
    f_size = 2,
    f_from = 4,
    f_nid = 8,
    f_on = 16,
    f_walker = 32,
    f_folios = 64,
    f_page = 128,
    f_fail = 256
};

constexpr u16 fields_of(OpKind k) {
    switch (k) {
    case OpKind::alloc_folio: return f_folio | f_size | f_from | f_nid | f_fail;
    case OpKind::free_folio: return f_folio | f_fail;
    case OpKind::optimise: return f_folio | f_fail;
    case OpKind::restore: return f_folio | f_fail;
    case OpKind::optimise_list: return f_folios | f_fail;
    case OpKind::restore_list: return f_folios | f_fail;
    case OpKind::sysctl: return f_on;
    case OpKind::alloc_lru: return f_folio | f_size | f_nid | f_fail;
    case OpKind::free_lru: return f_folio;
    case OpKind::walker_enter: return f_walker | f_folio | f_page;
    case OpKind::walker_try_get: return f_walker;
    case OpKind::walker_leave: return f_walker;
    case OpKind::hot_add: return f_nid | f_on | f_fail;
    case OpKind::take_pages: return f_nid | f_page;
    case OpKind::give_pages: return f_nid;
    }
    return 0;
}

inline constexpr std::array all_op_kinds{OpKind::alloc_folio,  OpKind::free_folio,     OpKind::optimise,
                                         OpKind::restore,      OpKind::optimise_list,  OpKind::restore_list,
                                         OpKind::sysctl,       OpKind::alloc_lru,      OpKind::free_lru,
                                         OpKind::walker_enter, OpKind::walker_try_get, OpKind::walker_leave,
                                         OpKind::hot_add,      OpKind::take_pages,     OpKind::give_pages};

// The word that starts the operation's line in a text trace: "optimise", "walker_enter", ...
[[nodiscard]] std::string_view name(OpKind k);

// The same operation with every unused field zeroed and faults sorted, without repeats.
[[nodiscard]] Op canonical(Op op);

} // namespace mmodel
