// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/promela/link/step.h"

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "spec/explore/state.hpp"

namespace {

using namespace mmodel;

struct Open {
    explore::Space space;
    explore::Graph graph;
    explore::Packing packing;

    Open(explore::Space s, Sabotage sabotage)
        : space(std::move(s)),
          graph(explore::build_graph(
              space, {.sabotage = sabotage, .judged = sabotage == Sabotage::none, .view = {}, .goes_on = {}},
              {})),
          packing(space, graph, true) {}
};
std::unique_ptr<Open> open_space;

[[noreturn]] void fail(const char* what, const char* name) {
    std::fprintf(stderr, "step: %s: %s\n", what, name);
    std::exit(3);
}

} // namespace

unsigned long step_open(const char* name, const char* broken) {
    std::vector<explore::Space> all = explore::link_spaces();
    for (const auto& more : {explore::default_spaces(), explore::large_spaces()})
        all.insert(all.end(), more.begin(), more.end());
    const auto space = std::ranges::find(all, std::string_view(name ? name : ""), &explore::Space::name);
    if (space == all.end()) fail("no such space", name ? name : "(none)");
    const auto sabotage = broken ? sabotage_named(broken) : Sabotage::none;
    if (!sabotage) fail("no such sabotage", broken);
    open_space = std::make_unique<Open>(*space, *sabotage);
    const explore::Graph& g = open_space->graph;
    for (const explore::Broken& b : g.broken)
        std::printf("step: broken: %s\n", spec::fact(b.violation.inv).name.data());
    if (!g.complete) fail("the machine's graph is not complete", name);
    if (open_space->packing.bits() > 63) fail("a state does not fit into a word", name);
    return open_space->packing.initial();
}

int step_successors(unsigned long state, unsigned long* out, int room) {
    int n = 0;
    if (state == step_wrong) return 0;
    auto add = [&](unsigned long to) {
        if (std::find(out, out + n, to) != out + n) return;
        if (n == room) fail("more successors than fit", open_space->space.name.c_str());
        out[n++] = to;
    };
    open_space->packing.successors(
        state, [&](u64 to, const explore::Step&) { add(to); },
        [&](explore::Wrong, const explore::Step&) { add(step_wrong); });
    return n;
}
