// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/explore/spaces.hpp"

namespace mmodel::explore {

Op alloc(u8 folio, u8 size, From from) {
    return {.kind = OpKind::alloc_folio, .folio = folio, .size = size, .from = from};
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

void comes_and_goes(Space& s, u8 folio, u8 size, From from) {
    s.alphabet.push_back(alloc(folio, size, from));
    s.alphabet.push_back({.kind = OpKind::free_folio, .folio = folio});
    one_by_one(s, folio);
}

// So many frames of node 1 are left, until they are given back.
void pressure(Space& s, u32 left) {
    s.alphabet.push_back({.kind = OpKind::take_pages, .nid = 1, .page = left});
    s.alphabet.push_back({.kind = OpKind::give_pages, .nid = 1});
}

namespace {

constexpr u64 first_vpage = 4; // of the first folio: its head is frame 16

Space hvo_space(std::string name, std::string sentence, u64 nr_frames) {
    Space s{.name = std::move(name), .sentence = std::move(sentence)};
    s.config = config_of("tiny nodes=2 memory=16K");
    s.pool = {{Pfn{0}, Pfn{16}}, {Pfn{80}, Pfn{80 + nr_frames}}};
    s.pairs = true;
    return s;
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

// A walker looks at a tail of the folio in slot 0, whose memory may also be ordinary pages.
void watched(Space& s, u8 size = small) {
    s.alphabet.push_back({.kind = OpKind::alloc_lru, .size = size});
    s.alphabet.push_back({.kind = OpKind::free_lru});
    s.walkers = {{.folio = 0, .page = 4}};
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

} // namespace

std::vector<Space> hvo_spaces() {
    return {walker(),           walker_and_list(), gigantic_walker(), hotplug(),
            gigantic_hotplug(), boot_memory(),     hvo_pressure(),    gigantic_folio(),
            two_gigantic(),     two_sizes(),       three_folios(1)};
}

std::vector<Space> large_hvo_spaces() { return {three_folios(2), hotplug_behind_a_folio()}; }

std::vector<Space> link_hvo_spaces() {
    return {link_hvo("link-hvo", 1, {4, 5, 6, 7}), link_gigantic(), link_walker(),
            link_hvo("link-hvo-two-tlbs", 2, {4, 5, 6}), link_hvo("link-hvo-wide", 2, {4, 5, 6, 7})};
}

} // namespace mmodel::explore
