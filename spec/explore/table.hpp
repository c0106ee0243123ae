// SPDX-License-Identifier: GPL-2.0 OR MIT
// A set of words that several threads fill at once: open addressing, linear probing, one compare-and-swap an
// insertion. It does not grow by itself: whoever fills it stops in time, and one thread makes a larger one.
#pragma once

#include <atomic>
#include <memory>
#include <new>

#include <sys/mman.h>

#include "model/machine/types.hpp"

namespace mmodel::explore {

struct Unmap {
    u64 bytes{};
    void operator()(u64* p) const { munmap(p, bytes); }
};

class WordSet {
public:
    // Room for 2^bits words; throws std::bad_alloc.
    explicit WordSet(unsigned bits) : shift_(64 - bits), size_(u64{1} << bits) {
        void* p = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1, 0);
        if (p == MAP_FAILED) throw std::bad_alloc();
        madvise(p, bytes(), MADV_HUGEPAGE);
        at_.reset(static_cast<u64*>(p));
        at_.get_deleter().bytes = bytes();
    }

    [[nodiscard]] u64 size() const { return size_; }
    [[nodiscard]] u64 bytes() const { return size_ * sizeof(u64); }
    // So full that it should grow.
    [[nodiscard]] u64 limit() const { return size_ / 4 * 3; }

    void prefetch(u64 word) const { __builtin_prefetch(&at_[slot(word)], 1); }

    // False: it was there. Needs: fewer than size() words in it; word != ~0.
    bool insert(u64 word) {
        const u64 key = word + 1; // 0 is nothing
        for (u64 i = slot(word);; i = (i + 1) & (size_ - 1)) {
            std::atomic_ref<u64> at(at_[i]);
            u64 found = at.load(std::memory_order_relaxed);
            if (found == key) return false;
            if (found != 0) continue;
            if (at.compare_exchange_strong(found, key, std::memory_order_relaxed)) return true;
            if (found == key) return false;
        }
    }

    [[nodiscard]] bool contains(u64 word) const {
        for (u64 i = slot(word); at_[i]; i = (i + 1) & (size_ - 1))
            if (at_[i] == word + 1) return true;
        return false;
    }

    // Calls f(word) for those in slots [start, end).
    template <class F>
    void for_each(u64 start, u64 end, F&& f) const {
        for (u64 i = start; i < end; ++i)
            if (at_[i]) f(at_[i] - 1);
    }

private:
    // The product's high bits depend on every bit of the word.
    [[nodiscard]] u64 slot(u64 word) const {
        word ^= word >> 32;
        return word * 0x9e3779b97f4a7c15ull >> shift_;
    }

    unsigned shift_;
    u64 size_;
    std::unique_ptr<u64[], Unmap> at_;
};

} // namespace mmodel::explore
