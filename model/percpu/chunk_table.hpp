// SPDX-License-Identifier: GPL-2.0 OR MIT
// The chunks there are, and the lists that hold them (pcpu_chunk_lists). A value: chunks name each other by
// number, a new chunk gets the lowest number that is free, and a copy shares every chunk until one side
// changes it.
#pragma once

#include <optional>
#include <vector>

#include "model/machine/box.hpp"
#include "model/percpu/chunk.hpp"

namespace mmodel::pcpu {

using ChunkId = u32;
inline constexpr ChunkId no_chunk = ~0u;
inline constexpr int no_list = -1;

class ChunkTable {
public:
    [[nodiscard]] bool is_live(ChunkId id) const { return id < nodes_.size() && nodes_[id].chunk; }
    [[nodiscard]] const Chunk& operator[](ChunkId id) const { return **nodes_[id].chunk; }
    [[nodiscard]] Chunk& own(ChunkId id) { return touch(id), nodes_[id].chunk->own(); }
    [[nodiscard]] ChunkId end_id() const {
        return static_cast<ChunkId>(nodes_.size());
    } // past the highest number
    [[nodiscard]] u64 nr_live() const { return nr_live_; }

    // Which chunks were added, changed or moved since; some more than once, some gone by now. For who judges
    // an operation by what it touched: no part of the value.
    void forget_touched() { touched_.clear(); }
    [[nodiscard]] const std::vector<ChunkId>& touched() const { return touched_; }

    // On no list yet.
    ChunkId add(Chunk chunk);
    // Needs: on no list.
    void remove(ChunkId id);

    // Empty lists 0 .. nr - 1; chunks are on none of them any more.
    void reset_lists(int nr);
    [[nodiscard]] int nr_lists() const { return static_cast<int>(lists_.size()); }
    [[nodiscard]] int list_of(ChunkId id) const { return nodes_[id].list; }
    [[nodiscard]] ChunkId first(int list) const { return lists_[static_cast<std::size_t>(list)].first; }
    [[nodiscard]] ChunkId next(ChunkId id) const { return nodes_[id].next; }
    [[nodiscard]] bool is_empty(int list) const { return first(list) == no_chunk; }
    // list_move(), list_move_tail(): from wherever it is, to the front or the back.
    void move(ChunkId id, int list, bool front);
    void unlist(ChunkId id); // list_del()

    [[nodiscard]] u64 hash() const;
    bool operator==(const ChunkTable& o) const;

private:
    struct Node {
        std::optional<Box<Chunk>> chunk{};
        int list{no_list};
        ChunkId prev{no_chunk}, next{no_chunk};
    };
    struct List {
        ChunkId first{no_chunk}, last{no_chunk};
        bool operator==(const List&) const = default;
    };

    void touch(ChunkId id) {
        if (touched_.empty() || touched_.back() != id) touched_.push_back(id);
    }

    std::vector<Node> nodes_;
    std::vector<ChunkId> touched_;
    std::vector<List> lists_;
    ChunkId lowest_free_{}; // the lowest number that no chunk has
    u64 nr_live_{};
};

} // namespace mmodel::pcpu
