// SPDX-License-Identifier: GPL-2.0 OR MIT
// The graph of a kernel tree's file over a space (spec/explore/graph.hpp). It is built in a child: what the
// child says is checked to be a graph, and believed to be the file's; a violation only if a fresh child that
// runs its operations from boot shows it again.
#pragma once

#include <expected>

#include "spec/explore/explore.hpp"
#include "spec/linux/host/bench.hpp"

namespace mmodel::bench {

struct TreeGraph {
    explore::Graph graph{}; // broken: as a fresh child showed it
    // Violations that no fresh child showed: which frames the allocator gave is not in a trace. The graph is
    // not complete then.
    std::vector<explore::Broken> unconfirmed{};
};

// Needs: the space has the unit's geometry, and the unit is on the software MMU. Of the options, symmetry and
// stop_at_first are heard. An operation that ends the child is a violation, and cuts the graph: "crash". A
// Problem is the host's or the unit's.
[[nodiscard]] std::expected<TreeGraph, Problem> build_tree_graph(const Unit& unit,
                                                                 const explore::Space& space,
                                                                 const explore::GraphOptions& options,
                                                                 const explore::GraphLimits& limits);

// The whole space: that graph, and then its states. What the hardware's part shows has in `alone` what a
// fresh child shows of its operations.
struct ExploredFile {
    explore::Explored explored{};
    std::vector<explore::Broken> unconfirmed{}; // see TreeGraph
};
[[nodiscard]] std::expected<ExploredFile, Problem> explore_file(const Unit& unit, const explore::Space& space,
                                                                const explore::Options& options,
                                                                const explore::Limits& limits);

} // namespace mmodel::bench
