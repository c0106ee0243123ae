// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/judge/invariant.hpp"

namespace mmodel::spec {
namespace {

constexpr Fact facts[nr_invariants] = {
#define MMODEL_INV(name, sentence) {"inv_" #name, sentence},
#include "spec/judge/invariants.inc"
#undef MMODEL_INV
};

} // namespace

const Fact& fact(Inv i) { return facts[static_cast<std::size_t>(i)]; }

std::optional<Inv> invariant_named(std::string_view name) {
    for (const Inv i : all_invariants)
        if (fact(i).name == name) return i;
    return std::nullopt;
}

} // namespace mmodel::spec
