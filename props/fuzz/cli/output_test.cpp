// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the command writes: JSON, shorter traces; and what it does when it cannot.
#include <catch2/catch.hpp>

#include <algorithm>

#include "fuzz/ops/trace.hpp"
#include "props/fuzz/cli/command.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

const std::string leak =
    "mmodel trace 1\ngeometry x86-64\nsabotage leak_page\nalloc_folio folio=0\noptimise folio=0\n";

mmodel::Trace parsed(const std::string& text) {
    const auto t = mmodel::parse_trace(text);
    INFO(text);
    REQUIRE(t);
    return *t;
}

// Operations that change nothing for the others, before each operation and behind the last.
mmodel::Trace padded(const mmodel::Trace& t) {
    const auto pad =
        parsed("mmodel trace 1\ngeometry tiny\nalloc_lru folio=7\nfree_lru folio=7\nwalker_leave walker=3\n"
               "give_pages\nfree_folio folio=6\nrestore folio=6\n")
            .ops;
    mmodel::Trace out = t;
    out.ops.clear();
    for (const mmodel::Op& op : t.ops) {
        out.ops.insert(out.ops.end(), pad.begin(), pad.end());
        out.ops.push_back(op);
    }
    out.ops.insert(out.ops.end(), pad.begin(), pad.end());
    return out;
}

std::vector<std::string> kinds(const std::vector<Json>& lines) {
    std::vector<std::string> out;
    for (const Json& j : lines) out.push_back(j["kind"]);
    return out;
}

} // namespace

TEST_CASE(
    "a replay as JSON is an object a line: trace, each operation, verdict, for every file of the corpus") {
    for (const char* dir : {"hvo", "sabotage"}) {
        for (const fs::path& file : corpus_files(dir)) {
            INFO(file);
            const Said s = run_mmodel({"replay", "--json", file.string()});
            CHECK(s.status == 0);
            const auto lines = json_lines(s.out);
            REQUIRE(lines.size() >= 2);
            CHECK(lines.front()["kind"] == "trace");
            CHECK(lines.front()["operations"].get<std::size_t>() >= lines.size() - 2);
            CHECK(std::ranges::all_of(lines.begin() + 1, lines.end() - 1,
                                      [](const Json& j) { return j["kind"] == "op"; }));
            CHECK(lines.back()["as_expected"] == true);
            CHECK(lines.back()["violations"].empty() == (lines.back()["verdict"] == "holds"));
        }
    }
}

TEST_CASE("a violation as JSON names invariant, sentence, event and function") {
    const TempDir dir;
    const auto lines = json_lines(run_mmodel({"replay", "--json", dir.put("t", leak), "--step", "0"}).out);
    CHECK(kinds(lines) == std::vector<std::string>{"trace", "op", "state", "op", "verdict"});
    CHECK(lines.back()["operation"] == 1);
    const Json v = lines.back()["violations"].at(0);
    CHECK(v["invariant"] == "inv_no_page_is_leaked");
    CHECK(v["meaning"].get<std::string>().ends_with("."));
}

TEST_CASE("JSON stays JSON for a file name with quotes, a line end and a byte that is no UTF-8") {
    const TempDir dir;
    const std::string file = dir.put("a\"b\\c\nd\xff.trace", leak);
    const Said s = run_mmodel({"replay", "--json", file, file});
    CHECK(s.status == 1);
    CHECK(json_lines(s.out).back()["kind"] == "summary");
}

TEST_CASE("the main job as JSON is an object a line and ends in a verdict") {
    const Said s = run_mmodel({"run", "--no-linux", "--seconds", "1", "--json"});
    INFO(s.err);
    CHECK(s.status == 0);
    const auto lines = json_lines(s.out);
    const auto all = kinds(lines);
    CHECK(std::ranges::count(all, "explore") >= 1);
    CHECK(std::ranges::count(all, "random") >= 1);
    CHECK(all.back() == "verdict");
    CHECK(lines.back()["status"] == 0);
    CHECK(lines.back()["interrupted"] == false);
}

TEST_CASE("the main job as text is one table of 120 columns at most, and a verdict") {
    const Said s = run_mmodel({"run", "--no-linux", "--seconds", "0.5"});
    CHECK(s.status == 0);
    CHECK(s.out.starts_with("every state "));
    CHECK(has(s.out, "\nthe model at random "));
    check_table(s.out);
    CHECK(has(s.out, "\nwhat was reached holds, or is as recorded in spec/linux/findings; "));
    CHECK(s.out.ends_with(" rows are incomplete\n"));
    CHECK(s.err.empty());
}

TEST_CASE(
    "every padded sabotage trace is cut down to no more than it was, and still breaks the same invariant") {
    const TempDir dir;
    const std::string out = (dir.path() / "small.trace").string();
    for (const fs::path& file : corpus_files("sabotage")) {
        INFO(file);
        const mmodel::Trace original = parsed(slurp(file));
        mmodel::Trace big = padded(original);
        const Said s =
            run_mmodel({"replay", "--minimize", dir.put("big.trace", print_trace(big)), "-o", out});
        INFO(s.out + s.err);
        REQUIRE(s.status == 0);
        const mmodel::Trace small = parsed(slurp(out));
        CHECK(small.ops.size() <= original.ops.size());
        CHECK(small.expect == original.expect);
        CHECK(small.sabotage == original.sabotage);
        CHECK(run_mmodel({"replay", out}).status == 0);
    }
}

TEST_CASE("a trace that breaks nothing cannot be minimised: exit status 2 and no file") {
    const TempDir dir;
    const fs::path out = dir.path() / "out";
    const Said s = run_mmodel({"replay", "--minimize",
                               dir.put("t", "mmodel trace 1\ngeometry tiny\nalloc_folio folio=0\n"), "-o",
                               out.string()});
    CHECK(s.status == 2);
    CHECK(has(s.err, "nothing to minimise"));
    CHECK_FALSE(fs::exists(out));
}

TEST_CASE("a minimum that cannot be written goes to the terminal, with the reason, and exits 3") {
    const TempDir dir;
    const std::string in = dir.put("t", leak);
    const Said s = run_mmodel({"replay", "--minimize", in, "-o", "/dev/full"});
    CHECK(s.status == 3);
    CHECK(parsed(s.out).expect == "inv_no_page_is_leaked");
    CHECK(has(s.err, "cannot write '/dev/full': "));
}

TEST_CASE("where a minimum cannot be written is said before the run, and what is there stays") {
    const TempDir dir;
    const std::string in = dir.put("t", leak), there = dir.put("there", "as it was");
    for (const std::string& out : {(dir.path() / "none/x").string(), dir.path().string()}) {
        const Said s = run_mmodel({"replay", "--minimize", in, "-o", out});
        INFO(out);
        CHECK(s.status == 3);
        CHECK(s.out.empty());
        CHECK(has(s.err, "cannot write '" + out + "': "));
    }
    CHECK(run_mmodel({"replay", "--minimize", "/no/such/trace", "-o", there}).status == 2);
    CHECK(slurp(there) == "as it was");
    CHECK(
        run_mmodel({"replay", "--minimize", "/no/such/trace", "-o", (dir.path() / "new").string()}).status ==
        2);
    CHECK_FALSE(fs::exists(dir.path() / "new"));
}

TEST_CASE(
    "every command of a replay runs as it is printed, from another directory, whatever the file is called") {
    const TempDir dir;
    const fs::path here = dir.path() / "it's a dir";
    fs::create_directory(here);
    (void)dir.put("it's a dir/-t $x.trace", leak);
    const auto shell = [](const std::string& line) {
        return run_mmodel({"-c", line}, {.program = "/bin/sh"});
    };
    const Said first = shell("cd '" + dir.path().string() + "/it'\\''s a dir' && ln -sf \"$(readlink -f " +
                             std::string(MMODEL_BIN) + ")\" command && ./command replay './-t $x.trace'");
    INFO(first.out + first.err);
    CHECK(first.status == 1);
    const auto printed = [&](const std::string& label) {
        const auto at = first.out.find("  " + label + " ");
        REQUIRE(at != first.out.npos);
        const std::string line = first.out.substr(at + 12, first.out.find('\n', at) - at - 12);
        return "cd / && " + line;
    };
    CHECK(shell(printed("again")).status == 1);
    const std::string keep = printed("keep");
    const std::string out = (dir.path() / "out").string();
    CHECK(shell(keep.substr(0, keep.rfind(" -o ")) + " -o " + out).status == 0);
    CHECK(parsed(slurp(out)).expect == "inv_no_page_is_leaked");
}

TEST_CASE("a command that holds its trace runs as it is printed") {
    const TempDir dir;
    const Said first = run_mmodel({"replay", "-"}, {.in = dir.put("t", leak)});
    const auto at = first.out.find("  again     ");
    REQUIRE(at != first.out.npos);
    const std::string line = first.out.substr(at + 12, first.out.find('\n', at) - at - 12);
    const Said again = run_mmodel({"-c", "cd / && " + line}, {.program = "/bin/sh"});
    CHECK(again.status == 1);
    CHECK(again.out == first.out);
}

TEST_CASE("the bytes that the canary leaves replay to the violation that its trace has") {
    const TempDir dir;
    (void)run_mmodel(
        {MMODEL_CORPUS_DIR},
        {.program = MMODEL_CANARY, .env = {{"MMODEL_ARTIFACTS", dir.path().string()}, {"MMODEL_ALLOW", ""}}});
    const std::string stem =
        (dir.path() / "inv_high_order_block_is_split_before_its_pages_are_freed").string();
    const Said trace = run_mmodel({"replay", "--json", stem + ".trace"}),
               bytes = run_mmodel({"replay", "--json", stem + ".bytes"});
    CHECK(trace.status == 0); // it expects the violation
    CHECK(bytes.status == 1); // these expect nothing
    const auto of_trace = json_lines(trace.out), of_bytes = json_lines(bytes.out);
    CHECK(of_bytes.front()["sabotage"] == "no_split_page");
    CHECK(of_bytes.back()["violations"].at(0)["invariant"] ==
          of_trace.back()["violations"].at(0)["invariant"]);
    CHECK(of_bytes.back()["violations"].at(0)["function"] == of_trace.back()["violations"].at(0)["function"]);
}

TEST_CASE("a minimum that neither file nor standard output takes goes to standard error") {
    const TempDir dir;
    const Said s =
        run_mmodel({"replay", "--minimize", dir.put("t", leak), "-o", "/dev/full"}, {.out = "/dev/full"});
    CHECK(s.status == 3);
    CHECK(has(s.err, "mmodel trace 1\ngeometry x86-64\n"));
    CHECK_FALSE(has(s.err, "Success"));
}

TEST_CASE("output that cannot be written exits 3 and says why, in every subcommand") {
    const TempDir dir;
    const std::string good = dir.put("t", "mmodel trace 1\ngeometry tiny\nalloc_folio folio=0\n");
    for (const Args& args : std::vector<Args>{{"--help"},
                                              {"--version"},
                                              {"replay", good},
                                              {"replay", "--json", good},
                                              {"replay", "--dot", good},
                                              {"replay", good, "/no/such/file"},
                                              {"run", "--no-linux", "--seconds", "0.2"}}) {
        const Said s = run_mmodel(args, {.out = "/dev/full"});
        INFO((args.empty() ? "no arguments" : args.front() + " " + args.back()) + "\n" + s.err);
        CHECK(s.status == 3);
        CHECK((has(s.err, "No space left on device") || has(s.err, "cannot write the output\n")));
    }
}
