// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the subcommands of `mmodel` share: exit statuses, reading input, findings as people read them,
// progress, Ctrl-C.
#pragma once

#include <chrono>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "fuzz/campaign/campaign.hpp"
#include "fuzz/campaign/enumerate.hpp"
#include "fuzz/campaign/input.hpp"
#include "fuzz/ops/trace.hpp"
#include "spec/linux/host/bench.hpp"

namespace mmodel::cli {

using Json = nlohmann::ordered_json; // keys stay in the order in which they are written

// "mmodel: <what>" on stderr, or nowhere if that cannot be written.
void say(std::string_view what);
// The same, after what is on its way to stdout; returns the status.
int complain(const Failure& f);
int complain(const bench::Problem& p);

// ---- input and output

// Writes a whole file; if that cannot be done, says why.
[[nodiscard]] std::optional<std::string> write_file(const std::filesystem::path& path, std::string_view text);

// One JSON object on a line of its own. Text that is not UTF-8 is made so.
void print_json(const Json& j);

// ---- words and numbers

[[nodiscard]] std::string rate(u64 n, std::string_view noun,
                               double seconds); // "12,345 events/s", "-" if there was no time
[[nodiscard]] std::string plural(u64 n, std::string_view noun);
// How the user called us, for commands to repeat.
extern std::string program;

// The operations on one line: "alloc_folio folio=0 size=2M; optimise folio=0".
[[nodiscard]] std::string one_line(const Geometry& g, const std::vector<Op>& ops);
// A shell command that feeds this trace to `mmodel replay`, for a tree if one is named.
[[nodiscard]] std::string replay_command(const Trace& t, const std::filesystem::path& tree = {});
[[nodiscard]] std::string shell_quoted(std::string_view text);

struct FindingText {
    const spec::Violation& violation;
    std::string subject; // "the model", "Linux 6.12.117, mm/hugetlb_vmemmap.c"
    const Trace& trace;
    std::string command; // shows it again
};
// Five lines a kernel developer can act on.
[[nodiscard]] std::string five_lines(const FindingText& f);

// {"invariant":...,"meaning":...,"operations":N,"trace":...}
[[nodiscard]] Json violation_json(const spec::Violation& v, const Trace& t);

[[nodiscard]] std::string_view meaning(const spec::Violation& v);
[[nodiscard]] std::string_view name_of(const spec::Violation& v);

// ---- long work

// A line on stderr that replaces the one before; nothing unless stderr is a terminal. Goes away when this
// does.
class Progress {
public:
    Progress();
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void show(const std::string& text);

private:
    bool terminal_{}, shown_{};
    std::chrono::steady_clock::time_point last_{};
};

// From now on the first Ctrl-C is only noted; the second ends the program.
void catch_interrupt();
[[nodiscard]] bool interrupted();
// The status to exit with. If there was a Ctrl-C, ends as one does, so that a shell sees it.
int end(int status);

// ---- directories

// A directory of our own under the system's temporary one, removed with this.
class WorkDir {
public:
    WorkDir();
    ~WorkDir();
    WorkDir(const WorkDir&) = delete;
    WorkDir& operator=(const WorkDir&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; } // empty: it could not be made

private:
    std::filesystem::path path_;
};

// bench::open_tree(), for a directory that may not exist.
[[nodiscard]] std::expected<bench::Tree, bench::Problem> open_tree(const std::filesystem::path& dir);
// Opens a tree and compiles one of its files.
[[nodiscard]] std::expected<bench::Unit, bench::Problem>
build_tree(const std::filesystem::path& dir, const WorkDir& work, std::string_view file = "hugetlb_vmemmap");
// Opens, compiles and runs a campaign on a tree's file, with progress on a terminal.
[[nodiscard]] std::expected<bench::Report, bench::Problem>
check_tree(const std::filesystem::path& dir, double seconds, u64 seed,
           std::string_view file = "hugetlb_vmemmap");
// The trees of $MMODEL_TREES, else of build/trees.
[[nodiscard]] std::vector<std::filesystem::path> default_trees();

// ---- the subcommands

struct ReplayOptions {
    std::vector<std::string> files{};
    bool json{}, minimize{}, dot{}, events{}, raw_bytes{};
    std::optional<u64> step{};
    std::string out{};
    std::string tree{};
};
int replay(const ReplayOptions& o);

struct LinuxOptions {
    std::string tree{}, file{},
        keep{}; // file: one of bench::KernelFile's names; empty: all that the tree has
    double seconds{10};
    u64 seed{1};
    bool json{};
};
int check_linux(const LinuxOptions& o);

struct RunOptions {
    double seconds{60};
    u64 seed{1};
    std::vector<std::string> trees{};
    bool no_linux{}, json{};
    std::string findings{};
};
int run(const RunOptions& o);

// What `linux` and `run` print of a tree's report.
[[nodiscard]] Json report_json(const bench::Report& r, const std::filesystem::path& tree);
[[nodiscard]] Json cannot_build_json(const std::filesystem::path& tree, const std::string& version,
                                     const std::string& file = "mm/hugetlb_vmemmap.c");
[[nodiscard]] Trace trace_of(const bench::Finding& f);

} // namespace mmodel::cli
