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
    const auto [it, fresh] = filled_.try_emplace(with);
    if (fresh) it->second = of(std::vector<std::byte>(page_, with));
    return it->second;
}

PageId SharedPages::patched(PageId page, u64 offset, std::span<const std::byte> with) {
    const auto [it, fresh] = patched_.try_emplace({page, offset, patches_.intern(with)});
    if (fresh) {
        std::vector<std::byte> bytes((*this)[page], (*this)[page] + page_);
        std::ranges::copy(with, bytes.begin() + static_cast<long>(offset));
        it->second = of(bytes);
    }
    return it->second;
}

void SharedPages::forget() {
    first_ = end_, last_ = no_page;
    pages_ = {}, patches_ = {};
    filled_.clear(), patched_.clear();
}

} // namespace mmodel::bench
