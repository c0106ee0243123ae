// SPDX-License-Identifier: GPL-2.0 OR MIT
// Debian's own mm/hugetlb_vmemmap.c, of which much is known to be wrong, with a mistake more in it: each is
// told from what is known. And with edits that change nothing: nothing is new.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

#include "fuzz/campaign/findings.hpp"
#include "props/spec/linux/broken_tree.hpp"
#include "props/spec/linux/compiled.hpp"
#include "spec/linux/host/tree_graph.hpp"

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
    const char* space; // that shows it, too
};

const Mistake mistakes[] = {
    {"no grace period, in restore only",
     {R"(folio, VMEMMAP_SYNCHRONIZE_RCU\);\n\}\n\n/\*\*\n \* hugetlb_vmemmap_restore_folios)",
      "folio, 0);\n}\n\n/**\n * hugetlb_vmemmap_restore_folios"},
     Inv::no_remap_without_a_grace_period,
     OpKind::restore,
     "hvo-walker-list"},
    {"no flush before the second try of a list's folio",
     {R"((!list_empty\(&vmemmap_pages\)\) \{\n\t\t\t)flush_tlb_all\(\);)", "$1"},
     Inv::no_frame_is_freed_while_a_tlb_may_hold_it,
     OpKind::optimise_list,
     "hvo-pressure"},
    {"a wrong count of restored folios",
     {R"(restored\+\+;)", "restored += 2;"},
     Inv::outcome_is_what_the_operation_promises,
     OpKind::restore_list,
     "hvo-walker-list"},
    {"a page lost when a list is restored",
     {R"(restored\+\+;)", "restored++; (void)alloc_pages_node(0, GFP_KERNEL, 0);"},
     Inv::no_page_is_leaked,
     OpKind::restore_list,
     "hvo-walker-list"},
    {"a restore that fails gives back too little",
     {R"(\nout:\n\tlist_for_each_entry_safe\(page, next, list, lru\))",
      "\nout:\n\tif (!list_empty(list)) list_del(list->next);\n\tlist_for_each_entry_safe(page, next, list, "
      "lru)"},
     Inv::no_page_is_leaked,
     OpKind::restore,
     "hvo-gigantic"},
};

// The same kinds in the file that has no lists and no grace period yet.
const fs::path older_tree = real_tree.parent_path() / "linux-6.1";
const Mistake mistakes_of_6_1[] = {
    {"a page lost when a folio is restored",
     {R"(ClearHPageVmemmapOptimized\(head\);)", "$& (void)alloc_pages_node(0, GFP_KERNEL, 0);"},
     Inv::no_page_is_leaked,
     OpKind::restore,
     "hvo-walker"},
    {"a restore that fails gives back too little", mistakes[4].edit, Inv::no_page_is_leaked, OpKind::restore,
     "hvo-gigantic"},
    {"no flush after remapping",
     {R"(\tflush_tlb_kernel_range\(start \+ PAGE_SIZE, end\);)", ""},
     Inv::no_frame_is_freed_while_a_tlb_may_hold_it,
     OpKind::optimise,
     "hvo-walker"},
    {"a wrong count of optimised folios",
     {R"(ClearHPageVmemmapOptimized\(head\);)", "$& static_branch_dec(&hugetlb_optimize_vmemmap_key);"},
     Inv::static_key_counts_optimised_folios,
     OpKind::restore,
     "hvo-walker"},
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

// A copy of the tree, with what is recorded of Debian's as known.
bench::Unit known_unit(const fs::path& dir) {
    const auto records = cli::read_findings(MMODEL_FINDINGS_DIR);
    REQUIRE(records.has_value());
    bench::Unit unit = compiled(dir);
    unit.known = cli::identities_known(*records, unit.tree);
    return unit;
}

// What the walker does is an operation, too: the rule that wants a grace period sees it.
explore::Space with_a_walker(explore::Space s) {
    const explore::WalkerAt at = s.walkers.front();
    s.alphabet.push_back({.kind = OpKind::walker_enter, .folio = at.folio, .page = at.page});
    s.alphabet.push_back({.kind = OpKind::walker_leave});
    s.alphabet.push_back({.kind = OpKind::restore, .folio = at.folio});
    return s;
}

explore::Explored explored(const bench::Unit& unit, std::string_view space) {
    explore::Space s = tiny_space(space);
    if (space == "hvo-walker-list") s = with_a_walker(std::move(s));
    const auto r = bench::explore_file(unit, s, {}, {.jobs = 2});
    REQUIRE(r.has_value());
    CHECK(r->unconfirmed.empty());
    CHECK(r->explored.complete);
    return r->explored;
}

// What is new of one invariant is one finding there.
const explore::Finding* new_one(const explore::Explored& e, Inv inv) {
    const auto f = std::ranges::find_if(e.found, [&](const explore::Finding& one) {
        const spec::Violation* v = one.steps.empty() ? &one.violation : one.alone ? &*one.alone : nullptr;
        return !one.known && v && v->inv == inv;
    });
    return f == e.found.end() ? nullptr : &*f;
}

} // namespace

TEST_CASE("each mistake in a file of which much is known is new in a closed space") {
    if (there_is_nothing_to_break()) return;
    const auto check_that_it_is_new = [](const Mistake& m, const fs::path& tree) {
        INFO(m.name);
        CHECK(new_one(explored(known_unit(edited_copy(file, {m.edit}, tree)), m.space), m.inv));
    };
    for (const Mistake& m : mistakes) check_that_it_is_new(m, real_tree);
    if (!fs::exists(older_tree)) return skip(older_tree.string() + " is not there; ./dev trees makes it");
    for (const Mistake& m : mistakes_of_6_1) check_that_it_is_new(m, older_tree);
}

TEST_CASE("a closed space goes on past what is known, and shows what is wrong only behind it") {
    if (there_is_nothing_to_break()) return;
    const bench::Unit debian = known_unit(real_tree);
    bench::Unit stops = debian;
    stops.known.clear();
    const explore::Explored past = explored(debian, "hvo-walker"), until = explored(stops, "hvo-walker");
    CHECK(std::ranges::all_of(past.found, [](const explore::Finding& f) { return f.known.has_value(); }));
    CHECK(past.known_passed > 0);
    CHECK(past.known_passed == past.known);
    CHECK(past.rests > until.rests);

    const fs::path dir = edited_copy(
        file, {{R"((\nstatic int __hugetlb_vmemmap_restore_folio))", "\nstatic bool restored_once;\n$1"},
               {R"((static_branch_dec\(&hugetlb_optimize_vmemmap_key\);\n\t\}\n\n)(\treturn ret;))",
                "$1\tif (!ret)\n\t\trestored_once = true;\n$2"},
               {R"((\nstatic int __hugetlb_vmemmap_optimize_folio(?:.|\n)*?)(static_branch_inc))",
                "$1if (restored_once) flags &= ~VMEMMAP_SYNCHRONIZE_RCU;\n\t$2"}});
    const Inv inv = Inv::no_remap_without_a_grace_period;
    const explore::Explored e = explored(known_unit(dir), "hvo-walker");
    const explore::Finding* const f = new_one(e, inv);
    REQUIRE(f);
    CHECK(std::ranges::count(f->ops, OpKind::optimise, &Op::kind) == 2);
    stops = known_unit(dir);
    stops.known.clear();
    CHECK_FALSE(new_one(explored(stops, "hvo-walker"), inv));
}

namespace {

void check_that_it_is_told(const Mistake& m, const fs::path& tree) {
    const Found found = found_in(edited_copy(file, {m.edit}, tree), {.seconds = 20, .until_new = true});
    INFO(m.name << ", after " << found.report.operations << " operations");
    CHECK(std::ranges::any_of(found.fresh,
                              [&](const bench::Identity& i) { return i.inv == m.inv && i.op == m.op; }));
}

} // namespace

TEST_CASE("each mistake in a file of which much is known is told from what is known") {
    if (there_is_nothing_to_break()) return;
    check_that_it_is_told(GENERATE(from_range(std::begin(mistakes), std::end(mistakes))), real_tree);
}

TEST_CASE("so are those in Debian's older file", "[.long]") {
    if (there_is_nothing_to_break() || !fs::exists(older_tree)) return;
    check_that_it_is_told(GENERATE(from_range(std::begin(mistakes_of_6_1), std::end(mistakes_of_6_1))),
                          older_tree);
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
