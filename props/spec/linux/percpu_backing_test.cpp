// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the memory behind percpu areas is asked for with, by each design: Debian's own files, made older or
// newer in a copy.
#include <catch2/catch.hpp>

#include "fuzz/ops/trace.hpp"
#include "props/spec/linux/broken_tree.hpp"
#include "props/spec/linux/compiled.hpp"
#include "spec/linux/host/runner.hpp"

using namespace mmodel;
using pcpu::Backing;
namespace fs = std::filesystem;

namespace {

// What 7.3 does: the array, the chunk's addresses, and page tables of a mapping are asked for as the area is.
const std::vector<TextEdit> vm_as_in_7_3{
    {R"(\*\*pcpu_get_pages\(void\))", "**pcpu_get_pages(gfp_t gfp)"},
    {R"(pcpu_mem_zalloc\(pages_size, GFP_KERNEL\))", "pcpu_mem_zalloc(pages_size, gfp)"},
    {R"(pages = pcpu_get_pages\(\))", "pages = pcpu_get_pages(GFP_NOIO)"},
    {R"(pcpu_nr_groups, pcpu_atom_size\))", "pcpu_nr_groups, pcpu_atom_size, gfp)"},
    {R"(return (vmap_pages_range_noflush\([^;]*;))",
     "unsigned int flags = memalloc_apply_gfp_scope(GFP_NOIO);\n\tint ret = $1\n"
     "\tmemalloc_restore_scope(flags);\n\treturn ret;"}};
const TextEdit masks_as_in_7_3{R"(pcpu_gfp = gfp & \(GFP_KERNEL)", "pcpu_gfp = gfp & (GFP_NOIO"};

// The tree with percpu-vm.c as in 7.3 but for the edit that is left out.
fs::path vm_as_in_7_3_but(std::size_t left_out) {
    std::vector<TextEdit> edits = vm_as_in_7_3;
    if (left_out < edits.size()) edits.erase(edits.begin() + static_cast<std::ptrdiff_t>(left_out));
    const fs::path newer = test_work_dir() / "newer";
    fs::remove_all(newer);
    fs::rename(edited_copy("percpu-vm.c", edits), newer);
    return newer;
}

// A chunk, its pages and their page tables, for a caller and for the worker.
std::vector<spec::Violation> violations_of(const fs::path& dir, Backing design) {
    const bench::Unit unit = compiled(dir, {"percpu", "tiny512"});
    CHECK(std::ranges::count(unit.tree.defines,
                             "-DMMODEL_BACKING=" + std::to_string(static_cast<int>(design))) == 1);
    const auto t = parse_trace("mmodel trace 1\ngeometry tiny512\npcpu_boot static=200 dyn=1K atom=512\n"
                               "pcpu_alloc area=0 bytes=1K\npcpu_alloc area=1 bytes=1K\npcpu_balance\n"
                               "vm_create chunk=0\nvm_populate chunk=0 to=2\n");
    REQUIRE(t.has_value());
    const auto r = bench::run_one(unit, t->config, t->ops);
    REQUIRE(r.has_value());
    for (const spec::Violation& v : r->violations)
        UNSCOPED_INFO(spec::fact(v.inv).name << ": " << v.where << "(): " << v.detail);
    return r->violations;
}

bool asks_too_much(const std::vector<spec::Violation>& all, std::string_view where) {
    return std::ranges::any_of(all, [where](const spec::Violation& v) {
        return v.inv == spec::Inv::percpu_allocation_does_no_more_than_it_may && v.where == where;
    });
}

} // namespace

TEST_CASE("the balance worker does no IO where callers without IO wait for it") {
    if (there_is_nothing_to_break()) return;
    CHECK(violations_of(real_tree, Backing::noio_worker).empty());
    const TextEdit no_scope{R"(memalloc_noio_save\(\))", "0"};
    CHECK(asks_too_much(violations_of(edited_copy("percpu.c", {no_scope}), Backing::noio_worker),
                        "pcpu_alloc_pages"));
    // Before, they did not wait.
    const TextEdit before{R"(is_atomic = !gfpflags_allow_blocking\(gfp\))",
                          "is_atomic = (gfp & GFP_KERNEL) != GFP_KERNEL"};
    CHECK(violations_of(edited_copy("percpu.c", {no_scope, before}), Backing::as_asked).empty());
}

TEST_CASE("where nothing behind an area may do IO, each allocation that might is named") {
    if (there_is_nothing_to_break()) return;
    CHECK(violations_of(edited_copy("percpu.c", {masks_as_in_7_3}, vm_as_in_7_3_but(vm_as_in_7_3.size())),
                        Backing::noio)
              .empty());
    const auto without = [](std::size_t i) {
        return violations_of(edited_copy("percpu.c", {masks_as_in_7_3}, vm_as_in_7_3_but(i)), Backing::noio);
    };
    CHECK(asks_too_much(without(1), "pcpu_mem_zalloc"));
    CHECK(asks_too_much(without(3), "pcpu_create_chunk"));
    CHECK(asks_too_much(without(4), "__pcpu_map_pages"));
    const auto as_asked =
        violations_of(vm_as_in_7_3_but(vm_as_in_7_3.size()), Backing::noio); // percpu.c as it was
    CHECK(asks_too_much(as_asked, "pcpu_alloc_pages"));
}
