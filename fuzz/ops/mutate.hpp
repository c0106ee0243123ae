// SPDX-License-Identifier: GPL-2.0 OR MIT
// Mutation of fuzz bytes by whole operations: a byte inserted or deleted would shift every record behind it.
#pragma once

#include <cstddef>

#include "fuzz/ops/generate.hpp"
#include "fuzz/ops/trace.hpp"

namespace mmodel {

// To another trace, wherever one mutation in a few tries finds one. The same trace and seed give the same
// result. New operations belong to the subsystem given; without a pcpu_boot, percpu's would all be disabled,
// so that is what comes first. The geometry may become another one of fuzz_configs().
[[nodiscard]] Trace mutate(const Trace& before, Subsystem subsystem, unsigned seed);

// LLVMFuzzerCustomMutator's shape. Changes data[0, size) in place, within max_size bytes, and returns the new
// size. The result has a header and whole records, of the trace mutated as above. With no room for one
// operation the input is only cut.
[[nodiscard]] std::size_t mutate(u8* data, std::size_t size, std::size_t max_size, unsigned seed,
                                 Subsystem subsystem = Subsystem::both);

// LLVMFuzzerCustomCrossOver's shape: operations of a second trace spliced into a first, which gives the
// geometry.
[[nodiscard]] std::size_t cross_over(const u8* a, std::size_t a_size, const u8* b, std::size_t b_size,
                                     u8* out, std::size_t max_size, unsigned seed);

} // namespace mmodel
