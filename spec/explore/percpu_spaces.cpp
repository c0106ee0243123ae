// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/explore/spaces.hpp"

#include <algorithm>

namespace mmodel::explore {
namespace {

// ---- percpu, on two CPUs of one node

// Units of so many pages; the first chunk holds static data and a few bytes.
Op percpu_boot(u32 pages) {
    return {.kind = OpKind::pcpu_boot, .to = 256 * (pages - 1), .bytes = 100, .align = 256};
}

Space percpu_space(std::string name, std::string sentence, u32 unit_pages) {
    Space s{.name = std::move(name), .sentence = std::move(sentence)};
    s.config = config_of("tiny memory=16K vmalloc=4K cpus=0*2");
    s.boot = {percpu_boot(unit_pages)};
    s.pool = {{Pfn{32}, Pfn{64}}};
    s.pairs = true;
    return s;
}

// Chunks that only percpu-vm knows: every run of pages populated and depopulated.
void chunks(Space& s, u8 nr, u32 pages) {
    for (u8 i = 0; i < nr; ++i) {
        for (const OpKind kind : {OpKind::vm_create, OpKind::vm_destroy, OpKind::vm_should_reclaim})
            s.alphabet.push_back({.kind = kind, .folio = i});
        for (u32 from = 0; from < pages; ++from)
            for (u32 to = from + 1; to <= pages; ++to)
                for (const OpKind kind : {OpKind::vm_populate, OpKind::vm_depopulate})
                    s.alphabet.push_back({.kind = kind, .folio = i, .page = from, .to = to});
    }
}

// A chunk's units lie one behind the other, the first chunk's at the end of the range.
Space two_chunks(bool all_pages) {
    Space s = percpu_space(all_pages ? "percpu-vm-two-all" : "percpu-vm-two",
                           "two chunks of three pages, every run populated and depopulated", 3);
    chunks(s, 2, 3);
    if (all_pages)
        track(s, true, {4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
    else
        track(s, true, {4, 10, 11, 13});
    return s;
}

// Taken by who may sleep and by who may not.
void area(Space& s, u8 slot, u32 bytes) {
    for (const bool atomic : {false, true})
        s.alphabet.push_back(
            {.kind = OpKind::pcpu_alloc, .folio = slot, .on = atomic, .bytes = bytes, .align = 4});
    s.alphabet.push_back({.kind = OpKind::pcpu_free, .folio = slot});
}

// The allocator: areas of a page and of a unit, taken by who may sleep and by who may not; the worker.
Space allocator(bool all_pages) {
    Space s = percpu_space(all_pages ? "percpu-all" : "percpu",
                           "two areas, taken asleep or not, the balance worker", 2);
    s.alphabet.push_back({.kind = OpKind::pcpu_balance});
    for (u8 i = 0; i < 2; ++i) area(s, i, i ? 512 : 256);
    if (all_pages)
        track(s, true, {8, 9, 10, 11, 12, 13, 14, 15});
    else
        track(s, true, {12, 14});
    return s;
}

Op take(u8 area, u32 bytes, u32 align) {
    return {.kind = OpKind::pcpu_alloc, .folio = area, .bytes = bytes, .align = align};
}

// Areas stay in every chunk but one, so that chunks are not free as a whole: what is free of them is
// reclaimed.
Space reclaim() {
    Space s = percpu_space("percpu-reclaim", "chunks that cannot be destroyed, reclaimed page by page", 3);
    s.config = config_of("tiny memory=16K vmalloc=7K cpus=0*2");
    s.pairs = false;
    const Op balance{.kind = OpKind::pcpu_balance};
    const Op take_half = take(0, 494, 16), take_page = take(1, 112, 256);
    Op atomic = take(4, 15, 4);
    atomic.on = true;
    s.boot = {{.kind = OpKind::pcpu_boot, .on = true, .to = 256, .bytes = 398, .align = 1024},
              take(2, 130, 8),
              take_half,
              atomic,
              {.kind = OpKind::module_load, .folio = 3, .bytes = 68, .align = 32},
              take(5, 487, 256),
              take(6, 123, 128),
              balance};
    s.alphabet = {balance,
                  take_half,
                  {.kind = OpKind::pcpu_free, .folio = 0},
                  take_page,
                  {.kind = OpKind::pcpu_free, .folio = 1}};
    track(s, true, {16, 18});
    return s;
}

// What the small part of the allocator does, on two nodes.
Space reserved() {
    Space s = percpu_space("percpu-reserved", "a module's area, a CPU that comes and goes, lookups", 2);
    s.config = config_of("tiny nodes=2 memory=16K vmalloc=32K cpus=0,1*2");
    s.boot[0].page = 64;
    s.boot[0].align = 1024; // two units: one of node 0 is without a CPU
    s.pool = {{Pfn{40}, Pfn{64}}, {Pfn{104}, Pfn{128}}};
    s.alphabet = {{.kind = OpKind::module_load, .bytes = 16, .align = 8},
                  {.kind = OpKind::module_unload},
                  {.kind = OpKind::pcpu_alloc, .folio = 1, .bytes = 512, .align = 4},
                  {.kind = OpKind::pcpu_free, .folio = 1}};
    for (const bool on : {false, true})
        s.alphabet.push_back({.kind = OpKind::cpu_online, .nid = 1, .on = on});
    for (const u8 area : {0, 1})
        for (const u8 cpu : {0, 1})
            s.alphabet.push_back({.kind = OpKind::pcpu_lookup, .folio = area, .nid = cpu, .page = 3});
    track(s, true, {60, 61, 124, 126});
    return s;
}

// Both on one machine: they share the page allocator and nothing else.
Space both() {
    Space s = percpu_space("hvo-and-percpu-vm", "a small folio, and a chunk of two pages", 2);
    s.config = config_of("tiny nodes=2 memory=16K vmalloc=4K cpus=0*2");
    s.boot.push_back(alloc(0));
    s.pool = {{Pfn{0}, Pfn{16}}, {Pfn{80}, Pfn{96}}};
    one_by_one(s, 0);
    lists(s, {1});
    chunks(s, 1, 2);
    track(s, true, {12, 14});
    return s;
}

// The same with the allocator, when there is little memory. There is room for one chunk beside the first.
Space both_pressure() {
    Space s =
        percpu_space("hvo-and-percpu", "a small folio, an area, the balance worker, memory pressure", 2);
    s.config = config_of("tiny nodes=2 memory=16K vmalloc=2K cpus=0*2");
    s.pool = {{Pfn{0}, Pfn{16}}, {Pfn{80}, Pfn{96}}};
    comes_and_goes(s, 0);
    lists(s, {1});
    area(s, 0, 512);
    s.alphabet.push_back({.kind = OpKind::pcpu_balance});
    pressure(s, 3);
    track(s, true, {0, 2});
    return s;
}

// ---- spaces that spec/promela/link has in Promela, too: every single failure

Space link_percpu(std::string name, std::string sentence, u32 unit_pages, std::initializer_list<u64> pages) {
    Space s = percpu_space(std::move(name), std::move(sentence), unit_pages);
    s.pairs = false;
    s.pool = {{Pfn{32}, Pfn{42}}};
    chunks(s, 1, 2);
    std::erase_if(s.alphabet, [](const Op& op) { return op.kind == OpKind::vm_should_reclaim; });
    track(s, true, pages);
    return s;
}

} // namespace

std::vector<Space> percpu_spaces() {
    return {two_chunks(false), allocator(false), reclaim(), reserved(), both(), both_pressure()};
}

std::vector<Space> large_percpu_spaces() { return {allocator(true), two_chunks(true)}; }

std::vector<Space> link_percpu_spaces() {
    return {link_percpu("link-percpu", "a chunk of two pages: every run populated and depopulated", 2,
                        {12, 13, 14, 15}),
            link_percpu("link-percpu-wide", "the same of four pages: the units have tables of their own", 4,
                        {8, 9, 12, 13})};
}

} // namespace mmodel::explore
