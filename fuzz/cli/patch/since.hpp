// SPDX-License-Identifier: GPL-2.0 OR MIT
// Since which commit of a repository a finding is there.
#pragma once

#include "fuzz/cli/patch/series.hpp"
#include "fuzz/cli/trees.hpp"

namespace mmodel::cli {

struct Since {
    std::string words; // a sentence or two
    std::string fixes; // "0123456789ab ("mm: ...")"; empty: the commit is not known
};

// Replays the trace of a record or of a kept trace on what HEAD and older commits have, those that changed
// its file: ever larger steps back until it is not shown, then halves. So a commit is found that shows it
// while the one before does not. Fails where HEAD does not show it, or can be no help.
[[nodiscard]] std::expected<Since, Failure> look_for_first(const std::filesystem::path& dir,
                                                           const std::string& finding, const WorkDir& work,
                                                           bench::Backend backend);

} // namespace mmodel::cli
