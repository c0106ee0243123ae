// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every row of model/hvo/README.md, section 2, taken through optimise and restore under the specification.
#include <catch2/catch.hpp>

#include "props/example.hpp"

namespace mmodel {
namespace {

struct Row {
    const char* arch;
    const char* size;
    i64 saved;
    u64 pmds; // split by the first folio
};
constexpr Row rows[] = {
    {"x86-64", "2M", 7, 1},    {"x86-64", "1G", 4'095, 8},  {"arm64-4k", "64K", 0, 0},
    {"arm64-4k", "2M", 7, 1},  {"arm64-4k", "32M", 127, 1}, {"arm64-4k", "1G", 4'095, 8},
    {"arm64-16k", "2M", 0, 0}, {"arm64-16k", "32M", 7, 1},  {"arm64-16k", "1G", 255, 1},
    {"arm64-64k", "2M", 0, 0}, {"arm64-64k", "512M", 7, 1}, {"arm64-64k", "16G", 255, 1},
    {"tiny", "2K", 1, 1},      {"tiny", "8K", 7, 2},        {"tiny512", "8K", 1, 1},
    {"tiny512", "32K", 7, 2},
};

} // namespace

TEST_CASE("each huge page size of each architecture saves what the table says, and gives it back") {
    for (const Row& row : rows) {
        INFO(row.arch << " " << row.size);
        World w =
            after(std::string("geometry ") + row.arch + "\nalloc_folio folio=0 size=" + row.size + "\n");
        const Seen before = seen(w, 0);
        const World untouched = w;
        const Did d = run(w, "optimise folio=0");
        CHECK(d.outcome == Outcome{});
        CHECK(is_optimised(w, 0) == (row.saved > 0));
        CHECK(d.memmap + d.memmap_boot == -row.saved);
        CHECK(d.count(EventKind::pmd_populate_kernel) == row.pmds);
        CHECK(d.free == row.saved - static_cast<i64>(row.pmds));
        if (!row.saved) CHECK(w == untouched);
        const Did back = run(w, "restore folio=0");
        CHECK(back.outcome == Outcome{});
        CHECK(back.memmap == row.saved);
        CHECK(seen(w, 0).contents == before.contents);
        CHECK_FALSE(is_optimised(w, 0));
    }
}

TEST_CASE("each size that can be optimised survives the failure of each of its first and last allocations") {
    for (const Row& row : rows) {
        if (!row.saved) continue;
        INFO(row.arch << " " << row.size);
        const World w =
            after(std::string("geometry ") + row.arch + "\nalloc_folio folio=0 size=" + row.size + "\n");
        for (u64 n = 0; n <= row.pmds; ++n) {
            World x = w;
            CHECK(run(x, "optimise folio=0 fail=" + std::to_string(n)).nr_failed_allocs == 1);
            CHECK(is_optimised(x, 0) == (n == 0));
            CHECK(seen(x, 0).contents.size() == static_cast<u64>(row.saved) + 1);
        }
        World o = w;
        run(o, "optimise folio=0");
        for (const i64 n : {i64{0}, row.saved - 1}) {
            World x = o;
            CHECK(run(x, "restore folio=0 fail=" + std::to_string(n)).outcome.err == Errno::nomem);
            CHECK(x == o);
        }
    }
}

TEST_CASE("where the architecture wants break-before-make, remapping a live PTE is a violation") {
    for (const char* geometry : {"arm64-4k bbm=1", "arm64-16k bbm=1", "arm64-64k bbm=1"}) {
        World w = after(std::string("geometry ") + geometry + "\nalloc_folio folio=0 size=" +
                        print_bytes(config_of(geometry).geometry.page_bytes *
                                    (u64{1} << config_of(geometry).geometry.folio_order[1])) +
                        "\n");
        const auto c = spec::checked_advance(w, op_of(w.config(), "optimise folio=0"));
        REQUIRE(c.violation);
        CHECK(c.violation->inv == spec::Inv::no_valid_to_valid_change_without_break_before_make);
    }
}

} // namespace mmodel
