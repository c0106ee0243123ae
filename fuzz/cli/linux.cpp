// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel linux: one kernel tree's own file under the specification.
#include <algorithm>
#include <array>
#include <expected>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/trees.hpp"
#include "fuzz/cli/wrap.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

fs::path kept_path(const LinuxOptions& o, const bench::Report& r, const bench::Finding& f) {
    const std::string file = r.tree.name == "hugetlb_vmemmap" ? "" : r.tree.name + "-";
    return fs::path(o.keep) / fmt::format("{}-{}{}.trace", r.tree.version, file, name_of(f.violation));
}

// Who answered what the file read and wrote.
std::string memory_words(bench::Backend b) {
    switch (b) {
    case bench::Backend::mmu: return "the software MMU";
    case bench::Backend::mmap: return "the host's page tables";
    }
    return "";
}

// Of the comparison with the model: how many operations, and each known deviation that was seen.
std::vector<std::pair<std::string_view, std::string>> model_lines(const bench::Report& r) {
    if (r.tree.name == "hugetlb_vmemmap" && !r.tree.not_the_models.empty())
        return {{"model", "not compared: of its design the file lacks " + r.tree.not_the_models}};
    std::vector<std::pair<std::string_view, std::string>> out{
        {"model", plural(r.compared, "operation") + " compared"}};
    for (const bench::DeviationFact& d : bench::deviations)
        if (const u64 n = r.deviations[static_cast<std::size_t>(d.deviation)])
            out.emplace_back("deviates",
                             fmt::format("{} ({}): {}", d.name, plural(n, "operation"), d.sentence));
    return out;
}

std::string words_of(const bench::OnGeometry& g) {
    return fmt::format("{}: {} ({}), {} of {} swept", g.geometry, plural(g.operations, "operation"),
                       rate(g.operations, "operation", g.seconds), g.swept, plural(g.to_sweep, "scenario"));
}

void print_head(const bench::Report& r, const LinuxOptions& o) {
    const auto print = [](std::string_view label, std::string_view text) {
        fmt::print("{}", labelled(label, text, 9));
    };
    print_wrapped(fmt::format("Linux {}, {} in {}", r.tree.version, r.tree.file, o.tree), 2);
    if (r.tree.name == "hugetlb_vmemmap")
        print("shape", fmt::format("{} calls; list calls: {}; nr_memmap_pages: {}; as in {}",
                                   r.tree.hvo.shape, r.tree.hvo.lists ? "yes" : "no",
                                   r.tree.hvo.memmap_counters ? "yes" : "no", r.tree.hvo.generation));
    if (!r.tree.defines.empty()) print("shims", fmt::format("{}", fmt::join(r.tree.defines, " ")));
    print("memory", memory_words(r.backend) + (r.no_mmu.empty() ? "" : ", x86-64 only: " + r.no_mmu));
    print("ran", fmt::format("{}, {} ({}), {} ({}) in {:.1f} s", plural(r.sequences, "sequence"),
                             plural(r.operations, "operation"), rate(r.operations, "operation", r.seconds),
                             plural(r.events, "event"), rate(r.events, "event", r.seconds), r.seconds));
    for (const bench::OnGeometry& g : r.on) print("on", words_of(g));
    for (const auto& [label, text] : model_lines(r)) print(label, text);
    const Standing v = standing_of(r);
    print("verdict", v.violated ? "violates " + plural(v.violated, "invariant") : v.text());
    if (v.reach != Reach::whole) print("reach", fmt::format("{}, then {}", v.reached, v.why));
}

void print_findings(const bench::Report& r, const LinuxOptions& o) {
    const std::string subject = fmt::format("Linux {}, {}", r.tree.version, r.tree.file);
    for (const bench::Finding& f : r.findings) {
        const Trace t = trace_of(f);
        const std::string again =
            o.keep.empty() ? replay_command(t, o.tree) : replay_command(kept_path(o, r, f), o.tree);
        fmt::print("\n{}  seen   {}\n", five_lines({f.violation, subject, t, again}),
                   fmt::format("{} on {}", plural(f.seen, "time"), fmt::join(f.geometries, ", ")));
    }
}

// Keeps every trace; one that cannot be written goes to the terminal.
int keep_traces(const bench::Report& r, const LinuxOptions& o) {
    int status = exit_holds;
    for (const bench::Finding& f : r.findings) {
        const std::string text = print_trace(trace_of(f));
        const auto why = write_file(kept_path(o, r, f), text);
        if (!why) continue;
        status = complain(Failure{*why + "; the trace:\n" + text, exit_environment});
    }
    return status;
}

// A row of the verdict for a file that did not run, beside those that did.
void print_unjudged(const LinuxOptions& o, const bench::Tree& t, const bench::Problem& p) {
    print_wrapped(fmt::format("Linux {}, {} in {}", t.version, t.file, o.tree), 2);
    const std::string& why = t.judged().refusal;
    fmt::print("{}", labelled("verdict", why.empty() ? "cannot build" : "not run: " + why, 9));
    if (why.empty()) fmt::print("{}", labelled("because", p.what.substr(0, p.what.find('\n')), 9));
}

int complain_as_json(const LinuxOptions& o, const std::string& version, const bench::Problem& p) {
    if (o.json && !p.usage) print_json(cannot_build_json(o.tree, version));
    return complain(p);
}

constexpr std::array<std::string_view, 3> known_files{"hugetlb_vmemmap", "percpu-vm", "percpu"};

} // namespace

std::expected<std::string, Failure> file_meant(std::string_view asked) {
    if (!asked.empty() && std::string_view("hvo").starts_with(asked)) asked = known_files.front();
    const auto fits = [&](std::string_view name) { return name.starts_with(asked); };
    const bool whole = std::ranges::find(known_files, asked) != known_files.end();
    if (asked.empty() || whole) return std::string(asked);
    if (std::ranges::count_if(known_files, fits) == 1)
        return std::string(*std::ranges::find_if(known_files, fits));
    return std::unexpected(Failure{fmt::format(
        "--file: {} '{}'; known: {}, hvo (for the first)",
        std::ranges::any_of(known_files, fits) ? "more than one file's name begins with" : "there is no",
        asked, fmt::join(known_files, ", "))});
}

namespace {

// What is said of one file; the exit status for it.
int show(const LinuxOptions& o, const bench::Report& r) {
    const int kept = o.keep.empty() ? exit_holds : keep_traces(r, o);
    if (!o.json) {
        print_head(r, o);
        print_findings(r, o);
    } else if (r.sequences) {
        print_json(report_json(r, o.tree));
    }
    if (r.trouble.empty()) return kept;
    return worse(kept,
                 complain(Failure{fmt::format("Linux {}: the run ended early: {}", r.tree.version, r.trouble),
                                  exit_environment}));
}

// ... of one that did not run.
int show_unjudged(const LinuxOptions& o, const TreeChecks& checks, std::size_t i, const bench::Problem& p) {
    const bench::Tree& t = checks.tree(i);
    if (o.json)
        print_json(unjudged_json(t));
    else if (checks.size() > 1)
        print_unjudged(o, t, p);
    return complain(p);
}

int check_files(const LinuxOptions& o, std::vector<bench::Tree> files, std::vector<std::string> geometries) {
    const Budget budget(o.sweeps ? 0 : o.seconds);
    TreeChecks checks(std::move(files), o.seed, std::move(geometries), o.backend, o.stale);
    checks.sweep(budget);
    Turns turns(budget, o.sweeps ? 0 : checks.size());
    while (const auto turn = checks.goes_on() ? turns.next() : std::nullopt)
        checks.draw(turn->part, turn->seconds);
    checks.end_progress();
    Tally tally;
    for (std::size_t i = 0; i < checks.size(); ++i) {
        if (i && !o.json) fmt::print("\n");
        if (const auto r = checks.report(i)) {
            tally.add(standing_of(*r));
            tally.worsen(show(o, *r));
        } else {
            tally.worsen(show_unjudged(o, checks, i, r.error()));
        }
    }
    return tally.status();
}

} // namespace

int check_linux(const LinuxOptions& o) {
    const auto file = file_meant(o.file);
    if (!file) return complain(file.error());
    if (o.stale && o.backend == bench::Backend::mmap)
        return complain(Failure{"--stale: only the software MMU answers from old translations"});
    auto geometries = geometries_in(o.geometry, o.backend);
    if (!geometries) return complain(Failure{geometries.error()});
    const auto tree = open_tree(o.tree);
    if (!tree) return complain_as_json(o, "", tree.error());
    std::vector<bench::Tree> chosen;
    for (const bench::KernelFile& f : tree->files)
        if (file->empty() || f.name == *file) chosen.push_back(tree->seen_by(f));
    if (chosen.empty()) return complain(tree->judged_by(*file).error());
    if (!o.keep.empty())
        if (const auto why = why_not_a_place(o.keep)) return complain(Failure{*why, exit_environment});
    return check_files(o, std::move(chosen), std::move(*geometries));
}

} // namespace mmodel::cli
