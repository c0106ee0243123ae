// SPDX-License-Identifier: GPL-2.0 OR MIT
// The kernel's configuration as the shims have it.
#pragma once

#include "spec/linux/host/bench.hpp"

namespace mmodel::bench {

// Of the options that the judged file's text names, each with what the shims say: "CONFIG_SMP=y",
// "CONFIG_MEMCG=n".
[[nodiscard]] std::vector<std::string> options_assumed(const Tree& tree);

} // namespace mmodel::bench
