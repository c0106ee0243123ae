// SPDX-License-Identifier: GPL-2.0 OR MIT
// The fuzz target of the percpu allocator alone: fuzz bytes (fuzz/ops/bytes.hpp) on the model, under the spec.
#include "fuzz/targets/harness.hpp"

namespace mmodel::harness {
const Target target{.subsystem = Subsystem::percpu};
}
