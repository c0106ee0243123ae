// SPDX-License-Identifier: GPL-2.0 OR MIT
// A repository of Debian's own versions of Linux 6.12, with the regression that came in one of them. Needs
// `./dev trees --history`, a C compiler and git; for KTAP, the kernel's own reader.
#include <catch2/catch.hpp>

#include <algorithm>

#include "props/fuzz/cli/repository.hpp"
#include "props/skip.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

const fs::path trees = MMODEL_TREES_DIR;

// In their order; the last is the one that is installed.
std::string tree_of(const std::string& version) {
    return (trees / (version == "6.12.117" ? "linux-6.12" : "history/linux-" + version)).string();
}

const std::vector<std::string> versions{"6.12.107", "6.12.111", "6.12.113", "6.12.115", "6.12.117"};

bool is_there(const std::string& version) {
    const std::string makefile = slurp(fs::path(tree_of(version)) / "Makefile");
    return has(makefile.substr(0, 200), "SUBLEVEL = " + version.substr(5) + "\n") &&
           fs::exists(fs::path(tree_of(version)) / "mm/percpu.c");
}

} // namespace

TEST_CASE(
    "in Debian's five versions of 6.12 the one with the regression is named, by a series, by git bisect and "
    "in a mail") {
    for (const std::string& v : versions)
        if (!is_there(v))
            return mmodel::skip(tree_of(v) + " is not " + v + "; ./dev trees --history fetches it");
    const Repository repo;
    for (const std::string& v : versions)
        repo.sh("git rm -rqf . && cp -r " + tree_of(v) + "/Makefile " + tree_of(v) + "/mm " + tree_of(v) +
                "/include . && git add -f Makefile mm include && "
                "git commit -qm 'Linux " +
                v + "'");
    const std::string bad = repo.sh("git rev-parse --short=12 HEAD~");
    const std::string kept = (repo.dir().path() / "kept").string();
    const Args series{"patch", "--git", repo.at(), "HEAD~4..HEAD", "--sweeps"};
    const auto with = [&](const Args& more) {
        Args args = series;
        args.insert(args.end(), more.begin(), more.end());
        return repo.run(args);
    };
    const Said s = with({"--json", "--keep", kept});
    INFO(s.out + s.err);
    CHECK(s.status == 1);
    const auto lines = json_lines(s.out);
    const Json& first_bad = lines.back()["first_bad"];
    CHECK(first_bad.size() >= 16);
    for (const Json& b : first_bad) {
        CHECK(b["id"] == bad);
        CHECK(b["subject"] == "Linux 6.12.115");
        CHECK(b["first_seen"] == false);
    }
    CHECK(lines.back()["skipped"] == 1); // 6.12.113 touches nothing
    for (const Json& j : lines)
        if (j["kind"] == "patch" && j["id"] == bad) CHECK(j["files"].at(0)["unchanged"] == 2);
    // From now on the cache has it.
    const Said text = with({});
    CHECK(has(text.out, "\nBrought by " + bad + " (\"Linux 6.12.115\"), "));
    const fs::path kunit = trees / "linux-6.12/tools/testing/kunit/kunit.py";
    const std::string ktap = repo.dir().put("ktap", with({"--ktap"}).out);
    if (fs::exists(kunit)) {
        const Said read =
            run_mmodel({"-c", "python3 " + kunit.string() + " parse " + ktap}, {.program = "/bin/sh"});
        INFO(read.out + read.err);
        CHECK(has(read.out, "Linux 6.12.115"));
        CHECK_FALSE(has(read.out, "[ERROR]"));
        CHECK(read.status == 1);
    } else {
        mmodel::skip(kunit.string() + " is not there");
    }
    const std::string trace = repo.sh("ls " + kept + "/*inv_restore_after_optimise* | head -1");
    const std::string said = repo.sh(
        "git bisect start HEAD HEAD~4 && git bisect run " MMODEL_BIN " linux --tree . --bisect " + trace);
    CHECK(has(said, "is the first bad commit"));
    CHECK(repo.sh("git rev-parse --short=12 refs/bisect/bad") == bad);
    const Said mail = repo.run({"report", trace, "--tree", tree_of("6.12.117"), "--git", repo.at()});
    CHECK(has(mail.out, "\nFixes: " + bad + " (\"Linux 6.12.115\")\n"));
}
