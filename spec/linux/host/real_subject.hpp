// SPDX-License-Identifier: GPL-2.0 OR MIT
// A kernel tree's file as a subject of spec/explore. A state is the world, what the frames hold that kernel
// code may use, the objects that it has allocated, and the statics of the shared object; to load one is to
// copy those bytes back.
//
// Its key tells two states apart by all of these bytes, by meaning: a pointer to the struct page of an
// interchangeable frame is the frame's name, that struct page is what the frame carries with it, and while
// the frame is free nobody reads it. An object is named by where the first pointer to it is, and a pointer to
// one that was freed is no pointer. Without symmetry (Symmetry::none) the key is the bytes as they are.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>

#include "spec/linux/host/blobs.hpp"
#include "spec/linux/host/real_driver.hpp"

namespace mmodel::bench {

class RealSubject final : public explore::Subject, private explore::Beside {
public:
    // Needs: the driver stands in what is to be the first state, on the software MMU, and is nobody else's
    // from now on.
    // `known_as`: which finding a violation of an operation is, if it is known; may be none.
    using KnownAs = std::function<std::optional<u32>(const spec::Violation&, OpKind)>;
    RealSubject(RealDriver& driver, const explore::Space& space, KnownAs known_as = {});

    [[nodiscard]] explore::Attempt run(const Op& op, explore::Observer* observer) override;
    [[nodiscard]] const State& now() override { return driver_.world().own(); }
    [[nodiscard]] const World& settle() override;
    [[nodiscard]] std::string key(const explore::Space& space, explore::Symmetry symmetry) override;
    void keep() override { kept_.emplace_back(taken()); }
    void load(u32 idx) override { put_back(*kept_[idx]); }
    void drop(u32 idx) override { kept_[idx].reset(); }

    // In the first state again; none is kept.
    void restart();
    // A state's own: what it does not share with others. And all that was interned.
    [[nodiscard]] u64 bytes_of_a_state() const;
    [[nodiscard]] u64 bytes_interned() const { return blobs_.bytes(); }
    // Of the operations that were run: see RealResult.
    [[nodiscard]] u64 nr_compared() const { return nr_compared_; }
    [[nodiscard]] const DeviationCounts& deviations() const { return deviations_; }

private:
    struct Kept {
        World world;
        std::vector<u32> statics; // blobs, by piece
        std::vector<u32> frames;  // blobs, of the lent frames in order
        u32 which;                // a blob: where the objects are
        std::vector<u32> objects; // blobs, in order
        u32 notes;                // a blob: the driver's
    };
    // What bytes say that may hold pointers to struct pages of the pool's frames and to objects: those, in
    // order, and a hash of the rest.
    struct Meaning {
        u64 rest{};
        std::vector<u64> pointers{};
    };

    void add_struct_pages();
    [[nodiscard]] Kept taken() const;
    void put_back(const Kept& k);
    void settle_objects();
    void settle_frame(Pfn p);
    void put_back_frame(Pfn p, u32 blob);
    void doubt(explore::Attempt& out) const;
    template <class F>
    void for_each_lent(F&& f) const;

    // ---- the key
    void put_frame(explore::KeyWriter& out, Pfn p) const override;
    void put_rest(explore::KeyWriter& out) const override;
    void put_contents(explore::KeyWriter& out, Pfn p) const;
    void put_table(explore::KeyWriter& out, Pfn p) const;
    void put_blob(explore::KeyWriter& out, u32 blob) const;
    void put_meaning(explore::KeyWriter& out, const Meaning& m) const;
    void put_object(explore::KeyWriter& out, u64 pointer) const;
    void put_objects(explore::KeyWriter& out) const;
    [[nodiscard]] Meaning meaning_of(std::span<const std::byte> bytes) const;
    [[nodiscard]] std::span<const std::byte> struct_page(Pfn p) const;
    [[nodiscard]] bool has_blank_struct_page(Pfn p) const;
    [[nodiscard]] std::optional<Vpage> vpage_of_pool(Pfn p) const;
    [[nodiscard]] std::vector<u8> beside_the_pool() const;
    [[nodiscard]] bool is_object_space(u64 addr) const {
        return addr - arena_.object_space().addr() < arena_.object_space().bytes();
    }

    RealDriver& driver_;
    Arena& arena_;
    const KnownAs known_as_;
    const bool in_vmemmap_; // struct pages are: frames hold them
    std::vector<std::span<std::byte>>
        statics_; // pieces; the file's, struct pages that no frame holds, the arena's, whose last lends
    std::size_t nr_of_the_file_, nr_of_struct_pages_{};
    std::vector<u8> is_in_pool_;       // by frame: whether
    std::vector<Vpage> pools_vmemmap_; // behind which the struct pages of the pool's frames are, ascending
    Blobs blobs_;
    std::vector<u32> frames_now_, statics_now_; // blobs; what is there since the last settle() or load()
    std::vector<u32> objects_now_;
    u32 which_now_{}, notes_now_{};
    std::vector<u32> frames_first_; // in the first state
    std::deque<std::optional<Kept>> kept_;
    std::optional<Kept> first_;
    u64 nr_compared_{};
    DeviationCounts deviations_{};
    bool raw_{}; // the key that is being written is of bytes as they are
    mutable std::unordered_map<u32, Meaning> meanings_; // by blob
    mutable std::vector<std::size_t> named_objects_;    // of that key: which of objects(), in order
};

} // namespace mmodel::bench
