// SPDX-License-Identifier: GPL-2.0 OR MIT
// Runs of alike lines, each run as one. For the eye only: nothing is decided by these texts.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace mmodel::show {

struct FoldLine {
    std::string text{};
    std::string group{}; // only lines of one group are alike: the kernel function, the task
    bool alone{};        // stands by itself, whatever is around it
};

// `count` lines: number `first`, and every `stride`-th after it.
struct Folded {
    std::size_t first{}, stride{1}, count{1};
    std::string text{};
};

// Lines are alike when only numbers differ, and each of these in equal steps: "entry 0 -> pfn 7",
// "entry 1 -> pfn 8", ... is "entry 0..512 -> pfn 7..519". At least three make a run; up to `max_stride` runs
// take turns, as the steps of a loop's body do, and are lines that follow one another.
[[nodiscard]] std::vector<Folded> fold(std::span<const FoldLine> lines, std::size_t max_stride = 8);

// The numbers of the lines: "7", "10..522" (half-open), "16, 20 .. 40".
[[nodiscard]] std::string numbers_of(const Folded& f);

} // namespace mmodel::show
