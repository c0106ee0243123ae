// SPDX-License-Identifier: GPL-2.0 OR MIT
// Column `concurrent` of spec/sabotage/sabotage.tsv: each scenario that is named there catches the break.
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "spec/tasks/campaign.hpp"

namespace mmodel::concurrent {
namespace {

struct Row {
    std::string sabotage, scenario;
};

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, separator);) out.push_back(part);
    return out;
}

std::vector<Row> rows() {
    std::vector<Row> out;
    std::ifstream in(MMODEL_SABOTAGE_TABLE);
    std::size_t column = 0;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with('#')) continue;
        const auto cells = split(line, '\t');
        if (!column) {
            column = static_cast<std::size_t>(std::ranges::find(cells, "concurrent") - cells.begin());
            continue;
        }
        REQUIRE(cells.size() > column);
        if (cells[column] == "-") continue;
        for (const std::string& scenario : split(cells[column], ',')) out.push_back({cells[0], scenario});
    }
    return out;
}

// Of no use to a break that one operation after the other shows, too.
bool needs_tasks(const std::string& sabotage) {
    for (const auto& s : sabotage_names)
        if (s.name == sabotage) return s.sabotage >= Sabotage::no_pmd_recheck;
    return false;
}

} // namespace

TEST_CASE("each scenario that the table names catches its break") {
    const std::vector<Row> all = rows();
    CHECK(all.size() >= 15);
    for (const Row& row : all) {
        INFO("mmodel explore --concurrent --scenario " << row.scenario << " --sabotage " << row.sabotage);
        const auto sabotage = sabotage_named(row.sabotage);
        const Scenario* scenario = scenario_named(row.scenario);
        REQUIRE(sabotage);
        REQUIRE(scenario);
        Options o{.faults = false, .sabotage = *sabotage, .stop = {}, .progress = {}};
        const Explored r = explore(scenario->what, o);
        REQUIRE(r.found.size() == 1);
        CHECK(r.found[0].what.tasks.empty() != needs_tasks(row.sabotage));
    }
}

TEST_CASE("each break that only concurrency shows has a scenario") {
    const std::vector<Row> all = rows();
    for (const auto& s : sabotage_names) {
        INFO(s.name);
        if (needs_tasks(std::string(s.name)))
            CHECK(std::ranges::any_of(all, [&](const Row& r) { return r.sabotage == s.name; }));
    }
}

} // namespace mmodel::concurrent
