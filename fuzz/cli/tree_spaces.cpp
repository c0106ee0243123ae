// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel explore --tree: every state of a kernel tree's own file on tiny machines, one line a space.
#include <algorithm>

#include <fmt/format.h>

#include "fuzz/campaign/findings.hpp"
#include "fuzz/campaign/pool.hpp"
#include "fuzz/cli/explore.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/table.hpp"
#include "fuzz/cli/wrap.hpp"
#include "spec/linux/host/tree_graph.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;
using explore::Explored;
using explore::Finding;
using explore::Space;

// percpu-vm's own calls, and no allocator above them.
bool is_of_chunks(const Space& s) {
    return std::ranges::any_of(s.alphabet, [](const Op& op) { return op.kind == OpKind::vm_populate; });
}

bool is_for(const Space& s, std::string_view file) {
    if (file == "hugetlb_vmemmap") return explore::is_of_hvo(s);
    return explore::is_of_percpu(s) && is_of_chunks(s) == (file == "percpu-vm");
}

std::vector<Space> spaces_of(const bench::Tree& tree, std::vector<Space> all) {
    std::vector<Space> out;
    for (Space& s : all)
        if (is_for(s, tree.name)) out.push_back(explore::on_tiny512(std::move(s)));
    return out;
}

Table table_of_spaces() {
    return Table({{"space", 18, Column::Side::left},
                  {"worlds", 7},
                  {"operations", 11},
                  {"op/s", 8},
                  {"states", 11},
                  {"transitions", 13},
                  {"seconds", 7},
                  {"reach", 9, Column::Side::left},
                  {"B/st", 5},
                  {"verdict", 0, Column::Side::left}},
                 columns());
}

void print_line(const Space& s, const Explored& e) {
    fmt::print("{}",
               table_of_spaces().row(
                   {s.name, grouped(e.rests), grouped(e.runs),
                    grouped(static_cast<u64>(static_cast<double>(e.runs) / std::max(1e-3, e.graph_seconds))),
                    grouped(e.states), grouped(e.transitions), fmt::format("{:.1f}", e.seconds),
                    e.complete ? "complete" : e.cut_by, fmt::format("{:.0f}", e.bytes_per_state),
                    standing_of(e).text() + known_words(e)}));
    std::fflush(stdout);
}

// What was found in a space of a file.
struct Found {
    const bench::Unit& unit;
    const Space& space;
    const Finding& finding;

    // Its operations, and what those show: of the hardware's part that may be another invariant, or none.
    [[nodiscard]] Trace trace() const {
        const std::string_view shown = finding.steps.empty() ? finding.name
                                       : finding.alone       ? name_of(*finding.alone)
                                                             : std::string_view();
        return {
            .config = space.config, .stale = finding.stale, .ops = finding.ops, .expect = std::string(shown)};
    }
    [[nodiscard]] bool is_replayable() const { return finding.steps.empty() || finding.alone; }
    [[nodiscard]] fs::path kept_in(const fs::path& dir) const {
        return dir / fmt::format("{}-{}-{}{}.trace", unit.tree.version, space.name, finding.name,
                                 finding.stale ? "-stale" : "");
    }
};

void print_finding(const Found& f, const SpacesOptions& o) {
    const Trace t = f.trace();
    std::string again =
        o.keep.empty() ? replay_command(t, o.tree) : replay_command(f.kept_in(o.keep), o.tree);
    if (!o.findings.empty()) again += " --past-known --findings " + path_word(o.findings);
    fmt::print("\n");
    if (f.finding.steps.empty()) {
        const std::string subject = fmt::format("Linux {}, {}", f.unit.tree.version, f.unit.tree.file);
        fmt::print("{}", five_lines({f.finding.violation, subject, t, again}));
    } else {
        fmt::print("{}\n", wrapped(fmt::format("{}: {}", f.finding.name, f.finding.sentence), 2));
        print_steps(f.finding);
        if (f.finding.alone)
            fmt::print("{}", labelled("alone",
                                      fmt::format("the operations break {}: {}", name_of(*f.finding.alone),
                                                  where_text(*f.finding.alone)),
                                      7));
        if (f.is_replayable()) fmt::print("  again  {}\n", again);
    }
    fmt::print("  seen   {} in {}\n", plural(f.finding.seen, "time"), f.space.name);
    if (!f.is_replayable())
        fmt::print(
            "{}",
            labelled("note", "the operations alone do not show it: it matters when the hardware acts", 7));
}

int keep_trace(const Found& f, const std::string& dir) {
    const std::string text = print_trace(f.trace());
    const auto why = write_file(f.kept_in(dir), text);
    return why ? complain(Failure{*why + "; the trace:\n" + text, exit_environment}) : exit_holds;
}

// Of the comparison with the model, in every state of the space.
std::string model_words(const bench::BesideTheModel& m) {
    std::string out = plural(m.nr_compared, "operation") + " compared with the model";
    for (const bench::DeviationFact& d : bench::deviations)
        if (const u64 n = m.deviations[static_cast<std::size_t>(d.deviation)])
            out += fmt::format("; {} in {}", d.name, grouped(n));
    if (!m.worlds) return out;
    if (m.worlds->are_the_same()) return out + fmt::format("; the same {} worlds", grouped(m.worlds->both));
    return out + fmt::format("; {} worlds are the same, {} are the file's alone, {} the model's",
                             grouped(m.worlds->both), grouped(m.worlds->only_the_files),
                             grouped(m.worlds->only_the_models));
}

Json model_json(const bench::BesideTheModel& m) {
    Json j = compared_json(m.nr_compared, m.deviations);
    if (m.worlds)
        j["worlds"] = {{"both", m.worlds->both},
                       {"only_the_files", m.worlds->only_the_files},
                       {"only_the_models", m.worlds->only_the_models}};
    return j;
}

// What ran of a file, in one space or several.
Covered covered_in(const bench::Unit& unit, const bench::Reached& reached) {
    bench::Report r{.tree = unit.tree};
    bench::Pool ran;
    ran.add({}, reached);
    ran.tell(unit, r.branches);
    return covered(r);
}

Json file_json(const bench::Unit& unit, const Space& s, const bench::ExploredFile& file,
               const std::string& dir) {
    const Explored& e = file.explored;
    Json j = explored_json(s, e);
    if (file.model) j["model"] = model_json(*file.model);
    if (const Covered c = covered_in(unit, file.reached); c.is_measured())
        j["coverage"] = {{"branches", c.reachable}, {"ran", c.ran}, {"percent", c.percent()}};
    j.update({{"tree", dir},
              {"version", unit.tree.version},
              {"file", unit.tree.file},
              {"geometry", print_config(s.config)},
              {"operations_a_second", static_cast<double>(e.runs) / std::max(1e-3, e.graph_seconds)}});
    return j;
}

// A tree's file in the spaces that were asked for.
class FileSpaces {
public:
    FileSpaces(const SpacesOptions& o, Tally& tally) : o_(o), tally_(tally) {}

    void explore_all(const bench::Unit& unit, std::vector<Space> spaces, const Budget& budget) {
        if (!o_.json)
            fmt::print("Linux {}, {}\n{}", unit.tree.version, unit.tree.file, table_of_spaces().head());
        std::vector<std::pair<const Space*, Explored>> broken;
        for (std::size_t i = 0; i < spaces.size() && !interrupted(); ++i) {
            if (o_.tlbs) spaces[i].nr_tlbs = static_cast<u8>(o_.tlbs);
            auto e = explore_one(unit, spaces[i], budget.share(spaces.size() - i));
            if (e && !e->found.empty()) broken.emplace_back(&spaces[i], std::move(*e));
        }
        if (const Covered c = covered_in(unit, all_); !o_.json && c.is_measured())
            print_wrapped(
                fmt::format("in these spaces {} of {} branches ran ({} %); {} more cannot be reached", c.ran,
                            c.reachable, c.percent(), c.unreachable),
                2);
        for (const auto& [space, e] : broken)
            for (const Finding& f : e.found)
                if (!f.known) tell({unit, *space, f});
    }

private:
    std::optional<Explored> explore_one(const bench::Unit& unit, const Space& s, double seconds) {
        Progress progress;
        explore::Limits limits = telling(limits_of(o_), s, progress);
        limits.seconds = seconds;
        explore::Options options{.graph = {.stop_at_first = o_.first}};
        if (o_.no_symmetry)
            options = {{.symmetry = explore::Symmetry::none, .stop_at_first = o_.first}, false};
        options.stale = o_.stale;
        auto e = explore_file(unit, s, limits, options);
        progress.end();
        if (!e) {
            tally_.worsen(complain(e.error()));
            return std::nullopt;
        }
        tally_.add(standing_of(e->explored));
        all_.edges.insert(all_.edges.end(), e->reached.edges.begin(), e->reached.edges.end());
        if (o_.json) {
            print_json(file_json(unit, s, *e, o_.tree));
        } else {
            print_line(s, e->explored);
            if (e->model) print_wrapped("      " + model_words(*e->model), 8);
        }
        return std::move(e->explored);
    }
    void tell(const Found& f) {
        if (!o_.json) print_finding(f, o_);
        if (!o_.keep.empty() && f.is_replayable()) tally_.worsen(keep_trace(f, o_.keep));
    }

    const SpacesOptions& o_;
    Tally& tally_;
    bench::Reached all_{}; // in all spaces
};

// The files that are meant and have spaces.
std::expected<std::vector<bench::Tree>, bench::Problem> files_meant(const SpacesOptions& o,
                                                                    const std::string& file) {
    const auto tree = open_tree(o.tree);
    if (!tree) return std::unexpected(tree.error());
    std::vector<bench::Tree> out;
    for (const bench::KernelFile& f : tree->files) {
        if (file.empty() ? !f.refusal.empty() : f.name != file) continue;
        const auto one = tree->judged_by(f.name);
        if (!one) return std::unexpected(one.error());
        if (!spaces_for(*one).empty()) out.push_back(*one);
    }
    if (out.empty())
        return std::unexpected(bench::Problem{
            fmt::format("{}: there is no space for {} yet", o.tree, file.empty() ? "what it has" : file),
            true});
    return out;
}

} // namespace

std::string known_words(const Explored& e) {
    const std::size_t nr = standing_of(e).known;
    return nr ? "; " + plural(nr, "finding") + " known" + passed_words(e) : "";
}

std::string passed_words(const Explored& e) {
    if (!e.known) return {};
    return fmt::format(", in {}, {} of them passed", plural(e.known, "operation"), grouped(e.known_passed));
}

std::vector<Space> spaces_for(const bench::Tree& tree) { return spaces_of(tree, explore::default_spaces()); }
std::vector<Space> large_spaces_for(const bench::Tree& tree) {
    return spaces_of(tree, explore::large_spaces());
}

std::expected<bench::ExploredFile, bench::Problem> explore_file(const bench::Unit& unit, const Space& s,
                                                                const explore::Limits& limits,
                                                                const explore::Options& options) {
    auto r = bench::explore_file(unit, s, options, limits);
    if (!r) return std::unexpected(r.error());
    for (const explore::Broken& b : r->unconfirmed)
        say(fmt::format(
            "{}: {} was seen by the child that explored, but a fresh one that runs the same operations does "
            "not show it; it is not counted: {}",
            s.name, name_of(b.violation), one_line(s.config.geometry, b.ops)));
    return r;
}

int explore_tree(const SpacesOptions& o) {
    const auto file = file_meant(o.file);
    if (!file) return complain(file.error());
    if (!o.sabotage.empty())
        return complain(Failure{"--sabotage breaks the model; a kernel tree has no such break"});
    if (!o.keep.empty())
        if (const auto why = why_not_a_place(o.keep)) return complain(Failure{*why, exit_environment});
    std::vector<Record> records;
    if (!o.findings.empty()) {
        auto read = read_findings(o.findings);
        if (!read) return complain(Failure{read.error()});
        records = std::move(*read);
    }
    const auto files = files_meant(o, *file);
    if (!files) return complain(files.error());
    const Budget budget(o.seconds);
    const WorkDir work;
    Tally tally;
    FileSpaces spaces(o, tally);
    for (std::size_t i = 0; i < files->size() && !interrupted(); ++i) {
        std::vector<Space> all = spaces_for((*files)[i]);
        const std::vector<Space> normal = all;
        for (Space& s : large_spaces_for((*files)[i])) all.push_back(std::move(s));
        const auto wanted = chosen(o, normal, all);
        if (!wanted) return complain(wanted.error());
        auto unit = compile_file((*files)[i], work, "tiny512");
        if (unit) unit->known = identities_known(records, (*files)[i]);
        if (unit)
            spaces.explore_all(*unit, *wanted, budget.part(1.0 / static_cast<double>(files->size() - i)));
        else
            tally.worsen(complain(unit.error()));
    }
    return tally.status();
}

} // namespace mmodel::cli
