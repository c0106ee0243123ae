// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/ops/bytes.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

#include "model/percpu/chunk.hpp"

namespace mmodel {
namespace {

constexpr std::array<u8, 4> magic{'M', 'M', 'O', 'D'};
constexpr std::size_t version_at = 4, geometry_at = 5, mark_at = 6;

// None has bbm=1: there HVO breaks an invariant by what it is (corpus/hvo/arm64_break_before_make), and
// whoever fuzzed that row would find nothing else.
constexpr std::array config_rows = std::to_array<std::string_view>({
    "x86-64",
    "tiny",
    "tiny nodes=2",
    "x86-64 nodes=2",
    "x86-64 boot=1",
    "tiny boot=1",
    "tiny nodes=2 boot=1",
    "x86-64 nodes=2 boot=1",
    "tiny memory=16K",
    "tiny block=0",
    "tiny nodes=4",
    "arm64-4k",
    "arm64-16k",
    "arm64-64k",
    "x86-64-struct-page-56",
    "x86-64 memory=2G block=0",
    // With CPUs in mind.
    "x86-64 nodes=2 cpus=0,0,1,1",             // two groups
    "x86-64 vmalloc=64M cpus=0*4",             // addresses run out
    "x86-64 nodes=2 memory=1G cpus=1,0,1,-,2", // offsets out of order, a hole, a node without memory
    "x86-64 nodes=2 cpus=0*3,1*2",             // surplus units
    "x86-64 nodes=2 memory=1G cpus=0,1,0,1 distance=10,10,10,10", // two nodes, one group
    "x86-64 memory=1G highmem=512M cpus=0*2",
    "tiny cpus=0,0",
    "tiny nodes=2 cpus=0,1,1",
    "tiny memory=16K vmalloc=8K cpus=0*3", // memory and addresses run out
    "tiny nodes=2 cpus=1,0,-,1,2",
    "tiny memory=16K highmem=8K cpus=0",
    "arm64-64k nodes=2 memory=512G vmalloc=4T cpus=0,1",
});

u16 get16(const Record& r, std::size_t at) { return static_cast<u16>(r[at] | r[at + 1] << 8); }
u32 get32(const Record& r, std::size_t at) { return get16(r, at) | u32{get16(r, at + 2)} << 16; }

void put16(Record& r, std::size_t at, u16 v) {
    r[at] = static_cast<u8>(v);
    r[at + 1] = static_cast<u8>(v >> 8);
}

void put32(Record& r, std::size_t at, u32 v) {
    put16(r, at, static_cast<u16>(v));
    put16(r, at + 2, static_cast<u16>(v >> 16));
}

// Small numbers are the ones that reach an allocation or leave memory tight, so what does not fit becomes
// one.
u64 fold_low(u64 v, u64 range) { return v < range ? v : v % std::min<u64>(range, 32); }

constexpr u8 last_of_version_1 = 28;

// An opcode stands for itself, any other byte for one of those that the format began with.
OpKind decode_kind(u8 byte, u8 version) {
    constexpr u8 nr_first_kinds = 15;
    for (const OpKind k : all_op_kinds)
        if (static_cast<u8>(k) == byte && (version > 1 || byte <= last_of_version_1)) return k;
    return static_cast<OpKind>(1 + byte % nr_first_kinds);
}

u32 decode_page(const Config& c, OpKind kind, u32 v) {
    const Geometry& g = c.geometry;
    if (kind == OpKind::take_pages) return static_cast<u32>(fold_low(v, c.frames_per_node + 1));
    return static_cast<u32>(v % (u64{1} << g.folio_order[g.nr_hstates() - 1]));
}

u16 decode_fault(u16 v) {
    const u64 n = fold_low(v, u64{max_byte_fault} + 2);
    return n == 0 ? no_fault : static_cast<u16>(n - 1);
}

u16 encode_fault(u16 nth) { return static_cast<u16>(nth + 1); } // no_fault becomes 0
static_assert(static_cast<u16>(no_fault + 1) == 0);

// ---- records of percpu

u32 get24(const Record& r, std::size_t at) { return get16(r, at) | u32{r[at + 2]} << 16; }
void put24(Record& r, std::size_t at, u32 v) {
    put16(r, at, static_cast<u16>(v));
    r[at + 2] = static_cast<u8>(v >> 16);
}

constexpr u8 nr_exponents = 33, first_odd = 224;

u32 decode_align(u8 byte) {
    if (byte >= first_odd) return byte - u32{first_odd};
    if (byte == 0) return 0;
    const int exponent = byte < nr_exponents ? byte - 1 : byte % 13;
    return u32{1} << exponent;
}

u8 encode_align(u32 align) {
    if (std::has_single_bit(align)) return static_cast<u8>(std::countr_zero(align) + 1);
    return align == 0 ? u8{0} : static_cast<u8>(first_odd + align % (256 - first_odd));
}

// A size up to `most` is itself, a larger one becomes at most `folded`.
u32 fold_size(u32 v, u32 most, u32 folded) { return v <= most ? v : v % (folded + 1); }

void decode_boot(const Config& c, const Record& r, Op& op) {
    const u32 unit = pcpu::sizes_of(c.geometry).min_unit_bytes, most = 32 * unit;
    if (op.align > max_byte_atom) op.align = c.geometry.page_bytes;
    op.bytes = fold_size(get24(r, 4), most, unit);
    op.page = fold_size(u32{get16(r, 7)} * 2, most, unit) & ~1u;
    op.to = fold_size(get24(r, 9), most, unit);
}

void decode_percpu(const Config& c, const Record& r, Op& op) {
    constexpr u32 most_pages = 8192, few_pages = 32;
    const pcpu::Sizes s = pcpu::sizes_of(c.geometry);
    op.folio = static_cast<u8>(r[1] % (fields_of(op.kind) & f_chunk ? max_chunks : max_areas));
    op.align = decode_align(r[2]);
    op.on = r[3] >> 4 & 1;
    op.nid = static_cast<u8>(r[4] % c.nr_cpu_ids());
    if (op.kind == OpKind::pcpu_boot) return decode_boot(c, r, op);
    op.bytes = fold_size(get32(r, 4), 2 * s.min_unit_bytes, s.page_bytes);
    op.page = fold_size(get32(r, 8), 2 * s.min_unit_bytes, s.page_bytes);
    if (!(fields_of(op.kind) & f_to)) return;
    op.page = fold_size(get16(r, 8), most_pages, few_pages);
    op.to = fold_size(get16(r, 10), most_pages, few_pages);
}

void encode_percpu(const Op& op, Record& r) {
    const u32 f = fields_of(op.kind);
    r[2] = encode_align(op.align);
    if (f & f_cpu) r[4] = op.nid;
    if (f & f_bytes) put32(r, 4, op.bytes);
    if (f & f_page) put32(r, 8, op.page);
    if (f & f_to) put16(r, 8, static_cast<u16>(op.page)), put16(r, 10, static_cast<u16>(op.to));
    if (op.kind != OpKind::pcpu_boot) return;
    put24(r, 4, op.bytes);
    put16(r, 7, static_cast<u16>(op.page / 2));
    put24(r, 9, op.to);
}

} // namespace

const std::vector<Config>& fuzz_configs() {
    static const std::vector<Config> all = [] {
        std::vector<Config> rows;
        for (const std::string_view text : config_rows) {
            const auto c = parse_config(text);
            assert(c);
            rows.push_back(c ? *c : presets().front());
        }
        return rows;
    }();
    return all;
}

std::optional<u8> fuzz_config_row(const Config& c) {
    const auto& all = fuzz_configs();
    const auto row = std::ranges::find(all, c);
    if (row == all.end()) return std::nullopt;
    return static_cast<u8>(row - all.begin());
}

bool looks_like_bytes(std::span<const u8> bytes) {
    return bytes.size() >= magic.size() && std::ranges::equal(bytes.first(magic.size()), magic);
}

std::optional<u8> version_of(std::span<const u8> bytes) {
    if (!looks_like_bytes(bytes) || bytes.size() < header_bytes) return std::nullopt;
    return bytes[version_at];
}

// FNV-1a, folded to 16 bits.
u16 sabotage_mark(std::string_view name) {
    u32 h = 2166136261;
    for (const char c : name) h = (h ^ static_cast<u8>(c)) * 16777619;
    const auto mark = static_cast<u16>(h >> 16 ^ h);
    return mark ? mark : 1;
}

void mark_sabotage(std::span<u8> bytes, std::string_view name) {
    const u16 mark = sabotage_mark(name);
    bytes[mark_at] = static_cast<u8>(mark);
    bytes[mark_at + 1] = static_cast<u8>(mark >> 8);
}

u16 sabotage_mark_in(std::span<const u8> bytes) {
    if (const auto v = version_of(bytes); !v || !*v || *v > bytes_version) return 0;
    return static_cast<u16>(bytes[mark_at] | bytes[mark_at + 1] << 8);
}

u8 version_for(std::span<const Op> ops) {
    const auto is_new = [](const Op& op) {
        return static_cast<u8>(op.kind) > last_of_version_1 || op.update_fail.any();
    };
    return std::ranges::any_of(ops, is_new) ? 2 : 1;
}

std::array<u8, header_bytes> encode_header(u8 row, u8 version) {
    return {magic[0], magic[1], magic[2], magic[3], version, row, 0, 0};
}

Record encode_op(const Op& op) {
    Record r{static_cast<u8>(op.kind), op.folio, op.size};
    r[3] = static_cast<u8>((static_cast<u8>(op.from) & 15) | (op.on ? 16 : 0));
    put16(r, 12, encode_fault(op.fail.nth[0]));
    put16(r, 14, encode_fault(op.fail.nth[1]));
    if (is_percpu(op.kind)) return encode_percpu(op, r), r;
    r[4] = op.nid;
    r[5] = op.walker;
    put16(r, 6, op.folios);
    put32(r, 8, op.page);
    if (fields_of(op.kind) & f_update_fail) {
        put16(r, 8, encode_fault(op.update_fail.nth[0]));
        put16(r, 10, encode_fault(op.update_fail.nth[1]));
    }
    return r;
}

Op decode_op(const Config& c, const Record& r, u8 version) {
    Op op{.kind = decode_kind(r[0], version),
          .fail = {{decode_fault(get16(r, 12)), decode_fault(get16(r, 14))}}};
    if (is_percpu(op.kind)) return decode_percpu(c, r, op), canonical(op);
    set_field(op, f_folio, r[1] % nr_values(c, f_folio));
    set_field(op, f_size, r[2] % nr_values(c, f_size));
    set_field(op, f_from, (r[3] & 15) % nr_values(c, f_from));
    set_field(op, f_on, r[3] >> 4 & 1);
    set_field(op, f_nid, r[4] % nr_values(c, f_nid));
    set_field(op, f_walker, r[5] % nr_values(c, f_walker));
    set_field(op, f_folios, get16(r, 6));
    set_field(op, f_page, decode_page(c, op.kind, get32(r, 8)));
    if (version > 1) op.update_fail = {{decode_fault(get16(r, 8)), decode_fault(get16(r, 10))}};
    return canonical(op);
}

Trace decode(std::span<const u8> bytes, const std::vector<Config>& machines) {
    Trace out;
    u8 row = 0, version = 1;
    if (const auto v = version_of(bytes)) {
        version = *v;
        row = bytes[geometry_at];
        bytes = bytes.subspan(header_bytes);
    }
    out.config = machines[row % machines.size()];
    const std::size_t nr = std::min(bytes.size() / record_bytes, max_decoded_ops);
    out.ops.reserve(nr);
    for (std::size_t i = 0; i < nr; ++i) {
        Record r;
        std::ranges::copy(bytes.subspan(i * record_bytes, record_bytes), r.begin());
        out.ops.push_back(decode_op(out.config, r, version));
    }
    return out;
}

std::expected<std::vector<u8>, std::string> encode(const Trace& trace) {
    const auto row = fuzz_config_row(trace.config);
    if (!row) return std::unexpected("no fuzz byte stands for geometry '" + print_config(trace.config) + "'");
    if (!trace.sabotage.empty())
        return std::unexpected("fuzz bytes have no sabotage, and this trace has one");
    if (trace.stale) return std::unexpected("fuzz bytes have no stale translations, and this trace has");
    if (!trace.tasks.nr_ops.empty())
        return std::unexpected("fuzz bytes have no tasks, and this trace has some");
    if (trace.ops.size() > max_decoded_ops)
        return std::unexpected("trace of " + std::to_string(trace.ops.size()) +
                               " operations; fuzz bytes hold " + std::to_string(max_decoded_ops));
    const auto header = encode_header(*row, version_for(trace.ops));
    std::vector<u8> out(header.begin(), header.end());
    for (const Op& op : trace.ops) {
        const Record r = encode_op(op);
        if (decode_op(trace.config, r) != op)
            return std::unexpected("fuzz bytes have no record for '" + print_op(trace.config.geometry, op) +
                                   "'");
        out.insert(out.end(), r.begin(), r.end());
    }
    return out;
}

} // namespace mmodel
