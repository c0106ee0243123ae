// SPDX-License-Identifier: GPL-2.0 OR MIT
// An operation is plain data: what is done, to which folio, and which of its allocations fail. RapidCheck
// generates it, libFuzzer decodes it from bytes, a text trace holds it, a shrinker cuts it down.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <string_view>

#include "model/machine/faults.hpp"

namespace mmodel {

enum class From : u8 { buddy = 0, boot = 1, hot = 2 };

inline constexpr std::size_t max_folios = 16; // folio slots a world has; a list is a mask of them
inline constexpr std::size_t max_walkers = 4;
inline constexpr std::size_t max_areas = 64; // area slots
inline constexpr std::size_t max_chunks = 8; // chunk slots, for chunks that no list holds

// The fields an operation may use; the printer, the parser, the byte decoder and the shrinker all go by
// fields_of().
enum Field : u32 {
    f_folio = 1,
    f_size = 2,
    f_from = 4,
    f_nid = 8,
    f_on = 16,
    f_walker = 32,
    f_folios = 64,
    f_page = 128,
    f_fail = 256,
    f_area = 512,    // held in `folio`
    f_chunk = 1024,  // held in `folio`
    f_cpu = 2048,    // held in `nid`
    f_atomic = 4096, // held in `on`
    f_again = 8192,  // held in `on`
    f_bytes = 1 << 14,
    f_align = 1 << 15,
    f_to = 1 << 16,
    f_static = 1 << 17,   // pcpu_boot: bytes of static percpu data; held in `bytes`
    f_reserved = 1 << 18, // pcpu_boot: bytes reserved for modules; held in `page`
    f_dyn = 1 << 19,      // pcpu_boot: bytes for dynamic areas in the first chunk; held in `to`
    f_atom = 1 << 20,     // pcpu_boot: atom size, bytes; held in `align`
    f_paged = 1 << 21,    // pcpu_boot: pcpu_page_first_chunk() instead of the embedding one; held in `on`
    f_update_fail = 1 << 22,
    f_frames = 1 << 23
};

// The list is ops.inc.
enum class OpKind : u8 {
#define MMODEL_OP(name, code, fields, sentence) name = code,
#include "model/ops.inc"
};

inline constexpr std::array all_op_kinds{
#define MMODEL_OP(name, code, fields, sentence) OpKind::name,
#include "model/ops.inc"
};

// The two kinds of operation, to switch over either: HVO's and the machine's own, and those of percpu.
enum class HvoOp : u8 {
#define MMODEL_HVO_OP(name, code, fields, sentence) name = code,
#define MMODEL_PERCPU_OP(name, code, fields, sentence)
#include "model/ops.inc"
};
enum class PercpuOp : u8 {
#define MMODEL_HVO_OP(name, code, fields, sentence)
#define MMODEL_PERCPU_OP(name, code, fields, sentence) name = code,
#include "model/ops.inc"
};

constexpr bool is_percpu(OpKind k) {
    switch (k) {
#define MMODEL_HVO_OP(name, code, fields, sentence)                                                          \
    case OpKind::name: return false;
#define MMODEL_PERCPU_OP(name, code, fields, sentence)                                                       \
    case OpKind::name: return true;
#include "model/ops.inc"
    }
    return false;
}
// Need: !is_percpu(k); is_percpu(k).
constexpr HvoOp hvo_op(OpKind k) {
    assert(!is_percpu(k));
    return static_cast<HvoOp>(k);
}
constexpr PercpuOp percpu_op(OpKind k) {
    assert(is_percpu(k));
    return static_cast<PercpuOp>(k);
}

constexpr u32 fields_of(OpKind k) {
    switch (k) {
#define MMODEL_OP(name, code, fields, sentence)                                                              \
    case OpKind::name: return fields;
#include "model/ops.inc"
    }
    return 0;
}

// Fields an operation does not use are zero, so that == on operations is == on what they mean (see
// canonical()).
struct Op {
    OpKind kind{OpKind::optimise};
    u8 folio{};  // folio slot
    u8 size{};   // alloc_*: index into the geometry's huge page sizes
    From from{}; // alloc_folio
    u8 nid{};
    bool on{};
    u8 walker{};
    u16 folios{}; // *_list: mask of folio slots
    u32 page{};   // walker_enter: page of the folio; take_pages: frames left; vm_*: first page; lookup: byte
    u32 to{};     // vm_*: end page
    u32 bytes{};  // pcpu_alloc, module_load
    u32 align{};  // ... bytes
    Faults fail{};
    Faults update_fail{}; // of the updates of PTEs and PMDs, where a design's may fail
    Frames frames{};

    auto operator<=>(const Op&) const = default;

    // What is held in a field of another name. Each needs an operation that has the field.
    [[nodiscard]] constexpr u8 area() const { return has(f_area), folio; }
    [[nodiscard]] constexpr u8 chunk() const { return has(f_chunk), static_cast<u8>(folio % max_chunks); }
    [[nodiscard]] constexpr u8 cpu() const { return has(f_cpu), nid; }
    [[nodiscard]] constexpr bool is_atomic() const { return has(f_atomic), on; }
    [[nodiscard]] constexpr bool is_again() const { return has(f_again), on; }
    [[nodiscard]] constexpr bool is_paged() const { return has(f_paged), on; }
    [[nodiscard]] constexpr u32 static_bytes() const { return has(f_static), bytes; }
    [[nodiscard]] constexpr u32 reserved_bytes() const { return has(f_reserved), page; }
    [[nodiscard]] constexpr u32 dyn_bytes() const { return has(f_dyn), to; }
    [[nodiscard]] constexpr u32 atom_bytes() const { return has(f_atom), align; }

private:
    constexpr void has([[maybe_unused]] Field f) const { assert(fields_of(kind) & f); }
};

// The word that starts the operation's line in a text trace: "optimise", "walker_enter", ...
[[nodiscard]] std::string_view name(OpKind k);
[[nodiscard]] std::string_view sentence(OpKind k); // what it does

// The same operation with every unused field zeroed and faults sorted, without repeats.
[[nodiscard]] Op canonical(Op op);

} // namespace mmodel
