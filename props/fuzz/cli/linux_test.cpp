// SPDX-License-Identifier: GPL-2.0 OR MIT
// Kernel trees on the command line, and files that misbehave. Needs a C compiler.
#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <thread>

#include "props/fuzz/cli/stand_in.hpp"
#include "props/skip.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

// Waits until the tree's file is compiled in `tmp`, the command's TMPDIR, for so many geometries: a verdict's
// are two, and which comes first is the compiler's affair.
bool compiled(const fs::path& tmp, int nr = 2) {
    using namespace std::chrono_literals;
    const auto is_object = [](const auto& entry) {
        const fs::path& p = entry.path(); // not of what asks what a compiler can do
        return p.extension() == ".so" && !p.filename().string().starts_with("mmodel-probe");
    };
    for (int i = 0; i < 2000; ++i, std::this_thread::sleep_for(10ms))
        if (std::ranges::count_if(fs::recursive_directory_iterator(tmp), is_object) >= nr) return true;
    return false;
}

} // namespace

TEST_CASE("a tree whose file would end the command and start processes exits 1 with what it tried") {
    for (const auto& [code, call] : {std::pair{"kill(getppid(), 9)", "kill()"}, {"fork()", "clone()"}}) {
        const TempDir dir;
        const std::string tree = stand_in(
            dir,
            std::string(
                "#pragma GCC visibility push(default)\nint kill(int, int), getppid(void), fork(void);\n"
                "#pragma GCC visibility pop\n__attribute__((constructor)) static void at_load(void) { ") +
                code + "; }");
        const Said s = run_mmodel({"linux", "--tree", tree, "--sweeps", "--geometry", "tiny512"});
        INFO(s.out + s.err);
        CHECK(s.status == 1);
        CHECK((has(s.out, std::string("the file calls the system, as no kernel code does: ") + call) ||
               has(s.err, "caution")));
    }
}

TEST_CASE("a tree whose file faults exits 1, is shown in five lines, and its kept trace shows it again") {
    const TempDir dir;
    const std::string tree = stand_in(dir, wild), kept = (dir.path() / "kept").string();
    const Said s = run_mmodel({"linux", "--tree", tree, "--sweeps", "--geometry", "tiny512", "--keep", kept});
    INFO(s.out + s.err);
    CHECK(s.status == 1);
    CHECK(s.err.empty());
    CHECK(has(s.out, "verdict  violates 2 invariants in 4 ways\n"));
    for (const char* part : {"\ninv_kernel_code_touches_only_what_is_mapped: ", "\n  where  Linux 6.8.0, ",
                             "\n  found  ", "\n  trace  ", "\n  again  "})
        CHECK(has(s.out, part));
    const std::string trace = kept + "/6.8.0-inv_kernel_code_touches_only_what_is_mapped.trace";
    CHECK(run_mmodel({"replay", trace, "--tree", tree}).status == 0);
    CHECK(run_mmodel({"replay", trace}).status == 1); // the model does not
}

TEST_CASE(
    "a tree whose file is a BUG exits 1, as JSON it is one object, a trace that cannot be kept is printed") {
    const TempDir dir;
    const std::string tree = stand_in(dir, "#define MMODEL_BREAK_BUG");
    const std::string kept = (dir.path() / "kept").string();
    fs::create_directories(kept + "/6.8.0-inv_no_bug.trace"); // in the way
    const Said s =
        run_mmodel({"linux", "--tree", tree, "--sweeps", "--geometry", "tiny512", "--json", "--keep", kept});
    CHECK(s.status == 1); // what was found beats what could not be written
    CHECK(has(s.err, "cannot write '" + kept + "/6.8.0-inv_no_bug.trace'"));
    CHECK(has(s.err, "\nmmodel trace 1\n"));
    const auto lines = json_lines(s.out);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["kind"] == "linux");
    CHECK(lines[0]["version"] == "6.8.0");
    CHECK(lines[0]["verdict"] == "violates");
    CHECK(lines[0]["operations"].get<int>() > 0);
    const Json v = lines[0]["violations"].at(0);
    CHECK(v["invariant"] == "inv_no_bug");
    CHECK(v["seen"].get<int>() > 0);
    CHECK_FALSE(v["found"].get<std::string>().empty());
    CHECK(lines[0]["source"].get<std::string>().size() == 16);
    CHECK(run_mmodel({"-c", "cd / && " + v["again"].get<std::string>()}, {.program = "/bin/sh"}).status == 0);
    CHECK(run_mmodel({"replay", "--tree", tree, dir.put("t", v["trace"].get<std::string>())}).status == 0);
}

TEST_CASE("a geometry that is not there is refused, and a finding says on which it was seen") {
    const TempDir dir;
    const std::string tree = stand_in(dir, "#define MMODEL_BREAK_BUG");
    check_refused({"linux", "--tree", tree, "--geometry", "tiny"}, 2,
                  "there is no 'tiny'; kernel files run on x86-64, ");
    check_refused({"linux", "--tree", tree, "--geometry", "tiny512", "--backend", "mmap"}, 2,
                  "with --backend mmap pages are the host's: x86-64, not tiny512");
    using Names = std::vector<std::string>;
    for (const auto& [extra, names] :
         {std::pair{Args{}, Names{"x86-64", "tiny512"}}, {Args{"--geometry", "tiny512"}, Names{"tiny512"}}}) {
        Args args{"linux", "--tree", tree, "--sweeps", "--json"};
        args.insert(args.end(), extra.begin(), extra.end());
        const Said s = run_mmodel(args);
        INFO(s.out + s.err);
        CHECK(s.status == 1);
        const Json j = json_lines(s.out).at(0);
        REQUIRE(j["geometries"].size() == names.size());
        for (std::size_t i = 0; i < names.size(); ++i) {
            const Json& on = j["geometries"][i];
            CHECK(on["geometry"] == names[i]);
            CHECK(on["operations"].get<int>() > 0);
            CHECK(on["swept"] == on["to_sweep"]);
        }
        const Json& v = j["violations"].at(0);
        CHECK(v["geometries"].get<Names>() == names);
        CHECK(has(v["trace"].get<std::string>(), "geometry " + names.front() + "\n"));
        CHECK(run_mmodel({"replay", "--tree", tree, dir.put("t", v["trace"].get<std::string>())}).status ==
              0);
    }
}

TEST_CASE("a finding at an event says as JSON which event, of which function, and what was found") {
    const TempDir dir;
    const std::string tree = stand_in(dir, "#define MMODEL_BREAK_DOUBLE_FREE");
    const Said s = run_mmodel({"linux", "--tree", tree, "--sweeps", "--geometry", "tiny512", "--json"});
    const auto lines = json_lines(s.out);
    const Json& found = lines.at(0)["violations"];
    const auto v =
        std::ranges::find(found, "inv_no_page_is_freed_twice", [](const Json& j) { return j["invariant"]; });
    REQUIRE(v != found.end());
    CHECK((*v)["function"] == "free_vmemmap_page");
    CHECK((*v)["event"].get<int>() > 0);
    CHECK((*v)["what"].get<std::string>().starts_with("__free_page(pfn "));
    CHECK((*v)["found"].get<std::string>().ends_with("is free already"));
}

TEST_CASE("where traces cannot be kept is said before the run: nothing is on standard output") {
    const TempDir dir;
    const std::string tree = stand_in(dir, wild);
    for (const std::string& at : {std::string("/proc/none"), std::string("/proc/self"), dir.put("file", "")})
        check_refused({"linux", "--tree", tree, "--seconds", "30", "--keep", at}, 3,
                      "cannot write in '" + at + "': ");
}

TEST_CASE(
    "the command of a tree's finding runs from another directory, though the tree was named from here") {
    const TempDir dir;
    const auto shell = [](const std::string& line) {
        return run_mmodel({"-c", line}, {.program = "/bin/sh"});
    };
    const std::string tree = fs::relative(stand_in(dir, wild), dir.path()).string();
    const Said s = shell("cd " + dir.path().string() + " && $(readlink -f " MMODEL_BIN ") linux --tree " +
                         tree + " --sweeps --keep kept");
    INFO(s.out + s.err);
    const auto at = s.out.find("  again  ");
    REQUIRE(at != s.out.npos);
    CHECK(shell("cd / && " + s.out.substr(at + 9, s.out.find('\n', at) - at - 9)).status == 0);
}

TEST_CASE("a replay on a tree whose file hangs ends, exits 1 and says that the operation does not end") {
    const TempDir dir;
    const Said s = run_mmodel({"replay", "--json", "--tree", stand_in(dir, "#define MMODEL_BREAK_HANG"),
                               dir.put("t", optimise_once)});
    CHECK(s.status == 1);
    const auto lines = json_lines(s.out);
    CHECK(lines.back()["violations"].at(0)["invariant"] == "inv_every_operation_ends");
    CHECK(lines.back()["operation"] == 1);
}

TEST_CASE("the main job exits 1 for a tree with a finding that is not recorded, and its JSON says which") {
    const TempDir dir;
    const Said s = run_mmodel({"run", "--json", "--seconds", "1", "--tree", stand_in(dir, wild)});
    INFO(s.err);
    CHECK(s.status == 1);
    const auto lines = json_lines(s.out);
    const auto recorded = std::ranges::find_if(lines, [](const Json& j) { return j["kind"] == "recorded"; });
    REQUIRE(recorded != lines.end());
    CHECK((*recorded)["as_recorded"] == false);
    CHECK((*recorded)["new"] == Json::array({"inv_kernel_code_touches_only_what_is_mapped"}));
    CHECK(lines.back()["kind"] == "verdict");
    CHECK(lines.back()["status"] == 1);
}

TEST_CASE(
    "the main job as text has what a tree violates beneath its row of the table, and fits 120 columns") {
    const TempDir dir;
    const Said s = run_mmodel({"run", "--seconds", "1", "--tree", stand_in(dir, wild)});
    INFO(s.out + s.err);
    CHECK(s.status == 1);
    check_table(s.out);
    CHECK(has(s.out, "\n  Linux 6.8.0, mm/hugetlb_vmemmap.c "));
    CHECK(has(s.out, "  not as recorded\n      violates inv_kernel_code_touches_only_what_is_mapped\n"));
}

TEST_CASE("0 seconds is no limit: a tree is checked until Ctrl-C") {
    const TempDir dir;
    const fs::path tmp = dir.path() / "tmp";
    fs::create_directory(tmp);
    Running command({"linux", "--tree", stand_in(dir), "--seconds", "0"},
                    {.env = {{"TMPDIR", tmp.string()}}});
    REQUIRE(compiled(tmp));
    std::this_thread::sleep_for(std::chrono::seconds(3));
    command.signal(SIGINT);
    const Said s = command.wait();
    INFO(s.out + s.err);
    CHECK(s.status == 130);
    CHECK(s.seconds > 3);
    CHECK_FALSE(has(s.out, "ran      0 sequences"));
}

TEST_CASE("a violation in one tree beats another tree that does not compile: the main job exits 1") {
    const TempDir bad, unbuilt;
    const Said s = run_mmodel({"run", "--seconds", "1", "--tree", stand_in(bad, wild), "--tree",
                               stand_in(unbuilt, "#error not for us")});
    INFO(s.out + s.err);
    CHECK(s.status == 1);
    CHECK(has(s.out, "  cannot build\n"));
    CHECK(has(s.out, "  not as recorded\n"));
}

TEST_CASE("Ctrl-C while a tree is checked prints what was found, leaves nothing behind and ends as a shell "
          "expects: 130") {
    const TempDir dir;
    const fs::path tmp = dir.path() / "tmp";
    fs::create_directory(tmp);
    Running command({"linux", "--tree", stand_in(dir, wild), "--seconds", "600"},
                    {.env = {{"TMPDIR", tmp.string()}}});
    REQUIRE(compiled(tmp));
    std::this_thread::sleep_for(std::chrono::seconds(2));
    command.signal(SIGINT);
    const Said s = command.wait();
    INFO(s.out + s.err);
    CHECK(s.status == 130);
    CHECK(s.seconds < 30);
    CHECK(has(s.out, "\ninv_kernel_code_touches_only_what_is_mapped: "));
    CHECK(has(s.err, "interrupted"));
    CHECK(fs::is_empty(tmp));
}

// What hangs costs the bench's patience, a second and a half, each time that it is shown again.
TEST_CASE("Ctrl-C while a hang is cut down prints the hang and ends within 2 seconds") {
    using namespace std::chrono_literals;
    const TempDir dir;
    const fs::path tmp = dir.path() / "tmp";
    fs::create_directory(tmp);
    Running command({"linux", "--tree", stand_in(dir, "#define MMODEL_BREAK_HANG"), "--seconds", "600"},
                    {.env = {{"TMPDIR", tmp.string()}}});
    REQUIRE(compiled(tmp));
    std::this_thread::sleep_for(5s);
    const auto pressed = std::chrono::steady_clock::now();
    command.signal(SIGINT);
    const Said s = command.wait();
    INFO(s.out + s.err);
    CHECK(std::chrono::steady_clock::now() - pressed < 2s);
    CHECK(s.status == 130);
    CHECK(has(s.out, "\ninv_every_operation_ends: "));
    CHECK(has(s.err, "interrupted"));
    CHECK(fs::is_empty(tmp));
}

TEST_CASE("Ctrl-C while a replay hangs on a tree ends within 2 seconds, also when it is to be cut down") {
    using namespace std::chrono_literals;
    const TempDir dir;
    const std::string tree = stand_in(dir, "#define MMODEL_BREAK_HANG"), trace = dir.put("t", optimise_once);
    for (const Args& more : std::vector<Args>{{}, {"--minimize"}}) {
        const fs::path tmp = dir.path() / ("tmp" + std::to_string(more.size()));
        fs::create_directory(tmp);
        Args args{"replay", trace, "--tree", tree};
        args.insert(args.end(), more.begin(), more.end());
        Running command(args, {.env = {{"TMPDIR", tmp.string()}}});
        REQUIRE(compiled(tmp, 1));
        std::this_thread::sleep_for(500ms);
        const auto pressed = std::chrono::steady_clock::now();
        command.signal(SIGINT);
        const Said s = command.wait();
        INFO(s.out + s.err);
        CHECK(std::chrono::steady_clock::now() - pressed < 2s);
        CHECK(s.status == 130);
        CHECK(has(s.err, "interrupted"));
    }
}

TEST_CASE("every state of a tree's file: what it prints, keeps and exits with") {
    const TempDir dir;
    const std::string tree = stand_in(dir);
    const Said s = run_mmodel(
        {"explore", "--tree", tree, "--space", "hvo-walker", "--keep", dir.path().string(), "--json"});
    INFO(s.err);
    CHECK(s.status == 1);
    const Json j = Json::parse(s.out);
    CHECK(j["kind"] == "explore");
    CHECK(j["space"] == "hvo-walker");
    CHECK(j["file"] == "mm/hugetlb_vmemmap.c");
    CHECK(j["complete"] == true);
    CHECK(j["operations_run"] > 100);
    REQUIRE(j["violations"].size() == 1);
    CHECK(j["violations"][0]["invariant"] == "inv_compound_head_holds_through_stale_translations");
    CHECK(fs::exists(dir.path() /
                     ("6.8.0-hvo-walker-" + j["violations"][0]["invariant"].get<std::string>() + ".trace")));
    const Said text = run_mmodel({"explore", "--tree", tree, "--space", "hvo-walker"});
    CHECK(text.status == 1);
    CHECK(has(text.out, "complete"));
    CHECK(has(text.out, "violates 1"));
    CHECK(has(text.out, " | "));
    CHECK(run_mmodel({"explore", "--tree", stand_in(TempDir(), wild), "--space", "hvo-walker"}).status == 1);
}

TEST_CASE("every state of a tree's file: what makes no sense exits 2, a compiler that cannot exits 3") {
    const TempDir dir;
    const std::string tree = stand_in(dir);
    check_refused({"explore", "--tree", "/no/such/tree"}, 2, "there is no such directory");
    check_refused({"explore", "--tree", tree, "--space", "percpu"}, 2,
                  "there is no space 'percpu'; there are hvo-");
    check_refused({"explore", "--tree", tree, "--sabotage", "no_rcu"}, 2, "breaks the model");
    check_refused({"explore", "--file", "hvo"}, 2, "--tree");
    check_refused({"explore", "--tree", tree}, 3, "no C compiler",
                  {.env = {{"MMODEL_CC", "no-such-compiler"}}});
}

TEST_CASE("a constant that the tree's own header has otherwise is a warning of the verdict and of --json") {
    const TempDir dir;
    const std::string tree = stand_in(dir);
    fs::create_directories(fs::path(tree) / "include/linux");
    (void)dir.put("tree/include/linux/hugetlb.h", "#define __NR_USED_SUBPAGE 4\n");
    const std::string why = "__NR_USED_SUBPAGE is not what include/linux/hugetlb.h of the tree says";
    const Args args{"linux", "--tree", tree, "--seconds", "1", "--geometry", "tiny512"};
    const Said s = run_mmodel(args);
    INFO(s.out + s.err);
    CHECK(has(s.out, "warning  " + why));
    Args json = args;
    json.emplace_back("--json");
    CHECK(json_lines(run_mmodel(json).out).at(0)["warnings"].at(0) == why);
}
