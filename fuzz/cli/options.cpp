// SPDX-License-Identifier: GPL-2.0 OR MIT
// The options of run, replay and linux; those of explore are in explore.cpp.
#include "fuzz/cli/options.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spec/linux/host/cage.hpp"

namespace mmodel::cli {

namespace {

CLI::Option* add_findings(CLI::App& sub, std::string& findings) {
    return sub
        .add_option("--findings", findings,
                    "Where the recorded findings are. Default: those that came with the command, "
                    "spec/linux/findings or share/mmodel/findings")
        ->type_name("DIR");
}

} // namespace

void add_run(CLI::App& app, RunOptions& o) {
    CLI::App* sub = app.add_subcommand(
        "run", "The main job: check the model, then every kernel tree; one table and a verdict");
    describe(
        sub,
        "Checks the model in every state of tiny machines (as `mmodel explore` does: every operation, every "
        "allocation failing), then at random on real ones, then each kernel tree's own files, all "
        "under one specification. Ends in one table and, for each finding, five lines: the invariant, where "
        "it broke, what was found, the shortest trace, the command that shows it again. A tree whose "
        "findings are exactly those recorded for its version in spec/linux/findings counts as holding. In "
        "the table, reach is all states, or those so many steps away; what was not reached in full is "
        "incomplete, and why.");
    sub->add_option("--seconds", o.seconds, "How long, all parts together; 0: no limit, until Ctrl-C")
        ->check(seconds_range())
        ->capture_default_str();
    sub->add_option("--seed", o.seed, "Seed of the random parts; the same seed, the same sequences")
        ->check(whole_number())
        ->capture_default_str();
    sub->add_option("--tree", o.trees,
                    "A kernel tree to check; may be given again. Default: $MMODEL_TREES (DIR:DIR...), else "
                    "build/trees/*")
        ->type_name("DIR")
        ->allow_extra_args(false);
    sub->add_flag("--no-linux", o.no_linux, "Check the model only")->excludes("--tree");
    add_findings(*sub, o.findings);
    sub->add_flag("--json", o.json, "One JSON object a line");
    sub->footer(footer("  mmodel run --seconds 30 --tree ~/src/linux\n"));
}

CLI::Option* add_allow(CLI::App& sub, std::vector<std::string>& allow) {
    return sub
        .add_option("--allow", allow,
                    "What is known: a file with one finding a line, as `id` shows it, and # for comments, or "
                    "such a finding; may be given again")
        ->type_name("FILE")
        ->allow_extra_args(false);
}

CLI::Option* add_backend(CLI::App& sub, bench::Backend& backend) {
    const std::map<std::string, bench::Backend> names{{"mmu", bench::Backend::mmu},
                                                      {"mmap", bench::Backend::mmap}};
    return sub
        .add_option(
            "--backend", backend,
            "Who answers what the file reads and writes: mmu, a software MMU that the compiler's thread "
            "instrumentation asks, or mmap, the host's own page tables")
        ->transform(CLI::CheckedTransformer(names, CLI::ignore_case).description(""))
        ->default_str(bench::default_backend == bench::Backend::mmu ? "mmu" : "mmap")
        ->type_name("mmu|mmap");
}

CLI::Option* add_junit(CLI::App& sub, std::string& junit) {
    return sub
        .add_option("--junit", junit, "Write JUnit's XML to FILE, too: a suite a file, a case an invariant")
        ->type_name("FILE");
}

CLI::Option* add_exit_style(CLI::App& sub, ExitStyle& style) {
    const std::map<std::string, ExitStyle> names{{"usual", ExitStyle::usual}, {"nipa", ExitStyle::nipa}};
    return sub
        .add_option(
            "--exit-style", style,
            "nipa: for runners of patchwork's checks. 0 holds; 250, a warning: something could not be "
            "judged, or differs from the model and breaks nothing; 1 else")
        ->transform(CLI::CheckedTransformer(names).description(""))
        ->default_str("usual")
        ->type_name("usual|nipa");
}

CLI::Option* add_geometry(CLI::App& sub, std::string& geometry) {
    return sub
        .add_option(
            "--geometry", geometry,
            fmt::format("The machines: names separated by commas, of {}; or all. Default: x86-64,tiny512",
                        fmt::join(bench::geometries(), ", ")))
        ->type_name("LIST");
}

void add_replay(CLI::App& app, ReplayOptions& o) {
    CLI::App* sub = app.add_subcommand("replay", "Run a trace or a fuzzer's crash file and show each step");
    describe(sub, "Runs each FILE from boot: a text trace ('mmodel trace 1' ...), a fuzz byte file, or a "
                  "finding of spec/linux/findings; told apart by their contents. '-' is standard input. "
                  "Shows one line an operation: what it returned, its events, and below it what it "
                  "changed (vmemmap PTEs by range, frames, counters). Stops at the first violation, "
                  "'>>>', and names the invariant, the event, the kernel function and what was found. If "
                  "the trace says 'expect inv_...', just that violation is what must happen.");
    sub->add_option("FILE", o.files, "Traces, fuzz byte files, findings")->required()->type_name("");
    auto* json = sub->add_flag("--json", o.json, "One JSON object a line: trace, op, op, ..., verdict");
    auto* step =
        sub->add_option("--step", o.step, "Also show the whole world after operation N (the first is 0)")
            ->check(whole_number());
    auto* dot = sub->add_flag("--dot", o.dot,
                              "Draw page tables, pages and frames, folios and chunks after the last "
                              "operation (or --step N) for Graphviz: dashed "
                              "is read-only, red is stale");
    auto* events =
        sub->add_flag("--events", o.events, "Show every event, not just the last before a violation");
    auto* minimize =
        sub->add_flag("--minimize", o.minimize,
                      "Cut FILE down to the shortest trace that breaks the same invariant; exits "
                      "0 once that is written, 2 if nothing was broken");
    sub->add_option("-o,--output", o.out, "Where --minimize writes; default: standard output")
        ->type_name("OUT")
        ->needs(minimize);
    auto* tree = sub->add_option("--tree", o.tree, "Run on this kernel tree's own file instead of the model")
                     ->type_name("DIR");
    add_backend(*sub, o.backend)->needs(tree);
    auto* past =
        sub->add_flag("--past-known", o.past_known,
                      "On a tree: go on past operations that break in ways that are known: recorded, "
                      "or named with --allow. If what they leave is wrong, the world before is put back")
            ->needs(tree);
    add_allow(*sub, o.allow)->needs(past);
    add_findings(*sub, o.findings)->needs(past);
    past->excludes(minimize);
    sub->add_flag("--bytes", o.raw_bytes, "FILE is fuzz bytes, even without their header");
    minimize->excludes(json)->excludes(step)->excludes(dot)->excludes(events);
    dot->excludes(json)->excludes(events);
    tree->excludes(step)->excludes(dot)->excludes(events);
    sub->footer(footer("  mmodel replay crash-1f2e\n"
                       "  mmodel replay corpus/hvo/*.trace\n"
                       "  mmodel replay crash-1f2e --minimize -o corpus/hvo/name.trace\n"
                       "  mmodel replay case.trace --dot | dot -Tsvg > case.svg\n"));
}

namespace {

// Asked for by --help only: it takes a child that tries.
std::string what_protects_less() {
    std::string out = "What this host lacks of what protects it from the tree's code:";
    for (const std::string& gap : bench::cage_gaps()) out += "\n  " + gap;
    return out + (bench::cage_gaps().empty() ? " nothing.\n" : "\n");
}

} // namespace

void add_linux(CLI::App& app, LinuxOptions& o) {
    CLI::App* sub = app.add_subcommand("linux", "Check one kernel tree's own file");
    describe(sub,
             "Compiles DIR/mm/hugetlb_vmemmap.c and DIR/mm/percpu.c, which includes percpu-vm.c, "
             "unchanged, against the shims and drives them with sweeps of failing allocations and "
             "random sequences under the specification; percpu is compared with the model, too, "
             "operation by operation: a difference that breaks nothing is told, and is no violation. What "
             "was found hides nothing: an operation that breaks something is left out, and the others "
             "follow. DIR may be a whole kernel tree or hold just Makefile and the "
             "needed files of mm/. The compiler is $MMODEL_CC, else clang-19, clang, gcc or cc.\n\n"
             "The tree's code and the compiler run in children with limits on memory, files and time; the "
             "code may not start processes, send signals or open files.");
    sub->add_option("--tree", o.tree, "The kernel tree")->required()->type_name("DIR");
    sub->add_option("--file", o.file,
                    "Which file: hugetlb_vmemmap (or hvo), percpu-vm or percpu, or how one's name begins. "
                    "Default: each that the tree has")
        ->type_name("NAME");
    auto* seconds =
        sub->add_option("--seconds", o.seconds,
                        "How long, all files together; 0: no limit, until Ctrl-C. The sweeps come first")
            ->check(seconds_range())
            ->capture_default_str();
    sub->add_flag(
        "--stale", o.stale,
        "Run each sequence also with every access of the code answered from a translation that a CPU "
        "may still use (`mmodel help trace`, 'stale N'): a missing TLB flush shows as what comes of it");
    sub->add_flag("--sweeps", o.sweeps,
                  "The sweeps, to their end, and nothing at random: the same on each machine")
        ->excludes(seconds);
    sub->add_option("--seed", o.seed, "Seed of the random sequences")
        ->check(whole_number())
        ->capture_default_str();
    sub->add_option("--keep", o.keep,
                    "Write each finding's shortest trace to DIR/<version>-<invariant>.trace")
        ->type_name("DIR");
    sub->add_option(
           "--base", o.base,
           "Compare with this tree: half of the time goes to it, with the same seed, and what is found "
           "in one is replayed on the other. Only what is new counts; what shows where the other tree "
           "breaks earlier is uncovered, and does not")
        ->type_name("DIR");
    add_allow(*sub, o.allow);
    sub->add_option("--findings", o.findings, "What is recorded in DIR is known, as with --allow")
        ->type_name("DIR");
    sub->add_option("--record", o.record, "Write a record of each finding that is not known to DIR")
        ->type_name("DIR");
    auto* bisect =
        sub->add_option(
               "--bisect", o.bisect,
               "For `git bisect run`: only whether FINDING is there, a record, a trace that --keep wrote "
               "or an invariant's name. Exit status 0 it is not, by its own trace and by a search of "
               "fixed size; 1 it is; 125 this tree cannot be judged; 128 anything else, and git stops")
            ->type_name("FINDING")
            ->excludes(seconds);
    sub->add_flag("--strict", o.strict, "A difference from the model is a violation");
    add_backend(*sub, o.backend);
    add_geometry(*sub, o.geometry);
    auto* json = sub->add_flag("--json", o.json, "One JSON object a file, each on one line");
    auto* ktap =
        sub->add_flag("--ktap", o.ktap,
                      "KTAP, as the kernel's own tests write it: the tree, its files, an invariant a line");
    auto* github = sub->add_flag("--github", o.github, "Annotations of GitHub's workflows, at each function");
    auto* b4 = sub->add_flag("--b4", o.b4,
                             "Read a patch as a mail on standard input, check the files that it touches, and "
                             "write what `b4 review` reads. DIR has the patch");
    json->excludes(ktap)->excludes(github)->excludes(b4);
    ktap->excludes(github)->excludes(b4);
    github->excludes(b4);
    add_junit(*sub, o.junit)->excludes(bisect);
    add_exit_style(*sub, o.exit_style)->excludes(bisect);
    sub->footer(footer(
        "  mmodel linux --tree ~/src/linux --seconds 60 --keep /tmp/found\n"
        "  mmodel linux --tree ~/src/linux --base ~/src/linux-before\n"
        "  git bisect run mmodel linux --tree . --bisect /tmp/found/6.12.117-inv_no_page_is_leaked.trace\n"));
    sub->footer(what_protects_less); // comes first
}

void add_report(CLI::App& app, ReportOptions& o) {
    CLI::App* sub = app.add_subcommand("report", "Write a finding as a mail: plain text, for a list");
    describe(
        sub,
        "Says which rule breaks, why as far as it is recorded, the shortest sequence in words and as a "
        "trace, the source lines of the tree where it shows, which kernels show it, how to see it again, "
        "and what a fix must keep true; in 72 columns. With --tree the finding is run first, and a tree "
        "that does not show it is exit status 1, and no mail.");
    sub->add_option("FINDING", o.finding,
                    "A record, as in spec/linux/findings or of `mmodel linux --record`, or a "
                    "trace that `mmodel linux --keep` wrote")
        ->required()
        ->type_name("FILE");
    auto* tree = sub->add_option("--tree", o.tree, "The kernel tree that shows it. Of a trace it is needed")
                     ->type_name("DIR");
    add_backend(*sub, o.backend)->needs(tree);
    sub->add_option("--git", o.git,
                    "Look in this repository for the commit that brought it, among those that changed the "
                    "file, and propose a `Fixes:` line")
        ->type_name("DIR");
    sub->footer(
        footer("  mmodel report found/6.12.117-inv_no_page_is_leaked.md --tree ~/src/linux > mail\n"));
}

void add_list(CLI::App& app, ListOptions& o) {
    CLI::App* sub = app.add_subcommand(
        "list", "What there is, with a sentence each: invariants, operations, sabotages, ...");
    sub->add_option("WHAT", o.what, "What there is of it")
        ->required()
        ->type_name(fmt::format("{}", fmt::join(list_names(), "|")))
        ->check(CLI::Validator(
            [](std::string& text) {
                const bool known = std::ranges::find(list_names(), text) != list_names().end();
                return known ? std::string()
                             : fmt::format("'{}' cannot be listed; there are {}", text,
                                           fmt::join(list_names(), ", "));
            },
            ""));
    sub->add_flag("--json", o.json, "One JSON object a line");
    sub->footer(footer("  mmodel list invariants\n"
                       "  mmodel list sabotages --json\n"));
}

} // namespace mmodel::cli
