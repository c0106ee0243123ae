// SPDX-License-Identifier: GPL-2.0 OR MIT
// Which lines of a patch a finding's sequence runs.
#pragma once

#include "fuzz/cli/patch/judge.hpp"

namespace mmodel::cli {

struct RanLine {
    char sign{}; // '+': of the text after the patch; '-': of the text before
    std::string file{};
    u32 line{};
    std::string text{}; // without the blanks around it
};

// The lines of a patch whose code runs in the sequence of a finding: those that it adds, after it, and those
// that it takes away, before it. A line that ran before, too, and was only moved, is left out. Code is told
// apart by branches: a line ran if the branch that it stands on did, as far as indentation shows which that
// is. Empty, too, where the compiler cannot say what ran.
[[nodiscard]] std::vector<RanLine> lines_that_ran(Judge& judge, Judge::Id before, Judge::Id after,
                                                  const std::string& file, const bench::Finding& f);

} // namespace mmodel::cli
