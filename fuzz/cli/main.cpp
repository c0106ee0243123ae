// SPDX-License-Identifier: GPL-2.0 OR MIT
// The command `mmodel`: what it understands. Each subcommand has a file of its name.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <new>
#include <sstream>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/options.hpp"
#include "fuzz/cli/pages.hpp"
#include "fuzz/cli/patch/bisect.hpp"
#include "fuzz/cli/wrap.hpp"
#include "spec/linux/host/data_dir.hpp"

namespace mmodel::cli {
namespace {

struct Options {
    RunOptions run;
    ReplayOptions replay;
    LinuxOptions linux_tree;
    PatchOptions patch;
    ReportOptions report;
    ExploreOptions explore;
    ListOptions list;
    std::string help_topic, pages;
};

constexpr const char* trace_topic = "trace"; // of help, beside the subcommands

std::string commands_of(const CLI::App& app, std::string_view separator) {
    std::string out;
    for (const CLI::App* sub : app.get_subcommands({}))
        out += (out.empty() ? "" : std::string(separator)) + sub->get_name();
    return out;
}

// The last: it knows the others.
void add_help(CLI::App& app, Options& o) {
    CLI::App* sub = app.add_subcommand("help", "Help on a subcommand, or on `trace`: how traces are written");
    sub->add_option("TOPIC", o.help_topic, "On what; without it, this command's own help")
        ->type_name(fmt::format("{}|{}", commands_of(app, "|"), trace_topic));
    sub->add_option("--pages", o.pages,
                    "Instead: write the manual pages and what bash completes, as files below a share/")
        ->type_name("DIR");
    sub->footer(footer("  mmodel help linux\n  mmodel help trace\n"));
}

void set_up(CLI::App& app, Options& o) {
    app.set_version_flag("--version", std::string("mmodel ") + MMODEL_VERSION, "Print the version and exit");
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.require_subcommand(1);
    app.footer(std::string("Each of them has --help. `mmodel help trace` says how traces are written.\n\n"
                           "Start with:\n  mmodel run\n\n") +
               exit_statuses + "\n" + environment);
    o.run.findings = o.replay.findings = bench::data_dir("findings");
    add_run(app, o.run);
    add_explore(app, o.explore);
    add_replay(app, o.replay);
    add_linux(app, o.linux_tree);
    add_patch(app, o.patch);
    add_report(app, o.report);
    add_list(app, o.list);
    add_help(app, o);
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

// Before anything is parsed, or `mmodel nonsense --help` would be help.
bool is_known(const CLI::App& app, std::string_view first) {
    if (first == "-h" || first == "--help" || first == "--version") return true;
    return std::ranges::any_of(app.get_subcommands({}),
                               [&](const CLI::App* s) { return s->get_name() == first; });
}

int unknown(const CLI::App& app, std::string_view first) {
    return complain(Failure{fmt::format("unknown command or option '{}'; commands: {}; try '{} --help'",
                                        first, commands_of(app, ", "), program)});
}

// Fits the terminal. What an option means is indented as it begins.
int print_help(CLI::App& app) {
    constexpr std::size_t in_a_pipe = 100;
    for (CLI::App* sub : app.get_subcommands({})) sub->description(first_paragraph(sub->get_description()));
    const CLI::App* parent = app.get_parent(); // app.help() would be that of a subcommand that was parsed
    const std::string prefix = parent ? parent->get_name() : "";
    std::istringstream lines(app.get_formatter()->make_help(
        &app, prefix.empty() ? app.get_name() : prefix + " " + app.get_name(), CLI::AppFormatMode::Normal));
    for (std::string line; std::getline(lines, line);) {
        const auto word = std::min(line.find_first_not_of(' '), line.size());
        const auto gap = word ? line.find("  ", word) : line.npos;
        const auto hang = gap == line.npos ? word : line.find_first_not_of(' ', gap);
        fmt::print("{}\n", wrapped(line, hang == line.npos ? word : hang, columns() ? columns() : in_a_pipe));
    }
    return exit_holds;
}

// Of no host: what only this one says is left out.
int pages(CLI::App& app, const std::string& dir) {
    for (CLI::App* sub : app.get_subcommands({})) sub->footer(std::function<std::string()>());
    return write_pages(app, dir);
}

int help(CLI::App& app, const std::string& topic) {
    if (topic == trace_topic) return print_grammar(), exit_holds;
    const auto subs = app.get_subcommands({});
    const auto sub = std::ranges::find(subs, topic, [](const CLI::App* s) { return s->get_name(); });
    if (!topic.empty() && sub == subs.end())
        return complain(Failure{fmt::format("there is no help on '{}'; there is on {}, {}", topic,
                                            commands_of(app, ", "), trace_topic)});
    return print_help(topic.empty() ? app : **sub);
}

// Help and version go to standard output and are no error; the rest is one message.
int explain(CLI::App& app, const CLI::ParseError& e, std::string_view first) {
    const auto used = app.get_subcommands();
    if (dynamic_cast<const CLI::CallForHelp*>(&e)) return print_help(used.empty() ? app : *used.front());
    if (e.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(e);
    if (used.empty()) return unknown(app, first);
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

int dispatch(CLI::App& app, const Options& o) {
    catch_interrupt();
    std::signal(SIGXFSZ, SIG_IGN); // a file that may not grow is an error like a full disk
    if (app.got_subcommand("run")) return run(o.run);
    if (app.got_subcommand("explore")) return explore(o.explore);
    if (app.got_subcommand("replay")) return replay(o.replay);
    if (app.got_subcommand("patch")) return patch(o.patch);
    if (app.got_subcommand("report")) return report(o.report);
    if (app.got_subcommand("list")) return list(o.list);
    if (app.got_subcommand("help")) return o.pages.empty() ? help(app, o.help_topic) : pages(app, o.pages);
    return o.linux_tree.bisect.empty() ? check_linux(o.linux_tree) : bisect(o.linux_tree);
}

int main_of(int argc, char** argv) {
    if (argc > 0) program = argv[0];
    CLI::App app{"mmodel: an executable, formally checked model of Linux's HugeTLB vmemmap optimization, and "
                 "a bench that holds a kernel tree's own file to the same specification.",
                 "mmodel"};
    Options o;
    set_up(app, o);
    if (argc < 2) return print_help(app), end(exit_usage);
    if (!is_known(app, argv[1])) return end(unknown(app, argv[1]));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return end(explain(app, e, argv[1]));
    }
    return end(dispatch(app, o));
}

// Whatever goes wrong.
int end_of_all(int argc, char** argv) {
    try {
        return main_of(argc, argv);
    } catch (const std::bad_alloc&) {
        return complain(Failure{"stopped: no memory left", exit_environment});
    } catch (const std::system_error& e) {
        if (e.code().value() == EPIPE) end_of_pipe();
        return complain(Failure{std::string("stopped: ") + e.what(), exit_environment});
    } catch (const std::exception& e) {
        return complain(Failure{std::string("stopped: ") + e.what(), exit_environment});
    }
}

// ... who asked for another meaning of it.
int status_for_caller(int argc, char** argv, int status) {
    if (asks_for_bisect(argc, argv)) return status_for_bisect(status);
    return asks_for_nipa({argv, static_cast<std::size_t>(argc)}) ? status_for_nipa(status) : status;
}

} // namespace
} // namespace mmodel::cli

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_DFL); // whoever reads us may have enough: then this ends, without a word
    const int status = mmodel::cli::end_of_all(argc, argv);
    return mmodel::cli::status_for_caller(argc, argv, status);
}
