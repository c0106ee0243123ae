// SPDX-License-Identifier: GPL-2.0 OR MIT
// The kernel's primitives over a machine. The algorithms of model/hvo are templates over this class, the
// shims of spec/linux call the same members: there is no other way to change a machine while an operation
// runs.
//
// A Watch has `void before(const Machine&, const Event&)` and `void after(const Machine&, const Event&)`. It
// may throw to end the operation at the event. NoWatch costs nothing. It may also have
// `std::optional<Pfn> pick_frame(const Machine&)`: then it, not the buddy allocator, chooses among free
// frames.
//
// The machine is a parameter, and so is what says which allocations fail: spec/symbolic runs these same lines
// on a machine of formulas.
#pragma once

#include <bit>
#include <span>
#include <utility>
#include <vector>

#include "model/machine/concepts.hpp"
#include "model/machine/event.hpp"
#include "model/machine/faults.hpp"
#include "model/machine/machine.hpp"

namespace mmodel {

struct NoWatch {
    void before(const Machine&, const Event&) {}
    void after(const Machine&, const Event&) {}
};

template <class Watch, MachineLike M = Machine, FaultPlan F = Faults>
    requires WatchOf<Watch, M>
class Kernel {
public:
    Kernel(M& m, Watch& w, const F& faults = {}) : m_(m), watch_(w), faults_(faults) {}

    [[nodiscard]] const M& machine() const { return m_; }
    [[nodiscard]] M& machine() { return m_; }
    [[nodiscard]] const Geometry& geometry() const { return m_.geometry(); }
    [[nodiscard]] u64 nr_events() const { return nr_events_; }
    [[nodiscard]] u32 nr_allocs() const { return nr_allocs_; } // allocations tried, failed ones included
    [[nodiscard]] u32 nr_failed_allocs() const {
        return nr_failed_;
    } // for want of memory or because they were told to

    // ---- allocation
    // mm/page_alloc.c: alloc_pages_node(nid, gfp, 0). Contents are whatever the frame held.
    // `highmem`: gfp has __GFP_HIGHMEM.
    std::optional<Pfn> alloc_pages_node(Caller where, Nid nid, bool this_node, bool highmem = false,
                                        Gfp gfp = gfp::kernel) {
        const bool fail = next_allocation_fails();
        const auto p = fail ? std::nullopt : take_page(nid, this_node, highmem);
        if (!p) ++nr_failed_;
        emit({.kind = EventKind::alloc_pages_node,
              .ok = p.has_value(),
              .nid = nid,
              .this_node = this_node,
              .gfp = gfp & scope_,
              .pfn = p.value_or(no_pfn),
              .where = where},
             [] {});
        return p;
    }

    std::optional<Pfn> pte_alloc_one_kernel(Caller where) {
        const bool fail = next_allocation_fails();
        const auto p = fail ? std::nullopt : take_table();
        if (!p) ++nr_failed_;
        emit({.kind = EventKind::pte_alloc_one_kernel,
              .ok = p.has_value(),
              .gfp = scope_, // it asks for GFP_KERNEL
              .pfn = p.value_or(no_pfn),
              .where = where},
             [] {});
        return p;
    }

    // Whether the operation's next allocation of higher order is to fail (memory for hot-added blocks,
    // folios).
    bool next_allocation_fails() { return faults_.has(nr_allocs_++); }
    void note_failed_allocation() { ++nr_failed_; }

    // mm/memblock.c, of one frame of a node.
    std::optional<Pfn> memblock_alloc(Caller where, Nid nid) {
        const auto p = next_allocation_fails() ? std::nullopt : m_.alloc_memblock(nid);
        if (!p) ++nr_failed_;
        emit({.kind = EventKind::memblock_alloc,
              .ok = p.has_value(),
              .nid = nid,
              .pfn = p.value_or(no_pfn),
              .where = where},
             [] {});
        return p;
    }
    void memblock_phys_free(Caller where, Pfn p) {
        emit({.kind = EventKind::memblock_phys_free, .pfn = p, .where = where}, [&] { m_.free_memblock(p); });
    }
    // An update in place that may fail: whether it does, for somebody else was there.
    bool update_fails(Caller where, Vpage v) {
        if (!failing_updates_.has(nr_updates_++)) return false;
        emit({.kind = EventKind::update_fails, .vpage = v, .where = where}, [] {});
        return true;
    }
    // The same of an exchange whose loser goes on with what the winner left: no event, for nothing is tried
    // again.
    bool loses_race() { return failing_updates_.has(nr_updates_++); }
    void let_updates_fail(const Faults& which) { failing_updates_ = which; }
    [[nodiscard]] u32 nr_updates() const { return nr_updates_; }
    // Those that are named are what the page allocator gives, as long as a watch does not say it.
    void name_frames(const Frames& which) { frames_ = which.any() ? &which : nullptr; }

    void free_page(Caller where, Pfn p) {
        emit({.kind = EventKind::free_page, .pfn = p, .where = where}, [&] { m_.free_page(p); });
    }
    void free_bootmem_page(Caller where, Pfn p) {
        emit({.kind = EventKind::free_bootmem_page, .pfn = p, .where = where},
             [&] { m_.free_bootmem_page(p); });
    }
    void pte_free_kernel(Caller where, Pfn table) {
        emit({.kind = EventKind::pte_free_kernel, .pfn = table, .where = where},
             [&] { m_.free_table(table); });
    }
    // include/linux/sched/mm.h: memalloc_noio_save(), memalloc_apply_gfp_scope(): until the scope is restored
    // the task's allocations may do no more than this. What they might before.
    Gfp enter_scope(Gfp gfp) { return std::exchange(scope_, scope_ & gfp); }
    void restore_scope(Gfp before) { scope_ = before; }
    void split_page(Caller where, Pfn p, Order order) {
        emit({.kind = EventKind::split_page, .pfn = p, .n = order, .where = where},
             [&] { m_.split_page(p); });
    }

    // ---- page table
    void set_pte_at(Caller where, PteRef r, Pte pte) {
        const auto v = m_.installed_at(r);
        emit({.kind = EventKind::set_pte_at, .ref = r, .pte = pte, .vpage = v, .where = where},
             [&] { m_.set_pte(r, pte); });
    }
    void pmd_populate_kernel(Caller where, u64 pmd_idx, Pfn table) {
        emit({.kind = EventKind::pmd_populate_kernel, .pfn = table, .n = pmd_idx, .where = where},
             [&] { m_.install_table(pmd_idx, table); });
    }

    // ---- ordering, TLB, RCU
    void smp_wmb(Caller where) {
        emit({.kind = EventKind::smp_wmb, .where = where}, [&] { m_.order_stores(); });
    }
    void flush_tlb_kernel_range(Caller where, Vpage start, Vpage end) {
        emit({.kind = EventKind::flush_tlb_kernel_range, .vpage = start, .n = end - start, .where = where},
             [&] { m_.flush_tlb(start, end); });
    }
    void flush_tlb_all(Caller where) {
        emit({.kind = EventKind::flush_tlb_all, .where = where}, [&] { m_.flush_tlb_all(); });
    }
    // Waits until every walker that is inside has left; whatever those did, they did before this returns.
    void synchronize_rcu(Caller where) {
        emit({.kind = EventKind::synchronize_rcu, .where = where}, [&] { m_.walkers.fill({}); });
    }
    void lock(Caller where, Lock l) {
        emit({.kind = EventKind::lock, .n = l, .where = where}, [&] { m_.set_lock(l, true); });
    }
    void unlock(Caller where, Lock l) {
        emit({.kind = EventKind::unlock, .n = l, .where = where}, [&] { m_.set_lock(l, false); });
    }

    // ---- struct pages
    // A whole page, written through the direct map.
    void copy_page(Caller where, Pfn to, Pfn from) {
        emit({.kind = EventKind::copy_page, .pfn = to, .from = from, .where = where}, [&] {
            m_.write(to, m_.read(from));
            m_.note_store(to);
        });
    }
    // mm/hugetlb_vmemmap.c: reset_struct_pages(): slots 0..n-1 of the page become copies of slots n..2n-1.
    void reset_struct_pages(Caller where, Pfn p, u8 n) {
        emit({.kind = EventKind::reset_struct_pages, .pfn = p, .n = n, .where = where}, [&] {
            Contents c = m_.read(p);
            for (u8 j = 0; j < n; ++j) c.slots[j] = n + j < Contents::nr_slots ? c.slots[n + j] : c.rest;
            if (c.kind == Contents::Kind::copy && c.slots[0] != slot::head) c.optimised = false;
            m_.write(p, c);
            m_.note_store(p);
        });
    }
    // mm/internal.h: init_compound_tail() of a struct page in frame p, written through the direct map.
    void init_compound_tail(Caller where, Pfn p, Order order) {
        emit({.kind = EventKind::init_compound_tail, .pfn = p, .n = order, .where = where}, [&] {
            m_.write(p, Contents::tails(order.value));
            m_.note_store(p);
        });
    }
    // mm/hugetlb_vmemmap.c: vmemmap_get_tail(): cmpxchg(&zone->vmemmap_tails[...], NULL, p). False: the zone
    // had one.
    bool cmpxchg_tail(Caller where, const SharedTail& t) {
        const bool first = !m_.shared_tail(t.zone, t.order);
        emit({.kind = EventKind::cmpxchg_tail,
              .ok = first,
              .pfn = t.pfn,
              .n = t.order,
              .bytes = t.zone,
              .where = where},
             [&] {
                 m_.order_stores();
                 if (first) m_.publish_tail(t);
             });
        return first;
    }
    // folio_set/clear_hugetlb_vmemmap_optimized(): a store to the head's struct page through the vmemmap.
    void set_optimised(Caller where, Vpage head, bool on) {
        emit(
            {.kind = EventKind::store, .on = on, .vpage = head, .n = StoreTo::optimised_flag, .where = where},
            [&] {
                const Pfn p = m_.translate(head).pfn();
                Contents c = m_.read(p);
                c.optimised = on;
                m_.write(p, c);
                m_.settle(p, head);
            });
    }
    // A walker's atomic read-modify-write of a refcount that it last saw non-zero.
    void write_refcount(Caller where, Vpage v) {
        emit({.kind = EventKind::store, .vpage = v, .n = StoreTo::refcount, .where = where}, [] {});
    }

    // ---- counters
    void static_branch(Caller where, i64 delta) {
        emit({.kind = EventKind::static_branch, .n = delta, .where = where},
             [&] { m_.counters.static_key += delta; });
    }
    void memmap_pages_add(Caller where, i64 delta) {
        emit({.kind = EventKind::memmap_pages_add, .n = delta, .where = where},
             [&] { m_.counters.memmap += delta; });
    }
    void memmap_boot_pages_add(Caller where, i64 delta) {
        emit({.kind = EventKind::memmap_boot_pages_add, .n = delta, .where = where},
             [&] { m_.counters.memmap_boot += delta; });
    }
    void warn(Caller where, const char* condition) {
        emit({.kind = EventKind::warn, .where = where, .what = condition}, [] {});
    }

    // ---- the vmalloc range
    // mm/slab: kzalloc(), or vzalloc() for the large: an object, or (false) none.
    bool kzalloc(Caller where, Gfp gfp = gfp::kernel) {
        const bool fail = next_allocation_fails();
        if (fail) ++nr_failed_;
        emit({.kind = EventKind::kzalloc, .ok = !fail, .gfp = gfp & scope_, .where = where},
             [&] { m_.tally.objects += !fail; });
        return !fail;
    }
    void kfree(Caller where, u64 nr = 1) {
        emit({.kind = EventKind::kfree, .n = nr, .where = where},
             [&] { m_.tally.objects -= static_cast<i64>(nr); });
    }
    // mm/vmalloc.c: vmalloc_to_page(). What the page table says; nothing for an address outside the range.
    [[nodiscard]] std::optional<Pfn> vmalloc_to_page(Vmap v) const {
        const Pte p = v.value < m_.vmalloc().nr_pages() ? m_.vmalloc().pte(v) : Pte{};
        return p.present() ? std::optional(p.pfn()) : std::nullopt;
    }
    // mm/vmalloc.c: vmap_pages_range_noflush() with PAGE_KERNEL, page by page; no_pfn stands for NULL. On an
    // error
    // (-ENOMEM for a page table or a NULL, -EBUSY where something is mapped) what lies before it stays
    // mapped.
    Errno vmap_pages_range_noflush(Caller where, Vmap start, std::span<const Pfn> pages) {
        for (u64 i = 0; i < pages.size(); ++i) {
            const Vmap v = start + i;
            if (!m_.vmalloc().table(v).present() && !alloc_vmalloc_table(where, v)) return Errno::nomem;
            if (m_.vmalloc().pte(v).present()) return warn(where, "!pte_none"), Errno::busy;
            if (pages[i] == no_pfn) return warn(where, "!page"), Errno::nomem;
            set_vmalloc_pte(where, v, Pte::map(pages[i], true));
        }
        return Errno::ok;
    }
    // mm/vmalloc.c: vunmap_range_noflush(). What is not mapped is passed over.
    void vunmap_range_noflush(Caller where, Vmap start, u64 nr) {
        for (const Vmap v : m_.vmalloc().mapped(start, start + nr)) set_vmalloc_pte(where, v, Pte{});
    }
    void flush_tlb_vmalloc(Caller where, Vmap start, u64 nr) {
        emit({.kind = EventKind::flush_tlb_vmalloc, .vmap = start, .n = nr, .where = where},
             [&] { m_.vmalloc().flush_tlb(start, start + nr); });
    }
    void flush_cache_vmap(Caller where, Vmap start, u64 nr) {
        emit({.kind = EventKind::flush_cache_vmap, .vmap = start, .n = nr, .where = where},
             [&] { m_.vmalloc().flush_cache_vmap(start, start + nr); });
    }
    void flush_cache_vunmap(Caller where, Vmap start, u64 nr) {
        emit({.kind = EventKind::flush_cache_vunmap, .vmap = start, .n = nr, .where = where},
             [&] { m_.vmalloc().flush_cache_vunmap(start, start + nr); });
    }
    // mm/vmalloc.c: pcpu_get_vm_areas(): all or nothing; one purge and retry when there is no room. Counts as
    // one allocation, of the structures that describe the areas.
    std::optional<Vmap> pcpu_get_vm_areas(Caller where, const Congruent& c, Gfp gfp = gfp::kernel) {
        std::optional<Vmap> base;
        if (next_allocation_fails()) {
            ++nr_failed_;
        } else {
            base = m_.vmalloc().find_areas(c);
            if (!base && m_.vmalloc().nr_lazy_pages()) {
                purge_vmap_areas();
                base = m_.vmalloc().find_areas(c);
            }
            if (!base) ++nr_failed_;
        }
        emit({.kind = EventKind::pcpu_get_vm_areas,
              .ok = base.has_value(),
              .gfp = gfp & scope_,
              .vmap = base.value_or(Vmap{}),
              .n = c.offsets.size(),
              .where = where},
             [&] {
                 if (base) m_.vmalloc().reserve(*base, c);
             });
        return base;
    }
    // mm/vmalloc.c: pcpu_free_vm_areas(). What is still mapped there is unmapped, and nobody has it any more.
    void pcpu_free_vm_areas(Caller where, Vmap base, const Congruent& c) {
        for (std::size_t i = 0; i < c.offsets.size(); ++i) {
            flush_cache_vunmap(where, base + c.offsets[i], c.sizes[i]);
            vunmap_range_noflush(where, base + c.offsets[i], c.sizes[i]);
        }
        emit({.kind = EventKind::pcpu_free_vm_areas, .vmap = base, .n = c.offsets.size(), .where = where},
             [&] { m_.vmalloc().give_back(base, c); });
        if (m_.vmalloc().nr_lazy_pages() > lazy_max_pages()) purge_vmap_areas();
    }
    void set_page_tag(Caller where, Pfn p, u64 tag) {
        emit({.kind = EventKind::set_page_tag, .pfn = p, .n = tag, .where = where},
             [&] { m_.set_tag(p, tag); });
    }
    // Zeroes bytes at a virtual address.
    void memset_zero(Caller where, u64 addr, u64 bytes) {
        emit({.kind = EventKind::memset_zero, .n = addr, .bytes = bytes, .where = where}, [] {});
    }

private:
    Gfp scope_{gfp::kernel};
    Faults failing_updates_{};
    u32 nr_updates_{};
    const Frames* frames_{}; // nullptr: none is named
    std::size_t nr_taken_{};

    // Nothing: the allocator chooses, for none is named, or not one that it could give.
    std::optional<Pfn> next_named_frame(Nid nid, bool this_node, bool highmem) {
        if constexpr (std::same_as<M, Machine>) {
            if (!frames_ || nr_taken_ == max_named_frames) return std::nullopt;
            const Pfn p{frames_->nth[nr_taken_++]};
            if (!m_.is_free(p) || (this_node && m_.nid_of(p) != nid)) return std::nullopt;
            const bool is_high = p >= m_.config().highmem_start(m_.nid_of(p).value);
            return is_high && !highmem ? std::nullopt : std::optional(p);
        }
        return std::nullopt;
    }

    // A watch may say which frame it is that the page allocator has to give (nothing: there is none).
    std::optional<Pfn> take_page(Nid nid, bool this_node, bool highmem) {
        if constexpr (PicksFrames<Watch, M>)
            if (picks_now(watch_)) {
                const std::optional<Pfn> p = watch_.pick_frame(m_);
                return p ? m_.alloc_this_page(*p) : p;
            }
        if (const auto p = next_named_frame(nid, this_node, highmem)) return m_.alloc_this_page(*p);
        return highmem ? m_.alloc_highmem_page(nid, this_node) : m_.alloc_page(nid, this_node);
    }
    std::optional<Pfn> take_table() {
        if constexpr (PicksFrames<Watch, M>)
            if (picks_now(watch_)) {
                const std::optional<Pfn> p = watch_.pick_frame(m_);
                return p ? m_.alloc_this_table(*p) : p;
            }
        if (const auto p = next_named_frame(Nid{0}, false, false)) return m_.alloc_this_table(*p);
        return m_.alloc_table(Nid{0});
    }
    // mm/vmalloc.c: lazy_max_pages().
    [[nodiscard]] u64 lazy_max_pages() const {
        return std::bit_width(u64{m_.config().nr_cpu_ids()}) * (32ull << 20) / geometry().page_bytes;
    }
    void purge_vmap_areas() {
        const VmapArea span = m_.vmalloc().lazy_span();
        flush_tlb_vmalloc(Fn::__purge_vmap_area_lazy, span.start, span.end - span.start);
        m_.vmalloc().purge();
    }
    bool alloc_vmalloc_table(Caller where, Vmap v) {
        const auto table = pte_alloc_one_kernel(where);
        if (table) m_.install_vmalloc_table(v, *table);
        return table.has_value();
    }
    void set_vmalloc_pte(Caller where, Vmap v, Pte pte) {
        emit({.kind = EventKind::vmalloc_pte, .pte = pte, .vmap = v, .where = where},
             [&] { m_.set_vmalloc_pte(v, pte); });
    }
    template <class Apply>
    void emit(const Event& e, Apply&& apply) {
        ++nr_events_;
        watch_.before(m_, e);
        apply();
        watch_.after(m_, e);
    }

    M& m_;
    Watch& watch_;
    F faults_;
    u64 nr_events_{};
    u32 nr_allocs_{}, nr_failed_{};
};

} // namespace mmodel
