// SPDX-License-Identifier: GPL-2.0 OR MIT
// A graph (spec/explore/graph.hpp) as the bytes that a child sends, and back. The child ran code under test,
// which may have written over all that it knows: what comes is taken as a graph only if every index in it is
// one, so that whoever searches it or follows a path in it comes to an end and reads nothing else. Whether it
// is the graph of that code nobody can tell.
#pragma once

#include <expected>
#include <functional>
#include <span>

#include "spec/explore/graph.hpp"

namespace mmodel::bench {

// Each operation after the space's boot, as an index into its alphabet, the allocations that fail, and the
// frames that it got, if that is said.
struct WireOp {
    u16 idx{};
    std::array<u16, max_faults> fail{no_fault, no_fault};
    Frames frames{};
};
[[nodiscard]] std::optional<WireOp> to_wire(const explore::Space& space, const Op& op);
[[nodiscard]] std::optional<Op> from_wire(const explore::Space& space, const WireOp& op);

// Hands the bytes to `put`, piece by piece, in order.
void send_graph(const explore::Space& space, const explore::Graph& g,
                const std::function<void(std::span<const std::byte>)>& put);

// Reads with `get`, which puts some bytes where it is told and says how many; 0: there are no more. The error
// says what makes no sense. `max_nodes`: a graph of more is refused.
[[nodiscard]] std::expected<explore::Graph, std::string>
receive_graph(const explore::Space& space, u64 max_nodes,
              const std::function<std::size_t(std::span<std::byte>)>& get);

} // namespace mmodel::bench
