// SPDX-License-Identifier: GPL-2.0 OR MIT
// The command `mmodel`: what it understands. Each subcommand has a file of its name.
#include <algorithm>
#include <csignal>
#include <new>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/options.hpp"

namespace mmodel::cli {
namespace {

struct Options {
    RunOptions run;
    ReplayOptions replay;
    LinuxOptions linux_tree;
    ExploreOptions explore;
};

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
    } catch (const std::bad_alloc&) {
        return mmodel::cli::complain(
            mmodel::cli::Failure{"stopped: no memory left", mmodel::cli::exit_environment});
    } catch (const std::exception& e) {
        return mmodel::cli::complain(
            mmodel::cli::Failure{std::string("stopped: ") + e.what(), mmodel::cli::exit_environment});
    }
}
