// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a compiled mm/percpu.c calls: every callback is an event of the machine, and what it does to memory
// really happens.
#pragma once

#include "spec/linux/percpu/driver.hpp"

namespace mmodel::bench {

// A boot that the kernel gives up with a BUG() or a panic.
struct Panicked {
    const char* where;
    std::string what;
};

[[nodiscard]] mmodel_percpu_host make_percpu_host(PercpuDriver& driver);
void forget_percpu_driver();

} // namespace mmodel::bench
