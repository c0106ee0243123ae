// SPDX-License-Identifier: GPL-2.0 OR MIT
// Mutation of fuzz bytes by whole operations: a byte inserted or deleted would shift every record behind it.
#pragma once

#include <cstddef>

#include "fuzz/ops/generate.hpp"

namespace mmodel {

// LLVMFuzzerCustomMutator's shape. Changes data[0, size) in place, within max_size bytes, and returns the new
// size. The result has a header and whole records, and decodes to another trace than before wherever one
// mutation in a few tries finds one. The same bytes and seed give the same result. With no room for one
// operation the input is only cut. New operations belong to the subsystem given; without a pcpu_boot,
// percpu's would all be disabled, so that is what comes first.
[[nodiscard]] std::size_t mutate(u8* data, std::size_t size, std::size_t max_size, unsigned seed,
                                 Subsystem subsystem = Subsystem::both);

// LLVMFuzzerCustomCrossOver's shape: operations of a second trace spliced into a first, which gives the
// geometry.
[[nodiscard]] std::size_t cross_over(const u8* a, std::size_t a_size, const u8* b, std::size_t b_size,
                                     u8* out, std::size_t max_size, unsigned seed);

} // namespace mmodel
