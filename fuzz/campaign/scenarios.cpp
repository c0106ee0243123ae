// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/campaign/scenarios.hpp"

#include <algorithm>

namespace mmodel::bench {
namespace {

constexpr u32 max_swept_whole = 64; // allocations, or updates, of an operation
constexpr u32 max_rolled_back = 10; // updates after one that fails, of a small folio

// Every position of few. Of a gigantic folio, whose every operation is long, the new head, the first PMD
// splits, some later, and the last. Of many percpu pages the first and the last (objects come first, page
// tables last) and some between.
u32 next_position(u32 a, u32 nr, bool gigantic) {
    if (gigantic) return a < 3 ? a + 1 : a + 1 < nr ? std::min(a * 16, nr - 1) : nr;
    constexpr u32 first = 7, last = 4;
    if (nr <= max_swept_whole || a < first || a + last >= nr) return a + 1;
    return std::min(a + nr / 4, nr - last);
}

Op alloc(u8 folio, u8 size, From from = From::buddy) {
    return {.kind = OpKind::alloc_folio, .folio = folio, .size = size, .from = from};
}
Op on(OpKind kind, u8 folio) { return {.kind = kind, .folio = folio}; }
Op list(OpKind kind, u16 folios) { return {.kind = kind, .folios = folios}; }
Op add_block(bool self_hosted) { return {.kind = OpKind::hot_add, .on = self_hosted}; }

// Memory that two nodes share.
std::string two_nodes(const Config& c) {
    const std::string half = print_bytes(c.frames_per_node / 2 * c.geometry.page_bytes);
    return std::string(c.geometry.arch) + " nodes=2 memory=" + half;
}

// Where updates may fail: a folio of which one PTE could not be remapped, and another not be restored.
std::vector<std::vector<Op>> partial_scenarios(const Geometry& g) {
    using enum OpKind;
    u8 size = 0;
    while (g.vmemmap_pages(g.folio_order[size]) < 8) ++size;
    const Op half{.kind = optimise, .update_fail = {{5, 6}}};
    return {{alloc(0, size), half, on(restore, 0)},
            {alloc(0, size), half, on(optimise, 0)},
            {alloc(0, size), half, list(restore_list, 1)},
            {alloc(0, size), alloc(1, size), half, list(optimise_list, 3)}};
}

// Before the page allocator is up: one folio; two, of which one is populated normally; one that spans two
// zones.
std::vector<std::vector<Op>> boot_scenarios() {
    using enum OpKind;
    const auto early = [](u8 folio) { return Op{.kind = boot_folio, .folio = folio}; };
    const Op plain{.kind = boot_folio, .fail = {{1, no_fault}}};
    const Op late_plain{.kind = boot_late, .fail = {{0, no_fault}}};
    const Op late{.kind = boot_late}, up = list(boot_up, 1), both = list(boot_up, 3);
    return {{early(0)},
            {early(0), late},
            {early(0), late, up},
            {early(0), late, up, on(restore, 0)},
            {early(0), late, up, on(free_folio, 0)},
            {early(0), late, up, on(restore, 0), on(optimise, 0)},
            {early(0), early(1), list(boot_late, 1), list(boot_up, 2)},
            {plain, early(1), late, both},
            {early(0), early(1), late_plain, both},
            {early(0), late, up, list(restore_list, 1)}};
}

// Every call, the smallest size that HVO does something for and the largest, the uses around them. What the
// findings of spec/linux/findings need is here, so that whether they are found does not depend on chance or
// on how fast the machine is.
std::vector<Scenario> hvo_scenarios(const Config& c) {
    using enum OpKind;
    const Geometry& g = c.geometry;
    const std::string plain(g.arch);
    const u16 inside = static_cast<u16>(g.struct_pages_per_page()); // in the second vmemmap page
    u8 small = 0;
    while (!g.optimizable_pages(g.folio_order[small])) ++small;
    const u8 large = static_cast<u8>(g.nr_hstates() - 1);
    std::vector<Scenario> out;
    const auto add = [&](std::vector<Op> ops) { out.push_back({plain, std::move(ops)}); };
    for (const u8 size : {small, large}) {
        add({alloc(0, size), on(optimise, 0)});
        add({alloc(0, size), on(optimise, 0), on(restore, 0)});
        add({alloc(0, size), alloc(1, size), list(optimise_list, 3)});
    }
    if (small) add({alloc(0, 0), on(optimise, 0), on(restore, 0), on(free_folio, 0)});
    add({alloc(0, small), on(optimise, 0), on(free_folio, 0)});
    add({alloc(0, small), on(optimise, 0), on(restore, 0), on(optimise, 0)});
    add({alloc(0, small), alloc(1, small), list(optimise_list, 3), list(restore_list, 3)});
    add({alloc(0, small), alloc(1, small), on(optimise, 0), on(optimise, 1), on(restore, 0)});
    const Op take_lru{.kind = alloc_lru, .size = small};
    const Op enter{.kind = walker_enter, .page = inside};
    const Op get{.kind = walker_try_get}; // nobody is left to, where a grace period was waited for
    add({take_lru, enter, on(free_lru, 0), alloc(0, small), on(optimise, 0), get});
    add({take_lru, enter, on(free_lru, 0), alloc(0, small), list(optimise_list, 1), get});
    add({alloc(0, small),
         on(optimise, 0),
         {.kind = alloc_lru, .folio = 1, .size = small},
         {.kind = walker_enter, .folio = 1},
         on(free_lru, 1),
         alloc(1, small),
         list(optimise_list, 3)});
    // A walker that is still inside when its folio is restored: a list did not wait for it.
    for (const Op& last : {on(restore, 1), list(restore_list, 2)})
        add({alloc(0, small),
             on(optimise, 0),
             {.kind = alloc_lru, .folio = 1, .size = small},
             {.kind = walker_enter, .folio = 1, .page = inside},
             on(free_lru, 1),
             alloc(1, small),
             list(optimise_list, 3),
             last});
    add({alloc(0, small), on(optimise, 0), list(restore_list, 1)});
    add({alloc(0, small), alloc(1, large), on(optimise, 0), list(restore_list, 1), list(optimise_list, 1)});
    add({{.kind = sysctl}, alloc(0, small), on(optimise, 0), list(optimise_list, 1)});
    if (c.hot_block_frames) {
        add({add_block(true), alloc(0, small, From::hot), list(optimise_list, 1), on(optimise, 0)});
        add({add_block(false), alloc(0, small, From::hot), on(optimise, 0), on(restore, 0)});
    }
    add({alloc(0, large), {.kind = take_pages, .page = 4}, on(optimise, 0)});
    add({alloc(0, small), on(optimise, 0), {.kind = take_pages, .page = 3}, on(restore, 0)});
    out.push_back({plain + " boot=1", {alloc(0, large, From::boot), on(optimise, 0), on(free_folio, 0)}});
    for (auto& ops : partial_scenarios(g)) add(std::move(ops));
    for (auto& ops : boot_scenarios()) out.push_back({plain + " boot=2", std::move(ops)});
    out.push_back({two_nodes(c),
                   {{.kind = alloc_folio, .size = small, .nid = 1},
                    {.kind = take_pages, .nid = 1, .page = 0},
                    on(optimise, 0),
                    on(restore, 0)}});
    const auto is_quick = [&](const Scenario& s) {
        return std::ranges::none_of(s.ops, [&](const Op& op) {
            return op.kind == boot_folio || (op.kind == alloc_folio && op.size == large && large != small);
        });
    };
    std::vector<Scenario> in_order;
    for (const bool quick : {true, false})
        std::ranges::copy_if(out, std::back_inserter(in_order),
                             [&](const Scenario& s) { return is_quick(s) == quick; });
    return in_order;
}

} // namespace

bool is_large(const Geometry& g, u8 size) { return g.vmemmap_pages(g.folio_order[size]) > max_swept_whole; }

std::deque<Failing> faults_of(const Geometry& g, const Scenario& s, u32 nr_allocs, u32 nr_updates) {
    const Op& first = s.ops.front();
    const bool boots = first.kind == OpKind::boot_folio;
    const bool gigantic = (boots || first.kind == OpKind::alloc_folio) &&
                          is_large(g, boots ? static_cast<u8>(g.nr_hstates() - 1) : first.size);
    std::deque<Failing> out;
    const auto sweep = [&](u32 nr, u32 window, Faults Failing::* of) {
        const bool pairs = !gigantic && nr <= max_swept_whole;
        for (u32 a = 0; a < nr; a = next_position(a, nr, gigantic))
            for (u32 b = a; b < (pairs ? a + window : a + 1); ++b) {
                Failing f;
                (f.*of).nth = {static_cast<u16>(a), b == a ? no_fault : static_cast<u16>(b)};
                if (b < nr || of == &Failing::updates) out.push_back(f);
            }
    };
    sweep(nr_allocs, 3, &Failing::allocs);
    sweep(nr_updates, max_rolled_back, &Failing::updates); // one on the way, one on the way back
    return out;
}

Plan plan_for(std::string_view file, const std::string& geometry) {
    const Config c = *parse_config(geometry);
    if (file == "hugetlb_vmemmap")
        return {hvo_scenarios(c), {geometry, geometry + " boot=1", two_nodes(c)}, {}, 40};
    Mix mix;
    mix.subsystem = Subsystem::percpu;
    return {file == "percpu" ? percpu_scenarios(geometry) : percpu_vm_scenarios(geometry),
            percpu_configs(geometry), mix, 120};
}

} // namespace mmodel::bench
