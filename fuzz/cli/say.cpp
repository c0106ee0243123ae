// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/say.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

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

void print_json(const Json& j) { fmt::print("{}\n", j.dump(-1, ' ', false, Json::error_handler_t::replace)); }

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

// ---- words and numbers

std::string rate(u64 n, std::string_view noun, double seconds) {
    return seconds > 0
               ? fmt::format("{} {}s/s", grouped(static_cast<u64>(static_cast<double>(n) / seconds)), noun)
               : "-";
}

std::string plural(u64 n, std::string_view noun) {
    return fmt::format("{} {}{}", grouped(n), noun, n == 1 ? "" : "s");
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

} // namespace mmodel::cli
