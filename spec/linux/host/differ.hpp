// SPDX-License-Identifier: GPL-2.0 OR MIT
// What both comparisons with the model say in the same words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/outcome.hpp"

namespace mmodel::bench {

using Difference = std::optional<std::string>; // in a sentence; nothing: they are the same

[[nodiscard]] Difference differ(std::string_view what, i64 real, i64 model);
[[nodiscard]] Difference differ(const Outcome& real, const Outcome& model);

} // namespace mmodel::bench
