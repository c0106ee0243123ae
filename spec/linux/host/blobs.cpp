// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/blobs.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace mmodel::bench {
namespace {

// Four words at a time: what is hashed is a page, and mostly zeroes.
u64 hash_of(std::span<const std::byte> b) {
    std::array<u64, 4> lanes{b.size(), 1, 2, 3}, words;
    std::size_t at = 0;
    for (; at + sizeof words <= b.size(); at += sizeof words) {
        std::memcpy(words.data(), b.data() + at, sizeof words);
        for (std::size_t i = 0; i < words.size(); ++i) {
            lanes[i] = (lanes[i] ^ words[i]) * 0x9e3779b97f4a7c15;
            lanes[i] ^= lanes[i] >> 29;
        }
    }
    words = {};
    std::memcpy(words.data(), b.data() + at, b.size() - at);
    u64 h = 0;
    for (std::size_t i = 0; i < words.size(); ++i) h = mix(h ^ lanes[i] ^ mix(words[i]));
    return h;
}

} // namespace

std::byte* Blobs::room_for(std::size_t n) {
    constexpr std::size_t chunk = 1 << 20;
    if (size_ - used_ < n) {
        size_ = std::max(chunk, n);
        used_ = 0;
        chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(size_));
    }
    std::byte* at = chunks_.back().get() + used_;
    used_ += n;
    return at;
}

u32 Blobs::intern(std::span<const std::byte> b) {
    const u64 hash = hash_of(b);
    const auto [first, last] = by_hash_.equal_range(hash);
    for (auto it = first; it != last; ++it) {
        const auto known = all_[it->second];
        if (known.size() == b.size() && std::memcmp(known.data(), b.data(), b.size()) == 0) return it->second;
    }
    std::byte* at = room_for(b.size());
    std::ranges::copy(b, at);
    bytes_ += b.size();
    all_.emplace_back(at, b.size());
    const auto id = static_cast<u32>(all_.size() - 1);
    by_hash_.emplace(hash, id);
    return id;
}

} // namespace mmodel::bench
