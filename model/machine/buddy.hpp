// SPDX-License-Identifier: GPL-2.0 OR MIT
// The page allocator: free blocks of 2^order pages, split on the way out, merged on the way in. The lowest
// suitable block is always taken, so the free set alone determines what happens next. Memory never touched
// since boot is one number (the frontier), however much of it there is. Source: mm/page_alloc.c (expand(),
// __free_one_page()).
#pragma once

#include <array>
#include <optional>

#include "model/machine/geometry.hpp"
#include "model/machine/index_set.hpp"

namespace mmodel {

// An area is a stretch of memory that blocks never merge across: a node's memory, one hot-added block, a
// node's highmem.
using Area = u8;

// Frames up to `end` that are all free, or none of which is.
struct FreeRun {
    bool is_free{};
    Pfn end{};
};

class Buddy {
public:
    static constexpr Area max_areas = 2 * max_nodes + max_hot_blocks;
    static constexpr u8 nr_orders = 16;

    Buddy() = default;
    // All areas empty: area n < nr_nodes is node n, area nr_nodes + b is hot-plug block b, then a node's
    // highmem each.
    explicit Buddy(const Config& c);

    // Hands [start, end) of the area to the allocator, as untouched as can be. Once per area.
    void add_untouched(Area a, Pfn start, Pfn end);

    // A block of 2^order pages, or nothing.
    [[nodiscard]] std::optional<Pfn> alloc(Area a, Order order);
    // 2^order contiguous aligned pages made of whole blocks (alloc_contig_pages()). Needs: order past
    // max_order.
    [[nodiscard]] std::optional<Pfn> alloc_contig(Area a, Order order);
    // That page, out of whatever block holds it; false when it is not free.
    [[nodiscard]] bool alloc_exactly(Area a, Pfn pfn);
    // Gives back a block and merges it with its free buddies. Needs: none of it is free.
    void free(Area a, Pfn pfn, Order order);

    [[nodiscard]] bool is_free(Area a, Pfn pfn) const;
    // From that page on; the next run may be of the same kind. O(orders).
    [[nodiscard]] FreeRun run_from(Area a, Pfn pfn) const;
    [[nodiscard]] u64 nr_free_pages(Area a) const { return nr_free_pages_[a]; }
    // Blocks on the free list of that order, untouched ones not counted.
    [[nodiscard]] u32 nr_free(Area a, Order order) const { return nr_free_[a][order.value]; }

    [[nodiscard]] u64 hash() const;
    bool operator==(const Buddy&) const = default;

private:
    [[nodiscard]] u64 index(Pfn pfn, u8 order) const { return base_[order] + (pfn.value >> order); }
    [[nodiscard]] bool holds(Area a, Pfn pfn, u8 order) const;
    [[nodiscard]] std::optional<Pfn> first(Area a, u8 order) const;
    void put(Area a, Pfn pfn, u8 order);
    void take(Area a, Pfn pfn, u8 order);
    void put_range(Area a, Pfn start, Pfn end);
    void take_range(Area a, Pfn start, Pfn end);
    void touch_until(Area a, Pfn pfn);
    void retract(Area a);

    u8 max_order_{};
    std::array<u64, nr_orders + 1> base_{}; // where an order's blocks start in free_
    IndexSet free_{};                       // free blocks, by order and address
    std::array<std::array<u32, nr_orders>, max_areas> nr_free_{};
    std::array<u64, max_areas> nr_free_pages_{};
    // [frontier_, untouched_end_) is free without being on a list. The block before it is not free: what is
    // freed up to the frontier moves it back, so that equal free sets have equal representations.
    std::array<Pfn, max_areas> start_{}, end_{}, frontier_{}, untouched_end_{};
};

} // namespace mmodel
