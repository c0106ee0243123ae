// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/cli.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include <fmt/format.h>

namespace mmodel::cli {

namespace fs = std::filesystem;

std::string program = "mmodel";

namespace {
int output_errno = 0; // why standard output could not be written, the first time
bool flush_output() {
    if (std::fflush(stdout) != 0 && output_errno == 0) output_errno = errno;
    return !std::ferror(stdout) && output_errno == 0;
}
} // namespace

// fmt::print would throw.
void say(std::string_view what) {
    const std::string line = fmt::format("mmodel: {}\n", what);
    std::fwrite(line.data(), 1, line.size(), stderr);
}

int complain(const Failure& f) {
    flush_output();
    say(f.what);
    return f.status;
}

int complain(const bench::Problem& p) {
    return complain(Failure{p.what, p.usage ? exit_usage : exit_environment});
}

std::optional<std::string> write_file(const fs::path& path, std::string_view text) {
    auto why = [&] { return fmt::format("cannot write '{}': {}", path.string(), std::strerror(errno)); };
    std::FILE* f = std::fopen(path.c_str(), "wb");
    if (!f) return why();
    const bool written = std::fwrite(text.data(), 1, text.size(), f) == text.size() && std::fflush(f) == 0;
    const std::string problem = written ? "" : why();
    const bool closed = std::fclose(f) == 0;
    if (!written) return problem;
    if (!closed) return why();
    return std::nullopt;
}

void print_json(const Json& j) { fmt::print("{}\n", j.dump(-1, ' ', false, Json::error_handler_t::replace)); }

// ---- words and numbers

std::string rate(u64 n, std::string_view noun, double seconds) {
    return seconds > 0
               ? fmt::format("{} {}s/s", grouped(static_cast<u64>(static_cast<double>(n) / seconds)), noun)
               : "-";
}

std::string plural(u64 n, std::string_view noun) {
    return fmt::format("{} {}{}", grouped(n), noun, n == 1 ? "" : "s");
}

std::string one_line(const Geometry& g, const std::vector<Op>& ops) {
    std::string out;
    for (const Op& op : ops) out += (out.empty() ? "" : "; ") + print_op(g, op);
    return out;
}

std::string shell_quoted(std::string_view text) {
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::strchr("_-./=+:,@", c);
    };
    if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? "'\\''" : std::string{c};
    return out + "'";
}

std::string replay_command(const Trace& t, const fs::path& tree) {
    std::string text = print_trace(t), escaped;
    for (const char c : text) escaped += c == '\n' ? "\\n" : std::string{c};
    const std::string to = tree.empty() ? "" : " --tree " + shell_quoted(tree.string());
    return fmt::format("printf '{}' | {} replay -{}", escaped, shell_quoted(program), to);
}

std::string_view name_of(const spec::Violation& v) { return spec::fact(v.inv).name; }
std::string_view meaning(const spec::Violation& v) { return spec::fact(v.inv).sentence; }

std::string five_lines(const FindingText& f) {
    const spec::Violation& v = f.violation;
    const std::string where = v.where.empty()
                                  ? "after the operation, at rest"
                                  : fmt::format("{}(), event {}: {}", v.where, v.event_idx, v.event);
    return fmt::format("{}: {}\n  where  {}: {}\n  found  {}\n  trace  {}: {}\n  again  {}\n", name_of(v),
                       meaning(v), f.subject, where, v.detail.empty() ? "-" : v.detail,
                       print_config(f.trace.config), one_line(f.trace.config.geometry, f.trace.ops),
                       f.command);
}

Json violation_json(const spec::Violation& v, const Trace& t) {
    return {{"invariant", name_of(v)},
            {"meaning", meaning(v)},
            {"operations", t.ops.size()},
            {"trace", print_trace(t)}};
}

// ---- long work

Progress::Progress() : terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::show(const std::string& text) {
    using namespace std::chrono_literals;
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - last_ < 200ms) return;
    last_ = now;
    shown_ = true;
    fmt::print(stderr, "\r\x1b[K{}", text.substr(0, 110));
    std::fflush(stderr);
}

namespace {
volatile std::sig_atomic_t interrupt_seen = 0;
extern "C" void note_interrupt(int) {
    interrupt_seen = 1;
    std::signal(SIGINT, SIG_DFL);
}
} // namespace

void catch_interrupt() { std::signal(SIGINT, note_interrupt); }
bool interrupted() { return interrupt_seen != 0; }

int end(int status) {
    if (!flush_output())
        return complain(Failure{fmt::format("cannot write the output{}{}", output_errno ? ": " : "",
                                            output_errno ? std::strerror(output_errno) : ""),
                                exit_environment});
    if (!interrupted()) return status;
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
    return status;
}

// ---- directories

WorkDir::WorkDir() {
    std::error_code ec;
    const fs::path base = fs::temp_directory_path(ec);
    const char* asked =
        std::getenv("TMPDIR"); // the compiler goes by it, so what is wrong with it is said here
    std::string name = ((ec ? fs::path(asked ? asked : "/tmp") : base) / "mmodel-XXXXXX").string();
    if (mkdtemp(name.data())) path_ = name;
}

WorkDir::~WorkDir() {
    std::error_code ec;
    if (!path_.empty()) fs::remove_all(path_, ec);
}

std::expected<bench::Tree, bench::Problem> open_tree(const fs::path& dir) {
    std::error_code ec;
    if (!fs::exists(dir, ec))
        return std::unexpected(
            bench::Problem{fmt::format("'{}': there is no such directory", dir.string()), true});
    if (!fs::is_directory(dir, ec))
        return std::unexpected(bench::Problem{fmt::format("'{}' is not a directory", dir.string()), true});
    return bench::open_tree(dir);
}

std::expected<bench::Unit, bench::Problem> build_tree(const fs::path& dir, const WorkDir& work,
                                                      std::string_view file) {
    const auto whole = open_tree(dir);
    if (!whole) return std::unexpected(whole.error());
    const auto tree = whole->judged_by(file);
    if (!tree) return std::unexpected(tree.error());
    if (work.path().empty())
        return std::unexpected(bench::Problem{
            fmt::format("cannot make a directory for the compiler's output: {}", std::strerror(errno))});
    return bench::compile(*tree, work.path());
}

std::vector<fs::path> default_trees() {
    std::vector<fs::path> out;
    if (const char* listed = std::getenv("MMODEL_TREES")) {
        std::string_view rest = listed;
        for (bool more = true; more;) {
            const auto colon = rest.find(':');
            if (const auto one = rest.substr(0, colon); !one.empty()) out.emplace_back(one);
            more = colon != rest.npos;
            if (more) rest.remove_prefix(colon + 1);
        }
        return out;
    }
    std::error_code ec;
    const fs::path exe = fs::read_symlink("/proc/self/exe", ec); // build/<preset>/bin/mmodel
    const fs::path trees = exe.parent_path().parent_path().parent_path() / "trees";
    for (const auto& entry : fs::directory_iterator(trees, ec))
        if (fs::exists(entry.path() / "Makefile", ec) &&
            fs::exists(entry.path() / "mm/hugetlb_vmemmap.c", ec))
            out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
}

} // namespace mmodel::cli
