// SPDX-License-Identifier: GPL-2.0 OR MIT
// Machines that a campaign draws, beside the few of its plan: CPUs in any order of nodes, with holes, so that
// units stay over; distances that are not the same both ways; highmem; little of the vmalloc range. What was
// drawn is in the trace's header, and is cut down with it, towards the plain machine.
#pragma once

#include <string>

#include "fuzz/ops/generate.hpp"

namespace mmodel::bench {

// For percpu, of a geometry by its name.
[[nodiscard]] Config random_machine(const std::string& geometry, Rng& rng);
// Another size of what embedded units are aligned to, from a page on, in place of what the boot has.
void redraw_atom(const Config& c, Op& boot, Rng& rng);

} // namespace mmodel::bench
