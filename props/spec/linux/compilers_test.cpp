// SPDX-License-Identifier: GPL-2.0 OR MIT
// Compilers: shims and entry points of the software MMU with clang and gcc, for x86-64 and for aarch64; a
// compiler that cannot instrument; and code that goes around the software MMU, in a copy of Debian's HVO
// file.
#include <catch2/catch.hpp>

#include <array>
#include <fstream>

#include "props/spec/linux/broken_tree.hpp"
#include "spec/linux/host/runner.hpp"

using namespace mmodel;
namespace fs = std::filesystem;

namespace {

// For as long as it lives, the compiler.
struct Compiler {
    explicit Compiler(const std::string& words) { setenv("MMODEL_CC", words.c_str(), 1); }
    ~Compiler() { unsetenv("MMODEL_CC"); }
    Compiler(const Compiler&) = delete;
    Compiler& operator=(const Compiler&) = delete;
};

bool can(const std::string& words) {
    const fs::path source = test_work_dir() / "can.c", object = test_work_dir() / "can.so";
    std::ofstream(source) << "#include <stddef.h>\nint can;\n";
    const std::string line =
        words + " -shared -fPIC -o " + object.string() + " " + source.string() + " >/dev/null 2>&1";
    return std::system(line.c_str()) == 0;
}

// Of an ELF file; 62: x86-64, 183: aarch64.
int machine_of(const fs::path& object) {
    std::array<unsigned char, 20> head{};
    std::ifstream(object, std::ios::binary).read(reinterpret_cast<char*>(head.data()), head.size());
    return head[18] | head[19] << 8;
}

const int own_machine = machine_of("/proc/self/exe");

const fs::path stand_in = fs::path(MMODEL_FIXTURES_DIR) / "reuse_page";

std::expected<bench::Unit, bench::Problem> compiled(const fs::path& dir, const char* file,
                                                    std::string_view geometry) {
    const auto whole = bench::open_tree(dir);
    REQUIRE(whole.has_value());
    const auto tree = whole->judged_by(file);
    REQUIRE(tree.has_value());
    return bench::compile(*tree, test_work_dir(), {}, {}, bench::Backend::mmu, geometry);
}

} // namespace

TEST_CASE("kernel files compile for the software MMU with clang and gcc, for x86-64 and aarch64") {
    const auto& [words, machine] =
        GENERATE(table<const char*, int>({{"clang-19", own_machine},
                                          {"gcc", own_machine},
                                          {"clang-19 --target=aarch64-linux-gnu", 183},
                                          {"aarch64-linux-gnu-gcc", 183}}));
    CAPTURE(words);
    if (!can(words)) return skip(std::string(words) + " makes no shared objects here");
    const Compiler use(words);
    const fs::path percpu = fs::exists(real_tree) ? real_tree : fs::path();
    for (const char* geometry : {"tiny512", "arm64-16k"}) {
        for (const char* file : {"hugetlb_vmemmap", "percpu"}) {
            if (file == std::string_view("percpu") && percpu.empty()) continue;
            const auto unit =
                compiled(file == std::string_view("percpu") ? percpu : stand_in, file, geometry);
            INFO(geometry << ", " << file << ": " << (unit ? unit->no_mmu : unit.error().what));
            REQUIRE(unit.has_value());
            CHECK(unit->backend == bench::Backend::mmu);
            CHECK(machine_of(unit->object) == machine);
            fs::remove(unit->object);
        }
    }
}

TEST_CASE("what a compiler makes for another machine is not run, and it is said why") {
    const std::string words =
        std::string("clang-19 --target=") + (own_machine == 62 ? "aarch64" : "x86_64") + "-linux-gnu";
    if (!can(words)) return skip(words + " makes no shared objects here");
    const Compiler use(words);
    const auto unit = compiled(stand_in, "hugetlb_vmemmap", "tiny512");
    REQUIRE(unit.has_value());
    const auto r = bench::run_one(*unit, *parse_config("tiny512"), {});
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().what.find("makes code for another machine than this one") != std::string::npos);
}

namespace {

// gcc as it was before it could.
std::string old_compiler() {
    const fs::path cc = test_work_dir() / "old-cc";
    std::ofstream(cc)
        << "#!/bin/sh\nfor w; do case $w in -fsanitize=*) echo 'error: what is '$w'?' >&2; exit 1;; esac; "
           "done\nexec gcc \"$@\"\n";
    fs::permissions(cc, fs::perms::owner_all);
    return cc.string();
}

} // namespace

TEST_CASE("a compiler that cannot instrument makes a unit for the host's page tables, which says so") {
    const bool is_tcc = GENERATE(false, true);
    const std::string cc = is_tcc ? "tcc" : old_compiler();
    CAPTURE(cc);
    if (!can(is_tcc ? "tcc" : "gcc")) return skip("there is no " + cc);
    const Compiler use(cc);
    const auto unit = compiled(stand_in, "hugetlb_vmemmap", "x86-64");
    INFO((unit ? "" : unit.error().what));
    REQUIRE(unit.has_value());
    CHECK(unit->backend == bench::Backend::mmap);
    CHECK(unit->no_mmu.find("has no thread instrumentation") != std::string::npos);
    const std::vector<Op> ops{
        {.kind = OpKind::alloc_folio}, {.kind = OpKind::optimise}, {.kind = OpKind::restore}};
    const auto r = bench::run_one(*unit, *parse_config("x86-64"), ops);
    REQUIRE(r.has_value());
    CHECK(r->violations.empty());
    const auto tiny = compiled(stand_in, "hugetlb_vmemmap", "tiny512"); // whose pages the host does not have
    REQUIRE_FALSE(tiny.has_value());
    CHECK(tiny.error().what.find("has no thread instrumentation") != std::string::npos);
    if (fs::exists(real_tree)) CHECK(compiled(real_tree, "percpu", "x86-64").has_value());
}

namespace {

// Two is added to a word of a struct page.
#if defined(__aarch64__)
constexpr const char* unannounced =
    "\n\t__asm__ volatile(\"ldr x9, %0; add x9, x9, #2; str x9, %0\" : \"+Q\"(folio->private) : : \"x9\");$&";
#else
constexpr const char* unannounced = "\n\t__asm__ volatile(\"addq $$2, %0\" : \"+m\"(folio->private));$&";
#endif

} // namespace

TEST_CASE(
    "inline assembly in Debian's HVO file that writes to a struct page is found by poisoned scratch memory") {
    if (there_is_nothing_to_break()) return;
    auto unit = compiled(
        broken_tree("hugetlb_vmemmap.c", R"(\n\tfolio_set_hugetlb_vmemmap_optimized\(folio\);)", unannounced),
        "hugetlb_vmemmap", "tiny512");
    INFO((unit ? "" : unit.error().what));
    REQUIRE(unit.has_value());
    const std::vector<Op> ops{{.kind = OpKind::alloc_folio}, {.kind = OpKind::optimise}};
    for (const bool poison : {false, true}) {
        unit->poison = poison;
        const auto r = bench::run_one(*unit, *parse_config("tiny512"), ops);
        REQUIRE(r.has_value());
        CHECK(r->violations.empty() != poison);
        if (r->violations.empty()) continue;
        INFO(r->violations[0].detail);
        CHECK(r->violations[0].inv == spec::Inv::kernel_code_touches_only_what_is_mapped);
        CHECK(r->violations[0].detail.find("that the compiler did not announce") != std::string::npos);
        CHECK(r->violations[0].detail.find("hugetlb_vmemmap.c:") != std::string::npos);
    }
}
