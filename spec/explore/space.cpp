// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/explore/space.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

#include "spec/explore/spaces.hpp"

namespace mmodel::explore {

Config config_of(std::string_view text) {
    const auto c = parse_config(text);
    assert(c);
    return *c;
}

void track(Space& s, bool vmalloc, std::initializer_list<u64> pages) {
    for (const u64 page : pages) s.pages.push_back({vmalloc, page});
}

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

namespace {

std::vector<Space> together(std::vector<Space> hvo, std::vector<Space> percpu) {
    hvo.insert(hvo.end(), std::make_move_iterator(percpu.begin()), std::make_move_iterator(percpu.end()));
    return hvo;
}

} // namespace

std::vector<Space> default_spaces() { return together(hvo_spaces(), percpu_spaces()); }
std::vector<Space> large_spaces() { return together(large_hvo_spaces(), large_percpu_spaces()); }
std::vector<Space> link_spaces() { return together(link_hvo_spaces(), link_percpu_spaces()); }

} // namespace mmodel::explore
