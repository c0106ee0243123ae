// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/percpu/chunk.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "props/example.hpp"
#include "props/gen/sequence.hpp"
#include "props/prop.hpp"

namespace mmodel::pcpu {
namespace {

const Sizes x86 = sizes_of(parse_config("x86-64")->geometry);
const Sizes tiny = sizes_of(parse_config("tiny")->geometry);

// As pcpu_alloc() asks for it: size and align in bytes, multiples of 4. The offset, or -1.
int alloc(Chunk& c, int size, int align = 4, bool pop_only = false) {
    const int start = pcpu_find_block_fit(c, size / 4, align / 4, pop_only);
    if (start < 0) return -1;
    const int off = pcpu_alloc_area(c, size / 4, align / 4, start);
    RC_ASSERT(off >= 0); // where there is a fit, there is an area
    return off;
}

// The same chunk in the simplest terms: who owns each piece of 4 bytes, and which pages have frames.
class Dumb {
public:
    explicit Dumb(const Chunk& c)
        : page_(c.page_bytes / 4), start_(c.start_offset / 4), end_(c.nr_pages * page_ - c.end_offset / 4),
          owner_(size_of(c.nr_pages * page_), free_), populated_(size_of(c.nr_pages), c.immutable) {
        std::fill(owner_.begin(), owner_.begin() + start_, hidden_);
        std::fill(owner_.begin() + end_, owner_.end(), hidden_);
    }

    // Takes an area that was handed out. Says what is wrong with it, or nothing.
    std::string take(int off, int size, int align, bool pop_only) {
        if (off % align) return "not aligned";
        if (off / 4 < start_ || (off + size) / 4 > end_) return "not the chunk's";
        for (int i = off / 4; i < (off + size) / 4; ++i) {
            if (owner_[size_of(i)] != free_) return "not free";
            if (pop_only && !populated_[size_of(i / page_)]) return "not populated";
            owner_[size_of(i)] = off;
        }
        areas_[off] = size;
        return {};
    }
    void give_back(int off) {
        std::replace(owner_.begin(), owner_.end(), off, int{free_});
        areas_.erase(off);
    }
    void set_populated(int page, bool yes) { populated_[size_of(page)] = yes; }

    [[nodiscard]] const std::map<int, int>& areas() const { return areas_; }
    [[nodiscard]] int nr_free(int from, int to) const {
        return static_cast<int>(std::count(owner_.begin() + from, owner_.begin() + to, int{free_}));
    }
    [[nodiscard]] bool is_free(int from, int to) const { return nr_free(from, to) == to - from; }
    [[nodiscard]] int page_bits() const { return page_; }
    [[nodiscard]] int nr_pages() const { return static_cast<int>(populated_.size()); }
    [[nodiscard]] bool is_empty(int page) const { return is_free(page * page_, (page + 1) * page_); }
    [[nodiscard]] bool is_populated(int page) const { return populated_[size_of(page)]; }
    [[nodiscard]] int first_free(int from, int to) const {
        const auto begin = owner_.begin();
        return static_cast<int>(std::find(begin + from, begin + to, int{free_}) - begin);
    }
    [[nodiscard]] int longest_free(int from, int to) const {
        int best = 0, n = 0;
        for (int i = from; i < to; ++i) best = std::max(best, n = owner_[size_of(i)] == free_ ? n + 1 : 0);
        return best;
    }

private:
    static constexpr int free_ = -1, hidden_ = -2;
    static std::size_t size_of(int n) { return static_cast<std::size_t>(n); }
    int page_, start_, end_; // in pieces of 4 bytes
    std::vector<int> owner_;
    std::vector<bool> populated_;
    std::map<int, int> areas_; // offset and size in bytes
};

// What holds between any two calls. Hints never promise what is not there, and may promise less than there
// is; a page knows whether it is full or empty, and its free left edge.
void check(const Chunk& c, const Dumb& d) {
    const int bits = d.nr_pages() * d.page_bits();
    const BlockMd& md = c.chunk_md;
    RC_ASSERT(c.free_bytes == 4 * d.nr_free(0, bits));
    RC_ASSERT(md.first_free == d.first_free(0, bits));
    RC_ASSERT(d.is_free(md.contig_hint_start, md.contig_hint_start + md.contig_hint));
    int nr_empty = 0, nr_populated = 0;
    for (int p = 0; p < d.nr_pages(); ++p) {
        const int start = p * d.page_bits(), end = start + d.page_bits();
        const BlockMd& b = c.md_blocks[static_cast<std::size_t>(p)];
        RC_ASSERT((b.contig_hint == b.nr_bits) == d.is_empty(p));
        RC_ASSERT((b.contig_hint == 0) == (d.nr_free(start, end) == 0));
        RC_ASSERT(d.is_free(start + b.contig_hint_start, start + b.contig_hint_start + b.contig_hint));
        RC_ASSERT(d.is_free(start, start + b.left_free) && d.is_free(end - b.right_free, end));
        RC_ASSERT((b.left_free == b.nr_bits || !d.is_free(start, start + b.left_free + 1)));
        RC_ASSERT(c.populated.test(p) == d.is_populated(p));
        nr_populated += d.is_populated(p);
        nr_empty += d.is_populated(p) && d.is_empty(p);
    }
    RC_ASSERT(c.nr_populated == nr_populated);
    RC_ASSERT(c.nr_empty_pop_pages == nr_empty);
    for (const auto& [off, size] : d.areas()) RC_ASSERT(area_bytes_at(c, off) == size);
    int nr_areas = 0;
    for (int off = 0; off < 4 * bits; off += 4) nr_areas += area_bytes_at(c, off) != 0;
    RC_ASSERT(nr_areas == static_cast<int>(d.areas().size()));
}

// A call as RapidCheck draws it; numbers are taken modulo what there is.
struct Call {
    enum Kind { alloc, free, population } kind{};
    int which{};   // area or page
    int pieces{1}; // of an alloc
    int align{};   // its binary logarithm, in pieces
    bool pop_only{};
};
void showValue(const Call& c, std::ostream& os) {
    os << std::array{"alloc", "free", "population"}[c.kind] << " which=" << c.which << " pieces=" << c.pieces
       << " align=" << c.align << " pop_only=" << c.pop_only;
}

rc::Gen<Call> gen_call(int page_bits) {
    const auto kind =
        rc::gen::weightedElement<Call::Kind>({{9, Call::alloc}, {5, Call::free}, {2, Call::population}});
    const auto pieces = rc::gen::weightedOneOf<int>(
        {{3, rc::gen::inRange(1, page_bits / 4 + 1)}, {1, rc::gen::inRange(1, 2 * page_bits + 1)}});
    return rc::gen::build<Call>(
        rc::gen::set(&Call::kind, kind), rc::gen::set(&Call::which, rc::gen::inRange(0, 1024)),
        rc::gen::set(&Call::pieces, pieces), rc::gen::set(&Call::align, rc::gen::inRange(0, 16)),
        rc::gen::set(&Call::pop_only));
}

void run_alloc(Chunk& c, Dumb& d, const Call& w) {
    const int size = 4 * w.pieces,
              align = 4 << w.align % (std::countr_zero(static_cast<u32>(d.page_bits())) + 1);
    const bool pop_only = w.pop_only;
    const Chunk before = c;
    const int off = alloc(c, size, align, pop_only);
    if (off < 0) return RC_ASSERT(c == before);
    RC_ASSERT(d.take(off, size, align, pop_only) == "");
    // As pcpu_alloc() goes on: what has no frames gets them.
    for (int p = off / c.page_bytes; p * c.page_bytes < off + size; ++p) {
        if (c.populated.test(p)) continue;
        pcpu_chunk_populated(c, p, p + 1);
        d.set_populated(p, true);
    }
}

void run_free(Chunk& c, Dumb& d, const Call& w) {
    if (d.areas().empty()) return;
    const auto [off, size] = *std::next(d.areas().begin(), w.which % static_cast<int>(d.areas().size()));
    RC_ASSERT(pcpu_free_area(c, off) == size);
    d.give_back(off);
}

void run_population(Chunk& c, Dumb& d, const Call& w) {
    const int p = w.which % c.nr_pages;
    if (c.immutable || (c.populated.test(p) && !d.is_empty(p))) return;
    const bool yes = !c.populated.test(p);
    yes ? pcpu_chunk_populated(c, p, p + 1) : pcpu_chunk_depopulated(c, p, p + 1);
    d.set_populated(p, yes);
}

// 200 drawn calls and a check after each; then everything is freed.
Dumb play(Chunk& c) {
    Dumb d(c);
    for (const Call& call : *gen_sequence(gen_call(d.page_bits()), 200, 200)) {
        switch (call.kind) {
        case Call::alloc: run_alloc(c, d, call); break;
        case Call::free: run_free(c, d, call); break;
        case Call::population: run_population(c, d, call); break;
        }
        check(c, d);
    }
    while (!d.areas().empty()) run_free(c, d, {});
    check(c, d);
    return d;
}

// All that an allocation can notice.
void require_as_fresh(const Chunk& c, const Chunk& fresh) {
    RC_ASSERT(c.alloc_map == fresh.alloc_map && c.free_bytes == fresh.free_bytes);
    for (std::size_t i = 0; i < c.md_blocks.size(); ++i) {
        const BlockMd &a = c.md_blocks[i], &b = fresh.md_blocks[i];
        RC_ASSERT(a.contig_hint == b.contig_hint && a.contig_hint_start == b.contig_hint_start);
        RC_ASSERT(a.left_free == b.left_free && a.right_free == b.right_free && a.first_free == b.first_free);
        RC_ASSERT(a.scan_hint == 0);
    }
    RC_ASSERT(c.chunk_md.contig_hint == fresh.chunk_md.contig_hint);
    RC_ASSERT(c.chunk_md.contig_hint_start == fresh.chunk_md.contig_hint_start);
    RC_ASSERT(c.chunk_md.first_free == fresh.chunk_md.first_free);
}

void props_of(const std::string& name, const Sizes& s, int budget) {
    prop("pcpu chunk " + name, budget, [&] {
        Chunk c = init_chunk(s, *rc::gen::inRange(1, 9));
        const Chunk fresh = c;
        play(c);
        require_as_fresh(c, fresh);
    });
    // Pages shared with neighbours never become free, so that the chunk's hint may stay too small: no more is
    // asked.
    prop("pcpu first chunk " + name, budget, [&] {
        const int page = static_cast<int>(s.page_bytes);
        const u64 addr = 0x10000 + u64{4} * static_cast<u64>(*rc::gen::inRange(0, page / 4));
        Chunk c = init_first_chunk(s, addr, 4 * *rc::gen::inRange(1, page));
        const Chunk fresh = c;
        const Dumb d = play(c);
        RC_ASSERT(c.alloc_map == fresh.alloc_map && c.free_bytes == fresh.free_bytes);
        RC_ASSERT(c.chunk_md.contig_hint <= d.longest_free(0, d.nr_pages() * d.page_bits()));
    });
}

} // namespace

TEST_CASE("the constants of a 64-bit kernel, and smaller ones for tiny pages") {
    CHECK(x86 == Sizes{4096, 32768, 20480, 28672, 8192});
    CHECK(tiny == Sizes{256, 512, 128, 256, 128});
    CHECK(sizes_of(config_of("arm64-16k").geometry).min_unit_bytes == 32768);
    CHECK(sizes_of(config_of("arm64-64k").geometry).min_unit_bytes == 65536);
}

TEST_CASE("areas of a chunk are disjoint, aligned and known to its hints") {
    props_of("x86-64", x86, 60);
    props_of("tiny", tiny, 300);
}

TEST_CASE("an area goes where it fits first, and alignment leaves holes that are filled later") {
    Chunk c = init_chunk(x86, 8);
    CHECK(c.free_bytes == 32768);
    CHECK(alloc(c, 12) == 0);
    CHECK(alloc(c, 64, 64) == 64);
    CHECK(alloc(c, 4096, 4096) == 4096);
    CHECK(alloc(c, 40) == 12);  // the hole before 64
    CHECK(alloc(c, 40) == 128); // the next one is too small
    CHECK(area_bytes_at(c, 12) == 40);
    CHECK(area_bytes_at(c, 16) == 0);
    CHECK(pcpu_free_area(c, 64) == 64);
    CHECK(area_bytes_at(c, 64) == 0);
    CHECK(alloc(c, 32768) == -1);
}

TEST_CASE("an area that must be populated goes to populated pages, or nowhere") {
    Chunk c = init_chunk(x86, 8);
    CHECK(alloc(c, 4, 4, true) == -1);
    pcpu_chunk_populated(c, 2, 4);
    pcpu_chunk_populated(c, 6, 7);
    CHECK(c.nr_populated == 3);
    CHECK(alloc(c, 4, 4, true) == 2 * 4096);
    CHECK(alloc(c, 8192, 4, true) == -1); // 8188 bytes of pages 2 and 3
    CHECK(alloc(c, 4096, 4096, true) == 3 * 4096);
    CHECK(alloc(c, 4096, 4096, true) == 6 * 4096);
    CHECK(c.nr_empty_pop_pages == 0);
    CHECK(alloc(c, 8192) == 0);
    CHECK(c.nr_empty_pop_pages == -2); // counted off though pages 0 and 1 have no frames,
    pcpu_chunk_populated(c, 0, 2);
    CHECK(c.nr_empty_pop_pages == 0); // until they have
}

TEST_CASE("the first chunk hides what its first and last page share with others") {
    const Chunk c = init_first_chunk(x86, 0x10000 + 100, 9000);
    CHECK(c.base_addr == 0x10000);
    CHECK(c.start_offset == 100);
    CHECK(c.end_offset == 3 * 4096 - 9100);
    CHECK(c.nr_pages == 3);
    CHECK(c.nr_populated == 3);
    CHECK(c.nr_empty_pop_pages == 1);
    CHECK(c.immutable);
    CHECK(c.free_bytes == 9000);
    CHECK(c.chunk_md.contig_hint * 4 == 9000);
    CHECK(area_bytes_at(c, 0) == 0); // hidden, not allocated
    CHECK(area_bytes_at(c, 9100) == 0);
    Chunk d = c;
    CHECK(alloc(d, 9000) == 100);
    CHECK(area_bytes_at(d, 100) == 9000);
}

// Three ways in which the kernel misses room that is there. They look like slips, and decide where areas go.

// pcpu_block_update_hint_free() ends by giving pcpu_block_update() the start of the free area relative to the
// chunk and its end relative to the page.
TEST_CASE("a chunk hears of space freed inside its first page, but not inside another, as in the kernel") {
    Chunk full = init_chunk(x86, 4);
    while (alloc(full, 2048) >= 0) {
    }
    REQUIRE(full.free_bytes == 0);
    REQUIRE(full.chunk_md.contig_hint == 0);
    Chunk c = full;
    pcpu_free_area(c, 2048);
    CHECK(c.chunk_md.contig_hint == 512);
    c = full;
    pcpu_free_area(c, 4096);
    CHECK(c.free_bytes == 2048);
    CHECK(c.chunk_md.contig_hint == 0);
    CHECK(alloc(c, 4) == -1);
    pcpu_free_area(c, 4096 + 2048); // the page is free: all is looked at
    CHECK(c.chunk_md.contig_hint == 1024);
}

// The freed end of the first page becomes the scan hint, though it is one area with the contig hint behind
// it: the search for more than the scan hint starts at the second page.
TEST_CASE("an area is not found where the hints split it at the end of a page, as in the kernel") {
    Chunk c = init_chunk(x86, 3);
    REQUIRE(alloc(c, 4000) == 0);
    REQUIRE(alloc(c, 32) == 4000);
    pcpu_free_area(c, 4000);
    CHECK(c.chunk_md.scan_hint * 4 == 96);
    CHECK(c.chunk_md.contig_hint * 4 == 64 + 8192);
    CHECK(alloc(c, 64 + 8192) == -1);
    CHECK(alloc(c, 8192) == 4096);
}

// pcpu_block_refresh_hint() forgets right_free and looks for it after the promoted scan hint, which was it.
TEST_CASE("a page forgets its free right edge when that becomes the contig hint, as in the kernel") {
    Chunk c = init_chunk(x86, 2);
    while (alloc(c, 1024) >= 0) {
    }
    for (const int off : {1024, 3072, 4096}) pcpu_free_area(c, off);
    CHECK(c.md_blocks[0].right_free * 4 == 1024);
    REQUIRE(alloc(c, 1024) == 1024);
    CHECK(c.md_blocks[0].right_free == 0);
    CHECK(c.md_blocks[0].contig_hint * 4 == 1024);
    CHECK(alloc(c, 2048) == -1); // [3072, 5120) is free
}

TEST_CASE("every field of a chunk counts for equality, and equal chunks have equal hashes") {
    Chunk a = init_chunk(tiny, 4), b = a;
    CHECK(a == b);
    REQUIRE(alloc(b, 64) == 0);
    CHECK_FALSE(a == b);
    CHECK(a.hash() != b.hash());
    REQUIRE(alloc(a, 64) == 0);
    CHECK(a == b);
    CHECK(a.hash() == b.hash());
    b.isolated = true;
    CHECK(a.hash() != b.hash());
    // Two areas of 32 bytes fill the same bits as one of 64: only the boundaries differ.
    Chunk two = init_chunk(tiny, 4);
    REQUIRE(alloc(two, 32) == 0);
    REQUIRE(alloc(two, 32) == 32);
    CHECK(two.alloc_map == a.alloc_map);
    CHECK(two.hash() != a.hash());
}

TEST_CASE("a bitmap finds by words what a look at every bit finds") {
    prop("pcpu bitmap", 300, [] {
        const int n = *rc::gen::element(*rc::gen::inRange(1, 300), *rc::gen::inRange(1, 3000));
        Bitmap m(n);
        std::vector<bool> bits(static_cast<std::size_t>(n));
        for (int i = 0; i < 8; ++i) {
            const int start = *rc::gen::inRange(0, n + 1), end = *rc::gen::inRange(start, n + 1);
            const bool yes = *rc::gen::arbitrary<bool>();
            const Bitmap before = m;
            yes ? m.set(start, end - start) : m.clear(start, end - start);
            for (const int bit : {start, end - 1}) // a copy has words of its own by then
                if (start < end) RC_ASSERT(before.test(bit) == bits[static_cast<std::size_t>(bit)]);
            std::fill(bits.begin() + start, bits.begin() + end, yes);
        }
        const int start = *rc::gen::inRange(0, n + 1), end = *rc::gen::inRange(start, n + 1);
        const auto first = bits.begin() + start, last = bits.begin() + end;
        RC_ASSERT(m.next_set(start, end) == std::find(first, last, true) - bits.begin());
        RC_ASSERT(m.next_zero(start, end) == std::find(first, last, false) - bits.begin());
        RC_ASSERT(m.count(start, end) == std::count(first, last, true));
        int last_set = -1;
        for (int i = start; i < end; ++i)
            if (bits[static_cast<std::size_t>(i)]) last_set = i;
        RC_ASSERT(m.last_set(start, end) == last_set);
        RC_ASSERT(m.next_set(end, start) == (start == end ? end : start)); // nothing lies between
    });
}

} // namespace mmodel::pcpu
