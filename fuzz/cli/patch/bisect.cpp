// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/bisect.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "fuzz/cli/patch/sought.hpp"

namespace mmodel::cli {
namespace {

constexpr u64 nr_drawn = 400; // sequences, a geometry
constexpr double slice = 0.2; // seconds

int stop(const std::string& why) { return complain(Failure{why, bisect_stop}); }

// Another commit may do better, or nothing will.
int end_for(const bench::Problem& p) {
    return complain(Failure{p.what, p.of_tree ? bisect_skip : bisect_stop});
}

std::expected<bool, bench::Problem> is_found_in(bench::Campaign& c, const Sought& sought,
                                                const bench::Tree& tree) {
    const auto r = c.report();
    if (!r) return std::unexpected(r.error());
    if (std::ranges::any_of(r->findings,
                            [&](const bench::Finding& f) { return sought.is(f.identity, tree); }))
        return true;
    if (r->trouble.empty()) return false;
    // A file whose operations hang ends the search; that is no trouble of ours.
    const bool hangs = std::ranges::any_of(r->findings, [](const bench::Finding& f) {
        return f.violation.inv == spec::Inv::every_operation_ends;
    });
    return std::unexpected(bench::Problem{.what = r->trouble, .of_tree = hangs && !interrupted()});
}

// The sweeps to their end, then so many sequences at random, whatever the machine.
std::expected<bool, bench::Problem> search(const bench::Unit& unit, const Sought& sought,
                                           const LinuxOptions& o, Progress& progress) {
    const auto tell = [&](const std::string& text) { progress.show("looking for it: " + text); };
    bench::Campaign c(unit, {.seed = o.seed, .progress = tell, .stop = interrupted, .stale = o.stale});
    for (u64 most = 0;;) {
        const auto found = is_found_in(c, sought, unit.tree);
        if (!found || *found) return found;
        const bench::Report r = *c.report();
        if (r.swept < r.to_sweep) {
            c.sweep(slice);
            continue;
        }
        if (!most) most = r.sequences + nr_drawn;
        if (r.sequences >= most) return false;
        c.draw(slice);
    }
}

struct Asked {
    Sought sought;
    bench::Tree tree;
    std::vector<std::string> geometries;
};

// Of one file. The trace first: mostly it is enough.
std::expected<bool, bench::Problem> is_there(const Asked& a, const LinuxOptions& o, const WorkDir& work) {
    Progress progress;
    std::map<std::string, std::expected<bench::Unit, bench::Problem>> units;
    const auto compiled = [&](const std::string& geometry) -> auto& {
        if (!units.contains(geometry))
            units.emplace(geometry, build_tree(a.tree.dir, work, a.tree.name, o.backend, geometry));
        return units.at(geometry);
    };
    if (a.sought.trace) {
        const auto& unit = compiled(std::string(a.sought.trace->config.geometry.arch));
        if (!unit) return std::unexpected(unit.error());
        const auto shown = shows_by_trace(*unit, a.sought);
        if (!shown || *shown) return shown;
    }
    for (const std::string& geometry : a.geometries)
        if (const auto& unit = compiled(geometry); !unit) return std::unexpected(unit.error());
    for (const std::string& geometry : a.geometries) {
        const auto found = search(*compiled(geometry), a.sought, o, progress);
        if (!found || *found) return found;
    }
    return false;
}

} // namespace

int bisect(const LinuxOptions& o) {
    const auto sought = read_sought(o.bisect);
    if (!sought) return stop(sought.error().what);
    auto geometries = geometries_in(o.geometry, o.backend);
    if (!geometries) return stop(geometries.error());
    if (bench::compiler_words().empty())
        return stop("no C compiler: install clang-19 or gcc, or name one in MMODEL_CC");
    const auto tree = open_tree(o.tree);
    if (!tree) return end_for(tree.error());
    const auto asked = file_meant(o.file);
    if (!asked) return stop(asked.error().what);
    const std::string file = asked->empty() ? sought->file() : *asked;
    const WorkDir work;
    int status = bisect_good;
    bool judged = false;
    for (const bench::KernelFile& f : tree->files) {
        if (!file.empty() && f.name != file) continue;
        judged = true;
        const auto there = is_there({*sought, tree->seen_by(f), *geometries}, o, work);
        if (!there) return end_for(there.error());
        if (*there) status = bisect_bad;
        if (*there) break;
    }
    if (!judged) return end_for(tree->judged_by(file).error());
    fmt::print("Linux {} in {}: {}\n", tree->version, o.tree,
               status == bisect_bad ? "it is there" : "it is not there");
    return status;
}

bool asks_for_bisect(int argc, char** argv) {
    return argc > 1 && std::string_view(argv[1]) == "linux" &&
           std::any_of(argv + 2, argv + argc,
                       [](std::string_view a) { return a == "--bisect" || a.starts_with("--bisect="); });
}

int status_for_bisect(int status) {
    return status == exit_usage || status == exit_environment ? bisect_stop : status;
}

} // namespace mmodel::cli
