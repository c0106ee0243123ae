// SPDX-License-Identifier: GPL-2.0 OR MIT
// The child in which code under test runs.
#pragma once

#include "spec/linux/host/bench.hpp"
#include "spec/linux/host/reply.hpp"

namespace mmodel::bench {

// Exit statuses of a child: the code under test faulted, or the host failed.
inline constexpr int fault_status = 41, host_status = 42;

// Makes of this process a child that loads the unit and boots a machine, and has `work` done, which talks
// over the descriptors that it is given; then it ends. What goes wrong is said in `reply` and by the exit
// status. What runs is noted in `coverage`, if there is one. `request`: what the child is asked, which it can
// only read.
using Work = std::function<void(RealDriver&, int in, int out)>;
[[noreturn]] void be_child(const Unit& unit, const Config& c, std::span<std::byte> request, Reply& reply,
                           CoverageMap* coverage, int in, int out, pid_t parent, const Work& work);

// Answers requests for ever: a byte on `in` asks for what stands in `request`, a byte on `out` says that
// `reply` is there. Exits when a call was cut off: what it was about to do is not known.
[[noreturn]] void serve(const Unit& unit, const Config& c, Request& request, Reply& reply,
                        CoverageMap* coverage, int in, int out, pid_t parent);

} // namespace mmodel::bench
