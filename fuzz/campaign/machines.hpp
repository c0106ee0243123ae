// SPDX-License-Identifier: GPL-2.0 OR MIT
// Machines that a campaign draws, beside the few of its plan. For percpu: CPUs in any order of nodes, with
// holes, so that units stay over; distances that are not the same both ways, or none; highmem; little of the
// vmalloc range, which ends within a page table, so that units do. For HVO: nodes with more or less memory,
// some of it kept from boot, with a block that can be added or without. What was drawn is in the trace's
// header, and is cut down with it, towards the plain machine.
#pragma once

#include <string>

#include "fuzz/ops/generate.hpp"

namespace mmodel::bench {

// Of a geometry by its name. Needs: `about` is not both.
[[nodiscard]] Config random_machine(const std::string& geometry, Subsystem about, Rng& rng);
// Another size of what embedded units are aligned to, from a page on, in place of what the boot has.
void redraw_atom(const Config& c, Op& boot, Rng& rng);

} // namespace mmodel::bench
