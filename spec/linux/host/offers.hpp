// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a tree's files offer, asked of the compiler: read off what its preprocessor leaves of them and of
// headers. Comments, other configurations and what a macro of the shims hides are gone by then.
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/percpu/chunk.hpp"

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
    bool walker_has_rcu{};    // who takes a reference is an RCU reader that skips fake heads (6.10 to 7.0)
    std::string key;          // the static key that counts optimised folios; empty: there is none
    std::string generation;   // the nearest one that is understood, with the versions that have it

    // How the shims are told.
    [[nodiscard]] std::vector<std::string> defines() const;
};
// A text for the preprocessor, after the shims, made of the tree's include/linux/page_ref.h, and nothing of
// what that includes. `probe`: what it made of that; nothing: the tree has no such header, and who waits for
// readers has them.
[[nodiscard]] std::string walker_probe(std::string_view header);
[[nodiscard]] HvoOffers hvo_offers(std::string_view own, std::optional<std::string_view> probe);

// mm/percpu.c and what it includes of the tree.
struct PercpuOffers {
    bool static_at_zero{};  // it reads the static image at __per_cpu_load: percpu addresses start at 0
    bool early_flush{};     // it calls flush_cache_vmap_early()
    bool schedules_early{}; // see pcpu::Sizes
    pcpu::Backing backing{};
    bool refuses_frees{}; // free_percpu() of what is not allocated warns and changes nothing (6.19 and later)
    bool counts_bytes{};  // it counts the bytes of a node's pages in NR_PERCPU_B (linux-mm)
    bool alloc_noprof{};  // it exports pcpu_alloc_noprof()
    std::string early_size; // PERCPU_DYNAMIC_EARLY_SIZE, in C

    [[nodiscard]] std::vector<std::string> defines() const;
};
// percpu_offers() reads the file with this on the compile line, and a text made of the tree's
// include/linux/percpu.h, as above.
inline constexpr const char* percpu_asked_with = "-DMMODEL_STATIC_AT_ZERO";
[[nodiscard]] std::string early_size_probe(std::string_view header);
// No `probe`: the size is the version's.
[[nodiscard]] PercpuOffers percpu_offers(std::string_view own, std::optional<std::string_view> probe,
                                         std::string_view version);

} // namespace mmodel::bench
