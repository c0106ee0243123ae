// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/ops/trace.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <random>

#include "fuzz/ops/bytes.hpp"

namespace mmodel {
namespace {

using Random = std::mt19937_64;

u64 below(Random& random, u64 n) { return random() % n; }

u16 gen_fault(Random& random) {
    return static_cast<u16>(below(random, below(random, 2) ? 8 : u64{max_fault} + 1));
}

Op gen_op(Random& random, const Config& c) {
    Op op{.kind = all_op_kinds[below(random, all_op_kinds.size())]};
    for (const Field f : number_fields)
        if (fields_of(op.kind) & f) set_field(op, f, below(random, nr_values(c, f)));
    for (u16& nth : op.fail.nth)
        if (below(random, 2)) nth = gen_fault(random);
    for (u64 n = below(random, 4) ? 0 : below(random, max_named_frames + 1); n-- > 0;)
        op.frames.nth[n] = static_cast<u32>(below(random, no_frame));
    return canonical(op);
}

Trace gen_trace(Random& random) {
    Trace t{.config = fuzz_configs()[below(random, fuzz_configs().size())]};
    if (below(random, 4) == 0) t.sabotage = "skip_tlb_flush";
    if (below(random, 4) == 0) t.stale = 1 + static_cast<u32>(below(random, 4));
    for (u64 n = below(random, 12); n > 0; --n) t.ops.push_back(gen_op(random, t.config));
    const u64 claim = below(random, 3);
    if (claim) t.expect = claim == 1 ? "ok" : "inv_tail_vmemmap_is_read_only";
    return t;
}

const std::string tiny = "mmodel trace 1\ngeometry tiny\n";
const std::string x86 = "mmodel trace 1\ngeometry x86-64 nodes=2\n";

Trace parsed(const std::string& text) {
    const auto t = parse_trace(text);
    INFO(text);
    INFO((t ? "" : print_error(t.error())));
    REQUIRE(t);
    return *t;
}

std::string error_of(const std::string& text) {
    const auto t = parse_trace(text);
    INFO(text.substr(0, 400));
    REQUIRE_FALSE(t);
    return print_error(t.error());
}

std::string mutated(Random& random, std::string text) {
    for (u64 n = 1 + below(random, 4); n > 0 && !text.empty(); --n) {
        const auto at = below(random, text.size());
        const auto from = below(random, text.size());
        const auto nr = below(random, 30);
        switch (below(random, 5)) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.erase(at, 1 + nr / 4); break;
        case 2: text.insert(at, 1, "0123456789=, \n\r#"[nr % 17]); break;
        case 3: text.insert(at, text.substr(from, nr)); break;
        case 4: text.resize(at); break;
        }
    }
    return text;
}

} // namespace

TEST_CASE("10000 pseudo-random canonical traces read back from their text as they were") {
    Random random(1);
    for (int i = 0; i < 10'000; ++i) {
        const Trace t = gen_trace(random);
        const auto back = parse_trace(print_trace(t));
        INFO(print_trace(t));
        INFO((back ? "" : print_error(back.error())));
        REQUIRE(back);
        REQUIRE(*back == t);
    }
}

TEST_CASE("100000 mutated texts give a trace that prints and reads back, or an error inside the text") {
    Random random(2);
    int accepted = 0, refused = 0;
    for (int i = 0; i < 100'000; ++i) {
        const std::string text = mutated(random, print_trace(gen_trace(random)));
        const auto t = parse_trace(text);
        if (t) {
            ++accepted;
            REQUIRE(parse_trace(print_trace(*t)) == *t);
            continue;
        }
        ++refused;
        const auto lines = static_cast<u64>(std::ranges::count(text, '\n')) + 1;
        INFO(text);
        INFO(print_error(t.error()));
        REQUIRE(t.error().line >= 1);
        REQUIRE(t.error().line <= lines + 1);
        REQUIRE(t.error().column >= 1);
        REQUIRE(t.error().column <= text.size() + 1);
        REQUIRE(t.error().what.size() > 10);
        REQUIRE(t.error().what.size() < 600);
        const auto printable = [](char c) { return c >= 0x20 && c <= 0x7e; };
        REQUIRE(std::ranges::all_of(t.error().what, printable));
    }
    CHECK(accepted > 4'000);
    CHECK(refused > 50'000);
}

TEST_CASE("an operation prints the fields that it uses and that are not zero, and its slot always") {
    const Geometry g = parse_config("x86-64")->geometry;
    CHECK(print_op(g, {.kind = OpKind::optimise}) == "optimise folio=0");
    CHECK(print_op(g, {.kind = OpKind::optimise, .folio = 1, .fail = {{5, 2}}}) ==
          "optimise folio=1 fail=2,5");
    CHECK(print_op(g, {.kind = OpKind::alloc_folio, .folio = 3, .size = 1, .from = From::boot, .nid = 1}) ==
          "alloc_folio folio=3 size=1G from=boot nid=1");
    CHECK(print_op(g, {.kind = OpKind::restore_list, .folio = 9, .folios = 0b101001}) ==
          "restore_list folios=0,3,5");
    CHECK(print_op(g, {.kind = OpKind::walker_enter, .walker = 2, .page = 511}) ==
          "walker_enter folio=0 walker=2 page=511");
    CHECK(print_op(g, {.kind = OpKind::sysctl, .on = true}) == "sysctl on=1");
    CHECK(print_op(g, {.kind = OpKind::optimise_list}) == "optimise_list");
    CHECK(print_op(parse_config("tiny")->geometry, {.kind = OpKind::alloc_lru, .size = 1}) ==
          "alloc_lru folio=0 size=8K");
    CHECK(print_op(
              g, {.kind = OpKind::pcpu_boot, .page = 8192, .to = 28672, .bytes = 188416, .align = 2 << 20}) ==
          "pcpu_boot static=184K reserved=8K dyn=28K atom=2M");
    CHECK(print_op(g, {.kind = OpKind::pcpu_boot, .on = true, .bytes = 1001}) ==
          "pcpu_boot static=1001 paged=1");
    CHECK(
        print_op(
            g, {.kind = OpKind::pcpu_alloc, .on = true, .bytes = 100, .align = 8, .fail = {{3, no_fault}}}) ==
        "pcpu_alloc area=0 bytes=100 align=8 atomic=1 fail=3");
    CHECK(print_op(g, {.kind = OpKind::pcpu_free, .folio = 63, .on = true}) == "pcpu_free area=63 again=1");
    CHECK(print_op(g, {.kind = OpKind::pcpu_lookup, .folio = 2, .nid = 3, .page = 77}) ==
          "pcpu_lookup area=2 cpu=3 page=77");
    CHECK(print_op(g, {.kind = OpKind::cpu_online, .nid = 1, .on = true}) == "cpu_online cpu=1 on=1");
    CHECK(print_op(g, {.kind = OpKind::vm_populate, .folio = 1, .page = 2, .to = 9}) ==
          "vm_populate chunk=1 page=2 to=9");
}

TEST_CASE("every operation prints a line that reads back as that operation alone") {
    for (const OpKind kind : all_op_kinds) {
        const Trace t{.config = *parse_config("tiny"), .ops = {{.kind = kind}}};
        CHECK(parsed(tiny + print_op(t.config.geometry, t.ops[0]) + "\n") == t);
    }
}

TEST_CASE("a whole trace prints in the order header, geometry, sabotage, stale, operations, expect") {
    const Trace t{.config = *parse_config("tiny nodes=2"),
                  .sabotage = "skip_smp_wmb",
                  .stale = 2,
                  .ops = {{.kind = OpKind::optimise, .folio = 1}},
                  .expect = "inv_x"};
    const std::string text = "mmodel trace 1\ngeometry tiny nodes=2\nsabotage skip_smp_wmb\nstale "
                             "2\noptimise folio=1\nexpect inv_x\n";
    CHECK(print_trace(t) == text);
    CHECK(parsed(text) == t);
}

TEST_CASE(
    "comments, blank lines, CRLF, extra spaces, field order and a missing last line end change nothing") {
    const Trace plain = parsed(x86 + "alloc_folio folio=1 size=1G nid=1 fail=2,5\nexpect ok\n");
    CHECK(parsed("mmodel trace 1\r\n\r\n# why\r\ngeometry  x86-64   nodes=2 # two\r\n\r\n"
                 "  alloc_folio fail=5,2 nid=1  size=1024M folio=1  #here\r\nexpect ok\r\n# end\r\n") ==
          plain);
    CHECK(parsed(x86 + "alloc_folio folio=1 size=1G nid=1 fail=2,5\nexpect ok") == plain);
    CHECK(parsed("mmodel trace 1 # one\ngeometry x86-64 memory=4G nodes=2\n"
                 "alloc_folio folio=01 size=1G from=buddy nid=1 fail=2,5\n# caf\xc3\xa9\nexpect ok  ") ==
          plain);
}

TEST_CASE("every error says where it is, what was seen and what was wanted") {
    const auto expect = [](const std::string& text, const std::string& message) {
        CHECK(error_of(text) == message);
    };
    SECTION("the header") {
        expect("", "line 1, column 1: a trace starts with 'mmodel trace 1', not with an empty line");
        expect("geometry tiny\n",
               "line 1, column 1: a trace starts with 'mmodel trace 1', not with 'geometry tiny'");
        expect(std::string("MMOD\1\0\0\0", 8),
               "line 1, column 1: a trace starts with 'mmodel trace 1', not with 'MMOD\\x01\\x00\\x00\\x00'");
        expect("mmodel trace\n",
               "line 1, column 1: a trace starts with 'mmodel trace 1', not with 'mmodel trace'");
        expect("mmodel trace 2\n", "line 1, column 14: format version 2 is newer than this mmodel reads (1)");
        expect("mmodel trace 99999999999999999999\n",
               "line 1, column 14: format version 99999999999999999999 is newer than this mmodel reads (1)");
        expect("mmodel trace 0\n", "line 1, column 14: format version 0 was never written; wanted 1");
        expect("mmodel trace x\n", "line 1, column 14: format version 'x' is not a number; wanted 1");
        expect("mmodel trace 1 2\n",
               "line 1, column 16: '2' follows the format version; wanted the end of the line");
    }
    SECTION("the geometry, the sabotage and the expectation") {
        expect("mmodel trace 1\n",
               "line 2, column 1: the text ends without a geometry; wanted a line such as 'geometry x86-64'");
        expect("mmodel trace 1\noptimise folio=1\n",
               "line 2, column 1: 'optimise' comes before the geometry; wanted 'geometry ...' first");
        expect("mmodel trace 1\nexpect ok\n",
               "line 2, column 1: expect comes before the geometry; wanted 'geometry ...' first");
        expect("mmodel trace 1\ngeometry\n",
               "line 2, column 1: the line ends after 'geometry'; wanted one such as 'x86-64'");
        CHECK_THAT(
            error_of("mmodel trace 1\ngeometry vax\n"),
            Catch::StartsWith("line 2, column 10: geometry 'vax': unknown geometry 'vax'; known: x86-64"));
        expect("mmodel trace 1\ngeometry tiny nodes=9\n",
               "line 2, column 10: geometry 'tiny nodes=9': nodes must be 1 to 4");
        expect("mmodel trace 1\ngeometry tiny nodes=1 nodes=2\n",
               "line 2, column 23: geometry has 'nodes' twice");
        expect("mmodel trace 1\ngeometry t\xffny\n",
               "line 2, column 10: geometry has 't\\xffny'; wanted words such as 'x86-64' or 'nodes=2'");
        expect(tiny + "geometry tiny\n",
               "line 3, column 1: geometry is given twice; wanted one geometry line");
        expect(tiny + "sabotage\n", "line 3, column 9: sabotage wants a name, not ''");
        expect(tiny + "sabotage a=b\n", "line 3, column 10: sabotage wants a name, not 'a=b'");
        expect(tiny + "sabotage a b\n",
               "line 3, column 12: 'b' follows the sabotage; wanted the end of the line");
        expect(tiny + "sabotage a\nsabotage b\n",
               "line 4, column 1: sabotage is given twice; wanted at most one");
        expect(tiny + "optimise\nsabotage b\n",
               "line 4, column 1: sabotage comes after an operation; wanted before the first");
        expect(tiny + "stale 0\n", "line 3, column 7: stale wants a number from 1 on, not '0'");
        expect(tiny + "stale\n", "line 3, column 6: stale wants a number from 1 on, not ''");
        expect(tiny + "stale 4294967296\n",
               "line 3, column 7: stale wants a number from 1 on, not '4294967296'");
        expect(tiny + "stale 1 2\n", "line 3, column 9: '2' follows the number; wanted the end of the line");
        expect(tiny + "stale 1\nstale 2\n", "line 4, column 1: stale is given twice; wanted at most one");
        expect(tiny + "optimise\nstale 1\n",
               "line 4, column 1: stale comes after an operation; wanted before the first");
        expect(tiny + "expect fine\n",
               "line 3, column 8: expect wants 'ok' or an invariant (inv_...), not 'fine'");
        expect(tiny + "expect ok\n# fine\noptimise folio=1\n",
               "line 5, column 1: 'optimise' follows the expect line; wanted nothing");
    }
    SECTION("operations and their fields") {
        expect(
            tiny + "optimize folio=1\n",
            "line 3, column 1: unknown operation 'optimize'; known: alloc_folio free_folio optimise restore "
            "optimise_list restore_list sysctl alloc_lru free_lru walker_enter walker_try_get walker_leave "
            "hot_add "
            "take_pages give_pages boot_folio boot_late boot_up pcpu_boot pcpu_alloc pcpu_free pcpu_balance "
            "module_load module_unload "
            "cpu_online pcpu_lookup vm_create vm_populate vm_depopulate vm_destroy vm_should_reclaim");
        expect(tiny + "optimise folio=1 nid=0\n",
               "line 3, column 18: optimise has no 'nid'; it takes: folio fail update_fail frames");
        expect(tiny + "optimise fol\n",
               "line 3, column 10: optimise has no 'fol'; it takes: folio fail update_fail frames");
        expect(tiny + "optimise folio=1 frames=4,\n",
               "line 3, column 27: frames: the list ends in a comma; wanted up to 16 frame numbers, 0 to "
               "4294967294, as in 40,41");
        expect(tiny + "optimise folio=1 frames=0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6\n",
               "line 3, column 57: frames: '6' is one too many; wanted at most 16");
        expect(tiny + "optimise folio=1 folio=1\n",
               "line 3, column 18: 'folio' is given twice; wanted it once");
        expect(tiny + "optimise folio=",
               "line 3, column 16: 'folio=' ends before its value; wanted a whole number, 0 to 15");
        expect(tiny + "optimise folio",
               "line 3, column 15: 'folio' ends before its value; wanted a whole number, 0 to 15");
        expect(tiny + "optimise folio=-1\n",
               "line 3, column 16: folio: '-1' is not a whole number; wanted a whole number, 0 to 15");
        expect(tiny + "optimise folio=16\n",
               "line 3, column 16: folio: '16' is out of range; wanted a whole number, 0 to 15");
        expect(tiny + "optimise folio=18446744073709551616\n",
               "line 3, column 16: folio: '18446744073709551616' does not fit 64 bits; wanted a whole "
               "number, 0 to 15");
        expect(tiny + "walker_leave walker=4\n",
               "line 3, column 21: walker: '4' is out of range; wanted a whole number, 0 to 3");
        expect(x86 + "give_pages nid=2\n",
               "line 3, column 16: nid: '2' is out of range; wanted a whole number, 0 to 1");
        expect(tiny + "sysctl on=2\n",
               "line 3, column 11: on: '2' is out of range; wanted a whole number, 0 to 1");
        expect(
            tiny + "take_pages page=4294967296\n",
            "line 3, column 17: page: '4294967296' is out of range; wanted a whole number, 0 to 4294967295");
        expect(x86 + "alloc_folio size=3M\n",
               "line 3, column 18: size: there is no '3M'; wanted a huge page size of x86-64: 2M 1G");
        expect(tiny + "alloc_folio size=2M\n",
               "line 3, column 18: size: there is no '2M'; wanted a huge page size of tiny: 2K 8K");
        expect(tiny + "alloc_folio from=slab\n",
               "line 3, column 18: from: there is no 'slab'; wanted buddy, boot or hot");
    }
    SECTION("operations of the percpu allocator") {
        const std::string bytes = "; wanted bytes, such as 64 or 8K, 0 to 4294967295";
        expect(tiny + "pcpu_alloc folio=1\n",
               "line 3, column 12: pcpu_alloc has no 'folio'; it takes: fail area bytes align atomic frames");
        expect(tiny + "pcpu_boot size=1K\n",
               "line 3, column 11: pcpu_boot has no 'size'; it takes: fail static reserved dyn atom paged");
        expect(tiny + "pcpu_alloc bytes=4G\n", "line 3, column 18: bytes: '4G' is out of range" + bytes);
        expect(tiny + "pcpu_alloc bytes=x\n", "line 3, column 18: bytes: 'x' is no size" + bytes);
        expect(tiny + "pcpu_alloc bytes=8KK\n", "line 3, column 18: bytes: '8KK' is no size" + bytes);
        expect(tiny + "pcpu_boot atom=99999999999999999999\n",
               "line 3, column 16: atom: '99999999999999999999' does not fit 64 bits; wanted bytes, such as "
               "64 or "
               "8K, 0 to 4294967295");
        expect(tiny + "pcpu_boot dyn=99999999999T\n",
               "line 3, column 15: dyn: '99999999999T' does not fit 64 bits" + bytes);
        expect(tiny + "pcpu_boot dyn=\n", "line 3, column 15: 'dyn=' ends before its value" + bytes);
        expect(tiny + "pcpu_free area=64\n",
               "line 3, column 16: area: '64' is out of range; wanted a whole number, 0 to 63");
        expect(tiny + "vm_create chunk=8\n",
               "line 3, column 17: chunk: '8' is out of range; wanted a whole number, 0 to 7");
        expect(tiny + "pcpu_lookup cpu=2\n",
               "line 3, column 17: cpu: '2' is out of range; wanted a whole number, 0 to 1");
        expect(tiny + "pcpu_balance on=1\n",
               "line 3, column 14: pcpu_balance has no 'on'; it takes: fail frames");
        expect(tiny + "vm_populate to=-1\n",
               "line 3, column 16: to: '-1' is not a whole number; wanted a whole number, 0 to 4294967295");
    }
    SECTION("lists") {
        const std::string faults = "; wanted one or two numbers, 0 to 65534, as in 2,5";
        const std::string slots = "; wanted folio slots, 0 to 15, as in 0,3,5";
        expect(tiny + "optimise fail=65535\n", "line 3, column 15: fail: '65535' is out of range" + faults);
        expect(tiny + "optimise fail=1,2,3\n",
               "line 3, column 19: fail: '3' is one too many; wanted at most 2");
        expect(tiny + "optimise fail=2,2\n", "line 3, column 17: fail: '2' is listed twice");
        expect(tiny + "optimise fail=2,\n", "line 3, column 17: fail: the list ends in a comma" + faults);
        expect(tiny + "optimise fail=,2\n", "line 3, column 15: fail: '' is not a whole number" + faults);
        expect(tiny + "optimise_list folios=1,16\n",
               "line 3, column 24: folios: '16' is out of range" + slots);
        expect(tiny + "optimise_list folios=3,3\n", "line 3, column 24: folios: '3' is listed twice");
        expect(tiny + "optimise_list folios=3,\n",
               "line 3, column 24: folios: the list ends in a comma" + slots);
    }
    SECTION("bytes that are no text") {
        const std::string wanted = "; wanted printable text, with spaces between words";
        expect(tiny + "optimise" + '\0' + "\n", "line 3, column 9: control byte \\x00" + wanted);
        expect(tiny + "optimise\tfolio=1\n", "line 3, column 9: control byte \\x09" + wanted);
        expect(tiny + "# \x1b[31m\n", "line 3, column 3: control byte \\x1b" + wanted);
        expect(tiny + "opti\rmise\n", "line 3, column 5: control byte \\x0d" + wanted);
        expect(tiny + "caf\xc3\xa9\n",
               "line 3, column 1: unknown operation 'caf\\xc3\\xa9'" + error_of(tiny + "x").substr(39));
        CHECK_THAT(error_of(tiny + std::string(50, 'x') + "\n"),
                   Catch::Contains("'" + std::string(40, 'x') + "...'; known:"));
    }
}

TEST_CASE("what is one too long is refused, and what just fits is not") {
    CHECK(parse_trace(tiny + "#" + std::string(max_line_bytes - 1, 'x') + "\r\n"));
    CHECK(error_of(tiny + "#" + std::string(max_line_bytes, 'x') + "\n") ==
          "line 3, column 4097: line of 4097 bytes; wanted at most 4096");
    CHECK(error_of(std::string(max_trace_bytes + 1, '\n')) ==
          "line 1, column 1: text of 67108865 bytes; wanted at most 67108864");
    CHECK(parse_trace(tiny + "expect inv_" + std::string(max_name_bytes - 4, 'x')));
    CHECK_FALSE(parse_trace(tiny + "expect inv_" + std::string(max_name_bytes - 3, 'x')));
}

TEST_CASE("a million operations are read in less than ten seconds, and one more is refused") {
    std::string text = tiny;
    while (text.size() < tiny.size() + max_trace_ops * 26) text += "optimise folio=11 fail=25\n";
    const auto start = std::chrono::steady_clock::now();
    const auto t = parse_trace(text);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    REQUIRE(t);
    CHECK(t->ops.size() == max_trace_ops);
    CHECK(took.count() < 10); // 0.2 s on an idle machine; ten, for sanitizers on a busy one
    CHECK(error_of(text + "restore\n") ==
          "line 1000003, column 1: operation 1000001; wanted at most 1000000");
}

} // namespace mmodel
