// SPDX-License-Identifier: GPL-2.0 OR MIT
// The property runner must be able to fail, and to say so usefully.
#include "props/prop.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "props/example.hpp"

namespace mmodel {
namespace {

const PropParams params{.seed = 1, .budget = 50};

Judge under(Sabotage sabotage) {
    return [=](const Trace& t) -> std::optional<Broken> {
        const auto r = spec::check_sequence(t.config, t.ops, sabotage);
        if (!r.violation) return std::nullopt;
        const auto& fact = spec::fact(r.violation->inv);
        return Broken{std::string(fact.name), std::string(fact.sentence)};
    };
}

std::string content_of(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

} // namespace

TEST_CASE("a property that does not hold fails, and one that ran no case fails too") {
    CHECK(check_prop("true", params, rc::detail::toProperty([](int) {})).holds);
    CHECK(check_prop("true", params, rc::detail::toProperty([](int) {})).nr_cases == 50);
    const auto bad = check_prop("false", params, rc::detail::toProperty([](int n) { RC_ASSERT(n < 20); }));
    CHECK_FALSE(bad.holds);
    CHECK_THAT(bad.report, Catch::Contains("MMODEL_SEED=1"));
    const auto none = check_prop("true", {.seed = 1, .budget = 0}, rc::detail::toProperty([](int) {}));
    CHECK_FALSE(none.holds);
    CHECK_THAT(none.report, Catch::Contains("no case was run"));
}

TEST_CASE("properties of different names draw different cases from one seed, the same name the same ones") {
    auto drawn = [](const std::string& id, u64 seed) {
        std::vector<u64> all;
        (void)check_prop(id, {seed, 20}, rc::detail::toProperty([&](u64 n) { all.push_back(n); }));
        return all;
    };
    CHECK(drawn("a", 1) == drawn("a", 1));
    CHECK(drawn("a", 1) != drawn("b", 1));
    CHECK(drawn("a", 1) != drawn("a", 2));
}

TEST_CASE("a broken model is found, shrunk under one invariant, and reported with a file that replays") {
    const auto gen = gen_trace(config_of("tiny"), {}, 20, 40);
    const auto r = check_traces("a broken model is found", params, gen, under(Sabotage::tail_writable));
    REQUIRE_FALSE(r.holds);
    CHECK_THAT(r.report, Catch::Contains("inv_tail_vmemmap_is_read_only: A vmemmap page that shares"));
    CHECK_THAT(r.report, Catch::Contains("2 operations of "));
    CHECK_THAT(
        r.report,
        Catch::Contains("alloc_folio folio=0\noptimise folio=0\nexpect inv_tail_vmemmap_is_read_only\n"));
    const std::string path = MMODEL_FAILURE_DIR "/a_broken_model_is_found.trace";
    CHECK_THAT(r.report, Catch::Contains("build/release/bin/mmodel replay " + path));
    const auto t = parse_trace(content_of(path));
    REQUIRE(t);
    CHECK(under(Sabotage::tail_writable)(*t)->fact == t->expect);
}

TEST_CASE("what breaks no invariant of the specification is reported without an expectation") {
    const auto r = check_traces("odd", params, gen_trace(config_of("tiny"), {}, 5, 9), [](const Trace& t) {
        return t.ops.size() > 3 ? std::optional(Broken{"short", "Traces are short."}) : std::nullopt;
    });
    CHECK_THAT(r.report, Catch::Contains("short: Traces are short."));
    CHECK_THAT(r.report, Catch::Contains("4 operations of "));
    CHECK_THAT(r.report, !Catch::Contains("expect "));
}

TEST_CASE("drawn traces are valid, differ, and are as long as asked for") {
    std::set<std::size_t> lengths;
    std::set<std::string> texts;
    const auto r = check_traces("lengths", {.seed = 3, .budget = 200},
                                gen_trace(config_of("tiny nodes=2"), {}, 3, 7), [&](const Trace& t) {
                                    lengths.insert(t.ops.size());
                                    texts.insert(print_trace(t));
                                    for (const Op& op : t.ops)
                                        if (!is_valid(t.config, op))
                                            return std::optional(Broken{"valid", ""});
                                    return std::optional<Broken>();
                                });
    CHECK(r.holds);
    CHECK(lengths == std::set<std::size_t>{3, 4, 5, 6, 7});
    CHECK(texts.size() > 190);
}

TEST_CASE("the environment's seed and budget win over the defaults, and nonsense in them is an error") {
    for (const char* name : {"MMODEL_SEED", "MMODEL_BUDGET", "MMODEL_TIMES"})
        if (std::getenv(name)) return;
    CHECK(prop_params(7).seed == default_seed);
    CHECK(prop_params(7).budget == 7);
    setenv("MMODEL_TIMES", "20", 1);
    CHECK(prop_params(7).budget == 140);
    setenv("MMODEL_SEED", "99", 1);
    setenv("MMODEL_BUDGET", "3", 1);
    CHECK(prop_params(7).seed == 99);
    CHECK(prop_params(7).budget == 3);
    setenv("MMODEL_SEED", "x", 1);
    CHECK_THROWS_WITH(prop_params(7), "MMODEL_SEED: 'x' is not a whole number");
    unsetenv("MMODEL_SEED");
    unsetenv("MMODEL_BUDGET");
    unsetenv("MMODEL_TIMES");
}

} // namespace mmodel
