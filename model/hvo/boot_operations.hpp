// SPDX-License-Identifier: GPL-2.0 OR MIT
// The operations on folios of boot memory before the page allocator is up, and what mm/hugetlb.c, mm/sparse.c
// and mm/mm_init.c do around the calls. As long as a folio is on its way, no other operation of HVO runs.
#pragma once

#include "model/hvo/boot.hpp"
#include "model/hvo/pool.hpp"
#include "model/outcome.hpp"

namespace mmodel::hvo {

constexpr bool is_boot_op(OpKind k) {
    return k == OpKind::boot_folio || k == OpKind::boot_late || k == OpKind::boot_up;
}

// Which slots are in that state.
[[nodiscard]] inline u16 slots_in(const Pool& pool, SlotState state) {
    u16 mask = 0;
    for (u8 i = 0; i < max_folios; ++i)
        if (pool.slots[i].state == state) mask |= static_cast<u16>(1u << i);
    return mask;
}

// Whether folios are on their way from memblock to hugetlb.
[[nodiscard]] inline bool is_booting(const Pool& pool) {
    return slots_in(pool, SlotState::early) || slots_in(pool, SlotState::late);
}

[[nodiscard]] inline std::vector<Folio> folios_of(const Pool& pool, const Geometry& g, u16 mask) {
    std::vector<Folio> out;
    for (u8 i = 0; i < max_folios; ++i)
        if (mask >> i & 1) out.push_back(pool.folio(g, i));
    return out;
}

// Whether a node's boot memory has another gigantic folio.
[[nodiscard]] inline bool has_boot_folio(const Config& c, const Pool& pool, u8 nid) {
    return nid < c.nr_nodes && pool.boot_taken[nid] < c.boot_gigantic;
}

// What the next gigantic folio of a node's boot memory is.
[[nodiscard]] inline Folio next_boot_folio(const Config& c, const Pool& pool, u8 nid) {
    const u8 order = c.geometry.folio_order[c.geometry.nr_hstates() - 1];
    const Pfn end = c.node_start(nid) + c.frames_per_node;
    return {end - ((u64{pool.boot_taken[nid]} + 1) << order), order};
}

// The PMDs of a folio's vmemmap: whole ones, as boot populated them. Tables of two populations find memory.
template <class M>
[[nodiscard]] bool can_be_unpopulated(const M& m, Folio f) {
    const u64 start = m.geometry().vpage_of(f.head).value, nr = m.geometry().vmemmap_pages(f.order);
    const u64 ptrs = m.geometry().ptrs_per_pte;
    if (start % ptrs || nr % ptrs || !nr || m.nr_free_pages(m.nid_of(f.head)) < 2 * nr / ptrs + 2)
        return false;
    for (u64 pmd = start / ptrs; pmd < (start + nr) / ptrs; ++pmd)
        if (!m.is_as_at_boot(pmd)) return false;
    return true;
}

// Nothing but other folios that are as far; nobody is looking.
template <class M>
[[nodiscard]] bool is_early(const M& m, const Pool& pool) {
    for (const FolioSlot& s : pool.slots)
        if (s.state != SlotState::none && s.state != SlotState::early) return false;
    for (const Walker& w : m.walkers)
        if (w.inside) return false;
    return true;
}

// mm/hugetlb.c: alloc_bootmem_huge_page(); mm/sparse.c: sparse_init(), which populates what the call has not.
template <class K, class Calls>
Outcome boot_folio(Pool& pool, K& k, Calls& calls, const Op& op) {
    auto& m = k.machine();
    const Config& c = m.config();
    if (!has_boot_folio(c, pool, op.nid) || pool.slots[op.folio].state != SlotState::none ||
        !is_early(m, pool) || !calls.has_boot())
        return Outcome::disable();
    const Folio f = next_boot_folio(c, pool, op.nid);
    if (!can_be_unpopulated(m, f)) return Outcome::disable();
    if (k.next_allocation_fails()) return k.note_failed_allocation(), Outcome{.err = Errno::nomem};
    ++pool.boot_taken[op.nid];
    pool.slots[op.folio] = {SlotState::early, From::boot, static_cast<u8>(c.geometry.nr_hstates() - 1),
                            f.head};
    const Vpage start = vmemmap_start(k, f), end = vmemmap_end(k, f);
    for (u64 pmd = m.pmd_idx(start); pmd < m.pmd_idx(end - 1) + 1; ++pmd) m.unpopulate(pmd);
    m.counters.memmap_boot -= static_cast<i64>(end - start);
    calls.show_vmemmap(f);
    if (calls.boot_early(f, pool.enabled)) return {};
    m.populate(start, end);
    m.counters.memmap_boot += static_cast<i64>(end - start);
    calls.show_vmemmap(f);
    return {};
}

// A folio that spans two zones is given back to memblock.
template <class K, class Calls>
void give_back_boot_folio(Pool& pool, K& k, Calls& calls, u8 slot) {
    const Folio f = pool.folio(k.geometry(), slot);
    for (Vpage v = vmemmap_start(k, f); v < vmemmap_end(k, f); ++v) k.machine().init_struct_pages(v);
    calls.dissolve(f);
    k.machine().give_range(f.head, u64{1} << f.order);
    pool.slots[slot] = {};
}

template <class K, class Calls>
Outcome boot_late(Pool& pool, K& k, Calls& calls, const Op& op) {
    const u16 early = slots_in(pool, SlotState::early);
    if (!early || (op.folios & ~early)) return Outcome::disable();
    const u16 gone = calls.boot_late(pool, early, op.folios);
    for (u8 i = 0; i < max_folios; ++i) {
        if (!(early >> i & 1)) continue;
        pool.slots[i].state = SlotState::late;
        if (gone >> i & 1) give_back_boot_folio(pool, k, calls, i);
    }
    return {};
}

// mm/mm_init.c: memblock_free_all(); mm/hugetlb.c: gather_bootmem_prealloc(): struct pages of the folio, and
// of one that was populated optimised the flag.
template <class K, class Calls>
void prep_boot_folio(Pool& pool, K& k, Calls& calls, u8 slot) {
    auto& m = k.machine();
    const Folio f = pool.folio(k.geometry(), slot);
    const bool optimised = is_populated_optimised(m, f);
    const Vpage start = vmemmap_start(k, f), end = optimised ? start + 1 : vmemmap_end(k, f);
    m.prep_compound(slot, f.head, f.order);
    for (Vpage v = start; v < end; ++v) m.init_struct_pages(v);
    if (optimised) {
        Contents head = m.read(m.translate(start).pfn());
        head.optimised = true;
        m.write(m.translate(start).pfn(), head);
    }
    pool.slots[slot].state = SlotState::hugetlb;
    calls.prep_boot(f, optimised);
}

template <class K, class Calls>
Outcome boot_up(Pool& pool, K& k, Calls& calls, const Op& op) {
    const u16 late = slots_in(pool, SlotState::late);
    if (!op.folios || (op.folios & ~late)) return Outcome::disable();
    k.machine().end_memblock([&](Pfn p) { calls.is_freed(p); });
    for (u8 i = 0; i < max_folios; ++i)
        if (op.folios >> i & 1) prep_boot_folio(pool, k, calls, i);
    calls.boot_up(folios_of(pool, k.geometry(), op.folios), pool.enabled);
    return {};
}

} // namespace mmodel::hvo
