// SPDX-License-Identifier: GPL-2.0 OR MIT
// The parts of `mmodel run`, and the table that they end in.
#pragma once

#include "fuzz/bytes.hpp"
#include "fuzz/cli.hpp"
#include "fuzz/findings.hpp"

namespace mmodel::cli {

struct RandomResult {
    u64 sequences{}, ops{}, events{};
    double seconds{};
    std::vector<Broken> broken{}; // one for each invariant, shrunk
};

// The machines that random sequences run on: those of the fuzz bytes, and one of 1 TiB.
[[nodiscard]] const std::vector<Config>& random_configs();
[[nodiscard]] RandomResult check_at_random(const Config& c, double seconds, u64 seed, Progress& progress);

struct Row {
    std::string what, how_much, how_fast, verdict;
};
// Under one heading, columns aligned.
void print_table(const std::vector<Row>& rows);

// What `run` gathers, part by part. Everything said at the end comes from here.
struct Results {
    std::vector<Row> rows{};
    std::vector<std::string> findings{}; // of kernel trees, five lines each
    int status{exit_holds};
};

} // namespace mmodel::cli
