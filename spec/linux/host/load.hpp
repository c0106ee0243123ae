// SPDX-License-Identifier: GPL-2.0 OR MIT
// From a compiled kernel file to what runs operations on it.
#pragma once

#include "spec/linux/host/bench.hpp"
#include "spec/linux/host/real_driver.hpp"

namespace mmodel::bench {

// Loads the unit into this process, for good, and boots a machine for it. What runs is noted in `coverage`,
// if there is one. Throws HostError.
[[nodiscard]] std::unique_ptr<RealDriver> make_driver(const Unit& unit, const Config& c, Progress& progress,
                                                      CoverageMap* coverage = nullptr);

} // namespace mmodel::bench
