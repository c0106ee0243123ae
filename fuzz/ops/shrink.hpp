// SPDX-License-Identifier: GPL-2.0 OR MIT
// The one shrinker: cuts a failing trace down to one in which nothing more can go and still fail in the same
// way.
#pragma once

#include <functional>

#include "fuzz/ops/trace.hpp"

namespace mmodel {

inline constexpr u64 default_shrink_evaluations = 20'000;

struct ShrinkStats {
    u64 evaluations{};  // calls of still_fails
    u64 accepted{};     // those that said yes
    u64 rounds{};       // times that every pass ran
    bool reproduced{};  // the trace as given failed at all
    bool reached_end{}; // no pass had anything left; false when the evaluations ran out

    bool operator==(const ShrinkStats&) const = default;
};

using StillFails = std::function<bool(const Trace&)>;

// still_fails must mean "breaks the same invariant", or shrinking will find another bug than the one it was
// given; it must answer the same for the same trace. It is only called with valid operations, at most
// max_evaluations times. Fewer operations come first, then smaller operands, then a plainer machine (never
// another architecture); `expect` is kept. Returns a trace for which still_fails said yes, or, if it did not
// for the given one, that one.
[[nodiscard]] Trace shrink(Trace failing, const StillFails& still_fails, ShrinkStats* stats = nullptr,
                           u64 max_evaluations = default_shrink_evaluations);

} // namespace mmodel
