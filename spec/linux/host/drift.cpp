// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/drift.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "spec/linux/host/offers.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::bench {
namespace {

constexpr std::array all{
    HeldConstant{"hugetlb_vmemmap", "include/linux/hugetlb.h", "__NR_USED_SUBPAGE"},
    HeldConstant{"hugetlb_vmemmap", "include/linux/mmzone.h", "VMEMMAP_TAIL_MIN_ORDER"},
    HeldConstant{"percpu", "include/linux/percpu.h", "PCPU_MIN_UNIT_SIZE"},
    HeldConstant{"percpu", "include/linux/percpu.h", "PCPU_MIN_ALLOC_SHIFT"},
    HeldConstant{"percpu", "include/linux/percpu.h", "PERCPU_DYNAMIC_RESERVE"},
    HeldConstant{"percpu", "include/linux/percpu.h", "PERCPU_MODULE_RESERVE"},
    HeldConstant{"percpu", "include/linux/gfp_types.h", "GFP_KERNEL"},
    HeldConstant{"percpu", "include/linux/gfp_types.h", "GFP_NOIO"},
};

// The bits that a header's flags are made of are the shims', whatever number they have there.
std::string own_bits() {
    std::string out;
    for (const char* bit :
         {"DIRECT_RECLAIM", "KSWAPD_RECLAIM", "IO", "FS", "HIGHMEM", "ZERO", "NORETRY", "NOWARN", "NOFAIL"})
        out += std::string("#undef ___GFP_") + bit + "\n#define ___GFP_" + bit + " MMODEL_PERCPU_GFP_" + bit +
               "\n";
    return out;
}

// Which versions have it, as hundreds and units; those of the newest are not known yet.
std::pair<int, int> versions_of(const HvoOffers& o) {
    if (o.updates_fail) return {703, 9999};
    if (o.shared_tail) return {701, 9999};
    if (o.shape == "page") return {601, 607};
    return {608, 700};
}

std::string mark(std::string_view name) { return "drift of " + std::string(name) + "!"; }

} // namespace

std::string version_drift(const HvoOffers& file, const std::string& version) {
    int major = 0, minor = 0;
    if (file.shape.empty() || std::sscanf(version.c_str(), "%d.%d", &major, &minor) != 2) return {};
    const auto [first, last] = versions_of(file);
    const int number = 100 * major + minor;
    if (number >= first && number <= last) return {};
    return "the Makefile says " + version + "; the file is as in " + file.generation;
}

std::vector<HeldConstant> held_constants(std::string_view file) {
    std::vector<HeldConstant> out;
    std::ranges::copy_if(all, std::back_inserter(out),
                         [&](const HeldConstant& c) { return file.starts_with(c.file); });
    return out;
}

std::string preprocessor_lines(std::string_view header) {
    std::string out;
    bool goes_on = false;
    while (!header.empty()) {
        const auto end = std::min(header.find('\n'), header.size() - 1) + 1;
        std::string_view line = header.substr(0, end);
        header.remove_prefix(end);
        const std::string_view word = skip_blanks(line);
        const bool is_one = word.starts_with('#') && !skip_blanks(word.substr(1)).starts_with("include");
        if (goes_on || is_one) {
            out += line;
            while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
            goes_on = line.ends_with('\\');
        }
    }
    return out;
}

std::string drift_probe(std::string_view header_text, const std::vector<HeldConstant>& constants) {
    std::string out;
    for (const HeldConstant& c : constants) {
        const std::string name(c.name);
        out += "#ifdef " + name + "\nenum { mmodel_held_" + name + " = (long)(" + name + ") };\n#undef " +
               name + "\n#define mmodel_holds_" + name + "\n#endif\n";
    }
    out += "#ifndef __force\n#define __force\n#endif\n" + preprocessor_lines(header_text) + "\n" + own_bits();
    for (const HeldConstant& c : constants) {
        const std::string name(c.name);
        out += "#if defined(mmodel_holds_" + name + ") && defined(" + name +
               ")\n_Static_assert(mmodel_held_" + name + " == (long)(" + name + "), \"" + mark(name) +
               "\");\n#endif\n";
    }
    return out;
}

std::vector<std::string> drifted(std::string_view messages, const std::vector<HeldConstant>& constants) {
    std::vector<std::string> out;
    for (const HeldConstant& c : constants)
        if (messages.find(mark(c.name)) != messages.npos)
            out.push_back(std::string(c.name) + " is not what " + std::string(c.header) +
                          " of the tree says");
    return out;
}

} // namespace mmodel::bench
