// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel linux --bisect, and since when a mail says a finding is there. Needs a C compiler and git.
#include <catch2/catch.hpp>

#include "props/fuzz/cli/repository.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* leaks = "#define MMODEL_BREAK_LEAK_HEAD";

const std::string leak_trace = "mmodel trace 1\ngeometry tiny512\nalloc_folio folio=0\noptimise folio=0\n"
                               "expect inv_no_page_is_leaked\n";

} // namespace

TEST_CASE(
    "linux --bisect exits 0 where the finding is not, 1 where it is, 125 where a tree cannot be judged") {
    const TempDir good, bad, unbuilt, other;
    const std::string trace = good.put("leak.trace", leak_trace);
    const std::string no_leak = stand_in(good), leak = stand_in(bad, leaks),
                      broken = stand_in(unbuilt, "#error"), without = stand_in(other);
    fs::remove(fs::path(without) / stand_in_file);
    const auto status = [](const std::string& tree, const std::string& finding) {
        const Said s = run_mmodel({"linux", "--tree", tree, "--geometry", "tiny512", "--bisect", finding});
        INFO(s.out + s.err);
        return s.status;
    };
    // What each of them has, and would exit 1 for, is another finding.
    for (const std::string& finding :
         {trace, std::string("inv_no_page_is_leaked"),
          std::string("inv_no_page_is_leaked op=optimise way=page extent=one")}) {
        INFO(finding);
        CHECK(status(no_leak, finding) == 0);
        CHECK(status(leak, finding) == 1);
    }
    CHECK(status(broken, trace) == 125);
    CHECK(status(without, trace) == 125);
    CHECK(status(without, "inv_no_page_is_leaked") == 125);
    CHECK(status(no_leak, "inv_compound_head_holds_through_stale_translations") == 1);
}

TEST_CASE("a finding whose own trace shows nothing any more is looked for") {
    const TempDir dir;
    const std::string tree = stand_in(dir, leaks);
    const std::string trace = dir.put("t", "mmodel trace 1\ngeometry tiny512\nalloc_folio folio=0\n"
                                           "optimise folio=1\nexpect inv_no_page_is_leaked\n");
    CHECK(run_mmodel({"replay", trace, "--tree", tree}).status == 1); // as it is, it breaks nothing
    CHECK(run_mmodel({"linux", "--tree", tree, "--geometry", "tiny512", "--bisect", trace}).status == 1);
}

TEST_CASE("linux --bisect exits 128, which ends a bisection, for whatever is no answer about the tree") {
    const TempDir dir;
    const std::string tree = stand_in(dir), trace = dir.put("leak.trace", leak_trace);
    const auto status = [&](const Args& args, const Around& around = {}) {
        const Said s = run_mmodel(args, around);
        INFO(s.out + s.err);
        CHECK_FALSE(s.err.empty());
        return s.status;
    };
    CHECK(status({"linux", "--tree", tree, "--bisect", "/no/such/finding"}) == 128);
    CHECK(status({"linux", "--tree", tree, "--bisect", "inv_no_such_thing"}) == 128);
    CHECK(status({"linux", "--tree", tree, "--bisect", dir.put("t", "mmodel trace 1\ngeometry tiny\n")}) ==
          128);
    CHECK(status({"linux", "--tree", "/no/such/tree", "--bisect", trace}) == 128);
    CHECK(status({"linux", "--bisect", trace}) == 128);
    CHECK(status({"linux", "--tree", tree, "--bisect"}) == 128);
    CHECK(status({"linux", "--tree", tree, "--bisect", trace, "--nope"}) == 128);
    CHECK(status({"linux", "--tree", tree, "--bisect=" + trace, "--geometry", "nope"}) == 128);
    CHECK(status({"linux", "--tree", tree, "--bisect", trace}, {.env = {{"MMODEL_CC", "/no/compiler"}}}) ==
          128);
    CHECK(status({"linux", "--tree", tree, "--bisect", trace}, {.env = {{"MMODEL_SHIMS", "/no/shims"}}}) ==
          128);
    CHECK(status({"linux", "--tree", tree, "--bisect", trace}, {.env = {{"TMPDIR", "/no/tmp"}}}) == 128);
}

TEST_CASE("git bisect run ends at the commit that brings the finding, past one that does not build, and a "
          "mail names "
          "it, too") {
    const Repository repo;
    (void)repo.commit("/* a comment */", "a comment");
    (void)repo.commit("#error not now", "does not build");
    repo.sh("sed -i 1d " + stand_in_file + " && git commit -qam mended");
    const std::string bad = repo.commit(leaks, "it leaks");
    (void)repo.commit("/* another */", "another comment");
    const std::string trace = repo.dir().put("leak.trace", leak_trace);
    const Said mail = repo.run({"report", trace, "--tree", repo.at(), "--git", repo.at()});
    INFO(mail.out + mail.err);
    CHECK(mail.status == 0);
    CHECK(has(mail.out, "\nFixes: " + bad + " (\"it leaks\")\n"));
    const std::string said = repo.sh("git bisect start HEAD HEAD~5 && git bisect run " MMODEL_BIN
                                     " linux --tree . --geometry tiny512 --bisect " +
                                     trace);
    CHECK(has(said, "is the first bad commit"));
    CHECK(repo.sh("git rev-parse --short=12 refs/bisect/bad") == bad);
}

TEST_CASE("a mail does not name a commit where there is none to name") {
    const Repository repo;
    const std::string trace = repo.dir().put("leak.trace", leak_trace);
    (void)repo.commit(leaks, "it leaks");
    repo.sh("git checkout -q --orphan alone && git commit -qm all");
    const Said s = repo.run({"report", trace, "--tree", repo.at(), "--git", repo.at()});
    CHECK(s.status == 0);
    CHECK(has(s.out, "\nSince when\n"));
    CHECK_FALSE(has(s.out, "Fixes:"));
    repo.sh("git checkout -q main~");
    const TempDir bad;
    const Said none = repo.run({"report", trace, "--tree", stand_in(bad, leaks), "--git", repo.at()});
    CHECK(none.status == 1);
    CHECK(none.out.empty());
    CHECK(has(none.err, "HEAD does not show it"));
}
