// SPDX-License-Identifier: GPL-2.0 OR MIT
// The folio slots of a world: what the operations of model/hvo/operations.hpp take from and give to.
#pragma once

#include <array>

#include "model/hvo/folio.hpp"
#include "model/machine/machine.hpp"
#include "model/op.hpp"

namespace mmodel::hvo {

// Operations name slots and walkers of the machine.
static_assert(max_folios == max_compounds && max_walkers == nr_walkers);

// early, late: of boot memory, not handed to hugetlb yet; late: zones are known.
enum class SlotState : u8 { none, lru, hugetlb, early, late };

// One folio slot of the world; operations name folios by slot.
struct FolioSlot {
    SlotState state{};
    From from{};
    u8 size{}; // index into the geometry's huge page sizes
    Pfn head{};
    bool operator==(const FolioSlot&) const = default;
};

struct Pool {
    std::array<FolioSlot, max_folios> slots{};
    bool enabled{true};                     // vmemmap_optimize_enabled: the boot parameter and the sysctl
    std::array<u8, max_nodes> boot_taken{}; // gigantic folios taken from a node's boot memory so far
    bool operator==(const Pool&) const = default;

    [[nodiscard]] Folio folio(const Geometry& g, u8 i) const {
        return {slots[i].head, g.folio_order[slots[i].size]};
    }
    [[nodiscard]] u64 hash() const {
        u64 h = enabled;
        for (const FolioSlot& s : slots)
            h = hash_combine(h, s.head.value << 8 | u64{s.size} << 4 | static_cast<u64>(s.from) << 2 |
                                    (static_cast<u64>(s.state) & 3) | static_cast<u64>(s.state) >> 2 << 7);
        for (u8 n : boot_taken) h = hash_combine(h, n);
        return h;
    }
};

} // namespace mmodel::hvo
