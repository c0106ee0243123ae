// SPDX-License-Identifier: GPL-2.0 OR MIT
// The writable static data of a loaded shared object, kept so that it can be put back: kernel files boot
// once, a bench boots them for every sequence.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace mmodel::bench {

class Image {
public:
    // Saves the writable segments, as they are now, of the object that `symbol` lies in. Throws HostError
    // when it lies in none.
    explicit Image(const void* symbol);

    // Puts them back. Memory that the object allocated elsewhere is not freed.
    void restore() const;
    [[nodiscard]] std::size_t nr_bytes() const;
    // The segments themselves, as they are now.
    [[nodiscard]] std::vector<std::span<std::byte>> live() const;

private:
    struct Segment {
        std::byte* at;
        std::vector<std::byte> bytes;
    };
    std::vector<Segment> segments_;
};

} // namespace mmodel::bench
