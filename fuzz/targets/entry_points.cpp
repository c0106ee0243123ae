// SPDX-License-Identifier: GPL-2.0 OR MIT
// What engines call, for every target alike. Any engine that calls these will do.
#include "fuzz/targets/harness.hpp"
#include "fuzz/ops/mutate.hpp"

using mmodel::u8;
using mmodel::harness::target;

extern "C" int LLVMFuzzerInitialize(int*, char***) { return mmodel::harness::initialize(); }

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    return mmodel::harness::test_one_input(data, size, target);
}

extern "C" std::size_t LLVMFuzzerCustomMutator(u8* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    return mmodel::mutate(data, size, max_size, seed, target.subsystem);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const u8* a, std::size_t a_size, const u8* b,
                                                 std::size_t b_size, u8* out, std::size_t max_size,
                                                 unsigned seed) {
    return mmodel::cross_over(a, a_size, b, b_size, out, max_size, seed);
}
