// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel explore as its users meet it.
#include <catch2/catch.hpp>

#include <csignal>
#include <fstream>
#include <thread>

#include "props/fuzz/cli/command.hpp"

using namespace mmodel::test;

TEST_CASE("explore says of a space what it reached, as a line and as JSON") {
    const Said s = run_mmodel({"explore", "--space", "hvo-walker", "--space", "hvo-hotplug", "--json"});
    CHECK(s.status == 0);
    const auto lines = json_lines(s.out);
    REQUIRE(lines.size() == 2);
    for (const Json& j : lines) {
        CHECK(j["kind"] == "explore");
        CHECK(j["complete"] == true);
        CHECK(j["violations"].empty());
        CHECK(j["states"].get<std::uint64_t>() > 10'000);
        CHECK(j["transitions"].get<std::uint64_t>() > j["states"].get<std::uint64_t>());
        for (const char* key : {"space", "depth", "seconds", "bytes_per_state"}) CHECK(j.contains(key));
    }
    CHECK(lines[0]["space"] == "hvo-walker");
    const Said text = run_mmodel({"explore", "--space", "hvo-walker"});
    CHECK(text.status == 0);
    CHECK(has(text.out, "complete"));
    CHECK(has(text.out, "10,608"));
    CHECK(text.err.empty());
}

TEST_CASE("a break that explore finds is shown by the shortest way, and replays") {
    const TempDir dir;
    const Said s = run_mmodel({"explore", "--space", "hvo-walker", "--sabotage", "no_flush", "--json"});
    CHECK(s.status == 1);
    const auto lines = json_lines(s.out);
    REQUIRE(lines.size() == 1);
    REQUIRE(lines[0]["violations"].size() == 1);
    const Json v = lines[0]["violations"][0];
    CHECK(v["invariant"] == "inv_no_frame_is_freed_while_a_tlb_may_hold_it");
    CHECK(v["operations"] == 2);
    const Said again = run_mmodel({"replay", dir.put("found.trace", v["trace"].get<std::string>())});
    CHECK(again.status == 0);
    CHECK(has(again.out, "as expected"));
}

TEST_CASE("what only the hardware shows is told step by step") {
    const Said s = run_mmodel({"explore", "--space", "hvo-walker", "--sabotage", "no_rcu"});
    CHECK(s.status == 1);
    for (const char* part : {"inv_no_write_through_a_read_only_pte", "walker 0 enters an RCU read section",
                             ">>>", "walker 0 writes to the refcount it saw", "again"})
        CHECK(has(s.out, part));
}

TEST_CASE("explore refuses what makes no sense, in one line") {
    for (const Args& args : {Args{"explore", "--space", "nowhere"},
                             {"explore", "--sabotage", "none_such"},
                             {"explore", "--tlbs", "9"},
                             {"explore", "--states", "many"},
                             {"explore", "--seed", "3"},
                             {"explore", "--concurrent", "--space", "hvo-walker"}}) {
        const Said s = run_mmodel(args);
        CHECK(s.status == 2);
        CHECK(s.out.empty());
        CHECK(has(s.err, "mmodel: "));
    }
    CHECK(has(run_mmodel({"explore", "--space", "nowhere"}).err, "hvo-three"));
}

TEST_CASE("a space too large for its limit says so before it starts, and keeps what it has") {
    const Said s = run_mmodel({"explore", "--space", "hvo-three", "--megabytes", "20", "--json"});
    CHECK(s.status == 0);
    CHECK(has(s.err, "there may be"));
    CHECK(has(s.err, "20 MiB"));
    const auto lines = json_lines(s.out);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["complete"] == false);
    CHECK(lines[0]["cut_by"] == "memory");
    CHECK(lines[0]["states"].get<std::uint64_t>() > 10'000);
}

TEST_CASE("an interrupted exploration says what it has and that it does not resume") {
    Running r({"explore", "--space", "percpu-all"});
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    r.signal(SIGINT);
    const Said s = r.wait();
    CHECK(s.status == 128 + SIGINT);
    CHECK(has(s.out, "interrupt"));
    CHECK(has(s.err, "starts from boot"));
}

TEST_CASE("explore --concurrent runs scenarios, one line and one JSON object each") {
    const Said s = run_mmodel({"explore", "--concurrent", "--scenario", "two_splitters", "--json"});
    CHECK(s.status == 0);
    const auto lines = json_lines(s.out);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["kind"] == "concurrent");
    CHECK(lines[0]["scenario"] == "two_splitters");
    CHECK(lines[0]["complete"] == true);
    CHECK(lines[0]["violations"].empty());
    CHECK(lines[0]["schedules"].get<std::uint64_t>() > 10);
}

TEST_CASE("a race is shown one column a task, and its trace replays") {
    const TempDir dir;
    const Args args{"explore", "--concurrent", "--scenario", "two_splitters", "--sabotage", "no_pmd_recheck"};
    const Said s = run_mmodel(args);
    CHECK(s.status == 1);
    CHECK(has(s.out, ">>>"));
    CHECK(has(s.out, "replay"));
    Args json = args;
    json.push_back("--json");
    const auto lines = json_lines(run_mmodel(json).out);
    REQUIRE(lines.size() == 1);
    REQUIRE_FALSE(lines[0]["violations"].empty());
    const std::string trace = lines[0]["violations"][0]["trace"];
    CHECK(has(trace, "concurrent "));
    const Said again = run_mmodel({"replay", dir.put("race.trace", trace)});
    CHECK(again.status == 0);
    CHECK(has(again.out, "as expected: "));
}

TEST_CASE("every trace of tasks replays as it says") {
    for (const auto& file : corpus_files("concurrent")) {
        INFO(file);
        const Said s = run_mmodel({"replay", file.string()});
        CHECK(s.status == 0);
        CHECK((has(s.out, "\nholds: ") || has(s.out, "\nas expected: ")));
        CHECK(json_lines(run_mmodel({"replay", "--json", file.string()}).out).size() == 1);
    }
}
