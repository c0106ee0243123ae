// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/explore/space.hpp"

#include <algorithm>
#include <cassert>

namespace mmodel::explore {
namespace {

Config config_of(std::string_view text) {
    const auto c = parse_config(text);
    assert(c);
    return *c;
}

void track(Space& s, bool vmalloc, std::initializer_list<u64> pages) {
    for (const u64 page : pages) s.pages.push_back({vmalloc, page});
}

// ---- HVO, on two nodes: folios take all memory of node 0, single frames come from node 1 and from behind
// the vmemmap. A small folio has two vmemmap pages, a gigantic one eight; a table has four.

constexpr u8 small = 0, gigantic = 1;
constexpr u64 first_vpage = 4; // of the first folio: its head is frame 16

Op alloc(u8 folio, u8 size = small, From from = From::buddy) {
    return {.kind = OpKind::alloc_folio, .folio = folio, .size = size, .from = from};
}

Space hvo_space(std::string name, std::string sentence, u64 nr_frames) {
    Space s{.name = std::move(name), .sentence = std::move(sentence)};
    s.config = config_of("tiny nodes=2 memory=16K");
    s.pool = {{Pfn{0}, Pfn{16}}, {Pfn{80}, Pfn{80 + nr_frames}}};
    s.pairs = true;
    return s;
}

void one_by_one(Space& s, u8 folio) {
    s.alphabet.push_back({.kind = OpKind::optimise, .folio = folio});
    s.alphabet.push_back({.kind = OpKind::restore, .folio = folio});
}

void lists(Space& s, std::initializer_list<u16> masks) {
    for (const u16 mask : masks)
        for (const OpKind kind : {OpKind::optimise_list, OpKind::restore_list})
            s.alphabet.push_back({.kind = kind, .folios = mask});
}

void sysctl(Space& s) {
    for (const bool on : {false, true}) s.alphabet.push_back({.kind = OpKind::sysctl, .on = on});
}

// Three small folios: the first two share a PMD, the third has the next one.
Space three_folios(u8 nr_tlbs) {
    Space s = hvo_space(nr_tlbs == 1 ? "hvo-three" : "hvo-three-tlbs",
                        "three small folios over two PMDs, one by one and in every list", 8);
    for (u8 i = 0; i < 3; ++i) s.boot.push_back(alloc(i));
    for (u8 i = 0; i < 3; ++i) one_by_one(s, i);
    lists(s, {3, 5, 6, 7});
    track(s, false, {4, 5, 6, 7, 8, 9});
    s.nr_tlbs = nr_tlbs;
    return s;
}

// The second PMD's split can fail when PTEs below the first have changed.
Space gigantic_folio() {
    Space s = hvo_space("hvo-gigantic", "a gigantic folio over two PMDs, the sysctl", 12);
    s.boot.push_back(alloc(0, gigantic));
    one_by_one(s, 0);
    lists(s, {1});
    sysctl(s);
    track(s, false, {8, 9, 10, 11, 12, 13, 14, 15});
    return s;
}

void comes_and_goes(Space& s, u8 folio, u8 size = small, From from = From::buddy) {
    s.alphabet.push_back(alloc(folio, size, from));
    s.alphabet.push_back({.kind = OpKind::free_folio, .folio = folio});
    one_by_one(s, folio);
}

// A walker looks at a tail of the folio in slot 0, whose memory may also be ordinary pages.
void watched(Space& s, u8 size = small) {
    s.alphabet.push_back({.kind = OpKind::alloc_lru, .size = size});
    s.alphabet.push_back({.kind = OpKind::free_lru});
    s.walkers = {{.folio = 0, .page = 4}};
}

// So many frames of node 1 are left, until they are given back.
void pressure(Space& s, u32 left) {
    s.alphabet.push_back({.kind = OpKind::take_pages, .nid = 1, .page = left});
    s.alphabet.push_back({.kind = OpKind::give_pages, .nid = 1});
}

void hot_adds(Space& s) {
    for (const bool self_hosted : {false, true})
        s.alphabet.push_back({.kind = OpKind::hot_add, .on = self_hosted});
}

// A folio's memory is given back and used as ordinary pages while a walker looks at it.
Space walker() {
    Space s = hvo_space("hvo-walker", "a small folio that comes and goes, a PFN walker", 4);
    s.alphabet = {alloc(0), {.kind = OpKind::free_folio}};
    watched(s);
    one_by_one(s, 0);
    lists(s, {1});
    sysctl(s);
    track(s, false, {first_vpage, first_vpage + 1});
    s.nr_tlbs = 2;
    return s;
}

// Memory that is added: its vmemmap lies in a block of the page allocator's, or in itself.
Space hotplug() {
    Space s = hvo_space("hvo-hotplug", "a small folio in memory that is added, self-hosted or not", 4);
    hot_adds(s);
    comes_and_goes(s, 0, small, From::hot);
    lists(s, {1});
    track(s, false, {32, 33, 34, 35});
    return s;
}

// Allocations that fail because memory has run out: of an operation all from some point on, of a list too.
Space hvo_pressure() {
    Space s = hvo_space("hvo-pressure", "two small folios that come and go, memory pressure", 4);
    for (const u8 i : {0, 1}) comes_and_goes(s, i);
    lists(s, {3});
    pressure(s, 1);
    track(s, false, {4, 5, 6, 7});
    return s;
}

// Here what the walker does is an operation, too: the rule that wants a grace period sees it.
Space gigantic_walker() {
    Space s = hvo_space("hvo-gigantic-walker", "a gigantic folio that comes and goes, PFN walkers", 12);
    comes_and_goes(s, 0, gigantic);
    watched(s, gigantic);
    s.alphabet.push_back({.kind = OpKind::walker_enter, .page = 4});
    s.alphabet.push_back({.kind = OpKind::walker_try_get});
    s.alphabet.push_back({.kind = OpKind::walker_leave});
    lists(s, {1});
    sysctl(s);
    track(s, false, {8, 9, 12, 15});
    return s;
}

// Memory from boot is neither the page allocator's at first, nor goes back to boot.
Space boot_memory() {
    Space s = hvo_space("hvo-boot", "a gigantic folio in memory from boot, the sysctl", 12);
    s.config = config_of("tiny nodes=2 memory=16K boot=1");
    comes_and_goes(s, 0, gigantic, From::boot);
    lists(s, {1});
    sysctl(s);
    track(s, false, {8, 9, 12, 15});
    return s;
}

// Frames from behind the vmemmap are told apart in these, and single frames come from node 1 alone: what an
// optimised gigantic folio gives back is room for a small one, or for the vmemmap of memory that is added.
Space two_sizes() {
    Space s = hvo_space("hvo-two-sizes", "a small and a gigantic folio that come and go, a PFN walker", 12);
    s.pool.erase(s.pool.begin());
    comes_and_goes(s, 0);
    comes_and_goes(s, 1, gigantic);
    watched(s);
    lists(s, {1, 2});
    track(s, false, {4, 5, 8, 12});
    return s;
}

Space two_gigantic() {
    Space s = hvo_space("hvo-two-gigantic", "two gigantic folios that come and go", 0);
    s.config = config_of("tiny nodes=2");
    s.pool = {{Pfn{192}, Pfn{212}}};
    for (const u8 i : {0, 1}) comes_and_goes(s, i, gigantic);
    lists(s, {3});
    track(s, false, {8, 15, 16, 23});
    return s;
}

Space gigantic_hotplug() {
    Space s = hvo_space("hvo-gigantic-hotplug", "a gigantic folio in memory that is added", 20);
    s.pool.erase(s.pool.begin());
    hot_adds(s);
    comes_and_goes(s, 0, gigantic, From::hot);
    lists(s, {1});
    track(s, false, {32, 33, 36, 39});
    return s;
}

// The vmemmap of memory that is added may lie where that of the first folio did.
Space hotplug_behind_a_folio() {
    Space s = gigantic_hotplug();
    s.name = "hvo-two-hotplug";
    s.sentence = "the same beside a gigantic folio that was there before";
    s.pairs = false;
    s.boot.push_back(alloc(1, gigantic));
    one_by_one(s, 1);
    lists(s, {3});
    s.pages.clear();
    return s;
}

// Of a list, the folio that needs a grace period is not the one that got it.
Space walker_and_list() {
    Space s = hvo_space("hvo-walker-list",
                        "a list of two small folios, one of which a PFN walker may have seen in use", 4);
    s.alphabet = {alloc(0),
                  alloc(1),
                  {.kind = OpKind::free_folio, .folio = 1},
                  {.kind = OpKind::alloc_lru, .folio = 1},
                  {.kind = OpKind::free_lru, .folio = 1}};
    one_by_one(s, 0);
    lists(s, {3});
    track(s, false, {4, 5, 6, 7});
    s.walkers = {{.folio = 1, .page = 4}};
    return s;
}

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

Space link_hvo(std::string name, u8 nr_tlbs, std::initializer_list<u64> pages) {
    Space s = hvo_space(std::move(name), "two small folios in one PMD, one by one and as a list", 4);
    s.pairs = false;
    for (u8 i = 0; i < 2; ++i) s.boot.push_back(alloc(i));
    for (u8 i = 0; i < 2; ++i) one_by_one(s, i);
    lists(s, {3});
    track(s, false, pages);
    s.nr_tlbs = nr_tlbs;
    return s;
}

Space link_gigantic() {
    Space s = gigantic_folio();
    s.name = "link-hvo-gigantic";
    s.sentence = "a gigantic folio over two PMDs: a split can fail when PTEs have changed";
    s.pairs = false;
    s.alphabet.resize(4); // without the sysctl
    s.pages.clear();
    s.pool[1].end = Pfn{84};
    track(s, false, {8, 12, 15});
    return s;
}

Space link_walker() {
    Space s = walker();
    s.name = "link-hvo-walker";
    s.pairs = false;
    s.alphabet.resize(8); // without the sysctl
    s.nr_tlbs = 1;
    return s;
}

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

namespace {

// Percpu sizes are in bits of 4 bytes: what was rounded to them is twice as many.
u32 twice(u32 bytes) { return 2 * ((bytes + 3) / 4 * 4); }

void double_sizes(Op& op) {
    const u32 fields = fields_of(op.kind);
    if (fields & (f_bytes | f_static)) op.bytes = twice(op.bytes);
    if (fields & (f_align | f_atom)) op.align *= 2;
    if (fields & f_dyn) op.to = twice(op.to);
    if (fields & f_reserved || op.kind == OpKind::pcpu_lookup) op.page *= 2;
}

// As many frames and pages; all sizes in bytes, pages included, are twice what they were.
Space percpu_on_tiny512(Space s) {
    s.config.geometry = config_of("tiny512").geometry;
    s.config.hot_block_frames *= 2;
    for (Op& op : s.boot) double_sizes(op);
    for (Op& op : s.alphabet) double_sizes(op);
    return s;
}

} // namespace

bool is_of_hvo(const Space& s) {
    const auto percpu = [](const Op& op) { return is_percpu(op.kind); };
    return std::ranges::none_of(s.boot, percpu) && std::ranges::none_of(s.alphabet, percpu);
}

bool is_of_percpu(const Space& s) {
    return std::ranges::all_of(s.alphabet, [](const Op& op) { return is_percpu(op.kind); });
}

// Nodes are four times as many frames, twice as many pages of vmemmap: the first folio, behind the node's own
// vmemmap, and with it all others, are then where they were, in pages of the vmemmap.
Space on_tiny512(Space s) {
    assert(s.config.geometry.arch == "tiny");
    if (is_of_percpu(s)) return percpu_on_tiny512(std::move(s));
    const Config from = s.config;
    Config to = config_of("tiny512");
    to.nr_nodes = from.nr_nodes;
    to.boot_gigantic = from.boot_gigantic;
    to.frames_per_node = 4 * from.frames_per_node;
    to.hot_block_frames = 2 * from.hot_block_frames;
    const u64 nr_pages = from.vmemmap_frames(from.frames_per_node); // of vmemmap, a node
    auto frame = [&](Pfn p) {
        const u64 node = p.value / from.frames_per_node, at = p.value % from.frames_per_node;
        return Pfn{node * to.frames_per_node + at + (at < nr_pages ? 0 : nr_pages)};
    };
    for (FrameRange& r : s.pool) r = {frame(r.start), frame(r.start) + (r.end.value - r.start.value)};
    for (Tracked& t : s.pages) { // memory from boot is a node's last, added memory lies behind all nodes
        const u64 node = std::min<u64>(t.page / nr_pages, from.nr_nodes);
        t.page += node * nr_pages + (from.boot_gigantic ? nr_pages : 0);
    }
    for (WalkerAt& w : s.walkers) w.page *= 2;
    for (Op& op : s.alphabet)
        if (op.kind == OpKind::walker_enter) op.page *= 2;
    s.config = to;
    return s;
}

std::vector<Space> link_spaces() {
    return {link_hvo("link-hvo", 1, {4, 5, 6, 7}),
            link_gigantic(),
            link_walker(),
            link_percpu("link-percpu", "a chunk of two pages: every run populated and depopulated", 2,
                        {12, 13, 14, 15}),
            link_percpu("link-percpu-wide", "the same of four pages: the units have tables of their own", 4,
                        {8, 9, 12, 13}),
            link_hvo("link-hvo-two-tlbs", 2, {4, 5, 6}),
            link_hvo("link-hvo-wide", 2, {4, 5, 6, 7})};
}

std::vector<Space> default_spaces() {
    return {walker(),        walker_and_list(), gigantic_walker(), hotplug(),      gigantic_hotplug(),
            boot_memory(),   hvo_pressure(),    gigantic_folio(),  two_gigantic(), two_sizes(),
            three_folios(1), two_chunks(false), allocator(false),  reclaim(),      reserved(),
            both(),          both_pressure()};
}

std::vector<Space> large_spaces() {
    return {three_folios(2), hotplug_behind_a_folio(), allocator(true), two_chunks(true)};
}

} // namespace mmodel::explore
