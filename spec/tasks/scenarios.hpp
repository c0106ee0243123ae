// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is run at the same time: every race that the callers of HVO and percpu allow, on tiny machines.
#pragma once

#include <string_view>
#include <vector>

#include "spec/tasks/tasks.hpp"

namespace mmodel::concurrent {

struct Scenario {
    std::string_view name{};
    std::string_view sentence{};
    Case what{};
};

[[nodiscard]] const std::vector<Scenario>& scenarios();
[[nodiscard]] const Scenario* scenario_named(std::string_view name);

} // namespace mmodel::concurrent
