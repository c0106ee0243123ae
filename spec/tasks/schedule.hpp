// SPDX-License-Identifier: GPL-2.0 OR MIT
// Which task runs when, as plain data. A step is all that a task does from one event to the next: the event
// itself, then what the code reads and decides before the event after it. The beginning of an operation
// counts as an event.
#pragma once

#include <compare>
#include <vector>

#include "model/machine/types.hpp"

namespace mmodel::concurrent {

inline constexpr u32 max_tasks = 4;
inline constexpr u32 max_slices = 256;
inline constexpr u32 max_slice_steps = 1'000'000;

// A task runs for so many steps, or until it waits or ends.
struct Slice {
    u32 task{}, steps{};
    auto operator<=>(const Slice&) const = default;
};

// Slices in turn; after the last one the task that runs goes on as far as it can, then the others, lowest
// first.
using Schedule = std::vector<Slice>;

// The last operations of a sequence, dealt out to tasks: the first nr_ops[0] of them are task 0's, and so on.
struct Tasks {
    std::vector<u32> nr_ops{};
    Schedule schedule{};
    bool operator==(const Tasks&) const = default;
    [[nodiscard]] u64 total() const {
        u64 n = 0;
        for (const u32 k : nr_ops) n += k;
        return n;
    }
};

} // namespace mmodel::concurrent
