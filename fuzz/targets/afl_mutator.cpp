// SPDX-License-Identifier: GPL-2.0 OR MIT
// Our mutator as AFL++ loads it (AFL_CUSTOM_MUTATOR_LIBRARY): its driver for libFuzzer targets does not call
// theirs.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <string_view>
#include <vector>

#include "fuzz/ops/mutate.hpp"

using mmodel::u8;

namespace {

// MMODEL_TARGET says which target's operations are drawn; the mutator is one for all.
mmodel::Subsystem subsystem() {
    const char* name = std::getenv("MMODEL_TARGET");
    const std::string_view target = name ? name : "";
    if (target == "hvo" || target == "canary") return mmodel::Subsystem::hvo;
    return target == "percpu" ? mmodel::Subsystem::percpu : mmodel::Subsystem::both;
}

struct Mutator {
    std::minstd_rand rng;
    mmodel::Subsystem about = subsystem();
    std::vector<u8> out{};
};

} // namespace

extern "C" void* afl_custom_init(void*, unsigned seed) { return new Mutator{.rng = std::minstd_rand(seed)}; }
extern "C" void afl_custom_deinit(void* data) { delete static_cast<Mutator*>(data); }

// `add` is another input of the corpus: one time in four, operations of it are spliced in.
extern "C" std::size_t afl_custom_fuzz(void* data, u8* in, std::size_t size, u8** out, u8* add,
                                       std::size_t add_size, std::size_t max_size) {
    Mutator& m = *static_cast<Mutator*>(data);
    m.out.resize(std::max(max_size, size));
    std::copy_n(in, size, m.out.begin());
    *out = m.out.data();
    const auto seed = static_cast<unsigned>(m.rng());
    if (add && add_size && seed % 4 == 0)
        return mmodel::cross_over(in, size, add, add_size, *out, max_size, seed);
    return mmodel::mutate(*out, size, max_size, seed, m.about);
}
