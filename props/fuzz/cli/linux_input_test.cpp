// SPDX-License-Identifier: GPL-2.0 OR MIT
// Kernel trees on the command line that cannot be judged. Needs a C compiler.
#include <catch2/catch.hpp>

#include "props/fuzz/cli/stand_in.hpp"
#include "props/skip.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

TEST_CASE("a tree that is not there, is empty, is no directory or holds a Makefile only exits 2 and names "
          "what is missing") {
    const TempDir dir;
    fs::create_directory(dir.path() / "tree");
    const std::string tree = (dir.path() / "tree").string();
    check_refused({"linux", "--tree", "/no/such/tree"}, 2, "'/no/such/tree': there is no such directory");
    check_refused({"linux", "--tree", dir.put("file", "")}, 2, "is not a directory");
    check_refused({"linux", "--tree", tree}, 2, tree + "/Makefile");
    (void)dir.put("tree/Makefile", "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\n");
    check_refused({"linux", "--tree", tree}, 2, tree + "/mm/hugetlb_vmemmap.c");
}

TEST_CASE("a generation that is not known exits 3, a file that is not known 2, and both say what is known") {
    const TempDir dir;
    const std::string tree = stand_in(dir), neither = "has neither hugetlb_vmemmap_optimize() nor";
    (void)dir.put("tree/" + stand_in_file, "int nothing;\n");
    check_refused({"linux", "--tree", tree}, 3, neither);
    const Said run = run_mmodel({"run", "--tree", tree, "--seconds", "0.5"});
    CHECK(run.status == 3);
    CHECK(has(run.err, neither));
    check_refused({"linux", "--tree", tree, "--file", "slab"}, 2,
                  "'slab'; known: hugetlb_vmemmap, percpu-vm, percpu");
    check_refused({"linux", "--tree", tree, "--file", "perc"}, 2,
                  "more than one file's name begins with 'perc'");
    const TempDir other;
    check_refused({"linux", "--tree", stand_in(other), "--file", "percpu"}, 2, "has no 'percpu'");
}

TEST_CASE(
    "a file that is refused is a row beside those that are judged, of which a violation is the status") {
    const TempDir dir;
    const std::string tree = stand_in(dir, wild);
    (void)dir.put("tree/mm/percpu.c", "int nothing;\n");
    const Said s = run_mmodel({"linux", "--tree", tree, "--seconds", "1"});
    INFO(s.out + s.err);
    CHECK(s.status == 1);
    CHECK(has(s.out, "verdict  violates 1 invariant\n"));
    CHECK(has(s.out, "mm/percpu.c in "));
    CHECK(has(s.out, "\n  verdict  not run: not to be judged: mm/percpu-vm.c: cannot be read"));
    const Said json = run_mmodel({"linux", "--tree", tree, "--seconds", "1", "--json"});
    CHECK(json_lines(json.out).at(0)["verdict"] == "violates");
    CHECK(json_lines(json.out).at(1)["kind"] == "refused");
    for (const char* file : {"percpu-vm.c", "percpu-internal.h"})
        (void)dir.put(std::string("tree/mm/") + file, "");
    CHECK(run_mmodel({"linux", "--tree", tree, "--file", "percpu-vm"}).status == 3);
    const Said none = run_mmodel({"linux", "--tree", tree}, {.env = {{"MMODEL_CC", "no-such-compiler"}}});
    CHECK(none.status == 3);
    CHECK(has(none.out, "verdict  cannot build\n"));
}

TEST_CASE("a tree's percpu files are judged whatever is the matter with its hugetlb_vmemmap.c") {
    const fs::path debian = fs::path(MMODEL_TREES_DIR) / "linux-6.1";
    if (!fs::exists(debian / "mm/percpu.c")) return mmodel::skip("no tree of Debian's Linux 6.1 is there");
    const TempDir dir;
    const std::string tree = stand_in(dir);
    (void)dir.put("tree/" + stand_in_file, "int nothing;\n");
    for (const char* file : {"percpu.c", "percpu-vm.c", "percpu-internal.h"})
        fs::copy(debian / "mm" / file, fs::path(tree) / "mm" / file);
    for (const bool is_there : {true, false}) {
        if (!is_there) fs::remove(fs::path(tree) / stand_in_file);
        const Said s = run_mmodel({"linux", "--tree", tree, "--seconds", "2", "--json"});
        CHECK((s.status == 1 || s.status == (is_there ? 3 : 0)));
        const auto lines = json_lines(s.out);
        REQUIRE(lines.size() == (is_there ? 3 : 2));
        CHECK(lines.back()["file"] == "mm/percpu.c");
        CHECK(lines.back()["operations"] > 0);
    }
}

TEST_CASE("no compiler exits 3 and says what to install, as JSON the verdict is cannot-build") {
    const TempDir dir;
    const std::string tree = stand_in(dir);
    const Around no_compiler{.env = {{"MMODEL_CC", "no-such-compiler"}}};
    check_refused({"linux", "--tree", tree}, 3, "no C compiler", no_compiler);
    const Said s = run_mmodel({"linux", "--tree", tree, "--json"}, no_compiler);
    CHECK(s.status == 3);
    CHECK(json_lines(s.out).at(0)["verdict"] == "cannot-build");
}

TEST_CASE("a file that does not compile exits 3 with the first error and the symbol that the shims lack") {
    const TempDir dir;
    const std::string tree = stand_in(dir, "static inline void f(void) { kernel_call_nobody_knows(1); }");
    check_refused({"linux", "--tree", tree}, 3, "lack: kernel_call_nobody_knows");
    check_refused({"replay", "--tree", tree, dir.put("t", optimise_once)}, 3,
                  "lack: kernel_call_nobody_knows");
    const Said s = run_mmodel({"linux", "--tree", tree, "--json"});
    CHECK(s.status == 3);
    CHECK(has(s.err, "error"));
    CHECK(json_lines(s.out).at(0)["verdict"] == "cannot-build");
}

TEST_CASE("no room for the compiler's output exits 3 and says where") {
    const TempDir dir;
    const Said s = run_mmodel({"linux", "--tree", stand_in(dir)}, {.env = {{"TMPDIR", "/proc"}}});
    CHECK(s.status == 3);
    CHECK(has(s.err, "/proc: no directory can be made there for the compiled kernel file: No such file"));
}

TEST_CASE("a file is named by how its name begins, or hvo") {
    const TempDir dir;
    const std::string tree = stand_in(dir);
    for (const char* name : {"hvo", "huge", "hugetlb_vmemmap"})
        CHECK(run_mmodel({"linux", "--tree", tree, "--sweeps", "--geometry", "tiny512", "--file", name})
                  .status == 1);
    check_refused({"linux", "--tree", tree, "--file", "percpu-"}, 2, "has no 'percpu-vm'");
}
