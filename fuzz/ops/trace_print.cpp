// SPDX-License-Identifier: GPL-2.0 OR MIT
// Traces as text, and the fields of an operation by name.
#include <algorithm>
#include <utility>

#include "fuzz/ops/trace.hpp"
#include "fuzz/ops/trace_words.hpp"

namespace mmodel {
namespace {

void print_field(std::string& out, const Geometry& g, const Op& op, Field f) {
    const u64 v = field_value(op, f);
    if (v == 0 && f != f_folio && f != f_area && f != f_chunk) return;
    out += " " + std::string(name_of(f)) + "=";
    if (f == f_size) {
        // A size that the geometry lacks prints as what the parser refuses.
        out += v < g.nr_hstates() ? print_bytes(size_bytes(g, op.size)) : "?" + std::to_string(v);
    } else if (f == f_from) {
        out += v < from_names.size() ? std::string(from_names[v]) : "?" + std::to_string(v);
    } else if (is_size(f)) {
        out += print_bytes(v);
    } else if (f == f_folios) {
        std::string_view comma = "";
        for (std::size_t slot = 0; slot < max_folios; ++slot) {
            if (!(v >> slot & 1)) continue;
            (out += comma) += std::to_string(slot);
            comma = ",";
        }
    } else {
        out += std::to_string(v);
    }
}

void print_faults(std::string& out, Field f, const Faults& faults) {
    if (!faults.any()) return;
    out += " " + std::string(name_of(f)) + "=" + std::to_string(faults.nth[0]);
    if (faults.nth[1] != no_fault) out += "," + std::to_string(faults.nth[1]);
}

void print_frames(std::string& out, const Frames& frames) {
    std::string_view before = " frames=";
    for (const u32 p : frames.nth) {
        if (p == no_frame) return;
        (out += std::exchange(before, ",")) += std::to_string(p);
    }
}

} // namespace

u64 field_value(const Op& op, Field f) {
    switch (f) {
    case f_folio: return op.folio;
    case f_size: return op.size;
    case f_from: return static_cast<u64>(op.from);
    case f_nid: return op.nid;
    case f_on: return op.on;
    case f_walker: return op.walker;
    case f_folios: return op.folios;
    case f_page:
    case f_reserved: return op.page;
    case f_area:
    case f_chunk: return op.folio;
    case f_cpu: return op.nid;
    case f_atomic:
    case f_again:
    case f_paged: return op.on;
    case f_bytes:
    case f_static: return op.bytes;
    case f_align:
    case f_atom: return op.align;
    case f_to:
    case f_dyn: return op.to;
    case f_fail:
    case f_update_fail:
    case f_frames: break;
    }
    return 0;
}

void set_field(Op& op, Field f, u64 value) {
    switch (f) {
    case f_folio: op.folio = static_cast<u8>(value); return;
    case f_size: op.size = static_cast<u8>(value); return;
    case f_from: op.from = static_cast<From>(value); return;
    case f_nid: op.nid = static_cast<u8>(value); return;
    case f_on: op.on = value & 1; return;
    case f_walker: op.walker = static_cast<u8>(value); return;
    case f_folios: op.folios = static_cast<u16>(value); return;
    case f_page:
    case f_reserved: op.page = static_cast<u32>(value); return;
    case f_area:
    case f_chunk: op.folio = static_cast<u8>(value); return;
    case f_cpu: op.nid = static_cast<u8>(value); return;
    case f_atomic:
    case f_again:
    case f_paged: op.on = value & 1; return;
    case f_bytes:
    case f_static: op.bytes = static_cast<u32>(value); return;
    case f_align:
    case f_atom: op.align = static_cast<u32>(value); return;
    case f_to:
    case f_dyn: op.to = static_cast<u32>(value); return;
    case f_fail:
    case f_update_fail:
    case f_frames: return;
    }
}

u64 nr_values(const Config& c, Field f) {
    switch (f) {
    case f_folio: return max_folios;
    case f_size: return c.geometry.nr_hstates();
    case f_from: return from_names.size();
    case f_nid: return c.nr_nodes;
    case f_on: return 2;
    case f_walker: return max_walkers;
    case f_folios: return u64{1} << max_folios;
    case f_page:
    case f_to:
    case f_bytes:
    case f_align:
    case f_static:
    case f_reserved:
    case f_dyn:
    case f_atom: return u64{1} << 32;
    case f_area: return max_areas;
    case f_chunk: return max_chunks;
    case f_cpu: return c.nr_cpu_ids();
    case f_atomic:
    case f_again:
    case f_paged: return 2;
    case f_fail:
    case f_update_fail: return u64{max_fault} + 1;
    case f_frames: return no_frame;
    }
    return 1;
}

bool is_valid(const Config& c, const Op& op) {
    const auto fits = [&](Field f) {
        return !(fields_of(op.kind) & f) || field_value(op, f) < nr_values(c, f);
    };
    return op == canonical(op) && std::ranges::all_of(number_fields, fits);
}

std::string print_op(const Geometry& g, const Op& op) {
    const Op c = canonical(op);
    std::string out(name(c.kind));
    for (const Field f : number_fields)
        if (fields_of(c.kind) & f) print_field(out, g, c, f);
    print_faults(out, f_fail, c.fail);
    print_faults(out, f_update_fail, c.update_fail);
    print_frames(out, c.frames);
    return out;
}

std::string print_trace(const Trace& trace) {
    std::string out = "mmodel trace " + std::to_string(trace_version) + "\n";
    out += "geometry " + print_config(trace.config) + "\n";
    if (!trace.sabotage.empty()) out += "sabotage " + trace.sabotage + "\n";
    if (trace.stale) out += "stale " + std::to_string(trace.stale) + "\n";
    for (const Op& op : trace.ops) (out += print_op(trace.config.geometry, op)) += '\n';
    if (!trace.tasks.nr_ops.empty()) out += print_tasks(trace.tasks) + "\n";
    if (!trace.expect.empty()) out += "expect " + trace.expect + "\n";
    return out;
}

std::string print_error(const TraceError& e) {
    return "line " + std::to_string(e.line) + ", column " + std::to_string(e.column) + ": " + e.what;
}

} // namespace mmodel
