// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/runner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "spec/linux/host/cage.hpp"
#include "spec/linux/host/child.hpp"

namespace mmodel::bench {
namespace {

// A sequence may take this much of the child's CPU time, whatever it seems to be doing.
constexpr rlim_t max_sequence_seconds = 300;

bool put_byte(int fd) {
    const char c = 1;
    return write(fd, &c, 1) == 1;
}

} // namespace

Runner::Runner(Unit unit, Config c, double patience, std::function<bool()> stop)
    : unit_(std::move(unit)), config_(std::move(c)), patience_(patience), stop_(std::move(stop)),
      request_(share<Request>()), reply_(share<Reply>()) {
    if (unit_.edges) coverage_ = std::make_unique<CoverageMap>(unit_.edges);
}

Runner::~Runner() {
    child_.stop();
    unshare(request_), unshare(reply_);
}

std::expected<void, Problem> Runner::start() {
    if (child_.is_there()) return {};
    if (!request_ || !reply_) return std::unexpected(Problem{"no memory to share with a child process"});
    return child_.start([this](int in, int out, pid_t parent) {
        serve(unit_, config_, *request_, *reply_, coverage_.get(), in, out, parent);
    });
}

// Until the child answers, dies, or makes no progress for too long; or whoever wanted to know does no more. A
// child that sleeps uses no CPU time: then too long is a minute by the clock.
Runner::Wait Runner::wait_for_answer() {
    u64 last = ~u64{0};
    double since_cpu = child_.cpu_seconds();
    auto since = std::chrono::steady_clock::now();
    for (;;) {
        pollfd p{.fd = child_.from(), .events = POLLIN, .revents = 0};
        const int n = poll(&p, 1, 200);
        char c;
        if (n > 0) return read(child_.from(), &c, 1) == 1 ? Wait::answered : Wait::died;
        if (n < 0 && errno != EINTR) return Wait::died;
        if (stop_ && stop_()) return Wait::stopped;
        const Progress& progress = reply_->progress;
        const u64 now =
            progress.op_idx << 32 ^ progress.nr_events ^ static_cast<u64>(progress.nr_events_total) << 16;
        const auto t = std::chrono::steady_clock::now();
        if (now != last)
            last = now, since = t, since_cpu = child_.cpu_seconds();
        else if (child_.cpu_seconds() - since_cpu > patience_ || t - since > std::chrono::minutes(1))
            return Wait::hangs;
    }
}

void Runner::ask(std::span<const Op> ops, bool goes_on, StaleWay stale) {
    ++request_->nr;
    request_->goes_on = goes_on;
    request_->nr_ops = ops.size();
    request_->stale = stale;
    std::ranges::copy(ops, request_->ops.begin());
    rlimit cpu{};
    if (prlimit(child_.pid(), RLIMIT_CPU, nullptr, &cpu) != 0) return;
    cpu.rlim_cur = std::min(cpu.rlim_max, static_cast<rlim_t>(child_.cpu_seconds()) + max_sequence_seconds);
    prlimit(child_.pid(), RLIMIT_CPU, &cpu, nullptr);
}

std::expected<RealResult, Problem> Runner::run(std::span<const Op> ops, const How& how_to) {
    const StaleWay stale = how_to.stale.value_or(unit_.stale);
    if (stale != not_stale && unit_.backend != Backend::mmu)
        return std::unexpected(Problem{"only the software MMU answers from stale translations" +
                                           (unit_.no_mmu.empty() ? "" : ": " + unit_.no_mmu),
                                       true});
    if (ops.size() > max_real_ops)
        return std::unexpected(Problem{"a sequence for a kernel tree has at most " +
                                           std::to_string(max_real_ops) + " operations",
                                       true});
    if (auto started = start(); !started) return std::unexpected(started.error());
    ask(ops, how_to.goes_on, stale);
    auto r = run_asked(ops.size());
    if (r && coverage_) r->reached = coverage_->take();
    return r;
}

std::expected<RealResult, Problem> Runner::run_asked(u64 nr_ops) {
    std::signal(SIGPIPE, SIG_IGN);
    const Wait how = put_byte(child_.to()) ? wait_for_answer() : Wait::died;
    if (how == Wait::stopped) {
        child_.stop();
        return std::unexpected(Problem{"interrupted"});
    }
    const auto told = read_reply(*reply_, request_->nr, nr_ops, how == Wait::answered);
    if (how == Wait::answered && told && (told->violations.empty() || told->stays)) {
        RealResult r = result_of(*told);
        if (r.violations.empty()) r.op_idx = nr_ops;
        return r;
    }
    if (how == Wait::hangs) kill(child_.pid(), SIGTERM); // a chance to say where it is
    const Process::Ended end = child_.end(how == Wait::died ? 1000 : 100);
    return collect(told, how, end);
}

RealResult Runner::result_of(const Told& told) {
    RealResult r{.nr_ops = told.ops_enabled,
                 .nr_events = told.nr_events,
                 .violations = told.violations,
                 .op_idx = told.op_idx,
                 .passed = told.passed,
                 .ran = told.ran,
                 .nr_compared = told.nr_compared,
                 .deviations = told.deviations};
    if (told.code && !r.violations.empty()) name_access(r.violations.back(), told.code);
    return r;
}

// What a child leaves that is gone.
std::expected<RealResult, Problem> Runner::collect(const std::optional<Told>& told, Wait how,
                                                   Process::Ended end) {
    if (how == Wait::died && WIFEXITED(end.status) && WEXITSTATUS(end.status) == host_status)
        if (const std::string what = reply_->host_error.get(); !what.empty())
            return std::unexpected(Problem{what});
    // Code under test cannot send SIGKILL: that is the host, or somebody at the keyboard.
    if (how == Wait::died && !end.killed && WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGKILL)
        return std::unexpected(Problem{
            "the child process was killed (SIGKILL): the host ran out of memory, or somebody killed it"});
    RealResult r;
    if (!told) {
        spec::Violation& v = r.violations.emplace_back();
        v.inv = spec::Inv::kernel_code_touches_only_what_is_mapped;
        v.way = spec::Way::answer;
        v.detail = "the file wrote over the bench's own memory: what it answers makes no sense";
        r.is_cut_off = true;
        return r;
    }
    r = result_of(*told);
    r.is_cut_off = true;
    if (how == Wait::answered) return r;
    r.nr_events += told->op_events;
    r.violations.push_back(judge_end(how, end));
    r.violations.back().event_idx = told->op_events;
    return r;
}

void Runner::name_access(spec::Violation& v, u64 code) {
    auto found = lines_.find(code);
    if (found == lines_.end()) // the access stands before what follows it
        found = lines_.emplace(code, find_source_line(unit_.object, code - 1, default_shim_dir())).first;
    if (!found->second) return;
    const SourceLine& at = *found->second;
    v.where = at.function;
    v.detail = at.file + ":" + at.line + ": " + v.detail;
}

// What it means that a child has ended so.
spec::Violation Runner::judge_end(Wait how, Process::Ended end) const {
    spec::Violation v;
    v.inv = spec::Inv::kernel_code_touches_only_what_is_mapped;
    const bool fault = WIFEXITED(end.status) && WEXITSTATUS(end.status) == fault_status;
    const int sig = WIFSIGNALED(end.status) ? WTERMSIG(end.status) : 0;
    if (how == Wait::hangs || sig == SIGXCPU) {
        v.inv = spec::Inv::every_operation_ends;
        v.way = how == Wait::hangs ? spec::Way::no_event : spec::Way::too_long;
        v.detail = how == Wait::hangs ? "no event for more than a second of CPU time"
                                      : "one sequence takes more than five minutes of CPU time";
        v.where = reply_->fault_where.get();
    } else if (fault) {
        if (reply_->fault_in_read_only_vmemmap) v.inv = spec::Inv::no_write_through_a_read_only_pte;
        v.way = reply_->fault_is_write         ? spec::Way::write
                : reply_->fault_is_system_call ? spec::Way::system_call
                                               : spec::Way::read;
        v.detail = reply_->fault_what.get();
        v.where = reply_->fault_where.get();
    } else {
        v.way = sig && !end.killed ? spec::Way::signal : spec::Way::exit;
        v.detail = end.killed ? "it closed the bench's own descriptors"
                   : sig      ? std::string("killed by ") + strsignal(sig)
                              : "exited by itself, with status " + std::to_string(WEXITSTATUS(end.status));
    }
    return v;
}

std::expected<RealResult, Problem> run_one(const Unit& unit, const Config& c, std::span<const Op> ops,
                                           const std::function<bool()>& stop, bool goes_on) {
    if (c.geometry.arch != unit.geometry)
        return std::unexpected(Problem{"the kernel file was compiled for geometry " + unit.geometry +
                                           ", not " + std::string(c.geometry.arch),
                                       true});
    return Runner(unit, c, default_patience, stop).run(ops, {.goes_on = goes_on});
}

} // namespace mmodel::bench
