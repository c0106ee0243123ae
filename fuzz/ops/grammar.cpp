// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/ops/grammar.hpp"

#include <array>

namespace mmodel {

OpWords words_of(OpKind k) {
    switch (k) {
    case OpKind::alloc_folio:
        return {"Takes the memory of a folio, freezes its refcount and makes it hugetlb.",
                "alloc_folio folio=1 size=1G from=boot nid=1 fail=0"};
    case OpKind::free_folio:
        return {"Restores the folio if it is optimised, then gives it back to where it came from.",
                "free_folio folio=1 fail=0 update_fail=1 frames=70000,70001"};
    case OpKind::optimise:
        return {"hugetlb_vmemmap_optimize_folio(): frees the vmemmap pages of the folio's tails.",
                "optimise folio=1 fail=0,2 update_fail=0 frames=70000,70001"};
    case OpKind::restore:
        return {"hugetlb_vmemmap_restore_folio(): gives the folio vmemmap pages of its own again.",
                "restore folio=1 fail=3 update_fail=0,1 frames=70000,70001"};
    case OpKind::optimise_list:
        return {"hugetlb_vmemmap_optimize_folios() of several folios, lowest slot first.",
                "optimise_list folios=0,1,5 fail=4 update_fail=0 frames=70000,70001"};
    case OpKind::restore_list:
        return {"hugetlb_vmemmap_restore_folios() of several folios, lowest slot first.",
                "restore_list folios=0,1,5 fail=4 update_fail=0 frames=70000,70001"};
    case OpKind::sysctl: return {"Sets vm.hugetlb_optimize_vmemmap.", "sysctl on=0"};
    case OpKind::alloc_lru:
        return {"Takes a folio's memory as ordinary pages in use instead, with a refcount of 1 each.",
                "alloc_lru folio=2 size=2M nid=1 fail=0"};
    case OpKind::free_lru: return {"Gives back what alloc_lru took from this slot.", "free_lru folio=2"};
    case OpKind::walker_enter:
        return {"A speculative PFN walker enters an RCU read section and looks at the struct page of a page "
                "of the folio.",
                "walker_enter walker=0 folio=1 page=3"};
    case OpKind::walker_try_get:
        return {"The walker tries to take a reference there: page_ref_add_unless().",
                "walker_try_get walker=0"};
    case OpKind::walker_leave: return {"The walker leaves its RCU read section.", "walker_leave walker=0"};
    case OpKind::hot_add:
        return {"Adds a block of memory to a node; on=1: its vmemmap lies in the block (memmap_on_memory).",
                "hot_add nid=1 on=1 fail=0"};
    case OpKind::take_pages:
        return {"Memory pressure: takes all order-0 frames of a node but some.", "take_pages nid=1 page=6"};
    case OpKind::give_pages: return {"Gives back what take_pages took.", "give_pages nid=1"};
    case OpKind::boot_folio:
        return {"Before the page allocator is up: sets aside a gigantic folio (boot= of the geometry) whose "
                "vmemmap is not there yet, calls hugetlb_vmemmap_init_early(), and populates what that left.",
                "boot_folio folio=0 nid=1 fail=1"};
    case OpKind::boot_late:
        return {"Zones are known: hugetlb_vmemmap_init_late(). Of those that span two zones the memory is "
                "given back.",
                "boot_late folios=1 fail=0"};
    case OpKind::boot_up:
        return {"The page allocator is up: hugetlb_vmemmap_optimize_bootmem_folios().",
                "boot_up folios=0,1 fail=2 update_fail=0 frames=70000,70001"};
    case OpKind::pcpu_boot:
        return {"Sets up the first percpu chunk. Before it, the other percpu operations are disabled.",
                "pcpu_boot static=184K reserved=8K dyn=28K atom=2M paged=0 fail=0"};
    case OpKind::pcpu_alloc:
        return {"__alloc_percpu_gfp().",
                "pcpu_alloc area=0 bytes=32K align=8 atomic=1 fail=5 frames=70000,70001"};
    case OpKind::pcpu_free: return {"free_percpu().", "pcpu_free area=0 again=1"};
    case OpKind::pcpu_balance:
        return {"The balance worker, if it was scheduled.", "pcpu_balance fail=1 frames=70000,70001"};
    case OpKind::module_load:
        return {"A module's percpu data, from the reserved chunk: __alloc_reserved_percpu().",
                "module_load area=1 bytes=64 align=8 fail=0 frames=70000,70001"};
    case OpKind::module_unload: return {"Frees a module's percpu data.", "module_unload area=1"};
    case OpKind::cpu_online: return {"A possible CPU comes online, or goes.", "cpu_online cpu=1 on=1"};
    case OpKind::pcpu_lookup:
        return {"per_cpu_ptr_to_phys() of a byte of the area on a CPU.",
                "pcpu_lookup area=0 cpu=1 page=5000"};
    case OpKind::vm_create:
        return {"pcpu_create_chunk(): a chunk that only mm/percpu-vm.c knows, in no list of mm/percpu.c.",
                "vm_create chunk=0 fail=1"};
    case OpKind::vm_populate:
        return {"pcpu_populate_chunk() of its pages from page= up to to=.",
                "vm_populate chunk=0 page=1 to=6 fail=3 frames=70000,70001"};
    case OpKind::vm_depopulate:
        return {"pcpu_depopulate_chunk() of its pages, then pcpu_post_unmap_tlb_flush().",
                "vm_depopulate chunk=0 page=1 to=6"};
    case OpKind::vm_destroy:
        return {"Depopulates what is populated, without a flush, then pcpu_destroy_chunk().",
                "vm_destroy chunk=0"};
    case OpKind::vm_should_reclaim: return {"pcpu_should_reclaim_chunk().", "vm_should_reclaim chunk=0"};
    }
    return {};
}

FieldWords words_of(Field f) {
    switch (f) {
    case f_folio: return {"N", "Folio slot, 0 to 15: what later operations know the folio by."};
    case f_size: return {"SIZE", "A huge page size of the geometry; if left out, the smallest."};
    case f_from:
        return {"buddy|boot|hot",
                "Where the memory comes from: the page allocator, what boot= of the geometry "
                "set aside, a hot-added block; if left out, buddy."};
    case f_nid: return {"N", "NUMA node, from 0."};
    case f_on: return {"0|1", "Whether it is on, or comes online."};
    case f_walker: return {"N", "Walker, 0 to 3."};
    case f_folios: return {"N,N...", "Folio slots."};
    case f_page:
        return {"N", "walker_enter: page of the folio. take_pages: how many frames are left. vm_populate, "
                     "vm_depopulate: the first page. pcpu_lookup: byte of the area."};
    case f_fail:
        return {"N[,N]",
                "Which of the operation's allocations fail, in the order in which it makes them, the "
                "first is 0; one or two."};
    case f_update_fail:
        return {"N[,N]", "Which of its updates of PTEs and PMDs fail, where a design's may (later than 7.3); "
                         "one or two."};
    case f_frames:
        return {"N[,N]...",
                "Which frames the page allocator gives for the pages and page tables that it asks for, "
                "in order; of what is not free, and after the last, it chooses itself."};
    case f_area: return {"N", "Area slot, 0 to 63: what later operations know the area by."};
    case f_chunk: return {"N", "Chunk slot, 0 to 7: what later operations know the chunk by."};
    case f_cpu: return {"N", "Number of a CPU, from 0."};
    case f_atomic: return {"0|1", "1: the caller may not sleep."};
    case f_again: return {"0|1", "1: of the address that was freed last from this slot, once more."};
    case f_bytes: return {"SIZE", "Size of the area."};
    case f_align: return {"SIZE", "Its alignment."};
    case f_to: return {"N", "The page behind the last."};
    case f_static: return {"SIZE", "The kernel's static percpu data."};
    case f_reserved: return {"SIZE", "What is reserved for modules."};
    case f_dyn: return {"SIZE", "Room for dynamic areas in the first chunk."};
    case f_atom: return {"SIZE", "Atom size: what units are aligned to."};
    case f_paged: return {"0|1", "1: pcpu_page_first_chunk(); if left out, pcpu_embed_first_chunk()."};
    }
    return {};
}

std::span<const GeometryKey> geometry_keys() {
    static constexpr std::array keys{
        GeometryKey{"nodes", "N", "NUMA nodes, 1 to 4.", "2"},
        GeometryKey{"memory", "SIZE", "Memory of each node.", "8G"},
        GeometryKey{"boot", "N", "Gigantic folios that each node sets aside at boot, for from=boot.", "1"},
        GeometryKey{"block", "SIZE", "A block of memory that hot_add adds, for from=hot; 0: none.", "256M"},
        GeometryKey{"bbm", "0|1", "1: the architecture wants break-before-make.", "1"},
        GeometryKey{"highmem", "SIZE", "The top of each node that only __GFP_HIGHMEM may have.", "512M"},
        GeometryKey{"vmalloc", "SIZE", "The vmalloc range.", "64M"},
        GeometryKey{
            "cpus", "NODE[*N],...",
            "The node of each CPU, *N for N of them, - for one that is not possible; if left out, two "
            "a node. A node past nodes= has no memory.",
            "0*2,1,-"},
        GeometryKey{"distance", "N,N...",
                    "node_distance(), row by row; if left out, 10 within and 20 across.", "10,30,30,10"},
    };
    return keys;
}

} // namespace mmodel
