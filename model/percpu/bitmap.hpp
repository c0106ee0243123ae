// SPDX-License-Identifier: GPL-2.0 OR MIT
// A bitmap as a value, searched a word at a time; copies share their words until one is written to. Ranges
// are half-open. Bits past nr_bits are zero.
#pragma once

#include <vector>

#include "model/machine/box.hpp"

namespace mmodel::pcpu {

struct Bitmap {
    Box<std::vector<u64>> words{{}};
    int nr_bits{};

    Bitmap() = default;
    explicit Bitmap(int n) : words(std::vector<u64>(static_cast<std::size_t>(n + 63) / 64)), nr_bits(n) {}

    [[nodiscard]] bool test(int bit) const { return (*words)[word_of(bit)] >> (bit & 63) & 1; }
    // Needs, here and below: 0 <= start, start + n <= nr_bits; end <= nr_bits.
    void set(int start, int n);
    void clear(int start, int n);

    // The first bit of [start, end) that is set (zero), or end. A start past the end gives end.
    [[nodiscard]] int next_set(int start, int end) const;
    [[nodiscard]] int next_zero(int start, int end) const;
    // The last bit of [start, end) that is set, or -1.
    [[nodiscard]] int last_set(int start, int end) const;
    // Set bits of [start, end).
    [[nodiscard]] int count(int start, int end) const;

    [[nodiscard]] u64 hash() const;
    bool operator==(const Bitmap& o) const {
        return nr_bits == o.nr_bits && (words.shares_with(o.words) || *words == *o.words);
    }

private:
    static std::size_t word_of(int bit) { return static_cast<std::size_t>(bit) / 64; }
};

} // namespace mmodel::pcpu
