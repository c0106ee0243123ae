// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel explore: its two halves, and what they share.
#pragma once

#include "fuzz/cli.hpp"
#include "spec/explore/explore.hpp"

namespace mmodel::cli {

// Every state of tiny machines.
struct SpacesOptions {
    std::vector<std::string> spaces{}; // by name; none: those that close in a minute
    bool json{};
    double seconds{3600};
    u64 states{};    // 0: no limit
    u64 megabytes{}; // 0: three quarters of the memory there is
    bool no_symmetry{};
    bool first{}; // stop a space at its first violation
    std::string sabotage{};
    int jobs{}; // 0: as many as there are CPUs
    int tlbs{}; // 0: as many as the space says
    bool list{};
};
[[nodiscard]] int explore_spaces(const SpacesOptions& o);

// One space on all CPUs, for as long as it is given; for `mmodel run`.
[[nodiscard]] explore::Explored explore_for(const explore::Space& s, double seconds, Progress& progress);
// {"kind":"explore","space":...}
[[nodiscard]] Json explored_json(const explore::Space& s, const explore::Explored& e,
                                 const std::string& sabotage = {});

} // namespace mmodel::cli
