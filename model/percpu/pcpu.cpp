// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/percpu/pcpu.hpp"

namespace mmodel::pcpu {

CpuMap cpus_of(const Config& c) {
    CpuMap out;
    for (u8 cpu = 0; cpu < c.nr_cpu_ids(); ++cpu)
        out.node_of_cpu.push_back(c.cpu_possible(cpu) ? int{c.cpu_to_node(cpu)} : -1);
    for (u8 i = 0; i < max_nodes; ++i)
        for (u8 j = 0; j < max_nodes; ++j) out.node_distance[i][j] = c.node_distance(i, j);
    return out;
}

// What the configuration decides is left out: it is the same in all worlds that are compared.
u64 Pcpu::hash() const {
    if (!booted) return 0;
    u64 h = hash_combine(layout.hash(), chunks.hash());
    h = hash_combine(h, u64{atomic_alloc_failed} << 1 | u64{balance_scheduled});
    h = hash_combine(h, static_cast<u64>(nr_populated) << 32 ^ static_cast<u64>(nr_empty_pop_pages));
    h = hash_combine(h, base_addr);
    for (const Pfn page : pages) h = hash_combine(h, page.value);
    for (const Area& a : areas)
        h = hash_combine(h, u64{a.chunk} << 32 ^ static_cast<u64>(a.off) << 1 ^ u64{a.live} ^
                                static_cast<u64>(a.bytes) << 40);
    for (const ChunkId id : slots) h = hash_combine(h, id);
    return h;
}

} // namespace mmodel::pcpu
