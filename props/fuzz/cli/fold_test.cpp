// SPDX-License-Identifier: GPL-2.0 OR MIT
// Runs of alike lines as one: what is folded, what is not, and that nothing is lost.
#include <catch2/catch.hpp>

#include "fuzz/cli/fold.hpp"

using namespace mmodel::show;

namespace {

std::vector<FoldLine> lines(const std::vector<std::string>& texts) {
    std::vector<FoldLine> out;
    for (const std::string& t : texts) out.push_back({t, "f"});
    return out;
}

// "7 text" or "10..522 text x 512" each.
std::vector<std::string> shown(const std::vector<FoldLine>& all) {
    std::vector<std::string> out;
    for (const Folded& f : fold(all))
        out.push_back(numbers_of(f) + " " + f.text + (f.count > 1 ? " x " + std::to_string(f.count) : ""));
    return out;
}

std::vector<std::string> shown(const std::vector<std::string>& texts) { return shown(lines(texts)); }

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("a table that is filled is one line: half-open ranges, the numbers of its events, their count") {
    Texts texts{"lock()"};
    for (int i = 0; i < 512; ++i)
        texts.push_back("set_pte_at(entry " + std::to_string(i) + " -> pfn " + std::to_string(7 + i) +
                        " rw)");
    texts.push_back("unlock()");
    CHECK(shown(texts) ==
          Texts{"0 lock()", "1..513 set_pte_at(entry 0..512 -> pfn 7..519 rw) x 512", "513 unlock()"});
}

TEST_CASE("numbers that stay are written once, those that fall say down to, other steps show the second") {
    CHECK(shown(Texts{"free(9, 4)", "free(8, 4)", "free(7, 4)"}) == Texts{"0..3 free(9 down to 7, 4) x 3"});
    CHECK(shown(Texts{"p 0x10", "p 0x20", "p 0x30", "p 0x40"}) == Texts{"0..4 p 0x10, 0x20 .. 0x40 x 4"});
    CHECK(shown(Texts{"wmb()", "wmb()", "wmb()"}) == Texts{"0..3 wmb() x 3"});
}

TEST_CASE("the steps of a loop's body take turns: a line each, with every so many'th event") {
    Texts texts;
    for (int i = 0; i < 5; ++i)
        texts.insert(texts.end(),
                     {"copy(" + std::to_string(i) + ")", "wmb()", "set(" + std::to_string(3 * i) + ")"});
    CHECK(shown(texts) ==
          Texts{"0, 3 .. 12 copy(0..5) x 5", "1, 4 .. 13 wmb() x 5", "2, 5 .. 14 set(0, 3 .. 12) x 5"});
}

TEST_CASE("two are no run, and neither are uneven steps, ranges that move, other words, other functions") {
    for (const Texts& texts : {Texts{"a 1", "a 2"}, Texts{"a 1", "a 2", "a 4"}, Texts{"a 1", "b 2", "a 3"},
                               Texts{"a 0..8", "a 8..16", "a 16..24"}})
        CHECK(fold(lines(texts)).size() == texts.size());
    std::vector<FoldLine> all = lines({"a 1", "a 2", "a 3", "a 4", "a 5"});
    all[2].group = "g";
    CHECK(fold(all).size() == 5);
}

TEST_CASE("the line that stands alone is in no run") {
    std::vector<FoldLine> all = lines({"a 1", "a 2", "a 3", "a 4", "a 5", "a 6", "a 7"});
    all[3].alone = true;
    CHECK(shown(all) == Texts{"0..3 a 1..4 x 3", "3 a 4", "4..7 a 5..8 x 3"});
}

TEST_CASE("every line is in just one of what is folded, whatever they are") {
    std::vector<FoldLine> all;
    for (unsigned i = 0, x = 7; i < 3000; ++i, x = x * 1103515245 + 12345)
        all.push_back(
            {std::string(1, static_cast<char>('a' + (x >> 16) % 2)) + std::to_string((x >> 20) % 3), "f"});
    std::vector<int> seen(all.size());
    for (const Folded& f : fold(all))
        for (std::size_t i = 0; i < f.count; ++i) ++seen.at(f.first + i * f.stride);
    CHECK(seen == std::vector<int>(all.size(), 1));
}
