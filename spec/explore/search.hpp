// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every state of a space: the machine's graph (graph.hpp) times what the hardware around it is at. A state is
// a node, an entry for each tracked page in each CPU's TLB, and where each walker is; 64 bits. At any node a
// CPU may fill an entry with the translation that is there, or drop one; a walker may enter an RCU read
// section, write to the refcount that it saw, or leave; or the next event of the operation happens.
// Breadth first, on several threads over one table.
#pragma once

#include "spec/explore/graph.hpp"

namespace mmodel::explore {

struct SearchLimits {
    u64 states{~u64{0}};
    u64 bytes{~u64{0}}; // of table and frontier
    unsigned jobs{1};
    bool symmetry{true}; // CPUs are interchangeable
    std::function<bool()> stop{};
    std::function<void(u64 states, u64 frontier)> progress{};
};

// What no step may lead to: a TLB entry whose frame was freed, that the machine says no CPU can hold, or that
// an address mapped anew contradicts; a walker's write through a read-only translation.
enum class Wrong : u8 { freed, impossible, alias, read_only_write };

// A sequence of steps that ends in something no hardware may come to.
struct Counterexample {
    Wrong wrong{};
    std::vector<Op> ops{};            // operations begun, walkers' at rest among them
    std::vector<std::string> steps{}; // every step after boot, as a line
    u64 seen{1};
};

struct Searched {
    u64 states{}, transitions{};
    u32 depth{}; // steps from boot to the farthest state
    bool complete{};
    std::string cut_by{};
    double seconds{};
    u64 peak_bytes{};
    u64 unfolded{}; // states without the symmetry of CPUs: the sizes of the orbits, summed
    std::vector<Counterexample> found{};
};

// Bits of a state, and no more states than so many (an upper bound; saturates).
struct Estimate {
    unsigned bits{};
    u64 states{};
    u64 bytes{}; // for as many: table and frontier
};
inline constexpr unsigned max_state_bits = 63;
[[nodiscard]] Estimate estimate(const Space& space, const Graph& g);

// Needs: estimate().bits <= max_state_bits.
[[nodiscard]] Searched search(const Space& space, const Graph& g, const SearchLimits& limits);

} // namespace mmodel::explore
