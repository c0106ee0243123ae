// SPDX-License-Identifier: GPL-2.0 OR MIT
// How a state is packed into a word, and what may follow it. For search.cpp and the tests.
#pragma once

#include <algorithm>
#include <bit>

#include "spec/explore/search.hpp"

namespace mmodel::explore {

// Where a walker is: outside; inside, having seen a refcount of zero; inside, about to write.
enum class At : u8 { outside, inside, writes };

// What a step is, for who wants to tell of it.
struct Step {
    enum class Kind : u8 { fill, evict, enter, write, leave, event } kind{};
    u8 cpu{}, page{}, walker{};
    u32 edge{};
};

// A state in a word: the node above, then two bits a walker, then each CPU's row of entries.
class Packing {
public:
    Packing(const Space& space, const Graph& g, bool symmetry)
        : g_(g), nr_pages_(static_cast<unsigned>(space.pages.size())), nr_tlbs_(space.nr_tlbs),
          nr_walkers_(static_cast<unsigned>(space.walkers.size())), symmetry_(symmetry) {
        unsigned most = 1;
        for (u32 n = 0; n < g.nodes.size(); ++n)
            for (unsigned p = 0; p < nr_pages_; ++p) most = std::max(most, nr_may(g, n, p));
        entry_bits_ = static_cast<unsigned>(std::bit_width(most));
        row_bits_ = entry_bits_ * nr_pages_;
        walker_shift_ = row_bits_ * nr_tlbs_;
        node_shift_ = walker_shift_ + 2 * nr_walkers_;
    }

    [[nodiscard]] unsigned bits() const {
        return node_shift_ + static_cast<unsigned>(std::bit_width(g_.nodes.size() - 1));
    }
    // No state has more.
    [[nodiscard]] u64 max_successors() const {
        u64 edges = 0;
        for (const Node& n : g_.nodes) edges = std::max<u64>(edges, n.nr_edges);
        return u64{nr_tlbs_} * nr_pages_ + 2 * nr_walkers_ + edges;
    }
    [[nodiscard]] u64 initial() const { return u64{g_.rests[0]} << node_shift_; }
    [[nodiscard]] u32 node(u64 s) const { return static_cast<u32>(s >> node_shift_); }
    [[nodiscard]] unsigned entry(u64 s, unsigned cpu, unsigned page) const {
        return static_cast<unsigned>(s >> (cpu * row_bits_ + page * entry_bits_)) & entry_mask();
    }
    [[nodiscard]] At walker(u64 s, unsigned w) const {
        return static_cast<At>(s >> (walker_shift_ + 2 * w) & 3);
    }
    [[nodiscard]] u64 row(u64 s, unsigned cpu) const { return s >> (cpu * row_bits_) & row_mask(); }
    // In how many ways the rows can be given to the CPUs.
    [[nodiscard]] u64 orbit(u64 s) const {
        if (nr_tlbs_ == 1) return 1;
        if (nr_tlbs_ == 2) return row(s, 0) == row(s, 1) ? 1 : 2;
        const bool ab = row(s, 0) == row(s, 1), bc = row(s, 1) == row(s, 2);
        return ab && bc ? 1 : ab || bc ? 3 : 6;
    }

    // Calls next(state, step) for every state that may follow, and wrong(Wrong, step) where none should.
    template <class Next, class Wrong_>
    void successors(u64 s, Next&& next, Wrong_&& wrong) const {
        const Node& n = g_.nodes[node(s)];
        hardware(s, n, next, wrong);
        for (u32 e = n.first_edge; e < n.first_edge + n.nr_edges; ++e) follow(s, e, next, wrong);
    }

private:
    [[nodiscard]] u64 entry_mask() const { return (u64{1} << entry_bits_) - 1; }
    [[nodiscard]] u64 row_mask() const { return (u64{1} << row_bits_) - 1; }

    // The same state with its rows in ascending order, which CPUs' names do not change.
    [[nodiscard]] u64 canonical(u64 s) const {
        if (!symmetry_ || nr_tlbs_ == 1) return s;
        s = in_order(s, 0);
        return nr_tlbs_ == 2 ? s : in_order(in_order(s, 1), 0);
    }
    [[nodiscard]] u64 in_order(u64 s, unsigned cpu) const {
        const u64 a = row(s, cpu), b = row(s, cpu + 1);
        if (a <= b) return s;
        return s ^ (a ^ b) << (cpu * row_bits_) ^ (a ^ b) << ((cpu + 1) * row_bits_);
    }

    template <class Next, class Wrong_>
    void hardware(u64 s, const Node& n, Next& next, Wrong_& wrong) const {
        for (unsigned cpu = 0; cpu < nr_tlbs_; ++cpu)
            for (unsigned p = 0; p < nr_pages_; ++p) {
                const unsigned shift = cpu * row_bits_ + p * entry_bits_;
                const Step at{.cpu = static_cast<u8>(cpu), .page = static_cast<u8>(p)};
                if (const u64 held = s >> shift & entry_mask())
                    next(canonical(s & ~(held << shift)), with(at, Step::Kind::evict));
                else if (n.mapped >> p & 1)
                    next(canonical(s | u64{1} << shift), with(at, Step::Kind::fill));
            }
        for (unsigned w = 0; w < nr_walkers_; ++w) walk(s, n, w, next, wrong);
    }

    template <class Next, class Wrong_>
    void walk(u64 s, const Node& n, unsigned w, Next& next, Wrong_& wrong) const {
        const unsigned shift = walker_shift_ + 2 * w;
        const Step at{.walker = static_cast<u8>(w)};
        auto go = [&](At to, Step::Kind kind) {
            next((s & ~(u64{3} << shift)) | u64{static_cast<u8>(to)} << shift, with(at, kind));
        };
        switch (walker(s, w)) {
        case At::outside:
            if (n.exists >> w & 1) go(n.in_use >> w & 1 ? At::writes : At::inside, Step::Kind::enter);
            return;
        case At::writes:
            if (n.exists >> w & 1 && !(n.writable >> w & 1))
                wrong(Wrong::read_only_write, with(at, Step::Kind::write));
            else
                go(At::inside, Step::Kind::write);
            return go(At::outside, Step::Kind::leave);
        case At::inside: return go(At::outside, Step::Kind::leave);
        }
    }

    template <class Next, class Wrong_>
    void follow(u64 s, u32 edge, Next& next, Wrong_& wrong) const {
        const Edge& e = g_.edges[edge];
        const Step step{.kind = Step::Kind::event, .edge = edge};
        const u64 walkers = (s >> walker_shift_) & ((u64{1} << 2 * nr_walkers_) - 1);
        if (e.waits && walkers) return;
        u64 to = (s & ((u64{1} << node_shift_) - 1)) | u64{e.to} << node_shift_;
        for (u32 i = e.first_remap; i < e.first_remap + e.nr_remaps; ++i) {
            const Remap& r = g_.remaps[i];
            for (unsigned cpu = 0; cpu < nr_tlbs_; ++cpu) {
                const unsigned shift = cpu * row_bits_ + r.page * entry_bits_;
                const u64 held = to >> shift & entry_mask();
                const u8 now = r.to[held];
                if (now >= Remap::freed) return wrong(static_cast<Wrong>(now - Remap::freed), step);
                to ^= (held ^ now) << shift;
            }
        }
        next(canonical(to), step);
    }

    static Step with(Step s, Step::Kind kind) {
        s.kind = kind;
        return s;
    }

    const Graph& g_;
    unsigned nr_pages_, nr_tlbs_, nr_walkers_;
    bool symmetry_;
    unsigned entry_bits_{}, row_bits_{}, walker_shift_{}, node_shift_{};
};

} // namespace mmodel::explore
