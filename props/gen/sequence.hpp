// SPDX-License-Identifier: GPL-2.0 OR MIT
// Sequences of anything but operations (those: trace.hpp), with shrinking that is not cubic: runs of half the
// sequence go, of a quarter, ... of one element; then elements shrink as RapidCheck shrinks them.
#pragma once

#include <algorithm>
#include <vector>

#include <rapidcheck.h>

namespace mmodel {

// All of these without one run, the long runs first.
template <class T>
class WithoutRuns {
public:
    explicit WithoutRuns(std::vector<T> all) : all_(std::move(all)), run_(all_.size()), end_(all_.size()) {}

    rc::Maybe<std::vector<T>> operator()() {
        if (end_ == 0) run_ /= 2, end_ = all_.size();
        if (run_ == 0 || all_.empty()) return rc::Nothing;
        const std::size_t start = end_ - std::min(end_, run_);
        std::vector<T> left(all_);
        const auto at = [&](std::size_t i) { return left.begin() + static_cast<std::ptrdiff_t>(i); };
        left.erase(at(start), at(end_));
        end_ = start;
        return left;
    }

private:
    std::vector<T> all_;
    std::size_t run_, end_;
};

template <class T>
rc::Shrinkable<std::vector<T>> shrinkable_sequence(std::vector<rc::Shrinkable<T>> all) {
    using Elements = std::vector<rc::Shrinkable<T>>;
    const auto values = [](const Elements& e) {
        std::vector<T> out;
        for (const auto& x : e) out.push_back(x.value());
        return out;
    };
    const auto shorter_or_lower = [](const Elements& e) {
        return rc::seq::concat(
            rc::Seq<Elements>(WithoutRuns<rc::Shrinkable<T>>(e)),
            rc::shrink::eachElement(e, [](const rc::Shrinkable<T>& x) { return x.shrinks(); }));
    };
    return rc::shrinkable::map(rc::shrinkable::shrinkRecur(std::move(all), shorter_or_lower), values);
}

// `min` to `max` elements, whatever the size that RapidCheck is at. It shrinks below `min`, too.
template <class T>
rc::Gen<std::vector<T>> gen_sequence(const rc::Gen<T>& element, std::size_t min, std::size_t max) {
    return [=](const rc::Random& random, int) {
        rc::Random r = random;
        std::vector<rc::Shrinkable<T>> all;
        for (std::size_t n = min + r.split().next() % (max - min + 1); n > 0; --n)
            all.push_back(element(r.split(), rc::kNominalSize));
        return shrinkable_sequence(std::move(all));
    };
}

} // namespace mmodel
