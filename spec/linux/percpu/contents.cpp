// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/percpu/contents.hpp"

#include <span>

namespace mmodel::bench {
namespace {

std::span<u32> words(const Held& a, unsigned long at) {
    return {reinterpret_cast<u32*>(at), static_cast<std::size_t>(a.bytes) / sizeof(u32)};
}

std::string at(std::size_t word, int cpu) {
    return "byte " + std::to_string(word * sizeof(u32)) + " of the area on CPU " + std::to_string(cpu);
}

} // namespace

u32 AreaContents::pattern(u8 slot, int cpu) const {
    return static_cast<u32>(mix(u64{generation_[slot]} << 16 | static_cast<u64>(cpu) << 8 | slot));
}

std::optional<std::string> AreaContents::not_zero(const Held& a) {
    for (const auto& [cpu, addr] : a.copies) {
        if (!addr) continue;
        const auto w = words(a, addr);
        for (std::size_t i = 0; i < w.size(); ++i)
            if (w[i]) return at(i, cpu) + " is not zero";
    }
    return std::nullopt;
}

void AreaContents::fill(const Held& a) {
    ++generation_[a.slot];
    for (const auto& [cpu, addr] : a.copies) {
        if (!addr) continue;
        u32 n = pattern(a.slot, cpu);
        for (u32& w : words(a, addr)) w = n++;
    }
}

std::optional<std::string> AreaContents::changed(const Held& a, int cpu) const {
    for (const auto& [c, addr] : a.copies) {
        if (!addr || (cpu >= 0 && c != cpu)) continue;
        const auto w = words(a, addr);
        u32 n = pattern(a.slot, c);
        for (std::size_t i = 0; i < w.size(); ++i)
            if (w[i] != n++) return at(i, c) + " has changed under its owner";
    }
    return std::nullopt;
}

} // namespace mmodel::bench
