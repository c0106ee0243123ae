// SPDX-License-Identifier: GPL-2.0 OR MIT
// Which breaks of model/machine/sabotage.hpp the proofs must refute, and by which theorem. Breaks that are not
// here lie outside of what this layer runs. spec/sabotage.py reads this table.
#pragma once

#include <array>
#include <string_view>

namespace mmodel::symbolic {

struct Refuted {
    std::string_view sabotage, theorem;
};

inline constexpr std::array refuted{
    Refuted{"no_contents_wmb", "hvo_two_step"},
};

} // namespace mmodel::symbolic
