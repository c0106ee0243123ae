// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel patch over commits: what is new, what is not, who brings it; the cache. Needs a C compiler and git.
#include <catch2/catch.hpp>

#include <algorithm>
#include <sstream>

#include "props/fuzz/cli/junit.hpp"
#include "props/fuzz/cli/repository.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* leaks = "#define MMODEL_BREAK_LEAK_HEAD";
constexpr const char* comment = "/* nothing but a comment */";

std::vector<std::string> verdicts(const std::vector<Json>& lines) {
    std::vector<std::string> out;
    for (const Json& j : lines)
        if (j["kind"] == "patch")
            for (const Json& f : j["files"]) out.push_back(f["verdict"]);
    return out;
}

using Words = std::vector<std::string>;

std::string at_line(long nr) { return "file=mm/hugetlb_vmemmap.c,line=" + std::to_string(nr) + ","; }

} // namespace

TEST_CASE("of a series the patch that brings a violation is named, and no other") {
    const Repository repo;
    (void)repo.commit(comment, "a comment");
    repo.sh("echo text >README && git add -A && git commit -qm elsewhere");
    const std::string bad = repo.commit(leaks, "it leaks <&\" \x01");
    (void)repo.commit("/* later */", "another comment");
    const std::string status = repo.sh("git status --porcelain");
    const Said s = repo.patch({"HEAD~4..HEAD"});
    INFO(s.out + s.err);
    CHECK(s.status == 1);
    CHECK(has(s.out, "\nBrought by " + bad + " (\"it leaks <&\" \x01\"), A Name <a@example.org>:\n"));
    CHECK(has(s.out, "\n  id     inv_no_page_is_leaked op="));
    CHECK_FALSE(has(s.out, "\n  id     inv_compound_head_holds_through_stale_translations"));
    CHECK(has(s.out, "3 of 4 patches judged, each against its parent; 1 touch nothing that is judged"));
    const std::string xml = repo.dir().path() / "junit.xml";
    const auto lines = json_lines(repo.patch({"HEAD~4..HEAD", "--json", "--junit", xml}).out);
    CHECK(verdicts(lines) == Words{"same-code", "new", "same-code"});
    if (const auto junit = read_by_junitparser(repo.dir(), xml)) {
        REQUIRE(junit->at("suites").size() == 3);
        CHECK(junit->at("suites").at(0)["counts"] == Json{1, 0, 0, 1}); // the same code
        const Json& of_bad = junit->at("suites").at(1);
        CHECK(of_bad["name"] == bad + " (\"it leaks <&\" ?\"): mm/hugetlb_vmemmap.c");
        CHECK(result_of(of_bad, "inv_no_page_is_leaked").first == "Failure");
        CHECK(result_of(of_bad, "inv_compound_head_holds_through_stale_translations") ==
              std::pair<std::string, std::string>("Skipped", "known: its parent"));
    }
    CHECK(repo.patch({"HEAD~4..HEAD", "--exit-style", "nipa"}).status == 1);
    CHECK(repo.patch({"HEAD~..HEAD", "--exit-style", "nipa"}).status == 0);
    for (const Json& b : lines.back()["first_bad"]) CHECK(b["id"] == bad);
    CHECK_FALSE(lines.back()["first_bad"].empty());
    CHECK(lines.back()["status"] == 1);
    CHECK(repo.sh("git status --porcelain") == status);
}

TEST_CASE("texts that differ in comments only are not compiled, and those that become the same object are "
          "not run") {
    const Repository repo;
    (void)repo.commit(comment, "a comment");
    repo.sh("sed -i 's/return 0;$/return 0; \\/* well *\\//; s/^$/\\n\\/\\/ nothing\\n/' " + stand_in_file +
            " && git commit -qam 'more of them'");
    repo.sh("sed -i 's/return 0;/return (0);/' " + stand_in_file + " && git commit -qam brackets");
    const std::string log = repo.dir().path() / "compiled";
    const std::string cc = repo.dir().put("cc", "#!/bin/sh\necho \"$*\" >>" + log + "\nexec cc \"$@\"\n");
    repo.sh("chmod +x " + cc);
    const Around logged{.env = {{"MMODEL_CC", cc}}};
    // Of the file, neither preprocessed nor a probe of the compiler.
    const auto nr_compiled = [&](const std::string& range) {
        fs::remove(log);
        const auto lines = json_lines(repo.patch({range, "--no-cache", "--json"}, logged).out);
        for (const std::string& verdict : verdicts(lines)) CHECK(verdict == "same-code");
        return repo.sh("grep MMODEL_TREE_FILE " + log + " | grep -c -v -e ' -E ' || true");
    };
    CHECK(nr_compiled("HEAD~3..HEAD~") == "0");
    CHECK(nr_compiled("HEAD~..HEAD") == "2");
}

TEST_CASE("a patch's finding is shown again by the two commands that stand beside it") {
    const Repository repo;
    (void)repo.commit(comment, "a comment");
    (void)repo.commit(leaks, "it leaks");
    const Said s = repo.patch({"HEAD~..HEAD"});
    const auto line = [&](const std::string& label) {
        const auto at = s.out.find("\n  " + label);
        REQUIRE(at != s.out.npos);
        return s.out.substr(at + 10, s.out.find('\n', at + 1) - at - 10);
    };
    CHECK(repo.sh(line("tree   ") + "; " + line("again  ") + " && rm -r $t && echo shown")
              .ends_with("\nshown"));
    repo.sh("git checkout -q HEAD~"); // whose files do not show it
    const std::string ktap = repo.patch({"main~..main", "--ktap"}).out,
                      label = "inv_no_page_is_leaked: again: ";
    const auto at = ktap.find(label) + label.size();
    CHECK(repo.sh(ktap.substr(at, ktap.find('\n', at) - at) + " && rm -r $t && echo shown")
              .ends_with("\nshown"));
}

TEST_CASE("a finding shows the lines of the patch that its sequence runs, and no others") {
    const Repository repo;
    const std::string file = "tree/" + stand_in_file, start = "static void free_vmemmap_page_list(",
                      first = "struct page *page, *next;\n";
    std::string text = slurp(repo.dir().path() / file);
    const auto at = text.find(first, text.find(start)) + first.size();
    REQUIRE(at > first.size());
    text.insert(at, "\tif (list_empty(pages))\n\t\treturn;\n\tlist_del(pages->next);\n");
    text += "\nint __attribute__((used)) nobody_calls(int x)\n{\n\treturn x + 1;\n}\n";
    (void)repo.dir().put(file, text);
    repo.sh("git commit -qam 'it leaks in another way'");
    const auto lines = json_lines(repo.patch({"HEAD~..HEAD", "--json"}).out);
    const Json& found = lines.at(0)["files"].at(0)["new"];
    REQUIRE_FALSE(found.empty());
    for (const Json& f : found) {
        INFO(f.dump(2));
        Words ran;
        for (const Json& r : f.value("ran", Json::array()))
            ran.push_back(r["sign"].get<std::string>() + r["text"].get<std::string>());
        CHECK(std::ranges::find(ran, "+list_del(pages->next);") != ran.end());
        CHECK(std::ranges::find(ran, "+return;") == ran.end());
        CHECK(std::ranges::find(ran, "+return x + 1;") == ran.end());
    }
    CHECK(has(repo.patch({"HEAD~..HEAD"}).out, "+mm/hugetlb_vmemmap.c:"));
    // The line is where an annotation stands.
    const auto nr =
        std::count(text.begin(),
                   text.begin() +
                       static_cast<long>(text.find("\tif (list_empty(pages))\n\t\treturn;\n\tlist_del")),
                   '\n') +
        1;
    const std::string annotations = repo.patch({"HEAD~..HEAD", "--github"}).out;
    INFO(annotations);
    CHECK(has(annotations, at_line(nr) + "title=" + found.at(0)["invariant"].get<std::string>()));
    std::istringstream all(annotations);
    for (std::string line; std::getline(all, line);)
        if (line.starts_with("::error ")) CHECK(has(line, at_line(nr)));
}

TEST_CASE(
    "what a patch mends is told, and what only shows once that is mended is uncovered, which is not new") {
    const Repository repo;
    // What breaks every restore before it comes to what was wrong already.
    repo.sh("sed -i 's/^\\terr = vmemmap_remap_alloc(&extent, how);/\\t*(volatile int *)64 = 0;\\n&/' " +
            stand_in_file + " && git commit -qam 'a wild store'");
    repo.sh("git revert --no-edit HEAD");
    const auto lines = json_lines(repo.patch({"HEAD~2..HEAD", "--json"}).out);
    CHECK(verdicts(lines) == Words{"new", "nothing-new"});
    const Json broken = lines.at(0)["files"].at(0), mended = lines.at(1)["files"].at(0);
    CHECK(broken["fixed"].empty());
    CHECK(broken["hidden"] == 1);
    CHECK(mended["fixed"].size() == broken["new"].size());
    CHECK(mended["unchanged"] == 1); // it was there before the wild store
    const auto alone = json_lines(repo.patch({"HEAD~..HEAD", "--json"}).out);
    CHECK(alone.at(0)["files"].at(0)["uncovered"] == 1);
    CHECK(alone.back()["status"] == 0);
}

TEST_CASE(
    "a function of another name is judged and brings nothing new, and what differs from the model is told") {
    const Repository repo;
    repo.sh("sed -i 's/restore_one/put_one_back/g' " + stand_in_file + " && git commit -qam 'a new name'");
    const Said s = repo.patch({"HEAD~..HEAD", "--json"});
    CHECK(s.status == 0);
    const auto lines = json_lines(s.out);
    CHECK(verdicts(lines) == Words{"nothing-new"});
    CHECK(lines.at(0)["files"].at(0)["unchanged"] == 1);
    // A barrier that the model has not breaks nothing, and is told.
    repo.sh("sed -i '0,/\\tset_pte_at(/s//\\tsmp_wmb();\\n&/' " + stand_in_file +
            " && git commit -qam 'a barrier'");
    const Said differs = repo.patch({"HEAD~..HEAD"});
    CHECK(differs.status == 0);
    CHECK(has(differs.out, "nothing new, 0 fixed, 1 unchanged; newly differs from the model in 3 ways"));
    CHECK(repo.patch({"HEAD~..HEAD", "--exit-style", "nipa"}).status == 250);
    CHECK(repo.patch({"HEAD~..HEAD", "--strict"}).status == 1);
}

TEST_CASE("a second run takes all from the cache, and what is damaged there is ignored with a line") {
    const Repository repo;
    (void)repo.commit(comment, "a comment");
    (void)repo.commit(leaks, "it leaks");
    const fs::path cache = repo.dir().path() / "cache/mmodel";
    const auto in_cache = [&](const std::string& script) {
        return repo.sh("cd '" + cache.string() + "' && " + script);
    };
    // A compiler that says when it is run.
    const std::string cc = repo.dir().put(
        "cc", "#!/bin/sh\necho >>" + (repo.dir().path() / "compiled").string() + "\nexec cc \"$@\"\n");
    repo.sh("chmod +x " + cc);
    const Around logged{.env = {{"MMODEL_CC", cc}, {"XDG_CACHE_HOME", cache.parent_path().string()}}};
    const Said first = repo.patch({"HEAD~..HEAD"}, logged);
    const std::string then = in_cache("ls -l --time-style=+%s.%N");
    const std::string compiled = slurp(repo.dir().path() / "compiled");
    CHECK_FALSE(compiled.empty());
    CHECK(has(first.out, " % of its branches ran"));
    const Said second = repo.patch({"HEAD~..HEAD"}, logged);
    CHECK(second.out == first.out);
    CHECK(in_cache("ls -l --time-style=+%s.%N") == then);
    CHECK(slurp(repo.dir().path() / "compiled") == compiled);
    // When something was used is noted, whatever the file system notes of reads.
    in_cache("touch -a -d '1 hour' *");
    CHECK(repo.patch({"HEAD~..HEAD"}, logged).out == first.out);
    CHECK_FALSE(in_cache("find . -type f -not -newerat '30 minutes'").empty());
    in_cache(
        "for f in $(find . -size -64c -size +40c); do printf x >>$f; done"); // what becomes the same code
    const Said third = repo.patch({"HEAD~..HEAD"}, logged);
    CHECK(third.status == 1);
    CHECK(third.out == first.out);
    CHECK(has(third.err, "is damaged; it is ignored"));
    CHECK(repo.patch({"HEAD~..HEAD"}, logged).err.empty());
    repo.sh("rm -r '" + cache.string() + "'");
    CHECK(repo.patch({"HEAD~2..HEAD~", "--no-cache"}, logged).status == 0);
    CHECK_FALSE(fs::exists(cache));
}

TEST_CASE("a cache that is too large loses what was used the longest ago, and nothing that is not its own") {
    const Repository repo;
    (void)repo.commit(comment, "a comment");
    const Around own{.env = {{"XDG_CACHE_HOME", (repo.dir().path() / "cache").string()}}};
    const fs::path cache = repo.dir().path() / "cache/mmodel";
    const auto in_cache = [&](const std::string& script) {
        return repo.sh("cd '" + cache.string() + "' && " + script);
    };
    const std::string oldest(40, '0'), older(40, '1'), part = "." + std::string(40, '2') + "-7";
    fs::create_directories(cache);
    in_cache("truncate -s 60M " + oldest + " " + part + " note && truncate -s 60000K " + older +
             " && touch -d 2001-01-01 " + oldest + " && touch -d 2002-01-01 " + part +
             " && touch -d 2003-01-01 " + older + " note");
    CHECK(repo.patch({"HEAD~..HEAD"}, own).status == 0);
    CHECK_FALSE(fs::exists(cache / oldest));
    CHECK_FALSE(fs::exists(cache / part));
    CHECK(fs::exists(cache / older));
    CHECK(fs::exists(cache / "note"));
    // What was written last is not what was used last.
    in_cache("rm note && touch -a -d 2000-01-01 $(ls | grep -v " + older + ") && truncate -s 64M " + older);
    const std::string used = in_cache("ls | grep -v " + older);
    (void)repo.commit("/* another */", "another comment"); // its parent's text is there
    CHECK(repo.patch({"HEAD~2..HEAD"}, own).status == 0);
    CHECK_FALSE(fs::exists(cache / older));
    std::istringstream all(used);
    for (std::string name; std::getline(all, name);) CHECK(fs::exists(cache / name));
}

TEST_CASE("a finding that a later patch is the first to show is given to the patch that brings it") {
    const Repository repo;
    // More warnings than are told of one invariant.
    std::string warnings;
    for (int i = 1; i <= 14; ++i)
        warnings += "\\n\\tWARN_ON(" + std::to_string(i) + " == " + std::to_string(i) + ");";
    repo.sh("sed -i 's/^\\tVM_WARN_ON_ONCE_FOLIO(!folio_test_hugetlb(folio), folio);/&" + warnings + "/' " +
            stand_in_file + " && git commit -qam 'it warns'");
    const std::string bad = repo.sh("git rev-parse --short=12 HEAD");
    repo.sh("sed -i '/WARN_ON(\\([1-9]\\|1[0-2]\\) ==/d' " + stand_in_file +
            " && git commit -qam 'mostly mended'");
    const std::string ktap = repo.patch({"HEAD~2..HEAD", "--ktap"}).out;
    const auto lines = json_lines(repo.patch({"HEAD~2..HEAD", "--json"}).out);
    INFO(lines.back().dump(2));
    CHECK(verdicts(lines) == Words{"new", "nothing-new"});
    CHECK(lines.at(1)["files"].at(0)["fixed"].size() == 12);
    const Json& told = lines.at(0)["files"].at(0)["new"];
    CHECK(told.size() == 12);
    const std::string late =
        "inv_no_kernel_warning op=optimise in=check_frozen event=VM_WARN_ON check=13==13";
    for (const Json& f : told) CHECK(f["finding"] != late);
    bool is_given = false;
    for (const Json& b : lines.back()["first_bad"]) {
        CHECK(b["id"] == bad);
        is_given |= b["finding"] == late;
    }
    CHECK(is_given);
    CHECK(lines.back()["first_bad"].size() > 12);
    CHECK(has(ktap.substr(0, ktap.find("mostly mended")), late)); // of the first patch
    CHECK(has(repo.patch({"HEAD~2..HEAD"}).out, "brought by one patch"));
}

TEST_CASE("other flags of the compiler are other results") {
    const Repository repo;
    (void)repo.commit("#ifdef LEAKS\n#define MMODEL_BREAK_LEAK_HEAD\n#endif", "it leaks where asked to");
    CHECK(repo.patch({"HEAD~..HEAD"}).status == 0);
    CHECK(repo.patch({"HEAD~..HEAD"}, {.env = {{"MMODEL_CC", "cc -DLEAKS"}}}).status == 1);
    CHECK(repo.patch({"HEAD~..HEAD"}).status == 0);
}

TEST_CASE(
    "a patch that breaks the build is named, exit status 3, and the next is compared with what was before") {
    const Repository repo;
    const std::string bad = repo.commit("#error not this time", "a build break");
    repo.sh("sed -i 1d " + stand_in_file + " && git commit -qam mended");
    const Said s = repo.patch({"HEAD~2..HEAD"});
    INFO(s.out + s.err);
    CHECK(s.status == 3);
    CHECK(has(s.err, bad + " (\"a build break\"): mm/hugetlb_vmemmap.c: "));
    CHECK(has(s.err, "mm/hugetlb_vmemmap.c:1:"));
    CHECK(has(s.err, "not this time"));
    CHECK_FALSE(has(s.out + s.err, "/state-"));
    CHECK(has(s.out, "nothing new, 0 fixed, 1 unchanged; its parent cannot be judged: "));
    CHECK(has(s.out, "compared with what was before " + bad));
    CHECK(has(s.out, "1 of 2 patches judged"));
    (void)repo.commit(leaks, "it leaks");
    CHECK(repo.patch({"HEAD~3..HEAD"}).status == 1);
}

TEST_CASE("a patch that leaves no kernel tree is named, without the place where its text was") {
    const Repository repo;
    repo.sh("sed -i 's/^VERSION/NONE/' Makefile && sed -i '1i// nothing' " + stand_in_file +
            " && git commit -qam odd");
    const Said s = repo.patch({"HEAD~..HEAD"});
    INFO(s.out + s.err);
    CHECK(s.status == 3);
    CHECK(has(s.err, "Makefile"));
    CHECK_FALSE(has(s.out + s.err, "/state-"));
}

TEST_CASE("of a merge each parent is judged, and what comes from one of them is not the merge's") {
    const Repository repo;
    repo.sh("git checkout -qb side");
    const std::string bad = repo.commit(leaks, "it leaks");
    repo.sh("git checkout -q main && echo '/* end */' >>" + stand_in_file +
            " && git commit -qam 'a comment' && git merge -q --no-edit side");
    const auto lines = json_lines(repo.patch({"HEAD~2..HEAD", "--json"}).out);
    std::size_t nr = 0;
    for (const Json& j : lines) nr += j.contains("against");
    CHECK(nr == 2);
    for (const Json& b : lines.back()["first_bad"]) CHECK(b["id"] == bad);
    CHECK_FALSE(lines.back()["first_bad"].empty());
}

TEST_CASE("a file that is moved is judged where it is now") {
    const Repository repo;
    repo.sh("git mv mm/hugetlb_vmemmap.c mm/hvo.c && git commit -qm moved");
    repo.sh("sed -i '1i#define MMODEL_BREAK_LEAK_HEAD' mm/hvo.c && git commit -qam 'it leaks'");
    const Said s = repo.patch({"HEAD~2..HEAD", "--json"});
    INFO(s.out + s.err);
    CHECK(s.status == 1);
    CHECK(has(s.err, "mm/hvo.c is judged as mm/hugetlb_vmemmap.c"));
    CHECK(verdicts(json_lines(s.out)) == Words{"same-code", "new"});
}

TEST_CASE("what is not committed is judged against HEAD") {
    const Repository repo;
    CHECK(repo.patch({"--working-tree"}).status == 0);
    repo.sh("sed -i '1i" + std::string(leaks) + "' " + stand_in_file);
    const Said s = repo.patch({"--working-tree"});
    CHECK(s.status == 1);
    CHECK(has(s.out, "\nBrought by the working tree"));
    CHECK(repo.sh("git status --porcelain") == " M " + stand_in_file);
}

TEST_CASE("nothing that a repository names is run, and nothing is written in it") {
    const Repository repo;
    (void)repo.commit(leaks, "it leaks");
    const std::string ran = (repo.dir().path() / "ran").string();
    const std::string run = repo.dir().put("run", "#!/bin/sh\necho \"$0 $*\" >>" + ran + "\n");
    repo.sh("chmod +x " + run + " && git config diff.external " + run + " && git config core.fsmonitor " +
            run + " && git config diff.c.textconv " + run + " && git config core.pager " + run +
            " && git config gpg.program " + run + " && git config log.showSignature true" +
            " && git config filter.f.clean " + run + " && git config filter.f.smudge " + run +
            " && echo '*.c diff=c filter=f' >.gitattributes && mkdir -p .git/hooks && for h in post-checkout "
            "reference-transaction post-index-change; do cp " +
            run + " .git/hooks/$h; done");
    const auto all = [&] { return repo.sh("find .git -type f | sort | xargs cksum"); };
    const std::string before = all();
    CHECK(repo.patch({"HEAD~..HEAD"}).status == 1);
    repo.sh("echo >>" + stand_in_file);
    CHECK(repo.patch({"--working-tree"}).status == 0);
    CHECK_FALSE(fs::exists(ran));
    CHECK(all() == before);
}

TEST_CASE("a thousand patches that touch nothing are skipped and counted, and nothing is compiled") {
    const Repository repo;
    repo.sh(
        "i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); printf 'commit refs/heads/main\\ncommitter A <a@b> %d "
        "+0000\\ndata 2\\nx\\n' $i; [ $i -gt 1 ] || printf 'from main^0\\n'; printf 'M 644 inline "
        "README\\ndata 5\\n%04d\\n\\n' $i; done | git fast-import --quiet");
    const Said s = repo.patch({"main~1000..main"}, {.env = {{"MMODEL_CC", "/no/compiler"}}});
    INFO(s.err);
    CHECK(s.status == 0);
    CHECK(has(s.out, "0 of 1000 patches judged, each against its parent; 1000 touch nothing that is judged"));
}
