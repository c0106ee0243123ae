// SPDX-License-Identifier: GPL-2.0 OR MIT
// Debian's own mm/hugetlb_vmemmap.c with one edit at a time, in a copy: each is found in the closed space
// that is named for it, where the unedited file does not show that invariant. Of the invariants that an HVO
// file of this design can break there are missing: break-before-make, which no tiny machine asks for; that
// frames add up, which nothing breaks but what breaks another rule before; and what Linux 6.12.117 is
// recorded for, which is broken in versions that have it right.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "props/spec/linux/broken_tree.hpp"
#include "props/spec/linux/compiled.hpp"
#include "spec/linux/host/tree_graph.hpp"

using namespace mmodel;
using spec::Inv;
namespace fs = std::filesystem;

namespace {

struct Edit {
    const char* name;
    const char* from;
    const char* to;
    const char* space;
    Inv inv;
    const char* version = "linux-6.12";
};

const Edit edits[] = {
    {"what is freed stays mapped", R"(set_pte_at\(&init_mm, addr, pte, entry\);\n\})", ";}", "hvo-walker",
     Inv::no_frame_is_freed_while_mapped},
    {"no flush after remapping", R"(flush_tlb_kernel_range\(start, end\);)", ";", "hvo-walker",
     Inv::no_frame_is_freed_while_a_tlb_may_hold_it},
    {"freed twice", R"(\n\t\t__free_page\(page\);\n\t\})", "__free_page(page); __free_page(page); }",
     "hvo-walker", Inv::no_page_is_freed_twice},
    {"boot memory to the buddy allocator", R"(if \(PageReserved\(page\)\))", "if (0)", "hvo-walker",
     Inv::page_goes_back_to_its_own_allocator},
    {"blocks are not split", R"(\n\t\t\tsplit_page\()", "if (0) split_page(", "hvo-hotplug",
     Inv::high_order_block_is_split_before_its_pages_are_freed},
    {"no barrier before the PTE", R"(\n\t\tsmp_wmb\(\);\n\n\t\tentry)", "\nentry", "hvo-walker",
     Inv::contents_are_ordered_before_the_pte},
    {"no barrier before the PMD", R"(smp_wmb\(\);\n\t\tpmd_populate)", "pmd_populate", "hvo-walker",
     Inv::table_is_ordered_before_the_pmd},
    {"one page in the whole table", R"(mk_pte\(head \+ i)", "mk_pte(head", "hvo-walker",
     Inv::table_translates_as_the_leaf_did},
    {"PMDs change without the lock", R"(spin_(un)?lock\(&init_mm\.page_table_lock\);)", ";", "hvo-walker",
     Inv::pmd_changes_under_the_page_table_lock},
    {"the mmap lock is not taken", R"(mmap_read_(un)?lock\(&init_mm\);)", ";", "hvo-walker",
     Inv::walk_holds_the_mmap_lock},
    {"one page too many", R"(vmemmap_start \+ hugetlb_vmemmap_size\(h\);)",
     "vmemmap_start + hugetlb_vmemmap_size(h) + PAGE_SIZE;", "hvo-three",
     Inv::only_the_folios_own_vmemmap_changes},
    {"tails stay writable", R"(PAGE_KERNEL_RO)", "PAGE_KERNEL", "hvo-walker", Inv::tail_vmemmap_is_read_only},
    {"heads are read-only", R"(mk_pte\(walk->vmemmap_head, PAGE_KERNEL\))",
     "mk_pte(walk->vmemmap_head, PAGE_KERNEL_RO)", "hvo-walker", Inv::own_vmemmap_is_writable},
    {"the last tail is written", R"(\nout:\n\tif \(ret\) \{)",
     "\nout:\n\tif (!ret) ((struct page *)vmemmap_end)[-1].private = 1;\n\tif (ret) {", "hvo-walker",
     Inv::no_write_through_a_read_only_pte},
    {"no grace period", R"(\n\t\tsynchronize_rcu\(\);)", "\n;", "hvo-walker",
     Inv::no_remap_without_a_grace_period},
    {"self-hosted vmemmap is optimised", R"(ret = -ENOTSUPP;)", ";", "hvo-hotplug",
     Inv::self_hosted_vmemmap_is_never_optimised},
    {"what was freed is lost", R"(\n\t\t__free_page\(page\);\n\t\})", ";}", "hvo-walker",
     Inv::no_page_is_leaked},
    {"no flush after a list", R"(if \(restored\)\n\t\tflush_tlb_all\(\);)", "", "hvo-walker",
     Inv::tlb_agrees_with_the_page_table_at_rest},
    {"the mmap lock is kept", R"(mmap_read_unlock\(&init_mm\);)", ";", "hvo-walker",
     Inv::no_lock_is_held_at_rest},
    {"the key is not raised", R"(\n\tstatic_branch_inc\(&hugetlb_optimize_vmemmap_key\);)", "", "hvo-walker",
     Inv::static_key_counts_optimised_folios},
    {"what is freed is not counted", R"(memmap_pages_add\(-1\);)", ";", "hvo-walker",
     Inv::memmap_counters_equal_the_truth},
    {"tails keep their page", R"(mk_pte\(walk->vmemmap_tail, PAGE_KERNEL_RO\))",
     "mk_pte(page, PAGE_KERNEL_RO)", "hvo-walker", Inv::optimised_folio_keeps_one_page},
    {"restored to the shared page", R"(mk_pte\(dst, PAGE_KERNEL\))", "mk_pte(src, PAGE_KERNEL)", "hvo-walker",
     Inv::plain_folio_has_pages_of_its_own},
    {"no rollback", R"(\n\tvmemmap_remap_range\(start, end, &walk\);\n\n\treturn ret;)", "return ret;",
     "hvo-gigantic", Inv::failed_operation_is_rolled_back},
    {"restored folios are not handed back", R"(list_move\(&folio->lru, non_hvo_folios\);)", ";", "hvo-walker",
     Inv::outcome_is_what_the_operation_promises},
    {"the flag is set after the remap",
     R"(\n\tfolio_set_hugetlb_vmemmap_optimized\(folio\);\n\n([\s\S]*?)\nout:)",
     "\n$1\n\tif (!ret) folio_set_hugetlb_vmemmap_optimized(folio);\nout:", "hvo-walker",
     Inv::optimised_flag_reads_the_same_through_every_translation},
    {"the second page is taken for the head", R"(walk->nr_walked == 0 && walk->vmemmap_head)",
     "walk->nr_walked == 1 && walk->vmemmap_head", "hvo-walker", Inv::no_kernel_warning},
    {"half a page is remapped", R"(vmemmap_end\t= vmemmap_start \+ hugetlb_vmemmap_size\(h\);)",
     "vmemmap_end = vmemmap_start + hugetlb_vmemmap_size(h) + PAGE_SIZE / 2;", "hvo-walker", Inv::no_bug},
    {"head pages are not copied", R"(copy_page\(page_to_virt\(walk\.reuse_page\)[^;]*;)", ";", "hvo-walker",
     Inv::compound_head_of_every_tail_is_its_head, "linux-6.12.113"},
    {"struct pages are not reset", R"(\n\treset_struct_pages\(to\);)", ";", "hvo-walker",
     Inv::restore_after_optimise_is_the_identity, "linux-6.12.113"},
    {"what is restored is not flushed", R"(flush_tlb_kernel_range\(start \+ PAGE_SIZE, end\);)",
     "if (!list_empty(walk->vmemmap_pages)) flush_tlb_kernel_range(start + PAGE_SIZE, end);", "hvo-walker",
     Inv::compound_head_holds_through_stale_translations, "linux-6.1"},
    {"an allocation that failed is not noticed",
     R"(if \(alloc_vmemmap_page_list\(start, end, &vmemmap_pages\)\)\n.*;)",
     "alloc_vmemmap_page_list(start, end, &vmemmap_pages);", "hvo-walker",
     Inv::kernel_code_touches_only_what_is_mapped},
};

// Those in spaces that take seconds.
bool is_slow(const Edit& e) { return std::string_view(e.space) == "hvo-three"; }

std::set<Inv> found_in(const fs::path& dir, std::string_view space) {
    const auto r = bench::explore_file(compiled(dir), tiny_space(space), {}, {.jobs = 2});
    INFO((r ? "" : r.error().what));
    REQUIRE(r.has_value());
    INFO("not closed: " << r->explored.cut_by);
    CHECK(r->explored.complete);
    CHECK(r->unconfirmed.empty());
    std::set<Inv> out;
    for (const explore::Finding& f : r->explored.found) {
        UNSCOPED_INFO(f.name << ": " << f.violation.detail);
        if (const auto inv = f.alone ? f.alone->inv : spec::invariant_named(f.name)) out.insert(*inv);
    }
    return out;
}

void check(const Edit& e) {
    static std::map<std::string, std::set<Inv>> unedited; // by version and space
    CAPTURE(e.name, e.version, e.space, spec::fact(e.inv).name);
    const fs::path tree = fs::path(MMODEL_TREES_DIR) / e.version;
    if (!fs::exists(tree)) return skip(tree.string() + " is not there; ./dev trees makes it");
    auto& known = unedited[std::string(e.version) + e.space];
    if (known.empty()) known = found_in(tree, e.space);
    CHECK_FALSE(known.contains(e.inv));
    CHECK(found_in(broken_tree("hugetlb_vmemmap.c", e.from, e.to, tree), e.space).contains(e.inv));
}

void check_all(bool slow) {
    if (there_is_nothing_to_break()) return;
    const Edit& e = GENERATE(from_range(std::begin(edits), std::end(edits)));
    if (is_slow(e) == slow) check(e);
}

} // namespace

TEST_CASE("each edit of Debian's HVO is found in the closed space that is named for it") { check_all(false); }

TEST_CASE("each edit of Debian's HVO that needs a larger space is found there", "[.long]") {
    check_all(true);
}
