// SPDX-License-Identifier: GPL-2.0 OR MIT
// Sweeps: an operation in a prepared world with its allocation 0, 1, 2, ... failing until none fires, so that
// no position is left out. Whatever fails, the specification holds; a violation is a Catch failure.
#pragma once

#include <string>
#include <vector>

#include "props/example.hpp"

namespace mmodel {

// The operations of a setting, each of which allocates.
struct Setting {
    const char* what;
    std::string made_by; // text of a trace
    std::vector<std::string> ops;
};

struct Counts {
    u64 singly{}, pairs{};
};

// The operation with these faults on a copy of the world, whose successor is left in *next if there is one
// to leave it in. The audit, too, if the machine is small.
Ran run_failing(const World& world, Op op, Faults faults, World* next = nullptr);

// Each operation of each setting, its allocations failing singly, and pairs of them; how many fired. `step` >
// 1 leaves out some positions between the first and last 40.
[[nodiscard]] Counts sweep(const std::vector<Setting>& all, bool pairs, u64 step);

// The operation with one fault, then once more with another, and once more with none, for every pair of
// faults that fire. How many pairs did.
[[nodiscard]] u64 sweep_twice(const World& w, const Op& op);

} // namespace mmodel
