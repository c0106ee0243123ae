// SPDX-License-Identifier: GPL-2.0 OR MIT
// Trees that would hurt whoever compiles and runs them: the bench survives each, says what happened, and
// finds what it finds. Each is the stand-in tree with a few lines more.
#include <catch2/catch.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "props/skip.hpp"
#include "props/spec/linux/work_dir.hpp"
#include "spec/linux/host/cage.hpp"
#include "spec/linux/host/runner.hpp"
#include "spec/linux/host/text.hpp"

using namespace mmodel;
using spec::Inv;
namespace fs = std::filesystem;

namespace {

const fs::path source_file = "mm/hugetlb_vmemmap.c";

// A copy of the stand-in tree.
fs::path copy_of_tree(const std::string& name) {
    const fs::path dir = test_work_dir() / ("hostile-" + name);
    fs::remove_all(dir);
    fs::create_directories(dir);
    fs::copy(fs::path(MMODEL_FIXTURES_DIR) / "reuse_page", dir, fs::copy_options::recursive);
    return dir;
}

void replace_in(const fs::path& file, const std::string& from, const std::string& to) {
    std::string text = *bench::slurp(file);
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    std::ofstream(file, std::ios::binary) << text.replace(at, from.size(), to);
}

// The C library's, as a file may declare them.
const std::string library = R"(
#pragma GCC visibility push(default)
int kill(int, int), getppid(void), fork(void), setsid(void), socket(int, int, int), close(int);
int execl(const char *, const char *, ...), creat(const char *, unsigned), open(const char *, int, ...);
long ptrace(int, ...), read(int, void *, unsigned long), write(int, const void *, unsigned long);
void _exit(int), abort(void), *malloc(unsigned long), *fopen(const char *, const char *);
unsigned sleep(unsigned);
#pragma GCC visibility pop
)";

// ... in which every optimisation does this first; `outside` stands before the function that does.
fs::path tree_that(const std::string& name, const std::string& does, const std::string& outside = "") {
    const fs::path dir = copy_of_tree(name);
    const std::string head = "static void sabotage(struct folio *folio)\n{\n";
    replace_in(dir / source_file, head, library + outside + "\n" + head + does + "\n");
    return dir;
}

bench::Unit compiled(const fs::path& dir) {
    const auto tree = bench::open_tree(dir);
    REQUIRE(tree.has_value());
    const auto unit = bench::compile(*tree, test_work_dir());
    INFO((unit ? "" : unit.error().what));
    REQUIRE(unit.has_value());
    return *unit;
}

const Config config = *parse_config("x86-64");

std::vector<Op> optimise_once() {
    return {{.kind = OpKind::alloc_folio}, {.kind = OpKind::optimise}, {.kind = OpKind::restore}};
}

// What the bench makes of it. It must be able to go on with a tree that does no harm after each.
spec::Violation found_in(const fs::path& dir) {
    bench::Runner runner(compiled(dir), config, 0.2);
    const auto r = runner.run(optimise_once());
    INFO((r ? "" : r.error().what));
    REQUIRE(r.has_value());
    REQUIRE_FALSE(r->violations.empty());
    CHECK(r->op_idx <= 2);
    UNSCOPED_INFO(r->violations.back().detail);
    return r->violations.back();
}

std::string compiler_says(const fs::path& dir, const bench::CompileLimits& limits) {
    const auto tree = bench::open_tree(dir);
    REQUIRE(tree.has_value());
    const auto unit = bench::compile(*tree, test_work_dir(), {}, limits);
    REQUIRE_FALSE(unit.has_value());
    CHECK_FALSE(unit.error().usage);
    CHECK(unit.error().what.size() < 2000);
    return unit.error().what;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// Else the test is skipped.
bool calls_are_filtered() {
    for (const std::string& gap : bench::cage_gaps()) skip(gap);
    return bench::cage_gaps().empty();
}

// Finds, when it is loaded, what it shares with the bench, and fills all of it when it runs.
const char* const scribbler = R"(
static struct { unsigned long start, end; } mm_shared[64];
static int mm_nr_shared;
static unsigned long hex(const char **s)
{
	unsigned long x = 0;
	for (;; ++*s) {
		if (**s >= '0' && **s <= '9') x = x * 16 + **s - '0';
		else if (**s >= 'a' && **s <= 'f') x = x * 16 + **s - 'a' + 10;
		else return x;
	}
}
static __attribute__((constructor)) void mm_look(void)
{
	static char text[1 << 20];
	int fd = open("/proc/self/maps", 0);
	long have = 0, n;
	const char *s = text;
	while ((n = read(fd, text + have, sizeof(text) - 1 - have)) > 0) have += n;
	while (*s) {
		unsigned long start = hex(&s), end;
		s++;
		end = hex(&s);
		if (s[2] == 'w' && s[4] == 's' && mm_nr_shared < 64) {
			mm_shared[mm_nr_shared].start = start;
			mm_shared[mm_nr_shared++].end = end;
		}
		while (*s && *s != '\n') s++;
		if (*s) s++;
	}
}
static void mm_scribble(int byte)
{
	int i;
	for (i = 0; i < mm_nr_shared; i++) {
		unsigned long at;
		for (at = mm_shared[i].start; at < mm_shared[i].end; at++)
			*(volatile unsigned char *)at = byte + (byte == 0xa5 ? at * 7 : 0);
	}
}
)";

} // namespace

TEST_CASE("a tree that writes over what it shares with the bench is found out") {
    // What is read-only to it is passed over: the request cannot be written.
    const char* byte = GENERATE("0x00", "0xff", "0xa5", "0x01");
    const fs::path dir = tree_that("scribble", std::string("mm_scribble(") + byte + ");", scribbler);
    bench::Runner runner(compiled(dir), config, 0.2);
    for (int i = 0; i < 3; ++i) {
        const auto r = runner.run(optimise_once());
        INFO((r ? "" : r.error().what));
        REQUIRE(r.has_value());
        REQUIRE_FALSE(r->violations.empty());
        CHECK(r->violations.back().inv == Inv::kernel_code_touches_only_what_is_mapped);
        UNSCOPED_INFO(r->violations.back().detail);
    }
}

TEST_CASE("a tree cannot end its parent, start processes or leave its group") {
    if (!calls_are_filtered()) return;
    const auto [code, call] = GENERATE(table<std::string, std::string>({
        {"kill(getppid(), 9);", "kill()"},
        {"int i; for (i = 0; i < 5; i++) fork();", "clone()"},
        {"setsid();", "setsid()"},
        {"socket(2, 1, 0);", "socket()"},
        {"ptrace(0, 0, 0, 0);", "ptrace()"},
        {"execl(\"/bin/true\", \"true\", (char *)0);", "execve()"},
        {"int i; for (i = 0; i < 1024; i++) close(i);", "close()"},
        {"fopen(\"/tmp/mmodel-hostile\", \"w\");", "openat()"},
        {"sleep(100);", "clock_nanosleep()"},
    }));
    INFO(code);
    const spec::Violation v = found_in(tree_that("calls", code));
    CHECK(v.inv == Inv::kernel_code_touches_only_what_is_mapped);
    CHECK(contains(v.detail, "calls the system"));
    CHECK(contains(v.detail, call));
}

TEST_CASE("a tree that harms when it is loaded is found out too") {
    if (!calls_are_filtered()) return;
    const std::string at_load = "static __attribute__((constructor)) void mm_harm(void)\n{\n";
    const auto [code, call] = GENERATE(table<std::string, std::string>({
        {"kill(getppid(), 9);", "kill()"},
        {"fork();", "clone()"},
        {"creat(\"mmodel-hostile\", 0600);", "creat()"},
    }));
    const spec::Violation v = found_in(tree_that("load", "", at_load + code + "\n}\n"));
    CHECK(contains(v.detail, call));
    CHECK_FALSE(fs::exists("mmodel-hostile"));
}

TEST_CASE("a tree that ends itself, recurses for ever or prints a gigabyte is found out or does no harm") {
    CHECK(contains(found_in(tree_that("exit", "_exit(0);")).detail, "exited by itself"));
    CHECK(contains(found_in(tree_that("exit", "_exit(42);")).detail, "exited by itself"));
    CHECK(contains(found_in(tree_that("abort", "abort();")).detail, "Aborted"));
    CHECK(contains(found_in(tree_that("recurse", "mm_deep(1);",
                                      "int mm_deep(int n);\nint (*volatile mm_next)(int) = mm_deep;\n"
                                      "int mm_deep(int n) { volatile char room[4096]; room[0] = n; "
                                      "return mm_next(n + 1) + room[0]; }"))
                       .detail,
                   "stack is used up"));
    // Its output goes nowhere: nothing is wrong with what it does.
    bench::Runner runner(
        compiled(tree_that("print", "static char line[1 << 20]; int i; for (i = 0; i < 1024; "
                                    "i++) write(1, line, sizeof(line));")),
        config);
    const auto r = runner.run(optimise_once());
    REQUIRE(r.has_value());
    CHECK(r->violations.empty());
}

TEST_CASE("memory without end is refused to a tree") {
    if (!calls_are_filtered()) return; // nor is memory limited where address sanitizer runs
    const spec::Violation v = found_in(tree_that("memory", "for (;;) if (!malloc(1ul << 28)) BUG();"));
    CHECK(v.inv == Inv::no_bug);
}

TEST_CASE("a file's static data starts afresh with each sequence") {
    bench::Runner runner(compiled(tree_that("static", "static int nr_calls; BUG_ON(++nr_calls > 1);")),
                         config);
    for (int i = 0; i < 3; ++i) {
        const auto r = runner.run(optimise_once());
        REQUIRE(r.has_value());
        CHECK(r->violations.empty());
    }
    std::vector<Op> twice = optimise_once();
    twice.push_back({.kind = OpKind::optimise});
    const auto r = runner.run(twice);
    REQUIRE(r.has_value());
    REQUIRE_FALSE(r->violations.empty());
    CHECK(r->violations.front().inv == Inv::no_bug);
}

TEST_CASE("a huge header without the brace that is looked for is read like any other") {
    const fs::path dir = copy_of_tree("header");
    fs::create_directories(dir / "include/linux");
    std::ofstream(dir / "include/linux/page_ref.h")
        << "static inline bool page_ref_add_unless(" << std::string(400'000, 'x');
    CHECK(bench::open_tree(dir).has_value());
    std::ofstream(dir / "Makefile") << "VERSION = " << std::string(1'000'000, '1');
    CHECK_FALSE(bench::open_tree(dir).has_value());
}

TEST_CASE("what a Makefile says of its version is no way to a file elsewhere, nor to the terminal") {
    const fs::path dir = copy_of_tree("version");
    std::ofstream(dir / "Makefile")
        << "VERSION = 6\nPATCHLEVEL = 8\nSUBLEVEL = 0\nEXTRAVERSION = -rc1/../../x\x1b[31m\n";
    const auto tree = bench::open_tree(dir);
    REQUIRE(tree.has_value());
    CHECK(tree->version == "6.8.0-rc1");
    std::ofstream(dir / source_file, std::ios::app) << "#error \x1b[31mred\n";
    const std::string says = compiler_says(dir, {});
    CHECK(contains(says, "[31mred"));
    CHECK_FALSE(contains(says, "\x1b"));
}

TEST_CASE("only regular files of a tree are read") {
    const fs::path dir = copy_of_tree("fifo");
    const fs::path file = dir / GENERATE("Makefile", "mm/hugetlb_vmemmap.c", "mm/hugetlb_vmemmap.h");
    fs::remove(file);
    REQUIRE(mkfifo(file.c_str(), 0600) == 0);
    const auto tree = bench::open_tree(dir);
    CHECK(tree.has_value() == (file.filename() != "Makefile"));
    const std::string said = tree ? tree->judged().refusal : tree.error().what;
    CHECK(contains(said, file.filename().string() + ": cannot be read: it is not a regular file"));
    const fs::path percpu = copy_of_tree("fifo") / "mm/percpu.c";
    REQUIRE(mkfifo(percpu.c_str(), 0600) == 0);
    CHECK(bench::open_tree(percpu.parent_path().parent_path()).has_value());
}

TEST_CASE("a compiler that does not come to an end is ended") {
    const fs::path dir = copy_of_tree("include");
    const auto include = [&](const std::string& what) {
        std::ofstream(dir / source_file, std::ios::app) << "\n#include \"" << what << "\"\n";
    };
    SECTION("by the limit on memory, or on time") {
        std::string bomb = "#define MM_0 x x x x\n";
        for (int i = 1; i < 40; ++i)
            bomb += "#define MM_" + std::to_string(i) + " MM_" + std::to_string(i - 1) + " MM_" +
                    std::to_string(i - 1) + "\n";
        std::ofstream(dir / "mm/bomb.h") << bomb + "MM_39\n";
        include("bomb.h");
        const std::string what = compiler_says(dir, {.seconds = 1, .memory_bytes = 1 << 29});
        CHECK(contains(what, "does not compile"));
    }
    SECTION("or is none: a device without end is an empty file to it") {
        include("/dev/zero");
        const auto tree = bench::open_tree(dir);
        REQUIRE(tree.has_value());
        (void)bench::compile(*tree, test_work_dir(), {}, {.seconds = 1, .memory_bytes = 1 << 29});
    }
    SECTION("by the clock") {
        REQUIRE(mkfifo((dir / "mm/fifo.h").c_str(), 0600) == 0);
        include("fifo.h");
        CHECK(contains(compiler_says(dir, {.seconds = 0.5}), "it took more than"));
    }
    SECTION("by the limit on what it says") {
        std::ofstream(dir / "mm/again.h") << "#warning again\n#error again\n#include \"again.h\"\n";
        include("again.h");
        setenv("MMODEL_CC", "clang-19 -ferror-limit=0 -fmax-include-depth=100000", 1);
        const std::string what = compiler_says(dir, {.seconds = 5, .file_bytes = 1 << 20});
        unsetenv("MMODEL_CC");
        CHECK(contains(what, "again"));
    }
}

TEST_CASE("MMODEL_CC is split into words, as make does") {
    const auto tree = bench::open_tree(copy_of_tree("cc"));
    REQUIRE(tree.has_value());
    setenv("MMODEL_CC", " clang-19  -O0 -DMMODEL_BREAK_BUG ", 1);
    const auto unit = bench::compile(*tree, test_work_dir());
    unsetenv("MMODEL_CC");
    REQUIRE(unit.has_value());
    const auto r = bench::run_one(*unit, config, optimise_once());
    REQUIRE(r.has_value());
    REQUIRE_FALSE(r->violations.empty());
    CHECK(r->violations.front().inv == Inv::no_bug);
}

TEST_CASE("no room or no right where the object goes is said as that, with the path") {
    const auto tree = bench::open_tree(copy_of_tree("room"));
    REQUIRE(tree.has_value());
    const fs::path full = "/proc/self/mmodel"; // nobody may write there, root neither
    const auto unit = bench::compile(*tree, full);
    REQUIRE_FALSE(unit.has_value());
    CHECK(
        contains(unit.error().what, full.string() + ": the compiled kernel file cannot be written there: "));
}
