// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel linux: one kernel tree's own file under the specification.
#include <algorithm>
#include <array>
#include <expected>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fuzz/cli/base.hpp"
#include "fuzz/cli/expected.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/report/report.hpp"
#include "fuzz/cli/trees.hpp"
#include "fuzz/cli/wrap.hpp"
#include "spec/linux/host/assumed.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

// "6.12.117-percpu-inv_no_bug", and for the second finding of an invariant "...-2".
std::string name_of_finding(const bench::Report& r, const bench::Finding& f) {
    std::size_t nr = 1;
    for (const bench::Finding* one = r.findings.data(); one != &f; ++one)
        nr += one->violation.inv == f.violation.inv;
    const std::string file = r.tree.name == "hugetlb_vmemmap" ? "" : r.tree.name + "-";
    return fmt::format("{}-{}{}{}", r.tree.version, file, name_of(f.violation),
                       nr == 1 ? "" : "-" + std::to_string(nr));
}

fs::path kept_path(const LinuxOptions& o, const bench::Report& r, const bench::Finding& f) {
    return fs::path(o.keep) / (name_of_finding(r, f) + ".trace");
}

// What is known was asked to be passed over.
Counting counting(const LinuxOptions& o) { return {.known = false, .differences = o.strict}; }

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

// What ran, what never did by function and line, and what is listed as out of reach but ran.
void print_coverage(const bench::Report& r) {
    const auto print = [](std::string_view label, std::string_view text) {
        fmt::print("{}", labelled(label, text, 9));
    };
    const Covered c = covered(r);
    if (!c.is_measured())
        return print("coverage", "not measured" + (r.no_coverage.empty() ? "" : ": " + r.no_coverage));
    print("coverage", fmt::format("{} of {} branches ran ({} %); {} more cannot be reached", c.ran,
                                  c.reachable, c.percent(), c.unreachable));
    std::map<std::pair<std::string, std::string>, std::set<u32>> by_function;
    for (const bench::Branch& b : c.never) by_function[{b.file, b.function}].insert(b.line);
    for (const auto& [of, lines] : by_function)
        print("never", fmt::format("{}: {}(), line {}", of.first, of.second, fmt::join(lines, ", ")));
    for (const Unreachable* u : c.but_ran)
        print("caution",
              fmt::format("{}: {}() cannot be reached there, it says, but ran", u->said, u->function));
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
    for (const std::string& w : r.warnings) print("warning", w);
    if (!r.tree.defines.empty()) print("shims", fmt::format("{}", fmt::join(r.tree.defines, " ")));
    print("memory", memory_words(r.backend) + (r.no_mmu.empty() ? "" : ", x86-64 only: " + r.no_mmu));
    print("ran", fmt::format("{}, {} ({}), {} ({}) in {:.1f} s", plural(r.sequences, "sequence"),
                             plural(r.operations, "operation"), rate(r.operations, "operation", r.seconds),
                             plural(r.events, "event"), rate(r.events, "event", r.seconds), r.seconds));
    for (const bench::OnGeometry& g : r.on) print("on", words_of(g));
    for (const auto& [label, text] : model_lines(r)) print(label, text);
    if (const auto config = bench::options_assumed(r.tree); !config.empty())
        print("config", fmt::format("{}", fmt::join(config, " ")));
    print_coverage(r);
    const Standing v = standing_of(r, counting(o));
    const auto fresh = std::ranges::count_if(r.findings, [](const bench::Finding& f) { return !f.known; });
    std::string verdict = v.violated ? "violates " + plural(v.violated, "invariant") : v.text();
    if (v.violated && static_cast<std::size_t>(fresh) > v.violated + v.differs)
        verdict += fmt::format(" in {}", plural(static_cast<std::size_t>(fresh) - v.differs, "way"));
    if (v.violated && v.differs)
        verdict += fmt::format("; differs from the model in {}", plural(v.differs, "way"));
    if (v.known) verdict += fmt::format("; {} known", plural(v.known, "finding"));
    print("verdict", verdict);
    if (v.reach != Reach::whole) print("reach", fmt::format("{}, then {}", v.reached, v.why));
    if (r.unnamed)
        print("left out",
              fmt::format("{} of invariants that have many findings", plural(r.unnamed, "violation")));
}

void print_finding(const bench::Report& r, const bench::Finding& f, const LinuxOptions& o) {
    const std::string subject = fmt::format("Linux {}, {}", r.tree.version, r.tree.file);
    const Trace t = trace_of(f);
    const std::string again = again_command(f, o.keep.empty() ? replay_command(t, o.tree)
                                                              : replay_command(kept_path(o, r, f), o.tree));
    fmt::print("\n{}{}  seen   {}\n", five_lines({f.violation, subject, t, again}),
               labelled("id", print_identity(f.identity), 7),
               fmt::format("{} on {}", plural(f.seen, "time"), fmt::join(f.geometries, ", ")));
}

// What is new, then what differs only; of what is known a line each.
void print_findings(const bench::Report& r, const LinuxOptions& o, const Expected& expected) {
    for (const bool differences : {false, true})
        for (const bench::Finding& f : r.findings)
            if (!f.known && (r.is_difference(f) && !o.strict) == differences) {
                if (differences) fmt::print("\nThe file differs from the model, and breaks nothing:");
                print_finding(r, f, o);
            }
    bool first = true;
    for (const bench::Finding& f : r.findings) {
        if (!f.known) continue;
        if (std::exchange(first, false)) fmt::print("\n");
        fmt::print("{}",
                   labelled("known",
                            fmt::format("{} ({})", print_identity(f.identity), expected.said[*f.known]), 7));
    }
}

void print_fixed(const Against& a) {
    if (!a.fixed.empty()) fmt::print("\n");
    for (const bench::Identity& i : a.fixed) fmt::print("{}", labelled("fixed", print_identity(i), 7));
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

int write_records(const bench::Report& r, const LinuxOptions& o) {
    int status = exit_holds;
    for (const bench::Finding& f : r.findings) {
        if (f.known) continue;
        const fs::path at = fs::path(o.record) / (name_of_finding(r, f) + ".md");
        if (const auto why = write_file(at, print_record(r.tree, f)))
            status = complain(Failure{*why, exit_environment});
        else if (o.is_text())
            fmt::print("  record {}\n", at.string());
    }
    return status;
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
int show(const LinuxOptions& o, const bench::Report& r, const Expected& expected, const Against* against) {
    int status = o.keep.empty() ? exit_holds : keep_traces(r, o);
    if (o.is_text()) {
        print_head(r, o);
        if (against)
            fmt::print("{}", labelled("base", fmt::format("{}: {}", o.base, against->words(nr_new(r))), 9));
        print_findings(r, o, expected);
        if (against) print_fixed(*against);
    } else if (o.json && r.sequences) {
        Json j = report_json(r, o.tree, counting(o));
        if (against) {
            j["base"] = {{"tree", o.base}, {"new", nr_new(r)}};
            against->put(j["base"]);
        }
        print_json(j);
    }
    if (!o.record.empty()) status = worse(status, write_records(r, o));
    if (r.trouble.empty()) return status;
    return worse(status,
                 complain(Failure{fmt::format("Linux {}: the run ended early: {}", r.tree.version, r.trouble),
                                  exit_environment}));
}

// ... of one that did not run.
int show_unjudged(const LinuxOptions& o, const TreeChecks& checks, std::size_t i, const bench::Problem& p) {
    const bench::Tree& t = checks.tree(i);
    if (o.json)
        print_json(unjudged_json(t));
    else if (o.is_text() && checks.size() > 1)
        print_unjudged(o, t, p);
    return complain(p);
}

int check_files(const LinuxOptions& o, std::vector<bench::Tree> files, std::vector<std::string> geometries,
                const Sources& sources, Base& base, Output& out) {
    const Budget budget(o.sweeps ? 0 : o.seconds);
    const auto known_of = [&](const bench::Tree& t) {
        std::vector<bench::Known> known = sources.of(t).known;
        std::ranges::move(base.hints_for(t), std::back_inserter(known));
        return known;
    };
    TreeChecks checks(std::move(files), o.seed, std::move(geometries), o.backend, o.stale, known_of);
    base.check(o, budget.part(0.5));
    checks.run(budget, o.sweeps);
    Tally tally;
    tally.worsen(base.status());
    bool warns = false;
    for (std::size_t i = 0; i < checks.size(); ++i) {
        if (i && o.is_text()) fmt::print("\n");
        auto r = checks.report(i);
        if (!r) {
            const std::string& why = r.error().what;
            out.file({.tree = checks.tree(i), .why_not = why.substr(0, why.find('\n')), .is_error = true});
            tally.worsen(show_unjudged(o, checks, i, r.error()));
            continue;
        }
        Expected expected = sources.of(checks.tree(i));
        const auto against = base.compare(*r, expected, checks, i);
        sources.note_used(*r, expected);
        const Judged judged{.tree = r->tree,
                            .report = &*r,
                            .standing = standing_of(*r, counting(o)),
                            .expected = &expected,
                            .strict = o.strict};
        tally.add(judged.standing);
        warns |= mark_of(judged) == Mark::warn;
        out.file(judged);
        tally.worsen(show(o, *r, expected, against ? &*against : nullptr));
    }
    tally.worsen(out.end());
    sources.say_unused();
    return with_warning(o.exit_style, tally.status(), warns);
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
    const auto out = output_for(o);
    if (o.b4) {
        const std::string mail = standard_input();
        if (mail.empty()) return complain(Failure{"--b4: there is no message on standard input"});
        std::erase_if(chosen, [&](const bench::Tree& t) { return !is_touched(t.judged(), mail); });
        if (chosen.empty()) return out->end();
    }
    for (const std::string& dir : {o.keep, o.record})
        if (const auto why = dir.empty() ? std::nullopt : why_not_a_place(dir))
            return complain(Failure{*why, exit_environment});
    if (const auto why = o.junit.empty() ? std::nullopt : why_not_writable(o.junit))
        return complain(Failure{*why, exit_environment});
    if (const auto why = unreachable_problem()) return complain(Failure{*why});
    const auto sources = Sources::read(o.allow, o.findings);
    if (!sources) return complain(Failure{sources.error()});
    auto base = Base::open(o, chosen, *geometries, *sources);
    if (!base) return complain(base.error());
    return check_files(o, std::move(chosen), std::move(*geometries), *sources, *base, *out);
}

} // namespace mmodel::cli
