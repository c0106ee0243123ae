// SPDX-License-Identifier: GPL-2.0 OR MIT
// Traces that cannot be kept, on disks that are full or read-only: that is said before the run, with the
// reason; if it comes later, they go to the terminal.
#include <catch2/catch.hpp>
#include <csignal>

#include "fuzz/ops/trace.hpp"
#include "props/fuzz/cli/stand_in.hpp"
#include "props/skip.hpp"

using mmodel::skip;
using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

const std::string leak =
    "mmodel trace 1\ngeometry x86-64\nsabotage leak_page\nalloc_folio folio=0\noptimise folio=0\n";

// A directory that takes nothing, and what the system says of it.
struct Place {
    std::string at;
    std::string why;
    Disk disk{};
};

std::vector<Place> places(const TempDir& dir) {
    const std::string disk = (dir.path() / "disk").string();
    fs::create_directory(disk);
    return {{disk, "No space left on device", {.at = disk}},
            {disk, "Read-only file system", {.at = disk, .read_only = true}},
            {dir.put("file", "no directory") + "/below", "Not a directory"}};
}

// False where such a disk cannot be had: the test is then one that was skipped.
bool ran(const Said& s) {
    if (s.status == no_mount) skip("nothing can be mounted here: this disk was not tried");
    return s.status != no_mount;
}

} // namespace

TEST_CASE("a disk that is full or read-only is named before a minimum is looked for") {
    const TempDir dir;
    const std::string in = dir.put("t", leak);
    for (const Place& p : places(dir)) {
        const std::string out = p.at + "/small.trace";
        const Said s = run_mmodel({"replay", "--minimize", in, "-o", out}, {.disk = p.disk});
        if (!ran(s)) continue;
        CHECK(s.status == 3);
        CHECK(s.err == "mmodel: cannot write '" + out + "': " + p.why + "\n");
        CHECK(s.out.empty());
    }
}

TEST_CASE("a limit on the size of files does not end the command without its exit status") {
    const TempDir dir;
    const std::string out = (dir.path() / "small.trace").string();
    const Said s =
        run_mmodel({"replay", "--minimize", dir.put("t", leak), "-o", out}, {.max_file_bytes = 50});
    CHECK(s.status == 3);
    CHECK(has(s.err, "mmodel: cannot write '"));
}

TEST_CASE(
    "a disk that is full or read-only is named before a kernel tree is checked, whose traces it is to keep") {
    const TempDir dir;
    const std::string tree = stand_in(dir, "#define MMODEL_BREAK_BUG");
    for (const Place& p : places(dir)) {
        const Said s = run_mmodel({"linux", "--tree", tree, "--keep", p.at}, {.disk = p.disk});
        if (!ran(s)) continue;
        CHECK(s.status == 3);
        CHECK(s.err == "mmodel: cannot write in '" + p.at + "': " + p.why + "\n");
        CHECK(s.out.empty());
    }
}

TEST_CASE("a kernel tree's trace that cannot be kept after all goes to the terminal, and exits 1") {
    const TempDir dir;
    const std::string tree = stand_in(dir, "#define MMODEL_BREAK_BUG"), kept = (dir.path() / "kept").string();
    const std::string in_the_way = kept + "/6.8.0-inv_no_bug.trace";
    fs::create_directories(in_the_way);
    const Said s = run_mmodel({"linux", "--tree", tree, "--sweeps", "--keep", kept});
    CHECK(s.status == 1); // what was found beats what could not be written
    CHECK(has(s.err, "cannot write '" + in_the_way + "': Is a directory"));
    CHECK(has(s.err, "\nmmodel trace 1\n"));
    CHECK(has(s.out, "\ninv_no_bug: "));
}

TEST_CASE(
    "no room for the compiled kernel file exits 3, says so, and keeps nobody from the rest of the run") {
    const TempDir dir;
    const std::string tree = stand_in(dir);
    for (const Place& p : places(dir)) {
        for (const Args& args : std::vector<Args>{{"linux", "--tree", tree, "--sweeps"},
                                                  {"run", "--tree", tree, "--seconds", "1"}}) {
            const Said s = run_mmodel(args, {.env = {{"TMPDIR", p.at}}, .disk = p.disk});
            if (!ran(s)) continue;
            INFO(args.front() << ": " << s.err);
            CHECK(s.status == 3);
            CHECK(has(s.err, p.at));
            CHECK((has(s.err, "compiled kernel file cannot be written there: " + p.why) ||
                   has(s.err, "no directory can be made there for the compiled kernel file: " + p.why)));
            CHECK_FALSE(has(s.err, "does not compile"));
            CHECK((args.front() == "linux" || has(s.out, "  cannot build\n")));
        }
    }
}

TEST_CASE("a fuzz target's minimal trace that a full or read-only disk does not take is on the terminal") {
    const TempDir dir;
    for (const Place& p : places(dir)) {
        const Said s =
            run_mmodel({MMODEL_CORPUS_DIR}, {.program = MMODEL_CANARY,
                                             .env = {{"MMODEL_ARTIFACTS", p.at}, {"MMODEL_ALLOW", ""}},
                                             .disk = p.disk});
        if (!ran(s)) continue;
        INFO(s.err);
        CHECK(s.status == 128 + SIGABRT);
        CHECK(has(s.err, "\n==== mmodel: inv_high_order_block_is_split_before_its_pages_are_freed\n"));
        CHECK(has(s.err, "\nmmodel trace 1\n"));
        CHECK(has(s.err, "\nagain  printf '"));
        CHECK(has(s.err, ".trace': " + p.why + "; the trace is the one above\n"));
    }
}
