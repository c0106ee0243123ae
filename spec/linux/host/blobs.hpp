// SPDX-License-Identifier: GPL-2.0 OR MIT
// Sequences of bytes, each kept once, under a number. What states of a kernel file share is kept once.
#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/machine/types.hpp"

namespace mmodel::bench {

class Blobs {
public:
    // The number of these bytes, the same whenever they are the same.
    [[nodiscard]] u32 intern(std::span<const std::byte> bytes);
    [[nodiscard]] std::span<const std::byte> operator[](u32 id) const { return all_[id]; }
    [[nodiscard]] u64 bytes() const { return bytes_; }

private:
    [[nodiscard]] std::byte* room_for(std::size_t n);

    std::vector<std::span<const std::byte>> all_;
    std::unordered_multimap<u64, u32> by_hash_;
    std::vector<std::unique_ptr<std::byte[]>> chunks_;
    std::size_t used_{}, size_{}; // of the last chunk
    u64 bytes_{};
};

} // namespace mmodel::bench
