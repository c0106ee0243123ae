// SPDX-License-Identifier: GPL-2.0 OR MIT
// The inductive invariants that spec/symbolic proves, asserted over real worlds along every trace of corpus/.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fuzz/ops/trace.hpp"
#include "spec/inductive/world_view.hpp"
#include "model/step.hpp"

namespace mmodel {
namespace {

namespace fs = std::filesystem;

std::vector<std::pair<std::string, Trace>> corpus() {
    std::vector<std::pair<std::string, Trace>> out;
    for (const auto& entry : fs::recursive_directory_iterator(MMODEL_CORPUS_DIR)) {
        if (entry.path().extension() != ".trace") continue;
        std::ifstream in(entry.path(), std::ios::binary);
        std::ostringstream text;
        text << in.rdbuf();
        const auto t = parse_trace(text.str());
        REQUIRE(t);
        out.emplace_back(entry.path().filename().string(), *t);
    }
    REQUIRE(out.size() > 50);
    return out;
}

// The first conjunct that breaks at rest, and after which operation; empty: none does.
std::string first_broken(const Trace& t, Sabotage sabotage) {
    World w(t.config);
    NoWatch nobody;
    for (std::size_t i = 0; i <= t.ops.size(); ++i) {
        if (i) (void)advance(w, t.ops[i - 1], nobody, sabotage);
        for (const auto& broken : {symbolic::broken_hvo_invariant(w), symbolic::broken_percpu_invariant(w)})
            if (!broken.empty()) return broken + ", after operation " + std::to_string(i);
    }
    return {};
}

} // namespace

TEST_CASE("the inductive invariants hold after every operation of every trace without a break",
          "[symbolic]") {
    for (const auto& [name, t] : corpus()) {
        if (!t.sabotage.empty()) continue;
        INFO(name);
        CHECK(first_broken(t, Sabotage::none) == "");
    }
}

TEST_CASE("the inductive invariants can fail: breaks that last until an operation has ended are seen",
          "[symbolic]") {
    int nr_broken = 0, nr = 0;
    for (const auto& [name, t] : corpus()) {
        if (t.sabotage.empty()) continue;
        ++nr;
        const std::string broken = first_broken(t, *sabotage_named(t.sabotage));
        if (!broken.empty()) UNSCOPED_INFO(t.sabotage << ": " << broken), ++nr_broken;
    }
    CAPTURE(nr, nr_broken);
    CHECK(nr_broken >= 24);
}

} // namespace mmodel
