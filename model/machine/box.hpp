// SPDX-License-Identifier: GPL-2.0 OR MIT
// A value in a box: copying shares it, writing copies it first if somebody else still sees it. Counts are not
// atomic: a box and its copies belong to one thread.
#pragma once

#include <utility>

#include "model/machine/types.hpp"

namespace mmodel {

template <class T>
class Box {
public:
    explicit Box(T value) : held_(new Held{1, std::move(value)}) {}
    Box(const Box& o) noexcept : held_(o.held_) { ++held_->refs; }
    Box(Box&& o) noexcept : held_(std::exchange(o.held_, nullptr)) {}
    Box& operator=(Box o) noexcept {
        std::swap(held_, o.held_);
        return *this;
    }
    ~Box() {
        if (held_ && --held_->refs == 0) delete held_;
    }

    const T& operator*() const { return held_->value; }
    const T* operator->() const { return &held_->value; }
    // The value, ours alone. Other boxes keep what they had.
    [[nodiscard]] T& own() {
        if (held_->refs > 1) *this = Box(held_->value);
        return held_->value;
    }
    [[nodiscard]] bool shares_with(const Box& o) const { return held_ == o.held_; }

private:
    struct Held {
        u32 refs;
        T value;
    };
    Held* held_;
};

} // namespace mmodel
