// SPDX-License-Identifier: GPL-2.0 OR MIT
// A world whole, as lines.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "fuzz/cli/show.hpp"

namespace mmodel::show {
namespace {

bool in_use(const World& w, u8 slot) { return w.pool().slots[slot].state != hvo::SlotState::none; }

void add_folios(const World& w, std::vector<std::string>& out) {
    const Geometry& g = w.machine().geometry();
    for (u8 i = 0; i < max_folios; ++i) {
        if (!in_use(w, i)) continue;
        const Span v = vmemmap_of(w, i);
        out.push_back(fmt::format("folio {}: {}", i, slot_text(w, i)));
        for (const PteRange& r : ptes(w.machine(), v.start, v.end)) out.push_back("  " + line(g, r));
        for (const PteRange& r : stale_ptes(w.machine(), v.start, v.end))
            out.push_back("  stale in a TLB: " + line(g, r));
    }
    if (out.empty()) out.push_back("no folio is in use");
}

void add_counters(const World& w, std::vector<std::string>& out) {
    const Machine& m = w.machine();
    out.push_back(fmt::format("hugetlb_optimize_vmemmap_key {}, nr_memmap_pages {}, nr_memmap_boot_pages {}, "
                              "vm.hugetlb_optimize_vmemmap {}",
                              m.counters.static_key, m.counters.memmap, m.counters.memmap_boot,
                              w.pool().enabled ? 1 : 0));
    out.push_back(fmt::format(
        "in truth: {} vmemmap frames from the page allocator, {} from boot memory, {} page tables, {} lost",
        m.tally.vmemmap_buddy, m.tally.vmemmap_boot, m.tally.tables,
        m.tally.detached + m.tally.private_tables));
}

void add_walkers(const Machine& m, std::vector<std::string>& out) {
    for (u8 i = 0; i < nr_walkers; ++i)
        if (const Walker& k = m.walkers[i]; k.inside)
            out.push_back(fmt::format("walker {}: inside RCU at pfn {}{}", i, k.page.value,
                                      k.may_write ? ", may write" : ""));
}

void add_blocks(const Machine& m, std::vector<std::string>& out) {
    for (u8 i = 0; i < max_hot_blocks; ++i)
        if (const HotBlock& h = m.hot_block(i); h.present)
            out.push_back(fmt::format("memory block {}: node {}, pfn {}..{}, its vmemmap from pfn {}{}", i,
                                      h.nid.value, m.config().hot_block_start(i).value,
                                      m.config().hot_block_start(i + 1).value, h.vmemmap.value,
                                      h.self_hosted ? " (self-hosted)" : ""));
}

void add_memory(const Machine& m, std::vector<std::string>& out) {
    for (u8 n = 0; n < m.config().nr_nodes; ++n) {
        std::string text =
            fmt::format("node {}: {} pages free, {} of them cannot be had; blocks of order 0..{}:", n,
                        m.nr_free_or_held_pages(Nid{n}), m.pressure(Nid{n}), m.geometry().max_order);
        for (u8 o = 0; o <= m.geometry().max_order; ++o)
            text += fmt::format(" {}", nr_free_blocks(m, Nid{n}, o));
        out.push_back(std::move(text));
    }
}

void add_stale(const Machine& m, std::vector<std::string>& out) {
    u64 n = 0;
    m.for_all_stale([&](Vpage, const Pte&) { ++n; });
    out.push_back(m.has_stale() ? fmt::format("stale translations: {} of single pages, leaves not counted", n)
                                : "stale translations: none");
}

} // namespace

// What was never touched since boot is on no list: it counts as blocks of the largest order.
u64 nr_free_blocks(const Machine& m, Nid nid, u8 order) {
    const u8 max_order = m.geometry().max_order;
    auto in_area = [&](Area a) {
        if (order < max_order) return u64{m.buddy().nr_free(a, Order{order})};
        u64 listed = 0;
        for (u8 o = 0; o < max_order; ++o) listed += u64{m.buddy().nr_free(a, Order{o})} << o;
        return (m.buddy().nr_free_pages(a) - listed) >> max_order;
    };
    u64 n = in_area(nid.value);
    for (u8 b = 0; b < max_hot_blocks; ++b)
        if (m.hot_block(b).present && m.hot_block(b).nid == nid)
            n += in_area(static_cast<Area>(m.config().nr_nodes + b));
    return n;
}

std::vector<std::string> state(const World& w) {
    std::vector<std::string> out;
    add_folios(w, out);
    add_counters(w, out);
    add_walkers(w.machine(), out);
    add_blocks(w.machine(), out);
    add_memory(w.machine(), out);
    add_stale(w.machine(), out);
    std::ranges::move(percpu_state(w), std::back_inserter(out));
    return out;
}

} // namespace mmodel::show
