// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/real_driver.hpp"

namespace mmodel::bench {

RealKernel& RealDriver::enter(const char* where) {
    progress_.where = where;
    progress_.nr_events = progress_.nr_events + 1;
    if (kernel_->nr_events() > max_events) {
        monitor_->fail(spec::Inv::every_operation_ends, nullptr,
                       "more than " + std::to_string(max_events) + " events, the last in " + where);
        throw Abandon{};
    }
    return *kernel_;
}

void RealDriver::warn(const char* where, int line, const char* condition) {
    enter(where).warn(in_tree(where), (std::string(condition) + ", line " + std::to_string(line)).c_str());
}

void RealDriver::bug(const char* where, const std::string& what, int line) {
    progress_.where = where;
    monitor_->fail(spec::Inv::no_bug, nullptr,
                   std::string(where) + "(): " + what + (line ? ", line " + std::to_string(line) : ""));
    throw Abandon{};
}

Pfn RealDriver::checked(const char* where, unsigned long pfn) {
    if (!world_.machine().is_populated(Pfn{pfn})) bug(where, "a frame number past the machine's memory");
    return Pfn{pfn};
}

RealDriver::Running::Running(RealDriver& d, const Op& op, spec::Scope scope)
    : driver(d), monitor(d.world_, op, scope, spec::OnViolation::collect), state(d.world_.own()),
      kernel(state.machine, monitor, op.fail) {
    d.monitor_ = &monitor;
    d.kernel_ = &kernel;
    d.progress_.nr_events = 0;
}

RealDriver::Running::~Running() {
    driver.progress_.nr_events_total = driver.progress_.nr_events_total + kernel.nr_events();
    driver.kernel_ = nullptr;
    driver.monitor_ = nullptr;
}

void RealDriver::Running::count(Ran& ran) const {
    ran.nr_events = kernel.nr_events();
    ran.nr_allocs = kernel.nr_allocs();
    ran.nr_failed_allocs = kernel.nr_failed_allocs();
}

} // namespace mmodel::bench
