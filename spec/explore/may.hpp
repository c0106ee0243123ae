// SPDX-License-Identifier: GPL-2.0 OR MIT
// What CPUs may hold of a page, as the machine says.
#pragma once

#include <array>
#include <vector>

#include "model/machine/event.hpp"
#include "model/machine/machine.hpp"
#include "spec/explore/space.hpp"

namespace mmodel::explore {

// Translations of a page that a CPU may hold: the present one first (if there is one), then stale ones,
// newest first. A TLB entry is 0, empty, or 1 + an index into this list.
inline constexpr u8 max_may = 7;

struct May {
    std::array<Pte, max_may> pte{};
    u8 nr{};
    bool mapped{}; // the first is the present one

    // Unless it is there, or is nothing. Throws std::length_error if there is no room.
    void add(Pte p);
    [[nodiscard]] u8 index_of(Pte p) const; // from 1; 0: not among them
};
using Mays = std::vector<May>; // by the space's pages

[[nodiscard]] May may_hold(const Machine& m, Tracked t);
// Whether this event flushes the page's translations from every TLB.
[[nodiscard]] bool is_flushed(const Event& e, Tracked t);

} // namespace mmodel::explore
