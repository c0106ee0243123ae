// SPDX-License-Identifier: GPL-2.0 OR MIT
// The pictures that `mmodel replay --dot` draws: that they are well-formed, and what is in them.
#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <sstream>

#include "props/fuzz/cli/command.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

const std::string optimised = "mmodel trace 1\ngeometry x86-64\nalloc_folio folio=0\noptimise folio=0\n";

// Outside of quoted strings: braces match and close at the end. Every edge names two quoted nodes.
void check_dot(const std::string& text) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && quoted)
            ++i;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += (text[i] == '{') - (text[i] == '}');
        REQUIRE(depth >= 0);
    }
    CHECK(depth == 0);
    CHECK_FALSE(quoted);
    CHECK(text.starts_with("digraph vmemmap {\n"));
    CHECK(text.ends_with("\n}\n"));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (has(line, " -> "))
            CHECK((line.starts_with("  \"") && has(line, "\" -> \"") && line.ends_with("];")));
}

std::vector<std::string> edges_of(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (has(line, " -> ")) out.push_back(line.substr(2));
    return out;
}

// The picture of a text trace, or of a file of the corpus.
std::string drawn(const std::string& trace) {
    const TempDir dir;
    const bool is_text = trace.starts_with("mmodel trace");
    const Said s =
        run_mmodel({"replay", "--dot", is_text ? dir.put("t", trace) : MMODEL_CORPUS_DIR "/" + trace});
    INFO(s.err);
    CHECK(s.status == 0);
    check_dot(s.out);
    return s.out;
}

} // namespace

TEST_CASE("a picture is well-formed dot, with dashed read-only edges, whatever the file is called") {
    const TempDir dir;
    const Said s = run_mmodel({"replay", "--dot", dir.put("a\"b\\", optimised)});
    CHECK(s.status == 0);
    check_dot(s.out);
    CHECK(has(s.out, "subgraph cluster_folio_0"));
    CHECK(has(s.out, "label=RO, style=dashed"));
    for (const fs::path& file : corpus_files("hvo")) {
        INFO(file);
        check_dot(run_mmodel({"replay", "--dot", file.string()}).out);
    }
}

TEST_CASE("no edge is drawn twice, for every file of the corpus that breaks the model") {
    for (const fs::path& file : corpus_files("sabotage")) {
        INFO(file);
        const auto edges = edges_of(run_mmodel({"replay", "--dot", file.string()}).out);
        CHECK(edges.size() == std::set(edges.begin(), edges.end()).size());
    }
    const auto edges = edges_of(drawn("sabotage/no_flush.trace"));
    CHECK(std::ranges::count_if(edges, [](const std::string& e) { return has(e, "color=red"); }) == 8);
}

TEST_CASE("a picture goes from the PMD over its table and the pages to the frames") {
    const std::string text = drawn(optimised);
    for (const char* part :
         {"\"PMD 0\" -> \"table in pfn 16897\"", "\"table in pfn 16897\" -> \"vmemmap 257\"",
          "\"vmemmap 256\" -> \"pfn 16896\" [label=RW]"})
        CHECK(has(text, part));
    const std::string plain = drawn(optimised.substr(0, optimised.find("optimise folio")));
    CHECK(has(plain, "\"PMD 0\" -> \"vmemmap 256\" [label=leaf"));
    CHECK_FALSE(has(plain, "table in"));
}

TEST_CASE("frames that were freed are drawn dotted, frames that are nobody's orange") {
    CHECK(has(drawn(optimised), "\"pfn 263\" [style=dotted]"));
    const std::string leak = drawn("sabotage/leak_page.trace");
    CHECK(has(leak, "\"pfn 263\" [color=orange]"));
    CHECK(has(leak, "\"pfn 262\" [style=dotted]"));
}

TEST_CASE("a folio of 4096 vmemmap pages is drawn in ranges, one and more for each of its eight tables") {
    const std::string text =
        drawn("mmodel trace 1\ngeometry x86-64\nalloc_folio folio=0 size=1G\noptimise folio=0\n");
    CHECK(has(text, "\"table in pfn 16392\" -> \"vmemmap 7680..8192\""));
    CHECK(edges_of(text).size() == 8 + 9 + 9);
}

TEST_CASE(
    "chunks are drawn with their units, areas and page tables, also those without a page of their own") {
    const std::string text = drawn("percpu/growth_creates_a_chunk.trace");
    for (const char* part :
         {"label=\"chunk 1, list 11\"", "\"table in pfn 16422\" -> \"chunk 1 cpu 1 pages 0..8\"",
          "\"chunk 1 cpu 0 pages 0..8\" -> \"pfn 16406..16414\"",
          "\"area 2: 32768 bytes at 0x0\" -> \"chunk 1 cpu 0 pages 0..8\"",
          "\"area 3: 4096 bytes at 0x6000\" -> \"chunk 0: direct map, from pfn 16388\""})
        CHECK(has(text, part));
    CHECK(has(drawn("percpu/vmalloc_purged_and_reused.trace"), "\"chunk 1: nothing is populated\""));
}
