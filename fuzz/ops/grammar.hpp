// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the words of a text trace mean, for people: `mmodel help trace` and `mmodel list`.
#pragma once

#include <span>
#include <string_view>

#include "model/op.hpp"

namespace mmodel {

// What an operation does, and a line of a trace on `geometry x86-64 nodes=2` with each of its fields.
struct OpWords {
    std::string_view sentence, example;
};
[[nodiscard]] OpWords words_of(OpKind k);

// What stands behind a field's '=', and what it means.
struct FieldWords {
    std::string_view value, sentence;
};
[[nodiscard]] FieldWords words_of(Field f);

// A key of the geometry line, with a value that x86-64 may have.
struct GeometryKey {
    std::string_view key, value, sentence, example;
};
[[nodiscard]] std::span<const GeometryKey> geometry_keys();

} // namespace mmodel
