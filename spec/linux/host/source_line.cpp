// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/source_line.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <vector>

namespace mmodel::bench {

std::string said_by(std::vector<std::string> words, std::size_t most) {
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0) return "";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    std::vector<char*> argv;
    for (std::string& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    pid_t pid = -1;
    const bool runs = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    std::string said;
    std::array<char, 4096> part{};
    for (ssize_t n; runs && said.size() < most && (n = read(out[0], part.data(), part.size())) > 0;)
        said.append(part.data(), static_cast<std::size_t>(n));
    close(out[0]);
    if (runs) waitpid(pid, nullptr, 0);
    return said;
}

std::optional<SourceLine> find_source_line(const std::filesystem::path& object, u64 offset,
                                           const std::filesystem::path& not_in) {
    constexpr std::size_t most_said = 64 * 1024;
    char hex[24];
    std::snprintf(hex, sizeof hex, "%#llx", static_cast<unsigned long long>(offset));
    std::istringstream lines(said_by({"addr2line", "-i", "-f", "-e", object.string(), hex}, most_said));
    for (std::string function, place; std::getline(lines, function) && std::getline(lines, place);) {
        const auto colon = place.rfind(':');
        if (colon == place.npos || place.starts_with('?') || place.starts_with(not_in.string())) continue;
        const std::string line = place.substr(colon + 1, place.find(' ', colon) - colon - 1);
        return SourceLine{function, std::filesystem::path(place.substr(0, colon)).filename().string(), line};
    }
    return std::nullopt;
}

} // namespace mmodel::bench
