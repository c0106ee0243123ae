// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/explore/explore.hpp"

#include <chrono>

namespace mmodel::explore {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

Finding finding_of(NotInductive&& n) {
    return {.name = "inv_inductive_invariant_holds_in_every_world_at_rest",
            .sentence = "What spec/symbolic proves to be inductive holds in each world that is reached.",
            .violation = {.where = {}, .event = {}, .detail = std::move(n.conjunct)},
            .ops = std::move(n.ops),
            .seen = n.seen};
}

Finding finding_of(Counterexample&& c) {
    const Meaning m = meaning(c.wrong);
    return {.name = m.name,
            .sentence = m.sentence,
            .ops = std::move(c.ops),
            .steps = std::move(c.steps),
            .seen = c.seen};
}

Explored of_graph(const Graph& g) {
    return {.nodes = g.nodes.size(),
            .rests = g.rests.size(),
            .runs = g.nr_runs,
            .events = g.nr_events,
            .faulted = g.nr_faulted,
            .known = g.nr_known,
            .known_passed = g.nr_known_passed,
            .ops_depth = g.depth,
            .worlds = g.nr_worlds,
            .complete = g.complete,
            .cut_by = g.cut_by};
}

void add_search(Explored& out, Searched&& s, u64 graph_bytes) {
    out.states = s.states;
    out.transitions = s.transitions;
    out.depth = s.depth;
    out.unfolded = s.unfolded;
    if (out.complete) out.cut_by = s.cut_by;
    out.complete = out.complete && s.complete;
    out.bytes_per_state = static_cast<double>(s.peak_bytes + graph_bytes) / static_cast<double>(s.states);
    for (Counterexample& c : s.found) out.found.push_back(finding_of(std::move(c)));
}

} // namespace

Finding finding_of(Broken&& b) {
    const spec::Fact& f = spec::fact(b.violation.inv);
    return {.name = f.name,
            .sentence = f.sentence,
            .violation = std::move(b.violation),
            .ops = std::move(b.ops),
            .seen = b.seen,
            .known = b.known};
}

Meaning meaning(Wrong w) {
    const auto as = [](spec::Inv i) { return Meaning{spec::fact(i).name, spec::fact(i).sentence}; };
    switch (w) {
    case Wrong::freed: return as(spec::Inv::no_frame_is_freed_while_a_tlb_may_hold_it);
    case Wrong::alias: return as(spec::Inv::no_address_is_mapped_while_a_tlb_may_hold_another_translation);
    case Wrong::read_only_write: return as(spec::Inv::no_write_through_a_read_only_pte);
    case Wrong::impossible: break;
    }
    return {"inv_machine_lists_every_translation_a_tlb_can_hold",
            "What a CPU's TLB holds is the page table's translation or among those the machine calls stale."};
}

Explored explore(const Space& space, const Options& options, const Limits& limits) {
    return explore(
        space, [&](const GraphLimits& of) { return build_graph(space, options.graph, of); },
        options.cpu_symmetry, limits);
}

Explored explore(const Space& space, const BuildGraph& build, bool cpu_symmetry, const Limits& limits) {
    const auto start = Clock::now();
    std::string cut_by;
    const auto stop = [&] {
        if (limits.interrupted && limits.interrupted())
            cut_by = "interrupt";
        else if (seconds_since(start) > limits.seconds)
            cut_by = "time";
        return !cut_by.empty();
    };
    const auto tell = [&](std::string_view what) {
        return [&limits, what](u64 n, u64) {
            if (limits.progress) limits.progress(what, n);
        };
    };
    Graph g = build({.stop = stop, .progress = tell("worlds at rest")});
    Explored out = of_graph(g);
    if (!g.complete && !cut_by.empty()) out.cut_by = cut_by;
    out.graph_seconds = seconds_since(start);
    for (Broken& b : g.broken) out.found.push_back(finding_of(std::move(b)));
    for (NotInductive& n : g.not_inductive) out.found.push_back(finding_of(std::move(n)));
    out.seconds = seconds_since(start);
    if (g.rests.empty() || g.cut_by == "violation") return out;
    const Estimate e = estimate(space, g);
    if (limits.estimated) limits.estimated(e);
    if (e.bits > max_state_bits) {
        out.complete = false;
        out.cut_by = "bits";
        return out;
    }
    cut_by.clear();
    Searched s = search(space, g,
                        {.states = limits.states,
                         .bytes = limits.bytes,
                         .jobs = limits.jobs,
                         .symmetry = cpu_symmetry,
                         .stop = stop,
                         .progress = tell("states")});
    if (!s.complete && !cut_by.empty()) s.cut_by = cut_by;
    add_search(out, std::move(s), g.bytes);
    out.seconds = seconds_since(start);
    return out;
}

} // namespace mmodel::explore
