// SPDX-License-Identifier: GPL-2.0 OR MIT
// What mm/percpu.c of 6.1 and 6.12 does with these calls, as a digest: every offset handed out and every hint
// after every call. kernel_digest.sh makes the numbers below from a tree's own file; ctest runs it on both.
#include <bit>
#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "model/percpu/chunk.hpp"

namespace mmodel::pcpu {
namespace {

u64 digest_of(const BlockMd& m) {
    u64 h = 0;
    for (const int n : {m.scan_hint, m.scan_hint_start, m.contig_hint, m.contig_hint_start, m.left_free,
                        m.right_free, m.first_free})
        h = mix(h ^ static_cast<u32>(n));
    return h;
}

u64 digest_of(const Chunk& c) {
    u64 h = mix(static_cast<u32>(c.free_bytes)) ^ static_cast<u32>(c.nr_empty_pop_pages);
    h = mix(h ^ digest_of(c.chunk_md));
    for (const BlockMd& m : c.md_blocks) h = mix(h ^ digest_of(m));
    return h;
}

// Calls drawn from a counter, on this chunk.
class Calls {
public:
    explicit Calls(Chunk chunk) : c_(std::move(chunk)) {}

    u64 run(int nr_calls) {
        for (int i = 0; i < nr_calls; ++i) {
            const int kind = below(100);
            if (kind < 25 + i / 256 % 2 * 45)
                alloc();
            else if (kind < 90)
                free();
            else
                populate();
            digest_ = mix(digest_ ^ digest_of(c_));
        }
        return digest_;
    }

private:
    int below(int n) { return static_cast<int>(mix(++drawn_) % static_cast<u64>(n)); }

    void alloc() {
        const int page_bits = c_.page_bytes / 4;
        const int bits = 1 + below(below(3) ? page_bits / 8 : 2 * page_bits);
        const int align = 1 << below(below(2) ? 2 : std::countr_zero(static_cast<u32>(page_bits)) + 1);
        const int start = pcpu_find_block_fit(c_, bits, align, below(2));
        digest_ = mix(digest_ ^ static_cast<u32>(start));
        if (start < 0) return;
        const int off = pcpu_alloc_area(c_, bits, align, start);
        digest_ = mix(digest_ ^ static_cast<u32>(off));
        if (off >= 0) areas_.push_back(off);
    }
    void free() {
        if (areas_.empty()) return;
        std::swap(areas_[static_cast<std::size_t>(below(static_cast<int>(areas_.size())))], areas_.back());
        digest_ = mix(digest_ ^ static_cast<u32>(pcpu_free_area(c_, areas_.back())));
        areas_.pop_back();
    }
    void populate() {
        const int p = below(c_.nr_pages);
        if (c_.immutable) return;
        c_.populated.test(p) ? pcpu_chunk_depopulated(c_, p, p + 1) : pcpu_chunk_populated(c_, p, p + 1);
    }

    Chunk c_;
    std::vector<int> areas_{};
    u64 drawn_{}, digest_{};
};

} // namespace

TEST_CASE("20000 calls hand out the offsets and leave the hints that the kernel's own code does") {
    const Sizes x86 = sizes_of(parse_config("x86-64")->geometry),
                tiny = sizes_of(parse_config("tiny")->geometry);
    CHECK(Calls(init_chunk(x86, 8)).run(20000) == 0xdf8cefbb3bab302b);
    CHECK(Calls(init_chunk(x86, 64)).run(20000) == 0xa404eadb084048db);
    CHECK(Calls(init_first_chunk(x86, 0x10000 + 1044, 26204)).run(20000) == 0xb8d8d1b6ee9e17d2);
    CHECK(Calls(init_chunk(tiny, 6)).run(20000) == 0x891aa1be66286341);
    CHECK(Calls(init_first_chunk(tiny, 0x10000 + 40, 1000)).run(20000) == 0xaf06a7be124de5da);
}

} // namespace mmodel::pcpu
