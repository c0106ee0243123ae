// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/ops/mutate.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <random>

#include "fuzz/ops/bytes.hpp"
#include "fuzz/ops/trace_words.hpp"

namespace mmodel {
namespace {

class Random {
public:
    explicit Random(u64 seed) : state_(mix(seed)) {}
    u64 next() { return mix(state_++); }
    // 0 to n - 1. Needs: n > 0.
    u64 below(u64 n) { return next() % n; }
    bool one_in(u64 n) { return below(n) == 0; }

private:
    u64 state_;
};

struct Range {
    std::size_t start, end; // half-open
};

using Ops = std::vector<Op>;
using Diff = Ops::difference_type;

Ops::iterator at(Ops& ops, std::size_t i) { return ops.begin() + static_cast<Diff>(i); }

// A run of operations, mostly short. Needs: there is one.
Range pick_range(const Ops& ops, Random& rng) {
    const std::size_t start = rng.below(ops.size());
    const std::size_t most =
        rng.one_in(4) ? ops.size() - start : std::min<std::size_t>(4, ops.size() - start);
    return {start, start + 1 + rng.below(most)};
}

Op& pick_op(Ops& ops, Random& rng) { return ops[rng.below(ops.size())]; }

// Most traces turn on first, second and last allocations and pages; larger numbers by doubling.
u64 small_number(Random& rng) {
    if (!rng.one_in(4)) return rng.below(9);
    const u64 power = u64{1} << rng.below(13);
    return power - 1 + rng.below(3);
}

// A size in bytes: few pieces, pages and a little less or more, or (an alignment, mostly) a power of two.
u64 pick_size(const Config& c, Field f, Random& rng) {
    const u64 page = c.geometry.page_bytes;
    if (f == f_align && !rng.one_in(8)) return u64{1} << rng.below(c.geometry.page_shift() + 2);
    if (f == f_atom && !rng.one_in(8)) return page << rng.below(10);
    const u64 pages = page * rng.below(f & (f_bytes | f_align) ? 10 : 64);
    return rng.one_in(3) ? pages : rng.one_in(2) ? 4 * small_number(rng) : pages + 4 - 4 * rng.below(3);
}

// A value for a field: nearby, small, one that another operation has in it, or any.
u64 pick_value(const Trace& t, u64 old, Field f, Random& rng) {
    const u64 range = nr_values(t.config, f);
    if (is_size(f) && !rng.one_in(4)) return pick_size(t.config, f, rng) % range;
    switch (rng.below(5)) {
    case 0: return (old + 1) % range;
    case 1: return (old + range - 1) % range;
    case 2: return small_number(rng) % range;
    case 3: return rng.below(range);
    }
    return t.ops.empty() ? old : field_value(t.ops[rng.below(t.ops.size())], f);
}

OpKind pick_kind(Subsystem s, Random& rng) {
    OpKind k{};
    do k = all_op_kinds[rng.below(all_op_kinds.size())];
    while (!belongs(k, s));
    return k;
}

bool boots_percpu(const Trace& t) {
    return std::ranges::find(t.ops, OpKind::pcpu_boot, &Op::kind) != t.ops.end();
}

Op new_op(const Trace& t, Subsystem s, Random& rng) {
    if (rng.one_in(8)) { // one such as a sequence has in earnest
        mmodel::Rng engine = std::mt19937_64(rng.next());
        return random_op(t.config, {.subsystem = s, .nr_areas = 8}, engine);
    }
    Op op{.kind = pick_kind(s, rng)};
    for (const Field f : number_fields)
        if ((fields_of(op.kind) & f) && !rng.one_in(3)) set_field(op, f, pick_value(t, 0, f, rng));
    if (rng.one_in(4)) op.fail.nth[0] = static_cast<u16>(small_number(rng));
    return canonical(op);
}

// ---- the mutations; all but the first need an operation

void insert(Trace& t, Subsystem s, Random& rng) {
    if (s != Subsystem::hvo && !boots_percpu(t) && !rng.one_in(4)) {
        mmodel::Rng engine = std::mt19937_64(rng.next());
        t.ops.insert(t.ops.begin(), random_boot(t.config, {.fault_percent = 0}, engine));
    }
    for (u64 n = 1 + rng.below(3); n > 0; --n) {
        const Op op = new_op(t, s, rng);
        t.ops.insert(at(t.ops, rng.below(t.ops.size() + 1)), op);
    }
}

void erase(Trace& t, Subsystem, Random& rng) {
    const Range r = pick_range(t.ops, rng);
    t.ops.erase(at(t.ops, r.start), at(t.ops, r.end));
}

void duplicate(Trace& t, Subsystem, Random& rng) {
    const Range r = pick_range(t.ops, rng);
    const Ops copy(at(t.ops, r.start), at(t.ops, r.end));
    t.ops.insert(at(t.ops, r.end), copy.begin(), copy.end());
}

void swap_two(Trace& t, Subsystem, Random& rng) {
    Op& a = pick_op(t.ops, rng);
    Op& b = pick_op(t.ops, rng);
    std::swap(a, b);
}

// Moves a run to another place, or copies it there.
void splice(Trace& t, Subsystem, Random& rng) {
    const Range r = pick_range(t.ops, rng);
    const Ops run(at(t.ops, r.start), at(t.ops, r.end));
    if (rng.one_in(2)) t.ops.erase(at(t.ops, r.start), at(t.ops, r.end));
    t.ops.insert(at(t.ops, rng.below(t.ops.size() + 1)), run.begin(), run.end());
}

void change_field(Trace& t, Subsystem, Random& rng) {
    Op& op = pick_op(t.ops, rng);
    std::array<Field, number_fields.size()> used{};
    std::size_t nr = 0;
    for (const Field f : number_fields)
        if (fields_of(op.kind) & f) used[nr++] = f;
    if (nr == 0) return;
    const Field f = used[rng.below(nr)];
    if (f == f_folios && rng.one_in(2)) {
        op.folios ^= static_cast<u16>(1u << rng.below(max_folios));
        return;
    }
    set_field(op, f, pick_value(t, field_value(op, f), f, rng));
}

// Another operation on the same operands: optimise becomes restore, enter becomes leave.
void change_kind(Trace& t, Subsystem s, Random& rng) {
    Op& op = pick_op(t.ops, rng);
    op.kind = pick_kind(s, rng);
    op = canonical(op);
}

void change_fault(Trace& t, Subsystem, Random& rng) {
    Op& op = pick_op(t.ops, rng);
    const bool of_updates = fields_of(op.kind) & f_update_fail && rng.one_in(4);
    u16& nth = (of_updates ? op.update_fail : op.fail).nth[rng.one_in(3) ? 1 : 0];
    const bool is_set = nth != no_fault;
    if (is_set && rng.one_in(3))
        nth = no_fault;
    else if (is_set && rng.one_in(2))
        nth = static_cast<u16>(rng.one_in(2) || nth == 0 ? nth + 1 : nth - 1);
    else
        nth = static_cast<u16>(small_number(rng));
    if (nth != no_fault) nth = std::min(nth, max_byte_fault); // a record would fold it onto another one
    op = canonical(op);
}

void change_geometry(Trace& t, Subsystem, Random& rng) {
    t.config = fuzz_configs()[rng.below(fuzz_configs().size())];
}

using Mutation = void (*)(Trace&, Subsystem, Random&);
// A row's number of entries is its weight.
constexpr std::array<Mutation, 16> mutations{insert,       insert,       insert,       erase,
                                             erase,        duplicate,    swap_two,     splice,
                                             change_field, change_field, change_field, change_kind,
                                             change_kind,  change_fault, change_fault, change_geometry};

void mutate_once(Trace& t, Subsystem s, Random& rng) {
    const Mutation m = t.ops.empty() ? insert : mutations[rng.below(mutations.size())];
    m(t, s, rng);
}

// Operations that fit max_size bytes behind a header. Needs: max_size >= header_bytes.
std::size_t room(std::size_t max_size) {
    return std::min((max_size - header_bytes) / record_bytes, max_decoded_ops);
}

// Needs: the trace's configuration is a row of fuzz_configs() and its operations fit.
std::size_t write(const Trace& t, u8* out) {
    const auto header = encode_header(fuzz_config_row(t.config).value_or(0), version_for(t.ops));
    u8* end = std::ranges::copy(header, out).out;
    for (const Op& op : t.ops) end = std::ranges::copy(encode_op(op), end).out;
    return static_cast<std::size_t>(end - out);
}

Trace mutated(const Trace& before, Subsystem subsystem, Random& rng, std::size_t max_ops) {
    Trace t = before;
    for (int tries = 0; tries < 16 && t == before; ++tries) {
        for (u64 n = rng.one_in(4) ? 4 : 1; n > 0; --n) mutate_once(t, subsystem, rng);
        if (t.ops.size() > max_ops) t.ops.resize(max_ops);
        for (Op& op : t.ops) op = decode_op(t.config, encode_op(op)); // as a record holds it
    }
    return t;
}

} // namespace

Trace mutate(const Trace& before, Subsystem subsystem, unsigned seed) {
    Random rng(seed);
    return mutated(before, subsystem, rng, max_decoded_ops);
}

std::size_t mutate(u8* data, std::size_t size, std::size_t max_size, unsigned seed, Subsystem subsystem) {
    if (max_size < header_bytes + record_bytes) return std::min(size, max_size);
    Random rng(seed);
    return write(mutated(decode({data, size}), subsystem, rng, room(max_size)), data);
}

std::size_t cross_over(const u8* a, std::size_t a_size, const u8* b, std::size_t b_size, u8* out,
                       std::size_t max_size, unsigned seed) {
    if (max_size < header_bytes + record_bytes) return 0;
    Random rng(seed);
    Trace t = decode({a, a_size});
    Trace other = decode({b, b_size});
    if (!other.ops.empty()) {
        const Range r = pick_range(other.ops, rng);
        const std::size_t where = rng.below(t.ops.size() + 1);
        t.ops.insert(at(t.ops, where), at(other.ops, r.start), at(other.ops, r.end));
        if (rng.one_in(4)) t.ops.resize(where + (r.end - r.start));
    }
    if (t.ops.size() > room(max_size)) t.ops.resize(room(max_size));
    return write(t, out);
}

} // namespace mmodel
