// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/targets/harness.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fuzz/ops/bytes.hpp"
#include "fuzz/ops/shell.hpp"
#include "spec/judge/check.hpp"

namespace mmodel::harness {
namespace {

namespace fs = std::filesystem;
using spec::Inv;

std::vector<u8> bytes_of(const std::string& lines, const std::string& geometry = "tiny") {
    const auto t = parse_trace("mmodel trace 1\ngeometry " + geometry + "\n" + lines);
    REQUIRE(t);
    const auto bytes = encode(*t);
    REQUIRE(bytes);
    return *bytes;
}

std::optional<Found> judged(const std::string& lines, Sabotage planted, const InvSet& allowed = {},
                            const std::string& geometry = "tiny") {
    Tally tally;
    return judge(bytes_of(lines, geometry), {Subsystem::both, planted}, allowed, tally);
}

InvSet only(Inv i) { return InvSet{}.set(static_cast<std::size_t>(i)); }

std::string content_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

// A directory of its own, gone with the test.
struct Scratch {
    fs::path dir;
    Scratch() {
        std::string name = (fs::temp_directory_path() / "mmodel-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()));
        dir = name;
    }
    ~Scratch() { fs::remove_all(dir); }
};

constexpr Target both{.subsystem = Subsystem::both};

const std::string leaky = "alloc_folio folio=1\nalloc_folio folio=0\noptimise folio=0\nrestore folio=0\n";

} // namespace

TEST_CASE("a target runs the operations that belong to it, and memory pressure") {
    const std::vector<u8> input =
        bytes_of("alloc_folio folio=0\npcpu_boot static=256 dyn=256 atom=256\ntake_pages page=3\n"
                 "pcpu_alloc area=0 bytes=8\noptimise folio=0\ngive_pages\n");
    const auto nr_run = [&](Subsystem s) {
        Tally t;
        (void)judge(input, {.subsystem = s}, {}, t);
        return t.nr_ops + t.nr_disabled;
    };
    CHECK(nr_run(Subsystem::both) == 6);
    CHECK(nr_run(Subsystem::hvo) == 4);
    CHECK(nr_run(Subsystem::percpu) == 4);
}

TEST_CASE("an input that breaks nothing is counted and finds nothing") {
    Tally t;
    CHECK_FALSE(judge(bytes_of("alloc_folio folio=0\noptimise folio=0\noptimise folio=9\n"), both, {}, t));
    CHECK(t.nr_inputs == 1);
    CHECK(t.nr_ops == 2);
    CHECK(t.nr_disabled == 1);
    CHECK(t.nr_events > 0);
    CHECK_FALSE(judge({}, both, {}, t));
    CHECK(t.nr_inputs == 2);
}

TEST_CASE("an input is judged alike however often, whatever ran before it") {
    const auto first = judged(leaky, Sabotage::leak_page);
    REQUIRE(first);
    CHECK_FALSE(judged(leaky, Sabotage::none));
    const auto second = judged(leaky, Sabotage::leak_page);
    REQUIRE(second);
    CHECK(first->trace == second->trace);
    CHECK(first->violation.inv == second->violation.inv);
}

TEST_CASE(
    "what is found is a trace that ends with the violation, and its minimum breaks the same invariant") {
    const auto found = judged(leaky, Sabotage::leak_page);
    REQUIRE(found);
    CHECK(found->violation.inv == Inv::no_page_is_leaked);
    CHECK(found->trace.sabotage == "leak_page");
    CHECK(found->trace.ops.size() == 3);
    const Found least = minimal(*found);
    CHECK(least.trace.ops.size() == 2);
    CHECK(least.trace.expect == "inv_no_page_is_leaked");
    const auto again = spec::check_sequence(least.trace.config, least.trace.ops, Sabotage::leak_page);
    REQUIRE(again.violation);
    CHECK(again.violation->inv == Inv::no_page_is_leaked);
}

TEST_CASE("a run goes on past an allowed violation, and what it finds behind it needs no such operation") {
    // no_split_page breaks on memory that was hot-added only; leaving out optimise folio=0 leaves the rest
    // well.
    const std::string lines = "hot_add\nalloc_folio folio=0 from=hot\noptimise folio=0\nalloc_folio folio=1 "
                              "from=hot\noptimise folio=1\n";
    const InvSet known = only(Inv::high_order_block_is_split_before_its_pages_are_freed);
    CHECK(judged(lines, Sabotage::no_split_page));
    Tally t;
    CHECK_FALSE(judge(bytes_of(lines), {Subsystem::hvo, Sabotage::no_split_page}, known, t));
    CHECK(t.nr_left_out == 2);

    const auto behind = judged(leaky + "free_folio folio=0\n", Sabotage::leak_page, known);
    REQUIRE(behind);
    CHECK(behind->violation.inv == Inv::no_page_is_leaked);
    CHECK_FALSE(judged(leaky, Sabotage::leak_page, only(Inv::no_page_is_leaked)));
}

TEST_CASE("an operation that was left out is not in the trace of what is found later") {
    // One sabotage, two invariants: the restore leaks a page; a rolled back optimise leaves folio 0 with a
    // page twice.
    const std::string leak = "alloc_folio folio=1\noptimise folio=1\nrestore folio=1\n";
    const std::string rollback = "alloc_folio folio=0 size=1G\noptimise folio=0 fail=2\n";
    const auto first = judged(leak + rollback, Sabotage::shared_restore, {}, "x86-64");
    REQUIRE(first);
    CHECK(first->violation.inv == Inv::no_page_is_leaked);
    const auto second =
        judged(leak + rollback, Sabotage::shared_restore, only(Inv::no_page_is_leaked), "x86-64");
    REQUIRE(second);
    CHECK(second->violation.inv == Inv::plain_folio_has_pages_of_its_own);
    CHECK(second->trace.ops.size() == 4); // all but the restore
    const auto again =
        spec::check_sequence(second->trace.config, second->trace.ops, Sabotage::shared_restore);
    REQUIRE(again.violation);
    CHECK(again.violation->inv == Inv::plain_folio_has_pages_of_its_own);
    CHECK(again.op_idx == 3);
}

TEST_CASE("a report has the invariant, its sentence, the trace and a command") {
    const Found least = minimal(*judged(leaky, Sabotage::leak_page));
    const std::string with_file = report(least, 3, "dir/x.trace"), without = report(least, 3, "");
    for (const std::string& text : {with_file, without}) {
        CHECK(text.find("==== mmodel: inv_no_page_is_leaked\n") != text.npos);
        CHECK(text.find(spec::fact(Inv::no_page_is_leaked).sentence) != text.npos);
        CHECK(text.find(print_trace(least.trace)) != text.npos);
    }
    const std::string whole = path_word("dir/x.trace");
    CHECK(whole.starts_with("/"));
    CHECK(with_file.find("mmodel replay " + whole + "\n") != with_file.npos);
    CHECK(without.find("mmodel replay -\n") != without.npos);
}

TEST_CASE("an artifact is named by its invariant and holds the trace") {
    const Scratch scratch;
    const Found least = minimal(*judged(leaky, Sabotage::leak_page));
    const auto path = write_artifact(least, scratch.dir);
    REQUIRE(path);
    CHECK(*path == scratch.dir / "inv_no_page_is_leaked.trace");
    CHECK(content_of(*path) == print_trace(least.trace));
}

TEST_CASE("what ran is kept as bytes that decode to it and say how the model was broken") {
    const Scratch scratch;
    const Found found = *judged(leaky, Sabotage::leak_page);
    const auto path = write_bytes(found, scratch.dir);
    REQUIRE(path);
    CHECK(*path == scratch.dir / "inv_no_page_is_leaked.bytes");
    const std::string text = content_of(*path);
    const std::span bytes(reinterpret_cast<const u8*>(text.data()), text.size());
    CHECK(decode(bytes).ops == found.trace.ops);
    CHECK(decode(bytes).config == found.trace.config);
    CHECK(sabotage_mark_in(bytes) == sabotage_mark("leak_page"));
}

TEST_CASE("an artifact that cannot be written is one sentence, and leaves no half file") {
    const Scratch scratch;
    const Found least = minimal(*judged(leaky, Sabotage::leak_page));
    const auto nowhere = write_artifact(least, scratch.dir / "missing");
    REQUIRE_FALSE(nowhere);
    CHECK(nowhere.error().ends_with("No such file or directory"));
    const fs::path full = scratch.dir / "inv_no_page_is_leaked.trace";
    fs::create_symlink("/dev/full", full);
    const auto no_room = write_artifact(least, scratch.dir);
    REQUIRE_FALSE(no_room);
    CHECK(no_room.error().ends_with("No space left on device"));
    CHECK_FALSE(fs::exists(fs::symlink_status(full)));
}

TEST_CASE("an invariant that is allowed must be one") {
    const auto two = read_settings("inv_no_page_is_leaked,,inv_no_bug", "dir");
    REQUIRE(two);
    CHECK(two->allowed == (only(Inv::no_page_is_leaked) | only(Inv::no_bug)));
    CHECK(two->artifacts == "dir");
    const auto none = read_settings(nullptr, nullptr);
    REQUIRE(none);
    CHECK(none->allowed.none());
    CHECK(none->artifacts.empty());
    REQUIRE_FALSE(read_settings("inv_no_page_is_leakde", nullptr));
    CHECK(read_settings("inv_no_page_is_leakde", nullptr).error() ==
          "MMODEL_ALLOW: 'inv_no_page_is_leakde' is no invariant of this mmodel");
}

} // namespace mmodel::harness
