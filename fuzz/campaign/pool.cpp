// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/campaign/pool.hpp"

#include <algorithm>

namespace mmodel::bench {
namespace {

constexpr std::size_t most_kept = 512; // the oldest goes
constexpr std::size_t latest = 16;

// Whether one of them is new; they are not, from now on.
bool note(std::vector<bool>& seen, const std::vector<u32>& numbers) {
    bool fresh = false;
    for (const u32 n : numbers) {
        if (n >= seen.size()) seen.resize(n + 1);
        fresh |= !seen[n];
        seen[n] = true;
    }
    return fresh;
}

} // namespace

void Pool::add(const Trace& ran, const Reached& reached) {
    const bool new_edge = note(edges_, reached.edges), new_pair = note(pairs_, reached.pairs);
    if (ran.ops.empty()) return;
    if (new_edge) by_edge_.push_back(ran);
    if (new_pair) kept_.push_back(ran);
    if (kept_.size() > most_kept) kept_.pop_front();
}

void Pool::tell(const Unit& unit, std::map<Branch, bool>& out) const {
    if (!unit.edges) return;
    const auto& branches = unit.edges->branches;
    for (std::size_t i = 0; i < branches.size(); ++i)
        if (unit.tree.name != "percpu-vm" || branches[i].file == unit.tree.file)
            out[branches[i]] |= i < edges_.size() && edges_[i];
}

const Trace& Pool::pick(Rng& rng) const {
    const u64 way = rng() % 4;
    if (way == 0 && !by_edge_.empty()) return by_edge_[rng() % by_edge_.size()];
    const std::size_t from = way == 1 ? kept_.size() - std::min(kept_.size(), latest) : 0;
    return kept_[from + rng() % (kept_.size() - from)];
}

} // namespace mmodel::bench
