// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/campaign/machines.hpp"

#include <algorithm>
#include <array>

namespace mmodel::bench {
namespace {

u64 below(Rng& rng, u64 n) { return rng() % n; }
bool one_in(Rng& rng, u64 n) { return below(rng, n) == 0; }

// Up to eight, and now and then many of one kind.
void draw_cpus(Config& c, Rng& rng) {
    c.nr_cpus = static_cast<u8>(1 + below(rng, 8));
    for (u8 i = 0; i < c.nr_cpus; ++i)
        c.cpu_node[i] = one_in(rng, 5)    ? no_node
                        : one_in(rng, 12) ? static_cast<u8>(max_nodes - 1) // which may have no memory
                                          : static_cast<u8>(below(rng, c.nr_nodes));
    c.cpu_node[below(rng, c.nr_cpus)] = 0; // one is possible
    if (!one_in(rng, 8)) return;
    const u8 more = static_cast<u8>(std::min<u64>(24, max_cpus - c.nr_cpus));
    for (u8 i = 0; i < more; ++i) c.cpu_node[c.nr_cpus++] = static_cast<u8>(below(rng, c.nr_nodes));
}

// Far only in one direction, or as near as a node is to itself; or all so, as where nobody tells percpu's
// boot of distances.
void draw_distances(Config& c, Rng& rng) {
    const bool none = one_in(rng, 6);
    for (u8 i = 0; i < c.nr_nodes; ++i)
        for (u8 j = 0; j < c.nr_nodes; ++j)
            if (i != j && (none || one_in(rng, 2)))
                c.distance[i][j] =
                    none ? local_distance : std::array<u8, 3>{local_distance, 11, 40}[below(rng, 3)];
}

// Frames that one vmemmap PMD describes: the least memory of a node.
u64 least_frames(const Geometry& g) { return u64{g.ptrs_per_pte} * g.page_bytes / g.struct_page_bytes; }

void draw_for_percpu(Config& c, Rng& rng) {
    const Config plain = c;
    draw_cpus(c, rng);
    draw_distances(c, rng);
    if (one_in(rng, 4)) c.vmalloc_pages = plain.vmalloc_pages >> (1 + below(rng, 3));
    if (one_in(rng, 4)) c.vmalloc_pages -= below(rng, c.geometry.ptrs_per_pte);
    if (one_in(rng, 4)) c.highmem_frames = plain.frames_per_node / 4;
}

void draw_for_hvo(Config& c, Rng& rng) {
    const u64 least = least_frames(c.geometry);
    if (one_in(rng, 2)) c.frames_per_node = least * (1 + below(rng, c.frames_per_node / least));
    c.boot_gigantic = static_cast<u8>(below(rng, 3));
    // Boot takes from the end of a node, where its folios are aligned if a node is whole ones.
    const u64 gigantic = u64{1} << c.geometry.folio_order[c.geometry.nr_hstates() - 1];
    if (c.boot_gigantic) c.frames_per_node = (c.frames_per_node + gigantic - 1) / gigantic * gigantic;
    if (one_in(rng, 3)) c.hot_block_frames = 0;
}

} // namespace

Config random_machine(const std::string& geometry, Subsystem about, Rng& rng) {
    Config plain = *parse_config(geometry);
    const Geometry& g = plain.geometry;
    if (about == Subsystem::percpu && g.page_bytes >= 4096) // however large a page is
        plain.frames_per_node = 4 * least_frames(g);
    for (int tries = 0; tries < 8; ++tries) {
        Config c = plain;
        c.nr_nodes = static_cast<u8>(1 + below(rng, max_nodes));
        about == Subsystem::hvo ? draw_for_hvo(c, rng) : draw_for_percpu(c, rng);
        if (why_impossible(c).empty()) return c;
    }
    return plain;
}

void redraw_atom(const Config& c, Op& boot, Rng& rng) {
    if (boot.kind != OpKind::pcpu_boot || boot.is_paged()) return;
    u64 most = 0;
    while ((u64{1} << (most + 1)) <= c.geometry.ptrs_per_pte) ++most;
    boot.align = static_cast<u32>(c.geometry.page_bytes << below(rng, most + 1));
    boot = canonical(boot);
}

} // namespace mmodel::bench
