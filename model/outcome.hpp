// SPDX-License-Identifier: GPL-2.0 OR MIT
// What comes back from an operation, beside the world that it leaves.
#pragma once

#include "model/machine/types.hpp"

namespace mmodel {

// What an operation returned. Disabled: it makes no sense here (its guard is false) and nothing happened.
struct Outcome {
    bool disabled{};
    Errno err{};
    u64 restored{}; // restore_list: the kernel's return value when it is not an error
    u64 moved{};    // restore_list: folios moved to non_hvo_folios
    // percpu operations: where the area is (chunk << 32 | offset), a physical address, the chunk, or whether
    // it should be reclaimed
    u64 value{};
    bool operator==(const Outcome&) const = default;

    static Outcome disable() { return {.disabled = true}; }
};

// ... and what was counted while it ran.
struct Ran {
    Outcome outcome{};
    u64 nr_events{};
    u32 nr_allocs{}; // allocations the operation tried: faults 0 .. nr_allocs - 1 can fire
    u32 nr_failed_allocs{};
    u32 nr_updates{}; // of PTEs and PMDs that could have failed: update faults 0 .. nr_updates - 1 can fire
};

} // namespace mmodel
