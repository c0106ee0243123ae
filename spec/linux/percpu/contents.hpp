// SPDX-License-Identifier: GPL-2.0 OR MIT
// What lies in areas: zeroes when they are handed out, from then on a pattern of their owner's, by area and
// CPU, which nobody else may change. Memory is really read and written.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/op.hpp"

namespace mmodel::bench {

// An area: where each possible CPU's copy is; 0: nowhere that can be read.
struct Held {
    u8 slot{};
    int bytes{};
    std::vector<std::pair<int, unsigned long>> copies; // CPU, address
};

class AreaContents {
public:
    // The first byte that is not zero, in one sentence; nothing when all are.
    [[nodiscard]] static std::optional<std::string> not_zero(const Held& a);
    // From now on the area is its owner's.
    void fill(const Held& a);
    // The first word that is not as its owner left it. cpu: just that one's copy; -1: all.
    [[nodiscard]] std::optional<std::string> changed(const Held& a, int cpu) const;
    void reset() { generation_.fill(0); }

private:
    [[nodiscard]] u32 pattern(u8 slot, int cpu) const;
    std::array<u32, max_areas> generation_{};
};

} // namespace mmodel::bench
