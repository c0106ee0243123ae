// SPDX-License-Identifier: GPL-2.0 OR MIT
// Files that are no traces: each gets one clear message and exit status 2, at once.
#include <catch2/catch.hpp>

#include <random>

#include "props/fuzz/cli/command.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

const std::string head = "mmodel trace 1\ngeometry tiny\n";

// One line on standard error that names the file and holds each of `parts`; nothing on standard output.
void check_refused(const std::string& file, const std::vector<std::string>& parts, const Args& more = {}) {
    Args args{"replay", file};
    args.insert(args.end(), more.begin(), more.end());
    const Said s = run_mmodel(args, {.patience = 20});
    INFO(s.err);
    CHECK(s.status == 2);
    CHECK(s.out.empty());
    CHECK(s.err.starts_with("mmodel: " + file + ": "));
    CHECK(s.err.find('\n') == s.err.size() - 1);
    CHECK(s.err.size() < file.size() + 1500); // the names of all sabotages are about a thousand
    for (const std::string& part : parts) CHECK(has(s.err, part));
}

void check_text_refused(const std::string& text, const std::vector<std::string>& parts) {
    const TempDir dir;
    check_refused(dir.put("t.trace", text), parts);
}

std::string repeated(const std::string& line, std::size_t n) {
    std::string out;
    out.reserve(line.size() * n);
    for (std::size_t i = 0; i < n; ++i) out += line;
    return out;
}

} // namespace

TEST_CASE("a missing file, a directory and an empty file are each named for what they are") {
    const TempDir dir;
    check_refused((dir.path() / "none").string(), {"No such file"});
    check_refused(dir.path().string(), {"is a directory"});
    check_refused(dir.put("empty", ""), {"is empty"});
}

TEST_CASE("random bytes are refused at line 1, column 1, with a hint to --bytes") {
    std::mt19937_64 random(7);
    std::string text(4096, '\0');
    for (char& c : text) c = static_cast<char>(random());
    text[0] = 'x', text[1] = '\0';
    check_text_refused(text, {"line 1, column 1: ", "--bytes"});
}

TEST_CASE("a trace cut off inside a line is refused at the place of the cut") {
    check_text_refused("mmodel trace", {"line 1, column 1: "});
    check_text_refused("mmodel trace 1\n", {"line ", "geometry"});
    check_text_refused("mmodel trace 1\ngeometry", {"line 2, column 1: "});
    check_text_refused(head + "alloc_folio fol", {"line 3, column 13: ", "'fol'"});
    check_text_refused(head + "alloc_folio folio=", {"line 3, column 19: ", "ends before its value"});
    check_text_refused(head + "expect", {"line 3, column 7: "});
}

TEST_CASE("a NUL in a trace is refused at its line and column") {
    using namespace std::string_literals;
    check_text_refused(head + "alloc_folio folio=0\0\n"s, {"line 3, column 20: ", "\\x00"});
    check_text_refused("mmodel trace 1\ngeometry \0tiny\n"s, {"line 2, column 10: ", "\\x00"});
}

TEST_CASE("a number past 64 bits is refused as one, wherever it stands") {
    check_text_refused(head + "take_pages page=99999999999999999999\n",
                       {"line 3, column 17: ", "does not fit 64 bits"});
    check_text_refused(head + "alloc_folio folio=18446744073709551616\n",
                       {"line 3, column 19: ", "does not fit 64 bits"});
    check_text_refused(head + "alloc_folio folio=0\noptimise folio=0 fail=18446744073709551616\n",
                       {"line 4, column 23: ", "does not fit 64 bits"});
    check_text_refused("mmodel trace 18446744073709551616\n", {"line 1, column 14: ", "newer"});
    check_text_refused("mmodel trace 1\ngeometry tiny nodes=18446744073709551617\n",
                       {"line 2, column ", "nodes"});
}

TEST_CASE("a later format version is refused as newer, in text and in bytes") {
    check_text_refused("mmodel trace 3\ngeometry tiny\n", {"line 1, column 14: ", "version 3 is newer"});
    check_text_refused(std::string("MMOD\x03\0\0\0", 8), {"byte 4: ", "version 3 is newer"});
    check_text_refused("MMOD", {"byte 4: ", "ends inside its header"});
}

TEST_CASE("a name that means nothing is refused at its line and column, indented or not") {
    check_text_refused(head + "sabotage rust\noptimise folio=0\n",
                       {"line 3, column 10: ", "'rust'", "leak_page"});
    check_text_refused(head + "optimise folio=0\n\n   expect inv_rust\n",
                       {"line 5, column 11: ", "'inv_rust'"});
    check_text_refused(head + "fly\n", {"line 3, column 1: ", "'fly'", "optimise"});
}

TEST_CASE("a million operations run, and one more is refused") {
    const TempDir dir;
    const std::string text = head + repeated("sysctl on=1\n", 1'000'000);
    const std::string shown = (dir.path() / "shown").string();
    const Said all = run_mmodel({"replay", dir.put("a", text)}, {.out = shown});
    CHECK(all.status == 0);
    CHECK(slurp(shown).ends_with("holds: 1,000,000 operations, 0 events\n"));
    check_refused(dir.put("b", text + "sysctl on=1\n"), {"line 1000003, column 1: ", "at most 1000000"});
}

TEST_CASE("100 MB are refused within 5 seconds, whatever is in them") {
    const TempDir dir;
    const std::string zeros = dir.put("zeros", ""), text = dir.put("text", head);
    for (const std::string& file : {zeros, text}) {
        fs::resize_file(file, 100'000'000);
        const Said s = run_mmodel({"replay", file});
        CHECK(s.status == 2);
        CHECK(s.seconds < 5);
        CHECK(has(s.err, "larger than 67,108,864 bytes"));
    }
}

TEST_CASE("8 MB without a line end, of backticks and of Markdown fences are refused within 5 seconds") {
    const TempDir dir;
    for (const std::string& text :
         {std::string(8'000'000, 'a'), std::string(8'000'000, '`') + "\n", std::string(8'000'000, '`'),
          repeated("```\n", 2'000'000), head + std::string(8'000'000, 'a')}) {
        const Said s = run_mmodel({"replay", dir.put("t", text)}, {.patience = 5});
        INFO(text.substr(0, 40));
        CHECK(s.status == 2);
        CHECK(has(s.err, ": line "));
    }
}

TEST_CASE("a trace that is refused does not keep the next file from being run") {
    const TempDir dir;
    const Said s =
        run_mmodel({"replay", dir.put("bad", "x"), dir.put("good", head + "alloc_folio folio=0\n")});
    CHECK(s.status == 2);
    CHECK(has(s.out, "holds: 1 operation"));
}
