// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/shared_pages.hpp"

#include <algorithm>
#include <cstring>

namespace mmodel::bench {

PageId SharedPages::of(std::span<const std::byte> page) {
    if (last_ != no_page && std::memcmp((*this)[last_], page.data(), page_) == 0) return last_;
    last_ = first_ + pages_.intern(page);
    end_ = std::max(end_, last_ + 1);
    return last_;
}

PageId SharedPages::filled(std::byte with) {
    PageId& id = filled_[static_cast<u8>(with)];
    if (id == no_page) id = of(std::vector<std::byte>(page_, with));
    return id;
}

PageId SharedPages::patched(PageId page, u64 offset, std::span<const std::byte> with) {
    const auto& [last, becomes] = last_patch_;
    if (becomes != no_page && std::get<0>(last) == page && std::get<1>(last) == offset &&
        std::ranges::equal(patches_[std::get<2>(last)], with))
        return becomes;
    const auto [it, fresh] = patched_.try_emplace({page, offset, patches_.intern(with)});
    if (fresh) {
        std::vector<std::byte> bytes((*this)[page], (*this)[page] + page_);
        std::ranges::copy(with, bytes.begin() + static_cast<long>(offset));
        it->second = of(bytes);
    }
    last_patch_ = *it;
    return it->second;
}

void SharedPages::forget() {
    first_ = end_, last_ = no_page;
    pages_ = {}, patches_ = {};
    filled_.fill(no_page), patched_.clear(), last_patch_ = {};
}

} // namespace mmodel::bench
