// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/differ.hpp"

#include <cstdio>

namespace mmodel::bench {
namespace {

std::string hex_or_number(u64 n) {
    char text[32];
    std::snprintf(text, sizeof text, n < 1'000'000 ? "%llu" : "%#llx", static_cast<unsigned long long>(n));
    return text;
}

} // namespace

Difference differ(std::string_view what, i64 real, i64 model) {
    if (real == model) return std::nullopt;
    return std::string(what) + " is " + std::to_string(real) + ", the model's is " + std::to_string(model);
}

Difference differ(const Outcome& r, const Outcome& m) {
    if (r.disabled != m.disabled) return r.disabled ? "only the model runs it" : "the model does not run it";
    if (r.err != m.err)
        return std::string("it returned ") + name(r.err) + ", the model's returned " + name(m.err);
    if (r.value != m.value)
        return "the result is " + hex_or_number(r.value) + ", the model's is " + hex_or_number(m.value);
    if (auto d = differ("the number of folios restored", static_cast<i64>(r.restored),
                        static_cast<i64>(m.restored)))
        return d;
    return differ("the number of folios moved", static_cast<i64>(r.moved), static_cast<i64>(m.moved));
}

} // namespace mmodel::bench
