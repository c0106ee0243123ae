// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/blobs.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

namespace mmodel::bench {

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
    const u64 hash = std::hash<std::string_view>()({reinterpret_cast<const char*>(b.data()), b.size()});
    const auto [first, last] = by_hash_.equal_range(hash);
    for (auto it = first; it != last; ++it)
        if (std::ranges::equal(all_[it->second], b)) return it->second;
    std::byte* at = room_for(b.size());
    std::ranges::copy(b, at);
    bytes_ += b.size();
    all_.emplace_back(at, b.size());
    const auto id = static_cast<u32>(all_.size() - 1);
    by_hash_.emplace(hash, id);
    return id;
}

} // namespace mmodel::bench
