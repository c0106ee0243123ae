// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/percpu/objects.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "spec/linux/host/arena.hpp"

namespace mmodel::bench {
namespace {

constexpr u64 pool_bytes = u64{1} << 32; // of address space
constexpr std::size_t nr_kept = 8;       // of a size, before the one freed first is handed out again
constexpr auto freed_byte = std::byte{0x6b};

u64 round_up(u64 n, u64 to) { return (n + to - 1) / to * to; }

} // namespace

ObjectPool::ObjectPool() {
    void* at =
        mmap(nullptr, pool_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw HostError("cannot reserve address space for the kernel file's objects");
    start_ = static_cast<std::byte*>(at);
}

ObjectPool::~ObjectPool() { munmap(start_, pool_bytes); }

std::byte* ObjectPool::reused(u64 bytes) {
    const auto list = freed_.find(bytes);
    if (list == freed_.end() || list->second.size() <= nr_kept) return nullptr;
    std::byte* at = list->second.front();
    list->second.pop_front();
    damaged_ = damaged_ || std::any_of(at, at + bytes, [](std::byte b) { return b != freed_byte; });
    return at;
}

void* ObjectPool::alloc(u64 bytes, u64 align) {
    bytes = round_up(std::max<u64>(bytes, 1), 64);
    std::byte* at = align <= 64 ? reused(bytes) : nullptr;
    if (!at) {
        used_ = round_up(used_, std::max<u64>(align, 64));
        if (bytes > pool_bytes - used_) throw HostError("the kernel file's objects do not fit 4 GiB");
        at = start_ + used_;
        used_ += bytes;
    }
    std::memset(at, 0, bytes);
    objects_[at] = {bytes, true};
    return at;
}

bool ObjectPool::free(void* at) {
    const auto o = objects_.find(at);
    if (o == objects_.end() || !o->second.live) return false;
    o->second.live = false;
    std::memset(at, static_cast<int>(freed_byte), o->second.bytes);
    freed_[o->second.bytes].push_back(static_cast<std::byte*>(at));
    return true;
}

bool ObjectPool::is_live(const void* at) const {
    const auto o = objects_.find(at);
    return o != objects_.end() && o->second.live;
}

void ObjectPool::reset() {
    used_ = 0;
    damaged_ = false;
    objects_.clear();
    freed_.clear();
}

} // namespace mmodel::bench
