// SPDX-License-Identifier: GPL-2.0 OR MIT
// Debian's own mm/hugetlb_vmemmap.c, of which much is known to be wrong, with a mistake more in it: each is
// told from what is known. And with edits that change nothing: nothing is new.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

#include "fuzz/campaign/findings.hpp"
#include "props/spec/linux/broken_tree.hpp"

using namespace mmodel;
using spec::Inv;
namespace fs = std::filesystem;

namespace {

constexpr const char* file = "hugetlb_vmemmap.c";

struct Mistake {
    const char* name;
    TextEdit edit;
    Inv inv;
    OpKind op;
};

const Mistake mistakes[] = {
    {"no grace period, in restore only",
     {R"(folio, VMEMMAP_SYNCHRONIZE_RCU\);\n\}\n\n/\*\*\n \* hugetlb_vmemmap_restore_folios)",
      "folio, 0);\n}\n\n/**\n * hugetlb_vmemmap_restore_folios"},
     Inv::no_remap_without_a_grace_period,
     OpKind::restore},
    {"no flush before the second try of a list's folio",
     {R"((!list_empty\(&vmemmap_pages\)\) \{\n\t\t\t)flush_tlb_all\(\);)", "$1"},
     Inv::no_frame_is_freed_while_a_tlb_may_hold_it,
     OpKind::optimise_list},
    {"a wrong count of restored folios",
     {R"(restored\+\+;)", "restored += 2;"},
     Inv::outcome_is_what_the_operation_promises,
     OpKind::restore_list},
    {"a page lost when a list is restored",
     {R"(restored\+\+;)", "restored++; (void)alloc_pages_node(0, GFP_KERNEL, 0);"},
     Inv::no_page_is_leaked,
     OpKind::restore_list},
    {"a restore that fails gives back too little",
     {R"(\nout:\n\tlist_for_each_entry_safe\(page, next, list, lru\))",
      "\nout:\n\tif (!list_empty(list)) list_del(list->next);\n\tlist_for_each_entry_safe(page, next, list, "
      "lru)"},
     Inv::no_page_is_leaked,
     OpKind::restore},
};

struct Found {
    bench::Report report;
    std::vector<bench::Identity> fresh{};
};

Found found_in(const fs::path& dir, const bench::Options& how) {
    const auto tree = bench::open_tree(dir);
    REQUIRE(tree.has_value());
    const auto unit = bench::compile(*tree, test_work_dir());
    INFO((unit ? "" : unit.error().what));
    REQUIRE(unit.has_value());
    const auto records = cli::read_findings(MMODEL_FINDINGS_DIR);
    INFO((records ? "" : records.error()));
    REQUIRE(records.has_value());
    bench::Options options = how;
    options.known = cli::known_of(*records, *tree);
    auto report = bench::run_tree(*unit, options);
    REQUIRE(report.has_value());
    Found out{*report};
    for (const auto& f : out.report.findings)
        if (!f.known) out.fresh.push_back(f.identity);
    for (const auto& i : out.fresh) UNSCOPED_INFO("new: " << print_identity(i));
    return out;
}

} // namespace

TEST_CASE("each mistake in a file of which much is known is told from what is known") {
    if (there_is_nothing_to_break()) return;
    const Mistake& m = GENERATE(from_range(std::begin(mistakes), std::end(mistakes)));
    const Found found = found_in(edited_copy(file, {m.edit}), {.seconds = 20, .until_new = true});
    INFO(m.name);
    CHECK(std::ranges::any_of(found.fresh,
                              [&](const bench::Identity& i) { return i.inv == m.inv && i.op == m.op; }));
}

TEST_CASE("a comment, another order of functions and another name of a local variable: nothing is new") {
    if (there_is_nothing_to_break()) return;
    const fs::path dir = edited_copy(
        file,
        {{R"(\n#include "hugetlb_vmemmap.h")", "\n/* a comment */\n\n\n#include \"hugetlb_vmemmap.h\""},
         {R"(\baddr\b)", "address"},
         {R"((\nstatic void vmemmap_remap_pte\([^}]*\}[^}]*\}[^}]*\}\n)((?:.|\n)*?)(\n/\*\*\n \* vmemmap_remap_split))",
          "$2$1$3"}});
    const Found found = found_in(dir, {.seconds = 5});
    CHECK(found.fresh.empty());
    CHECK(std::ranges::count_if(found.report.findings, [](const auto& f) { return f.known.has_value(); }) >=
          7);
}

TEST_CASE("a function that is called by another name now: nothing is new") {
    if (there_is_nothing_to_break()) return;
    const Found found =
        found_in(edited_copy(file, {{R"(\b__hugetlb_vmemmap_restore_folio\b)", "restore_one_folio"},
                                    {R"(\bvmemmap_restore_pte\b)", "put_back_pte"}}),
                 {.seconds = 0});
    CHECK(found.fresh.empty());
}
