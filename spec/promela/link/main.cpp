// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel_link: the explorer's side of spec/promela/link. run.py calls it; see usage().
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <span>
#include <unordered_set>

#include "spec/explore/search.hpp"
#include "spec/promela/link/edges.h"
#include "spec/promela/link/view.hpp"

namespace mmodel::link {
namespace {

int usage() {
    std::fputs("usage: mmodel_link spaces\n"
               "       mmodel_link fields SPACE\n"
               "       mmodel_link edges SPACE [SABOTAGE|none [DUMP]]\n"
               "       mmodel_link walk SPACE SABOTAGE|none EVENTS SEED LOG\n"
               "       mmodel_link search SPACE JOBS   (CPUs told apart)\n"
               "       mmodel_link grow TLBS PAGES JOBS (link-hvo with so many TLBs, of so many pages)\n"
               "       mmodel_link count SPACE         (any space, CPUs not told apart, judged)\n",
               stderr);
    return 2;
}

const unsigned char* bytes(const std::string& s) { return reinterpret_cast<const unsigned char*>(s.data()); }

std::string wrong_view(explore::Wrong w) {
    return std::string(1, static_cast<char>(1 + static_cast<int>(w)));
}

int edges(const explore::Space& space, const explore::Graph& g) {
    const explore::Packing packing(space, g, false);
    std::unordered_set<u64> known{packing.initial()};
    std::vector<u64> level{packing.initial()}, next;
    const std::string first = view_of(space, g, packing, packing.initial());
    link_first(bytes(first), static_cast<int>(first.size()));
    while (!level.empty()) {
        for (const u64 s : level) {
            const std::string pre = view_of(space, g, packing, s);
            auto edge = [&](const explore::Step& step, const std::string& post) {
                link_edge(bytes(pre), static_cast<int>(pre.size()), action_of(space, g, step), bytes(post),
                          static_cast<int>(post.size()));
            };
            packing.successors(
                s,
                [&](u64 to, const explore::Step& step) {
                    edge(step, view_of(space, g, packing, to));
                    if (known.insert(to).second) next.push_back(to);
                },
                [&](explore::Wrong w, const explore::Step& step) { edge(step, wrong_view(w)); });
        }
        level.swap(next);
        next.clear();
    }
    const link_sum sum = link_total();
    std::printf("states %lu edges %lu hash %016lx\n", sum.states, sum.edges, sum.hash);
    return 0;
}

// A run at random, as lines: what happens, and the hash of what is seen after.
int walk(const explore::Space& space, const explore::Graph& g, u64 nr, u64 seed, std::FILE* log) {
    const explore::Packing packing(space, g, false);
    std::mt19937_64 random(seed);
    u64 at = packing.initial();
    for (u64 i = 0; i < nr; ++i) {
        std::vector<std::pair<u64, explore::Step>> next;
        packing.successors(
            at, [&](u64 to, const explore::Step& step) { next.emplace_back(to, step); },
            [](explore::Wrong, const explore::Step&) {});
        // The operation goes on more often than hardware does something.
        const auto& [to, step] =
            next[random() % 2 ? next.size() - 1 - random() % std::min<u64>(2, next.size())
                              : random() % next.size()];
        at = to;
        const std::string seen = view_of(space, g, packing, at);
        std::fprintf(log, "%u ", action_of(space, g, step));
        link_hex(log, bytes(seen), static_cast<int>(seen.size()));
        std::fputc('\n', log);
    }
    std::fclose(log);
    return 0;
}

int search_it(const explore::Space& space, const explore::Graph& g, unsigned jobs, bool symmetry) {
    explore::SearchLimits limits;
    limits.jobs = jobs;
    limits.symmetry = symmetry;
    const explore::Searched r = explore::search(space, g, limits);
    std::printf("states %lu transitions %lu seconds %.3f cpu %.3f bytes %lu found %zu\n", r.states,
                r.transitions, r.seconds, static_cast<double>(std::clock()) / CLOCKS_PER_SEC, r.peak_bytes,
                r.found.size());
    return 0;
}

std::FILE* open_or_die(const char* path) {
    std::FILE* f = std::fopen(path, "w");
    if (!f) std::perror(path), std::exit(3);
    return f;
}

int run(std::span<char*> args) {
    const std::string_view command = args.empty() ? "" : args[0];
    std::vector<explore::Space> spaces = explore::link_spaces();
    if (command == "count")
        for (const auto& more : {explore::default_spaces(), explore::large_spaces()})
            spaces.insert(spaces.end(), more.begin(), more.end());
    if (command == "spaces") {
        for (const explore::Space& s : spaces) std::printf("%s\t%s\n", s.name.c_str(), s.sentence.c_str());
        return 0;
    }
    if (args.size() < 2) return usage();
    auto number = [&](std::size_t i) { return static_cast<unsigned>(std::strtoul(args[i], nullptr, 10)); };
    if (command == "grow" && args.size() == 4) {
        explore::Space s = *std::ranges::find(spaces, "link-hvo", &explore::Space::name);
        s.nr_tlbs = static_cast<u8>(std::clamp(number(1), 1u, 3u));
        s.pages.resize(std::clamp<std::size_t>(number(2), 1, s.pages.size()));
        return search_it(s, build_graph(s, options_for(s, {}), {}), number(3), false);
    }
    const auto space = std::ranges::find(spaces, args[1], &explore::Space::name);
    if (space == spaces.end()) return std::fprintf(stderr, "mmodel_link: no such space: %s\n", args[1]), 2;
    if (command == "fields") {
        for (const std::string& f : fields_of(*space)) std::printf("%s\n", f.c_str());
        return 0;
    }
    if (command == "count") return search_it(*space, build_graph(*space, {}, {}), 1, true);
    Sabotage sabotage{};
    const bool named = command == "edges" || command == "walk";
    if (named && args.size() > 2 && std::strcmp(args[2], "none") != 0) {
        const auto s = sabotage_named(args[2]);
        if (!s) return std::fprintf(stderr, "mmodel_link: no such sabotage: %s\n", args[2]), 2;
        sabotage = *s;
    }
    const explore::Graph g = build_graph(*space, options_for(*space, sabotage), {});
    if (!g.complete) return std::fprintf(stderr, "mmodel_link: the graph is not complete\n"), 1;
    if (command == "edges") {
        if (args.size() > 3) link_dump_to(open_or_die(args[3]));
        return edges(*space, g);
    }
    if (command == "walk" && args.size() == 6)
        return walk(*space, g, std::strtoull(args[3], nullptr, 10), std::strtoull(args[4], nullptr, 10),
                    open_or_die(args[5]));
    if (command == "search" && args.size() == 3) return search_it(*space, g, number(2), false);
    return usage();
}

} // namespace
} // namespace mmodel::link

int main(int argc, char** argv) {
    try {
        return mmodel::link::run({argv + 1, static_cast<std::size_t>(argc - 1)});
    } catch (const std::exception& e) {
        std::fprintf(stderr, "mmodel_link: %s\n", e.what());
        return 1;
    }
}
