// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel linux --bisect: whether one finding is there, as `git bisect run` asks it.
#pragma once

#include "fuzz/cli/linux.hpp"

namespace mmodel::cli {

// git's: 0 is good, 125 is to be skipped, other statuses below 128 are bad, and from 128 on git stops.
enum BisectStatus : int { bisect_good = 0, bisect_bad = 1, bisect_skip = 125, bisect_stop = 128 };

// 0 only if the finding's own trace does not show it, nor does a search that is as large on each tree.
int bisect(const LinuxOptions& o);

// Of a command line that may make no sense.
[[nodiscard]] bool asks_for_bisect(int argc, char** argv);
// What bisect() did not say itself (bad usage, no memory) is no answer about the tree.
[[nodiscard]] int status_for_bisect(int status);

} // namespace mmodel::cli
