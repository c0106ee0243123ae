// SPDX-License-Identifier: GPL-2.0 OR MIT
// The machine's part of a space, as a graph. A node is a point in an operation: at rest, or after one of its
// events; an edge is the next event. Every node at rest is tried with every operation, every choice of frames
// and every failing allocation, on the subject's own code (subject.hpp) under the whole specification. Nodes
// at rest are one if their keys are equal (key.hpp); a point inside an operation is its node at rest and the
// events since.
//
// What a CPU's TLB may hold of a page there is listed with the node, so that the hardware's part of a state
// (search.hpp) is a few bits a page, and an event's effect on it a table.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "spec/explore/key.hpp"
#include "spec/explore/subject.hpp"
#include "spec/judge/check.hpp"
#include "spec/sabotage/sabotage.hpp"

namespace mmodel::explore {

// What becomes of a TLB entry (may.hpp) over an edge, when it does not stay what it is. Values of `to` from 8
// on are ends: what no CPU may come to hold.
struct Remap {
    enum End : u8 {
        freed = 8,      // its frame was freed
        impossible = 9, // the machine says that no CPU can hold it
        alias = 10,     // the page is mapped again, to something else
    };
    u8 page{}; // which of the space's pages
    std::array<u8, 8> to{};
};

struct Edge {
    u32 to{};
    u32 first_remap{};
    u32 label{}; // the event: index into texts; the end of an operation: index into ends
    u8 nr_remaps{};
    bool waits{}; // synchronize_rcu(): no walker is inside
    bool ends{};
    EventKind kind{}; // of the event; at the end of an operation: nothing
};

struct Node {
    u32 first_edge{};
    u16 nr_edges{};
    u16 mapped{};   // mask of pages: there is a present translation, its index 1 (else stale ones begin at 1)
    u16 writable{}; // mask of walkers' pages: the present translation may be written through
    u8 in_use{};    // mask of walkers: the struct page they look at has a refcount that is not zero
    u8 exists{};    // mask of walkers: there is a folio in the slot
    u32 rest{};     // the node at rest it is, or comes from
    u16 op{};       // index into the alphabet; at rest: no_op
    u16 event{};    // how many events of the operation have happened
};
inline constexpr u16 no_op = 0xffff;

// What a node looks like from outside, as bytes that another model of the same space can tell too, and what
// each entry of a page's list looks like in a TLB (spec/promela/link).
struct NodeView {
    std::string bytes{};
    std::array<std::array<u8, 8>, max_tracked> entries{};
};

// What of a node the world does not tell.
struct ViewOf {
    const State& state;
    u16 op{};                    // index into the alphabet, or no_op
    u16 event{};                 // of the operation
    u16 path{};                  // which events those were, in order: a checksum
    u8 faults{};                 // allocations of the operation that failed though there was memory
    std::span<const Pfn> held{}; // frames that became nobody's in the operation, oldest first
    std::span<const std::vector<Pte>> mays{}; // by page, the list that entries are indices into
};

// How a node at rest was first reached.
struct Origin {
    u32 from{}; // the node at rest before
    Op op{};
};

// An invariant that some operation broke, and the shortest way there. What is known is apart: each finding of
// the subject's own list.
struct Broken {
    spec::Violation violation{};
    std::vector<Op> ops{}; // of the space's boot, then of its alphabet
    u64 seen{1};
    std::optional<u32> known{}; // which finding it is
};

// A world at rest that the inductive invariant of spec/symbolic does not hold in.
struct NotInductive {
    std::string conjunct{};
    std::vector<Op> ops{};
    u64 seen{1};
};

struct Graph {
    std::vector<Node> nodes{};
    std::vector<Edge> edges{};
    std::vector<Remap> remaps{};
    std::vector<NodeView> views{};    // by node, if asked for
    std::vector<u64> may{};           // by node: how many translations CPUs may hold, four bits a page
    std::vector<std::string> texts{}; // events, as printed, with the kernel function
    std::vector<Op> ends{};           // operations, with the allocations that failed
    std::vector<u32> rests{};         // nodes at rest, in the order found
    std::vector<Origin> origins{};    // by the same order
    std::vector<Broken> broken{};
    std::vector<NotInductive> not_inductive{}; // one for each conjunct
    u64 nr_runs{}, nr_events{};                // operations run, and their events
    u64 nr_faulted{};                          // operations in which an allocation failed
    u64 nr_known{};        // operations that broke nothing but what is known; of them those that left ...
    u64 nr_known_passed{}; // ... the machine sound, after which the graph goes on
    std::vector<u64> classes{}; // by the same order: a hash of the key with Symmetry::frames
    std::vector<u64> worlds{};  // ... and of the world's alone, which another subject may have as well
    u64 nr_worlds{};            // Symmetry::pool: how many the nodes at rest stand for without symmetry
    u32 depth{};                // operations from boot to the node at rest that is farthest
    bool complete{};
    std::string cut_by{}; // not complete: "nodes", "time" or "violation"
    u64 bytes{};
};

struct GraphLimits {
    u64 nodes{20'000'000};
    std::function<bool()> stop{}; // asked now and then; true: out of time, or interrupted
    std::function<void(u64 rests, u64 nodes)> progress{};
};

struct GraphOptions {
    Symmetry symmetry{Symmetry::frames};
    Sabotage sabotage{};  // of the model
    bool stop_at_first{}; // at the first violation
    bool names_frames{};  // operations on the way somewhere say which frames they got
    bool judged{true};    // by the specification; else only TLBs and walkers are there to find what is wrong
    // If given: what is seen of every node is kept, operations that begin alike are told apart, and ...
    std::function<NodeView(const ViewOf&)> view{};
    std::function<bool(const State&)> goes_on{}; // ... no operation begins at rest where this is false
};

// How many translations of a page CPUs may hold at a node.
[[nodiscard]] inline unsigned nr_may(const Graph& g, u32 node, std::size_t page) {
    return g.may[node] >> (4 * page) & 15;
}

// Of the model.
[[nodiscard]] Graph build_graph(const Space& space, const GraphOptions& options, const GraphLimits& limits);
// Of a subject that was booted with the space's configuration. `sabotage` is its own business, and the
// inductive invariant of spec/symbolic, which is the model's, is not asked of it.
[[nodiscard]] Graph build_graph(Subject& subject, const Space& space, const GraphOptions& options,
                                const GraphLimits& limits);

// The operations from boot to a node at rest (an index of `rests`).
[[nodiscard]] std::vector<Op> path_to(const Space& space, const Graph& g, u32 rest);

} // namespace mmodel::explore
