// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/offers.hpp"

#include <algorithm>
#include <initializer_list>

#include "spec/linux/host/drift.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::bench {
namespace {

// `word`, all of it.
bool has_name(std::string_view text, std::string_view word) {
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1))
        if (leading_word(text.substr(at)) == word &&
            (at == 0 || leading_word(text.substr(at - 1, 1)).empty()))
            return true;
    return false;
}

std::string generation_of(const HvoOffers& o, std::string_view own) {
    if (o.updates_fail) return "updates that may fail (later than 7.3)";
    if (o.shared_tail) return "tails shared by zone (7.1 to 7.3)";
    if (o.shape == "page") return "page calls (6.1 to 6.7)";
    if (has_name(own, "vmemmap_head")) return "a new page for head and tails (6.12.115 and later 6.12)";
    return "folio calls and a page that is reused (6.8 to 7.0)";
}

} // namespace

std::string own_lines(std::string_view preprocessed, const std::filesystem::path& dir) {
    const std::string below = "\"" + dir.string() + "/";
    std::string out;
    bool own = false;
    while (!preprocessed.empty()) {
        const auto end = std::min(preprocessed.find('\n'), preprocessed.size() - 1) + 1;
        const std::string_view line = preprocessed.substr(0, end);
        preprocessed.remove_prefix(end);
        if (line.starts_with("# ") || line.starts_with("#line "))
            own = line.find(below) != line.npos;
        else if (own)
            out += line;
    }
    return out;
}

std::string walker_probe(std::string_view header) {
    std::string out = "#undef rcu_read_lock\n";
    for (const std::string& line : split(header, "\n"))
        if (const auto word = skip_blanks(line);
            !word.starts_with('#') || !skip_blanks(word.substr(1)).starts_with("include"))
            out += line + '\n';
    return out;
}

HvoOffers hvo_offers(std::string_view own, std::optional<std::string_view> probe) {
    HvoOffers o;
    if (has_name(own, "hugetlb_vmemmap_optimize")) o.shape = "page";
    if (has_name(own, "hugetlb_vmemmap_optimize_folio")) o.shape = "folio";
    o.lists = has_name(own, "hugetlb_vmemmap_optimize_folios");
    o.memmap_counters = has_name(own, "memmap_pages_add");
    o.boot = has_name(own, "hugetlb_vmemmap_init_early") &&
             (has_name(own, "mmodel_populate_hvo") || has_name(own, "mmodel_populate_shared"));
    o.boot_panics = o.boot && own.find("\"panic: \"") != own.npos;
    o.boot_late = o.boot && has_name(own, "hugetlb_vmemmap_init_late");
    o.boot_order = has_name(own, "hugetlb_vmemmap_optimize_bootmem_page");
    o.updates_fail = has_name(own, "mmodel_try_update_pte");
    o.shared_tail = has_name(own, "vmemmap_tails") || has_name(own, "vmemmap_shared_tail_page");
    const auto reader = probe ? between(*probe, " page_ref_add_unless(struct ", "\n}") : std::nullopt;
    o.walker_has_rcu =
        probe ? reader && has_name(*reader, "rcu_read_lock") : has_name(own, "synchronize_rcu");
    if (const auto key = between(own, "struct static_key_false ", ";"); key && leading_word(*key) == *key)
        o.key = *key;
    o.generation = generation_of(o, own);
    return o;
}

std::vector<std::string> HvoOffers::defines() const {
    std::vector<std::string> out{shape == "folio" ? "-DMMODEL_SHAPE_FOLIO" : "-DMMODEL_SHAPE_PAGE"};
    if (shared_tail) out.emplace_back("-DMMODEL_SHARED_TAIL");
    if (boot) out.emplace_back("-DMMODEL_HAS_BOOT");
    if (boot_order) out.emplace_back("-DMMODEL_HAS_BOOT_ORDER");
    if (updates_fail) out.emplace_back("-DMMODEL_UPDATES_FAIL");
    if (boot_late) out.emplace_back("-DMMODEL_HAS_BOOT_LATE");
    if (boot_panics) out.emplace_back("-DMMODEL_BOOT_PANICS");
    if (lists) out.emplace_back("-DMMODEL_HAS_LISTS");
    if (memmap_counters) out.emplace_back("-DMMODEL_HAS_MEMMAP_COUNTERS");
    if (walker_has_rcu) out.emplace_back("-DMMODEL_WALKER_RCU");
    if (!key.empty()) out.push_back("-DMMODEL_KEY_IS=" + key);
    return out;
}

namespace {

constexpr std::string_view early_mark = "mmodel_early_size:", early_name = "PERCPU_DYNAMIC_EARLY_SIZE";

} // namespace

std::string early_size_probe(std::string_view header) {
    const std::string name(early_name);
    return "#undef " + name + "\n" + preprocessor_lines(header) + std::string(early_mark) + name + ";\n";
}

PercpuOffers percpu_offers(std::string_view own, std::optional<std::string_view> probe,
                           std::string_view version) {
    PercpuOffers o;
    o.static_at_zero = has_name(own, "per_cpu_load");
    o.early_flush = has_name(own, "mmodel_flush_cache_vmap_early");
    const auto locked = between(own, "\narea_found:", "MMODEL_PCPU_LOCK, 0");
    o.schedules_early = locked && has_name(*locked, "pcpu_schedule_balance_work");
    // By what they are for, not by the masks and scopes that are judged.
    const auto array = between(own, "pcpu_get_pages(", ")");
    o.backing = array && has_name(*array, "gfp_t")         ? pcpu::Backing::noio
                : has_name(own, "gfpflags_allow_blocking") ? pcpu::Backing::noio_worker
                                                           : pcpu::Backing::as_asked;
    const auto freeing = between(own, "int pcpu_free_area(", "\n}");
    o.refuses_frees = freeing && freeing->find("return 0") != freeing->npos;
    o.counts_bytes = has_name(own, "mmodel_percpu_bytes");
    o.alloc_noprof = has_name(own, "pcpu_alloc_noprof");
    // With 4 KiB pages and no RANDOM_KMALLOC_CACHES. It grew in 6.2.
    o.early_size = version.starts_with("6.1.") ? "(12 << 10)" : "(20 << 10)";
    if (const auto size = probe ? between(*probe, early_mark, ";") : std::nullopt;
        size && *size != early_name)
        o.early_size = *size;
    return o;
}

std::vector<std::string> PercpuOffers::defines() const {
    std::vector<std::string> out{"-DMMODEL_PERCPU_EARLY_SIZE=" + early_size};
    if (static_at_zero) out.emplace_back("-DMMODEL_STATIC_AT_ZERO");
    if (early_flush) out.emplace_back("-DMMODEL_HAS_EARLY_FLUSH");
    if (schedules_early) out.emplace_back("-DMMODEL_SCHEDULES_EARLY");
    out.push_back("-DMMODEL_BACKING=" + std::to_string(static_cast<int>(backing)));
    if (refuses_frees) out.emplace_back("-DMMODEL_REFUSES_FREES");
    if (counts_bytes) out.emplace_back("-DMMODEL_COUNTS_BYTES");
    if (alloc_noprof) out.emplace_back("-DMMODEL_HAS_ALLOC_NOPROF");
    return out;
}

} // namespace mmodel::bench
