// SPDX-License-Identifier: GPL-2.0 OR MIT
// A trace as a fuzzer sees it. Any byte string decodes, every record to an operation that is valid for its
// machine; what encode() wrote decodes to what it was. A contract: opcodes, offsets and table rows are never
// renumbered. Version 2 has more kinds and fields than version 1, which is read for ever as it was.
//
//   header, 8 bytes    0..3 "MMOD"   4 version (1, 2)   5 geometry, a row of fuzz_configs()
//                      6..7 zero, or the mark of a sabotage: how the model was broken when this was found
//   record, 16 bytes   0 kind   1 folio   2 size   3 from (low 4 bits), on (bit 4)   4 nid   5 walker
//                      6..7 folios   8..11 page   12..13, 14..15 faults (n + 1; 0: none); little-endian
//                      version 2, of what HVO does to folios: 8..9, 10..11 updates that fail, as faults
//   ... of percpu        0 kind   1 area or chunk   2 align or atom   3 on, atomic, again, paged (bit 4)
//                        12..13, 14..15 faults as above; and by kind
//                      pcpu_alloc, module_load      4..7 bytes
//                      cpu_online, pcpu_lookup      4 cpu   8..11 page
//                      vm_populate, vm_depopulate   8..9 page   10..11 to
//                      pcpu_boot                    4..6 static   7..8 reserved / 2   9..11 dyn
//                      align, atom: 0 is 0, 1 to 32 are 1, 2, 4, ... 2G, 224 to 255 are 0 to 31
//
// Without the magic there is no header: row 0, records from byte 0. Of a trace, `expect` has no bytes, and no
// record names frames (encode() refuses those); `sabotage` has the bytes of its mark, which decode() and
// encode() leave to whoever reports a finding.
#pragma once

#include <array>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/ops/trace.hpp"

namespace mmodel {

inline constexpr u8 bytes_version = 2;
inline constexpr std::size_t header_bytes = 8;
inline constexpr std::size_t record_bytes = 16;
inline constexpr std::size_t max_decoded_ops = 512; // records past these are ignored
inline constexpr u16 max_byte_fault = 4096;   // the largest that a record holds; a 1G folio has 4096 pages
inline constexpr u32 max_byte_atom = 4 << 20; // units grow with it, and the time that a chunk takes with them

using Record = std::array<u8, record_bytes>;

// The machines that a geometry byte names, modulo their number. Rows are appended, never changed.
[[nodiscard]] const std::vector<Config>& fuzz_configs();
[[nodiscard]] std::optional<u8> fuzz_config_row(const Config& c);

// Whether these are fuzz bytes with their magic, rather than a text trace.
[[nodiscard]] bool looks_like_bytes(std::span<const u8> bytes);

// The version in the header; nullopt without one, which is read as 1. decode() reads what is newer as 2: a
// tool that shows people what they gave it must refuse a newer one first.
[[nodiscard]] std::optional<u8> version_of(std::span<const u8> bytes);

// Total. Out-of-range values fold into their field's range, faults, sizes and counts of pages into its low
// end, kinds that are none into those before the percpu allocator; a trailing partial record is ignored.
// Configuration and operations are valid, sabotage and expect empty. `machines`: in place of fuzz_configs().
[[nodiscard]] Trace decode(std::span<const u8> bytes, const std::vector<Config>& machines = fuzz_configs());

// The bytes that decode() turns back into this trace, but for `expect`, which is a claim about a run and no
// part of it. Otherwise one sentence: the configuration is in no row, a sabotage or tasks, too many
// operations, or one that a record cannot hold (a fault past max_byte_fault, a page past the largest folio, a
// request past twice the largest that percpu serves, an odd alignment past 31, an atom past max_byte_atom).
[[nodiscard]] std::expected<std::vector<u8>, std::string> encode(const Trace& trace);

// A sabotage's mark: a hash of its name, never 0.
[[nodiscard]] u16 sabotage_mark(std::string_view name);
// Puts it into the header. Needs: bytes that encode() made.
void mark_sabotage(std::span<u8> bytes, std::string_view name);
// The mark in the header; 0: none, or no header of a known version.
[[nodiscard]] u16 sabotage_mark_in(std::span<const u8> bytes);

// encode() for whom a folded value will do: the parts, unchecked.
[[nodiscard]] std::array<u8, header_bytes> encode_header(u8 row, u8 version = 1);
// The first version that has such operations.
[[nodiscard]] u8 version_for(std::span<const Op> ops);
[[nodiscard]] Record encode_op(const Op& op);
[[nodiscard]] Op decode_op(const Config& c, const Record& r, u8 version = bytes_version);

} // namespace mmodel
