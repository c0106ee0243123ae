// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/cage.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <initializer_list>

namespace mmodel::bench {
namespace {

// Address sanitizer reserves terabytes and calls the system for purposes of its own.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool is_sanitized = true;
#elif defined(__has_feature)
constexpr bool is_sanitized = __has_feature(address_sanitizer);
#else
constexpr bool is_sanitized = false;
#endif

#if defined(__x86_64__)
constexpr u32 this_machine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr u32 this_machine = AUDIT_ARCH_AARCH64;
#else
constexpr u32 this_machine = 0;
#endif

void set_limit(decltype(RLIMIT_AS) what, u64 most) {
    rlimit now{};
    getrlimit(what, &now);
    now.rlim_cur = std::min<rlim_t>(now.rlim_cur, most);
    setrlimit(what, &now);
}

u64 address_space_now() {
    u64 pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * static_cast<u64>(sysconf(_SC_PAGESIZE));
}

// ---- the filter

constexpr std::array running_calls{
    SYS_read, SYS_write,      SYS_mmap,         SYS_munmap,         SYS_mprotect,      SYS_mremap,
    SYS_brk,  SYS_madvise,    SYS_futex,        SYS_getrandom,      SYS_getpid,        SYS_gettid,
    SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_clock_gettime, SYS_sched_yield};

constexpr std::array loading_calls{SYS_close,      SYS_fstat,        SYS_newfstatat, SYS_pread64,
                                   SYS_lseek,      SYS_memfd_create, SYS_ftruncate,  SYS_getcwd,
                                   SYS_readlinkat, SYS_faccessat};

struct Call {
    long nr;
    const char* name;
};

constexpr Call forbidden[] = {
    {SYS_clone, "clone"},
    {SYS_clone3, "clone3"},
    {SYS_execve, "execve"},
    {SYS_execveat, "execveat"},
    {SYS_kill, "kill"},
    {SYS_tkill, "tkill"},
    {SYS_tgkill, "tgkill"},
    {SYS_rt_sigqueueinfo, "rt_sigqueueinfo"},
    {SYS_rt_tgsigqueueinfo, "rt_tgsigqueueinfo"},
    {SYS_rt_sigaction, "rt_sigaction"},
    {SYS_pidfd_open, "pidfd_open"},
    {SYS_pidfd_send_signal, "pidfd_send_signal"},
    {SYS_setsid, "setsid"},
    {SYS_setpgid, "setpgid"},
    {SYS_ptrace, "ptrace"},
    {SYS_process_vm_readv, "process_vm_readv"},
    {SYS_process_vm_writev, "process_vm_writev"},
    {SYS_socket, "socket"},
    {SYS_socketpair, "socketpair"},
    {SYS_openat, "openat"},
    {SYS_openat2, "openat2"},
    {SYS_unlinkat, "unlinkat"},
    {SYS_close, "close"},
    {SYS_close_range, "close_range"},
    {SYS_dup, "dup"},
    {SYS_dup3, "dup3"},
    {SYS_prlimit64, "prlimit64"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
#if defined(__x86_64__) // calls that younger machines do not have any more
    {SYS_open, "open"},
    {SYS_creat, "creat"},
    {SYS_unlink, "unlink"},
    {SYS_fork, "fork"},
    {SYS_vfork, "vfork"},
    {SYS_dup2, "dup2"},
    {SYS_pause, "pause"},
#endif
};

sock_filter load(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<u32>(offset)); }
sock_filter answer(u32 what) { return BPF_STMT(BPF_RET | BPF_K, what); }
// The next instruction is passed over unless ...
sock_filter if_equal(u32 to) { return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, to, 0, 1); }
sock_filter if_none_of(u32 bits) { return BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 1, 0); }

constexpr std::size_t arg(int i) { return offsetof(seccomp_data, args) + static_cast<std::size_t>(i) * 8; }

// `nr` is loaded. It is allowed if `condition`, an instruction, does not pass over what follows it, when
// argument i (its low half: every one asked about is an int) is loaded.
void allow_if(std::vector<sock_filter>& p, long nr, int i, sock_filter condition) {
    p.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<u32>(nr), 0, 4));
    p.push_back(load(arg(i)));
    p.push_back(condition);
    p.push_back(answer(SECCOMP_RET_ALLOW));
    p.push_back(answer(SECCOMP_RET_TRAP));
}

std::vector<sock_filter> filter_of(Phase phase) {
    std::vector<sock_filter> p{load(offsetof(seccomp_data, arch)), if_equal(this_machine),
                               BPF_STMT(BPF_JMP | BPF_JA, 1), answer(SECCOMP_RET_KILL_PROCESS),
                               load(offsetof(seccomp_data, nr))};
    const auto allow = [&](const auto& calls) {
        for (const long nr : calls) {
            p.push_back(if_equal(static_cast<u32>(nr)));
            p.push_back(answer(SECCOMP_RET_ALLOW));
        }
    };
    allow(running_calls);
    allow_if(p, SYS_tgkill, 2, if_equal(SIGABRT)); // abort()
    if (phase == Phase::loading) {
        allow(loading_calls);
        allow(std::array{SYS_prctl, SYS_rt_sigaction, SYS_sigaltstack});
        allow_if(p, SYS_openat, 2, if_none_of(O_WRONLY | O_RDWR | O_CREAT | O_TRUNC));
    }
    for (const Call& c : forbidden) {
        p.push_back(if_equal(static_cast<u32>(c.nr)));
        p.push_back(answer(SECCOMP_RET_TRAP));
    }
    p.push_back(answer(SECCOMP_RET_ERRNO | EPERM));
    return p;
}

// ---- the probe

constexpr int filter_works = 1, filter_missing = 2;

[[noreturn]] void probe() {
    leave_parent(getppid(), {});
    limit({.address_space = u64{1} << 32, .file_bytes = 1 << 20, .cpu_seconds = 10});
    std::signal(SIGSYS, [](int) { _exit(filter_works); });
    if (filter_system_calls(Phase::loading) && filter_system_calls(Phase::running)) kill(getppid(), 0);
    _exit(filter_missing);
}

} // namespace

void leave_parent(pid_t parent, const std::vector<int>& keep) {
    for (int sig = 1; sig < NSIG; ++sig) std::signal(sig, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0); // it died before it could be seen to
    std::vector<int> high;             // copies above all places that are taken below
    for (const int fd : keep) high.push_back(fcntl(fd, F_DUPFD, 3 + static_cast<int>(keep.size())));
    const int nothing = open("/dev/null", O_RDWR);
    const int nr_closed = is_sanitized ? 2 : 3; // a sanitizer says on standard error what it has found
    for (int fd = 0; fd < nr_closed; ++fd) nothing < 0 ? close(fd) : dup2(nothing, fd);
    int next = 3;
    for (const int fd : high) dup2(fd, next++);
    if (close_range(static_cast<unsigned>(next), ~0u, 0) == 0) return;
    for (int fd = next; fd < sysconf(_SC_OPEN_MAX); ++fd) close(fd); // Linux before 5.9
}

void limit(const Limits& limits) {
    std::ofstream("/proc/self/oom_score_adj") << 1000;
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_STACK, 8 << 20);
    set_limit(RLIMIT_FSIZE, limits.file_bytes);
    if (limits.cpu_seconds) set_limit(RLIMIT_CPU, limits.cpu_seconds);
    if (!is_sanitized) set_limit(RLIMIT_AS, address_space_now() + limits.address_space);
}

bool filter_system_calls(Phase phase) {
    std::vector<sock_filter> filter = filter_of(phase);
    const sock_fprog program{.len = static_cast<unsigned short>(filter.size()), .filter = filter.data()};
    return this_machine && !is_sanitized && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

const char* name_of_system_call(int nr) {
    const auto* call = std::ranges::find(forbidden, nr, &Call::nr);
    return call == std::end(forbidden) ? "another" : call->name;
}

int reap(pid_t pid, int patience_ms, bool& killed) {
    int status = 0;
    killed = false;
    for (int waited = 0; waitpid(pid, &status, WNOHANG) == 0; ++waited) {
        if (waited >= patience_ms) {
            killed = true;
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            break;
        }
        usleep(1000);
    }
    kill(-pid, SIGKILL); // whom it left behind
    return status;
}

const std::vector<std::string>& cage_gaps() {
    static const std::vector<std::string> gaps = []() -> std::vector<std::string> {
        const std::string harm = "a tree's code can start processes, end others and write files";
        if (is_sanitized) return {"neither system calls nor memory are limited (address sanitizer): " + harm};
        std::fflush(nullptr);
        const pid_t pid = fork();
        if (pid == 0) probe();
        bool killed = false;
        const int status = pid < 0 ? 0 : reap(pid, 2000, killed);
        if (WIFEXITED(status) && WEXITSTATUS(status) == filter_works) return {};
        return {"system calls are not filtered (no seccomp here): " + harm};
    }();
    return gaps;
}

} // namespace mmodel::bench
