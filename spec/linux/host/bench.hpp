// SPDX-License-Identifier: GPL-2.0 OR MIT
// A kernel tree's own mm/hugetlb_vmemmap.c and mm/percpu.c, compiled unchanged against the shims and driven
// with the same operations, under the same specification, as the model. Frames are real memory; every
// sequence runs in a child process.
#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spec/judge/check.hpp"
#include "spec/linux/host/coverage.hpp"
#include "spec/linux/host/deviation.hpp"
#include "spec/linux/host/identity.hpp"
#include "spec/linux/host/offers.hpp"
#include "spec/linux/host/stale.hpp"

namespace mmodel::bench {

// Why a tree cannot be judged. `usage`: what was asked makes no sense (exit 2); else something is missing
// (exit 3). `of_tree`: another text of the tree's files may do; the host and the command are as they should.
struct Problem {
    std::string what; // one clear message; may have further lines (the compiler's first error)
    bool usage{};
    bool of_tree{};
};

// One of the files that a tree can be judged by. "percpu-vm" and "percpu" are compiled as one: mm/percpu.c
// includes the other.
struct KernelFile {
    std::string name;     // "hugetlb_vmemmap", "percpu-vm", "percpu"
    std::string path;     // below the tree's directory
    std::string compiled; // the file that the unit includes, below the tree's directory
    std::string unit;     // what of the shims includes it
    std::string source;   // FNV-1a of its text, 16 hex digits: the same file may come in many versions
    std::vector<std::string> defines; // how the shims are told what it offers
    std::vector<std::string> called;  // see Tree
    std::string refusal;              // why it cannot be judged; empty: it can
};

// What a tree offers, found by reading its text; seen through one of its files, at first the first.
struct Tree {
    std::filesystem::path dir;
    std::string version; // "6.12.117", from its Makefile
    std::string name{"hugetlb_vmemmap"};
    std::string file{"mm/hugetlb_vmemmap.c"}; // of the KernelFile that is judged: path, source, defines
    std::string source;
    std::vector<std::string> defines;
    HvoOffers hvo{};            // hugetlb_vmemmap, once it was compiled
    std::string not_the_models; // hugetlb_vmemmap: what the model's design has and this lacks; empty: nothing
    std::vector<KernelFile> files; // all that the tree has, at least one: hugetlb_vmemmap, percpu-vm, percpu

    // The same tree, judged by another of its files. A Problem when it has none of that name, or cannot be
    // judged by it.
    [[nodiscard]] std::expected<Tree, Problem> judged_by(std::string_view asked) const;
    // ... whether or not that can be.
    [[nodiscard]] Tree seen_by(const KernelFile& f) const;
    [[nodiscard]] const KernelFile& judged() const;
    // Needs: a file that has a refusal. It, in a sentence.
    [[nodiscard]] Problem refused() const;
    // Whether what is compiled defines, declares or calls a function of that name.
    [[nodiscard]] bool has_function(std::string_view function) const;
};

// Reads the tree's Makefile and its files. Refuses a tree that has none of them. A file that is not there is
// left out; one that cannot be judged says why, and is no matter of the others.
[[nodiscard]] std::expected<Tree, Problem> open_tree(const std::filesystem::path& dir);

// Who answers what kernel code reads and writes: a software MMU, asked by the code that the compiler's thread
// instrumentation adds, or the host's own page tables.
enum class Backend : u8 { mmu, mmap };

// A tree's file, compiled and loaded where children can run it.
struct Unit {
    Tree tree;
    std::filesystem::path object;
    Backend backend{Backend::mmap};
    std::string geometry{"x86-64"}; // that its macros say, and that it runs on
    std::string
        no_mmu{}; // why it is not the software MMU although that was asked for; empty: it is, or was not
    // hugetlb_vmemmap: where it may differ from the model
    DeviationSet deviations{DeviationSet::all()};
    bool poison{};    // accesses that go around the software MMU are found (slow; for tests)
    StaleWay stale{}; // see RealDriver::answer_stale(); needs the software MMU
    std::shared_ptr<const Edges> edges{}; // of the tree's own text, which are noted when they run; nullptr:
    std::string no_coverage{};            // ... why not
    // Findings that are expected of it. Who explores it goes on past those that leave the machine sound.
    std::vector<Identity> known{};
    // Which of them that is.
    [[nodiscard]] std::optional<u32> known_as(const spec::Violation& v, OpKind op) const;
};

inline constexpr Backend default_backend = Backend::mmu;

// Names of the geometries that kernel files run on: the model's, where struct pages are as the shims have
// them and the file's two sets of metadata fit a page.
[[nodiscard]] std::vector<std::string> geometries();

// What a compiler may use: what it includes is a tree's, and may have no end.
struct CompileLimits {
    double seconds{60}; // by the clock, and of CPU time
    u64 memory_bytes{u64{4} << 30};
    u64 file_bytes{u64{64} << 20};
};

// Compiles the file that the tree is judged by with $MMODEL_CC (words, as make splits CC), else
// clang-19, clang, gcc or cc, whichever is there. What percpu-vm and percpu share is compiled once a
// work_dir. `breaks`: names of the deliberate breaks of the stand-in tree in spec/linux/fixtures. The shims
// are those in default_shim_dir(). A compiler that cannot instrument makes a unit for Backend::mmap, whatever
// was asked for, that says why; Backend::mmap has x86-64 only. So does one that has no edge coverage, or
// where objdump and addr2line are not there. `geometry`: one of geometries(). `more`: further words for the
// compiler. May be called by several threads, but for what shares an object.
[[nodiscard]] std::expected<Unit, Problem>
compile(const Tree& tree, const std::filesystem::path& work_dir, std::span<const std::string> breaks = {},
        const CompileLimits& limits = {}, Backend backend = default_backend,
        std::string_view geometry = "x86-64", std::span<const std::string> more = {});
// The compiler that compile() takes, its whole path first; empty: there is none.
[[nodiscard]] std::vector<std::string> compiler_words();
// $MMODEL_SHIMS, else those that came with the command.
[[nodiscard]] std::filesystem::path default_shim_dir();

// A violation of an operation that was not the last one to run: it left the machine sound.
struct Passed {
    u64 op_idx;
    spec::Violation violation;
};

// Runs one sequence from boot in a child of its own, as check_sequence() does for the model. The
// configuration is of the unit's geometry. `goes_on`: past operations whose violations leave the machine
// sound. `stop`: asked while it runs; true ends it with the Problem "interrupted".
struct RealResult {
    u64 nr_ops{}, nr_events{};
    std::vector<spec::Violation> violations{}; // all that the first bad operation violated, in order
    u64 op_idx{};                              // that operation; else the number of operations
    bool is_cut_off{};                         // ... which did not return
    std::vector<Passed> passed{};              // of operations before it, when it was to go on past them
    std::vector<Ran> ran{};                    // what each operation returned, for replay
    u64 nr_compared{};                         // operations that were compared with the model
    DeviationCounts deviations{};              // ... that deviated from it as is known
    Reached reached{};                         // of the unit's edges, boot included
};
[[nodiscard]] std::expected<RealResult, Problem> run_one(const Unit& unit, const Config& c,
                                                         std::span<const Op> ops,
                                                         const std::function<bool()>& stop = {},
                                                         bool goes_on = false);

} // namespace mmodel::bench
