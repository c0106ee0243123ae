// SPDX-License-Identifier: GPL-2.0 OR MIT
// The same operation, from the same state, by the kernel file and by the model: what differs.
#pragma once

#include <optional>
#include <string>

#include "model/outcome.hpp"
#include "model/world.hpp"
#include "spec/judge/invariant.hpp"

namespace mmodel::bench {

// In one sentence, and in which part.
struct Differs {
    std::string text;
    spec::Way way;
};

// The first difference: what was returned, then the layout, the counters, the lists, the chunks, the areas.
// Which frames were taken is left out, and so is what hints of size 0 last pointed at.
[[nodiscard]] std::optional<Differs> first_difference(const Ran& real, const Ran& model, const pcpu::Pcpu& r,
                                                      const pcpu::Pcpu& m, bool is_boot);

} // namespace mmodel::bench
