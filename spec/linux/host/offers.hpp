// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a tree's mm/hugetlb_vmemmap.c offers, asked of the compiler: read off what its preprocessor leaves of
// the file and its header. Comments, other configurations and what a macro of the shims hides are gone by
// then.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace mmodel::bench {

// The lines of a preprocessed text that came from below a directory.
[[nodiscard]] std::string own_lines(std::string_view preprocessed, const std::filesystem::path& dir);

struct HvoOffers {
    std::string shape; // "page": struct page calls; "folio": folio calls; empty: neither
    bool lists{};      // calls for a list of folios
    bool memmap_counters{};
    bool boot{}, boot_late{}; // folios are optimised before the page allocator is up; zones are found late
    bool boot_order{};        // sections get an order instead (linux-mm)
    bool updates_fail{};      // updates of PTEs and PMDs may fail
    bool boot_panics{};       // ... and where there is no memory the file panics
    bool shared_tail{};       // zones share pages of tails
    std::string key;          // the static key that counts optimised folios; empty: there is none
    std::string generation;   // the nearest one that is understood, with the versions that have it

    // How the shims are told.
    [[nodiscard]] std::vector<std::string> defines() const;
};
[[nodiscard]] HvoOffers hvo_offers(std::string_view own);

} // namespace mmodel::bench
