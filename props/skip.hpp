// SPDX-License-Identifier: GPL-2.0 OR MIT
// A test that cannot run here is no pass: ctest shows it as skipped.
#pragma once

#include <string>

namespace mmodel {

// What a test binary exits with when each test case that it ran said skip(); ctest's SKIP_RETURN_CODE.
inline constexpr int skipped_status = 125;

// The test case that runs is skipped, or that part of it; the caller goes on or returns. What fails in it all
// the same fails.
void skip(const std::string& why);

} // namespace mmodel
