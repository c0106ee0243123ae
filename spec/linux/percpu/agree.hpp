// SPDX-License-Identifier: GPL-2.0 OR MIT
// The same operation, from the same state, by the kernel file and by the model: what differs.
#pragma once

#include <optional>
#include <string>

#include "model/outcome.hpp"
#include "model/world.hpp"

namespace mmodel::bench {

// The first difference in one sentence: what was returned, then the layout, the counters, the lists, the
// chunks, the areas. Which frames were taken is left out, and so is what hints of size 0 last pointed at.
[[nodiscard]] std::optional<std::string>
first_difference(const Ran& real, const Ran& model, const pcpu::Pcpu& r, const pcpu::Pcpu& m, bool is_boot);

} // namespace mmodel::bench
