// SPDX-License-Identifier: GPL-2.0 OR MIT
// The inductive invariants of invariant.hpp over a real World at rest.
#pragma once

#include <map>
#include <string>

#include "model/world.hpp"

namespace mmodel::symbolic {

// The name of a conjunct that does not hold; empty: the invariant holds. At rest only: after an operation has
// ended. Looks at the vmemmap of the folios there are and the PMDs above it, and, on machines of up to
// `all_frames` frames (as on "tiny"), at all of it and at every frame.
inline constexpr u64 all_frames = 4096;
[[nodiscard]] std::string broken_hvo_invariant(const World& w);
// Of the chunks that no list holds and all others in the vmalloc range.
[[nodiscard]] std::string broken_percpu_invariant(const World& w);

// How often each conjunct of both is asked of this world: one that is not can't fail in it.
[[nodiscard]] std::map<std::string, u64> nr_conjuncts(const World& w);

[[nodiscard]] inline bool hvo_inductive_invariant(const World& w) { return broken_hvo_invariant(w).empty(); }
[[nodiscard]] inline bool percpu_inductive_invariant(const World& w) {
    return broken_percpu_invariant(w).empty();
}

} // namespace mmodel::symbolic
