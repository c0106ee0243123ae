// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every state of a kernel tree's file on tiny machines: merging states loses none, each break of the stand-in
// tree is found, what a child sends is a graph or is refused, and Debian's trees show in closed spaces what
// is recorded of them.
#include <algorithm>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "fuzz/campaign/findings.hpp"
#include "fuzz/campaign/input.hpp"
#include "props/skip.hpp"
#include "props/spec/linux/broken_tree.hpp"
#include "props/spec/linux/compiled.hpp"
#include "spec/explore/explore.hpp"
#include "spec/linux/host/graph_wire.hpp"
#include "spec/linux/host/load.hpp"
#include "spec/linux/host/real_subject.hpp"
#include "spec/linux/host/tree_graph.hpp"

using namespace mmodel;
using namespace mmodel::explore;
using spec::Inv;
namespace fs = std::filesystem;

namespace {

bench::Unit stand_in(const std::vector<std::string>& breaks = {}) {
    return compiled(fs::path(MMODEL_FIXTURES_DIR) / "reuse_page", {.breaks = breaks});
}

// With so few frames to choose from that it closes when each is told from each.
Space with_frames(Space s, u64 nr) {
    s.pool.back().end = s.pool.back().start + nr;
    return s;
}

std::set<u64> classes(const Graph& g) { return {g.classes.begin(), g.classes.end()}; }

std::set<Inv> broken(const Graph& g) {
    std::set<Inv> out;
    for (const Broken& b : g.broken) out.insert(b.violation.inv);
    return out;
}

Graph in_a_child(const bench::Unit& unit, const Space& s, const GraphLimits& limits = {}) {
    auto g = bench::build_tree_graph(unit, s, {}, limits);
    INFO((g ? "" : g.error().what));
    REQUIRE(g.has_value());
    CHECK(g->unconfirmed.empty());
    return std::move(g->graph);
}

// What is found in a space, TLBs and walkers included, and by how many operations.
std::map<Inv, std::size_t> found_in(const bench::Unit& unit, const Space& s, bool& complete) {
    const auto r = bench::explore_file(unit, s, {}, {.jobs = 2});
    INFO((r ? "" : r.error().what));
    REQUIRE(r.has_value());
    CHECK(r->unconfirmed.empty());
    complete = r->explored.complete;
    std::map<Inv, std::size_t> out;
    for (const Finding& f : r->explored.found)
        if (const auto inv = f.alone ? f.alone->inv : spec::invariant_named(f.name))
            out.emplace(*inv, f.ops.size());
    return out;
}

} // namespace

TEST_CASE("a child's graph of a file is the graph of the file") {
    // The second has events that only its design has.
    const bench::Unit unit = compiled(fs::path(MMODEL_FIXTURES_DIR) / GENERATE("reuse_page", "shared_tail"));
    const Space s = tiny_space("hvo-hotplug");
    const Graph child = in_a_child(unit, s);
    bench::Progress progress;
    const auto driver = make_driver(unit, s.config, progress);
    bench::RealSubject subject(*driver, s);
    const Graph here = build_graph(subject, s, {}, {});
    REQUIRE(child.complete);
    CHECK(child.rests == here.rests);
    CHECK(child.worlds == here.worlds);
    CHECK(child.edges.size() == here.edges.size());
    CHECK(child.may == here.may);
    CHECK(child.texts == here.texts);
    CHECK(child.ends == here.ends);
    CHECK(child.nr_events == here.nr_events);
    CHECK(broken(child) == broken(here));
    for (u32 i = 0; i < child.rests.size(); ++i) CHECK(path_to(s, child, i) == path_to(s, here, i));
}

TEST_CASE("a state is what is in memory: stores that the entry points forget to mark are found") {
    const auto graph_of = [](bench::Unit unit, bool poison) {
        unit.poison = poison;
        const Space s = tiny_space("hvo-walker");
        bench::Progress progress;
        const auto driver = make_driver(unit, s.config, progress);
        bench::RealSubject subject(*driver, s);
        return build_graph(subject, s, {}, {});
    };
    const Graph marked = graph_of(stand_in(), false);
    const Graph doubted = graph_of(stand_in(), true);
    CHECK(marked.rests == doubted.rests);
    CHECK(broken(marked) == broken(doubted));
    const Graph forgetful = graph_of(stand_in({"FORGET_STORES"}), false);
    CHECK((forgetful.rests != marked.rests || broken(forgetful) != broken(marked)));
    const auto unannounced = Inv::kernel_code_touches_only_what_is_mapped;
    CHECK_FALSE(broken(doubted).contains(unannounced));
    CHECK(broken(graph_of(stand_in({"STORE_STRAY", "FORGET_STORES"}), true)).contains(unannounced));
}

namespace {

// Without symmetry each frame is told from each, and each byte is looked at as it is.
void check_that_merging_loses_none(const bench::Unit& unit, const Space& s) {
    CAPTURE(s.name, unit.tree.version);
    bench::Progress progress;
    const auto driver = make_driver(unit, s.config, progress);
    bench::RealSubject subject(*driver, s);
    const Graph merged = build_graph(subject, s, {}, {});
    subject.restart();
    const Graph raw = build_graph(subject, s, {.symmetry = Symmetry::none}, {.nodes = 500'000});
    REQUIRE(merged.complete);
    REQUIRE(raw.complete);
    CHECK(classes(raw) == classes(merged));
    CHECK(classes(merged).size() == merged.rests.size());
    CHECK(raw.rests.size() > 2 * merged.rests.size());
    CHECK(broken(raw) == broken(merged));
}

} // namespace

TEST_CASE("merging a file's states loses none, and no violation") {
    const bench::Unit unit = stand_in();
    for (const Space& s :
         {with_frames(tiny_space("hvo-walker"), 2), with_frames(tiny_space("hvo-hotplug"), 2),
          with_frames(tiny_space("hvo-walker-list"), 1)})
        check_that_merging_loses_none(unit, s);
}

// Two kernels, and an edit that breaks a rule.
TEST_CASE("merging the states of Debian's percpu allocator loses none, and no violation") {
    const fs::path trees = MMODEL_TREES_DIR;
    if (!fs::exists(trees / "linux-6.1") || there_is_nothing_to_break())
        return skip("no tree in " MMODEL_TREES_DIR);
    const Space chunk = tiny_space("link-percpu", link_spaces());
    check_that_merging_loses_none(compiled(trees / "linux-6.1", {"percpu"}), with_frames(chunk, 4));
    check_that_merging_loses_none(compiled(real_tree, {"percpu"}),
                                  with_frames(tiny_space("percpu-reclaim"), 16));
    const fs::path leaks =
        broken_tree("percpu-vm.c", R"(\n\tpcpu_free_pages\()", "\n\tif (0) pcpu_free_pages(");
    check_that_merging_loses_none(compiled(leaks, {"percpu"}), with_frames(chunk, 4));
}

TEST_CASE("each deliberate break of the stand-in tree is found in the space that is named for it") {
    const auto [name, space, inv] = GENERATE(table<const char*, const char*, Inv>({
        {"NO_WMB", "hvo-walker", Inv::contents_are_ordered_before_the_pte},
        {"NO_FLUSH", "hvo-walker", Inv::no_frame_is_freed_while_a_tlb_may_hold_it},
        {"NO_RCU", "hvo-walker", Inv::no_remap_without_a_grace_period},
        {"TAIL_RW", "hvo-walker", Inv::tail_vmemmap_is_read_only},
        {"NO_RESET", "hvo-walker", Inv::restore_after_optimise_is_the_identity},
        {"LEAK_HEAD", "hvo-walker", Inv::no_page_is_leaked},
        {"NO_ROLLBACK", "hvo-gigantic", Inv::failed_operation_is_rolled_back},
        {"NO_KEY_INC", "hvo-walker", Inv::static_key_counts_optimised_folios},
        {"DOUBLE_FREE", "hvo-walker", Inv::no_page_is_freed_twice},
        {"EARLY_FREE", "hvo-walker", Inv::no_frame_is_freed_while_a_tlb_may_hold_it},
        {"WRITE_TAIL", "hvo-walker", Inv::no_write_through_a_read_only_pte},
        {"NO_FLAG", "hvo-walker", Inv::optimised_flag_reads_the_same_through_every_translation},
        {"WILD", "hvo-walker", Inv::kernel_code_touches_only_what_is_mapped},
        {"BUG", "hvo-walker", Inv::no_bug},
        {"HANG", "hvo-walker", Inv::every_operation_ends}, // ends the child
    }));
    CAPTURE(name, space);
    bool complete = false;
    CHECK(found_in(stand_in({name}), tiny_space(space), complete).contains(inv));
    CHECK(complete != (inv == Inv::every_operation_ends));
}

TEST_CASE("a child is stopped, and what it has until then is a graph") {
    const Graph g = in_a_child(stand_in(), tiny_space("hvo-three"), {.stop = [] { return true; }});
    CHECK_FALSE(g.complete);
    CHECK(g.cut_by == "time");
    CHECK_FALSE(g.rests.empty());
}

// Whoever sends it may send anything.
TEST_CASE("bytes that are changed on their way are no graph, or one that can be searched and followed") {
    const Space s = tiny_space("hvo-walker");
    const Graph g = build_graph(s, {.sabotage = Sabotage::no_rcu}, {});
    std::vector<std::byte> sent;
    bench::send_graph(s, g, [&](auto bytes) { sent.insert(sent.end(), bytes.begin(), bytes.end()); });
    u64 x = 1, nr_refused = 0;
    const int nr = 3000;
    for (int i = 0; i < nr; ++i) {
        std::vector<std::byte> bytes = sent;
        for (int n = 0; i && n < 1 + i % 3; ++n) {
            x = mix(x);
            bytes[x % bytes.size()] = static_cast<std::byte>(x >> 32);
        }
        if (i % 50 == 1) bytes.resize(x % bytes.size());
        std::size_t at = 0;
        const auto got = bench::receive_graph(s, 100'000, [&](std::span<std::byte> room) {
            const std::size_t n = std::min(room.size(), bytes.size() - at);
            std::copy_n(bytes.begin() + static_cast<long>(at), n, room.begin());
            at += n;
            return n;
        });
        nr_refused += !got;
        if (i == 0) REQUIRE(got.has_value());
        if (!got) continue;
        if (i == 0) CHECK(got->edges.size() == g.edges.size());
        const Searched r = search(s, *got, {.states = 2000});
        CHECK(r.states > 0);
        CHECK_FALSE(path_to(s, *got, static_cast<u32>(got->rests.size() - 1)).empty());
    }
    CHECK(nr_refused > nr / 20);
    CHECK(nr_refused < nr);
}

TEST_CASE("a unit without the software MMU is refused") {
    const auto tree = bench::open_tree(fs::path(MMODEL_FIXTURES_DIR) / "reuse_page");
    const auto unit = bench::compile(*tree, test_work_dir(), {}, {}, bench::Backend::mmap);
    REQUIRE(unit.has_value());
    CHECK_FALSE(bench::build_tree_graph(*unit, tiny_space("hvo-walker"), {}, {}).has_value());
}

// Of those that close in a second; the first without its second chunk.
std::vector<Space> percpu_spaces(std::string_view file) {
    if (file == "percpu") return {tiny_space("percpu-reclaim"), tiny_space("percpu-reserved")};
    Space s = tiny_space("percpu-vm-two");
    std::erase_if(s.alphabet, [](const Op& op) { return op.chunk() == 1; });
    return {s};
}

TEST_CASE("Debian's percpu files come to the model's worlds in closed spaces, and show what is recorded") {
    const auto records = cli::read_findings(MMODEL_FINDINGS_DIR);
    REQUIRE(records.has_value());
    const auto [version, file] = GENERATE(table<const char*, const char*>(
        {{"6.1", "percpu-vm"}, {"6.1", "percpu"}, {"6.12", "percpu-vm"}, {"6.12", "percpu"}}));
    CAPTURE(version, file);
    const fs::path dir = fs::path(MMODEL_TREES_DIR) / ("linux-" + std::string(version));
    if (!fs::exists(dir)) return skip("no tree in " MMODEL_TREES_DIR);
    const bench::Unit unit = compiled(dir, {file});
    for (const Space& s : percpu_spaces(file)) {
        CAPTURE(s.name);
        const auto r = bench::explore_file(unit, s, {}, {.jobs = 2});
        REQUIRE(r.has_value());
        CHECK(r->explored.complete);
        REQUIRE(r->model.has_value());
        CHECK(r->model->nr_compared > 500);
        REQUIRE(r->model->worlds.has_value());
        CHECK(r->model->worlds->are_the_same());
        std::set<Inv> found, recorded;
        for (const Finding& f : r->explored.found) found.insert(f.violation.inv);
        for (const cli::Record& known : *records)
            if (known.file == unit.tree.file && cli::is_about(known, unit.tree))
                recorded.insert(known.finding.inv);
        CHECK(std::ranges::includes(recorded, found));
        if (std::string_view(file) == "percpu-vm") CHECK(found == recorded);
    }
}

// By invariant, the operations of the shortest trace in any space.
TEST_CASE(
    "what is recorded of Debian's trees is found in closed spaces, by traces as short as those recorded") {
    const auto records = cli::read_findings(MMODEL_FINDINGS_DIR);
    REQUIRE(records.has_value());
    u64 nr = 0;
    for (const char* version : {"6.1", "6.12"}) {
        const fs::path dir = fs::path(MMODEL_TREES_DIR) / ("linux-" + std::string(version));
        if (!fs::exists(dir)) continue;
        const bench::Unit unit = compiled(dir);
        std::map<Inv, std::size_t> found;
        std::vector<Inv> names;
        for (const char* name :
             {"hvo-walker", "hvo-walker-list", "hvo-hotplug", "hvo-gigantic", "hvo-three"}) {
            CAPTURE(name);
            bool complete = false;
            for (const auto [inv, nr_ops] : found_in(unit, tiny_space(name), complete)) {
                const auto [it, fresh] = found.try_emplace(inv, nr_ops);
                it->second = std::min(it->second, nr_ops);
                if (fresh) names.push_back(inv);
            }
            CHECK(complete);
        }
        std::set<Inv> recorded;
        for (const cli::Record& r : *records) {
            if (r.file != unit.tree.file || !cli::is_about(r, unit.tree)) continue;
            CAPTURE(r.path);
            recorded.insert(r.finding.inv);
            CHECK(found.contains(r.finding.inv));
            CHECK(found[r.finding.inv] <= r.trace.ops.size());
            ++nr;
        }
        for (const Inv inv : names)
            if (!recorded.contains(inv)) FAIL_CHECK("not recorded: " << spec::fact(inv).name);
    }
    if (!nr) skip("no tree in " MMODEL_TREES_DIR);
}
