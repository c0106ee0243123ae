// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/fold.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

namespace mmodel::show {
namespace {

using u64 = std::uint64_t;
constexpr std::size_t least_run = 3;

struct Number {
    u64 value{};
    bool hex{}, of_range{}; // of_range: ".." stands before or behind it
};

// A line as what its numbers stand in, and the numbers.
struct Parsed {
    std::string around{};
    std::vector<Number> numbers{};
    std::string_view group{};
    bool alone{};
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Parsed parsed(const FoldLine& line) {
    Parsed out{.group = line.group, .alone = line.alone};
    const std::string_view text = line.text;
    for (std::size_t at = 0; at < text.size();) {
        if (!is_digit(text[at])) {
            out.around += text[at++];
            continue;
        }
        Number n{.hex = text.substr(at).starts_with("0x"), .of_range = out.around.ends_with("..")};
        const std::size_t start = at + (n.hex ? 2 : 0);
        const auto end =
            std::from_chars(text.data() + start, text.data() + text.size(), n.value, n.hex ? 16 : 10);
        at = std::max(start, static_cast<std::size_t>(end.ptr - text.data()));
        n.of_range |= text.substr(at).starts_with("..");
        out.around += '\0';
        out.numbers.push_back(n);
    }
    return out;
}

// Whether c follows b as b follows a; with a == b, whether c may be the second of a run that b begins.
bool continues(const Parsed& a, const Parsed& b, const Parsed& c) {
    if (b.alone || c.alone || b.group != c.group || b.around != c.around) return false;
    for (std::size_t i = 0; i < c.numbers.size(); ++i) {
        const u64 step = c.numbers[i].value - b.numbers[i].value;
        if (&a != &b && step != b.numbers[i].value - a.numbers[i].value) return false;
        if (step != 0 && c.numbers[i].of_range) return false;
    }
    return true;
}

// How often the `stride` lines from `at` on follow one another.
std::size_t repeats(const std::vector<Parsed>& lines, std::size_t at, std::size_t stride) {
    std::size_t n = stride;
    for (; at + n < lines.size(); ++n) {
        const Parsed& before = lines[at + n - stride];
        const Parsed& first = n < 2 * stride ? before : lines[at + n - 2 * stride];
        if (!continues(first, before, lines[at + n])) break;
    }
    return n / stride;
}

std::string written(u64 value, bool hex) { return fmt::format(fmt::runtime(hex ? "{:#x}" : "{}"), value); }

std::string span_text(const Number& first, u64 step, u64 count) {
    const auto nth = [&](u64 n) { return written(first.value + n * step, first.hex); };
    if (step == 0 || count == 1) return nth(0);
    if (step == 1) return nth(0) + ".." + nth(count);
    if (step == ~u64{0}) return nth(0) + " down to " + nth(count - 1);
    return nth(0) + ", " + nth(1) + " .. " + nth(count - 1);
}

std::string text_of_run(const Parsed& first, const Parsed& second, std::size_t count) {
    std::string out;
    std::size_t i = 0;
    for (const char c : first.around) {
        if (c != '\0') {
            out += c;
            continue;
        }
        out += span_text(first.numbers[i], second.numbers[i].value - first.numbers[i].value, count);
        ++i;
    }
    return out;
}

} // namespace

std::vector<Folded> fold(std::span<const FoldLine> lines, std::size_t max_stride) {
    std::vector<Parsed> all;
    all.reserve(lines.size());
    for (const FoldLine& line : lines) all.push_back(parsed(line));
    std::vector<Folded> out;
    for (std::size_t at = 0; at < lines.size();) {
        std::size_t stride = 1, count = 1;
        for (std::size_t s = 1; s <= max_stride && at + s < lines.size(); ++s)
            if (const std::size_t n = repeats(all, at, s); n >= least_run && n * s > count * stride)
                stride = s, count = n;
        for (std::size_t i = at; i < at + stride; ++i)
            out.push_back(
                {i, stride, count, count == 1 ? lines[i].text : text_of_run(all[i], all[i + stride], count)});
        at += stride * count;
    }
    return out;
}

std::string numbers_of(const Folded& f) { return span_text({.value = f.first}, f.stride, f.count); }

} // namespace mmodel::show
