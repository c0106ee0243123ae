// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/ops/shell.hpp"

#include <algorithm>
#include <cstring>

namespace mmodel {

std::string shell_quoted(std::string_view text) {
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::strchr("_-./=+:,@", c);
    };
    if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? "'\\''" : std::string{c};
    return out + "'";
}

std::string path_word(const std::filesystem::path& path) {
    std::error_code ec;
    const std::filesystem::path whole = std::filesystem::absolute(path, ec);
    return shell_quoted((ec ? path : whole.lexically_normal()).string());
}

std::string printf_words(std::string_view text) {
    std::string escaped;
    for (const char c : text)
        escaped += c == '\n' ? "\\n" : c == '%' ? "%%" : c == '\\' ? "\\\\" : std::string{c};
    return "printf " + shell_quoted(escaped);
}

} // namespace mmodel
