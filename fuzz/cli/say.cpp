// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/say.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "fuzz/cli/long_work.hpp"

namespace mmodel::cli {

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

std::optional<std::string> write_file(const std::filesystem::path& path, std::string_view text) {
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

namespace {

// Writes a new file as large as a trace may be small, and removes it: 0, or errno.
int try_new_file(const std::filesystem::path& path) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    const std::string page(4096, '#');
    const ssize_t n = write(fd, page.data(), page.size());
    const int error = n < 0 ? errno : n == static_cast<ssize_t>(page.size()) ? 0 : ENOSPC;
    close(fd);
    return unlink(path.c_str()) == 0 ? error : errno;
}

int try_to_open(const std::filesystem::path& path) {
    const int fd = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return errno == ENXIO ? 0 : errno; // a FIFO that nobody reads yet
    return close(fd), 0;
}

} // namespace

std::optional<std::string> why_not_writable(const std::filesystem::path& path) {
    int error = try_new_file(path);
    if (error == EEXIST) error = try_to_open(path);
    if (!error) return std::nullopt;
    return fmt::format("cannot write '{}': {}", path.string(), std::strerror(error));
}

std::optional<std::string> why_not_a_place(const std::filesystem::path& dir) {
    std::error_code ec;
    std::filesystem::create_directories(dir, ec);
    const int error = ec ? ec.value() : try_new_file(dir / fmt::format(".mmodel-{}", getpid()));
    if (!error) return std::nullopt;
    return fmt::format("cannot write in '{}': {}", dir.string(), std::strerror(error));
}

void print_json(Json j) {
    j["schema"] = json_schema;
    fmt::print("{}\n", j.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// A signal that nobody handles says it best; where it is blocked, its status does.
void end_of_pipe() {
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
    std::_Exit(128 + SIGPIPE);
}

int end(int status) {
    const bool written = flush_output();
    if (output_errno == EPIPE) end_of_pipe();
    if (!written)
        return complain(Failure{fmt::format("cannot write the output{}{}", output_errno ? ": " : "",
                                            output_errno ? std::strerror(output_errno) : ""),
                                exit_environment});
    if (!interrupted()) return status;
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
    return status;
}

// ---- words and numbers

std::string rate(u64 n, std::string_view noun, double seconds) {
    return seconds > 0
               ? fmt::format("{} {}s/s", grouped(static_cast<u64>(static_cast<double>(n) / seconds)), noun)
               : "-";
}

std::string plural(u64 n, std::string_view noun) {
    return fmt::format("{} {}{}", grouped(n), noun, n == 1 ? "" : "s");
}

// Without a slash the shell found us in $PATH, and will again.
std::string this_command() { return program.contains('/') ? path_word(program) : shell_quoted(program); }

std::string tree_words(const std::filesystem::path& tree) {
    return tree.empty() ? "" : " --tree " + path_word(tree);
}

} // namespace mmodel::cli
