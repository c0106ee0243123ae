// SPDX-License-Identifier: GPL-2.0 OR MIT
// What of a file ran: its branches are found, noted, told by function and line, and steer a campaign. On the
// stand-in tree and edited copies of it.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <random>

#include "fuzz/campaign/branches.hpp"
#include "fuzz/campaign/machines.hpp"
#include "props/spec/linux/broken_tree.hpp"
#include "props/spec/linux/compiled.hpp"

using namespace mmodel;
using enum OpKind;
namespace fs = std::filesystem;

namespace {

constexpr const char* file = "hugetlb_vmemmap.c";
const fs::path stand_in = fs::path(MMODEL_FIXTURES_DIR) / "reuse_page";

fs::path edited(const char* from, const char* to) { return broken_tree(file, from, to, stand_in); }

// For as long as it lives, a variable of the environment.
struct Variable {
    Variable(const char* name, const char* value)
        : name(name), before(std::getenv(name) ? std::getenv(name) : "") {
        setenv(name, value, 1);
    }
    ~Variable() { before.empty() ? unsetenv(name) : setenv(name, before.c_str(), 1); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    const char* name;
    std::string before;
};

bench::RealResult ran(const bench::Unit& unit, const std::vector<Op>& ops) {
    const auto r = bench::run_one(unit, *parse_config("tiny512"), ops);
    INFO((r ? "" : r.error().what));
    REQUIRE(r.has_value());
    return *r;
}

bool is_in(const bench::Unit& unit, const bench::Reached& reached, std::string_view function) {
    return std::ranges::any_of(reached.edges,
                               [&](u32 e) { return unit.edges->branches[e].function == function; });
}

bench::Report swept(const bench::Unit& unit) {
    bench::Campaign c(unit, {.seed = 1});
    c.sweep(std::numeric_limits<double>::infinity());
    const auto r = c.report();
    REQUIRE(r.has_value());
    return *r;
}

bool never(const cli::Covered& c, std::string_view function, std::string_view text) {
    return std::ranges::any_of(c.never, [&](const bench::Branch& b) {
        return b.function == function && b.text.find(text) != b.text.npos;
    });
}

const std::vector<Op> optimised{{.kind = alloc_folio}, {.kind = optimise}};

} // namespace

TEST_CASE("a sequence with a restore reaches what one without does, and the restore") {
    const bench::Unit unit = compiled(stand_in);
    INFO(unit.no_coverage);
    REQUIRE(unit.edges);
    std::vector<Op> both = optimised;
    both.push_back({.kind = restore});
    const auto without = ran(unit, optimised).reached, with = ran(unit, both).reached;
    CHECK(std::ranges::includes(with.edges, without.edges));
    CHECK(with.edges.size() > without.edges.size());
    CHECK_FALSE(is_in(unit, without, "vmemmap_restore_pte"));
    CHECK(is_in(unit, with, "vmemmap_restore_pte"));
    CHECK(with.pairs.size() >= with.edges.size());
}

TEST_CASE("what a child ran is known when it was ended in the middle") {
    const bench::Unit unit = compiled(
        edited(R"(static void vmemmap_restore_pte\([^{]*\{)", "$&\n\tif (pass->pages) __builtin_trap();"));
    std::vector<Op> ops = optimised;
    ops.push_back({.kind = restore});
    const auto r = ran(unit, ops);
    REQUIRE_FALSE(r.violations.empty());
    CHECK(is_in(unit, r.reached, "vmemmap_restore_pte"));
}

TEST_CASE("a branch that nobody reaches is told by function and line, and the rest of the file runs") {
    const cli::Covered whole = cli::covered(swept(compiled(stand_in)), {});
    CHECK(whole.percent() >= 80);
    const char* const dead = "if (pass->nr_walked == 77777)";
    const cli::Covered c =
        cli::covered(swept(compiled(edited(R"(static void vmemmap_restore_pte\([^{]*\{)",
                                           "$&\n\tif (pass->nr_walked == 77777)\n\t\tpass->nr_walked = 1;"))),
                     {});
    CHECK_FALSE(never(whole, "vmemmap_restore_pte", "pass->nr_walked = 1;"));
    CHECK(never(c, "vmemmap_restore_pte", "pass->nr_walked = 1;"));
    CHECK_FALSE(never(c, "vmemmap_restore_pte", dead));
    CHECK(c.reachable > whole.reachable);
    CHECK(c.percent() <= whole.percent());
}

TEST_CASE("a branch on the list of what cannot be reached does not count, one that runs is told") {
    const fs::path list = test_work_dir() / "unreachable";
    std::ofstream(list) << "# a comment\n\n"
                           "mm/hugetlb_vmemmap.c vmemmap_restore_pte | pass->nr_walked = 1; | an edit\n"
                           "mm/hugetlb_vmemmap.c vmemmap_remap_pte | * | it does run\n"
                           "mm/hugetlb_vmemmap.c no_such_function | * | of another version\n";
    const auto entries = cli::read_unreachable(list);
    REQUIRE(entries.has_value());
    const auto report =
        swept(compiled(edited(R"(static void vmemmap_restore_pte\([^{]*\{)",
                              "$&\n\tif (pass->nr_walked == 77777)\n\t\tpass->nr_walked = 1;")));
    const cli::Covered plain = cli::covered(report, {}), c = cli::covered(report, *entries);
    CHECK(never(plain, "vmemmap_restore_pte", "pass->nr_walked = 1;"));
    CHECK_FALSE(never(c, "vmemmap_restore_pte", "pass->nr_walked = 1;"));
    CHECK(c.unreachable > 0);
    CHECK(c.reachable == plain.reachable - c.unreachable);
    REQUIRE(c.but_ran.size() == 1);
    CHECK(c.but_ran.front()->function == "vmemmap_remap_pte");
    std::ofstream(list) << "# one\nmm/percpu.c pcpu_alloc | no reason\n";
    const auto nonsense = cli::read_unreachable(list);
    REQUIRE_FALSE(nonsense.has_value());
    CHECK(nonsense.error().find("unreachable: line 2: wanted FILE FUNCTION | TEXT | REASON") !=
          std::string::npos);
}

TEST_CASE("the records' list of what cannot be reached can be read") {
    const auto entries = cli::read_unreachable(fs::path(MMODEL_FINDINGS_DIR) / "unreachable");
    INFO((entries ? "" : entries.error()));
    CHECK(entries.has_value());
}

TEST_CASE("gcc's edge coverage is read as clang's is") {
    if (std::system("gcc --version >/dev/null 2>&1") != 0) return skip("there is no gcc");
    const Variable use("MMODEL_CC", "gcc");
    const bench::Unit unit = compiled(stand_in);
    INFO(unit.no_coverage);
    REQUIRE(unit.edges);
    const auto reached = ran(unit, optimised).reached;
    CHECK(is_in(unit, reached, "vmemmap_remap_pte"));
    CHECK_FALSE(is_in(unit, reached, "vmemmap_restore_pte"));
}

TEST_CASE("without objdump, or the compiler's coverage, it is said that coverage is not measured") {
    const fs::path cc = test_work_dir() / "no-coverage-cc";
    std::ofstream(cc) << "#!/bin/sh\nfor w; do case $w in -fsanitize-coverage=*) exit 1;; esac; done\n"
                         "exec clang-19 \"$@\"\n";
    fs::permissions(cc, fs::perms::owner_all);
    {
        const Variable use("MMODEL_CC", cc.c_str());
        const bench::Unit unit = compiled(stand_in);
        CHECK_FALSE(unit.edges);
        CHECK(unit.no_coverage.find("has no edge coverage") != std::string::npos);
        CHECK(ran(unit, optimised).reached.edges.empty());
    }
    const fs::path bin = test_work_dir() / "bin";
    fs::create_directories(bin);
    if (!fs::exists(bin / "ld")) fs::create_symlink("/usr/bin/ld", bin / "ld");
    const Variable use("MMODEL_CC", "/usr/bin/clang-19"), only_ld("PATH", bin.c_str());
    const bench::Unit unit = compiled(stand_in);
    CHECK_FALSE(unit.edges);
    CHECK(unit.no_coverage.find("objdump") != std::string::npos);
    CHECK_FALSE(cli::covered(swept(unit), {}).is_measured());
}

TEST_CASE("a file that has the instrumentation's own names is refused, by name") {
    const auto tree = bench::open_tree(
        edited(R"($)", "\nvoid __sanitizer_cov_trace_pc(void);\nvoid __sanitizer_cov_trace_pc(void) {}\n"));
    REQUIRE(tree.has_value());
    const auto unit = bench::compile(*tree, test_work_dir());
    REQUIRE_FALSE(unit.has_value());
    CHECK(unit.error().what.find("has __sanitizer_cov_trace_pc(), a name of the bench's own") !=
          std::string::npos);
}

// Each step of it is a branch of its own; together they are more restores than a sequence that is drawn has.
TEST_CASE(
    "a warning behind rare branches is found by sequences like those that came near, by no fresh ones") {
    const bench::Unit unit = compiled(
        edited(R"(static void vmemmap_restore_pte\([^{]*\{)",
               "static int mm_n, mm_steps;\n$&\n\tif (pass->nr_walked == 1) mm_n++;\n"
               "\tif (mm_n > 9) mm_steps++;\n\tif (mm_n > 11) mm_steps++;\n\tif (mm_n > 13) mm_steps++;\n"
               "\tif (mm_n > 15) mm_steps++;\n\tif (mm_n > 17) mm_steps++;\n\tWARN_ON(mm_n > 19);"));
    const auto operations = [&](bool pool, u64 most) {
        bench::Campaign c(unit, {.seed = 3, .until = spec::Inv::no_kernel_warning, .pool = pool});
        c.sweep(std::numeric_limits<double>::infinity());
        for (;;) {
            c.draw(0.05);
            const auto r = c.report();
            REQUIRE(r.has_value());
            const bool found = std::ranges::any_of(r->findings, [](const bench::Finding& f) {
                return f.violation.inv == spec::Inv::no_kernel_warning;
            });
            if (found || r->operations > most) return std::pair(found, r->operations);
        }
    };
    const auto [found, nr] = operations(true, 2'000'000);
    CHECK(found);
    CHECK_FALSE(operations(false, nr).first);
}

TEST_CASE("machines are drawn with holes, in any order of nodes, with distances that differ both ways") {
    Rng rng = std::mt19937_64(7);
    bool hole = false, unsorted = false, one_way = false, highmem = false, little = false, no_memory = false;
    bool no_distances = false, ends_within_a_table = false;
    for (int i = 0; i < 200; ++i) {
        const Config c = bench::random_machine("tiny512", Subsystem::percpu, rng);
        CHECK(why_impossible(c).empty());
        CHECK(parse_config(print_config(c)) == c);
        for (u8 cpu = 0; cpu < c.nr_cpus; ++cpu) {
            hole |= c.cpu_node[cpu] == no_node;
            unsorted |= cpu && c.cpu_node[cpu] < c.cpu_node[cpu - 1];
            no_memory |= c.cpu_node[cpu] != no_node && c.cpu_node[cpu] >= c.nr_nodes;
        }
        for (u8 a = 0; a < c.nr_nodes; ++a)
            for (u8 b = 0; b < a; ++b) one_way |= c.distance[a][b] != c.distance[b][a];
        highmem |= c.highmem_frames != 0;
        no_distances |= c.nr_nodes > 1 && c.distance[0][1] == local_distance &&
                        std::ranges::all_of(std::span(c.distance).first(c.nr_nodes), [&](const auto& row) {
                            const auto far = std::span(row).first(c.nr_nodes);
                            return std::ranges::count(far, local_distance) >= c.nr_nodes - 1;
                        });
        ends_within_a_table |= c.vmalloc_pages % c.geometry.ptrs_per_pte != 0;
        little |= c.vmalloc_pages < parse_config("tiny512")->vmalloc_pages;
    }
    CHECK((hole && unsorted && one_way && highmem && little && no_memory));
    CHECK((no_distances && ends_within_a_table));
}

TEST_CASE("machines for HVO are drawn with little memory on some nodes, with and without boot memory") {
    for (const std::string geometry : {"tiny512", "x86-64"}) {
        Rng rng = std::mt19937_64(7);
        const Config plain = *parse_config(geometry);
        bool one_node = false, all_nodes = false, little = false, no_boot = false, boot = false,
             no_block = false;
        for (int i = 0; i < 200; ++i) {
            const Config c = bench::random_machine(geometry, Subsystem::hvo, rng);
            CHECK(why_impossible(c).empty());
            CHECK(parse_config(print_config(c)) == c);
            one_node |= c.nr_nodes == 1, all_nodes |= c.nr_nodes == max_nodes;
            little |= c.frames_per_node < plain.frames_per_node;
            (c.boot_gigantic ? boot : no_boot) = true;
            if (c.boot_gigantic)
                CHECK(c.frames_per_node % (u64{1} << c.geometry.folio_order[c.geometry.nr_hstates() - 1]) ==
                      0);
            no_block |= c.hot_block_frames == 0;
        }
        CHECK((one_node && all_nodes && little && no_boot && boot && no_block));
    }
}

// 1.5 million operations on five machines did not show it.
TEST_CASE("an isolated chunk of Debian's percpu that a free moves between lists is found") {
    if (there_is_nothing_to_break()) return;
    const bench::Unit unit =
        compiled(broken_tree("percpu.c", R"((leave isolated chunks in-place \*/\n\t)if \(chunk->isolated\))",
                             "$1if (0)"),
                 {.file = "percpu"});
    const auto r = bench::run_tree(unit, {.seconds = 60, .until = spec::Inv::every_chunk_is_on_its_list});
    REQUIRE(r.has_value());
    CHECK(std::ranges::any_of(r->findings, [](const bench::Finding& f) {
        return f.violation.inv == spec::Inv::every_chunk_is_on_its_list;
    }));
}
