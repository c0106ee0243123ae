// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/git.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace mmodel::cli {
namespace {

// A file in memory that a child reads from or writes to: no pipe has to be emptied while it runs.
class MemoryFile {
public:
    explicit MemoryFile(std::string_view text = {}) : fd_(memfd_create("mmodel-git", MFD_CLOEXEC)) {
        while (!text.empty()) {
            const ssize_t n = write(fd_, text.data(), text.size());
            if (n <= 0) break;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
        (void)lseek(fd_, 0, SEEK_SET);
    }
    ~MemoryFile() { close(fd_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] std::string text() const {
        std::string out;
        std::array<char, 1 << 16> part{};
        (void)lseek(fd_, 0, SEEK_SET);
        for (ssize_t n; (n = read(fd_, part.data(), part.size())) > 0;)
            out.append(part.data(), static_cast<std::size_t>(n));
        return out;
    }

private:
    int fd_;
};

// Ours, without what would lead git elsewhere (a rebase or a hook that we were started from), and with
// nothing to fetch by: what a partial clone lacks is missing.
std::vector<std::string> environment(const std::filesystem::path& above) {
    std::vector<std::string> out;
    for (char** e = environ; *e; ++e) {
        const std::string_view one = *e;
        const bool is_kept =
            !one.starts_with("GIT_") || one.starts_with("GIT_CONFIG") || one.starts_with("GIT_EXEC_PATH=");
        if (is_kept && !one.starts_with("LC_ALL=")) out.emplace_back(one);
    }
    for (const char* set : {"LC_ALL=C", "GIT_ALLOW_PROTOCOL=", "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0",
                            "GIT_OPTIONAL_LOCKS=0"})
        out.emplace_back(set);
    if (!above.empty()) out.push_back("GIT_CEILING_DIRECTORIES=" + above.string());
    return out;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (std::string& w : words) out.push_back(w.data());
    out.push_back(nullptr);
    return out;
}

} // namespace

std::string GitSaid::why() const {
    if (status == 127 && err.empty()) return "git is not installed";
    std::string first;
    for (const std::string& line : lines_of_text(err)) {
        if (first.empty()) first = line;
        for (const std::string_view begin : {"fatal: ", "error: "})
            if (line.starts_with(begin)) return line.substr(begin.size());
    }
    return first.empty() ? "git ended with status " + std::to_string(status) : first;
}

GitSaid Git::run(const std::vector<std::string>& args, std::string_view in) const {
    std::vector<std::string> words{"git", "-C",
                                   dir_,  "--no-pager",
                                   "-c",  "core.hooksPath=/dev/null",
                                   "-c",  "core.fsmonitor=false",
                                   "-c",  "log.showSignature=false",
                                   "-c",  "core.quotePath=true"};
    words.insert(words.end(), args.begin(), args.end());
    std::vector<std::string> env = environment(above_);
    const MemoryFile input(in), out, err;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.fd(), 0);
    posix_spawn_file_actions_adddup2(&actions, out.fd(), 1);
    posix_spawn_file_actions_adddup2(&actions, err.fd(), 2);
    pid_t pid = -1;
    const int error =
        posix_spawnp(&pid, "git", &actions, nullptr, pointers(words).data(), pointers(env).data());
    posix_spawn_file_actions_destroy(&actions);
    if (error) return {.status = 127, .err = error == ENOENT ? "" : std::strerror(error)};
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            .out = out.text(),
            .err = err.text()};
}

std::vector<std::string> lines_of_text(std::string_view text, char end) {
    std::vector<std::string> out;
    while (!text.empty()) {
        out.emplace_back(text.substr(0, text.find(end)));
        text.remove_prefix(std::min(out.back().size() + 1, text.size()));
    }
    return out;
}

} // namespace mmodel::cli
