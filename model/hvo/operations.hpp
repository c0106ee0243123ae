// SPDX-License-Identifier: GPL-2.0 OR MIT
// As much of mm/hugetlb.c as makes the operations real: folios are taken from the page allocator, boot memory
// or a hot-added block, marked hugetlb, and go back only once their vmemmap is restored. One function an
// operation.
#pragma once

#include "model/hvo/boot_operations.hpp"
#include "model/outcome.hpp"

namespace mmodel::hvo {

// The calls under test, and what mm/hugetlb.c does around them. The model has them below; the driver of
// spec/linux calls the real file.
template <class C>
concept CallsLike =
    requires(C& c, Folio f, std::span<const Folio> folios, Pfn p, bool on, const Pool& pool, u16 mask) {
        c.prep(f);
        c.dissolve(f);
        c.use_as_lru(f, on);
        c.hot_added(p, p, p, on);
        { c.optimise(f, on) } -> std::same_as<Errno>;
        { c.restore(f) } -> std::same_as<Errno>;
        c.optimise_list(folios, on);
        { c.restore_list(folios) } -> std::same_as<RestoreFolios>;
        // Before the page allocator is up; whether there is such a thing.
        { c.has_boot() } -> std::same_as<bool>;
        {
            c.boot_early(f, on)
        } -> std::same_as<bool>; // whether it has populated the folio's vmemmap, or will
        {
            c.boot_late(pool, mask, mask)
        } -> std::same_as<u16>; // of the early slots, those that span two zones: those given back
        c.prep_boot(f, on);
        c.boot_up(folios, on);
        c.show_vmemmap(f); // its page tables have changed
        c.is_freed(p);     // memblock's frame is the page allocator's
    };

template <KernelLike K>
struct ModelCalls {
    K& k;

    void prep(Folio) {}
    void dissolve(Folio) {}
    void use_as_lru(Folio, bool) {}
    void hot_added(Pfn, Pfn, Pfn, bool) {}
    Errno optimise(Folio f, bool enabled) { return hugetlb_vmemmap_optimize_folio(k, f, enabled); }
    Errno restore(Folio f) { return hugetlb_vmemmap_restore_folio(k, f); }
    void optimise_list(std::span<const Folio> f, bool enabled) {
        hugetlb_vmemmap_optimize_folios(k, f, enabled);
    }
    RestoreFolios restore_list(std::span<const Folio> f) { return hugetlb_vmemmap_restore_folios(k, f); }
    static bool has_boot() { return true; }
    bool boot_early(Folio f, bool enabled) { return hugetlb_vmemmap_init_early(k, f, enabled); }
    u16 boot_late(const Pool& pool, u16, u16 spanning) {
        for (u8 nid = 0; nid < k.machine().config().nr_nodes; ++nid)
            for (const Folio& f : folios_of(pool, k.geometry(), spanning))
                if (k.machine().nid_of(f.head).value == nid) hugetlb_vmemmap_init_late(k, f);
        return spanning;
    }
    void prep_boot(Folio, bool) {}
    void boot_up(std::span<const Folio> f, bool enabled) {
        hugetlb_vmemmap_optimize_bootmem_folios(k, f, enabled);
    }
    void show_vmemmap(Folio) {}
    void is_freed(Pfn) {}
};

// The folios of a list operation in ascending slot order; empty unless all are hugetlb and of one size.
template <class K>
std::vector<Folio> listed_folios(const Pool& pool, const K& k, u16 mask) {
    std::vector<Folio> out;
    std::optional<u8> size;
    for (u8 i = 0; i < max_folios; ++i) {
        if (!(mask >> i & 1)) continue;
        const FolioSlot& s = pool.slots[i];
        if (s.state != SlotState::hugetlb || size.value_or(s.size) != s.size) return {};
        size = s.size;
        out.push_back(pool.folio(k.geometry(), i));
    }
    return out;
}

// alloc_buddy_hugetlb_folio(), alloc_gigantic_folio(), or the boot-time reservation. The fault counts as one
// allocation.
template <class K>
std::optional<Pfn> take_folio_memory(K& k, Pool& pool, const Op& op, Order order) {
    if (k.next_allocation_fails()) return std::nullopt;
    auto& m = k.machine();
    switch (op.from) {
    case From::buddy: return m.take_contig(Nid{op.nid}, order);
    case From::hot:
        for (u8 b = 0; b < max_hot_blocks; ++b)
            if (m.hot_block(b).present && m.hot_block(b).nid.value == op.nid)
                if (const auto p = m.take_in_block(b, order)) return p;
        return std::nullopt;
    case From::boot: break;
    }
    const Pfn end = m.config().node_start(op.nid) + m.config().frames_per_node;
    return end - (u64{++pool.boot_taken[op.nid]} << order.value);
}

template <class K>
bool can_take(const K& k, const Pool& pool, const Op& op) {
    const Config& c = k.machine().config();
    if (pool.slots[op.folio].state != SlotState::none || op.size >= c.geometry.nr_hstates() ||
        op.nid >= c.nr_nodes)
        return false;
    if (op.from != From::boot) return true;
    return op.size + 1 == c.geometry.nr_hstates() && pool.boot_taken[op.nid] < c.boot_gigantic;
}

// The folio's memory, into its slot. -ENOMEM: the slot stays empty.
template <class K>
Errno fill_slot(Pool& pool, K& k, const Op& op, SlotState state) {
    const auto head = take_folio_memory(k, pool, op, Order{k.geometry().folio_order[op.size]});
    if (!head) return k.note_failed_allocation(), Errno::nomem;
    pool.slots[op.folio] = {state, op.from, op.size, *head};
    return Errno::ok;
}

template <class K, class Calls>
Outcome alloc_folio(Pool& pool, K& k, Calls& calls, const Op& op) {
    if (!can_take(k, pool, op)) return Outcome::disable();
    if (const Errno err = fill_slot(pool, k, op, SlotState::hugetlb); err != Errno::ok) return {.err = err};
    const Folio f = pool.folio(k.geometry(), op.folio);
    k.machine().prep_compound(op.folio, f.head, f.order);
    calls.prep(f);
    return {};
}

// Free: restore first. If that fails the folio stays hugetlb and optimised, as a surplus page of the pool.
template <class K, class Calls>
Outcome free_folio(Pool& pool, K& k, Calls& calls, const Op& op) {
    FolioSlot& s = pool.slots[op.folio];
    if (s.state != SlotState::hugetlb) return Outcome::disable();
    const Folio f = pool.folio(k.geometry(), op.folio);
    if (const Errno err = calls.restore(f); err != Errno::ok) return {.err = err};
    calls.dissolve(f);
    k.machine().dissolve_compound(op.folio);
    k.machine().give_range(f.head, u64{1} << f.order);
    s = {};
    return {};
}

template <class K, class Calls>
Outcome alloc_lru(Pool& pool, K& k, Calls& calls, const Op& op) {
    if (!can_take(k, pool, op)) return Outcome::disable();
    if (const Errno err = fill_slot(pool, k, op, SlotState::lru); err != Errno::ok) return {.err = err};
    calls.use_as_lru(pool.folio(k.geometry(), op.folio), true);
    return {};
}

template <class K, class Calls>
Outcome free_lru(Pool& pool, K& k, Calls& calls, const Op& op) {
    FolioSlot& s = pool.slots[op.folio];
    if (s.state != SlotState::lru) return Outcome::disable();
    const Folio f = pool.folio(k.geometry(), op.folio);
    calls.use_as_lru(f, false);
    k.machine().give_range(f.head, u64{1} << f.order);
    s = {};
    return {};
}

// A page in use has a refcount that is not zero: a walker that has seen it will try to raise it.
template <class K>
Outcome walker_enter(Pool& pool, K& k, const Op& op) {
    const FolioSlot& s = pool.slots[op.folio];
    Walker& w = k.machine().walkers[op.walker];
    if (w.inside || s.state == SlotState::none ||
        op.page >= u64{1} << pool.folio(k.geometry(), op.folio).order)
        return Outcome::disable();
    w = {.inside = true, .may_write = s.state == SlotState::lru, .page = s.head + op.page};
    return {};
}

// include/linux/page_ref.h: page_ref_add_unless(): an atomic that writes, though to no effect, even when it
// loses.
template <class K>
Outcome walker_try_get(K& k, const Op& op) {
    Walker& w = k.machine().walkers[op.walker];
    if (!w.inside) return Outcome::disable();
    if (!w.may_write) return {.err = Errno::busy};
    k.write_refcount(Fn::page_ref_add_unless, k.geometry().vpage_of(w.page));
    w.may_write = false;
    return {};
}

template <class K>
Outcome walker_leave(K& k, const Op& op) {
    Walker& w = k.machine().walkers[op.walker];
    if (!w.inside) return Outcome::disable();
    w = {};
    return {};
}

// mm/memory_hotplug.c: add_memory(). Without memmap_on_memory the vmemmap is a block of the page allocator's.
template <class K, class Calls>
Outcome hot_add(K& k, Calls& calls, const Op& op) {
    auto& m = k.machine();
    const Config& c = m.config();
    u8 b = 0;
    while (b < max_hot_blocks && m.hot_block(b).present) ++b;
    if (b == max_hot_blocks || !c.hot_block_frames || op.nid >= c.nr_nodes) return Outcome::disable();
    Pfn vmemmap = c.hot_block_start(b);
    if (!op.on) {
        u8 order = 0;
        while (u64{1} << order < c.vmemmap_frames(c.hot_block_frames)) ++order;
        const auto p = k.next_allocation_fails() ? std::nullopt : m.take_contig(Nid{op.nid}, Order{order});
        if (!p) return k.note_failed_allocation(), Outcome{.err = Errno::nomem};
        vmemmap = *p;
    }
    m.add_block(b, Nid{op.nid}, vmemmap, op.on);
    calls.hot_added(c.hot_block_start(b), c.hot_block_start(b) + c.hot_block_frames, vmemmap, op.on);
    return {};
}

template <class K>
Outcome take_pages(K& k, const Op& op) {
    auto& m = k.machine();
    if (op.nid >= m.config().nr_nodes) return Outcome::disable();
    const u64 free = m.nr_free_pages(Nid{op.nid});
    if (m.pressure(Nid{op.nid}) || free <= op.page) return Outcome::disable();
    m.set_pressure(Nid{op.nid}, free - op.page);
    return {};
}

template <class K>
Outcome give_pages(K& k, const Op& op) {
    auto& m = k.machine();
    if (op.nid >= m.config().nr_nodes || !m.pressure(Nid{op.nid})) return Outcome::disable();
    m.set_pressure(Nid{op.nid}, 0);
    return {};
}

template <class K, class Calls>
Outcome run_list(Pool& pool, K& k, Calls& calls, const Op& op) {
    const std::vector<Folio> folios = listed_folios(pool, k, op.folios);
    if (folios.empty()) return Outcome::disable();
    if (op.kind == OpKind::optimise_list) {
        calls.optimise_list(folios, pool.enabled);
        return {};
    }
    const RestoreFolios r = calls.restore_list(folios);
    return {.err = r.err, .restored = r.restored, .moved = r.moved};
}

// One operation, by name.
// Needs: !is_percpu(op.kind).
template <KernelLike K, CallsLike Calls>
Outcome run(Pool& pool, K& k, Calls& calls, const Op& op) {
    const bool hugetlb = pool.slots[op.folio].state == SlotState::hugetlb;
    if (!is_boot_op(op.kind) && is_booting(pool)) return Outcome::disable();
    switch (hvo_op(op.kind)) {
    case HvoOp::alloc_folio: return alloc_folio(pool, k, calls, op);
    case HvoOp::free_folio: return free_folio(pool, k, calls, op);
    case HvoOp::optimise:
        return hugetlb ? Outcome{.err = calls.optimise(pool.folio(k.geometry(), op.folio), pool.enabled)}
                       : Outcome::disable();
    case HvoOp::restore:
        return hugetlb ? Outcome{.err = calls.restore(pool.folio(k.geometry(), op.folio))}
                       : Outcome::disable();
    case HvoOp::optimise_list:
    case HvoOp::restore_list: return run_list(pool, k, calls, op);
    case HvoOp::sysctl: pool.enabled = op.on; return {};
    case HvoOp::alloc_lru: return alloc_lru(pool, k, calls, op);
    case HvoOp::free_lru: return free_lru(pool, k, calls, op);
    case HvoOp::walker_enter: return walker_enter(pool, k, op);
    case HvoOp::walker_try_get: return walker_try_get(k, op);
    case HvoOp::walker_leave: return walker_leave(k, op);
    case HvoOp::hot_add: return hot_add(k, calls, op);
    case HvoOp::take_pages: return take_pages(k, op);
    case HvoOp::give_pages: return give_pages(k, op);
    case HvoOp::boot_folio: return boot_folio(pool, k, calls, op);
    case HvoOp::boot_late: return boot_late(pool, k, calls, op);
    case HvoOp::boot_up: return boot_up(pool, k, calls, op);
    }
    return Outcome::disable();
}

} // namespace mmodel::hvo
