// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/function.hpp"

#include <algorithm>
#include <array>

namespace mmodel {
namespace {

constexpr std::array names{
#define MMODEL_FN(f) #f,
    MMODEL_KERNEL_FUNCTIONS(MMODEL_FN)
#undef MMODEL_FN
};
constexpr std::size_t first = static_cast<std::size_t>(Fn::other) + 1;

static_assert(std::ranges::is_sorted(names, {}, [](const char* n) { return std::string_view(n); }));

} // namespace

const char* name(Fn f) {
    const auto i = static_cast<std::size_t>(f);
    return i < first ? (f == Fn::other ? "?" : "") : names[i - first];
}

Fn fn_named(std::string_view c_name) {
    const auto at =
        std::ranges::lower_bound(names, c_name, {}, [](const char* n) { return std::string_view(n); });
    if (at == names.end() || *at != c_name) return Fn::other;
    return static_cast<Fn>(first + static_cast<std::size_t>(at - names.begin()));
}

Caller in_tree(const char* c_name) {
    Caller c(fn_named(c_name));
    if (c.fn_ == Fn::other) c.c_name_ = c_name;
    return c;
}

} // namespace mmodel
