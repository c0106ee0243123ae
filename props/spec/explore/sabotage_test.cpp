// SPDX-License-Identifier: GPL-2.0 OR MIT
// Each break is found where spec/explore/sabotages.tsv says, by a sequence that shows it again.
#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include <catch2/catch.hpp>

#include "spec/explore/explore.hpp"

using namespace mmodel;
using namespace mmodel::explore;

namespace {

struct Row {
    std::string name, space;
};

std::vector<Row> rows() {
    std::ifstream in(MMODEL_EXPLORE_SABOTAGES);
    std::vector<Row> out;
    for (std::string line; std::getline(in, line);) {
        if (line.empty() || line[0] == '#') continue;
        Row r;
        std::istringstream fields(line);
        std::getline(fields, r.name, '\t');
        std::getline(fields, r.space, '\t');
        out.push_back(r);
    }
    REQUIRE(out.size() > 1);
    out.erase(out.begin()); // the head
    return out;
}

} // namespace

TEST_CASE("every break of the model has a row") {
    const std::vector<Row> all = rows();
    for (const SabotageName& s : sabotage_names)
        CHECK(std::ranges::count(all, s.name, [](const Row& r) { return std::string_view(r.name); }) == 1);
    CHECK(all.size() == sabotage_names.size());
}

TEST_CASE("exploring finds each break in the space its row names") {
    std::map<std::string, Space> spaces;
    for (Space& s : default_spaces()) spaces[s.name] = s;
    for (const Row& r : rows()) {
        if (r.space == "-") continue;
        CAPTURE(r.name, r.space);
        REQUIRE(spaces.contains(r.space));
        const Space& s = spaces[r.space];
        const auto sabotage = sabotage_named(r.name);
        REQUIRE(sabotage);
        const Explored e = explore::explore(s, {.graph = {.sabotage = *sabotage, .stop_at_first = true}},
                                            {.states = 300'000});
        REQUIRE_FALSE(e.found.empty());
        CHECK(spec::check_sequence(s.config, e.found[0].ops, *sabotage).violation);
        CHECK_FALSE(spec::check_sequence(s.config, e.found[0].ops).violation); // without the break it holds
    }
}
