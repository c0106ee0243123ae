// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/percpu/bitmap.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace mmodel::pcpu {

namespace {

constexpr u64 all = ~u64{0};

// Calls f(word, mask) for the words of [start, end), the mask saying which of their bits are meant.
template <class Words, class F>
void for_each_word(Words& words, int start, int end, F&& f) {
    while (start < end) {
        const int bit = start & 63, n = std::min(64 - bit, end - start);
        f(words[static_cast<std::size_t>(start) / 64], (n == 64 ? all : (u64{1} << n) - 1) << bit);
        start += n;
    }
}

// Eight words at a time as long as they are like `flip`: a chunk has thousands of words.
std::size_t pass_equal(const std::vector<u64>& words, std::size_t i, std::size_t last, u64 flip) {
    for (; i + 8 <= last; i += 8) {
        u64 differing = 0;
        for (std::size_t k = i; k < i + 8; ++k) differing |= words[k] ^ flip;
        if (differing) break;
    }
    return i;
}

// The first bit of [start, end) that differs from those of `flip` (0: the first set one), or end.
int first_differing(const std::vector<u64>& words, int start, int end, u64 flip) {
    if (start >= end) return end;
    std::size_t i = static_cast<std::size_t>(start) / 64;
    const std::size_t last = static_cast<std::size_t>(end - 1) / 64;
    u64 w = (words[i] ^ flip) & all << (start & 63);
    if (!w) i = pass_equal(words, i + 1, last, flip) - 1;
    while (!w && i < last) w = words[++i] ^ flip;
    return w ? std::min(end, static_cast<int>(i) * 64 + std::countr_zero(w)) : end;
}

} // namespace

void Bitmap::set(int start, int n) {
    for_each_word(words.own(), start, start + n, [](u64& w, u64 mask) { w |= mask; });
}

void Bitmap::clear(int start, int n) {
    for_each_word(words.own(), start, start + n, [](u64& w, u64 mask) { w &= ~mask; });
}

int Bitmap::next_set(int start, int end) const { return first_differing(*words, start, end, 0); }

int Bitmap::next_zero(int start, int end) const { return first_differing(*words, start, end, all); }

int Bitmap::last_set(int start, int end) const {
    if (start >= end) return -1;
    std::size_t i = static_cast<std::size_t>(end - 1) / 64;
    const std::size_t first = static_cast<std::size_t>(start) / 64;
    u64 w = (*words)[i] & all >> (63 - ((end - 1) & 63));
    while (!w && i > first) w = (*words)[--i];
    const int bit = static_cast<int>(i) * 64 + 63 - std::countl_zero(w);
    return w && bit >= start ? bit : -1;
}

int Bitmap::count(int start, int end) const {
    int n = 0;
    for_each_word(*words, start, end, [&](u64 w, u64 mask) { n += std::popcount(w & mask); });
    return n;
}

u64 Bitmap::hash() const {
    // Lanes that do not wait for each other.
    std::array<u64, 8> lanes{static_cast<u64>(nr_bits)};
    for (std::size_t i = 0; i < words->size(); ++i) lanes[i % 8] = fold(lanes[i % 8], (*words)[i]);
    u64 h = 0;
    for (const u64 lane : lanes) h = fold(h, lane);
    return h;
}

} // namespace mmodel::pcpu
