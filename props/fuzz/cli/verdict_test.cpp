// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is said of work that was not done to its end, and what --seconds means.
#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <thread>

#include "props/fuzz/cli/command.hpp"

using namespace mmodel::test;

namespace {

// An object of something that was checked: it says whether it was whole, and if not, in words.
void check_row(const Json& j) {
    INFO(j.dump());
    REQUIRE(j.contains("verdict"));
    REQUIRE(j.contains("complete"));
    CHECK(j.contains("incomplete") == !j["complete"].get<bool>());
    if (j["complete"] == true) CHECK((j["verdict"] == "holds" || j["verdict"] == "violates"));
    if (j["complete"] == false) CHECK((j["verdict"] == "incomplete" || j["verdict"] == "not-run"));
}

} // namespace

TEST_CASE(
    "the main job calls incomplete what it did not reach, counts it, and exits 0 since something held") {
    const Said s = run_mmodel({"run", "--no-linux", "--seconds", "0.3", "--json"});
    CHECK(s.status == 0);
    const auto lines = json_lines(s.out);
    std::size_t incomplete = 0;
    for (auto j = lines.begin(); j != lines.end() - 1; ++j) {
        check_row(*j);
        incomplete += (*j)["complete"] == false;
    }
    const Json& verdict = lines.back();
    CHECK(incomplete > 0);
    CHECK(verdict["rows_incomplete"] == incomplete);
    CHECK(verdict["rows"] == lines.size() - 1);
    CHECK(verdict["complete"] == false);
    CHECK(has(s.out, "time was up"));
}

TEST_CASE(
    "the table of the main job says what was reached and what ended it, and holds of no row without events") {
    const Said s = run_mmodel({"run", "--no-linux", "--seconds", "0.1"});
    CHECK(s.status == 0);
    CHECK((has(s.out, "incomplete: time was up\n") || has(s.out, "not run: time was up\n")));
    std::istringstream lines(s.out);
    for (std::string line; std::getline(lines, line);)
        if (has(line, "  0  ") && has(line, "  holds")) FAIL_CHECK(line);
}

TEST_CASE("a space that is cut short is incomplete, by time and by memory") {
    for (const auto& [option, value, why] :
         {std::tuple{"--seconds", "0.2", "time was up"}, {"--megabytes", "20", "limit of memory"}}) {
        const Said text = run_mmodel({"explore", "--space", "hvo-three", option, value});
        INFO(text.out);
        CHECK(text.status == 0);
        CHECK(has(text.out, std::string("incomplete: ") + why + "\n"));
        const auto lines =
            json_lines(run_mmodel({"explore", "--space", "hvo-three", option, value, "--json"}).out);
        check_row(lines.at(0));
        CHECK(lines[0]["verdict"] == "incomplete");
        CHECK(has(lines[0]["incomplete"].get<std::string>(), why));
    }
}

TEST_CASE("the option --seconds is the total of what a command does") {
    for (const Args& args : std::vector<Args>{{"explore", "--seconds", "1"},
                                              {"explore", "--concurrent", "--seconds", "1"},
                                              {"run", "--no-linux", "--seconds", "1"}}) {
        const Said s = run_mmodel(args);
        INFO(args.front() << " " << args[1] << "\n" << s.out);
        CHECK(s.status == 0);
        CHECK(s.seconds < 8); // one second, and what a busy machine makes of it
        CHECK(has(s.out, "incomplete: time was up\n"));
    }
}

TEST_CASE("a schedule search that is cut short is incomplete") {
    const auto lines = json_lines(run_mmodel({"explore", "--concurrent", "--seconds", "0.2", "--json"}).out);
    CHECK(lines.size() > 10);
    for (const Json& j : lines) check_row(j);
    CHECK(std::ranges::any_of(lines, [](const Json& j) { return j["verdict"] == "incomplete"; }));
}

TEST_CASE("Ctrl-C in the middle of a large graph or level ends an exploration within 2 seconds") {
    using namespace std::chrono_literals;
    // A world at rest that takes minutes; a level of the search that does.
    for (const Args& args :
         std::vector<Args>{{"explore", "--space", "percpu-vm-two", "--no-symmetry"},
                           {"explore", "--space", "hvo-three", "--tlbs", "2", "--megabytes", "500"}}) {
        Running r(args);
        std::this_thread::sleep_for(5s);
        const auto pressed = std::chrono::steady_clock::now();
        r.signal(SIGINT);
        const Said s = r.wait();
        INFO(s.out);
        CHECK(std::chrono::steady_clock::now() - pressed < 2s);
        CHECK(s.status == 128 + SIGINT);
        CHECK(has(s.out, "incomplete: interrupted"));
    }
}

TEST_CASE("a pipe that nobody reads ends the command without a word") {
    const TempDir dir;
    const std::string lines = std::string("{ sleep 0.2; ") + MMODEL_BIN +
                              " list invariants; echo $? >&2; } | true\n{ sleep 0.2; " + MMODEL_BIN +
                              " help trace; echo $? >&2; } | true\n";
    const std::string script = dir.put("script", lines);
    const Said s = run_mmodel({script}, {.program = "/bin/sh"});
    CHECK(s.status == 0);
    CHECK(s.err == "141\n141\n");
}

TEST_CASE("a recorded finding is about a kernel tree's file: without a tree it is not run") {
    for (const auto& entry : std::filesystem::directory_iterator(MMODEL_FINDINGS_DIR)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with("6.12")) continue;
        const Said s = run_mmodel({"replay", entry.path().string()});
        INFO(entry.path());
        CHECK(s.status == 2);
        CHECK(s.out.empty());
        CHECK(has(s.err, ".c of Linux " + name.substr(0, name.find('-')) +
                             ", not about the model; name a tree that has it with --tree DIR"));
    }
}
