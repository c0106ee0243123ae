// SPDX-License-Identifier: GPL-2.0 OR MIT
// Sequences of operations on a compiled kernel file, each in a child process that is kept for as long as it
// behaves: forked and mapped once, many sequences, and a new one after every fault, BUG or hang.
#pragma once

#include <expected>
#include <functional>
#include <map>

#include "spec/linux/host/process.hpp"
#include "spec/linux/host/reply.hpp"
#include "spec/linux/host/source_line.hpp"

namespace mmodel::bench {

// Seconds, see Runner.
inline constexpr double default_patience = 1.5;

class Runner {
public:
    // `patience`: seconds of the child's own CPU time without a single event after which an operation counts
    // as hanging. `stop`: asked while an operation runs; true ends it within a quarter of a second.
    Runner(Unit unit, Config c, double patience = default_patience, std::function<bool()> stop = {});
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    // From boot to the end or the first operation with a violation. A Problem is the host's or the unit's,
    // not the kernel's; "interrupted" is one.
    struct How {
        bool goes_on{}; // past operations that leave the machine sound
        std::optional<StaleWay>
            stale{}; // on a CPU that uses translations in this way; nothing: as the unit says
    };
    [[nodiscard]] std::expected<RealResult, Problem> run(std::span<const Op> ops, const How& how);
    [[nodiscard]] std::expected<RealResult, Problem> run(std::span<const Op> ops) { return run(ops, How{}); }
    [[nodiscard]] const Config& config() const { return config_; }
    // What the child that there is has computed so far; 0: there is none.
    [[nodiscard]] double cpu_seconds() const { return child_.cpu_seconds(); }

private:
    [[nodiscard]] std::expected<void, Problem> start();
    void ask(std::span<const Op> ops, bool goes_on, StaleWay stale);
    enum class Wait : u8 { answered, died, hangs, stopped };
    [[nodiscard]] Wait wait_for_answer();
    [[nodiscard]] std::expected<RealResult, Problem> run_asked(u64 nr_ops);
    [[nodiscard]] RealResult result_of(const Told& told);
    [[nodiscard]] std::expected<RealResult, Problem> collect(const std::optional<Told>& told, Wait how,
                                                             Process::Ended end);
    // Says of a wrong access which function and line made it.
    void name_access(spec::Violation& v, u64 code);
    [[nodiscard]] spec::Violation judge_end(Wait how, Process::Ended end) const;

    Unit unit_;
    Config config_;
    double patience_;
    std::function<bool()> stop_;
    Request* request_{};
    Reply* reply_{};
    std::map<u64, std::optional<SourceLine>> lines_; // by code
    std::unique_ptr<CoverageMap> coverage_;          // nullptr: it is not measured
    Process child_;
};

} // namespace mmodel::bench
