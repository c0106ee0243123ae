// SPDX-License-Identifier: GPL-2.0 OR MIT
// Memory for what a kernel file keeps of its own: objects of kmalloc() and vmalloc(), boot memory that is not
// a unit's, scratch memory of the shim. Outside the modelled frames, with room that is nobody's between two.
// What was freed is poisoned and not handed out again for a while.
#pragma once

#include <deque>
#include <unordered_map>

#include "spec/linux/host/arena.hpp"

namespace mmodel::bench {

class ObjectPool {
public:
    // In the arena's object space; the arena hears of each object.
    explicit ObjectPool(Arena& arena) : arena_(arena) {}
    ObjectPool(const ObjectPool&) = delete;
    ObjectPool& operator=(const ObjectPool&) = delete;

    // Zeroed and at least 64-byte aligned. Throws HostError when the pool is used up.
    [[nodiscard]] void* alloc(u64 bytes, u64 align = 64);
    // False: no object begins there, or it is free already.
    [[nodiscard]] bool free(void* at);
    [[nodiscard]] bool is_live(const void* at) const;
    // Whether something wrote to memory after it was freed, as far as has been noticed.
    [[nodiscard]] bool was_written_after_free() const { return damaged_; }
    void reset();

private:
    struct Object {
        u64 bytes; // that were asked for
        bool live;
    };
    [[nodiscard]] std::byte* reused(u64 bytes);

    Arena& arena_;
    u64 used_{};
    bool damaged_{};
    std::unordered_map<const void*, Object> objects_;
    std::unordered_map<u64, std::deque<std::byte*>> freed_; // by size
};

} // namespace mmodel::bench
