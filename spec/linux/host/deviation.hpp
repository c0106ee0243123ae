// SPDX-License-Identifier: GPL-2.0 OR MIT
// Where the kernel's file and the model differ and both are known to: the model does as the specification
// asks, and the file's way was looked at. Whatever else differs is a violation of
// inv_real_file_agrees_with_the_model.
#pragma once

#include <array>
#include <string_view>

#include "model/machine/types.hpp"

namespace mmodel::bench {

enum class Deviation : u8 {
    key_is_lowered_before_the_flush,
    only_the_first_folio_is_waited_for,
};

struct DeviationFact {
    Deviation deviation;
    std::string_view name;     // as the verdict shows it
    std::string_view sentence; // what the file does; what the model does
};

inline constexpr std::array deviations{
    DeviationFact{
        Deviation::key_is_lowered_before_the_flush, "key_is_lowered_before_the_flush",
        "Of a list that is restored the file lowers the static key folio by folio, before the flush; "
        "the model lowers it once, after the flush."},
    DeviationFact{
        Deviation::only_the_first_folio_is_waited_for, "only_the_first_folio_is_waited_for",
        "Of a list whose first folio is optimised already the file remaps the others without a grace "
        "period; the model waits before the first that it remaps."},
};

// By deviation: how many operations showed it.
using DeviationCounts = std::array<u64, deviations.size()>;

// Which of them a comparison lets pass.
class DeviationSet {
public:
    static constexpr DeviationSet all() { return DeviationSet{(1u << deviations.size()) - 1}; }
    [[nodiscard]] constexpr bool has(Deviation d) const { return bits_ >> static_cast<u8>(d) & 1; }
    [[nodiscard]] constexpr DeviationSet with(Deviation d) const {
        return DeviationSet{bits_ | 1u << static_cast<u8>(d)};
    }
    [[nodiscard]] constexpr DeviationSet without(Deviation d) const {
        return DeviationSet{bits_ & ~(1u << static_cast<u8>(d))};
    }
    constexpr DeviationSet() = default;

private:
    explicit constexpr DeviationSet(u32 bits) : bits_(bits) {}
    u32 bits_{};
};

inline void add(DeviationCounts& counts, DeviationSet shown) {
    for (const DeviationFact& d : deviations)
        counts[static_cast<std::size_t>(d.deviation)] += shown.has(d.deviation);
}

} // namespace mmodel::bench
