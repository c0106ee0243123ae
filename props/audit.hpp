// SPDX-License-Identifier: GPL-2.0 OR MIT
// The machine's bookkeeping, counted again the slow way: every frame, every table entry, every vmemmap page.
// Shares no arithmetic with the machine but where boot put the vmemmap.
#pragma once

#include <string>

#include "model/world.hpp"

namespace mmodel {

// Empty if, at rest, each frame has exactly one owner (free, vmemmap, page table, folio, boot memory set
// aside, percpu chunk), each frame's nr_ptes, nr_stale, owner and table mark are what a full count gives, and
// so are the tally and the free pages. Else one sentence on the first thing that is not. Cost: frames times
// table entries; meant for tiny machines.
[[nodiscard]] std::string audit(const World& w);

} // namespace mmodel
