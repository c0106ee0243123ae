// SPDX-License-Identifier: GPL-2.0 OR MIT
// The parts of `mmodel run`, and the table that they end in.
#pragma once

#include "fuzz/campaign/findings.hpp"
#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/trees.hpp"
#include "fuzz/ops/bytes.hpp"

namespace mmodel::cli {

struct RunOptions {
    double seconds{60}; // 0: no limit
    u64 seed{1};
    std::vector<std::string> trees{};
    bool no_linux{}, json{};
    std::string findings{};
};
int run(const RunOptions& o);

// A sequence that breaks an invariant.
struct Broken {
    spec::Violation violation{};
    Trace trace{};
    u64 seen{1}; // how often this invariant was broken
};

struct RandomResult {
    u64 sequences{}, ops{}, events{};
    double seconds{};
    std::vector<Broken> broken{}; // one for each invariant, shrunk
};

// The machines that random sequences run on: those of the fuzz bytes, and one of 1 TiB.
[[nodiscard]] const std::vector<Config>& random_configs();
// Goes on where the result stands.
void check_at_random(const Config& c, double seconds, u64 seed, RandomResult& result);

// One line of the table: its cells are numbers under the heads of its part. What a verdict has to name stands
// beneath, a line each.
struct Row {
    std::string what;
    std::vector<std::string> cells; // one for each head
    std::string verdict;
    std::vector<std::string> beneath{};
};
struct Part {
    std::string name;
    std::vector<std::string> heads;
    std::vector<Row> rows{};
};
// At most 120 columns where nobody says how many there are, but for a path or a geometry longer than half of
// that.
void print_table(const std::vector<Part>& parts);

// What `run` gathers, part by part. Everything said at the end comes from here.
struct Job {
    const RunOptions& options;
    Budget budget;
    Tally tally{};
    std::vector<Part> table{};
    std::vector<Broken> broken{}; // by the model: one for each invariant, the shortest trace of any part
    std::vector<std::string> findings{}; // of kernel trees, five lines each

    void begin_part(std::string name, std::vector<std::string> heads) {
        table.push_back({std::move(name), std::move(heads)});
    }
    // A row of the table, or an object for programs; and what is said of it.
    void add_row(Row row) { table.back().rows.push_back(std::move(row)); }
};

// The trees that a run is to check, and what is recorded of them.
class TreeRun {
public:
    // What the user named must make sense before any time is spent.
    [[nodiscard]] static std::expected<TreeRun, Failure> prepare(const RunOptions& o);
    // Compiles what is to be checked.
    void begin(const RunOptions& o);
    [[nodiscard]] TreeChecks& checks() { return *checks_; }
    void report(Job& job);
    // Every state of the files that have spaces, on machines small enough.
    void explore(Job& job, const Budget& budget);

private:
    struct Opened {
        std::filesystem::path dir;
        std::expected<bench::Tree, bench::Problem> tree;
    };
    std::vector<Opened> trees_{};
    std::vector<Record> records_{};
    std::unique_ptr<TreeChecks> checks_{};
};

[[nodiscard]] std::string per_second(u64 n, double seconds); // "-" if there was no time

} // namespace mmodel::cli
