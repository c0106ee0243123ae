// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/geometry.hpp"

#include <catch2/catch.hpp>

#include "fuzz/ops/bytes.hpp"
#include "props/example.hpp"

namespace mmodel {
namespace {

// model/hvo/README.md, section 2, a line a row; its fractions of a page are rounded up.
struct Row {
    const char* arch;
    const char* folio;
    u64 base_pages, vmemmap_pages, saved;
};
constexpr Row table[] = {
    {"x86-64", "2M", 512, 8, 7},
    {"x86-64", "1G", 262'144, 4'096, 4'095},
    {"arm64-4k", "64K", 16, 1, 0},
    {"arm64-4k", "2M", 512, 8, 7},
    {"arm64-4k", "32M", 8'192, 128, 127},
    {"arm64-4k", "1G", 262'144, 4'096, 4'095},
    {"arm64-16k", "2M", 128, 1, 0},
    {"arm64-16k", "32M", 2'048, 8, 7},
    {"arm64-16k", "1G", 65'536, 256, 255},
    {"arm64-64k", "2M", 32, 1, 0},
    {"arm64-64k", "512M", 8'192, 8, 7},
    {"arm64-64k", "16G", 262'144, 256, 255},
    {"tiny", "2K", 8, 2, 1},
    {"tiny", "8K", 32, 8, 7},
    {"tiny512", "8K", 16, 2, 1},
    {"tiny512", "32K", 64, 8, 7},
};

std::string error_of(const std::string& text) {
    const auto c = parse_config(text);
    INFO(text);
    REQUIRE_FALSE(c);
    return c.error();
}

} // namespace

TEST_CASE("every huge page size has the vmemmap pages, and saves the pages, that the table says") {
    std::size_t nr_sizes = 0;
    for (const Row& row : table) {
        INFO(row.arch << " " << row.folio);
        const Geometry g = config_of(row.arch).geometry;
        bool found = false;
        for (u8 i = 0; i < g.nr_hstates(); ++i) {
            if (print_bytes(g.page_bytes * (u64{1} << g.folio_order[i])) != row.folio) continue;
            found = true;
            CHECK(u64{1} << g.folio_order[i] == row.base_pages);
            CHECK(g.vmemmap_pages(g.folio_order[i]) == row.vmemmap_pages);
            CHECK(g.optimizable_pages(g.folio_order[i]) == row.saved);
        }
        CHECK(found);
        ++nr_sizes;
    }
    std::size_t known = 0;
    for (const Config& c : presets())
        if (c.geometry.struct_page_is_power_of_2()) known += c.geometry.nr_hstates();
    CHECK(nr_sizes == known);
}

TEST_CASE("a PMD of the vmemmap describes 128 MiB on x86-64, 32 GiB on arm64 with 16 KiB pages, 512 GiB with "
          "64 KiB") {
    auto described = [](const char* arch) {
        const Geometry g = config_of(arch).geometry;
        return print_bytes(g.ptrs_per_pte * g.struct_pages_per_page() * g.page_bytes);
    };
    CHECK(described("x86-64") == "128M");
    CHECK(described("arm64-4k") == "128M");
    CHECK(described("arm64-16k") == "8G");
    CHECK(described("arm64-64k") == "512G");
    CHECK(config_of("x86-64").geometry.pmd_order() == Order{9});
    CHECK(config_of("arm64-16k").geometry.pmd_order() == Order{11});
    CHECK(config_of("arm64-64k").geometry.pmd_order() == Order{13});
}

TEST_CASE("a struct page of 56 bytes saves nothing for any size") {
    const Geometry g = config_of("x86-64-struct-page-56").geometry;
    CHECK_FALSE(g.struct_page_is_power_of_2());
    for (u8 i = 0; i < g.nr_hstates(); ++i) CHECK(g.optimizable_pages(g.folio_order[i]) == 0);
    CHECK(g.vmemmap_pages(9) == 7);
}

TEST_CASE("a configuration prints the shortest line that reads back as it") {
    for (const Config& c : presets()) {
        CHECK(print_config(c) == c.geometry.arch);
        CHECK(parse_config(print_config(c)) == c);
    }
    for (const Config& c : fuzz_configs()) CHECK(parse_config(print_config(c)) == c);
    for (const char* text :
         {"x86-64 nodes=2 memory=8G boot=1", "tiny nodes=4 memory=16K boot=1 bbm=1 block=4K",
          "arm64-64k memory=1T block=512G"})
        CHECK(print_config(config_of(text)) == text);
    CHECK(print_config(config_of("x86-64 nodes=1 memory=4096M boot=0 bbm=0 block=134217728")) == "x86-64");
    CHECK(config_of("  x86-64   boot=1  nodes=2 ") == config_of("x86-64 nodes=2 boot=1"));
}

TEST_CASE("a configuration that cannot be is refused with a sentence that says why") {
    CHECK(error_of("vax") ==
          "unknown geometry 'vax'; known: x86-64 tiny arm64-4k arm64-16k arm64-64k x86-64-struct-page-56 "
          "tiny512");
    CHECK_THAT(error_of(""), Catch::StartsWith("unknown geometry ''"));
    CHECK(error_of("tiny 4") == "geometry wants key=value, not '4'");
    CHECK(error_of("tiny pages=4") ==
          "unknown geometry key 'pages'; known: nodes memory boot block bbm highmem "
          "vmalloc cpus distance");
    CHECK(error_of("tiny nodes=0") == "nodes must be 1 to 4");
    CHECK(error_of("tiny nodes=5") == "nodes must be 1 to 4");
    CHECK(error_of("tiny nodes=256") == "'nodes' wants a small whole number, not '256'");
    CHECK(error_of("tiny bbm=2") == "'bbm' wants a small whole number, not '2'");
    CHECK(error_of("tiny boot=") == "'boot' wants a small whole number, not ''");
    CHECK(error_of("x86-64 memory=1000") == "'memory' is not a whole number of pages");
    CHECK(error_of("x86-64 memory=x") == "'x' is not a whole number");
    CHECK(error_of("x86-64 memory=0") == "memory of a node must be whole vmemmap PMDs: a multiple of 128M");
    CHECK(error_of("x86-64 memory=64M") == "memory of a node must be whole vmemmap PMDs: a multiple of 128M");
    CHECK(error_of("x86-64 block=4K") == "block must be whole vmemmap PMDs: a multiple of 128M");
    CHECK(error_of("x86-64 boot=4") == "boot memory does not hold 4 gigantic folios a node");
    CHECK(error_of("x86-64 memory=99999999T") == "size '99999999T' does not fit 64 bits");
    CHECK(error_of("x86-64 memory=1048576T") == "more memory than the model can name (2^36 frames)");
}

TEST_CASE("sizes print with the largest unit that leaves a whole number, and read back") {
    CHECK(print_bytes(0) == "0");
    CHECK(print_bytes(1023) == "1023");
    CHECK(print_bytes(1024) == "1K");
    CHECK(print_bytes(1536) == "1536");
    CHECK(print_bytes(u64{16} << 30) == "16G");
    CHECK(print_bytes(u64{2048} << 40) == "2048T");
    for (u64 n : {u64{0}, u64{1}, u64{4096}, u64{3} << 20, ~u64{0}, u64{1} << 63})
        CHECK(parse_bytes(print_bytes(n)) == n);
    CHECK_FALSE(parse_bytes(""));
    CHECK_FALSE(parse_bytes("K"));
    CHECK_FALSE(parse_bytes("1KK"));
    CHECK_FALSE(parse_bytes("-1"));
    CHECK_FALSE(parse_bytes("18446744073709551616"));
    CHECK_FALSE(parse_bytes("16777216T"));
}

TEST_CASE("nodes follow each other and hot blocks follow the nodes") {
    const Config c = config_of("x86-64 nodes=2 memory=4G");
    CHECK(c.node_start(1) == Pfn{1 << 20});
    CHECK(c.hot_start() == Pfn{2 << 20});
    CHECK(c.hot_block_start(1) == Pfn{(2 << 20) + (1 << 15)});
    CHECK(c.nr_frames() == (2u << 20) + 4u * (1u << 15));
    CHECK(c.vmemmap_frames(1 << 20) == 1 << 14);
    CHECK(c.geometry.vpage_of(Pfn{64}) == Vpage{1});
    CHECK(c.geometry.vpage_of(Pfn{63}) == Vpage{0});
}

} // namespace mmodel
