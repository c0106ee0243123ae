// SPDX-License-Identifier: GPL-2.0 OR MIT
// Lines and the width of the terminal: what is wrapped, and that nothing is lost by it.
#include <catch2/catch.hpp>

#include <iterator>
#include <sstream>

#include "props/fuzz/cli/command.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
}

std::size_t longest_line(const std::string& text) {
    std::size_t longest = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const bool is_command = line.starts_with("  again ") || line.starts_with("  keep ");
        const bool is_word = line.find(' ', line.find_first_not_of(' ')) == line.npos;
        if (!is_command && !is_word) longest = std::max(longest, line.size());
    }
    return longest;
}

Said at_width(Args args, const std::string& columns) {
    return run_mmodel(args, {.env = {{"COLUMNS", columns}}});
}

} // namespace

TEST_CASE("a replay fits the terminal's width, and has the same words as without one") {
    for (const char* dir : {"hvo", "percpu", "sabotage"})
        for (const fs::path& file : corpus_files(dir)) {
            INFO(file);
            const Args args{"replay", "--step", "0", file.string()};
            const std::string whole = run_mmodel(args).out;
            for (const char* width : {"80", "120"}) {
                const std::string out = at_width(args, width).out;
                CHECK(longest_line(out) <= std::stoul(width));
                CHECK(words_of(out) == words_of(whole));
            }
        }
}

TEST_CASE("a command to copy is on one line however narrow the terminal is") {
    const TempDir dir;
    const std::string trace = dir.put(
        "t", "mmodel trace 1\ngeometry x86-64\nsabotage leak_page\nalloc_folio folio=0\noptimise folio=0\n");
    const std::string out = at_width({"replay", trace}, "40").out;
    CHECK(has(out, " replay " + trace + "\n  keep "));
    CHECK(longest_line(out) <= 40);
}

TEST_CASE("a width that is no number is none: lines are as long as in a pipe") {
    const Args args{"replay", MMODEL_CORPUS_DIR "/sabotage/no_flush.trace"};
    for (const char* nonsense : {"", "0", "-3", "wide", "80x"})
        CHECK(at_width(args, nonsense).out == run_mmodel(args).out);
}

TEST_CASE("translations that are stale for the same reason are one line") {
    const std::string out =
        run_mmodel({"replay", "--step", "1", MMODEL_CORPUS_DIR "/sabotage/no_flush.trace"}).out;
    CHECK(has(out, "  stale in a TLB: 0xffffea0000100000: vmemmap 256..264 RW pfn 256..264\n"));
    CHECK(out.find("stale in a TLB") == out.rfind("stale in a TLB"));
}

TEST_CASE("alike events are one line with their count, and the event of the violation keeps its number") {
    const std::string out =
        run_mmodel({"replay", "--events", MMODEL_CORPUS_DIR "/sabotage/no_flush.trace"}).out;
    CHECK(has(out, "  10..522  set_pte_at(private table, entry 0..512 -> pfn 0..512 rw) x 512  in "
                   "vmemmap_split_pmd()\n"));
    CHECK(has(out, ">      537  free_bootmem_page(pfn 263)  in free_vmemmap_page()\n"));
}

TEST_CASE("tables fit the terminal's width, and their commands and sentences are whole") {
    for (const Args& args : std::vector<Args>{{"explore", "--list"},
                                              {"explore", "--space", "hvo-walker", "--sabotage", "no_rcu"},
                                              {"explore", "--concurrent", "--list"},
                                              {"explore", "--concurrent", "--scenario", "two_splitters"},
                                              {"run", "--no-linux", "--seconds", "0.2"}})
        for (const char* width : {"80", "120"}) {
            const std::string out = at_width(args, width).out;
            INFO(out);
            CHECK(longest_line(out) <= std::stoul(width));
        }
    const Args list{"explore", "--list"};
    CHECK(words_of(at_width(list, "60").out) == words_of(run_mmodel(list).out));
}
