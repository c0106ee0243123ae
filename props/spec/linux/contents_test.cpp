// SPDX-License-Identifier: GPL-2.0 OR MIT
// What lies in percpu areas and in frames that share their contents: one word that is wrong is found wherever
// it is, and what was stored last is not what is stored next.
#include <array>

#include <catch2/catch.hpp>

#include "spec/linux/host/shared_pages.hpp"
#include "spec/linux/percpu/contents.hpp"

using namespace mmodel;
using namespace mmodel::bench;

namespace {

constexpr std::size_t nr_words = 101; // more than is looked at at once, and some left over

std::string byte(std::size_t word) { return "byte " + std::to_string((word + 7) * sizeof(u32)) + " of"; }

} // namespace

TEST_CASE(
    "a word of an area that is not as its owner left it is found wherever it is, and the first of two") {
    std::vector<u32> words(nr_words);
    const Held area{.slot = 3, .parts = {{.cpu = 1, .first_word = 7, .words = words}}};
    AreaContents contents;
    REQUIRE_FALSE(AreaContents::not_zero(area));
    contents.fill(area);
    REQUIRE_FALSE(contents.changed(area, -1));
    for (std::size_t i = 0; i < nr_words; ++i) {
        words[i] ^= 1u << i % 32;
        const u32 last = std::exchange(words.back(), i + 1 < nr_words ? 0 : words.back());
        CHECK(contents.changed(area, 1).value_or("").starts_with(byte(i)));
        CHECK_FALSE(contents.changed(area, 0)); // another CPU's
        words.back() = last;
        words[i] ^= 1u << i % 32;
    }
}

TEST_CASE("a word of a new area that is not zero is found wherever it is") {
    std::vector<u32> words(nr_words);
    const Held area{.slot = 0, .parts = {{.cpu = 0, .first_word = 7, .words = words}}};
    for (std::size_t i = 0; i < nr_words; ++i) {
        words[i] = 1u << i % 32;
        CHECK(AreaContents::not_zero(area).value_or("").starts_with(byte(i)));
        words[i] = 0;
    }
}

TEST_CASE("a shared page that is patched becomes what was asked for, whatever was asked for before") {
    constexpr u64 page = 512;
    SharedPages pages(page);
    std::array<std::byte, 8> ones{}, twos{};
    ones.fill(std::byte{1}), twos.fill(std::byte{2});
    const PageId zero = pages.filled(std::byte{0}), other = pages.filled(std::byte{9});
    const auto is = [&](PageId id, std::byte rest, u64 offset, std::span<const std::byte> with) {
        std::vector<std::byte> expected(page, rest);
        std::ranges::copy(with, expected.begin() + static_cast<long>(offset));
        return std::ranges::equal(expected, std::span(pages[id], page));
    };
    for (const u64 offset : {u64{0}, u64{64}, page - 8})
        for (const PageId from : {zero, zero, other})
            for (const auto& with : {ones, ones, twos, ones})
                CHECK(is(pages.patched(from, offset, with), from == zero ? std::byte{0} : std::byte{9},
                         offset, with));
    CHECK(pages.filled(std::byte{0}) == zero);
    pages.forget();
    CHECK(is(pages.patched(pages.filled(std::byte{3}), 0, ones), std::byte{3}, 0, ones));
}
