// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/ops/shrink.hpp"

#include <algorithm>
#include <bit>
#include <span>
#include <unordered_set>

namespace mmodel {
namespace {

using Diff = std::vector<Op>::difference_type;

u64 hash_op(const Op& op) {
    const u64 small = u64{static_cast<u8>(op.kind)} | u64{op.folio} << 8 | u64{op.size} << 16 |
                      static_cast<u64>(op.from) << 24 | u64{op.nid} << 32 | u64{op.on} << 40 |
                      u64{op.walker} << 48;
    const u64 large = u64{op.page} | u64{op.fail.nth[0]} << 32 | u64{op.fail.nth[1]} << 48;
    const u64 sizes = hash_combine(u64{op.bytes} << 32 | op.align, op.to);
    u64 h = hash_combine(hash_combine(small, sizes), hash_combine(large, op.folios));
    if (op.frames.any())
        for (const u32 p : op.frames.nth) h = hash_combine(h, p);
    return h;
}

u64 hash_trace(const Trace& t) {
    const Config& c = t.config;
    u64 h = hash_combine(c.nr_nodes | u64{c.boot_gigantic} << 8 | u64{t.sabotage.empty()} << 16,
                         hash_combine(c.frames_per_node, c.hot_block_frames));
    h = hash_combine(h, hash_combine(c.vmalloc_pages, c.highmem_frames << 8 | c.nr_cpus));
    for (u8 cpu = 0; cpu < c.nr_cpus; ++cpu) h = hash_combine(h, c.cpu_node[cpu]);
    for (const auto& row : c.distance)
        for (const u8 d : row) h = hash_combine(h, d);
    for (const Op& op : t.ops) h = hash_combine(h, hash_op(op));
    if (t.stale) h = hash_combine(h, t.stale);
    return h;
}

constexpr std::array slot_fields{f_folio, f_walker, f_area, f_chunk};

// Slots of a field in the order in which the trace first names them.
std::vector<u8> slots_used(const Trace& t, Field f) {
    std::vector<u8> seen;
    const auto see = [&](u64 slot) {
        if (std::ranges::find(seen, slot) == seen.end()) seen.push_back(static_cast<u8>(slot));
    };
    for (const Op& op : t.ops) {
        if (fields_of(op.kind) & f) see(field_value(op, f));
        for (u8 s = 0; f == f_folio && s < max_folios; ++s)
            if (op.folios >> s & 1) see(s);
    }
    return seen;
}

// The n-th of these slots becomes slot n. Needs: slots without repeats, and all that the trace names.
Trace renumbered(Trace t, Field f, const std::vector<u8>& slots) {
    std::array<u8, max_areas> to{};
    static_assert(max_areas >= max_folios && max_areas >= max_walkers && max_areas >= max_chunks);
    for (std::size_t n = 0; n < slots.size(); ++n) to[slots[n]] = static_cast<u8>(n);
    for (Op& op : t.ops) {
        if (fields_of(op.kind) & f) set_field(op, f, to[field_value(op, f)]);
        u16 folios = 0;
        for (std::size_t s = 0; s < max_folios; ++s)
            if (op.folios >> s & 1) folios |= static_cast<u16>(1u << to[s]);
        if (f == f_folio) op.folios = folios;
    }
    return t;
}

// The trace without a folio, walker, area or chunk: its operations go, and lists lose it; a list that empties
// goes too.
Trace without_slot(const Trace& t, Field f, u8 slot) {
    const u16 others = f == f_folio ? static_cast<u16>(~(1u << slot)) : u16{0xffff};
    const auto only_names_it = [&](const Op& op) {
        if (op.folios) return !(op.folios & others);
        return (fields_of(op.kind) & f) && field_value(op, f) == slot;
    };
    Trace out = t;
    std::erase_if(out.ops, only_names_it);
    for (Op& op : out.ops) op.folios &= others;
    return out;
}

// Those behind it move up. One that is possible stays.
void drop_cpu(Config& c, u8 cpu) {
    Config fewer = c;
    std::shift_left(fewer.cpu_node.begin() + cpu, fewer.cpu_node.begin() + c.nr_cpus, 1);
    fewer.cpu_node[--fewer.nr_cpus] = 0;
    const auto left = std::span(fewer.cpu_node).first(fewer.nr_cpus);
    if (std::ranges::any_of(left, [](u8 node) { return node != no_node; })) c = fewer;
}

class Shrinker {
public:
    Shrinker(Trace failing, const StillFails& still_fails, u64 max_evaluations)
        : best_(std::move(failing)), still_fails_(still_fails), limit_(max_evaluations) {}

    Trace run();
    ShrinkStats stats{};

private:
    [[nodiscard]] bool spent() const { return stats.evaluations >= limit_; }
    bool evaluate(const Trace& t);
    bool take(Trace candidate);
    bool take_op(std::size_t i, const Op& op);
    bool take_without(std::size_t start, std::size_t end);

    void remove_chunks();
    void remove_slots(Field f);
    void remove_pairs();
    void lower_together();
    void lower_op(std::size_t i);
    void lower_number(std::size_t i, Field f);
    void lower_list(std::size_t i);
    void lower_faults(std::size_t i, Faults Op::* faults);
    void drop_frames(std::size_t i);
    void renumber(Field f);
    void plainer_machine();

    Trace best_;
    const StillFails& still_fails_;
    u64 limit_;
    bool pairs_left_{};                  // remove_pairs() has some untried
    std::unordered_set<u64> rejected_{}; // hashes of traces that did not fail
};

bool Shrinker::evaluate(const Trace& t) {
    if (spent()) return false;
    ++stats.evaluations;
    return still_fails_(t);
}

// Makes the candidate the best trace if it still fails. A trace that did not fail is not run again.
bool Shrinker::take(Trace candidate) {
    if (spent() || candidate == best_) return false;
    const u64 hash = hash_trace(candidate);
    if (rejected_.contains(hash)) return false;
    if (!evaluate(candidate)) {
        rejected_.insert(hash);
        return false;
    }
    ++stats.accepted;
    best_ = std::move(candidate);
    return true;
}

bool Shrinker::take_op(std::size_t i, const Op& op) {
    Trace t = best_;
    t.ops[i] = canonical(op);
    return take(std::move(t));
}

bool Shrinker::take_without(std::size_t start, std::size_t end) {
    Trace t = best_;
    t.ops.erase(t.ops.begin() + static_cast<Diff>(start), t.ops.begin() + static_cast<Diff>(end));
    return take(std::move(t));
}

// Walks a number that fails down to one whose next lower number does not, by halving steps. take_value(v)
// says whether v fails, and is not asked about the number itself.
template <class TakeValue>
void walk_down(u64 v, TakeValue take_value) {
    if (v == 0 || take_value(u64{0})) return;
    for (u64 step = v / 2; step > 0;) {
        if (take_value(v - step)) {
            v -= step;
            step = std::min(step, v - 1);
        } else {
            step /= 2;
        }
    }
}

// Delta debugging: runs of half the trace, of a quarter, ... of one operation; the last first, for what comes
// after the violation goes at once.
void Shrinker::remove_chunks() {
    for (std::size_t chunk = best_.ops.size(); chunk > 0 && !spent(); chunk /= 2) {
        std::size_t end = best_.ops.size();
        while (end > 0 && !spent()) {
            const std::size_t start = end - std::min(end, chunk);
            take_without(start, end);
            end = start;
        }
    }
}

void Shrinker::remove_slots(Field f) {
    for (const u8 slot : slots_used(best_, f)) take(without_slot(best_, f, slot));
}

// Two operations that cancel out (alloc and free, enter and leave) go only together, however far apart.
// Quadratic, so that it may use half of what is left to spend; another round goes on from there.
void Shrinker::remove_pairs() {
    const u64 stop = stats.evaluations + (limit_ - stats.evaluations + 1) / 2;
    pairs_left_ = true;
    for (std::size_t distance = 1; distance < best_.ops.size(); ++distance) {
        for (std::size_t i = 0; i + distance < best_.ops.size();) {
            if (stats.evaluations >= stop) return;
            Trace t = best_;
            t.ops.erase(t.ops.begin() + static_cast<Diff>(i + distance));
            t.ops.erase(t.ops.begin() + static_cast<Diff>(i));
            if (!take(std::move(t))) ++i;
        }
    }
    pairs_left_ = false;
}

// Operands that have to agree between operations go to zero in all of them at once.
void Shrinker::lower_together() {
    for (const Field f : {f_size, f_from, f_nid, f_walker, f_cpu, f_align}) {
        Trace t = best_;
        for (Op& op : t.ops)
            if (fields_of(op.kind) & f) set_field(op, f, 0);
        take(std::move(t));
    }
}

void Shrinker::lower_op(std::size_t i) {
    lower_faults(i, &Op::fail);
    lower_faults(i, &Op::update_fail);
    drop_frames(i);
    lower_list(i);
    for (const Field f : number_fields)
        if (!(f & (f_folio | f_area | f_chunk | f_folios))) lower_number(i, f);
}

void Shrinker::lower_number(std::size_t i, Field f) {
    if (!(fields_of(best_.ops[i].kind) & f)) return;
    walk_down(field_value(best_.ops[i], f), [&](u64 v) {
        Op op = best_.ops[i];
        set_field(op, f, v);
        return take_op(i, op);
    });
}

// Fewer members; and a list of one is the operation on that one.
void Shrinker::lower_list(std::size_t i) {
    if (!(fields_of(best_.ops[i].kind) & f_folios)) return;
    for (u16 left = best_.ops[i].folios; left; left &= static_cast<u16>(left - 1)) {
        Op op = best_.ops[i];
        op.folios &= static_cast<u16>(~(left & -left));
        take_op(i, op);
    }
    const Op& list = best_.ops[i];
    const bool has_single = list.kind == OpKind::optimise_list || list.kind == OpKind::restore_list;
    if (!has_single || std::popcount(list.folios) != 1) return;
    Op one = list;
    one.kind = list.kind == OpKind::optimise_list ? OpKind::optimise : OpKind::restore;
    one.folio = static_cast<u8>(std::countr_zero(list.folios));
    take_op(i, one);
}

// None, or fewer at the end.
void Shrinker::drop_frames(std::size_t i) {
    for (std::size_t left = 0; left < max_named_frames && best_.ops[i].frames.any(); ++left) {
        Op op = best_.ops[i];
        if (op.frames.nth[left] == no_frame) return;
        std::fill(op.frames.nth.begin() + static_cast<Diff>(left), op.frames.nth.end(), no_frame);
        if (take_op(i, op)) return;
    }
}

void Shrinker::lower_faults(std::size_t i, Faults Op::* faults) {
    for (std::size_t n = max_faults; n-- > 0;) {
        Op op = best_.ops[i];
        (op.*faults).nth[n] = no_fault;
        take_op(i, op);
    }
    for (std::size_t n = 0; n < max_faults && (best_.ops[i].*faults).nth[n] != no_fault; ++n) {
        // Faults ascend, so the n-th goes down to just above the one before it.
        const u64 floor = n == 0 ? 0 : u64{(best_.ops[i].*faults).nth[n - 1]} + 1;
        walk_down((best_.ops[i].*faults).nth[n] - floor, [&](u64 v) {
            Op op = best_.ops[i];
            (op.*faults).nth[n] = static_cast<u16>(v + floor);
            return take_op(i, op);
        });
    }
}

// Slots count up from 0, in the order of their first use if that still fails: lists go by slot order.
void Shrinker::renumber(Field f) {
    auto slots = slots_used(best_, f);
    std::ranges::sort(slots);
    take(renumbered(best_, f, slots));
    slots = slots_used(best_, f);
    const auto is_low = [&](u8 slot) { return slot < slots.size(); };
    if (std::ranges::all_of(slots, is_low)) take(renumbered(best_, f, slots));
}

void Shrinker::plainer_machine() {
    const auto preset = std::ranges::find(presets(), best_.config.geometry, &Config::geometry);
    const auto try_config = [&](auto change) {
        Trace t = best_;
        change(t.config);
        const auto fits = [&](const Op& op) { return is_valid(t.config, op); };
        if (why_impossible(t.config).empty() && std::ranges::all_of(t.ops, fits)) take(std::move(t));
    };
    if (preset != presets().end()) {
        try_config([&](Config& c) { c = *preset; });
        try_config([&](Config& c) { c.boot_gigantic = preset->boot_gigantic; });
        try_config([&](Config& c) { c.hot_block_frames = preset->hot_block_frames; });
        try_config([&](Config& c) { c.frames_per_node = preset->frames_per_node; });
        try_config([&](Config& c) { c.vmalloc_pages = preset->vmalloc_pages; });
        try_config([&](Config& c) { c.nr_cpus = 0, c.cpu_node = {}; });
    }
    for (u8 nodes = 1; nodes < best_.config.nr_nodes; ++nodes)
        try_config([&](Config& c) { c.nr_nodes = nodes; });
    try_config([&](Config& c) { c.highmem_frames = 0; });
    try_config([&](Config& c) { c.distance = {}; });
    for (u8 cpu = best_.config.nr_cpus; cpu-- > 0 && cpu < best_.config.nr_cpus;)
        try_config([&](Config& c) { drop_cpu(c, cpu); });
    for (u8 cpu = 0; cpu < best_.config.nr_cpus; ++cpu) try_config([&](Config& c) { c.cpu_node[cpu] = 0; });
    for (u8 boot = 0; boot < best_.config.boot_gigantic; ++boot)
        try_config([&](Config& c) { c.boot_gigantic = boot; });
    for (u32 way = 0; way < std::min(best_.stale, 3u); ++way) {
        Trace plainer = best_;
        plainer.stale = way;
        take(std::move(plainer));
    }
    Trace t = best_;
    t.sabotage.clear();
    take(std::move(t));
}

// Every pass makes the trace smaller in a well-founded order (operations; operands; the set of slots; their
// order; what the machine has beyond its preset), so that rounds end.
Trace Shrinker::run() {
    stats.reproduced = evaluate(best_);
    if (!stats.reproduced) return best_;
    for (u64 accepted = ~u64{0}; (accepted != stats.accepted || pairs_left_) && !spent();) {
        accepted = stats.accepted;
        ++stats.rounds;
        remove_chunks();
        for (const Field f : slot_fields) remove_slots(f);
        lower_together();
        for (std::size_t i = 0; i < best_.ops.size() && !spent(); ++i) lower_op(i);
        remove_pairs();
        for (const Field f : slot_fields) renumber(f);
        plainer_machine();
    }
    stats.reached_end = !spent();
    return best_;
}

} // namespace

Trace shrink(Trace failing, const StillFails& still_fails, ShrinkStats* stats, u64 max_evaluations) {
    Shrinker shrinker(std::move(failing), still_fails, max_evaluations);
    Trace best = shrinker.run();
    if (stats) *stats = shrinker.stats;
    return best;
}

} // namespace mmodel
