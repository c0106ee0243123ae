// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a world at rest is, as bytes: two worlds with equal keys do the same under every operation, up to the
// names of interchangeable frames.
//
// Frames that the page allocator hands out singly are interchangeable: nothing in the machine depends on
// which it gave. An interchangeable frame is named by where it first occurs, in a fixed order of places; what
// it carries with it (contents, reserved mark, owner) is written beside its first occurrence. All others are
// named by their pfn.
#pragma once

#include <string>
#include <vector>

#include "spec/explore/space.hpp"

namespace mmodel::explore {

enum class Symmetry : u8 {
    none, // every frame is told from every other
    pool, // those of the pool that boot left free are interchangeable: permuting them changes nothing at all
    frames, // ... and those from behind the vmemmap, once freed: from then on they are like any other
};

// Writes a key: numbers as bytes, seven bits each, and frames by their names.
class KeyWriter;

// What tells worlds apart beside what the machine says: of a kernel tree's file its memory (spec/linux).
class Beside {
public:
    // What a frame carries with it, where it first occurs.
    virtual void put_frame(KeyWriter& out, Pfn p) const = 0;
    // At the end.
    virtual void put_rest(KeyWriter& out) const = 0;

protected:
    ~Beside() = default;
};

class KeyWriter {
public:
    KeyWriter(const Machine& m, const Space& space, Symmetry symmetry, const Beside* beside = nullptr)
        : m_(m), space_(space), symmetry_(symmetry), beside_(beside), names_(m.config().nr_frames()) {}

    void put(u64 n) {
        constexpr std::size_t most = 10; // bytes of a number
        if (out_.size() - nr_bytes_ < most) out_.resize(2 * out_.size());
        char* to = out_.data() + nr_bytes_;
        for (; n >= 0x80; n >>= 7) *to++ = static_cast<char>(n | 0x80);
        *to++ = static_cast<char>(n);
        nr_bytes_ = static_cast<std::size_t>(to - out_.data());
    }
    void put_signed(i64 n) { put(static_cast<u64>(n) << 1 ^ static_cast<u64>(n >> 63)); }
    void put_pte(const Pte& p);
    void put_frame(Pfn p);
    [[nodiscard]] bool is_interchangeable(Pfn p) const;
    [[nodiscard]] bool has_named(Pfn p) const;
    [[nodiscard]] std::string take() { return out_.substr(0, nr_bytes_); }
    [[nodiscard]] const std::vector<Pfn>& named() const { return named_; }

private:
    void put_what_it_carries(Pfn p);
    // Its place in named_, or the end. A frame number past the machine's memory may have one, too.
    [[nodiscard]] std::size_t name_of(Pfn p) const;

    const Machine& m_;
    const Space& space_;
    Symmetry symmetry_;
    const Beside* beside_;
    std::string out_ = std::string(1024, '\0'); // room; so many bytes are written:
    std::size_t nr_bytes_{};
    std::vector<Pfn> named_{};
    std::vector<u32> names_; // by frame of the machine's: one more than its place in named_, 0: none yet
};

// Drops from a world at rest what no operation ever reads: areas that were freed (their slot keeps where they
// were) and the entries of percpu-vm's array of pages. An entry left over becomes frame 0, which is always
// somebody's: using it breaks an invariant.
void forget_the_dead(World& w);

// What all subjects can tell of a world: not the edges of a whole chunk, which nobody reads, nor where hints
// of size 0 last pointed at.
[[nodiscard]] World as_all_see_it(World w);

// Needs: the world is at rest and forget_the_dead() was called.
[[nodiscard]] std::string key_of(const World& w, const Space& space, Symmetry symmetry,
                                 const Beside* beside = nullptr);

// Free frames of the space's pool.
[[nodiscard]] std::vector<Pfn> free_frames(const Machine& m, const Space& space);

// The frames that an allocation may get, one of each kind that makes a difference. Without symmetry: every
// free frame.
[[nodiscard]] std::vector<Pfn> choices(const Machine& m, const Space& space, Symmetry symmetry);

// How many worlds without symmetry one with this key stands for, with Symmetry::pool: in how many ways the
// interchangeable frames in it can be named.
[[nodiscard]] u64 orbit(const World& w, const Space& space);

} // namespace mmodel::explore
