// SPDX-License-Identifier: GPL-2.0 OR MIT
// Two backends answer what kernel code reads and writes: the software MMU and the host's own page tables.
// After each of thousands of operations both leave the same outcome, the same page tables and the same bytes
// in every frame; and no access goes around the software MMU.
#include <catch2/catch.hpp>

#include <sys/mman.h>
#include <sys/wait.h>

#include <cstdlib>
#include <span>

#include "fuzz/ops/generate.hpp"
#include "fuzz/ops/trace.hpp"
#include "props/skip.hpp"
#include "props/spec/linux/work_dir.hpp"
#include "spec/linux/host/load.hpp"
#include "spec/linux/host/runner.hpp"

using namespace mmodel;
using bench::Backend;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t length = 150;

// What is compared of one operation.
struct Seen {
    u64 memory, nr_events, nr_allocs;
    Errno err;
    bool disabled;
    int violated; // the first invariant; -1: none
    bool operator==(const Seen&) const = default;
};

struct Run {
    std::array<Seen, length> seen;
    std::size_t done; // operations, up to the first violation
    bool failed, crashed;
    std::array<char, 256> why;
};

// In a process of its own: the host's page tables end a wrong access with a signal.
Run run(const bench::Unit& unit, const Config& c, const std::vector<Op>& ops) {
    void* at = mmap(nullptr, sizeof(Run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(at != MAP_FAILED);
    Run& out = *new (at) Run{};
    const int pid = fork();
    if (pid == 0) {
        try {
            bench::Progress progress;
            const auto driver = make_driver(unit, c, progress);
            for (std::size_t i = 0; i < ops.size(); ++i) {
                const bench::RealStep step = driver->run(ops[i]);
                const bool clean = step.violations.empty();
                if (!clean)
                    std::snprintf(out.why.data(), out.why.size(), "%s", step.violations[0].detail.c_str());
                out.seen[i] = {
                    clean ? driver->digest() : 0, step.ran.nr_events,
                    step.ran.nr_allocs,           step.ran.outcome.err,
                    step.ran.outcome.disabled,    clean ? -1 : static_cast<int>(step.violations[0].inv)};
                out.done = i + 1;
                if (!clean) break;
            }
        } catch (const std::exception& e) {
            std::snprintf(out.why.data(), out.why.size(), "%s", e.what());
            out.failed = true;
        }
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    Run result = out;
    result.crashed = !WIFEXITED(status);
    munmap(at, sizeof(Run));
    return result;
}

bench::Unit compiled(const fs::path& dir, const char* file, Backend backend, bool poison = false,
                     const std::vector<std::string>& breaks = {}) {
    const auto whole = bench::open_tree(dir);
    REQUIRE(whole.has_value());
    const auto tree = whole->judged_by(file);
    REQUIRE(tree.has_value());
    auto unit = bench::compile(*tree, test_work_dir(), breaks, {}, backend);
    INFO((unit ? "" : unit.error().what));
    REQUIRE(unit.has_value());
    INFO(unit->no_mmu);
    REQUIRE(unit->backend == backend);
    unit->poison = poison;
    return *unit;
}

const fs::path stand_in = fs::path(MMODEL_FIXTURES_DIR) / "reuse_page";

struct Case {
    fs::path dir;
    const char* file;
    const char* config;
    Subsystem subsystem;
};

const fs::path trees = MMODEL_TREES_DIR;
const Case cases[] = {
    {stand_in, "hugetlb_vmemmap", "x86-64 memory=128M", Subsystem::hvo},
    {trees / "linux-6.1", "hugetlb_vmemmap", "x86-64 nodes=2 memory=128M", Subsystem::hvo},
    {trees / "linux-6.12", "hugetlb_vmemmap", "x86-64 memory=128M", Subsystem::hvo},
    {trees / "linux-6.1", "percpu", "x86-64 memory=128M cpus=0*4 vmalloc=1G", Subsystem::percpu},
    {trees / "linux-6.12", "percpu", "x86-64 nodes=2 memory=128M cpus=0*2,1*1 vmalloc=1G",
     Subsystem::percpu}};

bool is_missing(const Case& c) {
    if (fs::exists(c.dir)) return false;
    if (std::getenv("CI")) FAIL(c.dir << " is not there; ./dev trees makes it");
    skip(c.dir.string() + " is not there; ./dev trees makes it");
    return true;
}

// Runs the same random operations on all units, to the first violation of each sequence; how many those were.
std::size_t compare(const Case& c, const std::vector<bench::Unit>& units, u64 nr_sequences) {
    const auto parsed = parse_config(c.config);
    INFO(c.config << ": " << (parsed ? "" : parsed.error()));
    REQUIRE(parsed.has_value());
    Mix mix;
    mix.subsystem = c.subsystem;
    mix.gigantic_percent = 0;
    std::size_t n = 0;
    for (u64 seed = 0; seed < nr_sequences; ++seed) {
        const auto ops = random_ops(*parsed, mix, seed, length);
        const Run first = run(units[0], *parsed, ops);
        REQUIRE(!(first.failed || first.crashed));
        for (const bench::Unit& unit : std::span(units).subspan(1)) {
            const Run other = run(unit, *parsed, ops);
            INFO(c.dir << ", " << c.file << ", seed " << seed << (unit.poison ? ", poisoned" : ""));
            INFO(first.why.data() << "\n" << other.why.data());
            REQUIRE(!(other.failed || other.crashed));
            for (std::size_t i = 0; i < std::min(first.done, other.done); ++i) {
                INFO("operation " << i << ": " << print_op(parsed->geometry, ops[i]));
                REQUIRE(first.seen[i] == other.seen[i]);
            }
            REQUIRE(first.done == other.done);
        }
        n += first.done;
    }
    return n;
}

} // namespace

TEST_CASE("both backends leave the same bytes, page tables and outcomes, and nothing goes around the MMU") {
    const Case& c = GENERATE(from_range(std::begin(cases), std::end(cases)));
    if (is_missing(c)) return;
    const bench::Unit mmap = compiled(c.dir, c.file, Backend::mmap);
    const bench::Unit mmu = compiled(c.dir, c.file, Backend::mmu);
    const bench::Unit poisoned = compiled(c.dir, c.file, Backend::mmu, true);
    CHECK(compare(c, {mmap, mmu, poisoned}, 4) > 250);
}

// What a compiler makes stores of itself it need not announce.
TEST_CASE("both backends leave the same bytes when gcc compiles the file") {
    if (std::system("command -v gcc >/dev/null") != 0) return skip("there is no gcc");
    const Case& c = cases[GENERATE(0, 1, 4)];
    if (is_missing(c)) return;
    setenv("MMODEL_CC", "gcc", 1);
    const bench::Unit mmap = compiled(c.dir, c.file, Backend::mmap),
                      mmu = compiled(c.dir, c.file, Backend::mmu);
    unsetenv("MMODEL_CC");
    CHECK(compare(c, {mmap, mmu}, 1) > 10);
}

TEST_CASE("inline assembly that changes a struct page is found by poisoned scratch memory") {
    const Config config = *parse_config("x86-64");
    const std::vector<Op> ops{{.kind = OpKind::alloc_folio}, {.kind = OpKind::optimise}};
    const auto unit = [&](bool poison) {
        return compiled(stand_in, "hugetlb_vmemmap", Backend::mmu, poison, {"GO_AROUND"});
    };
    CHECK(run(unit(false), config, ops).seen[1].violated == -1);
    const Run found = run(unit(true), config, ops);
    CHECK(found.seen[1].violated == static_cast<int>(spec::Inv::kernel_code_touches_only_what_is_mapped));
    CHECK(std::string(found.why.data()).find("that the compiler did not announce") != std::string::npos);
}

TEST_CASE(
    "a frame that changed although nothing was stored to it is found by the poisoned MMU, which looks") {
    const Config config = *parse_config("x86-64");
    const std::vector<Op> ops{{.kind = OpKind::alloc_folio}, {.kind = OpKind::restore}};
    const auto unit = [&](bool poison) {
        return compiled(stand_in, "hugetlb_vmemmap", Backend::mmu, poison, {"STORE_UNSEEN"});
    };
    CHECK(run(unit(false), config, ops).seen[1].violated == -1);
    const Run found = run(unit(true), config, ops);
    CHECK(found.seen[1].violated == static_cast<int>(spec::Inv::kernel_code_touches_only_what_is_mapped));
    CHECK(std::string(found.why.data()).find("something wrote to pfn ") == 0);
}

TEST_CASE("a store that the entry points forget to mark is missed, but not by the poisoned MMU") {
    const Config config = *parse_config("x86-64");
    const std::vector<Op> ops{{.kind = OpKind::alloc_folio}, {.kind = OpKind::restore}};
    const auto violated = [&](bool poison, const std::vector<std::string>& breaks) {
        return run(compiled(stand_in, "hugetlb_vmemmap", Backend::mmu, poison, breaks), config, ops)
            .seen[1]
            .violated;
    };
    const auto unannounced = static_cast<int>(spec::Inv::kernel_code_touches_only_what_is_mapped);
    CHECK(violated(false, {}) == -1);
    CHECK(violated(true, {}) == -1);
    CHECK(violated(false, {"STORE_STRAY"}) >= 0);
    CHECK(violated(false, {"STORE_STRAY", "FORGET_STORES"}) == -1);
    CHECK(violated(true, {"STORE_STRAY", "FORGET_STORES"}) == unannounced);
}

TEST_CASE("a wrong access is named by function, line, address and the frame behind it") {
    const bench::Unit unit = compiled(stand_in, "hugetlb_vmemmap", Backend::mmu, false, {"WRITE_TAIL"});
    const std::vector<Op> ops{{.kind = OpKind::alloc_folio}, {.kind = OpKind::optimise}};
    const auto r = bench::Runner(unit, *parse_config("x86-64")).run(ops);
    REQUIRE(r.has_value());
    REQUIRE_FALSE(r->violations.empty());
    const spec::Violation& v = r->violations.back();
    INFO(v.where << ": " << v.detail);
    CHECK(v.inv == spec::Inv::no_write_through_a_read_only_pte);
    CHECK(v.where == "optimize_one");
    for (const char* part : {"hugetlb_vmemmap.c:", "a write of 8 bytes at page ", "read-only, to pfn "})
        CHECK(v.detail.find(part) != std::string::npos);
}
