// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/tasks/footprint.hpp"

namespace mmodel::concurrent {
namespace {

enum class Kind : u8 {
    lock,    // by Lock
    buddy,   // the page allocator
    pmd,     // by PMD: the entry, and whether its block was split
    pte,     // by vmemmap page
    tlb,     // by vmemmap page: stale translations of it
    tlb_pmd, // by PMD: a stale leaf
    tlb_all, // written by who flushes everything, read by who has to do with stale translations
    key,     // the static key
    flag,    // by vmemmap page: the optimised flag in it
    frame,   // by pfn: contents
    walkers, // who is inside
    slot,    // by folio slot
    enabled, // the sysctl
    pcpu,    // the percpu allocator's own state
    vmalloc  // the vmalloc range: entries, areas, TLBs, caches, whose page it is
};

u64 resource(Kind k, u64 n = 0) { return u64{static_cast<u8>(k)} << 56 | n; }

class Adder {
public:
    Adder(Footprint& out, const Machine& m, const Subject& s) : out_(out), m_(m), s_(s) {}
    void read(Kind k, u64 n = 0) { out_.push_back({resource(k, n), false}); }
    void write(Kind k, u64 n = 0) { out_.push_back({resource(k, n), true}); }
    void own_pmds(bool write) {
        for (const auto& [start, end] : s_.vmemmap)
            for (u64 i = m_.pmd_idx(start); i <= m_.pmd_idx(end - 1); ++i)
                out_.push_back({resource(Kind::pmd, i), write});
    }
    void own_tlbs() {
        read(Kind::tlb_all);
        for (const auto& [start, end] : s_.vmemmap) {
            for (u64 i = m_.pmd_idx(start); i <= m_.pmd_idx(end - 1); ++i) read(Kind::tlb_pmd, i);
            for (Vpage v = start; v < end; ++v) read(Kind::tlb, v.value);
        }
    }
    void own_flags() {
        for (const auto& [start, end] : s_.vmemmap)
            read(Kind::flag, start.value), read(Kind::pte, start.value);
    }
    void flush(Vpage start, u64 nr) {
        read(Kind::tlb_all);
        if (!nr) return;
        for (u64 i = m_.pmd_idx(start); i <= m_.pmd_idx(start + (nr - 1)); ++i) write(Kind::tlb_pmd, i);
        for (u64 i = 0; i < nr; ++i) write(Kind::tlb, start.value + i);
    }
    void set_pte(const Event& e) {
        if (!e.is_live()) return; // in a table that only its maker knows
        write(Kind::pte, e.vpage->value);
        write(Kind::tlb, e.vpage->value);
        read(Kind::pmd, m_.pmd_idx(*e.vpage));
        for (const Kind k : {Kind::tlb_all, Kind::key, Kind::walkers}) read(k);
    }
    void store(const Event& e) {
        if (e.store_to() == StoreTo::optimised_flag) write(Kind::flag, e.vpage->value);
        for (const Kind k : {Kind::pte, Kind::tlb}) read(k, e.vpage->value);
        for (const Kind k : {Kind::pmd, Kind::tlb_pmd}) read(k, m_.pmd_idx(*e.vpage));
        read(Kind::tlb_all);
    }

private:
    Footprint& out_;
    const Machine& m_;
    const Subject& s_;
};

bool is_exclusive(const Event& e) { return e.which() != Lock::mmap_read; }
bool is_private(const Event& e) { return e.kind == EventKind::set_pte_at && !e.is_live(); }

// The functions that ask for the optimised flag before their events.
bool reads_flags(Fn f) {
    return f == Fn::__hugetlb_vmemmap_restore_folio || f == Fn::hugetlb_vmemmap_restore_folios ||
           f == Fn::__hugetlb_vmemmap_optimize_folio || f == Fn::hugetlb_vmemmap_optimize_folios;
}

// HVO's code reads nothing before these.
bool follows_without_a_look(const Event& e) {
    using enum EventKind;
    return is_one_of(e.kind, memmap_pages_add, memmap_boot_pages_add, free_page, free_bootmem_page,
                     reset_struct_pages, flush_tlb_kernel_range, flush_tlb_all);
}

// Between these the percpu code only works down what it has decided: the pages of one run.
bool is_of_a_run(const Event& e) {
    using enum EventKind;
    return is_one_of(e.kind, alloc_pages_node, pte_alloc_one_kernel, vmalloc_pte, set_page_tag, free_page,
                     flush_cache_vmap, flush_cache_vunmap, flush_tlb_vmalloc);
}

} // namespace

Subject subject_of(const World& w, const Op& op) {
    Subject s{.op = op};
    const u32 f = fields_of(op.kind);
    const Geometry& g = w.machine().geometry();
    for (u8 i = 0; i < max_folios && !is_percpu(op.kind); ++i) {
        const bool named = (f & f_folios && op.folios >> i & 1) || (f & f_folio && op.folio == i);
        if (!named || w.pool().slots[i].state == hvo::SlotState::none) continue;
        const hvo::Folio folio = w.pool().folio(g, i);
        const Vpage start = g.vpage_of(folio.head);
        s.vmemmap.emplace_back(start, start + g.vmemmap_pages(folio.order));
    }
    return s;
}

void add_effect(Footprint& out, const Machine& m, const Subject& s, const Event& e) {
    Adder a(out, m, s);
    switch (e.kind) {
    case EventKind::lock:
    case EventKind::unlock:
        if (is_exclusive(e)) a.write(Kind::lock, static_cast<u64>(e.which()));
        if (is_percpu(s.op.kind)) a.write(Kind::pcpu);
        return;
    case EventKind::free_page:
    case EventKind::free_bootmem_page:
        a.write(Kind::buddy);
        a.own_pmds(false);
        return a.own_tlbs();
    case EventKind::memblock_phys_free:
    case EventKind::pte_free_kernel: return a.write(Kind::buddy);
    case EventKind::split_page: return a.own_pmds(true);
    case EventKind::pmd_populate_kernel:
        a.write(Kind::pmd, e.pmd_idx());
        a.write(Kind::tlb_pmd, e.pmd_idx());
        return a.read(Kind::tlb_all);
    case EventKind::set_pte_at: return a.set_pte(e);
    case EventKind::store: return a.store(e);
    case EventKind::copy_page: a.read(Kind::frame, e.from.value); [[fallthrough]];
    case EventKind::reset_struct_pages:
    case EventKind::init_compound_tail:
    case EventKind::cmpxchg_tail: return a.write(Kind::frame, e.pfn.value);
    case EventKind::flush_tlb_kernel_range: return a.flush(*e.vpage, e.nr_pages());
    case EventKind::flush_tlb_all: return a.write(Kind::tlb_all);
    case EventKind::synchronize_rcu: return a.read(Kind::walkers);
    case EventKind::static_branch: return a.write(Kind::key);
    case EventKind::vmalloc_pte:
    case EventKind::flush_tlb_vmalloc:
    case EventKind::flush_cache_vmap:
    case EventKind::flush_cache_vunmap:
    case EventKind::pcpu_get_vm_areas:
    case EventKind::pcpu_free_vm_areas:
    case EventKind::set_page_tag: return a.write(Kind::vmalloc);
    case EventKind::memset_zero: return a.read(Kind::vmalloc);
    case EventKind::memblock_alloc:
    case EventKind::update_fails: return;
    // Taken before the event; of who runs alone; or sums that nobody reads before all is at rest.
    case EventKind::alloc_pages_node:
    case EventKind::pte_alloc_one_kernel:
    case EventKind::smp_wmb:
    case EventKind::memmap_pages_add:
    case EventKind::memmap_boot_pages_add:
    case EventKind::warn:
    case EventKind::kzalloc:
    case EventKind::kfree: return;
    }
}

void add_before(Footprint& out, const Machine& m, const Subject& s, const Event& next) {
    Adder a(out, m, s);
    if (next.kind == EventKind::alloc_pages_node || next.kind == EventKind::pte_alloc_one_kernel)
        a.write(Kind::buddy);
    if (is_percpu(s.op.kind)) {
        if (next.kind == EventKind::pcpu_get_vm_areas || next.kind == EventKind::vmalloc_pte)
            a.read(Kind::vmalloc);
        if (next.kind == EventKind::kfree) a.write(Kind::vmalloc); // areas may have been purged
        if (!is_of_a_run(next)) a.write(Kind::pcpu);
        return;
    }
    if (follows_without_a_look(next)) return;
    if (is_private(next) || (next.is_lock() && !is_exclusive(next))) return;
    a.own_pmds(false);
    if (reads_flags(next.where.fn())) a.own_flags();
}

void add_edge(Footprint& out, const Machine& m, const Subject& s) {
    Adder a(out, m, s);
    if (is_percpu(s.op.kind)) {
        a.write(Kind::pcpu);
        return a.read(Kind::vmalloc); // where an area is, by its address
    }
    a.own_pmds(false);
    a.own_flags();
    const u32 f = fields_of(s.op.kind);
    const auto slots = [&](bool write) {
        for (u8 i = 0; i < max_folios; ++i)
            if ((f & f_folios && s.op.folios >> i & 1) || (f & f_folio && s.op.folio == i))
                write ? a.write(Kind::slot, i) : a.read(Kind::slot, i);
    };
    switch (hvo_op(s.op.kind)) {
    case HvoOp::sysctl: return a.write(Kind::enabled);
    case HvoOp::alloc_folio:
    case HvoOp::free_folio:
    case HvoOp::alloc_lru:
    case HvoOp::free_lru:
        slots(true);
        a.write(Kind::buddy);
        break;
    case HvoOp::boot_folio:
    case HvoOp::boot_late:
    case HvoOp::boot_up: slots(true); [[fallthrough]];
    case HvoOp::hot_add:
    case HvoOp::take_pages:
    case HvoOp::give_pages: a.write(Kind::buddy); break;
    case HvoOp::walker_enter:
    case HvoOp::walker_try_get:
    case HvoOp::walker_leave: a.write(Kind::walkers); [[fallthrough]];
    case HvoOp::optimise:
    case HvoOp::restore:
    case HvoOp::optimise_list:
    case HvoOp::restore_list: slots(false); break;
    }
    a.read(Kind::enabled);
}

u64 view_hash(const World& w, const Subject& s) {
    const Machine& m = w.machine();
    if (is_percpu(s.op.kind)) return hash_combine(w.pcpu().hash(), m.vmalloc().hash());
    u64 h = w.pool().enabled;
    for (const auto& [start, end] : s.vmemmap) {
        for (Vpage v = start; v < end; ++v) {
            const Pmd pmd = m.pmd(m.pmd_idx(v));
            const Pte pte = m.translate(v);
            h = hash_combine(h, pmd.pfn.value << 2 | static_cast<u64>(pmd.kind));
            h = hash_combine(h, pte.present() ? pte.pfn().value << 1 | u64{pte.writable()} : ~u64{0});
        }
        h = hash_combine(h, hash_of(m.read(m.translate(start).pfn())));
    }
    for (u8 i = 0; i < max_folios; ++i) {
        const hvo::FolioSlot& slot = w.pool().slots[i];
        h = hash_combine(h, slot.head.value << 2 | static_cast<u64>(slot.state));
    }
    if (fields_of(s.op.kind) & f_walker) {
        const Walker& walker = m.walkers[s.op.walker];
        h = hash_combine(h, walker.page.value << 2 | u64{walker.may_write} << 1 | u64{walker.inside});
    }
    return h;
}

} // namespace mmodel::concurrent
