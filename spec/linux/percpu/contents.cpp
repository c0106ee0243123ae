// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/percpu/contents.hpp"

#include <algorithm>

namespace mmodel::bench {
namespace {

std::string at(u64 word, int cpu) {
    return "byte " + std::to_string(word * sizeof(u32)) + " of the area on CPU " + std::to_string(cpu);
}

// The first of the words that is not `n`, `n + step`, `n + 2 * step` ...: looked at many at a time, as long
// as all are right.
std::size_t first_other(std::span<const u32> words, u32 n, u32 step) {
    constexpr std::size_t many = 32;
    std::size_t i = 0;
    const auto expected = [&](std::size_t at) { return n + static_cast<u32>(at) * step; };
    for (; i + many <= words.size(); i += many) {
        u32 differing = 0;
        for (std::size_t k = i; k < i + many; ++k) differing |= words[k] ^ expected(k);
        if (differing) break;
    }
    while (i < words.size() && words[i] == expected(i)) ++i;
    return i;
}

} // namespace

u32 AreaContents::pattern(u8 slot, int cpu) const {
    return static_cast<u32>(mix(u64{generation_[slot]} << 16 | static_cast<u64>(cpu) << 8 | slot));
}

std::optional<std::string> AreaContents::not_zero(const Held& a) {
    for (const auto& [cpu, first, words] : a.parts)
        if (const std::size_t i = first_other(words, 0, 0); i < words.size())
            return at(first + i, cpu) + " is not zero";
    return std::nullopt;
}

void AreaContents::fill(const Held& a) {
    generation_[a.slot] += apart_;
    for (const auto& [cpu, first, words] : a.parts) {
        u32 n = pattern(a.slot, cpu) + static_cast<u32>(first);
        for (u32& w : words) w = n++;
    }
}

void AreaContents::give_up(const Held& a) {
    for (const Held::Part& part : a.parts) std::ranges::fill(part.words, 0xaaaaaaaa);
}

std::optional<std::string> AreaContents::changed(const Held& a, int cpu) const {
    for (const auto& [c, first, words] : a.parts) {
        if (cpu >= 0 && c != cpu) continue;
        const u32 n = pattern(a.slot, c) + static_cast<u32>(first);
        if (const std::size_t i = first_other(words, n, 1); i < words.size())
            return at(first + i, c) + " has changed under its owner";
    }
    return std::nullopt;
}

} // namespace mmodel::bench
