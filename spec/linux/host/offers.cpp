// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/offers.hpp"

#include <algorithm>
#include <initializer_list>

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

HvoOffers hvo_offers(std::string_view own) {
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
    if (!key.empty()) out.push_back("-DMMODEL_KEY_IS=" + key);
    return out;
}

} // namespace mmodel::bench
