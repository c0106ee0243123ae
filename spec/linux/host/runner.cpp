// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/runner.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>

#include "spec/linux/hvo/driver.hpp"
#include "spec/linux/percpu/driver.hpp"

namespace mmodel::bench {

namespace {

struct Text {
    std::array<char, 256> chars{};
    void set(const std::string& s) {
        const std::size_t n = std::min(s.size(), chars.size() - 1);
        std::memcpy(chars.data(), s.data(), n);
        chars[n] = 0;
    }
    [[nodiscard]] std::string get() const { return {chars.data(), strnlen(chars.data(), chars.size())}; }
};

struct Seen {
    spec::Inv inv;
    u64 event_idx;
    Text where, event, detail;
};

constexpr std::size_t max_seen = 16;
constexpr int fault_status = 41, host_status = 42;

} // namespace

// What parent and child share. The child writes, the parent reads once the child has answered or is gone.
struct Runner::Shared {
    std::array<Op, max_real_ops> ops;
    std::array<Ran, max_real_ops> ran;
    u64 nr_ops;
    Progress progress;
    u64 ops_done, ops_enabled;
    u64 nr_seen;
    std::array<Seen, max_seen> seen;
    Text host_error;
    // A fault: where in the modelled memory.
    Text fault_where, fault_what;
    bool fault_in_read_only_vmemmap;
};

namespace {

// For the signal handler, which has no other way to know.
Progress* progress_now = nullptr;
const Arena* arena_now = nullptr;
Text* fault_where = nullptr;
Text* fault_what = nullptr;
bool* fault_read_only = nullptr;

// Async-signal-safe: writes to shared memory and leaves.
void copy_text(Text& to, const char* from) {
    std::size_t n = 0;
    for (; from && from[n] && n + 1 < to.chars.size(); ++n) to.chars[n] = from[n];
    to.chars[n] = 0;
}

void on_fault(int sig, siginfo_t* info, void* context) {
    const auto addr = reinterpret_cast<unsigned long>(info->si_addr);
    const bool in_vmemmap = arena_now && arena_now->vpage_at(addr).has_value();
    const bool in_vmalloc = arena_now && arena_now->vmap_at(addr).has_value();
    const bool no_memory =
        sig == SIGBUS && arena_now && (in_vmemmap || in_vmalloc || arena_now->frame_at(addr));
#if defined(__x86_64__)
    const bool write = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR] & 2;
#else
    const bool write = (void)context, false;
#endif
    copy_text(*fault_where, progress_now ? progress_now->where : "");
    if (no_memory)
        copy_text(*fault_what, "SIGBUS: the host has no memory left for the modelled frames");
    else if (in_vmemmap && write)
        copy_text(*fault_what, "a write to a vmemmap page that is mapped read-only, or not at all");
    else if (in_vmemmap)
        copy_text(*fault_what, "a read of a vmemmap page that is not mapped");
    else if (in_vmalloc)
        copy_text(*fault_what, write ? "a write to a vmalloc page that is not mapped"
                                     : "a read of a vmalloc page that is not mapped");
    else
        copy_text(*fault_what,
                  write ? "a write to memory that is nobody's" : "a read of memory that is nobody's");
    *fault_read_only = in_vmemmap && write;
    _exit(no_memory ? host_status : fault_status);
}

void catch_faults() {
    static std::array<char, 64 * 1024> stack;
    const stack_t alt{.ss_sp = stack.data(), .ss_flags = 0, .ss_size = stack.size()};
    sigaltstack(&alt, nullptr);
    struct sigaction act{};
    act.sa_sigaction = on_fault;
    act.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (int sig : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTERM}) sigaction(sig, &act, nullptr);
    std::signal(SIGINT, SIG_IGN); // Ctrl-C is for the parent, who still wants this child's answer
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
}

// The driver for what the unit was compiled of.
std::unique_ptr<RealDriver> make_driver(const Unit& unit, const Config& c, Progress& progress) {
    const bool hvo = unit.tree.name == "hugetlb_vmemmap";
    const char* symbol = hvo ? "mmodel_hvo_unit_init" : "mmodel_percpu_unit_init";
    void* lib = dlopen(unit.object.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!lib) throw HostError(dlerror());
    void* init = dlsym(lib, symbol);
    if (!init) throw HostError(std::string("the compiled kernel file lacks ") + symbol + "()");
    if (hvo)
        return std::make_unique<HvoDriver>(
            c, reinterpret_cast<mmodel_hvo_unit* (*)(const mmodel_hvo_host*)>(init), progress);
    return std::make_unique<PercpuDriver>(c, reinterpret_cast<PercpuDriver::UnitInit>(init), progress);
}

bool put_byte(int fd) {
    const char c = 1;
    return write(fd, &c, 1) == 1;
}

} // namespace

Runner::Runner(Unit unit, Config c, double patience, std::function<bool()> stop)
    : unit_(std::move(unit)), config_(std::move(c)), patience_(patience), stop_(std::move(stop)) {
    void* at = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = at == MAP_FAILED ? nullptr : new (at) Shared;
}

Runner::~Runner() {
    stop();
    if (shared_) munmap(shared_, sizeof(Shared));
}

void Runner::child(int in, int out) {
    Shared& s = *shared_;
    progress_now = &s.progress;
    fault_where = &s.fault_where;
    fault_what = &s.fault_what;
    fault_read_only = &s.fault_in_read_only_vmemmap;
    catch_faults();
    try {
        const auto driver = make_driver(unit_, config_, s.progress);
        arena_now = &driver->arena();
        for (char c; read(in, &c, 1) == 1;) {
            for (u64 i = 0; i < s.nr_ops && !s.nr_seen; ++i) {
                s.progress.op_idx = i;
                const RealStep step = driver->run(s.ops[i]);
                s.ran[i] = step.ran;
                s.ops_done = i + 1;
                s.ops_enabled += !step.ran.outcome.disabled;
                for (const spec::Violation& v : step.violations) {
                    if (s.nr_seen == max_seen) break;
                    Seen& seen = s.seen[s.nr_seen++];
                    seen.inv = v.inv;
                    seen.event_idx = v.event_idx;
                    seen.where.set(v.where);
                    seen.event.set(v.event);
                    seen.detail.set(v.detail);
                }
            }
            if (s.nr_seen) _exit(put_byte(out) ? 0 : host_status); // its memory is not to be trusted any more
            driver->reset();
            if (!put_byte(out)) _exit(host_status);
        }
        _exit(0);
    } catch (const std::exception& e) {
        s.host_error.set(e.what());
        _exit(host_status);
    }
}

std::expected<void, Problem> Runner::start() {
    if (pid_ > 0) return {};
    int to[2], from[2];
    if (!shared_ || pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
        return std::unexpected(
            Problem{std::string("cannot talk to a child process: ") + std::strerror(errno)});
    const int pid = fork();
    if (pid < 0) return std::unexpected(Problem{std::string("cannot fork: ") + std::strerror(errno)});
    if (pid == 0) {
        close(to[1]);
        close(from[0]);
        child(to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    pid_ = pid, to_child_ = to[1], from_child_ = from[0];
    return {};
}

void Runner::stop() {
    if (pid_ <= 0) return;
    close(to_child_);
    close(from_child_);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

// What the child has computed so far. A machine that is busy with other things does not make it look like a
// hang.
double Runner::cpu_seconds() const {
    clockid_t clock;
    timespec t{};
    if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// Until the child answers, dies, or makes no progress for too long; or whoever wanted to know does no more. A
// child that sleeps uses no CPU time: then too long is a minute by the clock.
Runner::Wait Runner::wait_for_answer() {
    u64 last = ~u64{0};
    double since_cpu = cpu_seconds();
    auto since = std::chrono::steady_clock::now();
    for (;;) {
        pollfd p{.fd = from_child_, .events = POLLIN, .revents = 0};
        const int n = poll(&p, 1, 200);
        char c;
        if (n > 0) return read(from_child_, &c, 1) == 1 ? Wait::answered : Wait::died;
        if (n < 0 && errno != EINTR) return Wait::died;
        if (stop_ && stop_()) return Wait::stopped;
        const u64 now = shared_->progress.op_idx << 32 ^ shared_->progress.nr_events ^
                        shared_->progress.nr_events_total << 16;
        const auto t = std::chrono::steady_clock::now();
        if (now != last)
            last = now, since = t, since_cpu = cpu_seconds();
        else if (cpu_seconds() - since_cpu > patience_ || t - since > std::chrono::minutes(1))
            return Wait::hangs;
    }
}

std::expected<RealResult, Problem> Runner::run(std::span<const Op> ops) {
    if (ops.size() > max_real_ops)
        return std::unexpected(Problem{"a sequence for a kernel tree has at most " +
                                           std::to_string(max_real_ops) + " operations",
                                       true});
    if (auto started = start(); !started) return std::unexpected(started.error());
    Shared& s = *shared_;
    std::ranges::copy(ops, s.ops.begin());
    s.nr_ops = ops.size();
    s.ops_done = s.ops_enabled = s.nr_seen = 0;
    s.progress.op_idx = 0;
    s.progress.nr_events = 0;
    s.progress.nr_events_total = 0;
    s.host_error.chars[0] = s.fault_what.chars[0] = s.fault_where.chars[0] = 0;
    s.fault_in_read_only_vmemmap = false;
    std::signal(SIGPIPE, SIG_IGN);
    const Wait how = put_byte(to_child_) ? wait_for_answer() : Wait::died;
    if (how == Wait::stopped) {
        stop();
        return std::unexpected(Problem{"interrupted"});
    }
    int status = 0;
    if (how != Wait::answered || s.nr_seen) {
        if (how == Wait::hangs) { // first a chance to say where it is
            kill(pid_, SIGTERM);
            usleep(100'000);
            kill(pid_, SIGKILL);
        }
        waitpid(pid_, &status, 0);
        close(to_child_);
        close(from_child_);
        pid_ = -1;
    }
    return collect(ops, status, how);
}

std::expected<RealResult, Problem> Runner::collect(std::span<const Op> ops, int status, Wait how) {
    Shared& s = *shared_;
    RealResult r{.nr_ops = s.ops_enabled, .nr_events = s.progress.nr_events_total, .op_idx = ops.size()};
    r.ran.assign(s.ran.begin(), s.ran.begin() + static_cast<long>(s.ops_done));
    for (u64 i = 0; i < s.nr_seen; ++i)
        r.violations.push_back({s.seen[i].inv, s.seen[i].event_idx, s.seen[i].where.get(),
                                s.seen[i].event.get(), s.seen[i].detail.get()});
    if (how == Wait::answered) {
        if (!r.violations.empty()) r.op_idx = s.ops_done - 1;
        return r;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == host_status)
        return std::unexpected(Problem{s.host_error.chars[0] ? s.host_error.get() : s.fault_what.get()});
    // Code under test cannot send SIGKILL to itself by accident: that is the host, or somebody at the
    // keyboard.
    if (how == Wait::died && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return std::unexpected(Problem{
            "the child process was killed (SIGKILL): the host ran out of memory, or somebody killed it"});
    r.op_idx = s.progress.op_idx;
    r.nr_events += s.progress.nr_events;
    spec::Violation v;
    v.event_idx = s.progress.nr_events;
    if (how == Wait::hangs) {
        v.inv = spec::Inv::every_operation_ends;
        v.detail = "no event for more than a second of CPU time";
        v.where = s.fault_where.get();
    } else {
        const bool fault = WIFEXITED(status) && WEXITSTATUS(status) == fault_status;
        v.inv = fault && s.fault_in_read_only_vmemmap ? spec::Inv::no_write_through_a_read_only_pte
                                                      : spec::Inv::kernel_code_touches_only_what_is_mapped;
        v.detail = fault                 ? s.fault_what.get()
                   : WIFSIGNALED(status) ? std::string("killed by ") + strsignal(WTERMSIG(status))
                                         : "exited by itself";
        v.where = fault ? s.fault_where.get() : "";
    }
    r.violations.push_back(std::move(v));
    return r;
}

std::expected<RealResult, Problem> run_one(const Unit& unit, const Config& c, std::span<const Op> ops,
                                           const std::function<bool()>& stop) {
    if (c.geometry.arch != "x86-64")
        return std::unexpected(
            Problem{"a kernel tree runs on geometry x86-64, not " + std::string(c.geometry.arch), true});
    return Runner(unit, c, default_patience, stop).run(ops);
}

} // namespace mmodel::bench
