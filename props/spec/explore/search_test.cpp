// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every state of tiny spaces: symmetries change nothing but counts, threads change nothing at all, limits
// leave what was found.
#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "spec/explore/explore.hpp"
#include "spec/explore/state.hpp"
#include "spec/explore/table.hpp"

using namespace mmodel;
using namespace mmodel::explore;

namespace {

Space named(std::string_view name) {
    for (Space& s : default_spaces())
        if (s.name == name) return s;
    throw std::logic_error("no such space");
}

Graph graph_of(const Space& s, Symmetry symmetry, Sabotage sabotage = {}, bool judged = true) {
    return build_graph(s, {.symmetry = symmetry, .sabotage = sabotage, .judged = judged}, {.nodes = 200'000});
}

std::set<u64> classes(const Graph& g) { return {g.classes.begin(), g.classes.end()}; }

std::set<spec::Inv> broken(const Graph& g) {
    std::set<spec::Inv> out;
    for (const Broken& b : g.broken) out.insert(b.violation.inv);
    return out;
}

} // namespace

TEST_CASE("whichever frames are told apart, the same classes of worlds are reached") {
    const Space s = named("hvo-walker");
    const Graph all = graph_of(s, Symmetry::none), pool = graph_of(s, Symmetry::pool),
                frames = graph_of(s, Symmetry::frames);
    REQUIRE(all.complete);
    REQUIRE(pool.complete);
    REQUIRE(frames.complete);
    CHECK(classes(all) == classes(frames));
    CHECK(classes(pool) == classes(frames));
    CHECK(classes(frames).size() == frames.rests.size());
    CHECK(frames.rests.size() < pool.rests.size());
    CHECK(pool.rests.size() < all.rests.size());
    CHECK(pool.nr_worlds == all.rests.size()); // the sizes of the orbits
}

TEST_CASE("a break is found with and without symmetry, the same invariants broken") {
    const Space s = named("hvo-walker");
    for (const Sabotage sabotage : {Sabotage::no_flush, Sabotage::leak_page, Sabotage::no_errno}) {
        const auto with = broken(graph_of(s, Symmetry::frames, sabotage));
        CHECK_FALSE(with.empty());
        CHECK(with == broken(graph_of(s, Symmetry::none, sabotage)));
    }
}

TEST_CASE("on tiny512 the spaces of HVO are what they are on tiny") {
    for (const char* name : {"hvo-walker", "hvo-walker-list", "hvo-hotplug", "hvo-gigantic", "hvo-three"}) {
        CAPTURE(name);
        const Space tiny = named(name);
        const Graph a = graph_of(tiny, Symmetry::frames), b = graph_of(on_tiny512(tiny), Symmetry::frames);
        REQUIRE(b.complete);
        CHECK(a.rests.size() == b.rests.size());
        CHECK(a.nodes.size() == b.nodes.size());
        CHECK(a.edges.size() == b.edges.size());
        CHECK(a.remaps.size() == b.remaps.size());
        CHECK(a.nr_events == b.nr_events);
        CHECK(a.may == b.may);
    }
}

// The first two are cut, at the same world.
TEST_CASE("on tiny512 the spaces of percpu are what they are on tiny") {
    for (const char* name : {"percpu-vm-two", "percpu", "percpu-reclaim", "percpu-reserved"}) {
        CAPTURE(name);
        const Space tiny = named(name), large = on_tiny512(tiny);
        const Graph a = build_graph(tiny, {}, {.nodes = 100'000}),
                    b = build_graph(large, {}, {.nodes = 100'000});
        CHECK(b.broken.empty());
        CHECK(a.complete == b.complete);
        CHECK(a.rests == b.rests);
        CHECK(a.edges.size() == b.edges.size());
        CHECK(a.remaps.size() == b.remaps.size());
        CHECK(a.nr_events == b.nr_events);
        CHECK(a.may == b.may);
    }
}

TEST_CASE("CPUs are interchangeable: the orbits of the states found are the states without symmetry") {
    for (const u8 nr_tlbs : {2, 3}) {
        Space s = named("hvo-walker");
        s.nr_tlbs = nr_tlbs;
        const Graph g = graph_of(s, Symmetry::frames);
        const Searched with = search(s, g, {}), without = search(s, g, {.symmetry = false});
        REQUIRE(with.complete);
        REQUIRE(without.complete);
        CHECK(with.unfolded == without.states);
        CHECK(with.states < without.states);
    }
}

TEST_CASE("threads find the same states") {
    const Space s = named("hvo-hotplug");
    const Graph g = graph_of(s, Symmetry::frames);
    const Searched one = search(s, g, {.jobs = 1});
    for (const unsigned jobs : {2u, 3u}) {
        const Searched more = search(s, g, {.jobs = jobs});
        CHECK(more.complete);
        CHECK(more.states == one.states);
        CHECK(more.transitions == one.transitions);
        CHECK(more.depth == one.depth);
    }
}

// The bound counts every entry of every node: nothing forbids that all are reached, and more cannot be.
TEST_CASE("a space has no more states than estimated") {
    for (const char* name : {"hvo-walker", "hvo-hotplug", "percpu-reserved"}) {
        const Space s = named(name);
        const Graph g = graph_of(s, Symmetry::frames);
        const Searched r = search(s, g, {});
        CHECK(r.states <= estimate(s, g).states);
        CHECK(r.found.empty());
    }
}

namespace {

// One chunk that comes and goes, with a page: its addresses are used again once the range is full.
Space one_chunk() {
    Space s = named("percpu-vm-two");
    s.alphabet = {
        {.kind = OpKind::vm_create}, {.kind = OpKind::vm_populate, .to = 1}, {.kind = OpKind::vm_destroy}};
    s.pages = {{true, 10}, {true, 4}};
    return s;
}

bool shows(const Space& s, Sabotage sabotage, Wrong wrong) {
    const Graph g = build_graph(s, {.sabotage = sabotage, .judged = false}, {.nodes = 10'000});
    CHECK(g.broken.empty());
    const Searched r = search(s, g, {.states = 300'000});
    return std::ranges::any_of(
        r.found, [&](const Counterexample& x) { return x.wrong == wrong && x.steps.size() > 2; });
}

} // namespace

TEST_CASE("the hardware alone shows what the specification says must not be") {
    CHECK(shows(named("hvo-walker"), Sabotage::no_flush, Wrong::freed));
    CHECK(shows(named("hvo-walker"), Sabotage::early_free, Wrong::freed));
    CHECK(shows(named("hvo-walker"), Sabotage::no_rcu, Wrong::read_only_write));
    CHECK(shows(one_chunk(), Sabotage::no_purge_flush, Wrong::alias));
    CHECK_FALSE(shows(one_chunk(), Sabotage::none, Wrong::alias));
}

TEST_CASE("a walker that is inside when a remap begins without a grace period writes to read-only memory") {
    const Explored r = explore::explore(named("hvo-walker"), {.graph = {.sabotage = Sabotage::no_rcu}}, {});
    REQUIRE(r.found.size() == 1);
    const Finding& f = r.found[0];
    CHECK(f.name == "inv_no_write_through_a_read_only_pte");
    CHECK(f.steps.back() == "walker 0 writes to the refcount it saw");
    CHECK(std::ranges::count(f.steps, "walker 0 enters an RCU read section") == 1);
    // The operations begun, the walker's among them, break the same thing when they are run one by one.
    CHECK(std::ranges::count(f.ops, OpKind::walker_enter, &Op::kind) == 1);
    CHECK(spec::check_sequence(named("hvo-walker").config, f.ops, Sabotage::no_rcu).violation);
}

TEST_CASE("a limit ends a space, and what was found until then is told") {
    const Space s = named("hvo-hotplug");
    for (const auto& [limits, why] : {std::pair(Limits{.states = 1000}, "states"),
                                      {Limits{.bytes = 1 << 16}, "memory"},
                                      {Limits{.seconds = 0}, "time"},
                                      {Limits{.interrupted = [] { return true; }}, "interrupt"}}) {
        const Explored r = explore::explore(s, {.graph = {.sabotage = Sabotage::leak_page}}, limits);
        CHECK_FALSE(r.complete);
        CHECK(r.cut_by == why);
        if (why != std::string("time") && why != std::string("interrupt")) CHECK(r.found.size() == 1);
    }
    Space wide = named("hvo-gigantic");
    wide.nr_tlbs = 3;
    for (u64 v = 0; v < 8; ++v) wide.pages.push_back({.vmalloc = false, .page = v});
    const Explored r = explore::explore(wide, {}, {});
    CHECK_FALSE(r.complete);
    CHECK(r.cut_by == "bits");
    CHECK(r.states == 0);
}

TEST_CASE("the table is a set, however many threads fill it") {
    WordSet set(12);
    std::set<u64> same;
    u64 x = 1;
    for (int i = 0; i < 3000; ++i) {
        x = mix(x) % 2048;
        CHECK(set.insert(x) == same.insert(x).second);
        CHECK(set.contains(x));
    }
    u64 n = 0;
    set.for_each(0, set.size(), [&](u64 word) {
        CHECK(same.contains(word));
        ++n;
    });
    CHECK(n == same.size());
}

TEST_CASE("an exception in a search, on any thread, ends it and reaches whoever asked") {
    const Space s = named("hvo-walker");
    const Graph g = graph_of(s, Symmetry::pool);
    for (const unsigned jobs : {1u, 3u}) {
        CHECK_THROWS_AS(
            search(s, g, {.jobs = jobs, .progress = [](u64, u64) { throw std::runtime_error("no room"); }}),
            std::runtime_error);
        CHECK_THROWS_AS(
            search(s, g, {.jobs = jobs, .stop = []() -> bool { throw std::runtime_error("no room"); }}),
            std::runtime_error);
    }
}
