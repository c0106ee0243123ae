// SPDX-License-Identifier: GPL-2.0 OR MIT
// Which allocations are to fail, and which frames they get. Values: part of the operation, never drawn while
// it runs.
#pragma once

#include <array>
#include <cstddef>

#include "model/machine/types.hpp"

namespace mmodel {

inline constexpr std::size_t max_faults = 2; // allocations of one operation that can be told to fail
inline constexpr u16 no_fault = 0xffff;

// Which allocations of the operation fail, by their order in it (0 = the first). Unused entries are no_fault;
// ascending.
struct Faults {
    std::array<u16, max_faults> nth{no_fault, no_fault};

    auto operator<=>(const Faults&) const = default;
    [[nodiscard]] constexpr bool has(u64 n) const { return n == nth[0] || n == nth[1]; }
    [[nodiscard]] constexpr bool any() const { return nth[0] != no_fault; }
};

inline constexpr std::size_t max_named_frames = 16; // of one operation
inline constexpr u32 no_frame = ~u32{0};

// Which frame the page allocator gives for each page and page table that the operation asks for, in order.
// Where one of them is not free, and after the last, it chooses itself. Unused entries are no_frame, behind
// the others.
struct Frames {
    std::array<u32, max_named_frames> nth = none();

    auto operator<=>(const Frames&) const = default;
    [[nodiscard]] constexpr bool any() const { return nth[0] != no_frame; }

private:
    static constexpr std::array<u32, max_named_frames> none() {
        std::array<u32, max_named_frames> out{};
        out.fill(no_frame);
        return out;
    }
};

} // namespace mmodel
