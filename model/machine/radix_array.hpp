// SPDX-License-Identifier: GPL-2.0 OR MIT
// A persistent array: the heart of the value semantics. Copying shares everything and costs one reference
// count; a write copies only the nodes on its path that somebody else still sees; an element never written
// costs nothing and reads as T{}. The hash is the sum of a mix of every element that differs from T{}, kept
// up to date write by write.
//
// T: trivially copyable, defaulted ==, and `u64 hash_of(const T&)` found by argument-dependent lookup.
// Reference counts are not atomic: an array and its copies belong to one thread.
#pragma once

#include <array>
#include <cassert>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "model/machine/recycled.hpp"
#include "model/machine/types.hpp"

namespace mmodel {

template <class T>
class RadixArray {
    static_assert(std::is_trivially_copyable_v<T>);
    static constexpr unsigned leaf_bits = 4, fan_bits = 4;
    static constexpr u64 leaf_size = u64{1} << leaf_bits, fan = u64{1} << fan_bits;

    struct Node {
        u32 refs{1};
    };
    struct Leaf : Node, Recycled<Leaf> {
        std::array<T, leaf_size> at{};
    };
    struct Inner : Node, Recycled<Inner> {
        std::array<Node*, fan> child{};
    };

public:
    RadixArray() = default;
    // An array of indices [0, size), all T{}.
    explicit RadixArray(u64 size) {
        while ((size - 1) >> leaf_bits >> (fan_bits * levels_)) ++levels_;
    }
    RadixArray(const RadixArray& o) noexcept : root_(o.root_), hash_(o.hash_), levels_(o.levels_) {
        if (root_) ++root_->refs;
        for (Hint& h : o.hints_) h.ours = false;
    }
    RadixArray(RadixArray&& o) noexcept
        : root_(std::exchange(o.root_, nullptr)), hash_(std::exchange(o.hash_, 0)), levels_(o.levels_) {
        o.forget();
    }
    RadixArray& operator=(RadixArray o) noexcept {
        std::swap(root_, o.root_);
        hash_ = o.hash_;
        levels_ = o.levels_;
        forget();
        o.forget();
        return *this;
    }
    ~RadixArray() { release(root_, levels_); }

    // The element, or T{} if it was never written. O(log size).
    [[nodiscard]] const T& operator[](u64 i) const {
        Hint& h = hint(i);
        if (h.key == i >> leaf_bits) [[likely]]
            return h.leaf->at[i & (leaf_size - 1)];
        Node* n = root_;
        for (unsigned l = levels_; n && l > 0; --l) n = static_cast<Inner*>(n)->child[slot(i, l)];
        if (!n) return default_;
        h = {i >> leaf_bits, static_cast<Leaf*>(n), false};
        return h.leaf->at[i & (leaf_size - 1)];
    }

    void set(u64 i, const T& v) {
        if ((*this)[i] == v) return; // nothing is copied for it
        modify(i, [&](T& t) { t = v; });
    }

    // Calls f(element) on the array's own copy of element i. Old copies of the array keep the old value.
    template <class F>
    void modify(u64 i, F&& f) {
        Hint& h = hint(i);
        if (h.key != i >> leaf_bits || !h.ours) [[unlikely]]
            own_path(i, h);
        T& t = h.leaf->at[i & (leaf_size - 1)];
        const u64 before = weight(i, t);
        f(t);
        hash_ += weight(i, t) - before;
    }

    // Everything back to T{}.
    void clear() {
        release(root_, levels_);
        root_ = nullptr;
        hash_ = 0;
        forget();
    }

    [[nodiscard]] u64 hash() const { return hash_; }

    // Calls f(i, element) for the elements in [start, end) that differ from T{}, in ascending order. The cost
    // is that of the nodes that exist there, not of the range.
    template <class F>
    void for_each(u64 start, u64 end, F&& f) const {
        if (root_ && start < end) visit(root_, levels_, 0, start, end, f);
    }

    // Calls f(i, a, b) for every index at which the two differ; f returns false to stop. Shared nodes are
    // skipped, so the cost is that of what was written since one was copied from the other. Both must have
    // the same size.
    template <class F>
    static void diff(const RadixArray& a, const RadixArray& b, F&& f) {
        assert(a.levels_ == b.levels_);
        diff_node(a.root_, b.root_, a.levels_, 0, f);
    }

    [[nodiscard]] friend bool operator==(const RadixArray& a, const RadixArray& b) {
        if (a.root_ == b.root_) return true;
        if (a.hash_ != b.hash_ || a.levels_ != b.levels_) return false;
        bool same = true;
        diff(a, b, [&](u64, const T&, const T&) { return same = false; });
        return same;
    }

private:
    // A leaf found lately. `ours`: nobody else sees it nor any node above it, so it can be written in place;
    // a copy of the array ends that. Reading and writing near where one read or wrote before costs no walk.
    struct Hint {
        u64 key{~u64{0}};
        Leaf* leaf{};
        bool ours{};
    };
    static constexpr std::size_t nr_hints = 4;
    [[nodiscard]] Hint& hint(u64 i) const { return hints_[(i >> leaf_bits) % nr_hints]; }
    void forget() const { hints_.fill(Hint{}); }

    static constexpr T default_{};

    static const Inner* inner(const Node* n) { return static_cast<const Inner*>(n); }
    static const Leaf* leaf(const Node* n) { return static_cast<const Leaf*>(n); }
    static u64 slot(u64 i, unsigned level) { return (i >> (leaf_bits + fan_bits * (level - 1))) & (fan - 1); }
    static u64 weight(u64 i, const T& t) { return t == default_ ? 0 : fold(hash_of(t), i); }

    // Makes every node on the way to element i ours alone.
    void own_path(u64 i, Hint& h) {
        bool copied = false;
        Node** at = &root_;
        for (unsigned l = levels_; l > 0; --l) at = &own<Inner>(*at, copied)->child[slot(i, l)];
        Leaf* l = own<Leaf>(*at, copied);
        if (copied) forget();
        h = {i >> leaf_bits, l, true};
    }

    // The node behind `at`, made ours alone: created, or copied if somebody shares it.
    template <class N>
    static N* own(Node*& at, bool& copied) {
        if (!at) return static_cast<N*>(at = new N{});
        if (at->refs == 1) [[likely]]
            return static_cast<N*>(at);
        copied = true;
        auto* copy = new N{*static_cast<N*>(at)};
        copy->refs = 1;
        if constexpr (std::is_same_v<N, Inner>)
            for (Node* c : copy->child)
                if (c) ++c->refs;
        --at->refs;
        at = copy;
        return copy;
    }

    static void release(Node* n, unsigned level) {
        if (n && --n->refs == 0) [[unlikely]]
            destroy(n, level);
    }
    static void destroy(Node* n, unsigned level) {
        if (level == 0) return delete static_cast<Leaf*>(n);
        for (Node* c : static_cast<Inner*>(n)->child) release(c, level - 1);
        delete static_cast<Inner*>(n);
    }

    template <class F>
    static void visit(const Node* n, unsigned level, u64 base, u64 start, u64 end, F& f) {
        const u64 span = level ? u64{1} << (leaf_bits + fan_bits * (level - 1)) : 1;
        const u64 count = level ? fan : leaf_size;
        const u64 first = start > base ? (start - base) / span : 0;
        for (u64 k = first; k < count && base + k * span < end; ++k) {
            if (level == 0) {
                if (const T& t = leaf(n)->at[k]; !(t == default_)) f(base + k, t);
            } else if (const Node* c = inner(n)->child[k]) {
                visit(c, level - 1, base + k * span, start, end, f);
            }
        }
    }

    template <class F>
    static bool diff_node(const Node* a, const Node* b, unsigned level, u64 base, F& f) {
        if (a == b) return true;
        if (level == 0) {
            // Most leaves that were written to in both are the same to the last byte.
            if (a && b && std::memcmp(&leaf(a)->at, &leaf(b)->at, sizeof leaf(a)->at) == 0) return true;
            for (u64 k = 0; k < leaf_size; ++k) {
                const T& x = a ? leaf(a)->at[k] : default_;
                const T& y = b ? leaf(b)->at[k] : default_;
                if (!(x == y) && !f(base + k, x, y)) return false;
            }
            return true;
        }
        const u64 span = u64{1} << (leaf_bits + fan_bits * (level - 1));
        for (u64 k = 0; k < fan; ++k) {
            const Node *x = a ? inner(a)->child[k] : nullptr, *y = b ? inner(b)->child[k] : nullptr;
            if (x != y && !diff_node(x, y, level - 1, base + k * span, f)) return false;
        }
        return true;
    }

    Node* root_{};
    u64 hash_{};
    unsigned levels_{};
    mutable std::array<Hint, nr_hints> hints_{};
};

} // namespace mmodel
