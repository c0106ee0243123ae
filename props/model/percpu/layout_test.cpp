// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/percpu/layout.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "props/example.hpp"
#include "props/gen/machine.hpp"
#include "props/prop.hpp"

namespace mmodel::pcpu {
namespace {

constexpr u64 KiB = 1024, MiB = 1024 * KiB;
const Sizes x86 = sizes_of(parse_config("x86-64")->geometry);
const Sizes tiny = sizes_of(parse_config("tiny")->geometry);

std::size_t at(int i) { return static_cast<std::size_t>(i); }

// As x86-64 embeds its first chunk: 2 MiB atoms, 160 KiB of static variables.
AllocInfo embedded(const CpuMap& cpus, Grouping grouping = Grouping::by_distance) {
    const auto ai = pcpu_build_alloc_info(x86, 8 * KiB, 28 * KiB, 2 * MiB, 160 * KiB, cpus, grouping);
    REQUIRE(ai);
    return *ai;
}

Layout layout_of(const Sizes& s, const AllocInfo& ai, const CpuMap& cpus) {
    const auto l = make_layout(s, ai, cpus);
    INFO((l ? "" : l.error()));
    REQUIRE(l);
    return *l;
}

std::string why_not(const AllocInfo& ai, const CpuMap& cpus) {
    const auto l = make_layout(x86, ai, cpus);
    return l ? "" : l.error();
}

std::string why_not_built(u64 reserved, u64 dyn, u64 atom, u64 static_size, const CpuMap& cpus) {
    const auto ai = pcpu_build_alloc_info(x86, reserved, dyn, atom, static_size, cpus, Grouping::by_distance);
    return ai ? "" : ai.error();
}

struct Drawn : LayoutRequest {
    AllocInfo ai{};
};
Drawn draw(const Sizes& s) {
    Drawn d{*gen_layout_request(s), {}};
    const auto ai =
        pcpu_build_alloc_info(s, d.reserved, d.dyn, d.atom, d.static_size, d.cpus, Grouping::by_distance);
    RC_ASSERT(ai.has_value());
    d.ai = *ai;
    return d;
}

void sizes_fit(const Sizes& s, const Drawn& d) {
    const AllocInfo& ai = d.ai;
    RC_ASSERT(ai.dyn_size >= std::max<u64>(d.dyn, s.dynamic_early));
    RC_ASSERT(ai.dyn_size < std::max<u64>(d.dyn, s.dynamic_early) + s.page_bytes);
    const u64 sum = ai.static_size + ai.reserved_size + ai.dyn_size;
    RC_ASSERT(sum % s.page_bytes == 0);
    RC_ASSERT(ai.unit_size >= std::max<u64>(sum, s.min_unit_bytes));
    RC_ASSERT(ai.unit_size % s.page_bytes == 0);
    RC_ASSERT(ai.alloc_size % ai.atom_size == 0);
    RC_ASSERT(ai.alloc_size % ai.unit_size == 0);
    RC_ASSERT(ai.alloc_size < std::max<u64>(sum, s.min_unit_bytes) + ai.atom_size);
}

// Groups are whole allocations, hold who is local to their first CPU, and waste no more than the kernel
// accepts.
void groups_fit(const Drawn& d) {
    const int upa = static_cast<int>(d.ai.alloc_size / d.ai.unit_size), possible = d.cpus.nr_possible();
    int nr_units = 0;
    for (const auto& g : d.ai.groups) {
        RC_ASSERT(g.base_offset == static_cast<u64>(nr_units) * d.ai.unit_size);
        RC_ASSERT(g.nr_units % upa == 0 && at(g.nr_units) == g.cpu_map.size());
        const int opener = g.cpu_map[0];
        for (const int cpu : g.cpu_map)
            RC_ASSERT((cpu == no_cpu || cpu == opener ||
                       (d.cpus.distance(opener, cpu) == local_distance &&
                        d.cpus.distance(cpu, opener) == local_distance)));
        // No group is opened by a CPU that an earlier one would have taken.
        for (const auto& earlier : d.ai.groups)
            if (&earlier < &g)
                RC_ASSERT(d.cpus.distance(earlier.cpu_map[0], opener) != local_distance ||
                          d.cpus.distance(opener, earlier.cpu_map[0]) != local_distance);
        nr_units += g.nr_units;
    }
    RC_ASSERT(nr_units - possible <= possible / 3);
}

void units_fit(const Sizes& s, const Drawn& d) {
    const auto made = make_layout(s, d.ai, d.cpus);
    RC_ASSERT(made.has_value());
    const Layout& l = *made;
    std::vector<int> units;
    for (int cpu = 0; cpu < d.cpus.nr_cpu_ids(); ++cpu) {
        if (!d.cpus.possible(cpu)) {
            RC_ASSERT(l.unit_map[at(cpu)] == -1);
            continue;
        }
        units.push_back(l.unit_map[at(cpu)]);
        RC_ASSERT(units.back() >= 0 && units.back() < l.nr_units);
        RC_ASSERT(l.unit_offsets[at(cpu)] == static_cast<u64>(units.back()) * l.unit_size); // back to back
        RC_ASSERT(l.unit_offsets[at(cpu)] >= l.unit_offsets[at(l.low_unit_cpu)]);
        RC_ASSERT(l.unit_offsets[at(cpu)] <= l.unit_offsets[at(l.high_unit_cpu)]);
    }
    std::ranges::sort(units);
    RC_ASSERT(std::ranges::adjacent_find(units) == units.end());
    RC_ASSERT(std::accumulate(l.group_sizes.begin(), l.group_sizes.end(), u64{}) ==
              at(l.nr_units) * l.unit_size);
    RC_ASSERT(u64(l.unit_pages) * s.page_bytes == l.unit_size);
    RC_ASSERT(l.hash() == make_layout(s, d.ai, d.cpus)->hash());
}

void slots_fit(const Sizes& s, const Drawn& d) {
    const Layout l = *make_layout(s, d.ai, d.cpus);
    RC_ASSERT(pcpu_chunk_slot(l, init_chunk(s, l.unit_pages)) == l.free_slot);
    for (int size = 4, before = 0; size < static_cast<int>(l.unit_size); size += 4) {
        const int slot = pcpu_size_to_slot(l, size);
        RC_ASSERT(slot >= std::max(before, 1) && slot < l.sidelined_slot);
        before = slot;
    }
    const FirstChunkAreas f = first_chunk_areas(s, d.ai);
    RC_ASSERT(f.static_size % 4 == 0 && f.dyn_size % 4 == 0 && f.dyn_size <= d.ai.dyn_size);
    const u64 base = 0x40000000;
    const Chunk first =
        init_first_chunk(s, base + f.static_size + f.reserved_size, static_cast<int>(f.dyn_size));
    RC_ASSERT(first.end_offset == 0); // the dynamic area grew to the end of its page
    RC_ASSERT(base + f.nr_populated * s.page_bytes == first.base_addr + u64(first.nr_pages) * s.page_bytes);
}

} // namespace

TEST_CASE("a unit of 256 KiB has 20 lists") {
    AllocInfo ai = embedded(cpus_on_nodes({0, 0, 0, 0, 0, 0, 0, 0}));
    REQUIRE(ai.unit_size == 256 * KiB);
    const Layout l = layout_of(x86, ai, cpus_on_nodes({0, 0, 0, 0, 0, 0, 0, 0}));
    CHECK(pcpu_size_to_slot(l, 256 * KiB - 4) == 15);
    CHECK(l.sidelined_slot == 17);
    CHECK(l.free_slot == 18);
    CHECK(l.to_depopulate_slot == 19);
    CHECK(l.nr_slots == 20);
    CHECK(pcpu_size_to_slot(l, 256 * KiB) == l.free_slot);
    CHECK(pcpu_size_to_slot(l, 4) == 1);
    CHECK(pcpu_size_to_slot(l, 16) == 2);
    CHECK(pcpu_size_to_slot(l, 4096) == 10);
    Chunk c = init_chunk(x86, l.unit_pages);
    CHECK(pcpu_chunk_slot(l, c) == l.free_slot);
    REQUIRE(pcpu_alloc_area(c, 1, 1, 0) == 0);
    CHECK(pcpu_chunk_slot(l, c) == 15);
    c.chunk_md.contig_hint = 0;
    CHECK(pcpu_chunk_slot(l, c) == 0);
}

TEST_CASE("four CPUs share 2 MiB, as eight units would waste as many as they use") {
    const CpuMap cpus = cpus_on_nodes({0, 0, 0, 0});
    const AllocInfo ai = embedded(cpus);
    CHECK(ai.dyn_size == 28 * KiB);
    CHECK(ai.alloc_size == 2 * MiB);
    CHECK(ai.unit_size == 512 * KiB);
    CHECK(ai.groups == std::vector<AllocInfo::Group>{{4, 0, {0, 1, 2, 3}}});
    const Layout l = layout_of(x86, ai, cpus);
    CHECK(l.unit_pages == 128);
    CHECK(l.unit_offsets == std::vector<u64>{0, 512 * KiB, 1024 * KiB, 1536 * KiB});
    CHECK(l.low_unit_cpu == 0);
    CHECK(l.high_unit_cpu == 3);
}

TEST_CASE("each node has a group, filled up with units of no CPU") {
    const CpuMap cpus = cpus_on_nodes({0, 1, 0, -1, 1, 0, 1});
    AllocInfo ai = embedded(cpus);
    CHECK(ai.unit_size == 512 * KiB);
    CHECK(ai.groups ==
          std::vector<AllocInfo::Group>{{4, 0, {0, 2, 5, no_cpu}}, {4, 2 * MiB, {1, 4, 6, no_cpu}}});
    // The second group's memory lies below the first's.
    ai.groups[0].base_offset = 64 * MiB;
    ai.groups[1].base_offset = 0;
    const Layout l = layout_of(x86, ai, cpus);
    CHECK(l.nr_units == 8);
    CHECK(l.unit_map == std::vector<int>{0, 4, 1, -1, 5, 2, 6});
    CHECK(l.unit_offsets[4] == 512 * KiB);
    CHECK(l.low_unit_cpu == 1);
    CHECK(l.high_unit_cpu == 5);
    CHECK(l.group_offsets == std::vector<u64>{64 * MiB, 0});
    CHECK(l.group_sizes == std::vector<u64>{2 * MiB, 2 * MiB});
    CHECK(embedded(cpus, Grouping::one_group).groups.size() == 1);
}

TEST_CASE("a group takes who is local to its first CPU both ways") {
    CpuMap cpus = cpus_on_nodes({0, 1, 2});
    cpus.node_distance[0][1] = local_distance; // one way only
    CHECK(embedded(cpus).groups.size() == 3);
    cpus.node_distance[1][0] = local_distance;
    CHECK(embedded(cpus).groups.size() == 2);
    cpus.node_distance[1][2] = cpus.node_distance[2][1] = local_distance; // not to the first
    CHECK(embedded(cpus).groups.size() == 2);
}

TEST_CASE("a page-mapped first chunk has units as large as their parts") {
    const CpuMap cpus = cpus_on_nodes({0, 0, 1});
    const auto ai = pcpu_build_alloc_info(x86, 8 * KiB, 28 * KiB, 4 * KiB, 5000, cpus, Grouping::one_group);
    REQUIRE(ai);
    CHECK(ai->unit_size == 44 * KiB);
    CHECK(ai->alloc_size == 44 * KiB);
    CHECK(ai->dyn_size == 36 * KiB - 5000);
    CHECK(first_chunk_areas(x86, *ai) == FirstChunkAreas{5000, 8 * KiB, 36 * KiB - 5000, 11});
    const auto odd = pcpu_build_alloc_info(x86, 0, 0, 4 * KiB, 5001, cpus, Grouping::one_group);
    REQUIRE(odd);
    CHECK(odd->unit_size == 32 * KiB); // the smallest there is
    CHECK(first_chunk_areas(x86, *odd) == FirstChunkAreas{5004, 0, 28 * KiB - 5004, 7});
}

// 60 pages can be cut into 12 units or into 10 for ten CPUs: one allocation either way.
TEST_CASE("of two layouts with as many allocations, the one with larger units is chosen") {
    const CpuMap cpus = cpus_on_nodes(std::vector<int>(10, 0));
    const auto ai = pcpu_build_alloc_info(tiny, 0, 0, u64{60} * 256, 300, cpus, Grouping::by_distance);
    REQUIRE(ai);
    CHECK(ai->unit_size == 6 * 256);
    CHECK(ai->groups[0].nr_units == 10);
}

TEST_CASE("whatever the machine, a layout gives each possible CPU its unit") {
    for (const Sizes* s : {&x86, &tiny})
        prop("pcpu layout " + std::to_string(s->page_bytes), 200, [&] {
            const Drawn d = draw(*s);
            sizes_fit(*s, d);
            groups_fit(d);
            units_fit(*s, d);
            slots_fit(*s, d);
        });
}

TEST_CASE("sizes that no layout has are refused") {
    const CpuMap cpus = cpus_on_nodes({0, 0});
    CHECK(why_not_built(0, 0, 4096, 1, cpus) == "");
    CHECK(why_not_built(0, 0, 4096, 1, cpus_on_nodes({-1})) == "no CPU is possible");
    CHECK(why_not_built(0, 0, 4096, 1, cpus_on_nodes({4})) == "a CPU is on a node that no machine has");
    CHECK(why_not_built(0, 0, 4096, 0, cpus) == "the static area is empty");
    CHECK(why_not_built(0, 0, 0, 1, cpus) == "the atom size is not a whole number of pages");
    CHECK(why_not_built(0, 0, 4097, 1, cpus) == "the atom size is not a whole number of pages");
    const std::string large = "a size does not fit: units are measured by an int";
    CHECK(why_not_built(0, ~u64{0}, 4096, 1, cpus) == large);
    CHECK(why_not_built(1 << 30, 1 << 30, 4096, 1, cpus) == large);
}

TEST_CASE("what the kernel would not boot with is refused") {
    const CpuMap cpus = cpus_on_nodes({0, 0, 0, 0, -1});
    const AllocInfo good = embedded(cpus);
    REQUIRE(why_not(good, cpus) == "");
    const auto but = [&](auto change) {
        AllocInfo ai = good;
        change(ai);
        return why_not(ai, cpus);
    };
    using A = AllocInfo;
    CHECK(but([](A& a) { a.groups.clear(); }) == "there is no group");
    CHECK(but([](A& a) { a.static_size = 0; }) == "the static area is empty");
    CHECK(but([](A& a) { a.static_size = ~u64{0}; }) == "a unit is smaller than one of its parts");
    CHECK(but([](A& a) { a.static_size = 500 * KiB; }) == "a unit is smaller than its parts");
    CHECK(but([](A& a) { a.unit_size = u64{1} << 31; }) ==
          "a size does not fit: units are measured by an int");
    CHECK(but([](A& a) { a.unit_size -= 4; }) == "a unit is not a whole number of pages");
    CHECK(but([](A& a) {
              a = {.static_size = 4, .dyn_size = 20 * KiB, .unit_size = 28 * KiB, .groups = a.groups};
          }) == "a unit is smaller than the smallest there can be");
    CHECK(but([](A& a) { a.dyn_size = 20 * KiB - 4; }) == "the dynamic area is too small for an early boot");
    CHECK(but([](A& a) { a.reserved_size = 6; }) ==
          "the reserved area is not a multiple of the smallest allocation");
    CHECK(but([](A& a) { a.alloc_size = 4096; }) == "an allocation is smaller than a unit");
    CHECK(but([](A& a) { a.groups[0].nr_units = 3; }) ==
          "a group does not say for each of its units whose it is");
    CHECK(but([](A& a) { a.groups.push_back({1, 0, {no_cpu}}); }) ==
          "a group is not made of whole allocations");
    CHECK(but([](A& a) { a.groups[0].cpu_map[1] = 5; }) == "CPU 5 has a unit but does not exist");
    CHECK(but([](A& a) { a.groups[0].cpu_map[1] = 4; }) == "CPU 4 has a unit but is not possible");
    CHECK(but([](A& a) { a.groups[0].cpu_map[1] = 0; }) == "CPU 0 has two units");
    CHECK(but([](A& a) { a.groups[0].cpu_map[1] = no_cpu; }) == "CPU 1 has no unit");
}

} // namespace mmodel::pcpu
