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

std::string content_of(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

// A variable that is not set, and in the end is as it was.
class Unset {
public:
    explicit Unset(const char* name) : name_(name) {
        if (const char* v = std::getenv(name)) before_ = v;
        unsetenv(name);
    }
    ~Unset() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
    Unset(const Unset&) = delete;

private:
    const char* name_;
    std::optional<std::string> before_{};
};

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
    const auto gen = with_break(gen_trace(config_of("tiny"), {}, 20, 40), "tail_writable");
    const auto r = check_traces("a broken model is found", params, gen, judge_spec);
    REQUIRE_FALSE(r.holds);
    CHECK_THAT(r.report, Catch::Contains("inv_tail_vmemmap_is_read_only: A vmemmap page that shares"));
    CHECK_THAT(r.report, Catch::Contains("2 operations of "));
    CHECK_THAT(r.report, Catch::Contains("sabotage tail_writable\nalloc_folio folio=0\noptimise "
                                         "folio=0\nexpect inv_tail_vmemmap_is_read_only\n"));
    const std::string path = MMODEL_FAILURE_DIR "/a_broken_model_is_found.trace";
    CHECK_THAT(r.report, Catch::Contains("build/release/bin/mmodel replay " + path));
    const auto t = parse_trace(content_of(path));
    REQUIRE(t);
    CHECK(*t == *r.least);
    CHECK(judge_spec(*t).broken->fact == t->expect);
}

TEST_CASE("what breaks no invariant of the specification is reported without an expectation") {
    const auto r = check_traces("odd", params, gen_trace(config_of("tiny"), {}, 5, 9), [](const Trace& t) {
        return t.ops.size() > 3 ? Verdict(Broken{"short", "Traces are short."}) : Verdict{};
    });
    CHECK_THAT(r.report, Catch::Contains("short: Traces are short."));
    CHECK_THAT(r.report, Catch::Contains("4 operations of "));
    CHECK_THAT(r.report, !Catch::Contains("expect "));
}

TEST_CASE("what a failure prints runs its shortest case again, alone, whoever shrank it") {
    const auto gen = with_break(gen_trace(gen_config("tiny"), {}, 20, 40), "no_reset");
    const auto first = check_traces("again", params, gen, judge_spec);
    REQUIRE_FALSE(first.holds);
    CHECK_THAT(first.report, Catch::Contains("RC_PARAMS='" + first.reproduce + "'"));
    const Unset seed("MMODEL_SEED"), budget("MMODEL_BUDGET"), times("MMODEL_TIMES"), rc("RC_PARAMS");
    setenv("RC_PARAMS", first.reproduce.c_str(), 1);
    int nr_run = 0;
    const auto again = check_traces("again", prop_params(1'000'000), gen, [&](const Trace& t) {
        ++nr_run;
        return judge_spec(t);
    });
    CHECK(nr_run < 100); // that case, and those on the way to it
    CHECK(again.least == first.least);
    CHECK(check_traces("another", prop_params(3), gen_trace(config_of("tiny"), {}, 1, 2), judge_spec)
              .nr_cases == 3);

    int n = 0;
    const auto numbers = rc::detail::toProperty([&](int x, int y) { n = std::max(x, y), RC_ASSERT(n < 20); });
    const auto number = check_prop("numbers", params, numbers);
    setenv("RC_PARAMS", number.reproduce.c_str(), 1);
    n = 0;
    CHECK_FALSE(check_prop("numbers", prop_params(50), numbers).holds);
    CHECK(n == 20); // RapidCheck's shrinking of values
}

TEST_CASE("cases that say nothing are counted, and more of them than stated is a failure") {
    const auto odd_is_nothing = [](const Trace& t) {
        return t.ops.size() % 2 ? Verdict::says_nothing() : Verdict{};
    };
    const auto gen = gen_trace(config_of("tiny"), {}, 1, 10);
    const PropParams half{.seed = 1, .budget = 100, .discarded_percent = 60};
    const auto r = check_traces("half", half, gen, odd_is_nothing);
    CHECK(r.holds);
    CHECK(r.nr_cases == 100);
    CHECK((r.nr_discarded > 60 && r.nr_discarded < 150));
    const auto few =
        check_traces("half", {.seed = 1, .budget = 100, .discarded_percent = 30}, gen, odd_is_nothing);
    CHECK_FALSE(few.holds);
    CHECK_THAT(few.report, Catch::Contains("cases said nothing; 30 % may"));
    const auto pre = rc::detail::toProperty([](int n) { RC_PRE(n % 2 == 0); });
    CHECK_FALSE(check_prop("pre", params, pre).holds);
    CHECK_FALSE(check_traces("none", half, gen, [](const Trace&) { return Verdict::says_nothing(); }).holds);
}

TEST_CASE("drawn traces are valid, differ, and are as long as asked for") {
    std::set<std::size_t> lengths;
    std::set<std::string> texts;
    const auto r = check_traces("lengths", {.seed = 3, .budget = 200},
                                gen_trace(config_of("tiny nodes=2"), {}, 3, 7), [&](const Trace& t) {
                                    lengths.insert(t.ops.size());
                                    texts.insert(print_trace(t));
                                    for (const Op& op : t.ops)
                                        if (!is_valid(t.config, op)) return Verdict(Broken{"valid", ""});
                                    return Verdict{};
                                });
    CHECK(r.holds);
    CHECK(lengths == std::set<std::size_t>{3, 4, 5, 6, 7});
    CHECK(texts.size() > 190);
}

TEST_CASE("the environment's seed and budget win over the defaults, and nonsense in them is an error") {
    const Unset seed("MMODEL_SEED"), budget("MMODEL_BUDGET"), times("MMODEL_TIMES"), rc("RC_PARAMS");
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
}

} // namespace mmodel
