// SPDX-License-Identifier: GPL-2.0 OR MIT
// Kernel code on a CPU that still uses old translations: in copies of Debian's HVO file that lack a TLB
// flush, what comes of it happens, in closed spaces and in campaigns; in the unedited file nothing does.
#include <catch2/catch.hpp>

#include <algorithm>

#include "fuzz/campaign/campaign.hpp"
#include "props/spec/linux/broken_tree.hpp"
#include "props/spec/linux/compiled.hpp"
#include "spec/linux/host/runner.hpp"
#include "spec/linux/host/tree_graph.hpp"

using namespace mmodel;
using spec::Inv;
namespace fs = std::filesystem;

namespace {

const fs::path trees = MMODEL_TREES_DIR;

bool is_missing(const fs::path& tree) {
    if (fs::exists(tree)) return false;
    skip(tree.string() + " is not there; ./dev trees makes it");
    return true;
}

explore::Explored explored(const bench::Unit& unit, const explore::Space& s) {
    const auto r = bench::explore_file(unit, s, {.stale = true}, {.jobs = 2});
    INFO((r ? "" : r.error().what));
    REQUIRE(r.has_value());
    CHECK(r->unconfirmed.empty());
    CHECK(r->explored.complete);
    return r->explored;
}

// A flush that is left out, what the rules say of it, and what comes of it: that, and in which words.
struct Edit {
    const char* name;
    const char* version;
    const char* space;
    const char* from;
    const char* to;
    Inv promised, happens;
    const char* words;
};
const Edit edits[] = {
    {"no flush after remapping", "linux-6.12", "hvo-walker", R"(flush_tlb_kernel_range\(start, end\);)", ";",
     Inv::no_frame_is_freed_while_a_tlb_may_hold_it, Inv::kernel_code_touches_only_what_is_mapped,
     ", which the CPU's TLB still has there, was freed"},
    {"no flush after a list was restored", "linux-6.12.113", "hvo-two-sizes",
     R"(if \(restored\)\n\t\tflush_tlb_all\(\);)", "", Inv::tlb_agrees_with_the_page_table_at_rest,
     Inv::no_write_through_a_read_only_pte, "the CPU's TLB still has it read-only, to pfn "},
};

} // namespace

TEST_CASE(
    "without a flush kernel code reads and writes through old translations, and the trace shows it again") {
    const Edit& e = GENERATE(from_range(std::begin(edits), std::end(edits)));
    CAPTURE(e.name);
    const fs::path tree = trees / e.version;
    if (is_missing(tree)) return;
    bench::Unit unit = compiled(broken_tree("hugetlb_vmemmap.c", e.from, e.to, tree));
    const explore::Space space = tiny_space(e.space);
    const explore::Explored found = explored(unit, space);
    const auto of = [&](Inv inv, bool stale) {
        return std::ranges::find_if(found.found, [&](const explore::Finding& f) {
            return f.steps.empty() && f.violation.inv == inv && (f.stale != bench::not_stale) == stale;
        });
    };
    CHECK(of(e.promised, false) != found.found.end());
    CHECK(of(e.promised, true) == found.found.end());
    CHECK(of(e.happens, false) == found.found.end());
    const auto f = of(e.happens, true);
    REQUIRE(f != found.found.end());
    CAPTURE(f->violation.detail);
    CHECK(f->violation.detail.find(e.words) != std::string::npos);
    // It needs no particular frames, so that none are named.
    CHECK(std::ranges::none_of(f->ops, [](const Op& op) { return op.frames.any(); }));

    const auto shows = [&](bench::StaleWay way) {
        unit.stale = way;
        const auto r = bench::run_one(unit, space.config, f->ops);
        REQUIRE(r.has_value());
        return std::ranges::find(r->violations, e.happens, &spec::Violation::inv) != r->violations.end();
    };
    CHECK(shows(f->stale));
    CHECK_FALSE(shows(bench::not_stale));
}

// The frame that a CPU's TLB still has is written to, or read, after it was freed: which one that is depends
// on what the allocator gave, and in a fresh child it gives others.
TEST_CASE(
    "what comes of a missing flush of percpu names the frames that it needs, and a fresh child shows it") {
    if (there_is_nothing_to_break()) return;
    bench::Unit unit =
        compiled(broken_tree("percpu-vm.c", R"(flush_tlb_kernel_range\()", "if (0) $&"), {"percpu"});
    const explore::Space space = tiny_space("percpu-reclaim");
    const auto r = bench::explore_file(unit, space, {.stale = true}, {.jobs = 2});
    INFO((r ? "" : r.error().what));
    REQUIRE(r.has_value());
    CHECK(r->unconfirmed.empty());
    const auto& found = r->explored.found;
    const auto f = std::ranges::find_if(found, [](const explore::Finding& g) {
        return g.stale != bench::not_stale && g.violation.inv == Inv::kernel_code_touches_only_what_is_mapped;
    });
    REQUIRE(f != found.end());
    CAPTURE(f->violation.detail);
    CHECK(f->violation.detail.find(", which the CPU's TLB still has there, was freed") != std::string::npos);
    CHECK(std::ranges::any_of(f->ops, [](const Op& op) { return op.frames.any(); }));

    unit.stale = f->stale;
    const auto shows = [&](const std::vector<Op>& ops) {
        const auto again = bench::run_one(unit, space.config, ops);
        REQUIRE(again.has_value());
        return std::ranges::find(again->violations, f->violation.inv, &spec::Violation::inv) !=
               again->violations.end();
    };
    CHECK(shows(f->ops));
    std::vector<Op> whichever = f->ops;
    for (Op& op : whichever) op.frames = {};
    CHECK_FALSE(shows(whichever));
}

TEST_CASE("a campaign finds what comes of a missing flush only if it is told to use old translations") {
    if (there_is_nothing_to_break()) return;
    const Edit& e = edits[0];
    const bench::Unit unit = compiled(broken_tree("hugetlb_vmemmap.c", e.from, e.to));
    for (const bool stale : {false, true}) {
        const auto r = bench::run_tree(unit, {.seconds = 1, .until = e.happens, .stale = stale});
        REQUIRE(r.has_value());
        const auto f = std::ranges::find(r->findings, e.happens,
                                         [](const bench::Finding& g) { return g.violation.inv; });
        CHECK((f != r->findings.end()) == stale);
        if (stale && f != r->findings.end()) CHECK(f->stale != bench::not_stale);
    }
}

TEST_CASE("Debian's unedited HVO files show nothing more when their accesses use old translations") {
    const char* version = GENERATE("linux-6.1", "linux-6.12", "linux-6.12.113");
    if (is_missing(trees / version)) return;
    const bench::Unit unit = compiled(trees / version);
    for (const char* name : {"hvo-walker", "hvo-walker-list", "hvo-hotplug", "hvo-gigantic"}) {
        CAPTURE(version, name);
        for (const explore::Finding& f : explored(unit, tiny_space(name)).found) {
            INFO(f.name << ": " << f.violation.detail);
            CHECK(f.stale == bench::not_stale);
        }
    }
}
