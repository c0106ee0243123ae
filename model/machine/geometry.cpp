// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/geometry.hpp"

#include <charconv>

namespace mmodel {
namespace {

constexpr u64 KiB = 1024, MiB = KiB * KiB, GiB = KiB * MiB, TiB = KiB * GiB;

Config preset(Geometry g, u64 memory, u64 block) {
    return Config{.geometry = g,
                  .nr_nodes = 1,
                  .frames_per_node = memory / g.page_bytes,
                  .boot_gigantic = 0,
                  .hot_block_frames = block / g.page_bytes};
}

// Orders are those of the huge page sizes in SEMANTICS section 2; max_order is the architecture's
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
    return {preset(x86, 4 * GiB, 128 * MiB),  preset(tiny, 128 * 256, 32 * 256),
            preset(arm4, 4 * GiB, 128 * MiB), preset(arm16, 64 * GiB, 8 * GiB),
            preset(arm64, 2 * TiB, 0),        preset(odd, 7 * GiB, 0)};
}

// Nodes and hot blocks are described by whole vmemmap PMDs.
bool is_whole_pmds(const Geometry& g, u64 frames) {
    return frames * g.struct_page_bytes % (u64{g.ptrs_per_pte} * g.page_bytes) == 0;
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
    if (key == "memory" || key == "block") {
        const auto n = parse_bytes(value);
        if (!n) return n.error();
        if (*n % c.geometry.page_bytes) return "'" + std::string(key) + "' is not a whole number of pages";
        (key == "memory" ? c.frames_per_node : c.hot_block_frames) = *n / c.geometry.page_bytes;
        return {};
    }
    return "unknown geometry key '" + std::string(key) + "'; known: nodes memory boot block bbm";
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
