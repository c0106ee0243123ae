// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/ops/generate.hpp"

#include <algorithm>
#include <bit>
#include <random>
#include <span>

#include "model/percpu/chunk.hpp"

namespace mmodel {
namespace {

// std::uniform_int_distribution differs between libraries; a modulo does not.
u64 below(Rng& rng, u64 n) { return rng() % n; }
bool chance(Rng& rng, unsigned percent) { return below(rng, 100) < percent; }

struct Weight {
    OpKind kind;
    unsigned weight;
};

constexpr std::array weights{
    Weight{OpKind::alloc_folio, 18}, Weight{OpKind::free_folio, 8},     Weight{OpKind::optimise, 16},
    Weight{OpKind::restore, 14},     Weight{OpKind::optimise_list, 10}, Weight{OpKind::restore_list, 8},
    Weight{OpKind::sysctl, 2},       Weight{OpKind::alloc_lru, 5},      Weight{OpKind::free_lru, 4},
    Weight{OpKind::walker_enter, 4}, Weight{OpKind::walker_try_get, 2}, Weight{OpKind::walker_leave, 1},
    Weight{OpKind::hot_add, 3},      Weight{OpKind::take_pages, 3},     Weight{OpKind::give_pages, 2},
};

// pcpu_alloc stands for pcpu_free, too.
constexpr std::array percpu_weights{
    Weight{OpKind::pcpu_alloc, 50}, Weight{OpKind::pcpu_balance, 14}, Weight{OpKind::module_load, 4},
    Weight{OpKind::vm_populate, 8}, Weight{OpKind::vm_depopulate, 5}, Weight{OpKind::module_unload, 3},
    Weight{OpKind::vm_create, 4},   Weight{OpKind::vm_destroy, 3},    Weight{OpKind::vm_should_reclaim, 2},
    Weight{OpKind::cpu_online, 3},  Weight{OpKind::pcpu_lookup, 5},   Weight{OpKind::take_pages, 2},
    Weight{OpKind::give_pages, 2},  Weight{OpKind::pcpu_boot, 1},
};

// Drawn as what a sequence begins with, random_boot_folios(), and now and then where they make no sense.
constexpr bool is_boot(OpKind k) {
    return k == OpKind::boot_folio || k == OpKind::boot_late || k == OpKind::boot_up;
}

// An operation that is never drawn is a mistake.
constexpr bool is_drawn(OpKind k) {
    const auto is_k = [&](const Weight& w) { return w.kind == k; };
    return k == OpKind::pcpu_free || is_boot(k) || std::ranges::any_of(weights, is_k) ||
           std::ranges::any_of(percpu_weights, is_k);
}
static_assert(std::ranges::all_of(all_op_kinds, is_drawn));

OpKind random_kind(std::span<const Weight> from, Rng& rng) {
    u64 total = 0;
    for (const Weight& w : from) total += w.weight;
    u64 n = below(rng, total);
    for (const Weight& w : from) {
        if (n < w.weight) return w.kind;
        n -= w.weight;
    }
    return from.front().kind;
}

Faults random_faults(const Mix& mix, Rng& rng) {
    Faults f;
    if (!chance(rng, mix.fault_percent)) return f;
    auto draw = [&] { return static_cast<u16>(below(rng, 1 + below(rng, mix.max_fault))); };
    f.nth[0] = draw();
    if (chance(rng, 35)) f.nth[1] = draw();
    return f;
}

// Bytes of a request: mostly a few pieces; pages, too; now and then what is refused.
u32 random_bytes(const pcpu::Sizes& s, Rng& rng) {
    const u64 n = below(rng, 100);
    if (n < 45) return static_cast<u32>(1 + below(rng, s.page_bytes / 16));
    if (n < 65) return static_cast<u32>(1 + below(rng, s.page_bytes));
    if (n < 90) return static_cast<u32>(s.page_bytes * (1 + below(rng, s.min_unit_bytes / s.page_bytes)));
    if (n < 97) return static_cast<u32>(1 + below(rng, s.min_unit_bytes));
    return chance(rng, 50) ? 0 : static_cast<u32>(s.min_unit_bytes + 1 + below(rng, s.page_bytes));
}

u32 random_align(const pcpu::Sizes& s, Rng& rng) {
    if (chance(rng, 3)) return static_cast<u32>(below(rng, 32));
    const u32 most = static_cast<u32>(std::countr_zero(s.page_bytes)) + chance(rng, 3);
    return u32{1} << (chance(rng, 60) ? 2 + below(rng, 3) : below(rng, most + 1));
}

// Pages of a chunk that percpu-vm is asked for: few, so that runs meet.
void random_run(Op& op, Rng& rng) {
    const u64 span = std::array{3, 8, 13}[below(rng, 3)];
    op.page = static_cast<u32>(below(rng, span));
    if (chance(rng, 50)) op.page &= ~1u;
    op.to = op.page + 1 + static_cast<u32>(below(rng, chance(rng, 50) ? 2 : span));
}

Op random_percpu_op(const Config& c, const Mix& mix, Rng& rng) {
    const pcpu::Sizes s = pcpu::sizes_of(c.geometry);
    Op op{.kind = random_kind(percpu_weights, rng)};
    if (op.kind == OpKind::pcpu_boot) return random_boot(c, mix, rng);
    if (op.kind == OpKind::pcpu_alloc && chance(rng, mix.free_percent)) op.kind = OpKind::pcpu_free;
    op.folio = static_cast<u8>(below(rng, fields_of(op.kind) & f_chunk ? mix.nr_chunks : mix.nr_areas));
    op.nid = static_cast<u8>(below(rng, fields_of(op.kind) & f_cpu ? c.nr_cpu_ids() : c.nr_nodes));
    op.bytes = random_bytes(s, rng);
    op.align = random_align(s, rng);
    op.on = chance(rng, op.kind == OpKind::cpu_online ? 60 : op.kind == OpKind::pcpu_free ? 10 : 35);
    op.page = static_cast<u32>(below(rng, op.kind == OpKind::take_pages ? 24
                                          : chance(rng, 50)             ? 8
                                                                        : s.page_bytes));
    if (fields_of(op.kind) & f_to) random_run(op, rng);
    op.fail = random_faults(mix, rng);
    return canonical(op);
}

Op random_hvo_op(const Config& c, const Mix& mix, Rng& rng) {
    const u8 sizes = c.geometry.nr_hstates();
    Op op{.kind = random_kind(weights, rng)};
    if (c.boot_gigantic && chance(rng, 3))
        op.kind = std::array{OpKind::boot_folio, OpKind::boot_late, OpKind::boot_up}[below(rng, 3)];
    op.folio = static_cast<u8>(below(rng, mix.nr_folios));
    op.size = chance(rng, mix.gigantic_percent) ? static_cast<u8>(sizes - 1)
                                                : static_cast<u8>(below(rng, std::max(1, sizes - 1)));
    op.from = chance(rng, 70) ? From::buddy : chance(rng, 50) ? From::hot : From::boot;
    if (op.from == From::boot) op.size = static_cast<u8>(sizes - 1);
    op.nid = static_cast<u8>(below(rng, c.nr_nodes));
    op.on = chance(rng, 60);
    op.walker = static_cast<u8>(below(rng, 2));
    op.folios = static_cast<u16>(below(rng, u64{1} << mix.nr_folios));
    op.page = static_cast<u32>(op.kind == OpKind::take_pages
                                   ? below(rng, 24)
                                   : below(rng, u64{1} << c.geometry.folio_order[op.size]));
    op.fail = random_faults(mix, rng);
    return canonical(op);
}

// One or two folios, of which one may span two zones.
std::vector<Op> random_boot_folios(const Config& c, const Mix& mix, Rng& rng) {
    std::vector<Op> ops;
    const u64 nr = 1 + below(rng, std::min<u64>(2, c.boot_gigantic));
    const auto add = [&](Op op) {
        op.fail = random_faults(mix, rng);
        ops.push_back(canonical(op));
    };
    for (u8 i = 0; i < nr; ++i)
        add({.kind = OpKind::boot_folio, .folio = i, .nid = static_cast<u8>(below(rng, c.nr_nodes))});
    const auto gone = static_cast<u16>(chance(rng, 25) ? 1 + below(rng, nr) : 0);
    add({.kind = OpKind::boot_late, .folios = gone});
    add({.kind = OpKind::boot_up, .folios = static_cast<u16>(((1u << nr) - 1) & ~gone)});
    return ops;
}

} // namespace

// x86-64 embeds its first chunk in PMD-sized pieces, other architectures in pages.
Op random_boot(const Config& c, const Mix& mix, Rng& rng) {
    const pcpu::Sizes s = pcpu::sizes_of(c.geometry);
    const u32 page = s.page_bytes;
    Op op{.kind = OpKind::pcpu_boot, .to = s.dynamic_reserve, .align = page};
    op.bytes = static_cast<u32>(1 + below(rng, (chance(rng, 80) ? 1 : 5) * s.min_unit_bytes));
    if (chance(rng, 50)) op.page = s.module_reserve;
    if (chance(rng, 40)) op.to = static_cast<u32>(below(rng, 2 * s.dynamic_reserve));
    if (chance(rng, 40) && !c.geometry.arch.starts_with("arm64")) op.align = page * c.geometry.ptrs_per_pte;
    op.on = chance(rng, 20);
    if (chance(rng, mix.fault_percent / 2)) op.fail = random_faults(mix, rng);
    if (below(rng, 16) == 0) {
        u32& odd = *std::array{&op.bytes, &op.page, &op.align}[below(rng, 3)];
        odd = static_cast<u32>(below(rng, page));
    }
    return canonical(op);
}

Op random_op(const Config& c, const Mix& mix, Rng& rng) {
    const bool percpu =
        mix.subsystem == Subsystem::percpu || (mix.subsystem == Subsystem::both && chance(rng, 50));
    return percpu ? random_percpu_op(c, mix, rng) : random_hvo_op(c, mix, rng);
}

std::vector<Op> random_ops(const Config& c, const Mix& mix, u64 seed, std::size_t n) {
    Rng rng = std::mt19937_64(mmodel::mix(seed));
    return random_ops(c, mix, rng, n);
}

std::vector<Op> random_ops(const Config& c, const Mix& mix, Rng& rng, std::size_t n) {
    std::vector<Op> ops;
    ops.reserve(n);
    if (mix.subsystem != Subsystem::hvo && n) ops.push_back(random_boot(c, mix, rng));
    if (mix.subsystem == Subsystem::hvo && c.boot_gigantic && n > 8 && chance(rng, 50))
        ops = random_boot_folios(c, mix, rng);
    Mix now = mix;
    for (u64 left = 0; ops.size() < n; --left) {
        if (left == 0 && mix.subsystem != Subsystem::hvo) {
            left = 10 + below(rng, 40);
            now.free_percent =
                std::array{mix.free_percent / 3, mix.free_percent, mix.free_percent * 2}[below(rng, 3)];
        }
        ops.push_back(random_op(c, now, rng));
    }
    return ops;
}

} // namespace mmodel
