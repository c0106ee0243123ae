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

// What an object takes up, with the room behind it.
u64 room_of(u64 bytes) { return round_up(bytes, 64) + guard_bytes; }

} // namespace

std::byte* ObjectPool::reused(u64 bytes) {
    const auto list = freed_.find(bytes);
    if (list == freed_.end() || list->second.size() <= nr_kept) return nullptr;
    std::byte* at = list->second.front();
    list->second.pop_front();
    damaged_ = damaged_ || std::any_of(at, at + bytes, [](std::byte b) { return b != freed_byte; });
    return at;
}

std::byte* ObjectPool::at_the_end(u64 bytes, u64 align) {
    const Reserved& space = arena_.object_space();
    used_ = round_up(used_, align);
    const u64 room = room_of(bytes);
    if (room > space.bytes() - std::min(used_, space.bytes()))
        throw HostError("the kernel file's objects do not fit " + std::to_string(space.bytes() >> 30) +
                        " GiB");
    return space.at() + std::exchange(used_, used_ + room);
}

// The first one, by address; it is in `live_` from now on.
std::byte* ObjectPool::in_a_gap(u64 bytes, u64 align) {
    used_ = 0;
    const std::byte* start = arena_.object_space().at();
    auto next = live_.begin();
    for (; next != live_.end(); ++next) {
        const auto at = static_cast<u64>(next->data() - start);
        if (round_up(used_, align) + room_of(bytes) <= at) break;
        used_ = at + room_of(next->size());
    }
    std::byte* at = at_the_end(bytes, align);
    live_.insert(next, {at, bytes});
    return at;
}

void* ObjectPool::alloc(u64 bytes, u64 align) {
    bytes = std::max<u64>(bytes, 1);
    align = std::max<u64>(align, 64);
    std::byte* at = low_ ? in_a_gap(bytes, align) : align == 64 ? reused(bytes) : nullptr;
    if (!at) at = at_the_end(bytes, align);
    std::memset(at, 0, bytes);
    if (!low_) objects_[at] = {bytes, true};
    arena_.lend_object(at, bytes);
    return at;
}

void ObjectPool::poison(std::span<std::byte> object) {
    arena_.take_back_object(object.data(), object.size());
    std::ranges::fill(object, freed_byte);
}

auto ObjectPool::low_object_at(const void* at) const {
    const auto o = std::ranges::lower_bound(live_, static_cast<const std::byte*>(at), {},
                                            [](std::span<std::byte> s) { return s.data(); });
    return o != live_.end() && o->data() == at ? o : live_.end();
}

bool ObjectPool::free(void* at) {
    if (low_) {
        const auto low = low_object_at(at);
        if (low == live_.end()) return false;
        poison(*low);
        live_.erase(low);
        return true;
    }
    const auto o = objects_.find(at);
    if (o == objects_.end() || !o->second.live) return false;
    o->second.live = false;
    poison({static_cast<std::byte*>(at), o->second.bytes});
    freed_[o->second.bytes].push_back(static_cast<std::byte*>(at));
    return true;
}

bool ObjectPool::is_live(const void* at) const {
    if (low_) return low_object_at(at) != live_.end();
    const auto o = objects_.find(at);
    return o != objects_.end() && o->second.live;
}

void ObjectPool::set_live(std::span<const std::span<std::byte>> objects) {
    const auto is_same = [](std::span<std::byte> a, std::span<std::byte> b) {
        return a.data() == b.data() && a.size() == b.size();
    };
    if (std::ranges::equal(objects, live_, is_same)) return;
    for (const auto& o : live_) poison(o);
    for (const auto& o : objects) arena_.lend_object(o.data(), o.size());
    live_.assign(objects.begin(), objects.end());
}

void ObjectPool::reset() {
    for (const auto& [at, object] : objects_) arena_.take_back_object(at, object.bytes);
    set_live({});
    used_ = 0;
    damaged_ = false;
    objects_.clear();
    freed_.clear();
}

} // namespace mmodel::bench
