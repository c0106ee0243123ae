// SPDX-License-Identifier: GPL-2.0 OR MIT
// Which invariants a kernel file is asked for.
#pragma once

#include <vector>

#include "spec/judge/invariant.hpp"
#include "spec/linux/host/bench.hpp"

namespace mmodel::cli {

// Of its subsystem and of its design, in the order of the specification. A tree whose file was compiled.
[[nodiscard]] std::vector<spec::Inv> facts_of(const bench::Tree& tree);

} // namespace mmodel::cli
