// SPDX-License-Identifier: GPL-2.0 OR MIT
// Reading files and looking for things in them. For tree.cpp and compile.cpp.
#pragma once

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <sstream>
#include <string>

#include "model/machine/types.hpp"

namespace mmodel::bench {

inline std::optional<std::string> slurp(const std::filesystem::path& p) {
    std::ifstream in(p, std::ios::binary);
    if (!in) return std::nullopt;
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

inline bool has(const std::string& text, const char* pattern) {
    return std::regex_search(text, std::regex(pattern));
}

inline std::optional<std::string> first_group(const std::string& text, const char* pattern) {
    std::smatch m;
    return std::regex_search(text, m, std::regex(pattern)) ? std::optional(m[1].str()) : std::nullopt;
}

inline std::string fnv1a(const std::string& text) {
    u64 h = 0xcbf29ce484222325ull;
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(h));
    return hex;
}

} // namespace mmodel::bench
