// SPDX-License-Identifier: GPL-2.0 OR MIT
// The HVO file of Linux 6.12.113, whose design is the model's, beside the model: each known deviation is
// needed, and edits of the file that nothing else sees are found. (That it agrees but for those is seen by
// tree_test.)
#include <catch2/catch.hpp>

#include <fstream>
#include <regex>

#include "fuzz/ops/trace.hpp"
#include "props/skip.hpp"
#include "props/spec/linux/compiled.hpp"
#include "props/spec/linux/work_dir.hpp"
#include "spec/linux/host/runner.hpp"
#include "spec/linux/host/text.hpp"
#include "spec/linux/host/tree_graph.hpp"

using namespace mmodel;
using bench::Deviation;
using spec::Inv;
namespace fs = std::filesystem;

namespace {

const fs::path trees = MMODEL_TREES_DIR;
const fs::path models_tree = trees / "linux-6.12.113";

// An archive may have the version no more: that is no failure, not even where everything else has to be
// there.
bool is_missing(const fs::path& dir) {
    if (fs::exists(dir)) return false;
    skip(dir.string() + " is not there; ./dev trees makes it, where the package can be had");
    return true;
}

// Two folios, and then the operations.
bench::RealResult run(const bench::Unit& unit, const char* operations) {
    const auto t = parse_trace(
        std::string("mmodel trace 1\ngeometry x86-64\nalloc_folio folio=0\nalloc_folio folio=1\n") +
        operations + "\n");
    REQUIRE(t.has_value());
    const auto r = bench::Runner(unit, t->config).run(t->ops);
    REQUIRE(r.has_value());
    for (const spec::Violation& v : r->violations) UNSCOPED_INFO(spec::fact(v.inv).name << ": " << v.detail);
    return *r;
}

std::vector<Inv> violated(const bench::RealResult& r) {
    std::vector<Inv> out;
    for (const spec::Violation& v : r.violations) out.push_back(v.inv);
    return out;
}

u64 shown(const bench::DeviationCounts& counts, Deviation d) { return counts[static_cast<std::size_t>(d)]; }

// A sequence that breaks no rule and shows the deviation.
struct Shows {
    Deviation deviation;
    const char* operations;
};
const Shows shows[] = {
    {Deviation::key_is_lowered_before_the_flush, "optimise_list folios=0,1\nrestore_list folios=0"},
    {Deviation::only_the_first_folio_is_waited_for, "optimise folio=0\noptimise_list folios=0,1"},
};

// What of the file's text (a regular expression that matches once or more) becomes what, and a sequence that
// shows it.
struct Edit {
    const char* name;
    const char* from;
    const char* to;
    const char* operations;
};
const Edit edits[] = {
    {"a page more is allocated, and freed", R"(\n\twalk\.reuse_page = alloc_pages_node)",
     "\n\tstruct page *more = alloc_pages_node(nid, gfp_mask, 0);\n\tif (more)\n\t\t__free_page(more);$&",
     "optimise folio=0"},
    {"pages are freed in the other order", R"(list_add\(&page->lru, walk->vmemmap_pages\))",
     "list_add_tail(&page->lru, walk->vmemmap_pages)", "optimise folio=0"},
    {"a page is freed before it is counted", R"(memmap_pages_add\(-1\);\s*__free_page\(page\);)",
     "__free_page(page);\n\t\tmemmap_pages_add(-1);", "optimise folio=0\nrestore folio=0\noptimise folio=0"},
    {"pages are asked of one node only", R"(GFP_KERNEL \| __GFP_RETRY_MAYFAIL)", "$& | __GFP_THISNODE",
     "optimise folio=0\nrestore folio=0"},
    {"every TLB entry is flushed", R"(REMAP_NO_TLB_FLUSH\)\)\s*flush_tlb_kernel_range\(start, end\))",
     "REMAP_NO_TLB_FLUSH))\n\t\tflush_tlb_all()", "optimise folio=0"},
    {"each folio of a list waits for walkers", R"(flags &= ~VMEMMAP_SYNCHRONIZE_RCU;)", ";",
     "optimise_list folios=0,1"},
    {"a barrier too many", R"(\n\tset_pte_at\(&init_mm, addr, pte, entry\))", "\n\tsmp_wmb();$&",
     "optimise folio=0"},
    {"a folio that memory did not suffice for is not tried again",
     R"(INIT_LIST_HEAD\(&vmemmap_pages\);\s*__hugetlb_vmemmap_optimize_folio\([^;]*;)",
     "INIT_LIST_HEAD(&vmemmap_pages);", "optimise_list folios=0 fail=0,2"},
    {"splitting goes on where there is no memory", R"(if \(ret == -ENOMEM\)\s*break;)", ";",
     "optimise_list folios=0,1 fail=0"},
    {"a restore allocates before it waits",
     R"(if \(flags & VMEMMAP_SYNCHRONIZE_RCU\)\s*synchronize_rcu\(\);\s*(vmemmap_end[\s\S]*?ret = vmemmap_remap_alloc[^;]*;))",
     "$1\n\tif (flags & VMEMMAP_SYNCHRONIZE_RCU)\n\t\tsynchronize_rcu();",
     "optimise folio=0\nrestore folio=0"},
};

fs::path edited(const Edit& e) {
    const fs::path dir = test_work_dir() / "edited";
    fs::remove_all(dir);
    fs::copy(models_tree, dir, fs::copy_options::recursive);
    const fs::path file = dir / "mm/hugetlb_vmemmap.c";
    const std::string text = *bench::slurp(file);
    const std::string changed = std::regex_replace(text, std::regex(e.from), e.to);
    INFO(e.name);
    REQUIRE(changed != text);
    std::ofstream(file, std::ios::binary) << changed;
    return dir;
}

// The graph of the file, and its worlds beside those of the model's.
struct InSpace {
    bench::TreeGraph file;
    bench::Worlds worlds;
    std::vector<Inv> broken; // by the file
};
InSpace in_space(const bench::Unit& unit, const explore::Space& s) {
    auto g = bench::build_tree_graph(unit, s, {}, {});
    INFO((g ? "" : g.error().what));
    REQUIRE(g.has_value());
    std::vector<Inv> broken;
    for (const explore::Broken& b : g->graph.broken) broken.push_back(b.violation.inv);
    REQUIRE(g->graph.complete);
    const explore::Graph model = bench::models_graph(s, *g, explore::Symmetry::frames, {});
    REQUIRE(model.complete);
    const bench::Worlds worlds = bench::compare_worlds(s, g->graph, model);
    return {std::move(*g), worlds, broken};
}

} // namespace

TEST_CASE(
    "each known deviation of 6.12.113's HVO file is seen, and is a violation where it is not let pass") {
    if (is_missing(models_tree)) return;
    bench::Unit unit = compiled(models_tree, {.geometry = "x86-64"});
    REQUIRE(unit.tree.not_the_models.empty());
    for (const auto& [deviation, operations] : shows) {
        unit.deviations = bench::DeviationSet::all();
        const bench::RealResult passes = run(unit, operations);
        CHECK(passes.violations.empty());
        CHECK(shown(passes.deviations, deviation) == 1);
        unit.deviations = bench::DeviationSet::all().without(deviation);
        CHECK(violated(run(unit, operations)) == std::vector{Inv::real_file_agrees_with_the_model});
    }
}

TEST_CASE("an edit of 6.12.113's HVO file that breaks no rule is found by the comparison with the model") {
    if (is_missing(models_tree)) return;
    const Edit& e = GENERATE(from_range(std::begin(edits), std::end(edits)));
    INFO(e.name);
    bench::Unit unit = compiled(edited(e), {.geometry = "x86-64"});
    CHECK(violated(run(unit, e.operations)) == std::vector{Inv::real_file_agrees_with_the_model});
    unit.tree.not_the_models = "this test's leave";
    CHECK(violated(run(unit, e.operations)).empty());
}

TEST_CASE(
    "in every state of a space 6.12.113's HVO file does what the model does, and comes to the same worlds") {
    if (is_missing(models_tree)) return;
    const bench::Unit unit = compiled(models_tree);
    for (const char* name : {"hvo-walker", "hvo-hotplug", "hvo-walker-list", "hvo-gigantic"}) {
        CAPTURE(name);
        const InSpace found = in_space(unit, tiny_space(name));
        CHECK(found.file.nr_compared > 0);
        CHECK(found.broken == std::vector{Inv::compound_head_holds_through_stale_translations}); // recorded
        CHECK(found.worlds.both > 1);
        CHECK(found.worlds.are_the_same());
    }
}

TEST_CASE("an edit of 6.12.113's HVO file that breaks no rule is found in a space, by each operation and by "
          "the worlds") {
    if (is_missing(models_tree)) return;
    const Edit e{"the head's own page is kept", R"(walk\.reuse_page = alloc_pages_node\(nid, gfp_mask, 0\);)",
                 "(void)gfp_mask, (void)nid;", ""};
    bench::Unit unit = compiled(edited(e));
    const explore::Space s = tiny_space("hvo-hotplug");
    CHECK(in_space(unit, s).broken == std::vector{Inv::real_file_agrees_with_the_model});
    unit.tree.not_the_models = "this test's leave";
    const InSpace apart = in_space(unit, s);
    CHECK(apart.broken == std::vector{Inv::compound_head_holds_through_stale_translations});
    CHECK(apart.file.nr_compared == 0);
    CHECK_FALSE(apart.worlds.are_the_same());
    CHECK_FALSE(apart.worlds.way.empty());
}

TEST_CASE("a file of another design is not compared, and why is said") {
    const auto& [version, lacks] = GENERATE(table<const char*, const char*>(
        {{"linux-6.1", "calls for folios"}, {"linux-6.12", "a page that is reused (reuse_page)"}}));
    if (is_missing(trees / version)) return;
    const auto tree = bench::open_tree(trees / version);
    REQUIRE(tree.has_value());
    CHECK(tree->not_the_models == lacks);
}
