// SPDX-License-Identifier: GPL-2.0 OR MIT
// Page table entries by range, in the style of the kernel's ptdump.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "model/machine/page.hpp"

namespace mmodel::show {

// Pages [start, end) with one permission whose frames are the same, or ascend or descend one by one. V: Vpage
// or Vmap.
template <class V>
struct Range {
    V start{}, end{};
    Pte first{};
    int step{}; // from one page's frame to the next one's: -1, 0, 1

    [[nodiscard]] Pte at(u64 i) const {
        if (!first.present() || step == 0) return first;
        return Pte::map(step > 0 ? first.pfn() + i : first.pfn() - i, first.writable());
    }
    // "pfn 7", "pfn 7..9", "pfn 9 down to 7", "pfn 7 (one frame)"
    [[nodiscard]] std::string frames() const {
        const u64 n = end - start, pfn = first.pfn().value;
        if (n == 1) return "pfn " + std::to_string(pfn);
        if (step == 0) return "pfn " + std::to_string(pfn) + " (one frame)";
        return "pfn " + std::to_string(pfn) + (step > 0 ? ".." : " down to ") +
               std::to_string(step > 0 ? pfn + n : pfn - n + 1);
    }
    // "RW pfn 7..9", "not mapped"
    [[nodiscard]] std::string text() const {
        return first.present() ? (first.writable() ? "RW " : "RO ") + frames() : "not mapped";
    }
    bool operator==(const Range&) const = default;

    // Adds a page if it continues the range. The second page decides the step.
    bool extend(V v, Pte p) {
        if (v != end || p.present() != first.present() || p.writable() != first.writable()) return false;
        const u64 n = end - start;
        for (const int s : {0, 1, -1}) {
            if (n > 1 && s != step) continue;
            if (Range{start, v + 1, first, s}.at(n) != p) continue;
            step = s;
            ++end;
            return true;
        }
        return false;
    }
};

template <class V>
using Mapped = std::pair<V, Pte>;

// The fewest ranges that say the same; of one page there may be several (stale translations), each in a range
// of its own. The order does not matter, and what is there twice counts once.
template <class V>
std::vector<Range<V>> merge(std::vector<Mapped<V>> pages) {
    std::ranges::sort(pages, {}, [](const Mapped<V>& m) { return std::pair(m.first, m.second.raw); });
    const auto twice = std::ranges::unique(pages);
    pages.erase(twice.begin(), twice.end());
    std::vector<Range<V>> out;
    std::vector<std::size_t> open; // those of `out` that may go on
    for (const auto& [v, p] : pages) {
        std::erase_if(open, [&, v = v](std::size_t i) { return out[i].end < v; });
        if (std::ranges::any_of(open, [&, v = v, p = p](std::size_t i) { return out[i].extend(v, p); }))
            continue;
        open.push_back(out.size());
        out.push_back({v, v + 1, p});
    }
    return out;
}

} // namespace mmodel::show
