// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/geometry.hpp"

#include <algorithm>
#include <charconv>

namespace mmodel {
namespace {

constexpr u64 KiB = 1024, MiB = KiB * KiB, GiB = KiB * MiB, TiB = KiB * GiB;

Config preset(Geometry g, u64 memory, u64 block, u64 vmalloc = 64 * GiB) {
    return Config{.geometry = g,
                  .nr_nodes = 1,
                  .frames_per_node = memory / g.page_bytes,
                  .boot_gigantic = 0,
                  .hot_block_frames = block / g.page_bytes,
                  .vmalloc_pages = vmalloc / g.page_bytes};
}

// Orders are those of the huge page sizes in model/hvo/README.md; max_order is the architecture's
// MAX_PAGE_ORDER.
std::vector<Config> make_presets() {
    const Geometry x86{.arch = "x86-64",
                       .page_bytes = 4096,
                       .struct_page_bytes = 64,
                       .ptrs_per_pte = 512,
                       .max_order = 10,
                       .folio_order = {9, 18},
                       .nr_used_subpage = 4,
                       .nr_reset_struct_page = 4};
    Geometry arm4 = x86, arm16 = x86, arm64 = x86, odd = x86;
    arm4.arch = "arm64-4k";
    arm4.folio_order = {4, 9, 13, 18};
    arm16 = {.arch = "arm64-16k",
             .page_bytes = 16384,
             .struct_page_bytes = 64,
             .ptrs_per_pte = 2048,
             .max_order = 11,
             .folio_order = {7, 11, 16},
             .nr_used_subpage = 4,
             .nr_reset_struct_page = 4};
    arm64 = {.arch = "arm64-64k",
             .page_bytes = 65536,
             .struct_page_bytes = 64,
             .ptrs_per_pte = 8192,
             .max_order = 13,
             .folio_order = {5, 13, 18},
             .nr_used_subpage = 4,
             .nr_reset_struct_page = 4};
    odd.arch = "x86-64-struct-page-56";
    odd.struct_page_bytes = 56;
    // Four struct pages a page and four entries a table: a small folio saves one page of two, a gigantic one
    // seven of eight and spans two PMDs, so that a split can fail when PTEs have already changed.
    const Geometry tiny{.arch = "tiny",
                        .page_bytes = 256,
                        .struct_page_bytes = 64,
                        .ptrs_per_pte = 4,
                        .max_order = 4,
                        .folio_order = {3, 5},
                        .nr_used_subpage = 2,
                        .nr_reset_struct_page = 2};
    // The smallest that the kernel's own files take: a page holds the struct pages that are reset, twice.
    const Geometry tiny512{.arch = "tiny512",
                           .page_bytes = 512,
                           .struct_page_bytes = 64,
                           .ptrs_per_pte = 4,
                           .max_order = 5,
                           .folio_order = {4, 6},
                           .nr_used_subpage = 4,
                           .nr_reset_struct_page = 4};
    return {preset(x86, 4 * GiB, 128 * MiB),
            preset(tiny, 128 * 256, 32 * 256, 1024 * 256),
            preset(arm4, 4 * GiB, 128 * MiB),
            preset(arm16, 64 * GiB, 8 * GiB),
            preset(arm64, 2 * TiB, 0),
            preset(odd, 7 * GiB, 0),
            preset(tiny512, 256 * 512, 64 * 512, 1024 * 512)};
}

// Nodes and hot blocks are described by whole vmemmap PMDs.
bool is_whole_pmds(const Geometry& g, u64 frames) {
    return frames * g.struct_page_bytes % (u64{g.ptrs_per_pte} * g.page_bytes) == 0;
}

u64* pages_named(Config& c, std::string_view key) {
    if (key == "memory") return &c.frames_per_node;
    if (key == "block") return &c.hot_block_frames;
    if (key == "highmem") return &c.highmem_frames;
    return key == "vmalloc" ? &c.vmalloc_pages : nullptr;
}

// Cuts the first item and its comma off a list.
std::string_view next_item(std::string_view& list) {
    const auto comma = std::min(list.find(','), list.size());
    const auto item = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    return item;
}

// "0*32,1*32,-": the node of each CPU in order, `*n` for n CPUs, `-` for one that is not possible.
std::string set_cpus(Config& c, std::string_view list) {
    const std::string wrong =
        "'cpus' wants nodes such as 0,0,1,1 or 0*32,1*32 ('-': not possible), at most " +
        std::to_string(max_cpus) + " CPUs, not '" + std::string(list) + "'";
    c.nr_cpus = 0;
    if (list.empty() || list.back() == ',') return wrong;
    while (!list.empty()) {
        const auto item = next_item(list);
        const auto star = std::min(item.find('*'), item.size());
        const auto node = item.substr(0, star) == "-" ? std::expected<u64, std::string>(no_node)
                                                      : parse_u64(item.substr(0, star));
        const auto n =
            star == item.size() ? std::expected<u64, std::string>(1) : parse_u64(item.substr(star + 1));
        if (!node || (*node >= max_nodes && item.front() != '-') || !n || !*n ||
            *n > u64{max_cpus} - c.nr_cpus)
            return wrong;
        for (u64 i = 0; i < *n; ++i) c.cpu_node[c.nr_cpus++] = static_cast<u8>(*node);
    }
    if (std::ranges::all_of(c.cpu_node.begin(), c.cpu_node.begin() + c.nr_cpus,
                            [](u8 n) { return n == no_node; }))
        return "'cpus' has no possible CPU";
    return {};
}

// "10,20,20,10": node_distance() row by row for 1, 2, 3 or 4 nodes.
std::string set_distance(Config& c, std::string_view list) {
    const std::string wrong =
        "'distance' wants 4, 9 or 16 numbers from 1 to 255, row by row, not '" + std::string(list) + "'";
    std::vector<u8> found;
    if (list.empty() || list.back() == ',') return wrong;
    while (!list.empty()) {
        const auto n = parse_u64(next_item(list));
        if (!n || *n == 0 || *n > 255) return wrong;
        found.push_back(static_cast<u8>(*n));
    }
    u8 nodes = 2;
    while (nodes < max_nodes && u64{nodes} * nodes < found.size()) ++nodes;
    if (u64{nodes} * nodes != found.size()) return wrong;
    for (u8 i = 0; i < nodes; ++i)
        for (u8 j = 0; j < nodes; ++j) {
            const u8 usual = i == j ? local_distance : remote_distance;
            const u8 d = found[std::size_t{i} * nodes + j];
            c.distance[i][j] = d == usual ? 0 : d;
        }
    return {};
}

std::string print_cpus(const Config& c) {
    std::string out;
    for (u8 i = 0; i < c.nr_cpus;) {
        u8 n = 1;
        while (i + n < c.nr_cpus && c.cpu_node[i + n] == c.cpu_node[i]) ++n;
        out += (out.empty() ? "" : ",") + (c.cpu_node[i] == no_node ? "-" : std::to_string(c.cpu_node[i]));
        if (n > 1) out += "*" + std::to_string(n);
        i = static_cast<u8>(i + n);
    }
    return out;
}

std::string print_distance(const Config& c) {
    u8 nodes = 2;
    for (u8 i = 0; i < max_nodes; ++i)
        for (u8 j = 0; j < max_nodes; ++j)
            if (c.distance[i][j]) nodes = std::max(nodes, static_cast<u8>(std::max(i, j) + 1));
    std::string out;
    for (u8 i = 0; i < nodes; ++i)
        for (u8 j = 0; j < nodes; ++j)
            out += (out.empty() ? "" : ",") + std::to_string(c.node_distance(i, j));
    return out;
}

std::string set_field(Config& c, std::string_view key, std::string_view value) {
    if (key == "nodes" || key == "boot" || key == "bbm") {
        const auto n = parse_u64(value);
        if (!n || *n > (key == "bbm" ? 1 : 255))
            return "'" + std::string(key) + "' wants a small whole number, not '" + std::string(value) + "'";
        if (key == "bbm")
            c.break_before_make = *n != 0;
        else
            (key == "nodes" ? c.nr_nodes : c.boot_gigantic) = static_cast<u8>(*n);
        return {};
    }
    if (u64* pages = pages_named(c, key)) {
        const auto n = parse_bytes(value);
        if (!n) return n.error();
        if (*n % c.geometry.page_bytes) return "'" + std::string(key) + "' is not a whole number of pages";
        *pages = *n / c.geometry.page_bytes;
        return {};
    }
    if (key == "cpus") return set_cpus(c, value);
    if (key == "distance") return set_distance(c, value);
    return "unknown geometry key '" + std::string(key) +
           "'; known: nodes memory boot block bbm highmem vmalloc cpus distance";
}

std::string_view next_word(std::string_view& text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

} // namespace

const std::vector<Config>& presets() {
    static const std::vector<Config> all = make_presets();
    return all;
}

std::expected<Config, std::string> parse_config(std::string_view text) {
    const auto arch = next_word(text);
    for (const Config& p : presets()) {
        if (p.geometry.arch != arch) continue;
        Config c = p;
        for (auto word = next_word(text); !word.empty(); word = next_word(text)) {
            const auto eq = word.find('=');
            if (eq == word.npos)
                return std::unexpected("geometry wants key=value, not '" + std::string(word) + "'");
            if (auto why = set_field(c, word.substr(0, eq), word.substr(eq + 1)); !why.empty())
                return std::unexpected(why);
        }
        if (auto why = why_impossible(c); !why.empty()) return std::unexpected(why);
        return c;
    }
    std::string known;
    for (const Config& p : presets()) known += " " + std::string(p.geometry.arch);
    return std::unexpected("unknown geometry '" + std::string(arch) + "'; known:" + known);
}

std::string print_config(const Config& c) {
    std::string out(c.geometry.arch);
    for (const Config& p : presets()) {
        if (p.geometry.arch != c.geometry.arch) continue;
        const u64 page = c.geometry.page_bytes;
        if (c.nr_nodes != p.nr_nodes) out += " nodes=" + std::to_string(c.nr_nodes);
        if (c.frames_per_node != p.frames_per_node) out += " memory=" + print_bytes(c.frames_per_node * page);
        if (c.boot_gigantic != p.boot_gigantic) out += " boot=" + std::to_string(c.boot_gigantic);
        if (c.break_before_make != p.break_before_make) out += " bbm=1";
        if (c.hot_block_frames != p.hot_block_frames)
            out += " block=" + print_bytes(c.hot_block_frames * page);
        if (c.highmem_frames) out += " highmem=" + print_bytes(c.highmem_frames * page);
        if (c.vmalloc_pages != p.vmalloc_pages) out += " vmalloc=" + print_bytes(c.vmalloc_pages * page);
        if (c.nr_cpus) out += " cpus=" + print_cpus(c);
        if (c.distance != p.distance) out += " distance=" + print_distance(c);
    }
    return out;
}

std::string why_impossible(const Config& c) {
    const Geometry& g = c.geometry;
    const u64 limit = u64{1} << 36;
    if (c.nr_nodes == 0 || c.nr_nodes > max_nodes) return "nodes must be 1 to " + std::to_string(max_nodes);
    if (c.frames_per_node > limit || c.hot_block_frames > limit)
        return "more memory than the model can name (2^36 frames)";
    const std::string grain =
        print_bytes(u64{g.ptrs_per_pte} * g.page_bytes / g.struct_page_bytes * g.page_bytes);
    if (c.frames_per_node == 0 || !is_whole_pmds(g, c.frames_per_node))
        return "memory of a node must be whole vmemmap PMDs: a multiple of " + grain;
    if (!is_whole_pmds(g, c.hot_block_frames))
        return "block must be whole vmemmap PMDs: a multiple of " + grain;
    if (c.vmalloc_pages == 0 || c.vmalloc_pages > u64{1} << 33) return "vmalloc must be 1 to 2^33 pages";
    if (c.highmem_frames % (u64{1} << g.max_order))
        return "highmem must be whole blocks of the page allocator";
    if (c.highmem_frames &&
        (c.boot_gigantic || c.highmem_frames + c.vmemmap_frames(c.frames_per_node) > c.frames_per_node))
        return "highmem must leave room for the vmemmap, and boot=0";
    const u64 gigantic = u64{1} << g.folio_order[g.nr_hstates() - 1];
    const u64 boot = c.boot_gigantic * gigantic;
    if (boot && boot + gigantic > c.frames_per_node)
        return "boot memory does not hold " + std::to_string(c.boot_gigantic) + " gigantic folios a node";
    return {};
}

std::string print_bytes(u64 bytes) {
    const char* unit[] = {"", "K", "M", "G", "T"};
    int u = 0;
    while (u < 4 && bytes && bytes % 1024 == 0) bytes /= 1024, ++u;
    return std::to_string(bytes) + unit[u];
}

std::expected<u64, std::string> parse_u64(std::string_view text) {
    u64 n = 0;
    const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (err == std::errc::result_out_of_range)
        return std::unexpected("number '" + std::string(text.substr(0, 40)) + "' does not fit 64 bits");
    if (err != std::errc{} || end != text.data() + text.size())
        return std::unexpected("'" + std::string(text.substr(0, 40)) + "' is not a whole number");
    return n;
}

std::expected<u64, std::string> parse_bytes(std::string_view text) {
    const std::string_view units = "KMGT";
    const auto u = text.empty() ? units.npos : units.find(text.back());
    const auto n = parse_u64(u == units.npos ? text : text.substr(0, text.size() - 1));
    if (!n) return n;
    const int shift = u == units.npos ? 0 : 10 * (static_cast<int>(u) + 1);
    if (shift && *n > (~u64{0} >> shift))
        return std::unexpected("size '" + std::string(text.substr(0, 40)) + "' does not fit 64 bits");
    return *n << shift;
}

} // namespace mmodel
