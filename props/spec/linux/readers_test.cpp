// SPDX-License-Identifier: GPL-2.0 OR MIT
// Readers and walkers between two accesses of kernel code: in copies of Debian's HVO file a window that opens
// and closes without an event is found, in closed spaces and in campaigns, and nobody else sees it.
#include <catch2/catch.hpp>

#include <algorithm>

#include "fuzz/campaign/campaign.hpp"
#include "fuzz/ops/trace.hpp"
#include "props/spec/linux/broken_tree.hpp"
#include "props/spec/linux/compiled.hpp"
#include "spec/linux/host/runner.hpp"
#include "spec/linux/host/tree_graph.hpp"

using namespace mmodel;
using spec::Inv;
namespace fs = std::filesystem;

namespace {

// What stands in the file before the optimised flag is set: nothing, or a window.
struct Window {
    const char* name;
    const char* opens;
    const char* words; // of what is found; empty: nothing is
};
const Window windows[] = {
    {"a tail is no tail for a moment",
     "{ struct page *tail = (struct page *)folio + 3; unsigned long was = tail->compound_head; "
     "WRITE_ONCE(tail->compound_head, 0); WRITE_ONCE(tail->compound_head, was); }",
     "compound_head() of page 3 of the folio is pfn"},
    {"a page table entry is away for a moment",
     "{ pmd_t *pmd = pmd_off_k((unsigned long)folio); if (!pmd_leaf(*pmd)) { "
     "pte_t *pte = pte_offset_kernel(pmd, (unsigned long)folio), was = *pte; "
     "WRITE_ONCE(pte->pte, 0); WRITE_ONCE(pte->pte, was.pte); } }",
     "finds nothing mapped at vmemmap page"},
    {"the same is written again",
     "{ struct page *tail = (struct page *)folio + 3; unsigned long was = tail->compound_head; "
     "WRITE_ONCE(tail->compound_head, was); }",
     ""},
};

bench::Unit with(const char* opens) {
    const std::string to =
        std::string("\n\t") + opens + "\n\tfolio_set_hugetlb_vmemmap_optimized(folio);\n\n\tnid";
    return compiled(broken_tree("hugetlb_vmemmap.c",
                                R"(\n\tfolio_set_hugetlb_vmemmap_optimized\(folio\);\n\n\tnid)", to.c_str()));
}

// What readers found between accesses.
std::string found_in(const bench::Unit& unit, std::string_view space) {
    const auto g = bench::build_tree_graph(unit, tiny_space(space), {}, {});
    REQUIRE(g.has_value());
    CHECK(g->graph.complete);
    for (const explore::Broken& b : g->graph.broken)
        if (b.violation.detail.find("between two accesses") != std::string::npos) return b.violation.detail;
    return "";
}

} // namespace

TEST_CASE("a window between two accesses is found in a closed space, where no event tells of it") {
    if (there_is_nothing_to_break()) return;
    const Window& w = GENERATE(from_range(std::begin(windows), std::end(windows)));
    CAPTURE(w.name);
    const std::string found = found_in(with(w.opens), "hvo-hotplug");
    CAPTURE(found);
    CHECK(found.empty() == std::string_view(w.words).empty());
    CHECK(found.find(w.words) != std::string::npos);
}

TEST_CASE("a campaign finds a window between two accesses, too") {
    if (there_is_nothing_to_break()) return;
    const auto r = bench::run_tree(with(windows[0].opens), {.seconds = 1});
    REQUIRE(r.has_value());
    CHECK(std::ranges::any_of(r->findings, [](const bench::Finding& f) {
        return f.violation.detail.find(windows[0].words) != std::string::npos;
    }));
}

TEST_CASE("a walker that is about to write finds the page read-only between two accesses") {
    if (there_is_nothing_to_break()) return;
    const auto t =
        parse_trace("mmodel trace 1\ngeometry tiny512 nodes=2\nalloc_folio folio=0\nalloc_lru folio=1\n"
                    "optimise folio=0\nwalker_enter folio=1\nfree_lru folio=1\nalloc_folio folio=1\n"
                    "optimise folio=1\n");
    REQUIRE(t.has_value());
    // Before the grace period, in which the walker leaves.
    const auto tree = bench::open_tree(
        broken_tree("hugetlb_vmemmap.c", R"(\n\tstatic_branch_inc\(&hugetlb_optimize_vmemmap_key\);)",
                    "\n\tstatic_branch_inc(&hugetlb_optimize_vmemmap_key);\n"
                    "\t{ pmd_t *pmd = pmd_off_k((unsigned long)folio); if (!pmd_leaf(*pmd)) { "
                    "pte_t *pte = pte_offset_kernel(pmd, (unsigned long)folio), was = *pte; "
                    "WRITE_ONCE(pte->pte, pte_wrprotect(was).pte); WRITE_ONCE(pte->pte, was.pte); } }"));
    REQUIRE(tree.has_value());
    const auto unit = bench::compile(*tree, test_work_dir(), {}, {}, bench::Backend::mmu, "tiny512");
    REQUIRE(unit.has_value());
    const auto r = bench::run_one(*unit, t->config, t->ops);
    REQUIRE(r.has_value());
    REQUIRE_FALSE(r->violations.empty());
    const spec::Violation& v = r->violations.front();
    INFO(spec::fact(v.inv).name << ": " << v.detail);
    CHECK(v.inv == Inv::no_write_through_a_read_only_pte);
    CHECK(v.detail.find("while a walker is about to write to it, between two accesses of the code") !=
          std::string::npos);
}
