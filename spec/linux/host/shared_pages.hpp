// SPDX-License-Identifier: GPL-2.0 OR MIT
// What frames contain, each content kept once: thousands of frames that are filled, copied and changed alike
// share one, and whoever looks at it looks once.
#pragma once

#include <array>
#include <map>
#include <tuple>

#include "spec/linux/host/blobs.hpp"

namespace mmodel::bench {

// The number of a content; a content that is forgotten takes its number with it.
using PageId = u32;
inline constexpr PageId no_page = 0;

class SharedPages {
public:
    explicit SharedPages(u64 page_bytes) : page_(page_bytes) {}

    // Of a page's bytes.
    [[nodiscard]] PageId of(std::span<const std::byte> page);
    [[nodiscard]] PageId filled(std::byte with);
    // The page with other bytes from `offset` on. Needs: they lie within it.
    [[nodiscard]] PageId patched(PageId page, u64 offset, std::span<const std::byte> with);
    [[nodiscard]] const std::byte* operator[](PageId id) const { return pages_[id - first_].data(); }
    [[nodiscard]] u64 bytes() const { return pages_.bytes() + patches_.bytes(); }
    // Needs: nobody has a number any more.
    void forget();

private:
    u64 page_;
    PageId first_{1}; // that of pages_'s first
    PageId end_{1};
    PageId last_{no_page}; // asked for last: often the next one
    Blobs pages_{}, patches_{};
    std::array<PageId, 256> filled_{};          // by the byte
    using Patch = std::tuple<PageId, u64, u32>; // page, offset, of patches_
    std::map<Patch, PageId> patched_{};
    std::pair<Patch, PageId> last_patch_{}; // likewise
};

} // namespace mmodel::bench
