// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the environment tells the tests.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "fuzz/ops/trace.hpp"

namespace mmodel {

// What the environment says, else `otherwise`. A variable that is no number is an error of its own.
inline u64 from_environment(const char* name, u64 otherwise) {
    const char* text = std::getenv(name);
    if (!text) return otherwise;
    const auto n = parse_u64(text);
    if (!n) throw std::runtime_error(std::string(name) + ": " + n.error());
    return *n;
}

// How many times as much as by default a test is to do: what makes a long test of a short one. MMODEL_TIMES,
// else 1. Tests that go by it have the tag [times].
inline u64 times() { return from_environment("MMODEL_TIMES", 1); }

} // namespace mmodel
