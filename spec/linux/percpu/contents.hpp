// SPDX-License-Identifier: GPL-2.0 OR MIT
// What lies in areas: zeroes when they are handed out, from then on a pattern of their owner's, by area and
// CPU, which nobody else may change. Memory is really read and written. Where owners are told apart a slot's
// next one writes another pattern.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/op.hpp"

namespace mmodel::bench {

// An area: where the words of each possible CPU's copy are. A copy that is mapped nowhere has no part; one
// that lies in several frames may have several.
struct Held {
    struct Part {
        int cpu;
        u64 first_word;
        std::span<u32> words;
    };
    u8 slot{};
    std::vector<Part> parts;
};

class AreaContents {
public:
    // The first byte that is not zero, in one sentence; nothing when all are.
    [[nodiscard]] static std::optional<std::string> not_zero(const Held& a);
    // From now on the area is its owner's.
    void fill(const Held& a);
    // The last thing that an owner does: nothing of the pattern is left.
    static void give_up(const Held& a);
    void tell_owners_apart(bool on) { apart_ = on; }
    // The first word that is not as its owner left it. cpu: just that one's copy; -1: all.
    [[nodiscard]] std::optional<std::string> changed(const Held& a, int cpu) const;
    void reset() { generation_.fill(0); }

private:
    [[nodiscard]] u32 pattern(u8 slot, int cpu) const;
    std::array<u32, max_areas> generation_{};
    bool apart_{true};
};

} // namespace mmodel::bench
