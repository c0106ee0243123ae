// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/campaign/enumerate.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <unordered_set>

namespace mmodel {
namespace {

using Clock = std::chrono::steady_clock;

// A world, and how it was first reached.
struct Node {
    World world;
    u32 parent{};
    u32 depth{};
    Op op{};
};

class Search {
public:
    Search(const Alphabet& alphabet, const Limits& limits) : alphabet_(alphabet), limits_(limits) {
        nodes_.push_back({World(alphabet.config), 0, 0, {}});
        seen_.insert(0);
    }

    Enumerated run();

private:
    // The set holds indices of nodes_ and compares the worlds there.
    struct HashOf {
        const std::vector<Node>* nodes;
        std::size_t operator()(u32 i) const { return (*nodes)[i].world.hash(); }
    };
    struct Same {
        const std::vector<Node>* nodes;
        bool operator()(u32 a, u32 b) const { return (*nodes)[a].world == (*nodes)[b].world; }
    };

    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(Clock::now() - start_).count();
    }
    [[nodiscard]] bool is_over();
    void expand(u32 from);
    void sweep_faults(u32 from, Op op, u32 nr_allocs);
    Ran visit(u32 from, const Op& op);
    void add(u32 from, const Op& op, World next);
    void note(u32 from, const Op& op, spec::Violation violation);
    [[nodiscard]] std::vector<Op> path_to(u32 at) const;

    const Alphabet& alphabet_;
    const Limits& limits_;
    Clock::time_point start_{Clock::now()};
    std::vector<Node> nodes_;
    std::unordered_set<u32, HashOf, Same> seen_{1024, HashOf{&nodes_}, Same{&nodes_}};
    Enumerated out_;
};

bool Search::is_over() {
    if (nodes_.size() >= limits_.states)
        out_.cut_by = "states";
    else if (limits_.stop && limits_.stop())
        out_.cut_by = "interrupt";
    else if (seconds() > limits_.seconds)
        out_.cut_by = "time";
    return !out_.cut_by.empty();
}

Enumerated Search::run() {
    u32 next = 0;
    while (next < nodes_.size() && !is_over()) {
        expand(next++);
        if (limits_.progress && next % 256 == 0) limits_.progress(nodes_.size(), out_.steps);
    }
    out_.closed = next == nodes_.size();
    if (out_.closed) out_.cut_by.clear();
    out_.depth = out_.closed ? nodes_.back().depth : nodes_[next].depth;
    out_.states = nodes_.size();
    out_.seconds = seconds();
    return std::move(out_);
}

void Search::expand(u32 from) {
    for (const Op& op : alphabet_.ops) {
        const Ran ran = visit(from, op);
        if (fields_of(op.kind) & f_fail) sweep_faults(from, op, ran.nr_allocs);
    }
}

// Fails each allocation that the operation makes; of an optimise, also each that it makes after the first
// failed.
void Search::sweep_faults(u32 from, Op op, u32 nr_allocs) {
    const bool pairs = op.kind == OpKind::optimise || op.kind == OpKind::optimise_list;
    for (u16 i = 0; i < nr_allocs; ++i) {
        op.fail.nth = {i, no_fault};
        const u32 nr_then = visit(from, op).nr_allocs;
        for (u16 j = i + 1; pairs && j < nr_then; ++j) {
            op.fail.nth = {i, j};
            visit(from, op);
        }
    }
}

// What the operation did; nothing if it broke an invariant.
Ran Search::visit(u32 from, const Op& op) {
    World next = nodes_[from].world;
    spec::Checked checked = spec::checked_advance(next, op);
    if (checked.ran.outcome.disabled) return {};
    ++out_.steps;
    out_.events += checked.ran.nr_events;
    if (checked.violation) {
        note(from, op, std::move(*checked.violation));
        return {};
    }
    add(from, op, std::move(next));
    return checked.ran;
}

void Search::add(u32 from, const Op& op, World next) {
    const auto idx = static_cast<u32>(nodes_.size());
    const u32 depth = nodes_[from].depth + 1;
    nodes_.push_back({std::move(next), from, depth, op});
    if (!seen_.insert(idx).second) nodes_.pop_back();
}

void Search::note(u32 from, const Op& op, spec::Violation violation) {
    const auto known =
        std::ranges::find(out_.broken, violation.inv, [](const Broken& b) { return b.violation.inv; });
    if (known != out_.broken.end()) return void(++known->seen);
    Trace trace{.config = alphabet_.config,
                .ops = path_to(from),
                .expect = std::string(spec::fact(violation.inv).name)};
    trace.ops.push_back(op);
    out_.broken.push_back({.violation = std::move(violation), .trace = std::move(trace)});
}

std::vector<Op> Search::path_to(u32 at) const {
    std::vector<Op> ops;
    for (; at; at = nodes_[at].parent) ops.push_back(nodes_[at].op);
    std::ranges::reverse(ops);
    return ops;
}

// ---- alphabets

Config config_of(std::string_view text) {
    const auto c = parse_config(text);
    assert(c);
    return *c;
}

struct SlotOf {
    u8 size{};
    From from{};
};
constexpr SlotOf small{0, From::buddy}, gigantic{1, From::buddy}, gigantic_at_boot{1, From::boot},
    small_hot{0, From::hot};

// Everything that can be done to these folio slots, alone and in lists of one size.
std::vector<Op> folio_ops(const std::vector<SlotOf>& slots) {
    std::vector<Op> ops;
    for (u8 i = 0; i < slots.size(); ++i) {
        ops.push_back(
            {.kind = OpKind::alloc_folio, .folio = i, .size = slots[i].size, .from = slots[i].from});
        for (const OpKind kind : {OpKind::free_folio, OpKind::optimise, OpKind::restore})
            ops.push_back({.kind = kind, .folio = i});
    }
    const bool together = slots.size() == 2 && slots[0].size == slots[1].size;
    const std::vector<u16> masks = together            ? std::vector<u16>{3}
                                   : slots.size() == 2 ? std::vector<u16>{1, 2}
                                                       : std::vector<u16>{1};
    for (const u16 mask : masks)
        for (const OpKind kind : {OpKind::optimise_list, OpKind::restore_list})
            ops.push_back({.kind = kind, .folios = mask});
    return ops;
}

void add_sysctl(std::vector<Op>& ops) {
    for (const bool on : {false, true}) ops.push_back({.kind = OpKind::sysctl, .on = on});
}

// A walker that looks at the struct page of `page` while slot 0 is ordinary memory, then hugetlb.
void add_walker(std::vector<Op>& ops, u8 size, u32 page) {
    ops.push_back({.kind = OpKind::alloc_lru, .size = size});
    ops.push_back({.kind = OpKind::free_lru});
    ops.push_back({.kind = OpKind::walker_enter, .page = page});
    ops.push_back({.kind = OpKind::walker_try_get});
    ops.push_back({.kind = OpKind::walker_leave});
}

void add_hotplug(std::vector<Op>& ops) {
    for (const bool self_hosted : {false, true}) ops.push_back({.kind = OpKind::hot_add, .on = self_hosted});
}

// Units of two pages, a first chunk of a few bytes: what is asked for needs a chunk of its own.
constexpr Op percpu_boot{.kind = OpKind::pcpu_boot, .to = 128, .bytes = 100, .align = 256};

// Every run of pages of chunks of two.
std::vector<Op> chunk_ops(u8 nr_chunks) {
    std::vector<Op> ops{percpu_boot};
    for (u8 i = 0; i < nr_chunks; ++i) {
        for (const OpKind kind : {OpKind::vm_create, OpKind::vm_destroy, OpKind::vm_should_reclaim})
            ops.push_back({.kind = kind, .folio = i});
        for (const OpKind kind : {OpKind::vm_populate, OpKind::vm_depopulate})
            for (const auto& [page, to] : {std::pair(0u, 1u), {1u, 2u}, {0u, 2u}})
                ops.push_back({.kind = kind, .folio = i, .page = page, .to = to});
    }
    return ops;
}

// Areas of a page and of a whole unit, taken by who may sleep and by who may not, and the balance worker.
std::vector<Op> area_ops(const std::vector<u32>& bytes) {
    std::vector<Op> ops{percpu_boot, {.kind = OpKind::pcpu_balance}};
    for (u8 i = 0; i < bytes.size(); ++i) {
        for (const bool atomic : {false, true})
            ops.push_back(
                {.kind = OpKind::pcpu_alloc, .folio = i, .on = atomic, .bytes = bytes[i], .align = 4});
        ops.push_back({.kind = OpKind::pcpu_free, .folio = i});
    }
    return ops;
}

} // namespace

std::vector<Alphabet> tiny_alphabets() {
    std::vector<Alphabet> all{
        {"gigantic folio, walker, sysctl", config_of("tiny memory=16K"), folio_ops({gigantic})},
        {"small folio in hot-added memory", config_of("tiny memory=16K"), folio_ops({small_hot})},
        {"gigantic folio from boot, sysctl", config_of("tiny memory=16K boot=1"),
         folio_ops({gigantic_at_boot})},
        {"small and gigantic folio, walker", config_of("tiny memory=16K"), folio_ops({small, gigantic})},
        {"two small folios, memory pressure", config_of("tiny"), folio_ops({small, small})},
        {"two gigantic folios, hot-added memory", config_of("tiny"), folio_ops({gigantic, gigantic})},
        {"percpu-vm: two chunks, two CPUs", config_of("tiny memory=16K vmalloc=4K cpus=0*2"), chunk_ops(2)},
        {"percpu: a page, a unit, balance", config_of("tiny memory=16K cpus=0*2"), area_ops({256, 512})},
        {"percpu and a small folio, pressure", config_of("tiny memory=16K cpus=0*2"), area_ops({512})},
    };
    add_walker(all[0].ops, gigantic.size, 4);
    add_sysctl(all[0].ops);
    add_hotplug(all[1].ops);
    add_sysctl(all[2].ops);
    add_walker(all[3].ops, small.size, 4);
    all[4].ops.push_back({.kind = OpKind::take_pages, .page = 1});
    all[4].ops.push_back({.kind = OpKind::give_pages});
    add_hotplug(all[5].ops);
    for (const Op& op : folio_ops({small})) all[8].ops.push_back(op);
    all[8].ops.push_back({.kind = OpKind::take_pages, .page = 3});
    all[8].ops.push_back({.kind = OpKind::give_pages});
    return all;
}

Enumerated enumerate(const Alphabet& alphabet, const Limits& limits) {
    return Search(alphabet, limits).run();
}

} // namespace mmodel
