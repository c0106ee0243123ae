// SPDX-License-Identifier: GPL-2.0 OR MIT
// A CPU that runs kernel code and still uses old translations: of each page that it accesses it holds one of
// those that the machine says a CPU may still use (spec/explore/may.hpp), not always what the page table has.
#pragma once

#include "spec/explore/may.hpp"

namespace mmodel::bench {

// Which one, of a page's translations: of an operation, or of a whole sequence. A number, so that a trace can
// say it.
using StaleWay = u32;
inline constexpr StaleWay not_stale = 0, // the page table's
    oldest = 1,                          // filled before all this, and never dropped
    newest_stale = 2,                    // ... since the last change but one
    first_drawn = 3;                     // from here on: any, drawn at each access with this seed

class StaleTlb {
public:
    StaleTlb(const Machine& m, StaleWay way) : m_(m), way_(way) {}

    // What answers an access to that page; nothing: the page table.
    [[nodiscard]] std::optional<Pte> held(explore::Tracked page) {
        const explore::May may = explore::may_hold(m_, page);
        const u8 first_stale = may.mapped ? 1 : 0;
        if (may.nr <= first_stale) return std::nullopt;
        if (way_ == newest_stale) return may.pte[first_stale];
        if (way_ == oldest) return may.pte[may.nr - 1u];
        return may.pte[mix(hash_combine(way_, ++nr_drawn_)) % may.nr];
    }

private:
    const Machine& m_;
    StaleWay way_;
    u64 nr_drawn_{};
};

} // namespace mmodel::bench
