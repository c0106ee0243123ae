// SPDX-License-Identifier: GPL-2.0 OR MIT
// The kernel's primitives over a machine. The algorithms of model/hvo are templates over this class, the
// shims of spec/linux call the same members: there is no other way to change a machine while an operation
// runs.
//
// A Watch has `void before(const Machine&, const Event&)` and `void after(const Machine&, const Event&)`. It
// may throw to end the operation at the event. NoWatch costs nothing.
#pragma once

#include <vector>

#include "model/machine/event.hpp"
#include "model/machine/machine.hpp"
#include "model/machine/sabotage.hpp"
#include "model/op.hpp"

namespace mmodel {

struct NoWatch {
    void before(const Machine&, const Event&) {}
    void after(const Machine&, const Event&) {}
};

template <class Watch>
class Kernel {
public:
    Kernel(Machine& m, Watch& w, const Faults& faults = {}, Sabotage sabotage = Sabotage::none)
        : m_(m), watch_(w), faults_(faults), sabotage_(sabotage) {}

    [[nodiscard]] const Machine& machine() const { return m_; }
    [[nodiscard]] Machine& machine() { return m_; }
    [[nodiscard]] const Geometry& geometry() const { return m_.geometry(); }
    [[nodiscard]] bool does(Sabotage s) const { return sabotage_ == s; }
    [[nodiscard]] u64 nr_events() const { return nr_events_; }
    [[nodiscard]] u32 nr_allocs() const { return nr_allocs_; } // allocations tried, failed ones included
    [[nodiscard]] u32 nr_failed_allocs() const {
        return nr_failed_;
    } // for want of memory or because they were told to

    // ---- allocation
    // mm/page_alloc.c: alloc_pages_node(nid, gfp, 0). Contents are whatever the frame held.
    std::optional<Pfn> alloc_pages_node(const char* where, Nid nid, bool this_node) {
        const bool fail = next_allocation_fails();
        const auto p = fail ? std::nullopt : m_.alloc_page(nid, this_node);
        if (!p) ++nr_failed_;
        emit({.kind = EventKind::alloc_pages_node,
              .ok = p.has_value(),
              .nid = nid,
              .this_node = this_node,
              .pfn = p.value_or(no_pfn),
              .where = where},
             [] {});
        return p;
    }

    std::optional<Pfn> pte_alloc_one_kernel(const char* where) {
        const bool fail = next_allocation_fails();
        const auto p = fail ? std::nullopt : m_.alloc_table(Nid{0});
        if (!p) ++nr_failed_;
        emit({.kind = EventKind::pte_alloc_one_kernel,
              .ok = p.has_value(),
              .pfn = p.value_or(no_pfn),
              .where = where},
             [] {});
        return p;
    }

    // Whether the operation's next allocation of higher order is to fail (memory for hot-added blocks,
    // folios).
    bool next_allocation_fails() { return faults_.has(nr_allocs_++); }
    void note_failed_allocation() { ++nr_failed_; }

    void free_page(const char* where, Pfn p) {
        if (does(Sabotage::leak_page) && !std::exchange(spent_, true)) return;
        emit({.kind = EventKind::free_page, .pfn = p, .where = where}, [&] { m_.free_page(p); });
        if (does(Sabotage::double_free))
            emit({.kind = EventKind::free_page, .pfn = p, .where = where}, [&] { m_.free_page(p); });
    }
    void free_bootmem_page(const char* where, Pfn p) {
        if (does(Sabotage::leak_page) && !std::exchange(spent_, true)) return;
        emit({.kind = EventKind::free_bootmem_page, .pfn = p, .where = where},
             [&] { m_.free_bootmem_page(p); });
        if (does(Sabotage::double_free))
            emit({.kind = EventKind::free_page, .pfn = p, .where = where}, [&] { m_.free_page(p); });
    }
    void pte_free_kernel(const char* where, Pfn table) {
        emit({.kind = EventKind::pte_free_kernel, .pfn = table, .where = where},
             [&] { m_.free_table(table); });
    }
    void split_page(const char* where, Pfn p, Order order) {
        if (does(Sabotage::no_split_page)) return;
        emit({.kind = EventKind::split_page, .pfn = p, .n = order.value, .where = where},
             [&] { m_.split_page(p); });
    }

    // ---- page table
    void set_pte_at(const char* where, PteRef r, Pte pte) {
        auto v = m_.installed_at(r);
        if (v && !pte.writable() && does(Sabotage::tail_writable)) pte = Pte::map(pte.pfn(), true);
        if (v && pte.writable() && does(Sabotage::all_read_only)) pte = Pte::map(pte.pfn(), false);
        if (v && does(Sabotage::remap_neighbour)) {
            r.idx = (r.idx + 8) % geometry().ptrs_per_pte;
            v = m_.installed_at(r);
        }
        emit({.kind = EventKind::set_pte_at,
              .ref = r,
              .pte = pte,
              .vpage = v.value_or(Vpage{~u64{0}}),
              .where = where},
             [&] { m_.set_pte(r, pte); });
    }
    void pmd_populate_kernel(const char* where, u64 pmd_idx, Pfn table) {
        emit({.kind = EventKind::pmd_populate_kernel, .pfn = table, .n = pmd_idx, .where = where},
             [&] { m_.install_table(pmd_idx, table); });
    }

    // ---- ordering, TLB, RCU
    void smp_wmb(const char* where, bool of_table = false) {
        if (does(of_table ? Sabotage::no_table_wmb : Sabotage::no_contents_wmb)) return;
        emit({.kind = EventKind::smp_wmb, .where = where}, [&] { m_.order_stores(); });
    }
    void flush_tlb_kernel_range(const char* where, Vpage start, Vpage end) {
        if (does(Sabotage::no_flush)) return;
        emit({.kind = EventKind::flush_tlb_kernel_range, .vpage = start, .n = end - start, .where = where},
             [&] { m_.flush_tlb(start, end); });
    }
    void flush_tlb_all(const char* where) {
        if (does(Sabotage::no_flush)) return;
        emit({.kind = EventKind::flush_tlb_all, .where = where}, [&] { m_.flush_tlb_all(); });
    }
    // Waits until every walker that is inside has left; whatever those did, they did before this returns.
    void synchronize_rcu(const char* where) {
        if (does(Sabotage::no_rcu)) return;
        emit({.kind = EventKind::synchronize_rcu, .where = where}, [&] { m_.walkers.fill({}); });
    }
    void lock(const char* where, Lock l) {
        if (does(Sabotage::no_page_table_lock) && l == Lock::page_table) return;
        if (does(Sabotage::no_mmap_lock) && l == Lock::mmap_read) return;
        emit({.kind = EventKind::lock, .n = static_cast<u64>(l), .where = where},
             [&] { m_.set_lock(l, true); });
    }
    void unlock(const char* where, Lock l) {
        if (does(Sabotage::no_page_table_lock) && l == Lock::page_table) return;
        if ((does(Sabotage::keep_mmap_lock) || does(Sabotage::no_mmap_lock)) && l == Lock::mmap_read) return;
        emit({.kind = EventKind::unlock, .n = static_cast<u64>(l), .where = where},
             [&] { m_.set_lock(l, false); });
    }

    // ---- struct pages
    // A whole page, written through the direct map.
    void copy_page(const char* where, Pfn to, Pfn from) {
        if (does(Sabotage::no_copy)) return;
        emit({.kind = EventKind::copy_page, .pfn = to, .from = from, .where = where}, [&] {
            m_.write(to, m_.read(from));
            m_.note_store(to);
        });
    }
    // mm/hugetlb_vmemmap.c: reset_struct_pages(): slots 0..n-1 of the page become copies of slots n..2n-1.
    void reset_struct_pages(const char* where, Pfn p, u8 n) {
        if (does(Sabotage::no_reset)) return;
        emit({.kind = EventKind::reset_struct_pages, .pfn = p, .n = n, .where = where}, [&] {
            Contents c = m_.read(p);
            for (u8 j = 0; j < n; ++j) c.slots[j] = n + j < Contents::nr_slots ? c.slots[n + j] : c.rest;
            if (c.kind == Contents::Kind::copy && c.slots[0] != slot::head) c.optimised = false;
            m_.write(p, c);
            m_.note_store(p);
        });
    }
    // folio_set/clear_hugetlb_vmemmap_optimized(): a store to the head's struct page through the vmemmap.
    void set_optimised(const char* where, Vpage head, bool on) {
        if (does(Sabotage::no_flag)) return;
        emit({.kind = EventKind::store,
              .on = on,
              .vpage = head,
              .n = static_cast<u64>(StoreTo::optimised_flag),
              .where = where},
             [&] {
                 const Pfn p = m_.translate(head).pfn();
                 Contents c = m_.read(p);
                 c.optimised = on;
                 m_.write(p, c);
                 m_.settle(p, head);
             });
    }
    // A walker's atomic read-modify-write of a refcount that it last saw non-zero.
    void write_refcount(const char* where, Vpage v) {
        emit({.kind = EventKind::store, .vpage = v, .n = static_cast<u64>(StoreTo::refcount), .where = where},
             [] {});
    }

    // ---- counters
    void static_branch(const char* where, i64 delta) {
        if (does(delta > 0 ? Sabotage::no_key_inc : Sabotage::no_key_dec)) return;
        emit({.kind = EventKind::static_branch, .delta = delta, .where = where},
             [&] { m_.counters.static_key += delta; });
    }
    void memmap_pages_add(const char* where, i64 delta) {
        if (does(Sabotage::no_memmap_accounting)) return;
        emit({.kind = EventKind::memmap_pages_add, .delta = delta, .where = where},
             [&] { m_.counters.memmap += delta; });
    }
    void memmap_boot_pages_add(const char* where, i64 delta) {
        if (does(Sabotage::no_memmap_accounting)) return;
        emit({.kind = EventKind::memmap_boot_pages_add, .delta = delta, .where = where},
             [&] { m_.counters.memmap_boot += delta; });
    }
    void warn(const char* where, const char* condition) {
        emit({.kind = EventKind::warn, .where = where, .what = condition}, [] {});
    }

private:
    template <class Apply>
    void emit(const Event& e, Apply&& apply) {
        ++nr_events_;
        watch_.before(m_, e);
        apply();
        watch_.after(m_, e);
    }

    Machine& m_;
    Watch& watch_;
    Faults faults_;
    Sabotage sabotage_;
    u64 nr_events_{};
    u32 nr_allocs_{}, nr_failed_{};
    bool spent_{};
};

} // namespace mmodel
