// SPDX-License-Identifier: GPL-2.0 OR MIT
// Sequences of operations on a compiled kernel file, each in a child process that is kept for as long as it
// behaves: forked and mapped once, many sequences, and a new one after every violation, fault, BUG or hang.
#pragma once

#include <expected>

#include "spec/linux/bench.hpp"

namespace mmodel::bench {

// The longest sequence a child takes.
inline constexpr std::size_t max_real_ops = 2048;

class Runner {
public:
    // `patience`: seconds of the child's own CPU time without a single event after which an operation counts
    // as hanging.
    Runner(Unit unit, Config c, double patience = 1.5);
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    // From boot to the end or the first operation with a violation. A Problem is the host's or the unit's,
    // not the kernel's.
    [[nodiscard]] std::expected<RealResult, Problem> run(std::span<const Op> ops);
    [[nodiscard]] const Config& config() const { return config_; }

private:
    struct Shared;

    [[nodiscard]] std::expected<void, Problem> start();
    void stop();
    [[nodiscard]] bool wait_for_answer(bool& hangs);
    [[nodiscard]] double cpu_seconds() const;
    [[nodiscard]] std::expected<RealResult, Problem> collect(std::span<const Op> ops, int status,
                                                             bool answered, bool hangs);
    [[noreturn]] void child(int in, int out);

    Unit unit_;
    Config config_;
    double patience_;
    Shared* shared_{};
    int pid_{-1}, to_child_{-1}, from_child_{-1};
};

} // namespace mmodel::bench
