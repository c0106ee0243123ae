// SPDX-License-Identifier: GPL-2.0 OR MIT
#pragma once

#include "model/world.hpp"
#include "spec/linux/host/differ.hpp"

namespace mmodel::bench {

// Where a kernel file's world at rest is not the model's, in one sentence: counters, folios, translations,
// contents, who has which frame, what is free, walkers, the rest. Fast where they are the same.
[[nodiscard]] Difference first_difference(const World& real, const World& model);

} // namespace mmodel::bench
