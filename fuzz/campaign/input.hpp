// SPDX-License-Identifier: GPL-2.0 OR MIT
// Files as the user gives them: text traces, fuzz bytes, the traces in findings.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "fuzz/ops/trace.hpp"
#include "spec/judge/invariant.hpp"
#include "spec/sabotage/sabotage.hpp"

namespace mmodel::cli {

// A contract. Of several, 2 beats 1 beats 3 beats 0.
enum Exit : int { exit_holds = 0, exit_violation = 1, exit_usage = 2, exit_environment = 3 };

struct Failure {
    std::string what;
    int status{exit_usage};
};

struct Input {
    std::string name;    // as given
    std::string format;  // "text trace", "fuzz bytes", ...
    std::string note{};  // what was ignored, if anything
    std::string about{}; // of a finding: "mm/hugetlb_vmemmap.c of Linux 6.12.117", which it is about
    Trace trace{};
    Sabotage sabotage{};
    std::optional<spec::Inv> expect{}; // the invariant that must break
};

// Reads a text trace, a fuzz byte file, or the trace in a finding's Markdown file. "-": standard input.
// `raw_bytes`: fuzz bytes even without their header.
[[nodiscard]] std::expected<Input, Failure> load(const std::string& path, bool raw_bytes = false);

[[nodiscard]] std::string grouped(u64 n); // 1,234,567

} // namespace mmodel::cli
