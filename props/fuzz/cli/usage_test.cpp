// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the command line means, and what the exit status says.
#include <catch2/catch.hpp>

#include "props/fuzz/cli/command.hpp"

using namespace mmodel::test;

namespace {

const std::string sound = "mmodel trace 1\ngeometry tiny\nalloc_folio folio=0\noptimise folio=0\n";
const std::string broken =
    "mmodel trace 1\ngeometry x86-64\nsabotage leak_page\nalloc_folio folio=0\noptimise folio=0\n";

void check_usage_error(const Args& args, const std::string& names) {
    const Said s = run_mmodel(args);
    INFO(s.err);
    CHECK(s.status == 2);
    CHECK(s.out.empty());
    CHECK(s.err.starts_with("mmodel: "));
    CHECK(has(s.err, names));
}

} // namespace

TEST_CASE("no arguments: help on standard output and exit status 2") {
    const Said s = run_mmodel({});
    CHECK(s.status == 2);
    CHECK(s.err.empty());
    for (const char* part : {"run", "replay", "linux", "explore", "list", "help", "Exit status:", "--help"})
        CHECK(has(s.out, part));
}

TEST_CASE("help of the command and of each subcommand goes to standard output, lists the exit statuses and "
          "exits 0") {
    for (const Args& args : std::vector<Args>{{"--help"},
                                              {"-h"},
                                              {"run", "--help"},
                                              {"replay", "--help"},
                                              {"linux", "--help"},
                                              {"patch", "--help"},
                                              {"explore", "--help"},
                                              {"list", "--help"},
                                              {"help", "--help"}}) {
        const Said s = run_mmodel(args);
        INFO(args.front());
        CHECK(s.status == 0);
        CHECK(s.err.empty());
        CHECK(has(s.out, "Exit status:"));
    }
    CHECK(has(run_mmodel({"replay", "--help"}).out, "--minimize"));
    CHECK(has(run_mmodel({"linux", "--help"}).out, "--tree"));
    CHECK(has(run_mmodel({"run", "--help"}).out, "--no-linux"));
}

TEST_CASE("the version is one line") {
    const Said s = run_mmodel({"--version"});
    CHECK(s.status == 0);
    CHECK(s.out.starts_with("mmodel "));
    CHECK(s.out.find('\n') == s.out.size() - 1);
}

TEST_CASE("what makes no sense on the command line is named and exits 2") {
    check_usage_error({"--nope"}, "--nope");
    check_usage_error({"walk"}, "walk");
    check_usage_error({"walk", "--help"}, "walk");
    check_usage_error({"--nope", "--help"}, "--nope");
    check_usage_error({"help", "walk"},
                      "there is on run, explore, replay, linux, patch, report, list, help, trace");
    check_usage_error({"list"}, "WHAT");
    check_usage_error({"list", "walks"}, "there are invariants, operations, ");
    check_usage_error({"run", "--nope"}, "--nope");
    check_usage_error({"replay", "x", "--nope"}, "--nope");
    check_usage_error({"replay", "--nope"}, "replay has no option '--nope'; it has --json ");
    check_usage_error({"replay", "--nope"}, " replay [OPTIONS] FILE...\n");
    check_usage_error({"linux", "--nope"}, " linux [OPTIONS] --tree DIR\n");
    check_usage_error({"linux", "--tree", "/", "--nope"}, "--nope");
    check_usage_error({"replay"}, "FILE");
    check_usage_error({"linux"}, "--tree");
    check_usage_error({"linux", "--tree", "/", "--seconds", "nan"}, "seconds");
    check_usage_error({"linux", "--tree", "/", "--seconds", "-1"}, "seconds");
    check_usage_error({"run", "--seed", "99999999999999999999"}, "64 bits");
    check_usage_error({"run", "--tree", "/no/such/tree"}, "/no/such/tree");
    check_usage_error({"run", "--no-linux", "--findings", "/no/such/findings"}, "/no/such/findings");
    check_usage_error({"replay", "x", "-o", "y"}, "--minimize");
    check_usage_error({"replay", "x", "--json", "--dot"}, "--json");
    check_usage_error({"replay", "x", "y", "--minimize"}, "one FILE");
}

TEST_CASE("the exit status of a replay says whether what the trace expects is what happened") {
    const TempDir dir;
    const auto status = [&](const std::string& text) {
        return run_mmodel({"replay", dir.put("t.trace", text)}).status;
    };
    CHECK(status(sound) == 0);
    CHECK(status(sound + "expect ok\n") == 0);
    CHECK(status(sound + "expect inv_no_page_is_leaked\n") == 1);
    CHECK(status(broken) == 1);
    CHECK(status(broken + "expect ok\n") == 1);
    CHECK(status(broken + "expect inv_no_page_is_leaked\n") == 0);
    CHECK(status(broken + "expect inv_tail_vmemmap_is_read_only\n") == 1);
}

TEST_CASE("a violation is shown at its operation, with the invariant in words and the command that shows it "
          "again") {
    const TempDir dir;
    const std::string file = dir.put("broken.trace", broken);
    const Said s = run_mmodel({"replay", file});
    for (const char* part :
         {">>>    1  optimise folio=0", "inv_no_page_is_leaked\n  \"", "again     ", "--minimize -o "})
        CHECK(has(s.out, part));
    CHECK(has(s.out, file));
}

TEST_CASE("of several files the worst gives the exit status, and the last line counts them") {
    const TempDir dir;
    const std::string good = dir.put("good", sound), bad = dir.put("bad", broken), none = dir.path() / "none";
    CHECK(run_mmodel({"replay", good, good}).status == 0);
    CHECK(run_mmodel({"replay", good, bad}).status == 1);
    const Said s = run_mmodel({"replay", bad, none, good});
    CHECK(s.status == 2);
    CHECK(s.out.ends_with("3 files: 1 as expected, 1 not, 1 could not be run\n"));
}

TEST_CASE("a dash is standard input, for text and for fuzz bytes") {
    const TempDir dir;
    CHECK(run_mmodel({"replay", "-"}, {.in = dir.put("t", sound)}).status == 0);
    CHECK(run_mmodel({"replay", "-"}, {.in = dir.put("b", std::string("MMOD\x01\0\0\0", 8))}).status == 0);
    const Said s = run_mmodel({"replay", "-"});
    CHECK(s.status == 2);
    CHECK(has(s.err, "standard input: is empty"));
}

TEST_CASE("a step past the last operation is refused") {
    const TempDir dir;
    const std::string file = dir.put("t", sound);
    CHECK(run_mmodel({"replay", file, "--step", "1"}).status == 0);
    const Said s = run_mmodel({"replay", file, "--step", "2"});
    CHECK(s.status == 2);
    CHECK(has(s.err, "no operation 2"));
}
