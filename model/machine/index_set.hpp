// SPDX-License-Identifier: GPL-2.0 OR MIT
// A persistent set of numbers that finds its next member at once: a bitmap with summaries, on the radix
// array.
#pragma once

#include <bit>
#include <optional>

#include "model/machine/radix_array.hpp"

namespace mmodel {

struct BitWord {
    u64 bits{};
    bool operator==(const BitWord&) const = default;
};
inline u64 hash_of(const BitWord& w) { return w.bits; }

class IndexSet {
public:
    IndexSet() = default;
    // A set over [0, size), empty.
    explicit IndexSet(u64 size) : words_(total_words(size)), size_(size) {}

    [[nodiscard]] bool contains(u64 i) const { return words_[i / 64].bits >> (i % 64) & 1; }

    void insert(u64 i) {
        for (u64 base = 0, n = nr_words(size_);; base += n, n = nr_words(n)) {
            bool was_empty = false;
            words_.modify(base + i / 64, [&](BitWord& w) {
                was_empty = w.bits == 0;
                w.bits |= u64{1} << (i % 64);
            });
            if (!was_empty || n == 1) return;
            i /= 64;
        }
    }

    void erase(u64 i) {
        for (u64 base = 0, n = nr_words(size_);; base += n, n = nr_words(n)) {
            bool now_empty = false;
            words_.modify(base + i / 64, [&](BitWord& w) {
                w.bits &= ~(u64{1} << (i % 64));
                now_empty = w.bits == 0;
            });
            if (!now_empty || n == 1) return;
            i /= 64;
        }
    }

    // The smallest member not below i.
    [[nodiscard]] std::optional<u64> first_from(u64 i) const {
        return i < size_ ? find(0, nr_words(size_), i) : std::nullopt;
    }

    [[nodiscard]] u64 hash() const { return words_.hash(); }
    bool operator==(const IndexSet& o) const { return words_ == o.words_; }

private:
    static u64 nr_words(u64 n) { return (n + 63) / 64; }
    static u64 total_words(u64 size) {
        u64 total = 0, n = size;
        do total += n = nr_words(n);
        while (n > 1);
        return total;
    }

    // The level whose words start at `base` and number `n`: the first set bit not below i.
    [[nodiscard]] std::optional<u64> find(u64 base, u64 n, u64 i) const {
        u64 word = i / 64;
        u64 bits = words_[base + word].bits & (~u64{0} << (i % 64));
        if (!bits) {
            if (n == 1 || word + 1 >= n) return std::nullopt;
            const auto next = find(base + n, nr_words(n), word + 1);
            if (!next) return std::nullopt;
            word = *next;
            bits = words_[base + word].bits;
        }
        return word * 64 + static_cast<u64>(std::countr_zero(bits));
    }

    RadixArray<BitWord> words_;
    u64 size_{};
};

} // namespace mmodel
