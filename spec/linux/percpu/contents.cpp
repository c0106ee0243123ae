// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/percpu/contents.hpp"

#include <algorithm>

namespace mmodel::bench {
namespace {

std::string at(u64 word, int cpu) {
    return "byte " + std::to_string(word * sizeof(u32)) + " of the area on CPU " + std::to_string(cpu);
}

} // namespace

u32 AreaContents::pattern(u8 slot, int cpu) const {
    return static_cast<u32>(mix(u64{generation_[slot]} << 16 | static_cast<u64>(cpu) << 8 | slot));
}

std::optional<std::string> AreaContents::not_zero(const Held& a) {
    for (const auto& [cpu, first, words] : a.parts)
        for (std::size_t i = 0; i < words.size(); ++i)
            if (words[i]) return at(first + i, cpu) + " is not zero";
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
        u32 n = pattern(a.slot, c) + static_cast<u32>(first);
        for (std::size_t i = 0; i < words.size(); ++i)
            if (words[i] != n++) return at(first + i, c) + " has changed under its owner";
    }
    return std::nullopt;
}

} // namespace mmodel::bench
