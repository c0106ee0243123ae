// SPDX-License-Identifier: GPL-2.0 OR MIT
// The command `mmodel`: what it understands. What it does is in cli_*.cpp.
#include <algorithm>
#include <csignal>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "fuzz/cli/explore.hpp"
#include "fuzz/cli/options.hpp"

namespace mmodel::cli {
namespace {

struct Options {
    RunOptions run;
    ReplayOptions replay;
    LinuxOptions linux_tree;
    ExploreOptions explore;
};

void add_run(CLI::App& app, RunOptions& o) {
    CLI::App* sub = app.add_subcommand(
        "run", "The main job: check the model, then every kernel tree; one table and a verdict");
    sub->description("Checks the model in full on tiny machines (every world that a small set of operations "
                     "and every allocation\n"
                     "failure can reach), then at random on real ones, then each kernel tree's own "
                     "mm/hugetlb_vmemmap.c, all under\n"
                     "one specification. Ends in one table and, for each finding, five lines: the invariant, "
                     "where it broke, what\n"
                     "was found, the shortest trace, the command that shows it again. A tree whose findings "
                     "are exactly those\n"
                     "recorded for its version in spec/linux/findings counts as holding. In the table, reach "
                     "is all states, or every\n"
                     "sequence of so many steps, and in parentheses what ended it.");
    sub->add_option("--seconds", o.seconds, "How long, all parts together")
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
    sub->add_option("--findings", o.findings, "Where the recorded findings are")
        ->type_name("DIR")
        ->capture_default_str();
    sub->add_flag("--json", o.json, "One JSON object a line");
    sub->footer(std::string("Example:\n  mmodel run --seconds 30 --tree ~/src/linux\n\n") + exit_statuses);
}

void add_replay(CLI::App& app, ReplayOptions& o) {
    CLI::App* sub = app.add_subcommand("replay", "Run a trace or a fuzzer's crash file and show each step");
    sub->description(
        "Runs each FILE from boot: a text trace ('mmodel trace 1' ...), a fuzz byte file, or a finding of\n"
        "spec/linux/findings; told apart by their contents. '-' is standard input. Shows one line an "
        "operation: what it\n"
        "returned, its events, and below it what it changed (vmemmap PTEs by range, frames, counters). Stops "
        "at the\n"
        "first violation, '>>>', and names the invariant, the event, the kernel function and what was "
        "found.\n"
        "If the trace says 'expect inv_...', just that violation is what must happen.");
    sub->add_option("FILE", o.files, "Traces, fuzz byte files, findings")->required()->type_name("");
    auto* json = sub->add_flag("--json", o.json, "One JSON object a line: trace, op, op, ..., verdict");
    auto* step =
        sub->add_option("--step", o.step, "Also show the whole world after operation N (the first is 0)")
            ->check(whole_number());
    auto* dot = sub->add_flag("--dot", o.dot,
                              "Draw the vmemmap after the last operation (or --step N) for Graphviz: dashed "
                              "is read-only, red is stale");
    auto* events =
        sub->add_flag("--events", o.events, "Show every event, not just the last before a violation");
    auto* minimize = sub->add_flag("--minimize", o.minimize,
                                   "Cut FILE down to the shortest trace that breaks the same invariant");
    sub->add_option("-o,--output", o.out, "Where --minimize writes; default: standard output")
        ->type_name("OUT")
        ->needs(minimize);
    auto* tree = sub->add_option("--tree", o.tree, "Run on this kernel tree's own file instead of the model")
                     ->type_name("DIR");
    sub->add_flag("--bytes", o.raw_bytes, "FILE is fuzz bytes, even without their header");
    minimize->excludes(json)->excludes(step)->excludes(dot)->excludes(events);
    dot->excludes(json)->excludes(events);
    tree->excludes(step)->excludes(dot)->excludes(events);
    sub->footer(std::string("Examples:\n"
                            "  mmodel replay crash-1f2e\n"
                            "  mmodel replay corpus/hvo/*.trace\n"
                            "  mmodel replay crash-1f2e --minimize -o corpus/hvo/name.trace\n"
                            "  mmodel replay case.trace --dot | dot -Tsvg > case.svg\n\n") +
                exit_statuses +
                "--minimize exits 0 once the shorter trace is written, 2 if nothing was broken.\n");
}

void add_linux(CLI::App& app, LinuxOptions& o) {
    CLI::App* sub = app.add_subcommand("linux", "Check one kernel tree's own file");
    sub->description(
        "Compiles DIR/mm/hugetlb_vmemmap.c and DIR/mm/percpu.c, which includes percpu-vm.c, unchanged, "
        "against "
        "the shims and\n"
        "drives them with sweeps of failing allocations and random sequences under the specification; percpu "
        "is compared\n"
        "with the model, too, operation by operation. DIR may be a whole kernel tree or hold just Makefile "
        "and the needed\n"
        "files of mm/. The compiler is $MMODEL_CC, else clang-19, clang, gcc or cc.");
    sub->add_option("--tree", o.tree, "The kernel tree")->required()->type_name("DIR");
    sub->add_option("--file", o.file,
                    "Which file: hugetlb_vmemmap, percpu-vm or percpu. Default: each that the tree has")
        ->type_name("NAME");
    sub->add_option("--seconds", o.seconds, "How long to run, all files together; the sweeps come first")
        ->check(seconds_range())
        ->capture_default_str();
    sub->add_option("--seed", o.seed, "Seed of the random sequences")
        ->check(whole_number())
        ->capture_default_str();
    sub->add_option("--keep", o.keep,
                    "Write each finding's shortest trace to DIR/<version>-<invariant>.trace")
        ->type_name("DIR");
    sub->add_flag("--json", o.json, "One JSON object a file, each on one line");
    sub->footer(
        std::string("Example:\n  mmodel linux --tree ~/src/linux --seconds 60 --keep /tmp/found\n\n") +
        exit_statuses);
}

void set_up(CLI::App& app, Options& o) {
    app.set_version_flag("--version", std::string("mmodel ") + MMODEL_VERSION, "Print the version and exit");
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.require_subcommand(1);
    app.footer(std::string("Each of them has --help.\n\nStart with:\n  mmodel run\n\n") + exit_statuses);
    o.run.findings = MMODEL_FINDINGS_DIR;
    add_run(app, o.run);
    add_explore(app, o.explore);
    add_replay(app, o.replay);
    add_linux(app, o.linux_tree);
    for (CLI::App* sub : app.get_subcommands({})) sub->set_help_flag("-h,--help", "Print this help and exit");
}

std::string options_of(const CLI::App& sub) {
    std::string out;
    for (const CLI::Option* o : sub.get_options())
        if (!o->get_positional()) out += " " + o->get_name(false, true);
    return out;
}

// What must follow: " FILE...", " --tree DIR".
std::string operands_of(const CLI::App& sub) {
    std::string out;
    for (const CLI::Option* o : sub.get_options())
        if (o->get_required())
            out += o->get_positional() ? fmt::format(" {}...", o->get_name(true))
                                       : fmt::format(" {} {}", o->get_name(), o->get_type_name());
    return out;
}

// Help and version go to standard output and are no error; the rest is one message.
int explain(const CLI::App& app, const CLI::ParseError& e, std::string_view first) {
    if (e.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(e);
    const auto used = app.get_subcommands();
    if (used.empty())
        return complain(Failure{fmt::format(
            "unknown command or option '{}'; commands: run, explore, replay, linux; try '{} --help'", first,
            program)});
    const CLI::App& sub = *used.front();
    // What is missing matters less than an option that does not exist, which may have been meant for it.
    const auto extras = sub.remaining();
    const auto unknown =
        std::ranges::find_if(extras, [](const std::string& a) { return a.starts_with("-"); });
    const std::string what = unknown == extras.end() ? std::string(e.what())
                                                     : fmt::format("{} has no option '{}'; it has{}",
                                                                   sub.get_name(), *unknown, options_of(sub));
    return complain(Failure{fmt::format("{}\nusage: {} {} [OPTIONS]{}\ntry '{} {} --help'", what, program,
                                        sub.get_name(), operands_of(sub), program, sub.get_name())});
}

int dispatch(const CLI::App& app, const Options& o) {
    catch_interrupt();
    std::signal(SIGXFSZ, SIG_IGN); // a file that may not grow is an error like a full disk
    if (app.got_subcommand("run")) return run(o.run);
    if (app.got_subcommand("explore")) return explore(o.explore);
    if (app.got_subcommand("replay")) return replay(o.replay);
    return check_linux(o.linux_tree);
}

int main_of(int argc, char** argv) {
    if (argc > 0) program = argv[0];
    CLI::App app{"mmodel: an executable, formally checked model of Linux's HugeTLB vmemmap optimization, and "
                 "a bench that holds a kernel\n"
                 "tree's own file to the same specification.",
                 "mmodel"};
    Options o;
    set_up(app, o);
    if (argc < 2) return fmt::print("{}", app.help()), end(exit_usage);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return end(explain(app, e, argv[1]));
    }
    return end(dispatch(app, o));
}

} // namespace
} // namespace mmodel::cli

int main(int argc, char** argv) {
    try {
        return mmodel::cli::main_of(argc, argv);
    } catch (const std::exception& e) {
        return mmodel::cli::complain(
            mmodel::cli::Failure{std::string("stopped: ") + e.what(), mmodel::cli::exit_environment});
    }
}
