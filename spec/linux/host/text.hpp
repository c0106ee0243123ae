// SPDX-License-Identifier: GPL-2.0 OR MIT
// Reading files and looking for things in them. For tree.cpp and compile.cpp. A tree's text may be anything:
// each function takes time linear in it and no stack (std::regex takes stack with every character).
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/machine/types.hpp"

namespace mmodel::bench {

// The largest file of a tree that is read.
inline constexpr u64 max_text = 16 << 20;

// The text of a regular file of at most `most` bytes; else why not: "cannot be read", "is not a regular
// file", ... Neither waits for a writer nor follows what is no file.
[[nodiscard]] std::expected<std::string, std::string> slurp(const std::filesystem::path& p,
                                                            u64 most = max_text);
// The first `most` bytes of a file; empty when there is none.
[[nodiscard]] std::string first_part(const std::filesystem::path& p, u64 most);

// Whether `word` stands in the text, and is not the end of a longer one.
[[nodiscard]] bool has_word(std::string_view text, std::string_view word);
// The letters, digits and underscores that a text begins with.
[[nodiscard]] std::string_view leading_word(std::string_view text);
[[nodiscard]] std::string_view leading_digits(std::string_view text);
[[nodiscard]] std::string_view skip_blanks(std::string_view text);
// Without the blanks around it, and the CR of a line's end.
[[nodiscard]] std::string trimmed(std::string_view text);
// Words that stand right before a parenthesis, comments left out; sorted, each once.
[[nodiscard]] std::vector<std::string> called_words(std::string_view text);
// What stands between the first `open` and the first `close` after it.
[[nodiscard]] std::optional<std::string_view> between(std::string_view text, std::string_view open,
                                                      std::string_view close);
// What stands before the first `end`, back to the last `open` before it.
[[nodiscard]] std::optional<std::string_view> before(std::string_view text, std::string_view end,
                                                     std::string_view open);

// The words between separators.
[[nodiscard]] std::vector<std::string> split(std::string_view text, std::string_view separators);

// 16 hex digits.
[[nodiscard]] std::string fnv1a(std::string_view text);

} // namespace mmodel::bench
