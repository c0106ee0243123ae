// SPDX-License-Identifier: GPL-2.0 OR MIT
// Memory for what a kernel file keeps of its own: objects of kmalloc() and vmalloc(), boot memory that is not
// a unit's, scratch memory of the shim. Outside the modelled frames, with room that is nobody's between two.
// What was freed is poisoned and not handed out again for a while.
//
// For who explores (settle_low()) an object lies in the first gap that takes it, and what was freed is a gap
// at once: where objects are is then all that there is to know, and can be put back.
#pragma once

#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

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

    // Needs: no object is live.
    void settle_low() { low_ = true; }
    // Then: the live ones, by address, as they are; and that they be these.
    [[nodiscard]] std::span<const std::span<std::byte>> live() const { return live_; }
    void set_live(std::span<const std::span<std::byte>> objects);

private:
    struct Object {
        u64 bytes; // that were asked for
        bool live;
    };
    [[nodiscard]] std::byte* reused(u64 bytes);
    [[nodiscard]] std::byte* at_the_end(u64 bytes, u64 align);
    [[nodiscard]] std::byte* in_a_gap(u64 bytes, u64 align);
    [[nodiscard]] auto low_object_at(const void* at) const;
    void poison(std::span<std::byte> object);

    Arena& arena_;
    bool low_{};
    std::vector<std::span<std::byte>> live_; // low_: all there are
    u64 used_{};
    bool damaged_{};
    std::unordered_map<const void*, Object> objects_;
    std::unordered_map<u64, std::deque<std::byte*>> freed_; // by size
};

} // namespace mmodel::bench
