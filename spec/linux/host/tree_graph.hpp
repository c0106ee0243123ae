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
    explore::Graph graph{}; // broken: as a fresh child showed it; operations name the frames that it needs
    // Violations that no fresh child showed. The graph is not complete then.
    std::vector<explore::Broken> unconfirmed{};
    Reached reached{}; // of the unit's edges
    u64 nr_compared{}; // operations that were compared with the model; of them those that deviated as is
                       // known
    DeviationCounts deviations{};
    u8 nr_used_subpage{}, nr_reset_struct_page{}; // see Geometry: as the file has them
    pcpu::Sizes sizes{};                          // the geometry's, of the file's kind
};

// Needs: the space has the unit's geometry, and the unit is on the software MMU. Of the options, symmetry and
// stop_at_first are heard. An operation that ends the child is a violation, and cuts the graph: "crash". A
// Problem is the host's or the unit's.
[[nodiscard]] std::expected<TreeGraph, Problem> build_tree_graph(const Unit& unit,
                                                                 const explore::Space& space,
                                                                 const explore::GraphOptions& options,
                                                                 const explore::GraphLimits& limits);

// The model's graph of the same space, not judged, of the file's kind in what the model has of several.
// Needs: percpu's sizes are the geometry's, as they are where pages are tiny.
[[nodiscard]] explore::Graph models_graph(explore::Space space, const TreeGraph& of_the_file,
                                          explore::Symmetry symmetry, const explore::GraphLimits& limits);

// The worlds at rest of two complete graphs of a space: how many are in both or in one alone, and the way to
// the first of those.
struct Worlds {
    u64 both{}, only_the_files{}, only_the_models{};
    std::vector<Op> way{};
    [[nodiscard]] bool are_the_same() const { return !only_the_files && !only_the_models; }
};
[[nodiscard]] Worlds compare_worlds(const explore::Space& space, const explore::Graph& files,
                                    const explore::Graph& models);

// A file of the model's design beside the model. `worlds`: nothing unless both graphs are complete.
struct BesideTheModel {
    u64 nr_compared{};
    DeviationCounts deviations{};
    std::optional<Worlds> worlds{};
};

// The whole space: that graph, and then its states; with Options::stale, that graph again for each way of
// answering from old translations that has a name (stale.hpp), for what is found so alone. What the
// hardware's part shows has in `alone` what a fresh child shows of its operations.
struct ExploredFile {
    explore::Explored explored{};
    std::vector<explore::Broken> unconfirmed{}; // see TreeGraph
    std::optional<BesideTheModel> model{};      // where the file has its design
    Reached reached{};                          // of the unit's edges
};
[[nodiscard]] std::expected<ExploredFile, Problem> explore_file(const Unit& unit, const explore::Space& space,
                                                                const explore::Options& options,
                                                                const explore::Limits& limits);

} // namespace mmodel::bench
