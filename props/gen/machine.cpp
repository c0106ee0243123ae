// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "props/gen/machine.hpp"

#include <algorithm>
#include <ostream>
#include <stdexcept>

namespace mmodel {
namespace {

// Half-open, drawn alike at every size that RapidCheck is at; shrinks to `start`.
rc::Gen<u64> in(u64 start, u64 end) {
    return rc::gen::resize(rc::kNominalSize, rc::gen::inRange(start, end));
}

// Yes once in n times; shrinks to no.
bool one_in(u64 n) { return *in(0, n) == n - 1; }

// CPU 0 is possible.
void draw_cpus(Config& c) {
    c.nr_cpus = static_cast<u8>(*in(1, 7));
    for (u8 cpu = 0; cpu < c.nr_cpus; ++cpu) {
        c.cpu_node[cpu] = static_cast<u8>(*in(0, std::min<u64>(max_nodes, c.nr_nodes + 1u)));
        if (cpu && one_in(8)) c.cpu_node[cpu] = no_node;
    }
}

Config draw_config(Config c) {
    const Geometry& g = c.geometry;
    const u64 grain = u64{g.ptrs_per_pte} * g.page_bytes / g.struct_page_bytes;
    c.nr_nodes = static_cast<u8>(*in(1, max_nodes + 1u));
    c.frames_per_node -= grain * *in(0, c.frames_per_node / grain);
    c.hot_block_frames -= grain * *in(0, c.hot_block_frames / grain + 1);
    c.vmalloc_pages -= c.vmalloc_pages / 8 * *in(0, 8);
    if (one_in(4)) c.boot_gigantic = static_cast<u8>(*in(0, 3));
    if (one_in(4)) c.highmem_frames = *in(1, 3) << g.max_order;
    if (one_in(2)) draw_cpus(c);
    const bool near = one_in(6); // nodes that are local to each other, even one way only; 0: as far as usual
    for (u8 i = 0; i < max_nodes; ++i)
        for (u8 j = 0; near && j < max_nodes; ++j)
            if (i != j && one_in(2)) c.distance[i][j] = local_distance;
    return c;
}

} // namespace

void showValue(const Config& c, std::ostream& os) { os << print_config(c); }

rc::Gen<Config> gen_config(const std::string& preset) {
    const auto c = parse_config(preset);
    if (!c) throw std::runtime_error(c.error());
    return rc::gen::exec([c = *c] { return draw_config(c); });
}

namespace pcpu {
namespace {

CpuMap cpus_of(const std::vector<int>& nodes, const std::vector<u8>& distances) {
    CpuMap cpus = cpus_on_nodes(nodes);
    cpus.node_of_cpu[0] = std::max(0, cpus.node_of_cpu[0]);
    auto next = distances.begin(); // none: as usual
    for (auto& row : cpus.node_distance)
        for (u8& d : row)
            if (next != distances.end()) d = *next++;
    return cpus;
}

rc::Gen<CpuMap> gen_cpus() {
    const auto nodes = rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(
        rc::gen::weightedOneOf<int>({{3, rc::gen::inRange(0, 4)}, {1, rc::gen::just(-1)}})));
    const auto distances = rc::gen::container<std::vector<u8>>(
        std::size_t{max_nodes} * max_nodes, rc::gen::element(u8{local_distance}, u8{remote_distance}));
    const auto maybe =
        rc::gen::weightedOneOf<std::vector<u8>>({{2, rc::gen::just(std::vector<u8>{})}, {1, distances}});
    return rc::gen::apply(cpus_of, nodes, maybe);
}

} // namespace

void showValue(const LayoutRequest& r, std::ostream& os) {
    os << "static=" << r.static_size << " reserved=" << r.reserved << " dyn=" << r.dyn << " atom=" << r.atom
       << " cpus=";
    for (const int node : r.cpus.node_of_cpu) os << node << ',';
    os << " distances=";
    for (const auto& row : r.cpus.node_distance)
        for (const u8 d : row) os << int{d} << ',';
}

rc::Gen<LayoutRequest> gen_layout_request(const Sizes& s) {
    const u64 page = s.page_bytes;
    const auto times = [](u64 unit, u64 end) {
        return rc::gen::map(rc::gen::inRange<u64>(0, end), [=](u64 n) { return unit * n; });
    };
    using R = LayoutRequest;
    return rc::gen::build<R>(
        rc::gen::set(&R::cpus, gen_cpus()), rc::gen::set(&R::reserved, times(4, page)),
        rc::gen::set(&R::dyn, rc::gen::inRange<u64>(0, 20 * page)),
        rc::gen::set(&R::atom, rc::gen::map(rc::gen::inRange<u64>(0, 11), [=](u64 n) { return page << n; })),
        rc::gen::set(&R::static_size, rc::gen::inRange<u64>(1, 80 * page)));
}

} // namespace pcpu
} // namespace mmodel
