// SPDX-License-Identifier: GPL-2.0 OR MIT
// The fuzz target of both subsystems on one machine: what HVO frees feeds percpu chunks, and back.
#include "fuzz/targets/harness.hpp"

namespace mmodel::harness {
const Target target{.subsystem = Subsystem::both};
}
