// SPDX-License-Identifier: GPL-2.0 OR MIT
// The inductive invariants that spec/symbolic proves, asserted over real worlds along every trace of corpus/.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <span>
#include <sstream>

#include "fuzz/ops/trace.hpp"
#include "model/hvo/boot_operations.hpp"
#include "props/example.hpp"
#include "spec/inductive/world_view.hpp"
#include "spec/sabotage/advance.hpp"

namespace mmodel {
namespace {

namespace fs = std::filesystem;

std::vector<std::pair<std::string, Trace>> corpus() {
    std::vector<std::pair<std::string, Trace>> out;
    for (const auto& entry : fs::recursive_directory_iterator(MMODEL_CORPUS_DIR)) {
        if (entry.path().extension() != ".trace") continue;
        std::ifstream in(entry.path(), std::ios::binary);
        std::ostringstream text;
        text << in.rdbuf();
        const auto t = parse_trace(text.str());
        REQUIRE(t);
        out.emplace_back(entry.path().filename().string(), *t);
    }
    REQUIRE(out.size() > 50);
    return out;
}

// The first conjunct that breaks at rest, and after which operation; empty: none does.
std::string first_broken(const Trace& t, Sabotage sabotage) {
    World w(t.config);
    NoWatch nobody;
    for (std::size_t i = 0; i <= t.ops.size(); ++i) {
        if (i) (void)advance(w, t.ops[i - 1], nobody, sabotage);
        if (hvo::is_booting(w.pool())) continue; // what they say begins when the folios are there
        for (const auto& broken : {symbolic::broken_hvo_invariant(w), symbolic::broken_percpu_invariant(w)})
            if (!broken.empty()) return broken + ", after operation " + std::to_string(i);
    }
    return {};
}

// The traces of breaks after which some operation ends in a world that the invariants refuse. The others are
// seen while an operation runs (spec/judge), or by what it returns.
const std::map<std::string, std::string> seen_at_rest{
    {"all_read_only", "an optimised folio's first page is writable"},
    {"destroy_populated", "no frame is nobody's"},
    {"early_free", "nr_memmap_boot_pages is the truth"},
    {"keep_mmap_lock", "no lock is held"},
    {"leak_failed_alloc", "no frame is nobody's"},
    {"leak_object", "every object is a chunk's, or the array of pages"},
    {"no_contents_wmb", "every store is ordered"},
    {"no_copy", "... alone in its frame"},
    {"no_flag", "... alone in its frame"},
    {"no_flush", "no TLB holds what the page table does not"},
    {"no_flush_rollback", "no TLB holds what the page table does not"},
    {"no_key_dec", "the static key counts optimised folios"},
    {"no_key_inc", "the static key counts optimised folios"},
    {"no_map_rollback_flush", "a TLB holds only translations of addresses given back"},
    {"no_memmap_accounting", "nr_memmap_pages is the truth"},
    {"no_page_tag", "... its struct page names the chunk"},
    {"no_populated_accounting", "pcpu_nr_populated is the truth"},
    {"no_post_unmap_flush", "a TLB holds only translations of addresses given back"},
    {"no_purge_flush", "a TLB holds only translations of addresses given back"},
    {"no_rcu", "no walker may write to what is optimised"},
    {"no_reset", "... and reads as initialisation leaves it, whoever has it next"},
    {"no_reset_beside_another", "... and reads as initialisation leaves it, whoever has it next"},
    {"no_restore_flush", "no TLB holds what the page table does not"},
    {"no_restore_flush_last", "no TLB holds what the page table does not"},
    {"no_rollback", "no TLB holds what the page table does not"},
    {"no_rollback_beside_another", "no TLB holds what the page table does not"},
    {"no_self_hosted_check", "self-hosted vmemmap is mapped by leaves"},
    {"no_split_page", "the block behind a leaf that was split is split"},
    {"no_vmap_cache_flush", "... its cache was flushed when it was mapped"},
    {"remap_neighbour", "... its tails map the head's frame"},
    {"remap_without_flush", "a TLB holds only translations of addresses given back"},
    {"shared_frame", "... alone in its frame, which is the vmalloc range's"},
    {"shared_restore", "... alone in its frame"},
    {"short_flush", "a TLB holds only translations of addresses given back"},
    {"skip_failing_cpu", "a populated page is mapped on every possible CPU, another on none"},
    {"skip_last_cpu", "a populated page is mapped on every possible CPU, another on none"},
    {"skip_tail", "... its tails map the head's frame"},
    {"tail_writable", "... read-only"},
    {"touch_surplus_unit", "units without a CPU are not mapped"},
    {"vmalloc_read_only", "a mapped page is writable"},
    {"wrong_allocator", "nr_memmap_pages is the truth"},
};

} // namespace

TEST_CASE("the inductive invariants hold after every operation of every trace without a break",
          "[symbolic]") {
    for (const auto& [name, t] : corpus()) {
        if (!t.sabotage.empty()) continue;
        INFO(name);
        CHECK(first_broken(t, Sabotage::none) == "");
    }
}

TEST_CASE("the inductive invariants can fail: what a break leaves when its operation has ended is seen, by "
          "this conjunct",
          "[symbolic]") {
    std::map<std::string, std::string> seen;
    for (const auto& [name, t] : corpus()) {
        if (t.sabotage.empty() || !t.tasks.nr_ops.empty()) continue;
        const std::string broken = first_broken(t, *sabotage_named(t.sabotage));
        if (!broken.empty()) seen[name.substr(0, name.find('.'))] = broken.substr(0, broken.find(", after"));
    }
    CHECK(seen == seen_at_rest);
}

TEST_CASE("every conjunct is asked of a large machine as of a small one", "[symbolic]") {
    const auto asked = [](const std::string& text) {
        std::set<std::string> names;
        for (const auto& [name, nr] : symbolic::nr_conjuncts(after(text))) names.insert(name);
        return names;
    };
    const auto small =
        asked("geometry tiny cpus=0,0\nalloc_folio folio=0\npcpu_boot static=100 dyn=100 atom=1K\n"
              "vm_create chunk=0\nvm_populate chunk=0 to=1\n");
    CHECK(small.size() > 35);
    CHECK(
        asked(
            "geometry x86-64\nalloc_folio folio=0\npcpu_boot static=184K dyn=28K atom=2M\nvm_create chunk=0\n"
            "vm_populate chunk=0 to=1\n") == small);
}

TEST_CASE("addresses that are reserved for no chunk are seen", "[symbolic]") {
    World w = after("geometry tiny cpus=0,0\npcpu_boot static=100 dyn=100 atom=1K\nvm_create chunk=0\n");
    CHECK(symbolic::broken_percpu_invariant(w) == "");
    const u64 offset = 0, size = 1;
    w.own().machine.vmalloc().reserve(Vmap{0}, {std::span(&offset, 1), std::span(&size, 1), 1});
    CHECK(symbolic::broken_percpu_invariant(w) == "addresses are reserved for a chunk");
}

} // namespace mmodel
