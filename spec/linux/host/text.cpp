// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace mmodel::bench {
namespace {

constexpr std::string_view blanks = " \t\n\r\v\f";

bool is_in_word(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string read_all(int fd, u64 most) {
    std::string out;
    char part[1 << 16];
    for (ssize_t n; out.size() < most && (n = read(fd, part, sizeof part)) > 0;)
        out.append(part, static_cast<std::size_t>(n));
    if (out.size() > most) out.resize(most);
    return out;
}

} // namespace

std::expected<std::string, std::string> slurp(const std::filesystem::path& p, u64 most) {
    const int fd = open(p.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return std::unexpected(std::string("cannot be read (") + std::strerror(errno) + ")");
    struct stat s{};
    const bool known = fstat(fd, &s) == 0, regular = known && S_ISREG(s.st_mode);
    const bool fits = regular && static_cast<u64>(s.st_size) <= most;
    std::string text = fits ? read_all(fd, most) : "";
    close(fd);
    if (!regular) return std::unexpected("cannot be read: it is not a regular file");
    if (!fits)
        return std::unexpected("cannot be read: it has more than " + std::to_string(most >> 20) + " MB");
    return text;
}

std::string first_part(const std::filesystem::path& p, u64 most) {
    const int fd = open(p.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return "";
    std::string text = read_all(fd, most);
    close(fd);
    return text;
}

bool has_word(std::string_view text, std::string_view word) {
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1))
        if (at == 0 || !is_in_word(text[at - 1])) return true;
    return false;
}

std::string_view leading_word(std::string_view text) {
    return text.substr(0,
                       static_cast<std::size_t>(std::ranges::find_if_not(text, is_in_word) - text.begin()));
}

std::string_view leading_digits(std::string_view text) {
    return text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
}

std::vector<std::string> called_words(std::string_view text) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < text.size();) {
        if (text.substr(at).starts_with("/*")) {
            at = std::min(text.find("*/", at + 2), text.size());
            continue;
        }
        const std::string_view word = leading_word(text.substr(at));
        at += std::max<std::size_t>(word.size(), 1);
        if (!word.empty() && at < text.size() && text[at] == '(') out.emplace_back(word);
    }
    std::ranges::sort(out);
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
}

std::string_view skip_blanks(std::string_view text) {
    return text.substr(std::min(text.find_first_not_of(blanks), text.size()));
}

std::optional<std::string_view> between(std::string_view text, std::string_view open,
                                        std::string_view close) {
    const auto start = text.find(open);
    if (start == text.npos) return std::nullopt;
    text.remove_prefix(start + open.size());
    const auto end = text.find(close);
    return end == text.npos ? std::nullopt : std::optional(text.substr(0, end));
}

std::optional<std::string_view> before(std::string_view text, std::string_view end, std::string_view open) {
    const auto at = text.find(end);
    if (at == text.npos) return std::nullopt;
    text = text.substr(0, at);
    const auto start = text.rfind(open);
    return start == text.npos ? std::nullopt : std::optional(text.substr(start + open.size()));
}

std::string trimmed(std::string_view text) {
    const auto from = std::min(text.find_first_not_of(" \t\r"), text.size());
    const auto last = text.find_last_not_of(" \t\r");
    return std::string(last == text.npos ? "" : text.substr(from, last - from + 1));
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
    std::vector<std::string> out;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(separators), text.size()));
        if (text.empty()) return out;
        const std::size_t end = std::min(text.find_first_of(separators), text.size());
        out.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

std::string fnv1a(std::string_view text) {
    u64 h = 0xcbf29ce484222325ull;
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(h));
    return hex;
}

} // namespace mmodel::bench
