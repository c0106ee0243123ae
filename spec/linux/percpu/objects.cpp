// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/percpu/objects.hpp"

#include <algorithm>
#include <cstring>

namespace mmodel::bench {
namespace {

constexpr u64 guard_bytes = 64;    // behind each object
constexpr std::size_t nr_kept = 8; // of a size, before the one freed first is handed out again
constexpr auto freed_byte = std::byte{0x6b};

u64 round_up(u64 n, u64 to) { return (n + to - 1) / to * to; }

} // namespace

std::byte* ObjectPool::reused(u64 bytes) {
    const auto list = freed_.find(bytes);
    if (list == freed_.end() || list->second.size() <= nr_kept) return nullptr;
    std::byte* at = list->second.front();
    list->second.pop_front();
    damaged_ = damaged_ || std::any_of(at, at + bytes, [](std::byte b) { return b != freed_byte; });
    return at;
}

void* ObjectPool::alloc(u64 bytes, u64 align) {
    bytes = std::max<u64>(bytes, 1);
    align = std::max<u64>(align, 64);
    const Reserved& space = arena_.object_space();
    std::byte* at = align == 64 ? reused(bytes) : nullptr;
    if (!at) {
        used_ = round_up(used_, align);
        const u64 room = round_up(bytes, 64) + guard_bytes;
        if (room > space.bytes() - std::min(used_, space.bytes()))
            throw HostError("the kernel file's objects do not fit " + std::to_string(space.bytes() >> 30) +
                            " GiB");
        at = space.at() + used_;
        used_ += room;
    }
    std::memset(at, 0, bytes);
    objects_[at] = {bytes, true};
    arena_.lend_object(at, bytes);
    return at;
}

bool ObjectPool::free(void* at) {
    const auto o = objects_.find(at);
    if (o == objects_.end() || !o->second.live) return false;
    o->second.live = false;
    arena_.take_back_object(at, o->second.bytes);
    std::memset(at, static_cast<int>(freed_byte), o->second.bytes);
    freed_[o->second.bytes].push_back(static_cast<std::byte*>(at));
    return true;
}

bool ObjectPool::is_live(const void* at) const {
    const auto o = objects_.find(at);
    return o != objects_.end() && o->second.live;
}

void ObjectPool::reset() {
    for (const auto& [at, object] : objects_) arena_.take_back_object(at, object.bytes);
    used_ = 0;
    damaged_ = false;
    objects_.clear();
    freed_.clear();
}

} // namespace mmodel::bench
