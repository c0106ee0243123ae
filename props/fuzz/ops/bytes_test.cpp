// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/ops/bytes.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "fuzz/ops/mutate.hpp"
#include "model/percpu/chunk.hpp"
#include "spec/sabotage/sabotage.hpp"

namespace mmodel {
namespace {

using Random = std::mt19937_64;
using Bytes = std::vector<u8>;

u64 below(Random& random, u64 n) { return random() % n; }

Bytes gen_bytes(Random& random, std::size_t max_size) {
    const bool has_header = max_size >= header_bytes && below(random, 2);
    Bytes out(std::max(below(random, max_size + 1), has_header ? header_bytes : 0));
    for (u8& b : out) b = static_cast<u8>(random());
    if (has_header)
        std::ranges::copy(encode_header(static_cast<u8>(random()), static_cast<u8>(1 + below(random, 2))),
                          out.begin());
    return out;
}

bool is_sound(const Trace& t) {
    return std::ranges::all_of(t.ops, [&](const Op& op) { return is_valid(t.config, op); });
}

Trace trace_of(const std::string& text) {
    const auto t = parse_trace("mmodel trace 1\n" + text);
    REQUIRE(t);
    return *t;
}

std::string refusal(const std::string& text) {
    const auto bytes = encode(trace_of(text));
    REQUIRE_FALSE(bytes);
    return bytes.error();
}

Bytes mutated(Bytes bytes, std::size_t max_size, unsigned seed) {
    const std::size_t size = bytes.size();
    bytes.resize(std::max(size, max_size));
    bytes.resize(mutate(bytes.data(), size, max_size, seed));
    return bytes;
}

} // namespace

TEST_CASE("any byte string decodes to valid canonical operations and encodes to bytes that decode alike") {
    Random random(1);
    std::set<OpKind> kinds;
    for (int i = 0; i < 20'000; ++i) {
        const Bytes bytes = gen_bytes(random, 300);
        const Trace t = decode(bytes);
        REQUIRE(is_sound(t));
        REQUIRE(why_impossible(t.config).empty());
        const auto again = encode(t);
        REQUIRE(again);
        REQUIRE(decode(*again) == t);
        REQUIRE(encode(decode(*again)) == again);
        for (const Op& op : t.ops) kinds.insert(op.kind);
    }
    CHECK(kinds.size() == all_op_kinds.size());
}

TEST_CASE("10000 pseudo-random traces go through text and bytes and come back as they were") {
    Random random(2);
    for (int i = 0; i < 10'000; ++i) {
        const Trace t = decode(gen_bytes(random, 300));
        const auto from_text = parse_trace(print_trace(t));
        REQUIRE(from_text);
        const auto bytes = encode(*from_text);
        REQUIRE(bytes);
        REQUIRE(bytes->size() == header_bytes + record_bytes * t.ops.size());
        REQUIRE(decode(*bytes) == t);
    }
}

TEST_CASE("the bytes of a trace are those that were once published") {
    const Trace t = trace_of("geometry tiny nodes=2\n"
                             "alloc_folio folio=1 size=8K from=hot nid=1 fail=0,4096\nhot_add nid=1 on=1\n"
                             "optimise_list folios=0,15\nwalker_enter folio=2 walker=3 page=31\n");
    const Bytes published{'M', 'M', 'O', 'D', 1, 2, 0, 0,                              //
                          1,   1,   1,   2,   1, 0, 0, 0,    0,  0, 0, 0, 1, 0, 1, 16, //
                          13,  0,   0,   16,  1, 0, 0, 0,    0,  0, 0, 0, 0, 0, 0, 0,  //
                          5,   0,   0,   0,   0, 0, 1, 0x80, 0,  0, 0, 0, 0, 0, 0, 0,  //
                          10,  2,   0,   0,   0, 3, 0, 0,    31, 0, 0, 0, 0, 0, 0, 0};
    CHECK(encode(t) == published);
    CHECK(decode(published) == t);
}

TEST_CASE("the bytes of a percpu trace are those that were once published") {
    const Trace t = trace_of(
        "geometry x86-64 nodes=2 cpus=0,0,1,1\n"
        "pcpu_boot static=188418 reserved=8K dyn=28K atom=2M fail=0\n"
        "pcpu_alloc area=63 bytes=32K align=8 atomic=1 fail=1,2\nmodule_load area=1 bytes=5 align=3\n"
        "pcpu_free area=2 again=1\npcpu_lookup area=2 cpu=3 page=4096\ncpu_online cpu=1 on=1\n"
        "vm_populate chunk=7 page=1 to=300 fail=9\nvm_destroy chunk=1\n");
    const Bytes published{'M', 'M', 'O', 'D', 1,    16,   0, 0,                                 //
                          16,  0,   22,  0,   0x02, 0xe0, 2, 0, 0x10, 0,  0x70, 0, 1,  0, 0, 0, //
                          17,  63,  4,   16,  0,    0x80, 0, 0, 0,    0,  0,    0, 2,  0, 3, 0, //
                          20,  1,   227, 0,   5,    0,    0, 0, 0,    0,  0,    0, 0,  0, 0, 0, //
                          18,  2,   0,   16,  0,    0,    0, 0, 0,    0,  0,    0, 0,  0, 0, 0, //
                          23,  2,   0,   0,   3,    0,    0, 0, 0,    16, 0,    0, 0,  0, 0, 0, //
                          22,  0,   0,   16,  1,    0,    0, 0, 0,    0,  0,    0, 0,  0, 0, 0, //
                          25,  7,   0,   0,   0,    0,    0, 0, 1,    0,  44,   1, 10, 0, 0, 0, //
                          27,  1,   0,   0,   0,    0,    0, 0, 0,    0,  0,    0, 0,  0, 0, 0};
    CHECK(encode(t) == published);
    CHECK(decode(published) == t);
}

TEST_CASE(
    "a byte that is no opcode stands for an operation before percpu, as it did before there was percpu") {
    const auto version = static_cast<u8>(GENERATE(1, 2));
    for (int byte = 0; byte < 256; ++byte) {
        const Op op = decode_op(fuzz_configs()[0], Record{static_cast<u8>(byte)}, version);
        INFO(byte);
        if (byte >= 1 && byte <= (version == 1 ? 28 : 31))
            CHECK(static_cast<int>(op.kind) == byte);
        else
            CHECK(op.kind == all_op_kinds[static_cast<std::size_t>(byte % 15)]);
    }
}

TEST_CASE("what percpu is asked for in earnest has a record, and so has what it refuses") {
    for (const char* geometry : {"x86-64 nodes=2 cpus=0,0,1,1", "tiny cpus=0,0", "arm64-64k"}) {
        const Config c = *parse_config(geometry);
        const pcpu::Sizes s = pcpu::sizes_of(c.geometry);
        const auto fits = [&](Op op) {
            op = canonical(op);
            INFO(print_op(c.geometry, op));
            CHECK(decode_op(c, encode_op(op)) == op);
        };
        for (u32 align = 0; align < 32; ++align)
            fits({.kind = OpKind::pcpu_alloc, .bytes = 8, .align = align});
        for (u32 align = 32; align <= 2 * s.page_bytes; align *= 2)
            for (u32 bytes = 0; bytes <= s.min_unit_bytes + 8; bytes += bytes < 64 ? 1 : s.page_bytes / 8 - 1)
                fits({.kind = OpKind::pcpu_alloc, .on = true, .bytes = bytes, .align = align});
        for (u32 atom = s.page_bytes; atom <= max_byte_atom; atom *= 2)
            fits({.kind = OpKind::pcpu_boot,
                  .page = s.module_reserve,
                  .to = s.dynamic_reserve,
                  .bytes = 5 * s.min_unit_bytes + 3,
                  .align = atom});
        for (u32 page = 0; page < 513; page += 19)
            fits({.kind = OpKind::vm_populate, .folio = 7, .page = page, .to = page + 1});
    }
}

TEST_CASE("what version 1 lacks is written as version 2, and read as version 1 where a header says so") {
    const Trace t =
        trace_of("geometry x86-64 boot=1\nboot_folio folio=3\nboot_late folios=3\nboot_up folios=3 "
                 "fail=2\noptimise folio=1 fail=1 update_fail=0,7\n");
    auto bytes = encode(t);
    REQUIRE(bytes);
    CHECK(version_of(*bytes) == u8{2});
    CHECK(decode(*bytes) == t);
    (*bytes)[4] = 1;
    const Trace old = decode(*bytes);
    CHECK(old.ops[0].kind == static_cast<OpKind>(1 + 29 % 15));
    CHECK(old.ops[1].kind == static_cast<OpKind>(1 + 30 % 15));
    CHECK(old.ops[2].kind == static_cast<OpKind>(1 + 31 % 15));
    CHECK(print_op(old.config.geometry, old.ops[3]) == "optimise folio=1 fail=1");
}

TEST_CASE("zero bytes are an operation without faults") {
    const Trace t = decode(Bytes(2 * record_bytes));
    CHECK(t.config == *parse_config("x86-64"));
    CHECK(t.ops == std::vector<Op>(2, Op{.kind = OpKind::alloc_folio}));
}

TEST_CASE("rows of the geometry table stand for distinct machines that exist") {
    std::set<std::string> lines;
    for (std::size_t row = 0; row < fuzz_configs().size(); ++row) {
        const Config& c = fuzz_configs()[row];
        CHECK(why_impossible(c).empty());
        lines.insert(print_config(c));
        CHECK(fuzz_config_row(c) == static_cast<u8>(row));
    }
    CHECK(lines.size() == fuzz_configs().size());
    const std::vector<std::string> first{"x86-64", "tiny", "tiny nodes=2", "x86-64 nodes=2", "x86-64 boot=1"};
    for (std::size_t row = 0; row < first.size(); ++row)
        CHECK(print_config(fuzz_configs()[row]) == first[row]);
}

TEST_CASE("a geometry byte past the table folds into it, and only a header has one") {
    const auto nr = static_cast<u8>(fuzz_configs().size());
    CHECK(decode(encode_header(static_cast<u8>(nr + 1))).config == fuzz_configs()[1]);
    CHECK(decode(Bytes{}).config == fuzz_configs()[0]);
    CHECK(decode(Bytes{'M', 'M', 'O', 'D', 1, 2}) == Trace{});
}

TEST_CASE("magic tells bytes from text, and the version is there to be refused") {
    const auto bytes = encode(trace_of("geometry tiny\n"));
    REQUIRE(bytes);
    CHECK(looks_like_bytes(*bytes));
    CHECK(version_of(*bytes) == u8{1});
    const std::string text = print_trace(Trace{});
    const Bytes text_bytes(text.begin(), text.end());
    CHECK_FALSE(looks_like_bytes(text_bytes));
    CHECK_FALSE(version_of(text_bytes));
    CHECK_FALSE(looks_like_bytes(Bytes{'M', 'M', 'O'}));
    CHECK(version_of(Bytes{'M', 'M', 'O', 'D', 7, 0, 0, 0}) == u8{7});
}

TEST_CASE("a trailing partial record and records past the limit are ignored") {
    Bytes bytes(record_bytes + record_bytes - 1);
    CHECK(decode(bytes).ops.size() == 1);
    bytes.resize((max_decoded_ops + 3) * record_bytes);
    CHECK(decode(bytes).ops.size() == max_decoded_ops);
}

TEST_CASE("what bytes cannot hold is refused with the reason, and the expectation is left behind") {
    CHECK(refusal("geometry tiny nodes=3\n") == "no fuzz byte stands for geometry 'tiny nodes=3'");
    CHECK(refusal("geometry tiny\nsabotage skip\n") == "fuzz bytes have no sabotage, and this trace has one");
    CHECK(refusal("geometry tiny\noptimise folio=1 fail=4097\n") ==
          "fuzz bytes have no record for 'optimise folio=1 fail=4097'");
    CHECK(refusal("geometry tiny\nrestore folio=1 frames=40\n") ==
          "fuzz bytes have no record for 'restore folio=1 frames=40'");
    CHECK(refusal("geometry tiny\nwalker_enter page=32\n") ==
          "fuzz bytes have no record for 'walker_enter folio=0 page=32'");
    CHECK(refusal("geometry tiny\npcpu_alloc bytes=1025 align=4\n") ==
          "fuzz bytes have no record for 'pcpu_alloc area=0 bytes=1025 align=4'");
    CHECK(refusal("geometry tiny\npcpu_alloc bytes=4 align=33\n") ==
          "fuzz bytes have no record for 'pcpu_alloc area=0 bytes=4 align=33'");
    CHECK(refusal("geometry arm64-64k\npcpu_boot static=8K atom=512M\n") ==
          "fuzz bytes have no record for 'pcpu_boot static=8K atom=512M'");
    CHECK(refusal("geometry tiny\npcpu_boot static=1K reserved=7 atom=256\n") ==
          "fuzz bytes have no record for 'pcpu_boot static=1K reserved=7 atom=256'");
    CHECK(refusal("geometry tiny\nvm_populate page=0 to=8193\n") ==
          "fuzz bytes have no record for 'vm_populate chunk=0 to=8193'");
    std::string long_text = "geometry tiny\n";
    for (std::size_t i = 0; i <= max_decoded_ops; ++i) long_text += "sysctl\n";
    CHECK(refusal(long_text) == "trace of 513 operations; fuzz bytes hold 512");

    Trace t = trace_of("geometry tiny\noptimise folio=1 fail=4096\nexpect ok\n");
    const auto bytes = encode(t);
    REQUIRE(bytes);
    t.expect.clear();
    CHECK(decode(*bytes) == t);
}

TEST_CASE("most random faults are small enough to fire") {
    Random random(3);
    int any = 0, small = 0;
    for (int i = 0; i < 10'000; ++i) {
        Record r{static_cast<u8>(OpKind::optimise)};
        r[12] = static_cast<u8>(random());
        r[13] = static_cast<u8>(random());
        const Op op = decode_op(fuzz_configs()[0], r);
        any += op.fail.any();
        small += op.fail.nth[0] < 32;
    }
    CHECK(any > 9'000);
    CHECK(small > 8'000);
}

TEST_CASE("a mutation keeps to its room, writes whole records, and is the same for the same seed") {
    Random random(4);
    for (unsigned i = 0; i < 20'000; ++i) {
        const Bytes before = gen_bytes(random, 400);
        const std::size_t max_size = before.size() + below(random, 100);
        const Bytes after = mutated(before, max_size, i);
        REQUIRE(after.size() <= max_size);
        REQUIRE(after == mutated(before, max_size, i));
        if (max_size < header_bytes + record_bytes) continue;
        REQUIRE(version_of(after).value_or(0) <= bytes_version);
        REQUIRE((after.size() - header_bytes) % record_bytes == 0);
        REQUIRE(encode(decode(after)));
    }
}

TEST_CASE("every mutation changes what the bytes decode to, where there is room for another operation") {
    Random random(5);
    int unchanged = 0;
    for (unsigned i = 0; i < 10'000; ++i) {
        const Bytes before = gen_bytes(random, 400);
        unchanged += decode(mutated(before, 1000, i)) == decode(before);
    }
    CHECK(unchanged == 0);
}

TEST_CASE("mutations reach every kind of operation, more and fewer operations, faults and other machines") {
    const auto start =
        encode(trace_of("geometry tiny\nalloc_folio folio=1\noptimise folio=1\nfree_folio folio=1\n"));
    REQUIRE(start);
    std::set<OpKind> kinds;
    std::set<std::size_t> sizes;
    std::set<std::string> machines;
    int faults = 0;
    for (unsigned seed = 0; seed < 5'000; ++seed) {
        const Trace t = decode(mutated(*start, 4096, seed));
        sizes.insert(t.ops.size());
        machines.insert(print_config(t.config));
        for (const Op& op : t.ops) kinds.insert(op.kind), faults += op.fail.any();
    }
    CHECK(kinds.size() == all_op_kinds.size());
    CHECK(*sizes.begin() == 0);
    CHECK(*sizes.rbegin() >= 6);
    CHECK(machines.size() == fuzz_configs().size());
    CHECK(faults > 200);
}

TEST_CASE("a mutation keeps most operations as they were") {
    Random random(6);
    Bytes records(20 * record_bytes);
    for (u8& b : records) b = static_cast<u8>(random());
    const Trace before = decode(records);
    const auto bytes = encode(before);
    REQUIRE(bytes);
    std::size_t kept = 0;
    constexpr unsigned tries = 2'000;
    for (unsigned seed = 0; seed < tries; ++seed) {
        const Trace after = decode(mutated(*bytes, 4096, seed));
        for (const Op& op : before.ops) kept += std::ranges::count(after.ops, op) > 0;
    }
    CHECK(kept > before.ops.size() * tries * 7 / 10);
}

TEST_CASE("crossing two traces over keeps the first one's machine and operations of both") {
    const auto a = encode(trace_of("geometry tiny nodes=2\noptimise folio=1\noptimise folio=2\n"));
    const auto b = encode(trace_of("geometry x86-64\nrestore folio=3\nrestore folio=4\nrestore folio=5\n"));
    REQUIRE(a);
    REQUIRE(b);
    int mixed = 0;
    for (unsigned seed = 0; seed < 1'000; ++seed) {
        Bytes out(80);
        out.resize(cross_over(a->data(), a->size(), b->data(), b->size(), out.data(), out.size(), seed));
        const Trace t = decode(out);
        REQUIRE(t.config == *parse_config("tiny nodes=2"));
        REQUIRE(encode(t) == out);
        const auto has = [&](OpKind k) { return std::ranges::find(t.ops, k, &Op::kind) != t.ops.end(); };
        mixed += has(OpKind::optimise) && has(OpKind::restore);
    }
    CHECK(mixed > 500);
}

TEST_CASE("each sabotage has a mark of its own, and the mark is no part of what bytes decode to") {
    std::map<u16, std::string_view> seen;
    for (const SabotageName& s : sabotage_names) {
        INFO(s.name);
        const u16 mark = sabotage_mark(s.name);
        CHECK(mark != 0);
        CHECK(seen.emplace(mark, s.name).second);
        auto bytes = *encode(*parse_trace("mmodel trace 1\ngeometry tiny\nalloc_folio folio=1\n"));
        const Trace before = decode(bytes);
        CHECK(sabotage_mark_in(bytes) == 0);
        mark_sabotage(bytes, s.name);
        CHECK(sabotage_mark_in(bytes) == mark);
        CHECK(decode(bytes) == before);
    }
    CHECK(sabotage_mark_in({}) == 0);
}

} // namespace mmodel
