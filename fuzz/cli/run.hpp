// SPDX-License-Identifier: GPL-2.0 OR MIT
// The parts of `mmodel run`, and the table that they end in.
#pragma once

#include "fuzz/campaign/enumerate.hpp"
#include "fuzz/campaign/findings.hpp"
#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/long_work.hpp"
#include "fuzz/ops/bytes.hpp"

namespace mmodel::cli {

struct RunOptions {
    double seconds{60};
    u64 seed{1};
    std::vector<std::string> trees{};
    bool no_linux{}, json{};
    std::string findings{};
};
int run(const RunOptions& o);

struct RandomResult {
    u64 sequences{}, ops{}, events{};
    double seconds{};
    std::vector<Broken> broken{}; // one for each invariant, shrunk
};

// The machines that random sequences run on: those of the fuzz bytes, and one of 1 TiB.
[[nodiscard]] const std::vector<Config>& random_configs();
[[nodiscard]] RandomResult check_at_random(const Config& c, double seconds, u64 seed, Progress& progress);

// One line of the table: its cells are numbers under the heads of its part. What a verdict has to name stands
// beneath, a line each.
struct Row {
    std::string what;
    std::array<std::string, 4> cells;
    std::string verdict;
    std::vector<std::string> beneath{};
};
struct Part {
    std::string name;
    std::array<std::string, 4> heads;
    std::vector<Row> rows{};
};
// At most 120 columns where nobody says how many there are, but for a path or a geometry longer than half of
// that.
void print_table(const std::vector<Part>& parts);

// What `run` gathers, part by part. Everything said at the end comes from here.
struct Results {
    std::vector<Part> table{};
    std::vector<std::string> findings{}; // of kernel trees, five lines each
    int status{exit_holds};
};

} // namespace mmodel::cli
