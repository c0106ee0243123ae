// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel explore: every state of tiny machines, one line a space.
#include <algorithm>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>

#include "fuzz/cli/explore.hpp"
#include "fuzz/cli/table.hpp"
#include "fuzz/cli/wrap.hpp"
#include "spec/explore/explore.hpp"

namespace mmodel::cli {
namespace {

using explore::Explored;
using explore::Finding;
using explore::Space;

u64 bytes_of_memory() {
    return static_cast<u64>(sysconf(_SC_PHYS_PAGES)) * static_cast<u64>(sysconf(_SC_PAGESIZE));
}

struct Setting {
    const SpacesOptions& options;
    Sabotage sabotage{};
    explore::Limits limits{};
};

std::vector<Space> all_spaces() {
    std::vector<Space> all = explore::default_spaces();
    for (Space& s : explore::large_spaces()) all.push_back(std::move(s));
    return all;
}

int list_spaces() {
    const Table table({{"space", 20, Column::Side::left},
                       {"ops"},
                       {"pages"},
                       {"TLBs"},
                       {"walkers"},
                       {"what is in it", 0, Column::Side::left}},
                      columns());
    const std::size_t nr_default = explore::default_spaces().size();
    fmt::print("{}", table.head());
    const std::vector<Space> all = all_spaces();
    for (std::size_t i = 0; i < all.size(); ++i) {
        const Space& s = all[i];
        if (i == nr_default) fmt::print("only by name, minutes and gigabytes:\n");
        fmt::print("{}", table.row({s.name, grouped(s.alphabet.size()), grouped(s.pages.size()),
                                    grouped(s.nr_tlbs), grouped(s.walkers.size()), s.sentence}));
    }
    return exit_holds;
}

// Whether a replay of the operations alone shows it; else only the steps do.
bool is_replayable(const Trace& t, const Setting& s) {
    const auto r = spec::check_sequence(t.config, t.ops, s.sabotage);
    return r.violation && spec::fact(r.violation->inv).name == t.expect;
}

void print_finding(const Space& s, const Finding& f, const Setting& setting) {
    const Trace t = trace_of(s, f, setting.options.sabotage);
    fmt::print("\n{}\n", wrapped(fmt::format("{}: {}", f.name, f.sentence), 2));
    if (f.steps.empty()) {
        const spec::Violation& v = f.violation;
        fmt::print("{}{}", labelled("where", where_text(v), 7),
                   labelled("found", v.detail.empty() ? "-" : v.detail, 7));
    } else {
        print_steps(f);
    }
    fmt::print("  seen   {} in {}\n", plural(f.seen, "time"), s.name);
    fmt::print(
        "{}", labelled("trace",
                       fmt::format("{}: {}", print_config(t.config), one_line(t.config.geometry, t.ops)), 7));
    if (is_replayable(t, setting)) return fmt::print("  again  {}\n", replay_command(t));
    const std::string broken =
                          setting.options.sabotage.empty() ? "" : " --sabotage " + setting.options.sabotage,
                      tlbs = setting.options.tlbs ? fmt::format(" --tlbs {}", setting.options.tlbs) : "";
    fmt::print("{}  again  {} explore --space {}{}{}\n",
               labelled("note", "the operations alone do not show it: it matters when the hardware acts", 7),
               this_command(), s.name, broken, tlbs);
}

Table table_of_spaces() {
    return Table({{"space", 20, Column::Side::left},
                  {"worlds", 7},
                  {"events", 9},
                  {"states", 11},
                  {"transitions", 13},
                  {"depth", 5},
                  {"reach", 9, Column::Side::left},
                  {"states/s", 10},
                  {"B/st", 4},
                  {"verdict", 0, Column::Side::left}},
                 columns());
}

void print_line(const Space& s, const Explored& e) {
    const double search = std::max(1e-3, e.seconds - e.graph_seconds);
    fmt::print("{}",
               table_of_spaces().row({s.name, grouped(e.rests), grouped(e.events), grouped(e.states),
                                      grouped(e.transitions), fmt::format("{}", e.depth),
                                      e.complete ? "complete" : e.cut_by,
                                      grouped(static_cast<u64>(static_cast<double>(e.states) / search)),
                                      fmt::format("{:.0f}", e.bytes_per_state), standing_of(e).text()}));
    std::fflush(stdout);
}

// Said before the search, when it will not reach the end.
void warn_if_too_large(const Space& s, const explore::Estimate& e, const explore::Limits& limits) {
    const u64 mib = 1 << 20;
    if (e.bits > explore::max_state_bits)
        return say(fmt::format("{}: a state needs {} bits, {} is the most: not searched; fewer --tlbs",
                               s.name, e.bits, explore::max_state_bits));
    if (e.bytes > limits.bytes || e.states > limits.states)
        say(fmt::format("{}: there may be {} states, which need about {} MiB; stops at {} MiB or {}, "
                        "what was found until then stays",
                        s.name, grouped(e.states), grouped(e.bytes / mib), grouped(limits.bytes / mib),
                        limits.states == ~u64{0} ? "when time is out" : plural(limits.states, "state")));
}

void show(Progress& progress, const Space& s, std::string_view what, u64 n) {
    progress.show(fmt::format("{}: {} {}", s.name, grouped(n), what));
}

Explored explore_one(const Space& s, const Setting& setting, Progress& progress) {
    explore::Options options{.graph = {.sabotage = setting.sabotage, .stop_at_first = setting.options.first}};
    if (setting.options.no_symmetry) {
        options.graph.symmetry = explore::Symmetry::none;
        options.cpu_symmetry = false;
    }
    return explore::explore(s, options, telling(setting.limits, s, progress));
}

} // namespace

Trace trace_of(const Space& s, const Finding& f, const std::string& sabotage) {
    return {.config = s.config,
            .sabotage = sabotage,
            .stale = f.stale,
            .ops = f.ops,
            .expect = std::string(f.name)};
}

unsigned nr_cpus() { return std::max(1u, std::thread::hardware_concurrency()); }
u64 most_bytes() { return bytes_of_memory() / 4 * 3; }

std::expected<std::vector<Space>, Failure> chosen(const SpacesOptions& o, const std::vector<Space>& normal,
                                                  const std::vector<Space>& all) {
    if (o.spaces.empty()) return normal;
    std::vector<Space> out;
    for (const std::string& name : o.spaces) {
        const auto found = std::ranges::find(all, name, &Space::name);
        if (found == all.end()) {
            std::string names;
            for (const Space& s : all) names += (names.empty() ? "" : ", ") + s.name;
            return std::unexpected(Failure{fmt::format("there is no space '{}'; there are {}", name, names)});
        }
        out.push_back(*found);
    }
    return out;
}

explore::Limits limits_of(const SpacesOptions& o) {
    return {.states = o.states ? o.states : ~u64{0},
            .bytes = o.megabytes ? o.megabytes << 20 : most_bytes(),
            .jobs = o.jobs ? static_cast<unsigned>(o.jobs) : nr_cpus(),
            .interrupted = interrupted};
}

explore::Limits telling(explore::Limits limits, const Space& s, Progress& progress) {
    limits.progress = [&](std::string_view what, u64 n) { show(progress, s, what, n); };
    limits.estimated = [&s, limits](const explore::Estimate& e) { warn_if_too_large(s, e, limits); };
    return limits;
}

void print_steps(const Finding& f) {
    fmt::print("  steps  from boot, the shortest way:\n");
    for (std::size_t i = 0; i < f.steps.size(); ++i)
        print_wrapped(fmt::format("  {} {:>3}  {}", i + 1 == f.steps.size() ? ">>>" : "   ", i, f.steps[i]),
                      11);
}

Standing standing_of(const Explored& e) {
    const auto known = static_cast<std::size_t>(
        std::ranges::count_if(e.found, [](const Finding& f) { return f.known.has_value(); }));
    Standing v{.violated = e.found.size() - known, .known = known};
    if (e.complete) return v;
    v.reach = e.runs ? Reach::in_part : Reach::nothing;
    v.reached = fmt::format("{} and {}, {} deep", plural(e.rests, "world"), plural(e.states, "state"),
                            plural(e.depth, "step"));
    v.why = ended_by(e.cut_by);
    return v;
}

Json explored_json(const Space& s, const Explored& e, const std::string& sabotage) {
    Json violations = Json::array();
    for (const Finding& f : e.found) {
        const Trace t = trace_of(s, f, sabotage);
        Json v = f.is_of_the_specification() ? violation_json(f.violation, t)
                                             : Json{{"invariant", f.name},
                                                    {"meaning", f.sentence},
                                                    {"operations", t.ops.size()},
                                                    {"trace", print_trace(t)}};
        v["seen"] = f.seen;
        if (f.known) v["known"] = true;
        if (!f.steps.empty()) v["steps"] = f.steps;
        violations.push_back(std::move(v));
    }
    Json out{{"kind", "explore"},
             {"space", s.name},
             {"states", e.states},
             {"transitions", e.transitions},
             {"depth", e.depth},
             {"complete", e.complete},
             {"seconds", e.seconds},
             {"bytes_per_state", e.bytes_per_state},
             {"violations", std::move(violations)},
             {"nodes", e.nodes},
             {"worlds_at_rest", e.rests},
             {"operations_run", e.runs},
             {"operations_failing", e.faulted},
             {"operations_known", e.known},
             {"operations_known_passed", e.known_passed},
             {"what", s.sentence},
             {"geometry", print_config(s.config)},
             {"events", e.events},
             {"states_without_cpu_symmetry", e.unfolded}};
    if (!e.complete) out["cut_by"] = e.cut_by;
    standing_of(e).put(out);
    return out;
}

Explored explore_for(const Space& s, double seconds, Progress& progress) {
    return explore::explore(s, {},
                            {.seconds = seconds,
                             .bytes = most_bytes(),
                             .jobs = nr_cpus(),
                             .interrupted = interrupted,
                             .progress = [&](std::string_view what, u64 n) { show(progress, s, what, n); }});
}

int explore_spaces(const SpacesOptions& o) {
    if (o.list) return list_spaces();
    if (!o.tree.empty()) return explore_tree(o);
    auto spaces = chosen(o, explore::default_spaces(), all_spaces());
    if (!spaces) return complain(spaces.error());
    Setting setting{.options = o};
    const auto sabotage = sabotage_asked(o.sabotage);
    if (!sabotage) return complain(sabotage.error());
    setting.sabotage = *sabotage;
    setting.limits = limits_of(o);
    const Budget budget(o.seconds);
    Tally tally;
    std::vector<std::pair<const Space*, Explored>> broken;
    if (!o.json) fmt::print("{}", table_of_spaces().head());
    for (std::size_t i = 0; i < spaces->size() && !interrupted(); ++i) {
        Space& s = (*spaces)[i];
        if (o.tlbs) s.nr_tlbs = static_cast<u8>(o.tlbs);
        setting.limits.seconds = budget.share(spaces->size() - i);
        Progress progress;
        Explored e = explore_one(s, setting, progress);
        progress.end();
        tally.add(standing_of(e));
        if (o.json)
            print_json(explored_json(s, e, o.sabotage));
        else
            print_line(s, e);
        if (!e.found.empty()) broken.emplace_back(&s, std::move(e));
    }
    for (const auto& [s, e] : broken)
        for (std::size_t i = 0; !o.json && i < e.found.size(); ++i) print_finding(*s, e.found[i], setting);
    if (interrupted())
        say("interrupted: a space that was not complete starts from boot when it is run again");
    return tally.status();
}

} // namespace mmodel::cli
