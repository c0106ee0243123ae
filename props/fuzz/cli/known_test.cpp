// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is known of a tree: --allow, --base, --record, replay --past-known, and the records themselves.
#include <catch2/catch.hpp>

#include <algorithm>

#include "props/fuzz/cli/stand_in.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* leaks = "#define MMODEL_BREAK_LEAK_HEAD";

// A tree that can be anywhere, so that two can be compared.
struct Stand {
    explicit Stand(const std::string& line = "") : at(stand_in(dir, line)) {}
    TempDir dir{};
    std::string at;
};

std::vector<std::string> ids_in(const std::string& out) {
    std::vector<std::string> ids;
    for (std::size_t at = out.find("\n  id     "); at != out.npos; at = out.find("\n  id     ", at + 1))
        ids.push_back(out.substr(at + 10, out.find('\n', at + 1) - at - 10));
    return ids;
}

std::string list_of(const std::vector<std::string>& ids) {
    std::string out = "# what is known\n\n";
    for (const std::string& id : ids) out += id + " # why\n";
    return out;
}

std::string record(const std::string& head) {
    return head +
           "\n\n**What happens.** It leaks.\n\n```\nmmodel trace 1\ngeometry x86-64\nalloc_folio folio=0\n"
           "optimise folio=0\nexpect inv_no_page_is_leaked\n```\n";
}

constexpr const char* good_head = "format: 2\nfile: mm/hugetlb_vmemmap.c\nfinding: inv_no_page_is_leaked "
                                  "op=optimise way=page extent=one\nseen: 6.8.0 0123456789abcdef";

} // namespace

TEST_CASE("a tree of which all is allowed exits 0 and names what is known, and a line that nothing matches") {
    const Stand tree;
    const Said first = run_mmodel({"linux", "--tree", tree.at, "--sweeps", "--geometry", "tiny512"});
    REQUIRE(first.status == 1);
    auto ids = ids_in(first.out);
    REQUIRE_FALSE(ids.empty());
    const TempDir dir;
    const std::string unused = "inv_no_bug op=optimise";
    ids.push_back(unused);
    const Said s = run_mmodel({"linux", "--tree", tree.at, "--sweeps", "--geometry", "tiny512", "--allow",
                               dir.put("allow", list_of(ids))});
    INFO(s.out + s.err);
    CHECK(s.status == 0);
    CHECK(has(s.out, "verdict  holds"));
    CHECK(has(s.out, "\n  known  inv_compound_head_holds_through_stale_translations op="));
    CHECK(has(s.err, "allowed, but not found: " + unused));
    CHECK(std::ranges::count(s.err, '\n') == 1);
    const Said json = run_mmodel(
        {"linux", "--tree", tree.at, "--sweeps", "--geometry", "tiny512", "--json", "--allow", ids[0]});
    CHECK(json_lines(json.out).at(0)["violations"].at(0)["known"] == true);
}

TEST_CASE("a list of what is allowed that makes no sense exits 2 with file and line") {
    const Stand tree;
    const TempDir dir;
    const std::string list = dir.put("allow", "# comment\ninv_no_bug op=optimise\ninv_no_bug op=fly\n");
    const Said s = run_mmodel({"linux", "--tree", tree.at, "--allow", list});
    CHECK(s.status == 2);
    CHECK(has(s.err, list + ": line 3, column 12: 'op=fly': no such op"));
    CHECK(run_mmodel({"linux", "--tree", tree.at, "--allow", "/no/such/list"}).status == 2);
}

TEST_CASE("against its base only what is new counts: new exits 1, fixed and unchanged exit 0") {
    const Stand old, broken(leaks);
    const Said same =
        run_mmodel({"linux", "--tree", old.at, "--base", old.at, "--sweeps", "--geometry", "tiny512"});
    INFO(same.out + same.err);
    CHECK(same.status == 0);
    CHECK(has(same.out, ": nothing new, 0 fixed, "));
    const Said worse =
        run_mmodel({"linux", "--tree", broken.at, "--base", old.at, "--sweeps", "--geometry", "tiny512"});
    INFO(worse.out + worse.err);
    CHECK(worse.status == 1);
    CHECK(has(worse.out, "\ninv_no_page_is_leaked: "));
    CHECK_FALSE(has(worse.out, "\ninv_compound_head_holds_through_stale_translations: "));
    const Stand early("#define MMODEL_BREAK_NO_WMB");
    const Said better = run_mmodel(
        {"linux", "--tree", old.at, "--base", early.at, "--sweeps", "--geometry", "tiny512", "--json"});
    INFO(better.out + better.err);
    CHECK(better.status == 0);
    const Json base = json_lines(better.out).at(0)["base"];
    CHECK(base["new"] == 0);
    CHECK_FALSE(base["fixed"].empty());
    CHECK(base["unchanged"].get<int>() > 0);
}

TEST_CASE(
    "against a base that breaks earlier in a sequence, what shows there is uncovered, and no violation") {
    const Stand mended, early;
    const std::string file = "tree/" + stand_in_file, before = "\terr = vmemmap_remap_alloc(&extent, how);";
    std::string text = slurp(early.dir.path() / file);
    REQUIRE(has(text, before));
    text.insert(text.find(before), "\t*(volatile int *)64 = 0;\n"); // ends every restore
    (void)early.dir.put(file, text);
    const auto against = [](const Stand& now, const Stand& base) {
        const Said s = run_mmodel(
            {"linux", "--tree", now.at, "--base", base.at, "--sweeps", "--geometry", "tiny512", "--json"});
        INFO(s.out + s.err);
        Json j = json_lines(s.out).at(0)["base"];
        j["status"] = s.status;
        return j;
    };
    const Json up = against(mended, early), down = against(early, mended);
    CHECK(up["status"] == 0);
    CHECK(up["new"] == 0);
    CHECK(up["uncovered"] == 1);
    CHECK(up["fixed"].size() == down["new"]);
    CHECK(down["status"] == 1);
    CHECK(down["hidden"] == 1);
    CHECK(down["fixed"].empty());
}

TEST_CASE("a base that does not build is said: the tree is judged alone, and exits 3 unless it violates") {
    const Stand old("#error no"), tree, broken(leaks);
    std::string allow;
    for (const auto& id :
         ids_in(run_mmodel({"linux", "--tree", tree.at, "--sweeps", "--geometry", "tiny512"}).out))
        allow += id + "\n";
    const TempDir dir;
    const std::string list = dir.put("allow", allow);
    const Said s = run_mmodel(
        {"linux", "--tree", tree.at, "--base", old.at, "--sweeps", "--geometry", "tiny512", "--allow", list});
    INFO(s.out + s.err);
    CHECK(s.status == 3);
    CHECK(has(s.err, "the base cannot be judged"));
    CHECK(has(s.out, "verdict  holds"));
    CHECK(run_mmodel({"linux", "--tree", broken.at, "--base", old.at, "--sweeps", "--geometry", "tiny512"})
              .status == 1);
    CHECK(run_mmodel(
              {"linux", "--tree", tree.at, "--base", "/no/such/tree", "--sweeps", "--geometry", "tiny512"})
              .status == 2);
}

TEST_CASE("what is recorded of a tree is known of it, and of the same tree with a comment more") {
    const Stand tree(leaks), edited(std::string(leaks) + "\n/* a comment */");
    const TempDir dir;
    const std::string records = (dir.path() / "records").string();
    CHECK(run_mmodel({"linux", "--tree", tree.at, "--sweeps", "--geometry", "tiny512", "--record", records})
              .status == 1);
    REQUIRE(fs::exists(records + "/6.8.0-inv_no_page_is_leaked.md"));
    CHECK(run_mmodel({"replay", "--tree", tree.at, records + "/6.8.0-inv_no_page_is_leaked.md"}).status == 0);
    for (const std::string& at : {tree.at, edited.at}) {
        const Said s =
            run_mmodel({"linux", "--tree", at, "--sweeps", "--geometry", "tiny512", "--findings", records});
        INFO(s.out + s.err);
        CHECK(s.status == 0);
    }
}

TEST_CASE(
    "a record of another format, of another file, or that its trace cannot show is refused with its line") {
    const auto why = [](const std::string& text) {
        const TempDir dir;
        (void)dir.put("x.md", text);
        const Said s = run_mmodel({"run", "--no-linux", "--findings", dir.path().string()});
        CHECK(s.status == 2);
        return s.err;
    };
    const auto with = [](const std::string& from, const std::string& to) {
        std::string head = good_head;
        const auto at = head.find(from);
        REQUIRE(at != head.npos);
        return record(head.replace(at, from.size(), to));
    };
    CHECK(has(why(record("version: 6.12.117\nfile: mm/hugetlb_vmemmap.c\ninvariant: inv_no_page_is_leaked")),
              "x.md: line 1, column 1: wanted 'format: 2'"));
    CHECK(has(why(with("format: 2", "format: 3")), "x.md: line 1, column 9: format 3; this mmodel reads 2"));
    CHECK(has(why(with("mm/hugetlb_vmemmap.c", "mm/percpu.c")),
              "x.md: line 3, column 10: optimise is no operation of mm/percpu.c"));
    CHECK(has(why(with("op=optimise", "op=restore")),
              "x.md: line 3, column 10: its trace does not end with an operation of the kind restore"));
    CHECK(has(why(with("inv_no_page_is_leaked", "inv_no_bug")),
              "x.md: line 3, column 10: its trace expects inv_no_page_is_leaked"));
    CHECK(
        has(why(with("extent=one", "extent=few")), "x.md: line 3, column 53: 'extent=few': no such extent"));
    CHECK(has(why(with("0123456789abcdef", "0123")), "x.md: line 4, column 7: wanted a version and"));
    CHECK(has(why(with("\nseen: 6.8.0 0123456789abcdef", "")), "x.md: line 4, column 1: wanted 'seen: ...'"));
}

TEST_CASE("a replay goes on past what is known, and stops at what is not") {
    const Stand tree(leaks);
    const TempDir dir;
    const std::string trace = dir.put("t", "mmodel trace 1\ngeometry x86-64\nalloc_folio folio=0\n"
                                           "optimise folio=0\nalloc_folio folio=1\n");
    const Said stops = run_mmodel({"replay", trace, "--tree", tree.at});
    REQUIRE(stops.status == 1);
    CHECK(has(stops.out, ">>>    1  optimise"));
    const Said found = run_mmodel({"linux", "--tree", tree.at, "--sweeps", "--geometry", "tiny512"});
    const std::string all = dir.put("allow", list_of(ids_in(found.out)));
    const Said goes_on = run_mmodel({"replay", trace, "--tree", tree.at, "--past-known", "--allow", all});
    INFO(goes_on.out + goes_on.err);
    CHECK(goes_on.status == 0);
    CHECK(has(goes_on.out, "known: inv_"));
    CHECK(has(goes_on.out, "the world before it is put back"));
    CHECK(has(goes_on.out, "    2  alloc_folio folio=1"));
    CHECK(run_mmodel({"replay", trace, "--past-known"}).status == 2); // on a tree only
}
