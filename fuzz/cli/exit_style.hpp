// SPDX-License-Identifier: GPL-2.0 OR MIT
// The exit status as a runner of patchwork's checks (netdev's NIPA) reads it: --exit-style nipa.
#pragma once

#include <span>

namespace mmodel::cli {

enum class ExitStyle : unsigned char { usual, nipa };

enum NipaStatus : int { nipa_pass = 0, nipa_fail = 1, nipa_warn = 250 };

// Of a command line that may make no sense.
[[nodiscard]] bool asks_for_nipa(std::span<char*> args);
// What is missing is no fault of the patch: a warning. Bad usage, or a patch that does not apply, fails.
[[nodiscard]] int status_for_nipa(int status);
// `warns`: all holds, but something is to be looked at.
[[nodiscard]] int with_warning(ExitStyle style, int status, bool warns);

} // namespace mmodel::cli
