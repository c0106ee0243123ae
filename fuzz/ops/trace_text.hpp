// SPDX-License-Identifier: GPL-2.0 OR MIT
// Words of a line of a text trace, with the column that each stands in, and what messages about them are made
// of. For the reader, trace.cpp.
#pragma once

#include <string>
#include <string_view>

#include "model/machine/geometry.hpp"
#include "model/op.hpp"

namespace mmodel {

struct Word {
    std::string_view text{};
    u64 column{1};
};

// Hands out what stands between spaces, up to a word that starts with '#'; then empty words.
class Words {
public:
    explicit Words(std::string_view line) : line_(line) {}
    Word next();

private:
    std::string_view line_;
    std::size_t at_{};
};

// Cuts the first item and its comma off a list. Needs: the list is not empty.
Word next_item(Word& list);

[[nodiscard]] constexpr bool is_printable(char c) { return c >= 0x20 && c <= 0x7e; }
[[nodiscard]] std::string escaped(char c);
// Text from outside, fit for one line of a message: escaped, shortened, between quotes.
[[nodiscard]] std::string quoted(std::string_view text);

// Each with a space before it.
[[nodiscard]] std::string known_ops();
[[nodiscard]] std::string known_keys(OpKind kind);
// What a field may be on a machine.
[[nodiscard]] std::string wanted(const Config& c, Field f);

} // namespace mmodel
