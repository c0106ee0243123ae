// SPDX-License-Identifier: GPL-2.0 OR MIT
// What each subcommand understands; what their options are checked by, and what the help of each ends with.
#pragma once

#include <cmath>
#include <string>

#include <CLI/CLI.hpp>

#include "fuzz/cli/explore.hpp"
#include "fuzz/cli/help.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/patch/patch.hpp"
#include "fuzz/cli/report/mail.hpp"
#include "fuzz/cli/run.hpp"
#include "model/machine/geometry.hpp"

namespace mmodel::cli {

inline constexpr const char* exit_statuses =
    "Exit status:\n"
    "  0  holds: no violation, or just those that were expected; what was not reached is said to be "
    "incomplete\n"
    "  1  a violation was found (or an expected one was not)\n"
    "  2  the command line makes no sense, or an input cannot be decoded\n"
    "  3  something is missing: a compiler, a kernel tree, room to write; or nothing ran\n";

inline constexpr const char* environment =
    "Environment:\n"
    "  MMODEL_CC     the C compiler for kernel files; else clang-19, clang, gcc or cc\n"
    "  PATH          where it is looked for\n"
    "  MMODEL_SHIMS  the directory of the shim headers; else those that came with the command\n"
    "  MMODEL_TREES  the kernel trees that run checks, DIR:DIR...; else build/trees/*\n"
    "  TMPDIR        where kernel files are compiled; else /tmp\n"
    "  XDG_CACHE_HOME  where patch keeps what it found, in mmodel/\n"
    "  HOME          else there, in .cache/\n"
    "  COLUMNS       how long lines may be; else as the terminal is, and in a pipe any\n";

// Its own help says more than the list of all subcommands; first_paragraph() of its description is for that.
inline void describe(CLI::App* sub, const std::string& more) {
    sub->description(sub->get_description() + "\n\n" + more);
}
inline std::string first_paragraph(const std::string& text) { return text.substr(0, text.find("\n\n")); }

// What a subcommand's help ends with.
inline std::string footer(const std::string& examples) {
    return "Examples:\n" + examples + "\n" + exit_statuses + "\n" + environment;
}

inline CLI::Validator seconds_range() {
    return CLI::Validator(
        [](std::string& text) {
            double s = 0;
            const bool is_time = CLI::detail::lexical_cast(text, s) && std::isfinite(s) && s >= 0 && s <= 1e6;
            return is_time ? std::string() : "'" + text + "' is no time: wanted seconds from 0 to 1000000";
        },
        "SECONDS");
}

inline CLI::Validator whole_number() {
    return CLI::Validator(
        [](std::string& text) { return parse_u64(text) ? std::string() : parse_u64(text).error(); }, "N");
}

// Options that several subcommands have.
CLI::Option* add_allow(CLI::App& sub, std::vector<std::string>& allow);
CLI::Option* add_backend(CLI::App& sub, bench::Backend& backend);
CLI::Option* add_geometry(CLI::App& sub, std::string& geometry);
CLI::Option* add_junit(CLI::App& sub, std::string& junit);
CLI::Option* add_exit_style(CLI::App& sub, ExitStyle& style);

void add_run(CLI::App& app, RunOptions& o);
void add_replay(CLI::App& app, ReplayOptions& o);
void add_linux(CLI::App& app, LinuxOptions& o);
void add_patch(CLI::App& app, PatchOptions& o);
void add_report(CLI::App& app, ReportOptions& o);
void add_list(CLI::App& app, ListOptions& o);
void add_explore(CLI::App& app, ExploreOptions& o);

} // namespace mmodel::cli
