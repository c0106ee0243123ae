// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/percpu/chunk_table.hpp"

namespace mmodel::pcpu {

ChunkId ChunkTable::add(Chunk chunk) {
    const ChunkId id = lowest_free_;
    if (id == nodes_.size()) nodes_.emplace_back();
    nodes_[id].chunk.emplace(std::move(chunk));
    touch(id);
    while (is_live(lowest_free_)) ++lowest_free_;
    ++nr_live_;
    return id;
}

void ChunkTable::remove(ChunkId id) {
    nodes_[id] = {};
    lowest_free_ = std::min(lowest_free_, id);
    --nr_live_;
    while (!nodes_.empty() && !nodes_.back().chunk) nodes_.pop_back();
}

void ChunkTable::reset_lists(int nr) {
    lists_.assign(static_cast<std::size_t>(nr), {});
    for (Node& n : nodes_) n.list = no_list, n.prev = n.next = no_chunk;
}

void ChunkTable::unlist(ChunkId id) {
    Node& n = nodes_[id];
    if (n.list == no_list) return;
    touch(id);
    List& l = lists_[static_cast<std::size_t>(n.list)];
    (n.prev == no_chunk ? l.first : nodes_[n.prev].next) = n.next;
    (n.next == no_chunk ? l.last : nodes_[n.next].prev) = n.prev;
    n.list = no_list;
    n.prev = n.next = no_chunk;
}

void ChunkTable::move(ChunkId id, int list, bool front) {
    unlist(id);
    touch(id);
    Node& n = nodes_[id];
    List& l = lists_[static_cast<std::size_t>(list)];
    n.list = list;
    (front ? n.next : n.prev) = front ? l.first : l.last;
    const ChunkId neighbour = front ? n.next : n.prev;
    if (neighbour != no_chunk) (front ? nodes_[neighbour].prev : nodes_[neighbour].next) = id;
    (front ? l.first : l.last) = id;
    if (neighbour == no_chunk) (front ? l.last : l.first) = id;
}

u64 ChunkTable::hash() const {
    u64 h = lists_.size();
    for (ChunkId id = 0; id < end_id(); ++id) {
        if (!is_live(id)) continue;
        h = hash_combine(h, u64{id} << 32 | static_cast<u32>(nodes_[id].list));
        h = hash_combine(h, u64{nodes_[id].prev} << 32 | nodes_[id].next);
        h = hash_combine(h, (*this)[id].hash());
    }
    return h;
}

bool ChunkTable::operator==(const ChunkTable& o) const {
    if (lists_ != o.lists_ || end_id() != o.end_id()) return false;
    for (ChunkId id = 0; id < end_id(); ++id) {
        const Node &a = nodes_[id], &b = o.nodes_[id];
        if (a.list != b.list || a.prev != b.prev || a.next != b.next) return false;
        if (a.chunk.has_value() != b.chunk.has_value()) return false;
        if (a.chunk && !a.chunk->shares_with(*b.chunk) && **a.chunk != **b.chunk) return false;
    }
    return true;
}

} // namespace mmodel::pcpu
