// SPDX-License-Identifier: GPL-2.0 OR MIT
// What an allocation may do to find memory: of a gfp, the bits that say whom it may wait for.
// Source: include/linux/gfp_types.h, and current_gfp_context() of include/linux/sched/mm.h.
#pragma once

#include <string>

#include "model/machine/types.hpp"

namespace mmodel {

struct Gfp {
    u8 bits{};
    constexpr bool operator==(const Gfp&) const = default;
    // What both may do.
    constexpr Gfp operator&(Gfp o) const { return {static_cast<u8>(bits & o.bits)}; }
    [[nodiscard]] constexpr bool is_within(Gfp o) const { return (bits & ~o.bits) == 0; }
};

namespace gfp {

inline constexpr u8 direct_reclaim = 1, io = 2, fs = 4; // __GFP_DIRECT_RECLAIM, __GFP_IO, __GFP_FS
inline constexpr Gfp nowait{}, noio{direct_reclaim}, nofs{direct_reclaim | io},
    kernel{direct_reclaim | io | fs};

} // namespace gfp

// By the kernel's name where it has one.
[[nodiscard]] inline std::string name(Gfp g) {
    if (g == gfp::nowait) return "GFP_NOWAIT";
    if (g == gfp::noio) return "GFP_NOIO";
    if (g == gfp::nofs) return "GFP_NOFS";
    if (g == gfp::kernel) return "GFP_KERNEL";
    std::string bits;
    if (g.bits & gfp::direct_reclaim) bits += "|__GFP_DIRECT_RECLAIM";
    if (g.bits & gfp::io) bits += "|__GFP_IO";
    if (g.bits & gfp::fs) bits += "|__GFP_FS";
    return bits.substr(1);
}

} // namespace mmodel
