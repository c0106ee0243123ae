// SPDX-License-Identifier: GPL-2.0 OR MIT
// Words of a shell command that somebody copies and runs, from whatever directory he is in.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace mmodel {

// The text as one word, in quotes if it needs them.
[[nodiscard]] std::string shell_quoted(std::string_view text);
// The whole path of a file, as one word.
[[nodiscard]] std::string path_word(const std::filesystem::path& path);
// "printf '...'", which prints the text; dash and bash read it alike.
[[nodiscard]] std::string printf_words(std::string_view text);

} // namespace mmodel
