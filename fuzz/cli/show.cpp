// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/show.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace mmodel::show {
namespace {

// The kernel's VMEMMAP_START where every kernel has the same (x86-64, four levels, no KASLR).
std::string address(const Geometry& g, Vpage v) {
    constexpr u64 x86_vmemmap_start = 0xffffea0000000000;
    const u64 offset = v.value * g.page_bytes;
    if (g.arch.starts_with("x86-64")) return fmt::format("{:#x}", x86_vmemmap_start + offset);
    return fmt::format("vmemmap+{:#x}", offset);
}

void note_pool(const World& a, const World& b, std::vector<std::string>& notes) {
    for (u8 i = 0; i < max_folios; ++i) {
        const bool was = a.pool().slots[i].state != hvo::SlotState::none,
                   is = b.pool().slots[i].state != hvo::SlotState::none;
        if (was && !is) notes.push_back(fmt::format("folio {} given back: {}", i, slot_text(a, i)));
        if (is && !was) notes.push_back(fmt::format("folio {} taken: {}", i, slot_text(b, i)));
        if (!was || !is) continue;
        const bool before = hvo::is_optimised(a.machine(), a.pool().slots[i].head);
        const bool after = hvo::is_optimised(b.machine(), b.pool().slots[i].head);
        if (before != after)
            notes.push_back(fmt::format("folio {} is {}optimised", i, after ? "" : "no longer "));
    }
    if (a.pool().enabled != b.pool().enabled)
        notes.push_back(fmt::format("vm.hugetlb_optimize_vmemmap = {}", b.pool().enabled ? 1 : 0));
}

void note_machine(const Machine& a, const Machine& b, std::vector<std::string>& notes) {
    for (u8 i = 0; i < max_hot_blocks; ++i)
        if (const HotBlock& h = b.hot_block(i); h.present && !a.hot_block(i).present)
            notes.push_back(fmt::format("memory block {} on node {}, its vmemmap from pfn {}{}", i,
                                        h.nid.value, h.vmemmap.value, h.self_hosted ? " (self-hosted)" : ""));
    for (u8 i = 0; i < nr_walkers; ++i) {
        if (a.walkers[i] == b.walkers[i]) continue;
        const Walker& w = b.walkers[i];
        notes.push_back(w.inside ? fmt::format("walker {} inside RCU at pfn {}{}", i, w.page.value,
                                               w.may_write ? ", may write" : "")
                                 : fmt::format("walker {} outside", i));
    }
    for (u8 n = 0; n < b.config().nr_nodes; ++n)
        if (a.pressure(Nid{n}) != b.pressure(Nid{n}))
            notes.push_back(fmt::format("node {}: {} free pages cannot be had", n, b.pressure(Nid{n})));
}

std::string signed_num(i64 n) { return fmt::format("{:+}", n); }

} // namespace

Change change(const World& before, const World& after) {
    const Machine& a = before.machine();
    const Machine& b = after.machine();
    Change c;
    std::vector<Mapped<Vpage>> mapped;
    Machine::diff(
        a, b,
        [&](Pfn p, const Frame& x, const Frame& y) {
            const bool was_free = a.is_free(p), is_free = b.is_free(p);
            c.allocated += was_free && !is_free;
            c.freed += is_free && !was_free;
            if (y.installed && y.installed != x.installed &&
                y.installed != ~u64{0}) // not of the vmalloc range
                c.splits.push_back({y.installed - 1, a.pmd(y.installed - 1).pfn, p});
        },
        [&](PteRef r, const Pte&, const Pte& now) {
            const auto v = b.installed_at(r);
            if (v && a.translate(*v) != now) mapped.emplace_back(*v, now);
        },
        [](Pfn, const Contents&, const Contents&) {});
    std::ranges::sort(c.splits, {}, &Split::pmd_idx);
    c.ptes = merge(std::move(mapped));
    c.static_key = b.counters.static_key - a.counters.static_key;
    c.memmap = b.counters.memmap - a.counters.memmap;
    c.memmap_boot = b.counters.memmap_boot - a.counters.memmap_boot;
    note_pool(before, after, c.notes);
    note_machine(a, b, c.notes);
    c.percpu = percpu_change(before, after);
    return c;
}

std::vector<std::string> lines(const Geometry& g, const Change& c) {
    std::vector<std::string> out = c.notes;
    for (const Split& s : c.splits)
        out.push_back(fmt::format("{}: PMD {} split: leaf of pfn {}..{} -> table in pfn {}",
                                  address(g, Vpage{s.pmd_idx * g.ptrs_per_pte}), s.pmd_idx, s.leaf.value,
                                  s.leaf.value + g.ptrs_per_pte, s.table.value));
    for (const PteRange& r : c.ptes) out.push_back(line(g, r));
    std::ranges::move(lines(g, c.percpu), std::back_inserter(out));
    std::string tally;
    auto add = [&](const std::string& s) { tally += (tally.empty() ? "" : ", ") + s; };
    if (c.allocated) add(fmt::format("{} frame{} allocated", c.allocated, c.allocated == 1 ? "" : "s"));
    if (c.freed) add(fmt::format("{} frame{} freed", c.freed, c.freed == 1 ? "" : "s"));
    if (c.static_key) add("static key " + signed_num(c.static_key));
    if (c.memmap) add("nr_memmap_pages " + signed_num(c.memmap));
    if (c.memmap_boot) add("nr_memmap_boot_pages " + signed_num(c.memmap_boot));
    if (!tally.empty()) out.push_back(std::move(tally));
    return out;
}

std::string result(const Outcome& o, OpKind kind) {
    if (o.disabled) return "disabled";
    if (is_percpu(kind) && o.err == Errno::ok) return percpu_result(o, kind);
    if (kind != OpKind::restore_list) return name(o.err);
    if (o.err == Errno::ok) return fmt::format("= {} restored", o.restored);
    return fmt::format("{}, {} restored", name(o.err), o.restored);
}

std::string line(const Geometry& g, const PteRange& r) {
    const std::string where =
        fmt::format("{}: vmemmap {}..{}", address(g, r.start), r.start.value, r.end.value);
    return where + " " + r.text();
}

std::vector<PteRange> ptes(const Machine& m, Vpage start, Vpage end) {
    std::vector<Mapped<Vpage>> mapped;
    for (Vpage v = start; v < end; ++v) mapped.emplace_back(v, m.translate(v));
    return merge(std::move(mapped));
}

std::vector<PteRange> stale_ptes(const Machine& m, Vpage start, Vpage end) {
    std::vector<Mapped<Vpage>> mapped;
    for (Vpage v = start; v < end; ++v)
        m.for_each_stale(v, [&](Pte p) {
            if (p != m.translate(v)) mapped.emplace_back(v, p);
        });
    return merge(std::move(mapped));
}

Span vmemmap_of(const World& w, u8 slot) {
    const Geometry& g = w.machine().geometry();
    const hvo::Folio f = w.pool().folio(g, slot);
    return {g.vpage_of(f.head), g.vpage_of(f.head) + g.vmemmap_pages(f.order)};
}

std::string slot_text(const World& w, u8 slot) {
    constexpr std::array<std::string_view, 3> from{"buddy", "boot memory", "hot-added memory"};
    const hvo::FolioSlot& s = w.pool().slots[slot];
    const Geometry& g = w.machine().geometry();
    const std::string size = print_bytes((u64{1} << g.folio_order[s.size]) * g.page_bytes);
    const bool hugetlb = s.state == hvo::SlotState::hugetlb;
    return fmt::format("{} of {} at pfn {}, from {}{}", size, hugetlb ? "hugetlb" : "ordinary pages",
                       s.head.value, from[static_cast<u8>(s.from)],
                       hvo::is_optimised(w.machine(), s.head) ? ", optimised" : "");
}

} // namespace mmodel::show
