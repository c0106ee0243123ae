// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the command says about itself: lists, the grammar of traces, its environment. None of it can go stale.
#include <catch2/catch.hpp>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

#include "fuzz/ops/grammar.hpp"
#include "fuzz/ops/trace.hpp"
#include "fuzz/ops/trace_words.hpp"
#include "props/fuzz/cli/command.hpp"
#include "spec/judge/invariant.hpp"

using namespace mmodel;
using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

std::string help_on(const std::string& topic) {
    const Said s = run_mmodel({"help", topic});
    INFO(s.err);
    CHECK(s.status == 0);
    CHECK(s.err.empty());
    return s.out;
}

std::set<std::string> listed(const std::string& what, const std::string& kind) {
    const Said s = run_mmodel({"list", what, "--json"});
    CHECK(s.status == 0);
    std::set<std::string> out;
    for (const Json& j : json_lines(s.out)) {
        CHECK(j["kind"] == kind);
        CHECK_FALSE(j["sentence"].get<std::string>().empty());
        CHECK(out.insert(j["name"]).second);
    }
    const std::string text = run_mmodel({"list", what}).out;
    for (const std::string& name : out) CHECK(has(text, name));
    return out;
}

} // namespace

TEST_CASE("help is the command's own, and help on a subcommand is what its --help says") {
    CHECK(run_mmodel({"help"}).out == run_mmodel({"--help"}).out);
    CHECK(run_mmodel({"help"}).status == 0);
    for (const char* sub : {"run", "explore", "replay", "linux", "report", "list", "help"})
        CHECK(help_on(sub) == run_mmodel({sub, "--help"}).out);
}

TEST_CASE(
    "manual pages and completion cannot be written into a file, and a directory that is not there is made") {
    const TempDir dir;
    const Said s = run_mmodel({"help", "--pages", dir.path() / "new" / "share"});
    CHECK(s.status == 0);
    CHECK((s.out + s.err).empty());
    CHECK(fs::exists(dir.path() / "new/share/man/man1/mmodel-linux.1"));
    CHECK(fs::exists(dir.path() / "new/share/bash-completion/completions/mmodel"));
    const Said not_there = run_mmodel({"help", "--pages", dir.put("a file", "")});
    CHECK(not_there.status == 3);
    CHECK(has(not_there.err, "a file"));
}

TEST_CASE("the grammar of traces has every operation, every field and every key of the geometry") {
    const std::string text = help_on("trace");
    for (const OpKind k : all_op_kinds) {
        INFO(name(k));
        CHECK(has(text, "\n  " + std::string(name(k)) + " "));
        CHECK(has(text, "\n  " + std::string(words_of(k).example) + "\n"));
    }
    for (const FieldName& f : field_names) {
        INFO(f.name);
        CHECK(has(text, "\n  " + std::string(f.name) + "="));
        CHECK_FALSE(words_of(f.field).sentence.empty());
    }
    for (const GeometryKey& k : geometry_keys()) CHECK(has(text, "\n  " + std::string(k.key) + "="));
    for (const Config& c : presets()) CHECK(has(text, c.geometry.arch));
    for (const char* word : {"sabotage ", "expect ok", "concurrent ", "0x5 is no hexadecimal number"})
        CHECK(has(text, word));
}

TEST_CASE("each example of an operation parses, and has all fields that the operation takes") {
    for (const OpKind k : all_op_kinds) {
        const std::string line(words_of(k).example);
        INFO(line);
        const auto t = parse_trace("mmodel trace 1\ngeometry x86-64 nodes=2\n" + line + "\n");
        INFO((t ? "" : print_error(t.error())));
        REQUIRE(t);
        REQUIRE(t->ops.size() == 1);
        CHECK(t->ops[0].kind == k);
        for (const FieldName& f : field_names)
            CHECK(has(line, " " + std::string(f.name) + "=") == bool(fields_of(k) & f.field));
    }
}

TEST_CASE("the keys of the geometry line are those that the parser knows, and each example parses") {
    const auto unknown = parse_config("x86-64 nonsense=1");
    REQUIRE_FALSE(unknown);
    std::istringstream known(unknown.error().substr(unknown.error().find("known: ") + 7));
    std::set<std::string> theirs, ours;
    for (std::string key; known >> key;) theirs.insert(key);
    for (const GeometryKey& k : geometry_keys()) {
        ours.emplace(k.key);
        INFO(k.key);
        CHECK(parse_config("x86-64 " + std::string(k.key) + "=" + std::string(k.example)));
    }
    CHECK(ours == theirs);
}

TEST_CASE("lists name all there is, with a sentence each") {
    CHECK(listed("invariants", "invariant").size() == spec::nr_invariants);
    CHECK(listed("operations", "operation").size() == all_op_kinds.size());
    CHECK(listed("geometries", "geometry").size() == presets().size());
    CHECK(listed("sabotages", "sabotage").contains("no_flush"));
    CHECK(listed("spaces", "space").contains("hvo-three-tlbs"));
    CHECK(listed("scenarios", "scenario").contains("two_splitters"));
}

TEST_CASE(
    "every environment variable that the command reads is in its help, and in that of each subcommand") {
    std::set<std::string> read;
    const std::regex getenv(R"re(getenv\("(\w+)"\))re");
    for (const char* room : {"model", "spec", "fuzz/ops", "fuzz/campaign", "fuzz/cli"})
        for (const auto& entry :
             fs::recursive_directory_iterator(fs::path(MMODEL_CORPUS_DIR) / ".." / room)) {
            if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
            const std::string text = slurp(entry.path());
            for (std::sregex_iterator m(text.begin(), text.end(), getenv), end; m != end; ++m)
                read.insert((*m)[1]);
        }
    CHECK(read.size() >= 5);
    for (const Args& args :
         std::vector<Args>{{"--help"}, {"run", "--help"}, {"linux", "--help"}, {"explore", "--help"}}) {
        const std::string text = run_mmodel(args).out;
        for (const std::string& name : read) {
            INFO(args.front() << " " << name);
            CHECK(has(text, "  " + name + " "));
        }
    }
}
