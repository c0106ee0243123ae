// SPDX-License-Identifier: GPL-2.0 OR MIT
// An operation is plain data: what is done, to which folio, and which of its allocations fail. RapidCheck
// generates it, libFuzzer decodes it from bytes, a text trace holds it, a shrinker cuts it down.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "model/machine/faults.hpp"

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
    // The percpu allocator (mm/percpu.c). Areas are named by area slots.
    pcpu_boot = 16,     // set up the first chunk; before it, percpu operations are disabled
    pcpu_alloc = 17,    // __alloc_percpu_gfp(); `on`: atomic
    pcpu_free = 18,     // free_percpu(); `on`: of the address that was freed last from this slot, once more
    pcpu_balance = 19,  // the balance worker, if it was scheduled
    module_load = 20,   // percpu_modalloc(): __alloc_reserved_percpu()
    module_unload = 21, // percpu_modfree()
    cpu_online = 22,    // a possible CPU comes online (`on`) or goes
    pcpu_lookup = 23,   // per_cpu_ptr_to_phys() of byte `page` of the area on CPU `cpu`
    // Chunks that only percpu-vm knows (mm/percpu-vm.c), each call as percpu.c makes it. Named by chunk
    // slots.
    vm_create = 24,         // pcpu_create_chunk()
    vm_populate = 25,       // pcpu_populate_chunk() of pages [page, to)
    vm_depopulate = 26,     // pcpu_depopulate_chunk(), then pcpu_post_unmap_tlb_flush()
    vm_destroy = 27,        // depopulates what is populated, without a flush, then pcpu_destroy_chunk()
    vm_should_reclaim = 28, // pcpu_should_reclaim_chunk()
};

enum class From : u8 { buddy = 0, boot = 1, hot = 2 };

inline constexpr std::size_t max_folios = 16; // folio slots a world has; a list is a mask of them
inline constexpr std::size_t max_walkers = 4;
inline constexpr std::size_t max_areas = 64; // area slots
inline constexpr std::size_t max_chunks = 8; // chunk slots, for chunks that no list holds

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
    u32 page{};   // walker_enter: page of the folio; take_pages: frames left; vm_*: first page; lookup: byte
    u32 to{};     // vm_*: end page
    u32 bytes{};  // pcpu_alloc, module_load
    u32 align{};  // ... bytes
    Faults fail{};

    auto operator<=>(const Op&) const = default;
};

// The fields an operation may use; the printer, the parser, the byte decoder and the shrinker all go by
// fields_of().
enum Field : u32 {
    f_folio = 1,
    f_size = 2,
    f_from = 4,
    f_nid = 8,
    f_on = 16,
    f_walker = 32,
    f_folios = 64,
    f_page = 128,
    f_fail = 256,
    f_area = 512,    // held in `folio`
    f_chunk = 1024,  // held in `folio`
    f_cpu = 2048,    // held in `nid`
    f_atomic = 4096, // held in `on`
    f_again = 8192,  // held in `on`
    f_bytes = 1 << 14,
    f_align = 1 << 15,
    f_to = 1 << 16,
    f_static = 1 << 17,   // pcpu_boot: bytes of static percpu data; held in `bytes`
    f_reserved = 1 << 18, // pcpu_boot: bytes reserved for modules; held in `page`
    f_dyn = 1 << 19,      // pcpu_boot: bytes for dynamic areas in the first chunk; held in `to`
    f_atom = 1 << 20,     // pcpu_boot: atom size, bytes; held in `align`
    f_paged = 1 << 21     // pcpu_boot: pcpu_page_first_chunk() instead of the embedding one; held in `on`
};

constexpr u32 fields_of(OpKind k) {
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
    case OpKind::pcpu_boot: return f_static | f_reserved | f_dyn | f_atom | f_paged | f_fail;
    case OpKind::pcpu_alloc: return f_area | f_bytes | f_align | f_atomic | f_fail;
    case OpKind::pcpu_free: return f_area | f_again;
    case OpKind::pcpu_balance: return f_fail;
    case OpKind::module_load: return f_area | f_bytes | f_align | f_fail;
    case OpKind::module_unload: return f_area;
    case OpKind::cpu_online: return f_cpu | f_on;
    case OpKind::pcpu_lookup: return f_area | f_cpu | f_page;
    case OpKind::vm_create: return f_chunk | f_fail;
    case OpKind::vm_populate: return f_chunk | f_page | f_to | f_fail;
    case OpKind::vm_depopulate: return f_chunk | f_page | f_to;
    case OpKind::vm_destroy: return f_chunk;
    case OpKind::vm_should_reclaim: return f_chunk;
    }
    return 0;
}

inline constexpr std::array all_op_kinds{
    OpKind::alloc_folio,   OpKind::free_folio,    OpKind::optimise,       OpKind::restore,
    OpKind::optimise_list, OpKind::restore_list,  OpKind::sysctl,         OpKind::alloc_lru,
    OpKind::free_lru,      OpKind::walker_enter,  OpKind::walker_try_get, OpKind::walker_leave,
    OpKind::hot_add,       OpKind::take_pages,    OpKind::give_pages,     OpKind::pcpu_boot,
    OpKind::pcpu_alloc,    OpKind::pcpu_free,     OpKind::pcpu_balance,   OpKind::module_load,
    OpKind::module_unload, OpKind::cpu_online,    OpKind::pcpu_lookup,    OpKind::vm_create,
    OpKind::vm_populate,   OpKind::vm_depopulate, OpKind::vm_destroy,     OpKind::vm_should_reclaim};

// Operations of the percpu allocator and of percpu-vm's chunks; the others are HVO's, or the machine's.
constexpr bool is_percpu(OpKind k) { return k >= OpKind::pcpu_boot; }

// The word that starts the operation's line in a text trace: "optimise", "walker_enter", ...
[[nodiscard]] std::string_view name(OpKind k);

// The same operation with every unused field zeroed and faults sorted, without repeats.
[[nodiscard]] Op canonical(Op op);

} // namespace mmodel
