// SPDX-License-Identifier: GPL-2.0 OR MIT
// On tiny machines two small folios share a PMD of the vmemmap (slots 0 and 1, 2 and 3, ...), and a gigantic
// one has two PMDs. What the callers exclude is not here: two operations on one folio (mm/hugetlb.c takes it
// off its lists first), percpu-vm's calls without pcpu_alloc_mutex.
#include "spec/tasks/scenarios.hpp"

#include <cassert>

namespace mmodel::concurrent {
namespace {

using enum OpKind;
using Ops = std::vector<Op>;

Config config(std::string_view text) {
    const auto c = parse_config(text);
    assert(c);
    return *c;
}

Op small(u8 folio) { return {.kind = alloc_folio, .folio = folio}; }
Op gigantic(u8 folio) { return {.kind = alloc_folio, .folio = folio, .size = 1}; }
Op on(OpKind kind, u8 folio) { return {.kind = kind, .folio = folio}; }
Op list(OpKind kind, u16 folios) { return {.kind = kind, .folios = folios}; }
Op lru(u8 folio) { return {.kind = alloc_lru, .folio = folio}; }
Op walk(OpKind kind, u8 folio = 0, u32 page = 0) { return {.kind = kind, .folio = folio, .page = page}; }
Op area(u8 slot, u32 bytes, bool atomic = false, u32 align = 4) {
    return {.kind = pcpu_alloc, .folio = slot, .on = atomic, .bytes = bytes, .align = align};
}
Op give(u8 slot) { return {.kind = pcpu_free, .folio = slot}; }

// Appended to each other.
Ops operator+(Ops a, const Ops& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

void add_folios(std::vector<Scenario>& out) {
    const auto add = [&](std::string_view name, std::string_view sentence, Ops before, std::vector<Ops> tasks,
                         std::string_view geometry = "tiny") {
        out.push_back({name, sentence, {config(geometry), std::move(before), std::move(tasks), {}}});
    };
    add("two_splitters", "Two folios of one PMD are optimised: both find the leaf, one splits it.",
        {small(0), small(1)}, {{on(optimise, 0)}, {on(optimise, 1)}});
    add("three_optimisers", "Three small folios over two PMDs are optimised at once.",
        {small(0), small(1), small(2)}, {{on(optimise, 0)}, {on(optimise, 1)}, {on(optimise, 2)}});
    add("two_gigantic", "Two gigantic folios, two PMDs each, are optimised: a failed split rolls one back.",
        {gigantic(0), gigantic(1)}, {{on(optimise, 0)}, {on(optimise, 1)}});
    add("optimise_restore", "A folio is optimised while another one of its PMD is restored.",
        {small(0), small(1), on(optimise, 1)}, {{on(optimise, 0)}, {on(restore, 1)}});
    add("two_restores", "Two folios of one PMD are restored.",
        {small(0), small(1), on(optimise, 0), on(optimise, 1)}, {{on(restore, 0)}, {on(restore, 1)}});
    add("list_single", "A list is optimised while a folio that shares a PMD with its first is.",
        {small(0), small(1), small(2)}, {{list(optimise_list, 5)}, {on(optimise, 1)}});
    add("list_restore", "A list is restored while a folio that shares a PMD with its first is optimised.",
        {small(0), small(1), small(2), on(optimise, 0), on(optimise, 2)},
        {{list(restore_list, 5)}, {on(optimise, 1)}});
    add("two_lists", "Two lists, one optimised and one restored, take turns in two PMDs.",
        {small(0), small(1), small(2), small(3), list(optimise_list, 10)},
        {{list(optimise_list, 5)}, {list(restore_list, 10)}});
    add("free_optimise",
        "A folio is freed, which restores it, while its neighbour is optimised: frames change hands.",
        {small(0), small(1), on(optimise, 0)}, {{on(free_folio, 0)}, {on(optimise, 1)}});
    add("walker_single", "A PFN walker looks at a page while its memory becomes an optimised folio.",
        {lru(0)},
        {{on(free_lru, 0), small(0), on(optimise, 0)},
         {walk(walker_enter, 0, 5), walk(walker_try_get), walk(walker_leave)}});
    add("walker_list", "A PFN walker looks at a page while its memory becomes one of a list.",
        {small(1), lru(0)},
        {{on(free_lru, 0), small(0), list(optimise_list, 3)},
         {walk(walker_enter, 0, 5), walk(walker_try_get), walk(walker_leave)}});
    add("walker_two_optimisers",
        "A PFN walker looks at a page of a folio that is optimised beside its neighbour.", {small(1), lru(0)},
        {{on(free_lru, 0), small(0), on(optimise, 0)},
         {on(optimise, 1)},
         {walk(walker_enter, 0, 5), walk(walker_try_get), walk(walker_leave)}});
}

// Chunks of two pages on two CPUs. `full` leaves no room in the first chunk; each area of 512 bytes is a
// chunk.
void add_percpu(std::vector<Scenario>& out) {
    const Op full = area(0, 412), worker{.kind = pcpu_balance};
    const auto add = [&](std::string_view name, std::string_view sentence, const Ops& before,
                         std::vector<Ops> tasks) {
        out.push_back({name,
                       sentence,
                       {config("tiny cpus=0*2"),
                        Ops{{.kind = pcpu_boot, .to = 256, .bytes = 100, .align = 256}, full} + before,
                        std::move(tasks),
                        {}}});
    };
    add("populate_populate", "Two allocations need the same page of a chunk populated.", {area(1, 64)},
        {{area(2, 256)}, {area(3, 64)}});
    add("populate_atomic", "An atomic allocation looks for room while another one populates a page.",
        {area(1, 64)}, {{area(2, 256)}, {area(3, 64, true)}});
    add("two_chunks", "Two allocations find no room: each might create a chunk.", {},
        {{area(1, 512)}, {area(2, 64)}});
    add("alloc_free", "An area is freed while another one is allocated from the same page.",
        {area(1, 128), area(2, 64)}, {{area(3, 128)}, {give(1)}});
    add("free_free", "Two areas of one page are freed.", {area(1, 64), area(2, 64)}, {{give(1)}, {give(2)}});
    add("balance_atomic", "The balance worker populates while an atomic allocation takes what is there.",
        {area(1, 64)}, {{worker}, {area(2, 128, true)}});
    add("balance_alloc", "The balance worker and an allocation that may sleep need chunks.", {area(1, 512)},
        {{worker}, {area(2, 512)}});
    add("balance_free", "The balance worker takes stock while areas are freed.",
        {area(1, 512), area(2, 512), area(3, 64)}, {{worker}, {give(1), give(2)}});
    add("destroy_atomic", "The balance worker destroys a free chunk while an atomic allocation wants room.",
        {area(1, 512), area(2, 512), give(1), give(2)}, {{worker}, {area(3, 512, true), area(4, 512, true)}});
    // Six chunks, each with a page that is free and populated; the last to be freed waits to be reclaimed.
    Ops half_free, takers;
    for (u8 i = 1; i <= 12; ++i) half_free.push_back(area(i, 256));
    for (u8 i = 1; i <= 12; i += 2) half_free.push_back(give(i));
    for (u8 i = 13; i <= 18; ++i) takers.push_back(area(i, 256, true));
    add("reclaim_atomic",
        "The balance worker gives a free page back while atomic allocations take all there are.", half_free,
        {{worker}, takers});
}

} // namespace

const std::vector<Scenario>& scenarios() {
    static const std::vector<Scenario> all = [] {
        std::vector<Scenario> out;
        add_folios(out);
        add_percpu(out);
        for (Scenario& s : out) {
            for (Op& op : s.what.before) op = canonical(op);
            for (auto& ops : s.what.tasks)
                for (Op& op : ops) op = canonical(op);
        }
        return out;
    }();
    return all;
}

const Scenario* scenario_named(std::string_view name) {
    for (const Scenario& s : scenarios())
        if (s.name == name) return &s;
    return nullptr;
}

} // namespace mmodel::concurrent
