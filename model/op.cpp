// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/op.hpp"

#include <algorithm>

namespace mmodel {

std::string_view name(OpKind k) {
    switch (k) {
#define MMODEL_OP(name, code, fields, sentence)                                                              \
    case OpKind::name: return #name;
#include "model/ops.inc"
    }
    return "?";
}

std::string_view sentence(OpKind k) {
    switch (k) {
#define MMODEL_OP(name, code, fields, sentence)                                                              \
    case OpKind::name: return sentence;
#include "model/ops.inc"
    }
    return "?";
}

namespace {

Faults in_order(Faults f) {
    std::ranges::sort(f.nth);
    if (f.nth[0] == f.nth[1]) f.nth[1] = no_fault;
    return f;
}

} // namespace

Op canonical(Op op) {
    const u32 f = fields_of(op.kind);
    Op out{.kind = op.kind};
    if (f & (f_folio | f_area | f_chunk)) out.folio = op.folio;
    if (f & f_size) out.size = op.size;
    if (f & f_from) out.from = op.from;
    if (f & (f_nid | f_cpu)) out.nid = op.nid;
    if (f & (f_on | f_atomic | f_again | f_paged)) out.on = op.on;
    if (f & f_walker) out.walker = op.walker;
    if (f & f_folios) out.folios = op.folios;
    if (f & (f_page | f_reserved)) out.page = op.page;
    if (f & (f_to | f_dyn)) out.to = op.to;
    if (f & (f_bytes | f_static)) out.bytes = op.bytes;
    if (f & (f_align | f_atom)) out.align = op.align;
    if (f & f_fail) out.fail = in_order(op.fail);
    if (f & f_update_fail) out.update_fail = in_order(op.update_fail);
    if (f & f_frames) std::ranges::remove_copy(op.frames.nth, out.frames.nth.begin(), no_frame);
    return out;
}

} // namespace mmodel
