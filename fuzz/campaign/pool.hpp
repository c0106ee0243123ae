// SPDX-License-Identifier: GPL-2.0 OR MIT
// Sequences that reached something new in a kernel tree's file: an edge of it, or an edge in a class of
// worlds (spec/linux/host/coverage.hpp). Of one compiled file.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "fuzz/ops/generate.hpp"
#include "fuzz/ops/trace.hpp"
#include "spec/linux/host/bench.hpp"
#include "spec/linux/host/coverage.hpp"

namespace mmodel::bench {

class Pool {
public:
    // Adds the branches of a unit, and which of them ran; of percpu-vm, of whose object percpu.c is the most,
    // its own.
    void tell(const Unit& unit, std::map<Branch, bool>& out) const;
    // Notes what a sequence reached, and keeps it if that is new.
    void add(const Trace& ran, const Reached& reached);
    [[nodiscard]] bool is_empty() const { return kept_.empty(); }
    // One of them: those that reached a new edge, and the latest, more often. Needs: there is one.
    [[nodiscard]] const Trace& pick(Rng& rng) const;
    [[nodiscard]] std::size_t size() const { return kept_.size(); }

private:
    std::vector<bool> edges_, pairs_;
    std::deque<Trace> kept_;     // that reached a new pair
    std::vector<Trace> by_edge_; // ... a new edge
};

} // namespace mmodel::bench
