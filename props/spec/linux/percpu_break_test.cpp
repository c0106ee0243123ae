// SPDX-License-Identifier: GPL-2.0 OR MIT
// Debian's own mm/percpu.c and percpu-vm.c with one line broken at a time, in a copy: each break is found
// within seconds, and named. Two differ from the model and are no mistakes; why, stands with them.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <vector>

#include "fuzz/campaign/campaign.hpp"
#include "fuzz/ops/trace.hpp"
#include "props/spec/linux/broken_tree.hpp"
#include "props/spec/linux/compiled.hpp"
#include "spec/explore/space.hpp"
#include "spec/linux/host/tree_graph.hpp"

using namespace mmodel;
using spec::Inv;
namespace fs = std::filesystem;

namespace {

struct Break {
    const char* name;
    const char* file;
    const char* space; // of explore::default_spaces()
    const char* from;  // a regular expression that matches once or more
    const char* to;
    Inv inv;
    void (*in_space)(explore::Space&) = [](explore::Space&) {}; // what that space lacks for it
};

// An area of the first chunk comes and goes, too.
void free_in_first_chunk(explore::Space& s) { s.alphabet.push_back({.kind = OpKind::pcpu_free, .folio = 4}); }

// The first chunk does not fill its units.
void boot_less(explore::Space& s) { s.boot[0].page = s.boot[0].to = 0; }

void ask_too_much(explore::Space& s) {
    s.alphabet.push_back({.kind = OpKind::pcpu_alloc, .folio = 2, .bytes = 1028, .align = 4});
}

// Between two small areas there is room in a page, and the next area begins behind it.
void small_areas(explore::Space& s) {
    for (const u8 slot : {2, 3})
        s.alphabet.push_back(
            {.kind = OpKind::pcpu_alloc, .folio = slot, .bytes = slot == 2 ? 128u : 64u, .align = 4});
    s.alphabet.push_back({.kind = OpKind::pcpu_free, .folio = 2});
}

const Break breaks[] = {
    {"no flush after unmapping", "percpu-vm.c", "percpu-vm-two", R"(flush_tlb_kernel_range\()", "if (0) $&",
     Inv::tlb_agrees_with_the_page_table_at_rest},
    {"one unit flushed", "percpu-vm.c", "percpu-vm-two", R"((flush_tlb_kernel_range\([^;]*)high_unit_cpu)",
     "$1low_unit_cpu", Inv::tlb_agrees_with_the_page_table_at_rest},
    {"no cache flush before unmapping", "percpu-vm.c", "percpu-vm-two", R"(\n\tpcpu_pre_unmap_flush\()",
     "\n\tif (0) pcpu_pre_unmap_flush(", Inv::cache_is_flushed_before_an_address_is_unmapped},
    {"no cache flush after mapping", "percpu-vm.c", "percpu-vm-two", R"(\n\tpcpu_post_map_flush\()",
     "\n\tif (0) pcpu_post_map_flush(", Inv::cache_is_flushed_after_an_address_is_mapped},
    {"the failing CPU stays mapped, as in 6.1", "percpu-vm.c", "percpu-vm-two",
     R"(__pcpu_unmap_pages\(pcpu_chunk_addr\(chunk, tcpu)", "if (tcpu == cpu) break; $&",
     Inv::no_frame_is_freed_while_mapped},
    {"pages that could not be mapped are kept", "percpu-vm.c", "percpu-vm-two", R"(\n\t\tpcpu_free_pages\()",
     "\n\t\tif (0) pcpu_free_pages(", Inv::no_page_is_leaked},
    {"pages are not freed", "percpu-vm.c", "percpu-vm-two", R"(\n\tpcpu_free_pages\()",
     "\n\tif (0) pcpu_free_pages(", Inv::no_page_is_leaked},
    {"pages are freed before they are unmapped", "percpu-vm.c", "percpu-vm-two",
     R"(\n\tpcpu_unmap_pages\([^;]*;\n\n(\tpcpu_free_pages\([^;]*;))",
     "\n$1\npcpu_unmap_pages(chunk, pages, page_start, page_end);", Inv::no_frame_is_freed_while_mapped},
    {"pages of node 0 only", "percpu-vm.c", "percpu-reserved", R"(alloc_pages_node\(cpu_to_node\(cpu\))",
     "alloc_pages_node(0", Inv::percpu_page_is_asked_of_its_cpus_node},
    {"pages do not name their chunk", "percpu-vm.c", "percpu-vm-two", R"(pcpu_set_page_chunk\()", "if (0) $&",
     Inv::page_says_whose_chunk_it_is},
    {"the first chunk is reclaimed", "percpu-vm.c", "percpu-reclaim",
     R"(if \(chunk == pcpu_first_chunk \|\|)", "if (0 &&", Inv::first_and_reserved_chunk_stay_populated,
     free_in_first_chunk},
    {"areas are not zeroed", "percpu.c", "percpu", R"(memset\(\(void \*\)pcpu_chunk_addr)", "if (0) $&",
     Inv::percpu_area_is_zeroed},
    {"only CPU 0 is zeroed", "percpu.c", "percpu", R"(memset\(\(void \*\)pcpu_chunk_addr)", "if (!cpu) $&",
     Inv::percpu_area_is_zeroed},
    {"a whole unit is zeroed", "percpu.c", "percpu", R"(\+ off, 0, size\);)", "+ off, 0, pcpu_unit_size);",
     Inv::kernel_code_touches_only_what_is_mapped},
    {"static data is not copied", "percpu.c", "percpu", R"(memcpy\()", "if (0) $&",
     Inv::outcome_is_what_the_operation_promises},
    {"what units do not use is kept", "percpu.c", "percpu-reserved", R"(pcpu_fc_free\(ptr \+ size_sum)",
     "if (0) $&", Inv::no_page_is_leaked, boot_less},
    {"pages in use are reclaimed", "percpu.c", "percpu-reclaim",
     R"(block->contig_hint == PCPU_BITMAP_BLOCK_BITS &&\s*)", "", Inv::percpu_area_is_populated},
    {"populated pages are not marked", "percpu.c", "percpu", R"(pcpu_chunk_populated\(chunk, rs, re\);)", ";",
     Inv::populated_page_maps_a_frame_of_its_own_on_every_possible_cpu},
    {"an area that got no pages is kept", "percpu.c", "percpu", R"(\n\t*pcpu_free_area\(chunk, off\);)", "",
     Inv::percpu_areas_are_disjoint},
    {"populated pages are not counted", "percpu.c", "percpu", R"(\n\tpcpu_nr_populated \+= nr;)", "",
     Inv::percpu_counters_equal_the_truth},
    {"empty pages are not counted", "percpu.c", "percpu", R"(\n\t\tpcpu_nr_empty_pop_pages \+= nr;)", ";",
     Inv::percpu_counters_equal_the_truth},
    {"an atomic allocation that found no room asks for nothing", "percpu.c", "percpu",
     R"((pcpu_atomic_alloc_failed = true;\n\t\t)pcpu_schedule_balance_work\(\);)", "$1;",
     Inv::outcome_is_what_the_operation_promises},
    {"the worker keeps no empty page", "percpu.c", "percpu",
     R"(PCPU_EMPTY_POP_PAGES_HIGH -\s*pcpu_nr_empty_pop_pages,)", "0,",
     Inv::outcome_is_what_the_operation_promises},
    {"free space at the end of a page is remembered when it is gone", "percpu.c", "percpu",
     R"(s_block->right_free = 0;)", ";", Inv::percpu_counters_equal_the_truth, small_areas},
    {"hints of a destroyed chunk are kept", "percpu.c", "percpu",
     R"x(pcpu_mem_free\(chunk->md_blocks\);(\n\tpcpu_mem_free\(chunk->bound_map\);\n\tpcpu_mem_free\(chunk->alloc_map\);\n\tpcpu_mem_free\(chunk\);\n\}))x",
     "$1", Inv::no_object_is_leaked},
    {"a chunk is freed twice", "percpu.c", "percpu", R"(\n\tpcpu_mem_free\(chunk\);)", "$&$&", Inv::no_bug},
    {"chunks stay in their old list", "percpu.c", "percpu", R"(if \(oslot != nslot\))", "if (oslot < 0)",
     Inv::every_chunk_is_on_its_list},
    {"the offset within a page is lost", "percpu.c", "percpu-reserved", R"(offset_in_page\(addr\))", "0",
     Inv::percpu_lookup_finds_the_frame},
    {"alignment is ignored", "percpu.c", "percpu-reclaim", R"(\n\tbit_align = align >> PCPU_MIN_ALLOC_SHIFT)",
     "\n\tbit_align = 1", Inv::percpu_area_is_as_asked},
    {"the lock is held while pages are populated", "percpu.c", "percpu",
     R"(\n\tspin_unlock_irqrestore\(&pcpu_lock, flags\);\n\n\tif \(is_atomic\))", "\n\tif (is_atomic)",
     Inv::nothing_sleeps_under_a_spinlock},
    // How many empty pages are kept is tuned: more cost memory, and nobody who asks for an area can tell.
    {"one more empty page is kept", "percpu.c", "percpu", R"(PCPU_EMPTY_POP_PAGES_HIGH\t4)",
     "PCPU_EMPTY_POP_PAGES_HIGH\t5", Inv::real_file_agrees_with_the_model},
    {"areas that cannot be are handed out", "percpu.c", "percpu", R"(size > PCPU_MIN_UNIT_SIZE \|\|)", "",
     Inv::every_operation_ends, ask_too_much}, // chunks are created that will not do either
    // Which of a list's chunks is asked first decides where an area goes, and is promised to nobody.
    {"the fullest chunks come last", "percpu.c", "percpu",
     R"(list_move\(&chunk->list, &pcpu_chunk_lists\[slot\]\);)",
     "list_move_tail(&chunk->list, &pcpu_chunk_lists[slot]);", Inv::real_file_agrees_with_the_model},
    {"the worker never stops", "percpu.c", "percpu-reclaim",
     R"(list_move_tail\(&chunk->list,\s*&pcpu_chunk_lists\[pcpu_sidelined_slot\]\);)", ";",
     Inv::every_operation_ends},
};

const char* name_of(const Break& b) { return std::string(b.file) == "percpu-vm.c" ? "percpu-vm" : "percpu"; }

std::vector<Inv> found_in(const bench::Unit& unit, Inv until) {
    const auto report = bench::run_tree(unit, {.seconds = 10, .until = until});
    REQUIRE(report.has_value());
    std::vector<Inv> found;
    for (const auto& f : report->findings) {
        UNSCOPED_INFO(spec::fact(f.violation.inv).name << ": " << f.violation.detail);
        found.push_back(f.violation.inv);
    }
    return found;
}

// By the machine's part of a space, from boot on.
std::vector<Inv> found_in_space(const bench::Unit& unit, const Break& b) {
    explore::Space space = tiny_space(b.space);
    b.in_space(space);
    const auto g = bench::build_tree_graph(unit, space, {}, {.nodes = 30'000});
    INFO((g ? "" : g.error().what));
    REQUIRE(g.has_value());
    std::vector<Inv> found;
    for (const explore::Broken& broken : g->graph.broken) {
        UNSCOPED_INFO(spec::fact(broken.violation.inv).name << ": " << broken.violation.detail);
        found.push_back(broken.violation.inv);
    }
    return found;
}

} // namespace

TEST_CASE("each deliberate break of Debian's percpu allocator is found, and named", "[.long]") {
    if (there_is_nothing_to_break()) return;
    const Break& b = GENERATE(from_range(std::begin(breaks), std::end(breaks)));
    INFO(b.name << ": " << spec::fact(b.inv).name);
    const auto found = found_in(compiled(broken_tree(b.file, b.from, b.to), {name_of(b), "x86-64"}), b.inv);
    CHECK(std::ranges::find(found, b.inv) != found.end());
    // What is tuned in another way differs, and breaks nothing.
    if (b.inv == Inv::real_file_agrees_with_the_model)
        CHECK(std::ranges::all_of(found, [&](Inv i) { return i == b.inv; }));
}

namespace {

void check_that_its_space_shows(const Break& b) {
    INFO(b.name << " in " << b.space << ": " << spec::fact(b.inv).name);
    const auto found = found_in_space(compiled(broken_tree(b.file, b.from, b.to), {name_of(b)}), b);
    CHECK(std::ranges::count(found, b.inv));
}

} // namespace

TEST_CASE("each of them is found in the space that is named for it, and not without the break", "[.][long]") {
    if (there_is_nothing_to_break()) return;
    const Break& b = GENERATE(from_range(std::begin(breaks), std::end(breaks)));
    check_that_its_space_shows(b);
    static std::map<std::tuple<std::string_view, std::string_view, void (*)(explore::Space&)>,
                    std::vector<Inv>>
        unedited;
    const auto [known, is_first] = unedited.try_emplace({name_of(b), b.space, b.in_space});
    if (is_first) known->second = found_in_space(compiled(real_tree, {name_of(b)}), b);
    CHECK_FALSE(std::ranges::count(known->second, b.inv));
}

// One of each file and space.
TEST_CASE("four of them are found in the spaces that are named for them") {
    if (there_is_nothing_to_break()) return;
    const char* name = GENERATE("the failing CPU stays mapped, as in 6.1", "populated pages are not marked",
                                "pages in use are reclaimed", "the offset within a page is lost");
    check_that_its_space_shows(*std::ranges::find(breaks, std::string_view(name), &Break::name));
}

// Three of them in one file, each by the shortest way to it.
TEST_CASE("no room for what may not sleep, and a hint at more than there is, break facts of their own") {
    if (there_is_nothing_to_break()) return;
    const struct {
        const char *name, *trace;
        spec::Way way;
    } shortest[] = {{"an atomic allocation that found no room asks for nothing",
                     "pcpu_alloc area=0 bytes=32K\npcpu_alloc area=1 bytes=32K atomic=1\n",
                     spec::Way::worker_is_not_due},
                    {"the worker keeps no empty page",
                     "pcpu_alloc area=0 bytes=28K\npcpu_alloc area=1 bytes=32K\npcpu_balance\n",
                     spec::Way::no_empty_page},
                    {"free space at the end of a page is remembered when it is gone",
                     "pcpu_alloc area=0 bytes=2K\npcpu_alloc area=1 bytes=1K\npcpu_free area=0\n"
                     "pcpu_alloc area=2 bytes=4K\n",
                     spec::Way::hint}};
    std::vector<TextEdit> edits;
    for (const auto& s : shortest) {
        const Break& b = *std::ranges::find(breaks, std::string_view(s.name), &Break::name);
        edits.push_back({b.from, b.to});
    }
    const bench::Unit unit = compiled(edited_copy("percpu.c", edits), {"percpu", "x86-64"});
    for (const auto& s : shortest) {
        INFO(s.name);
        const auto t = parse_trace("mmodel trace 1\ngeometry x86-64\npcpu_boot static=4K dyn=28K atom=4K\n" +
                                   std::string(s.trace));
        REQUIRE(t.has_value());
        const auto r = bench::run_one(unit, t->config, t->ops);
        REQUIRE(r.has_value());
        CHECK(std::ranges::count(r->violations, s.way, &spec::Violation::way) == 1);
    }
}

TEST_CASE("what percpu.c offers is what the compiler sees, not what a comment says") {
    const fs::path old = fs::path(MMODEL_TREES_DIR) / "linux-6.1";
    if (there_is_nothing_to_break() || !fs::exists(old)) return;
    const auto defines = [](const fs::path& dir) { return compiled(dir, {"percpu"}).tree.defines; };
    const fs::path copy = edited_copy(
        "percpu.c",
        {{R"(\n#include <linux/bitmap.h>)", "$&\n/* pcpu_alloc_noprof() after flush_cache_vmap_early(). */"},
         {R"(\narea_found:)", "$& /* pcpu_schedule_balance_work() later */"}},
        old);
    CHECK(defines(copy) == defines(old));
    const auto early_size_is = [&](const char* size) {
        const auto all = defines(copy);
        return std::ranges::count(all, "-DMMODEL_PERCPU_EARLY_SIZE=" + std::string(size)) == 1;
    };
    CHECK(early_size_is("(12 << 10)"));
    std::ofstream(copy / "include/linux/percpu.h")
        << "#include <linux/nowhere.h>\n#ifdef CONFIG_SMP\n#define SHIFT 11 /* as in no kernel */\n#endif\n"
           "#define PERCPU_DYNAMIC_EARLY_SIZE (20 << SHIFT)\n";
    CHECK(early_size_is("(20 << 11)"));
}

TEST_CASE("a file that refuses to free what is not allocated is asked to, and does nothing but warn") {
    if (there_is_nothing_to_break()) return;
    // As 6.19 and later do, in Debian's file.
    const TextEdit refusing{R"(\tsize = pcpu_free_area\(chunk, off\);\n)",
                            "$&\tif (!size) {\n\t\tspin_unlock_irqrestore(&pcpu_lock, flags);\n"
                            "\t\tWARN_ON_ONCE(1);\n\t\treturn;\n\t}\n"};
    const auto check_that = [](const char* nothing_is_there) {
        return TextEdit{
            "\n\t/\\* find end index \\*/\n\tend = find_next_bit\\(chunk->bound_map, pcpu_chunk_map_bits",
            nothing_is_there};
    };
    const auto run = [&](const char* condition) {
        const std::string edit = "\n\tif (" + std::string(condition) + ")\n\t\treturn 0;$&";
        const auto unit =
            compiled(edited_copy("percpu.c", {refusing, check_that(edit.c_str())}), {"percpu", "x86-64"});
        CHECK(std::ranges::count(unit.tree.defines, "-DMMODEL_REFUSES_FREES") == 1);
        const auto t =
            parse_trace("mmodel trace 1\ngeometry x86-64\npcpu_boot static=16K dyn=28K atom=4K\n"
                        "pcpu_alloc area=0 bytes=64\npcpu_alloc area=1 bytes=64\npcpu_free area=0\n"
                        "pcpu_free area=0 again=1\npcpu_free area=0 again=1\n");
        REQUIRE(t.has_value());
        const auto r = bench::run_one(unit, t->config, t->ops);
        REQUIRE(r.has_value());
        REQUIRE(r->ran.size() >= 4);
        CHECK((!r->ran[3].outcome.disabled && r->ran[3].outcome.err == Errno::ok));
        return r->violations;
    };
    CHECK(run("!test_bit(bit_off, chunk->alloc_map) || !test_bit(bit_off, chunk->bound_map)").empty());
    CHECK_FALSE(run("!test_bit(bit_off, chunk->bound_map)").empty()); // which stays set
}

// As linux-mm does, in Debian's file, but by possible CPUs. Theirs (spec/linux/findings) are those online.
TEST_CASE("a file that counts the bytes of a node's pages counts all of them, and no others") {
    if (there_is_nothing_to_break()) return;
    const auto counted = [](const std::string& sign, const char* cpus) {
        return "\n\tfor (int nid = 0; nid < MAX_NUMNODES; nid++)\n\t\tmod_node_page_state(NODE_DATA(nid), "
               "NR_PERCPU_B,\n\t\t\t" +
               sign + "1L * (page_end - page_start) * PAGE_SIZE * " + cpus + ");\n";
    };
    const char* possible = "({ int nr = 0; for_each_possible_cpu(cpu) nr += cpu_to_node(cpu) == nid; nr; })";
    const auto violations = [&](const std::string& taken, const std::string& freed) {
        const std::string at_taking = taken + "$&", at_freeing = "$&" + freed;
        std::vector<TextEdit> edits;
        if (!taken.empty()) edits.push_back({R"(\n\treturn 0;\n\nerr:\n\twhile)", at_taking.c_str()});
        if (!freed.empty())
            edits.push_back({R"(\n\t\t\t\t__free_page\(page\);\n\t\t\}\n\t\})", at_freeing.c_str()});
        const auto unit = compiled(edited_copy("percpu-vm.c", edits), {"percpu", "x86-64"});
        CHECK(std::ranges::count(unit.tree.defines, "-DMMODEL_COUNTS_BYTES") == !edits.empty());
        const auto t =
            parse_trace("mmodel trace 1\ngeometry x86-64 nodes=2 cpus=0,0,1\n"
                        "pcpu_boot static=16K dyn=28K atom=4K\ncpu_online cpu=1 on=1\n"
                        "pcpu_alloc area=0 bytes=32K\npcpu_alloc area=1 bytes=32K fail=4\n"
                        "pcpu_alloc area=1 bytes=32K\npcpu_free area=1\npcpu_free area=0\npcpu_balance\n");
        REQUIRE(t.has_value());
        const auto r = bench::run_one(unit, t->config, t->ops);
        REQUIRE(r.has_value());
        for (const auto& v : r->violations) UNSCOPED_INFO(v.detail);
        CHECK(std::ranges::all_of(r->violations, [](const spec::Violation& v) {
            return v.inv == Inv::percpu_counters_equal_the_truth && v.way == spec::Way::percpu_bytes;
        }));
        return r->violations.size();
    };
    CHECK(violations("", "") == 0);
    CHECK(violations(counted("", possible), counted("-", possible)) == 0);
    CHECK(violations(counted("", "nr_cpus_node(nid)"), counted("-", "nr_cpus_node(nid)")) > 0);
    CHECK(violations(counted("", possible), "") > 0);
    CHECK(violations("", counted("-", possible)) > 0);
}
