// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the templates of the model ask of their parameters, by name: what lacks a member is told so in one
// line.
#pragma once

#include <concepts>
#include <span>

#include "model/machine/event.hpp"
#include "model/machine/geometry.hpp"

namespace mmodel {

// Sees each event on a machine of type M before and after it. May throw, which ends the operation there.
template <class W, class M>
concept WatchOf = requires(W& w, const M& m, const Event& e) {
    w.before(m, e);
    w.after(m, e);
};

// A watch that also says which frame the page allocator gives (nothing: there is none).
template <class W, class M>
concept PicksFrames = requires(W& w, const M& m) {
    { w.pick_frame(m) } -> std::same_as<std::optional<Pfn>>;
};
// Whether it does so now: one that has picks() may also leave it to the allocator.
template <class W>
[[nodiscard]] constexpr bool picks_now(const W& w) {
    if constexpr (requires { w.picks(); })
        return w.picks();
    else
        return true;
}

// Says whether the n-th allocation of an operation is to fail.
template <class F>
concept FaultPlan = requires(const F& f, u64 n) {
    { f.has(n) } -> std::convertible_to<bool>;
};

// What every event needs: the model's Machine, and the machines of terms.
template <class M>
concept MachineLike = requires(M& m, const M& now, Pfn p, Nid nid) {
    { now.geometry() } -> std::same_as<const Geometry&>;
    { now.config() } -> std::same_as<const Config&>;
    { m.alloc_page(nid, true) } -> std::same_as<std::optional<Pfn>>;
    { m.alloc_highmem_page(nid, true) } -> std::same_as<std::optional<Pfn>>;
    { m.alloc_table(nid) } -> std::same_as<std::optional<Pfn>>;
    m.free_page(p);
    m.set_lock(Lock::spin, true);
};

// What the algorithms of hvo/ and percpu/ are written over: the kernel's primitives, one event each.
template <class K>
concept KernelLike =
    requires(K& k, const K& now, Caller by, Pfn p, Nid nid, PteRef r, Pte pte, Vpage v, Vmap a, Order order,
             u64 n, i64 change, Gfp gfp, const Congruent& areas, std::span<const Pfn> pages) {
        requires MachineLike<std::remove_cvref_t<decltype(k.machine())>>;
        { now.geometry() } -> std::same_as<const Geometry&>;
        { k.next_allocation_fails() } -> std::same_as<bool>;
        k.note_failed_allocation();
        { k.alloc_pages_node(by, nid, true, true, gfp) } -> std::same_as<std::optional<Pfn>>;
        { k.pte_alloc_one_kernel(by) } -> std::same_as<std::optional<Pfn>>;
        k.free_page(by, p);
        k.free_bootmem_page(by, p);
        k.pte_free_kernel(by, p);
        k.split_page(by, p, order);
        k.set_pte_at(by, r, pte);
        k.pmd_populate_kernel(by, n, p);
        k.smp_wmb(by);
        k.flush_tlb_kernel_range(by, v, v);
        k.flush_tlb_all(by);
        k.synchronize_rcu(by);
        k.lock(by, Lock::spin);
        k.unlock(by, Lock::spin);
        k.copy_page(by, p, p);
        k.reset_struct_pages(by, p, u8{});
        k.set_optimised(by, v, true);
        k.write_refcount(by, v);
        k.static_branch(by, change);
        k.memmap_pages_add(by, change);
        k.memmap_boot_pages_add(by, change);
        k.warn(by, "");
        { k.kzalloc(by, gfp) } -> std::same_as<bool>;
        { k.enter_scope(gfp) } -> std::same_as<Gfp>;
        k.restore_scope(gfp);
        k.kfree(by, n);
        { now.vmalloc_to_page(a) } -> std::same_as<std::optional<Pfn>>;
        { k.vmap_pages_range_noflush(by, a, pages) } -> std::same_as<Errno>;
        k.vunmap_range_noflush(by, a, n);
        k.flush_tlb_vmalloc(by, a, n);
        k.flush_cache_vmap(by, a, n);
        k.flush_cache_vunmap(by, a, n);
        { k.pcpu_get_vm_areas(by, areas, gfp) } -> std::same_as<std::optional<Vmap>>;
        k.pcpu_free_vm_areas(by, a, areas);
        k.set_page_tag(by, p, n);
        k.memset_zero(by, n, n);
    };

} // namespace mmodel
