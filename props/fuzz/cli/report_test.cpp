// SPDX-License-Identifier: GPL-2.0 OR MIT
// What others read of `mmodel linux`: read by them. KTAP by the kernel's own kunit.py, JSON by jq, JUnit by
// junitparser. Needs a C
// compiler.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "props/fuzz/cli/junit.hpp"
#include "props/fuzz/cli/stand_in.hpp"
#include "props/skip.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

const std::string known_finding = "inv_compound_head_holds_through_stale_translations";
const std::string known_identity = known_finding + " op=restore_list in=restore_one event=static_branch " +
                                   "way=copy_of_head extent=all-but-the-first";

// The stand-in's tree has one finding; `args` are added.
Said judge(const std::string& tree, Args args, const Around& around = {}) {
    args.insert(args.begin(), {"linux", "--tree", tree, "--sweeps", "--geometry", "tiny512"});
    return run_mmodel(args, around);
}

// As kunit.py understands it; nothing where it is not there.
std::optional<Json> read_by_kunit(const TempDir& dir, const std::string& ktap) {
    const fs::path kunit = fs::path(MMODEL_TREES_DIR) / "linux-6.12/tools/testing/kunit/kunit.py";
    if (!fs::exists(kunit)) {
        mmodel::skip("./dev trees takes kunit.py out of linux-source-6.12");
        return std::nullopt;
    }
    const std::string file = dir.put("ktap", ktap), json = dir.path() / "json";
    const Said s = run_mmodel({kunit, "parse", "--json=" + json, file}, {.program = "/usr/bin/python3"});
    INFO(s.out << s.err);
    CHECK_FALSE(has(s.out, "ERROR"));
    REQUIRE(fs::exists(json));
    return Json::parse(slurp(json));
}

// What each test of a group ended as, of all groups below it: "PASS", "FAIL", "SKIP".
void gather(const Json& group, std::map<std::string, std::string>& all) {
    for (const Json& g : group.value("sub_groups", Json::array())) gather(g, all);
    for (const Json& t : group.value("test_cases", Json::array())) all[t["name"]] = t["status"];
}
std::map<std::string, std::string> results(const Json& read) {
    std::map<std::string, std::string> out;
    gather(read, out);
    return out;
}

// jq's answer; nothing where it is not there.
std::optional<std::string> asked_of_jq(const TempDir& dir, const std::string& filter,
                                       const std::string& json) {
    if (!fs::exists("/usr/bin/jq")) {
        mmodel::skip("there is no jq");
        return std::nullopt;
    }
    const Said s = run_mmodel({"-e", "-r", filter, dir.put("json", json)}, {.program = "/usr/bin/jq"});
    INFO(s.err);
    CHECK(s.status == 0);
    return s.out;
}

} // namespace

TEST_CASE("kunit.py reads --ktap, and junitparser --junit: the broken invariant fails, the others pass, and "
          "what is "
          "known does not fail") {
    const TempDir dir;
    const std::string tree = stand_in(dir);
    const std::string xml = dir.path() / "junit.xml", known_xml = dir.path() / "known.xml";
    const Said found = judge(tree, {"--ktap", "--junit", xml});
    CHECK(found.status == 1);
    CHECK(found.err.empty());
    CHECK(has(found.out, "# " + known_finding + ": again: "));
    const Said known = judge(tree, {"--ktap", "--base", tree, "--junit", known_xml, "--exit-style", "nipa"});
    CHECK(known.status == 0);
    if (const auto junit = read_by_junitparser(dir, xml)) {
        const Json& suite = junit->at("suites").at(0);
        CHECK(suite["name"] == "Linux 6.8.0: mm/hugetlb_vmemmap.c");
        CHECK(junit->at("counts").at(0) > 30);
        CHECK(junit->at("counts").at(1) == 1);
        CHECK(result_of(suite, known_finding).first == "Failure");
        CHECK(has(result_of(suite, known_finding).second, "compound_head() of a tail"));
        CHECK(result_of(suite, "inv_no_page_is_leaked").first == "Passed");
        CHECK(result_of(suite, "sweeps_on_tiny512").first == "Passed");
        const Json of_known = *read_by_junitparser(dir, known_xml);
        CHECK(of_known["counts"] == Json{junit->at("counts").at(0), 0, 0, 1});
        CHECK(result_of(of_known["suites"].at(0), known_finding) ==
              std::pair<std::string, std::string>("Skipped", "known: " + tree));
    }
    CHECK(has(known.out, " " + known_finding + " # XFAIL known: "));
    const auto read = read_by_kunit(dir, found.out);
    if (!read) return;
    auto all = results(*read);
    CHECK(all.size() > 30);
    CHECK(all[known_finding] == "FAIL");
    CHECK(all["inv_no_page_is_leaked"] == "PASS");
    CHECK(all["sweeps_on_tiny512"] == "PASS");
    CHECK(std::ranges::count_if(all, [](const auto& one) { return one.second != "PASS"; }) == 1);
    for (const auto& [name, status] : results(*read_by_kunit(dir, known.out))) {
        INFO(name);
        CHECK(status == "PASS");
    }
}

TEST_CASE(
    "kunit.py and junitparser see what was not reached: sweeps that time cut short, and a file that does not "
    "compile") {
    const TempDir dir;
    const std::string tree = stand_in(dir, "#define MMODEL_BREAK_WILD");
    const std::string cut_xml = dir.path() / "cut.xml", none_xml = dir.path() / "none.xml";
    const Said cut = run_mmodel({"linux", "--tree", tree, "--seconds", "0.01", "--ktap", "--junit", cut_xml});
    CHECK(has(cut.out, "# SKIP not reached: time was up"));
    (void)dir.put("tree/" + stand_in_file, "int hugetlb_vmemmap_optimize_folio(\n");
    const Said none = judge(tree, {"--ktap", "--junit", none_xml});
    CHECK(none.status == 3);
    CHECK(judge(tree, {"--exit-style", "nipa"}).status == 250);
    if (const auto junit = read_by_junitparser(dir, cut_xml)) {
        const auto [result, why] = result_of(junit->at("suites").at(0), "sweeps_on_tiny512");
        CHECK(result == "Skipped");
        CHECK(why == "not reached: time was up");
        const Json of_none = *read_by_junitparser(dir, none_xml);
        CHECK(of_none["counts"] == Json{1, 0, 1, 0});
        CHECK(result_of(of_none["suites"].at(0), stand_in_file).first == "Error");
    }
    if (const auto read = read_by_kunit(dir, none.out)) CHECK(results(*read)[stand_in_file] == "SKIP");
    if (const auto read = read_by_kunit(dir, cut.out)) CHECK(results(*read)["sweeps_on_tiny512"] == "SKIP");
}

TEST_CASE(
    "linux --github names the line where the function is defined, and no text of it can end an annotation") {
    const TempDir dir;
    const std::string tree = stand_in(dir);
    const Said s = judge(tree, {"--github"});
    CHECK(s.status == 1);
    std::istringstream lines(s.out);
    std::size_t errors = 0, nr = 0;
    const std::regex annotation(R"(::(error|warning|notice) file=([^,:]+),line=([0-9]+),title=[^:,]+::.+)");
    for (std::string line; std::getline(lines, line); ++nr) {
        INFO(line);
        std::smatch m;
        REQUIRE(std::regex_match(line, m, annotation));
        if (m[1] != "error") continue;
        ++errors;
        CHECK(m[2] == stand_in_file);
        CHECK(has(line, "title=" + known_finding));
        const std::string in =
            line.substr(line.find("where%3A ") == line.npos ? line.find("where: ") + 7 : 0);
        std::ifstream file(fs::path(tree) / stand_in_file);
        std::string at;
        for (int i = std::stoi(m[3]); i > 0; --i) std::getline(file, at);
        CHECK(has(at, in.substr(0, in.find('(') + 1)));
    }
    CHECK(errors == 1);
    CHECK(nr == 2);
}

TEST_CASE("linux --b4 reads a mail, checks the files that it touches, and jq reads what it writes") {
    const TempDir dir;
    const std::string tree = stand_in(dir);
    const auto mail = [&](const std::string& path) {
        return dir.put("mail", "Subject: [PATCH] x\n\ndiff --git a/" + path + " b/" + path + "\n");
    };
    const Said touched = judge(tree, {"--b4"}, {.in = mail(stand_in_file)});
    CHECK(touched.status == 1);
    const std::string details = Json::parse(touched.out).at(0)["details"];
    CHECK(details.starts_with(known_finding + "\n  "));
    for (const char* label : {"\n  found", "\n  trace", "\n  again", "\n  id"}) CHECK(has(details, label));
    const Said other = judge(tree, {"--b4"}, {.in = mail("mm/percpu-vm.c")});
    CHECK(other.status == 0);
    const Said empty = judge(tree, {"--b4"});
    CHECK(empty.status == 2);
    CHECK(has(empty.err, "standard input"));
    const std::string all = ".[] | [.tool, .status, .summary, (.details | length > 0)] | @csv";
    if (const auto said = asked_of_jq(dir, all, touched.out))
        CHECK(*said == "\"mmodel\",\"fail\",\"mm/hugetlb_vmemmap.c: violates 1 invariant\",true\n");
    if (const auto said = asked_of_jq(dir, all, other.out))
        CHECK(*said == "\"mmodel\",\"pass\",\"touches nothing that mmodel judges\",false\n");
}

TEST_CASE("junitparser reads in --junit what is no character of XML's, or has a meaning there") {
    const TempDir dir;
    const std::string xml = dir.path() / "junit.xml",
                      allowed = dir.put("<a> & \"b\"\n\t\x01\xef\xbf\xbe\xff", known_identity + "\n");
    CHECK(judge(stand_in(dir), {"--allow", allowed, "--junit", xml}).status == 0);
    const auto junit = read_by_junitparser(dir, xml);
    if (!junit) return;
    const auto [result, why] = result_of(junit->at("suites").at(0), known_finding);
    CHECK(result == "Skipped");
    INFO(why);
    CHECK(has(why, "/<a> & \"b\"\n\t??\xef\xbf\xbd"));
}

TEST_CASE("every object of --json says its schema, whichever subcommand writes it") {
    const TempDir dir;
    for (const Args& args :
         std::vector<Args>{{"linux", "--tree", stand_in(dir), "--sweeps", "--geometry", "tiny512", "--json"},
                           {"list", "invariants", "--json"},
                           {"replay", MMODEL_CORPUS_DIR "/sabotage/no_flush.trace", "--json"}}) {
        const Said s = run_mmodel(args);
        CHECK_FALSE(s.out.empty());
        for (const Json& j : json_lines(s.out)) CHECK(j["schema"] == 1);
    }
}

TEST_CASE("a file for --junit that cannot be written is said before anything is run, exit status 3") {
    const TempDir dir;
    const Said s = judge(stand_in(dir), {"--junit", "/no/such/directory/x.xml"},
                         {.env = {{"MMODEL_CC", "/no/compiler"}}});
    CHECK(s.status == 3);
    CHECK(s.out.empty());
    CHECK(has(s.err, "cannot write '/no/such/directory/x.xml'"));
    CHECK(std::count(s.err.begin(), s.err.end(), '\n') == 1);
    CHECK_FALSE(has(s.err, "compiler"));
}

TEST_CASE("to a runner of patchwork's checks a violation is 1, what differs or is missing 250, and all else "
          "0 or 1") {
    const TempDir dir;
    const std::string tree = stand_in(dir);
    const auto status = [&](Args args) {
        args.insert(args.end(), {"--exit-style", "nipa"});
        return judge(tree, args).status;
    };
    CHECK(status({}) == 1);
    CHECK(status({"--allow", known_finding + " op=restore_list"}) == 1); // no such finding
    CHECK(status({"--geometry", "no-such"}) == 1);
    CHECK(judge(tree, {"--exit-style", "nipa"}, {.env = {{"MMODEL_CC", "/no/compiler"}}}).status == 250);
    CHECK(run_mmodel({"linux", "--tree", tree, "--exit-style=nipa", "--no-such-option"}).status == 1);
    CHECK(run_mmodel({"linux", "--tree", tree, "--exit-style", "other"}).status == 2);
    // One barrier more than the model has breaks nothing.
    const std::string before = "\tset_pte_at(";
    std::string text = slurp(fs::path(tree) / stand_in_file);
    text.insert(text.find(before), "\tsmp_wmb();\n");
    (void)dir.put("tree/" + stand_in_file, text);
    const std::string mail = dir.put("mail", "diff --git a/" + stand_in_file + " b/" + stand_in_file + "\n");
    const Said differs =
        judge(tree, {"--allow", known_identity, "--b4", "--exit-style", "nipa"}, {.in = mail});
    INFO(differs.out + differs.err);
    CHECK(differs.status == 250);
    CHECK(has(differs.out, "inv_real_file_agrees_with_the_model"));
    CHECK_FALSE(has(differs.out, known_finding)); // details are of what is not known
    if (const auto said = asked_of_jq(dir, ".[] | .status, .summary", differs.out))
        CHECK(has(*said, "warn\nmm/hugetlb_vmemmap.c: holds"));
}
