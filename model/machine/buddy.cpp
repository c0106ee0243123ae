// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/buddy.hpp"

#include <algorithm>

namespace mmodel {

namespace {
constexpr u64 pages(u8 order) { return u64{1} << order; }
constexpr Pfn align_up(Pfn p, u64 n) { return Pfn{(p.value + n - 1) / n * n}; }
constexpr Pfn align_down(Pfn p, u64 n) { return Pfn{p.value / n * n}; }
} // namespace

Buddy::Buddy(const Config& c) : max_order_(c.geometry.max_order) {
    for (u8 o = 0; o <= max_order_; ++o) base_[o + 1] = base_[o] + (c.nr_frames() >> o) + 1;
    free_ = IndexSet(base_[max_order_ + 1]);
    auto span = [&](Area a, Pfn start, u64 n) {
        start_[a] = frontier_[a] = untouched_end_[a] = start;
        end_[a] = start + n;
    };
    for (u8 n = 0; n < c.nr_nodes; ++n) {
        span(n, c.node_start(n), c.frames_per_node - c.highmem_frames);
        span(static_cast<Area>(c.nr_nodes + max_hot_blocks + n), c.highmem_start(n), c.highmem_frames);
    }
    for (u8 b = 0; b < max_hot_blocks; ++b) span(c.nr_nodes + b, c.hot_block_start(b), c.hot_block_frames);
}

// What is not a whole number of the largest blocks goes on the lists; the rest stays behind the frontier.
void Buddy::add_untouched(Area a, Pfn start, Pfn end) {
    const Pfn lo = align_up(start, pages(max_order_)), hi = align_down(end, pages(max_order_));
    if (lo >= hi) {
        frontier_[a] = untouched_end_[a] = start_[a];
        return put_range(a, start, end);
    }
    frontier_[a] = lo;
    untouched_end_[a] = hi;
    nr_free_pages_[a] += hi - lo;
    put_range(a, start, lo);
    put_range(a, hi, end);
}

std::optional<Pfn> Buddy::alloc(Area a, Order order) {
    for (u8 o = order.value; o <= max_order_; ++o) {
        auto block = first(a, o);
        if (!block && o == max_order_ && frontier_[a] < untouched_end_[a]) block = frontier_[a];
        if (!block) continue;
        take(a, *block, o);
        for (; o > order.value; --o) put(a, *block + pages(o - 1), o - 1); // expand()
        return block;
    }
    return std::nullopt;
}

std::optional<Pfn> Buddy::alloc_contig(Area a, Order order) {
    const u64 n = pages(order.value);
    for (Pfn p = align_up(start_[a], n); p + n <= end_[a]; p = p + n) {
        Pfn q = p;
        while (q < p + n) { // step over the free blocks that tile [p, p + n)
            if (q >= frontier_[a] && q < untouched_end_[a]) {
                q = std::min(p + n, untouched_end_[a]);
                continue;
            }
            u8 o = 0;
            while (o <= max_order_ && !(q.value % pages(o) == 0 && holds(a, q, o))) ++o;
            if (o > max_order_) break;
            q = q + pages(o);
        }
        if (q < p + n) continue;
        take_range(a, p, p + n);
        return p;
    }
    return std::nullopt;
}

bool Buddy::alloc_exactly(Area a, Pfn pfn) {
    if (!is_free(a, pfn)) return false;
    if (pfn >= frontier_[a] && pfn < untouched_end_[a])
        touch_until(a, align_down(pfn, pages(max_order_)) + pages(max_order_));
    u8 o = 0;
    while (!holds(a, align_down(pfn, pages(o)), o)) ++o;
    take(a, align_down(pfn, pages(o)), o);
    while (o-- > 0) put(a, align_down(Pfn{pfn.value ^ pages(o)}, pages(o)), o);
    return true;
}

void Buddy::free(Area a, Pfn pfn, Order order) {
    u8 o = order.value;
    for (; o < max_order_; ++o) {
        const Pfn buddy{pfn.value ^ pages(o)};
        if (buddy < start_[a] || buddy + pages(o) > end_[a] || !holds(a, buddy, o)) break;
        take(a, buddy, o);
        pfn = std::min(pfn, buddy);
    }
    put(a, pfn, o);
    retract(a);
}

bool Buddy::is_free(Area a, Pfn pfn) const {
    if (pfn >= frontier_[a] && pfn < untouched_end_[a]) return true;
    for (u8 o = 0; o <= max_order_; ++o)
        if (nr_free_[a][o] && holds(a, align_down(pfn, pages(o)), o)) return true;
    return false;
}

FreeRun Buddy::run_from(Area a, Pfn pfn) const {
    if (pfn >= frontier_[a] && pfn < untouched_end_[a]) return {true, untouched_end_[a]};
    Pfn end = pfn < frontier_[a] ? std::min(frontier_[a], end_[a]) : end_[a];
    for (u8 o = 0; o <= max_order_; ++o) {
        if (!nr_free_[a][o]) continue;
        const u64 at = index(pfn, o);
        const auto next = free_.first_from(at);
        if (next == at) return {true, align_down(pfn, pages(o)) + pages(o)};
        if (next)
            end = std::min(end, Pfn{(*next - base_[o]) << o}); // past the area, if it is of another order
    }
    return {false, end};
}

u64 Buddy::hash() const {
    u64 h = free_.hash();
    for (Area a = 0; a < max_areas; ++a) h = hash_combine(h, frontier_[a].value ^ nr_free_pages_[a] << 32);
    return h;
}

// ---- representation

bool Buddy::holds(Area a, Pfn pfn, u8 order) const {
    return nr_free_[a][order] && free_.contains(index(pfn, order));
}

std::optional<Pfn> Buddy::first(Area a, u8 order) const {
    if (nr_free_[a][order] == 0) return std::nullopt;
    const auto i = free_.first_from(index(start_[a], order));
    return i ? std::optional(Pfn{(*i - base_[order]) << order}) : std::nullopt;
}

void Buddy::put(Area a, Pfn pfn, u8 order) {
    free_.insert(index(pfn, order));
    ++nr_free_[a][order];
    nr_free_pages_[a] += pages(order);
}

// A block behind the frontier is touched first: everything before it moves to the list.
void Buddy::take(Area a, Pfn pfn, u8 order) {
    if (pfn >= frontier_[a] && pfn < untouched_end_[a]) touch_until(a, pfn + pages(order));
    free_.erase(index(pfn, order));
    --nr_free_[a][order];
    nr_free_pages_[a] -= pages(order);
}

void Buddy::put_range(Area a, Pfn start, Pfn end) {
    while (start < end) {
        u8 o = 0;
        while (o < max_order_ && start.value % pages(o + 1) == 0 && start + pages(o + 1) <= end) ++o;
        free(a, start, Order{o});
        start = start + pages(o);
    }
}

// Takes every page of [start, end), which free blocks tile exactly.
void Buddy::take_range(Area a, Pfn start, Pfn end) {
    if (frontier_[a] < end && start < untouched_end_[a]) touch_until(a, std::min(end, untouched_end_[a]));
    for (Pfn p = start; p < end;) {
        u8 o = 0;
        while (!(p.value % pages(o) == 0 && holds(a, p, o))) ++o;
        take(a, p, o);
        p = p + pages(o);
    }
}

void Buddy::touch_until(Area a, Pfn pfn) {
    for (const u64 n = pages(max_order_); frontier_[a] < pfn; frontier_[a] = frontier_[a] + n) {
        free_.insert(index(frontier_[a], max_order_));
        ++nr_free_[a][max_order_];
    }
}

void Buddy::retract(Area a) {
    const u64 n = pages(max_order_);
    while (untouched_end_[a] > start_[a] && frontier_[a] >= start_[a] + n &&
           holds(a, frontier_[a] - n, max_order_)) {
        frontier_[a] = frontier_[a] - n;
        free_.erase(index(frontier_[a], max_order_));
        --nr_free_[a][max_order_];
    }
}

} // namespace mmodel
