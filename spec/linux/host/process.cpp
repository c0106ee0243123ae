// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/process.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "spec/linux/host/cage.hpp"

namespace mmodel::bench {
namespace {

Problem cannot(const char* what) { return Problem{std::string(what) + ": " + std::strerror(errno)}; }

} // namespace

std::expected<void, Problem> Process::start(const Child& child) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0) return std::unexpected(cannot("cannot talk to a child process"));
    if (pipe2(from, O_CLOEXEC) != 0) {
        close(to[0]), close(to[1]);
        return std::unexpected(cannot("cannot talk to a child process"));
    }
    const pid_t self = getpid(), pid = fork();
    if (pid == 0) {
        child(to[0], from[1], self);
        _exit(0);
    }
    const int why = errno;
    close(to[0]);
    close(from[1]);
    to_ = to[1], from_ = from[0];
    if (pid < 0) {
        close(to_), close(from_);
        errno = why;
        return std::unexpected(cannot("cannot fork"));
    }
    setpgid(pid, pid); // as the child does: whoever comes first
    pid_ = pid;
    return {};
}

Process::Ended Process::end(int patience_ms) {
    Ended e{};
    close(to_);
    close(from_);
    e.status = reap(pid_, patience_ms, e.killed);
    pid_ = -1;
    return e;
}

double Process::cpu_seconds() const {
    clockid_t clock;
    timespec t{};
    if (!is_there() || clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

void* share_memory(std::size_t bytes) {
    void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? nullptr : at;
}

void unshare_memory(void* at, std::size_t bytes) { munmap(at, bytes); }

} // namespace mmodel::bench
