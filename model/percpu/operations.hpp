// SPDX-License-Identifier: GPL-2.0 OR MIT
// The operations of the percpu allocator: who holds which area, and one function an operation. What is called
// is the model's or the real file's.
#pragma once

#include <expected>

#include "model/outcome.hpp"
#include "model/percpu/balance.hpp"
#include "model/percpu/first_chunk.hpp"

namespace mmodel::pcpu {

constexpr u64 value_of(Where w) { return u64{w.chunk} << 32 | static_cast<u32>(w.off); }

// The calls under test. The model has them below; the driver of spec/linux calls the real file.
template <class C>
concept CallsLike = requires(C& c, const BootParams& b, Request r, Where w, u64 addr, ChunkId id, int page) {
    { c.boot(b) } -> std::same_as<Errno>;
    { c.alloc(r) } -> std::same_as<std::expected<Where, Errno>>;
    { c.free(w) } -> std::same_as<bool>;
    c.free_again(w); // of what is not allocated
    c.balance();
    { c.lookup(addr) } -> std::same_as<u64>;
    c.online(u8{}, true);
    { c.create() } -> std::same_as<ChunkId>;
    { c.populate(id, page, page) } -> std::same_as<Errno>;
    c.depopulate(id, page, page);
    c.destroy(id);
    { c.should_reclaim(id) } -> std::same_as<bool>;
};

template <KernelLike K>
struct ModelCalls {
    K& k;
    Pcpu& p;

    Errno boot(const BootParams& b) { return setup_per_cpu_areas(k, p, b); }
    std::expected<Where, Errno> alloc(Request r) {
        if (const auto w = pcpu_alloc(k, p, r)) return *w;
        return std::unexpected(is_legal(p.sizes, size_of(r), align_of(r)) ? Errno::nomem : Errno::inval);
    }
    bool free(Where w) { return free_percpu(k, p, p.chunks[w.chunk].base_addr + static_cast<u64>(w.off)); }
    void free_again(Where) {}
    void balance() { pcpu_balance_workfn(k, p); }
    u64 lookup(u64 addr) { return per_cpu_ptr_to_phys(k, p, addr); }
    void online(u8, bool) {}

    ChunkId create() { return pcpu_create_chunk(k, p, p.backing_gfp(gfp::kernel)); }
    Errno populate(ChunkId id, int start, int end) {
        const Errno err = pcpu_populate_chunk(k, p, id, start, end, p.backing_gfp(gfp::kernel));
        if (err == Errno::ok) chunk_populated(p, id, start, end);
        return err;
    }
    void depopulate(ChunkId id, int start, int end) {
        pcpu_depopulate_chunk(k, p, id, start, end);
        chunk_depopulated(p, id, start, end);
        pcpu_post_unmap_tlb_flush(k, p, id, start, end);
    }
    void destroy(ChunkId id) {
        for_each_run(p, id, true, 0, p.chunks[id].nr_pages, [&](int rs, int re) {
            pcpu_depopulate_chunk(k, p, id, rs, re);
            chunk_depopulated(p, id, rs, re);
            return true;
        });
        pcpu_destroy_chunk(k, p, id);
    }
    bool should_reclaim(ChunkId id) { return pcpu_should_reclaim_chunk(p, id); }
};

constexpr BootParams params_of(const Op& op) {
    return {op.static_bytes(), op.reserved_bytes(), op.dyn_bytes(), op.atom_bytes(), op.is_paged()};
}

template <class Calls>
Outcome boot(const Pcpu& p, Calls& calls, const Op& op) {
    if (p.booted) return Outcome::disable();
    return {.err = calls.boot(params_of(op))};
}

// An area into its slot. -EINVAL: the request was refused; -ENOMEM: there was no space or memory.
template <class Calls>
Outcome alloc(Pcpu& p, Calls& calls, u8 slot, const Request& r) {
    if (!p.booted || p.areas[slot].live) return Outcome::disable();
    const std::expected<Where, Errno> w = calls.alloc(r);
    if (!w) return {.err = w.error()};
    p.areas[slot] = {true, w->chunk, w->off, static_cast<int>(size_of(r))};
    return {.value = value_of(*w)};
}

// free_percpu() of what is not allocated is refused, and changes nothing. It would corrupt a chunk of a
// kernel before 6.19, of which it is not asked.
template <class Calls>
Outcome free(Pcpu& p, Calls& calls, u8 slot, bool again) {
    Area& a = p.areas[slot];
    if (again) {
        if (a.live || a.chunk == no_chunk) return Outcome::disable();
        calls.free_again({a.chunk, a.off});
        return {.err = Errno::inval};
    }
    if (!a.live) return Outcome::disable();
    a.live = false;
    return {.err = calls.free({a.chunk, a.off}) ? Errno::ok : Errno::inval};
}

// kernel/module/main.c: percpu_modalloc(): an alignment past a page is cut to one.
template <class Calls>
Outcome module_load(Pcpu& p, Calls& calls, const Op& op) {
    const u64 align = std::min<u64>(op.align, p.sizes.page_bytes);
    return alloc(p, calls, op.area(), {.bytes = op.bytes, .align = align, .reserved = true, .atomic = false});
}

template <class Calls>
Outcome balance(const Pcpu& p, Calls& calls) {
    if (!p.booted || !p.balance_scheduled) return Outcome::disable();
    calls.balance();
    return {};
}

// Percpu memory of a CPU that is not online is there all the same: nothing is allocated when it comes.
template <class K, class Calls>
Outcome cpu_online(K& k, Calls& calls, const Op& op) {
    const Config& c = k.machine().config();
    if (!c.cpu_possible(op.cpu()) || op.cpu() == c.boot_cpu() || k.machine().is_online(op.cpu()) == op.on)
        return Outcome::disable();
    k.machine().set_online(op.cpu(), op.on);
    calls.online(op.cpu(), op.on);
    return {};
}

template <class Calls>
Outcome lookup(const Pcpu& p, Calls& calls, const Op& op) {
    const Area& a = p.areas[op.area()];
    if (!a.live || op.cpu() >= p.nr_cpu_ids() || !p.is_possible(op.cpu()) ||
        op.page >= static_cast<u32>(a.bytes))
        return Outcome::disable();
    return {.value = calls.lookup(p.chunk_addr(p.chunks[a.chunk], op.cpu(), 0) + static_cast<u64>(a.off) +
                                  op.page)};
}

// Whether [op.page, op.to) are pages of the chunk, all populated or all not.
[[nodiscard]] inline bool is_run(const Pcpu& p, ChunkId id, const Op& op, bool populated) {
    const Chunk& c = p.chunks[id];
    if (op.page >= op.to || op.to > static_cast<u32>(c.nr_pages)) return false;
    const int start = static_cast<int>(op.page), end = static_cast<int>(op.to);
    return c.populated.count(start, end) == (populated ? end - start : 0);
}

template <class Calls>
Outcome vm_create(Pcpu& p, Calls& calls, const Op& op) {
    ChunkId& slot = p.slots[op.chunk()];
    if (!p.booted || slot != no_chunk) return Outcome::disable();
    const ChunkId id = calls.create();
    if (id == no_chunk) return {.err = Errno::nomem};
    p.slots[op.chunk()] = id;
    return {.value = id};
}

template <class Calls>
Outcome on_chunk(Pcpu& p, Calls& calls, const Op& op) {
    const ChunkId id = p.slots[op.chunk()];
    if (id == no_chunk) return Outcome::disable();
    const int start = static_cast<int>(op.page), end = static_cast<int>(op.to);
    if (op.kind == OpKind::vm_populate)
        return is_run(p, id, op, false) ? Outcome{.err = calls.populate(id, start, end)} : Outcome::disable();
    if (op.kind == OpKind::vm_should_reclaim) return {.value = calls.should_reclaim(id)};
    if (op.kind == OpKind::vm_depopulate) {
        if (!is_run(p, id, op, true)) return Outcome::disable();
        calls.depopulate(id, start, end);
        return {};
    }
    p.slots[op.chunk()] = no_chunk;
    calls.destroy(id);
    return {};
}

// One operation, by name. Needs: is_percpu(op.kind).
template <KernelLike K, CallsLike Calls>
Outcome run(Pcpu& p, K& k, Calls& calls, const Op& op) {
    switch (percpu_op(op.kind)) {
    case PercpuOp::pcpu_boot: return boot(p, calls, op);
    case PercpuOp::pcpu_alloc: return alloc(p, calls, op.area(), {op.bytes, op.align, false, op.is_atomic()});
    case PercpuOp::pcpu_free: return free(p, calls, op.area(), op.is_again());
    case PercpuOp::pcpu_balance: return balance(p, calls);
    case PercpuOp::module_load: return module_load(p, calls, op);
    case PercpuOp::module_unload: return free(p, calls, op.area(), false);
    case PercpuOp::cpu_online: return cpu_online(k, calls, op);
    case PercpuOp::pcpu_lookup: return lookup(p, calls, op);
    case PercpuOp::vm_create: return vm_create(p, calls, op);
    case PercpuOp::vm_populate:
    case PercpuOp::vm_depopulate:
    case PercpuOp::vm_destroy:
    case PercpuOp::vm_should_reclaim: return on_chunk(p, calls, op);
    }
    return Outcome::disable();
}

} // namespace mmodel::pcpu
