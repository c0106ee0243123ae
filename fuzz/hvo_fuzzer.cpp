// SPDX-License-Identifier: GPL-2.0 OR MIT
// The fuzz target of HVO alone: fuzz bytes (fuzz/bytes.hpp) on the model, under the spec.
#include "fuzz/harness.hpp"

namespace mmodel::harness {
const Target target{.subsystem = Subsystem::hvo};
}
