// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/generate.hpp"

#include <algorithm>

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

OpKind random_kind(Rng& rng) {
    u64 total = 0;
    for (const Weight& w : weights) total += w.weight;
    u64 n = below(rng, total);
    for (const Weight& w : weights) {
        if (n < w.weight) return w.kind;
        n -= w.weight;
    }
    return OpKind::optimise;
}

Faults random_faults(const Mix& mix, Rng& rng) {
    Faults f;
    if (!chance(rng, mix.fault_percent)) return f;
    auto draw = [&] { return static_cast<u16>(below(rng, 1 + below(rng, mix.max_fault))); };
    f.nth[0] = draw();
    if (chance(rng, 35)) f.nth[1] = draw();
    return f;
}

} // namespace

Op random_op(const Config& c, const Mix& mix, Rng& rng) {
    const u8 sizes = c.geometry.nr_hstates();
    Op op{.kind = random_kind(rng)};
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

std::vector<Op> random_ops(const Config& c, const Mix& mix, u64 seed, std::size_t n) {
    Rng rng(mmodel::mix(seed));
    std::vector<Op> ops;
    ops.reserve(n);
    for (std::size_t i = 0; i < n; ++i) ops.push_back(random_op(c, mix, rng));
    return ops;
}

} // namespace mmodel
