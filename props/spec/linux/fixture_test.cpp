// SPDX-License-Identifier: GPL-2.0 OR MIT
// The bench itself: stand-in trees of the shapes of 6.8 to 7.0 and of 7.1 and later, whole and with one
// deliberate break at a time.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>

#include "fuzz/campaign/campaign.hpp"
#include "props/spec/linux/work_dir.hpp"
#include "spec/linux/host/drift.hpp"

using namespace mmodel;
using spec::Inv;
namespace fs = std::filesystem;

namespace {

const fs::path fixtures = MMODEL_FIXTURES_DIR, stand_in = fixtures / "reuse_page";

// What a campaign of sweeps alone finds; `until`: it ends with this.
std::vector<bench::Finding> findings_with(const std::vector<std::string>& breaks, const std::string& geometry,
                                          std::optional<Inv> until, const fs::path& dir) {
    const auto tree = bench::open_tree(dir);
    REQUIRE(tree.has_value());
    const auto unit = bench::compile(*tree, test_work_dir(), breaks, {}, bench::default_backend, geometry);
    INFO((unit ? "" : unit.error().what));
    REQUIRE(unit.has_value());
    const auto report = bench::run_tree(*unit, {.seconds = 0, .until = until});
    REQUIRE(report.has_value());
    REQUIRE(report->operations > 0);
    return report->findings;
}

// ... by invariant.
std::vector<Inv> found_with(const std::vector<std::string>& breaks, const std::string& geometry,
                            std::optional<Inv> until = {}, const fs::path& dir = stand_in) {
    std::vector<Inv> found;
    for (const auto& f : findings_with(breaks, geometry, until, dir)) found.push_back(f.violation.inv);
    return found;
}

bool contains(const std::vector<Inv>& all, Inv inv) { return std::ranges::find(all, inv) != all.end(); }

} // namespace

TEST_CASE("on every geometry the stand-in tree violates nothing but what every tree with list calls does") {
    const std::string geometry = GENERATE(from_range(bench::geometries()));
    INFO(geometry);
    // It lowers the static key before the flush, as 6.7 and later do: see spec/linux/findings.
    CHECK(found_with({}, geometry) == std::vector{Inv::compound_head_holds_through_stale_translations});
}

namespace {

void check_that_each_break_is_found(const std::string& geometry) {
    const auto [name, inv] = GENERATE(table<const char*, Inv>({
        {"NO_WMB", Inv::contents_are_ordered_before_the_pte},
        {"NO_FLUSH", Inv::no_frame_is_freed_while_a_tlb_may_hold_it},
        {"NO_RCU", Inv::no_remap_without_a_grace_period},
        {"TAIL_RW", Inv::tail_vmemmap_is_read_only},
        {"NO_RESET", Inv::restore_after_optimise_is_the_identity},
        {"LEAK_HEAD", Inv::no_page_is_leaked},
        {"NO_ROLLBACK", Inv::failed_operation_is_rolled_back},
        {"NO_KEY_INC", Inv::static_key_counts_optimised_folios},
        {"DOUBLE_FREE", Inv::no_page_is_freed_twice},
        {"EARLY_FREE", Inv::no_frame_is_freed_while_a_tlb_may_hold_it},
        {"WRITE_TAIL", Inv::no_write_through_a_read_only_pte},
        {"NO_FLAG", Inv::optimised_flag_reads_the_same_through_every_translation},
        {"BOOT_COUNT", Inv::memmap_counters_equal_the_truth},
        {"BOOT_RW", Inv::optimised_folio_keeps_one_page},
        {"BOOT_KEY", Inv::static_key_counts_optimised_folios},
        {"BOOT_NO_FLUSH", Inv::tlb_agrees_with_the_page_table_at_rest},
        {"BOOT_ENDS", Inv::optimised_folio_keeps_one_page},
        {"BOOT_KEEPS", Inv::outcome_is_what_the_operation_promises},
        {"BOOT_NO_UNDO", Inv::plain_folio_has_pages_of_its_own},
        {"WILD", Inv::kernel_code_touches_only_what_is_mapped},
        {"BUG", Inv::no_bug},
        {"HANG", Inv::every_operation_ends},
    }));
    INFO(name);
    CHECK(contains(found_with({name}, geometry, inv), inv));
}

} // namespace

TEST_CASE("each deliberate break of the stand-in tree is found, and named", "[.long]") {
    check_that_each_break_is_found("x86-64");
}
TEST_CASE("each deliberate break of the stand-in tree is found on tiny512, and named") {
    check_that_each_break_is_found("tiny512");
}

TEST_CASE("of the design that shares tails by zone, the stand-in tree violates what the design does") {
    const std::string geometry = GENERATE(from_range(bench::geometries()));
    INFO(geometry);
    // A walker that saw a refcount may write to a tail that is read-only by then: see spec/linux/findings.
    CHECK(found_with({}, geometry, {}, fixtures / "shared_tail") ==
          std::vector{Inv::no_write_through_a_read_only_pte});
}

TEST_CASE("each deliberate break of the design that shares tails by zone is found, and named") {
    const auto [name, inv] = GENERATE(table<const char*, Inv>({
        {"NO_WMB", Inv::contents_are_ordered_before_the_pte},
        {"NO_FLUSH", Inv::no_frame_is_freed_while_a_tlb_may_hold_it},
        {"TAIL_RW", Inv::tail_vmemmap_is_read_only},
        {"HEAD_RO", Inv::own_vmemmap_is_writable},
        {"LEAK_HEAD", Inv::no_page_is_leaked},
        {"NO_ROLLBACK", Inv::failed_operation_is_rolled_back},
        {"NO_CLEAR", Inv::optimised_folio_shares_its_zones_tails},
        {"EARLY_FREE", Inv::no_frame_is_freed_while_a_tlb_may_hold_it},
        {"NO_FLAG", Inv::optimised_flag_reads_the_same_through_every_translation},
        {"FREE_TAILS", Inv::shared_tail_page_is_never_freed},
        {"REINIT_TAILS", Inv::shared_tail_page_is_never_written},
        {"HALF_TAILS", Inv::shared_tail_page_reads_as_tails},
        {"TAILS_ORDER", Inv::shared_tail_page_reads_as_tails},
        {"TAILS_DIRTY", Inv::shared_tail_page_reads_as_tails},
        {"TAILS_ZONE", Inv::shared_tail_page_reads_as_tails},
        {"ANY_ZONE", Inv::optimised_folio_shares_its_zones_tails},
        {"STORE_TAILS", Inv::own_vmemmap_is_writable},
        {"COUNT_TAILS", Inv::memmap_counters_equal_the_truth},
        {"LOSER_LEAKS", Inv::no_page_is_leaked},
        {"LOSER_GOES_ON", Inv::own_vmemmap_is_writable},
    }));
    INFO(name);
    CHECK(contains(found_with({name}, "tiny512", inv, fixtures / "shared_tail"), inv));
}

TEST_CASE("of the design whose updates may fail, the stand-in tree violates what the design does") {
    const std::string geometry = GENERATE("x86-64", "tiny512", "arm64-16k");
    INFO(geometry);
    CHECK(found_with({}, geometry, {}, fixtures / "update_fails") ==
          std::vector{Inv::no_write_through_a_read_only_pte});
}

TEST_CASE("each deliberate break of the design whose updates may fail is found, and named") {
    const auto [name, inv] = GENERATE(table<const char*, Inv>({
        {"NO_FLUSH", Inv::tlb_agrees_with_the_page_table_at_rest},
        {"LIST_EARLY", Inv::no_frame_is_freed_while_mapped},
        {"HEAD_EARLY", Inv::no_page_is_leaked},
        {"LOSE_TABLE", Inv::no_page_is_leaked},
        {"CLEAR_PARTIAL", Inv::plain_folio_has_pages_of_its_own},
        {"KEEP_FLAG", Inv::optimised_folio_shares_its_zones_tails},
        {"NO_ROLLBACK", Inv::plain_folio_has_pages_of_its_own},
        {"TAKES_ALL", Inv::no_page_is_leaked},
        {"LEAK_UNUSED", Inv::no_page_is_leaked},
        {"LOSE_PAGE", Inv::no_page_is_leaked},
        {"FLAG_STAYS", Inv::optimised_folio_shares_its_zones_tails},
        {"NO_LAST_FLUSH", Inv::tlb_agrees_with_the_page_table_at_rest},
        {"BOOT_RW", Inv::optimised_folio_shares_its_zones_tails},
        {"BOOT_ENDS", Inv::optimised_folio_shares_its_zones_tails},
    }));
    INFO(name);
    CHECK(contains(found_with({name}, "tiny512", inv, fixtures / "update_fails"), inv));
}

TEST_CASE("a write to shared tails is found without a walker") {
    const auto found = findings_with({"WRITE_TAIL"}, "tiny512", Inv::no_write_through_a_read_only_pte,
                                     fixtures / "shared_tail");
    REQUIRE(found.size() == 1);
    CHECK(found.front().violation.inv == Inv::no_write_through_a_read_only_pte);
    CHECK(std::ranges::none_of(found.front().ops,
                               [](const Op& op) { return op.kind == OpKind::walker_try_get; }));
}

TEST_CASE("a tree that cannot be judged is refused with a message that says why") {
    const fs::path dir = test_work_dir() / "bad-tree";
    fs::remove_all(dir);
    CHECK(bench::open_tree(dir).error().what.find("no such directory") != std::string::npos);
    fs::create_directories(dir / "mm");
    CHECK(bench::open_tree(dir).error().what.find("Makefile") != std::string::npos);
    auto put = [&](const char* file, const char* text) { std::ofstream(dir / file) << text; };
    put("Makefile", "all:\n");
    CHECK(bench::open_tree(dir).error().what.find("not a kernel's Makefile") != std::string::npos);
    put("Makefile", "VERSION = 6\nPATCHLEVEL = 99\nSUBLEVEL = 0\n");
    CHECK(bench::open_tree(dir).error().what.find("hugetlb_vmemmap.c: cannot be read") != std::string::npos);
    CHECK(bench::open_tree(dir).error().usage);
    const auto refusal = [&] { return bench::open_tree(dir).value().judged().refusal; };
    put("mm/hugetlb_vmemmap.c", "#include \"hugetlb_vmemmap.h\"\n");
    CHECK(refusal().find("mm/hugetlb_vmemmap.h: cannot be read") != std::string::npos);
    put("mm/hugetlb_vmemmap.h", "int a;\n<<<<<<< HEAD\nint b;\n");
    CHECK(refusal().find("mm/hugetlb_vmemmap.h, line 2: a conflict") != std::string::npos);
    put("mm/hugetlb_vmemmap.h", "int a;\nint b;\n>>>>>>>\n"); // as a tool may leave it
    CHECK(refusal().find("mm/hugetlb_vmemmap.h, line 3: a conflict") != std::string::npos);
    CHECK_FALSE(bench::open_tree(dir)->judged_by("hugetlb_vmemmap").error().usage);
    CHECK(bench::open_tree(dir)->judged_by("percpu").error().usage);
    put("mm/hugetlb_vmemmap.h", "void something_else(void);\n");
    const auto unit = bench::compile(bench::open_tree(dir).value(), test_work_dir());
    REQUIRE_FALSE(unit.has_value());
    CHECK(unit.error().what.find("neither hugetlb_vmemmap_optimize() nor") != std::string::npos);
}

namespace {

// A copy of the stand-in tree, of whose files `change` makes others.
bench::Tree changed_tree(const std::function<void(std::string&)>& change) {
    const fs::path dir = test_work_dir() / "changed";
    fs::remove_all(dir);
    fs::copy(stand_in, dir, fs::copy_options::recursive);
    for (const char* file : {"Makefile", "mm/hugetlb_vmemmap.c", "mm/hugetlb_vmemmap.h"}) {
        std::ifstream in(dir / file);
        std::string text(std::istreambuf_iterator<char>(in), {});
        change(text);
        std::ofstream(dir / file) << text;
    }
    return bench::open_tree(dir).value();
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
}

} // namespace

TEST_CASE("comments, other configurations, line ends and spaces do not change what a tree is taken for") {
    const auto want = bench::compile(bench::open_tree(stand_in).value(), test_work_dir());
    const auto changed = changed_tree([](std::string& text) {
        if (text.starts_with("# SPDX"))
            replace_all(text, "EXTRAVERSION =\n", "");
        else
            text += "/* zone->vmemmap_tails */\n#ifdef CONFIG_NONE\nint vmemmap_tails;\n#endif\n";
        replace_all(text, "DEFINE_STATIC_KEY_FALSE(", "DEFINE_STATIC_KEY_FALSE (");
        replace_all(text, "hugetlb_vmemmap_optimize_folio(", "hugetlb_vmemmap_optimize_folio\n(");
        replace_all(text, "\n", "\r\n");
    });
    const auto got = bench::compile(changed, test_work_dir());
    INFO((got ? "" : got.error().what));
    REQUIRE(got.has_value());
    CHECK(got->tree.version == "6.8.0");
    CHECK(got->tree.defines == want.value().tree.defines);
    CHECK(got->tree.hvo.generation == "folio calls and a page that is reused (6.8 to 7.0)");
}

TEST_CASE("a version that lies changes nothing but what a tree is called") {
    const auto want = bench::compile(bench::open_tree(stand_in).value(), test_work_dir());
    const auto got = bench::compile(changed_tree([](std::string& text) {
                                        if (text.starts_with("# SPDX"))
                                            replace_all(text, "VERSION = 6\nPATCHLEVEL = 8",
                                                        "VERSION = 2\nPATCHLEVEL = 4");
                                    }),
                                    test_work_dir());
    INFO((got ? "" : got.error().what));
    REQUIRE(got.has_value());
    CHECK(got->tree.version == "2.4.0");
    CHECK(got->tree.defines == want.value().tree.defines);
    CHECK(got->tree.hvo.generation == want->tree.hvo.generation);
    CHECK(bench::version_drift(want->tree.hvo, "6.8.0").empty());
    CHECK(bench::version_drift(got->tree.hvo, "2.4.0") ==
          "the Makefile says 2.4.0; the file is as in folio calls and a page that is reused (6.8 to 7.0)");
}

TEST_CASE("a file beside the header of another generation is refused by what does not fit, and the file's "
          "own is named") {
    const auto unit = bench::compile(changed_tree([](std::string& text) {
                                         const bool header = text.find("#ifndef") < 400;
                                         if (header && !text.starts_with("# SPDX"))
                                             replace_all(text, "const struct hstate *h, struct folio *folio)",
                                                         "const struct hstate *h, struct page *head)");
                                     }),
                                     test_work_dir());
    REQUIRE_FALSE(unit.has_value());
    const std::string what = unit.error().what;
    INFO(what);
    CHECK(what.find("conflicting types for") != what.npos);
    CHECK(what.find("mm/hugetlb_vmemmap.h:") != what.npos);
    CHECK(what.find("the two do not fit: is one of them of another version of Linux?") != what.npos);
    CHECK(what.find("understood: folio calls and a page that is reused (6.8 to 7.0)") != what.npos);
}

TEST_CASE("what a tree's own header declares and its file does not have is not laid to the shims") {
    const auto unit = bench::compile(
        changed_tree([](std::string& text) {
            replace_all(text,
                        "\nint hugetlb_vmemmap_restore_folio(const struct hstate *h, struct folio *folio)\n",
                        "\nint restore_folio(const struct hstate *h, struct folio *folio)\n");
        }),
        test_work_dir());
    REQUIRE_FALSE(unit.has_value());
    INFO(unit.error().what);
    CHECK(
        unit.error().what.find("the tree's own files lack: hugetlb_vmemmap_restore_folio; is one of them") !=
        std::string::npos);
}

TEST_CASE("a constant that a tree's own header has otherwise than the shims is said, what is the same or not "
          "there is not") {
    const auto tree = changed_tree([](std::string&) {});
    const auto said = [&] { return bench::find_drift(tree, test_work_dir() / "drift", {}); };
    CHECK(said().empty());
    fs::create_directories(tree.dir / "include/linux");
    const auto put = [&](const std::string& text) {
        std::ofstream(tree.dir / "include/linux/hugetlb.h") << text;
    };
    put("#include <linux/nowhere.h>\n#ifdef CONFIG_HUGETLB_PAGE\n# define __NR_USED_SUBPAGE "
        "\\\n\t3\n#else\n#define "
        "__NR_USED_SUBPAGE 4\n#endif\nstruct x { int this_is_not_looked_at; };\n");
    CHECK(said().empty());
    put("#ifdef CONFIG_HUGETLB_PAGE\n#define __NR_USED_SUBPAGE (2 + 2)\n#endif\n");
    CHECK(said() ==
          std::vector<std::string>{"__NR_USED_SUBPAGE is not what include/linux/hugetlb.h of the tree says"});
}

TEST_CASE("flags that a tree's header makes of other bits than the shims are said") {
    const auto whole = changed_tree([](std::string&) {});
    fs::create_directories(whole.dir / "include/linux");
    std::ofstream(whole.dir / "mm/percpu.c") << "\n";
    std::ofstream(whole.dir / "mm/percpu-vm.c") << "\n";
    std::ofstream(whole.dir / "mm/percpu-internal.h") << "\n";
    const auto said = [&](const char* noio) {
        std::ofstream(whole.dir / "include/linux/gfp_types.h")
            << "enum { ___GFP_IO_BIT };\n#define ___GFP_IO BIT(___GFP_IO_BIT)\n#define ___GFP_FS 0x80u\n"
               "#define ___GFP_DIRECT_RECLAIM 0x400u\n#define ___GFP_KSWAPD_RECLAIM 0x800u\n"
               "#define __GFP_IO ((__force gfp_t)___GFP_IO)\n#define __GFP_FS ((__force gfp_t)___GFP_FS)\n"
               "#define __GFP_RECLAIM ((__force gfp_t)(___GFP_DIRECT_RECLAIM|___GFP_KSWAPD_RECLAIM))\n"
               "#define GFP_KERNEL (__GFP_RECLAIM | __GFP_IO | __GFP_FS)\n#define GFP_NOIO ("
            << noio << ")\n";
        auto tree = bench::open_tree(whole.dir).value();
        tree = tree.seen_by(tree.files.back());
        REQUIRE(tree.name == "percpu");
        return bench::find_drift(tree, test_work_dir() / "drift", {});
    };
    CHECK(said("__GFP_RECLAIM").empty());
    CHECK(said("__GFP_RECLAIM | __GFP_FS") ==
          std::vector<std::string>{"GFP_NOIO is not what include/linux/gfp_types.h of the tree says"});
}

TEST_CASE("a call that is not as any known one is named, with the nearest generation that is understood") {
    const auto unit = bench::compile(changed_tree([](std::string& text) {
                                         replace_all(text, "restore_folio(const struct hstate *h,",
                                                     "restore_folio(int how, const struct hstate *h,");
                                     }),
                                     test_work_dir());
    REQUIRE_FALSE(unit.has_value());
    const std::string what = unit.error().what;
    INFO(what);
    CHECK(what.find("too few arguments") != what.npos);
    CHECK(what.find("understood: folio calls and a page that is reused (6.8 to 7.0)") != what.npos);
}

TEST_CASE("a file that does not compile is answered with the first error and what the shims lack") {
    const fs::path dir = test_work_dir() / "does-not-compile";
    fs::remove_all(dir);
    fs::create_directories(dir);
    fs::copy(stand_in, dir, fs::copy_options::recursive);
    std::ofstream(dir / "mm/hugetlb_vmemmap.c", std::ios::app)
        << "\nvoid f(void);\nvoid f(void) { kernel_call_nobody_knows(1); }\n";
    const auto tree = bench::open_tree(dir);
    REQUIRE(tree.has_value());
    const auto unit = bench::compile(*tree, test_work_dir());
    REQUIRE_FALSE(unit.has_value());
    CHECK_FALSE(unit.error().usage);
    CHECK(unit.error().what.find("error") != std::string::npos);
    CHECK(unit.error().what.find("lack: kernel_call_nobody_knows") != std::string::npos);
}

TEST_CASE("no compiler is one clear message") {
    const auto tree = bench::open_tree(stand_in);
    REQUIRE(tree.has_value());
    setenv("MMODEL_CC", "no-such-compiler", 1);
    const auto unit = bench::compile(*tree, test_work_dir());
    unsetenv("MMODEL_CC");
    REQUIRE_FALSE(unit.has_value());
    CHECK(unit.error().what.find("no C compiler") != std::string::npos);
}
