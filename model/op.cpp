// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/op.hpp"

#include <algorithm>

namespace mmodel {

std::string_view name(OpKind k) {
    switch (k) {
    case OpKind::alloc_folio: return "alloc_folio";
    case OpKind::free_folio: return "free_folio";
    case OpKind::optimise: return "optimise";
    case OpKind::restore: return "restore";
    case OpKind::optimise_list: return "optimise_list";
    case OpKind::restore_list: return "restore_list";
    case OpKind::sysctl: return "sysctl";
    case OpKind::alloc_lru: return "alloc_lru";
    case OpKind::free_lru: return "free_lru";
    case OpKind::walker_enter: return "walker_enter";
    case OpKind::walker_try_get: return "walker_try_get";
    case OpKind::walker_leave: return "walker_leave";
    case OpKind::hot_add: return "hot_add";
    case OpKind::take_pages: return "take_pages";
    case OpKind::give_pages: return "give_pages";
    }
    return "?";
}

Op canonical(Op op) {
    const u16 f = fields_of(op.kind);
    Op out{.kind = op.kind};
    if (f & f_folio) out.folio = op.folio;
    if (f & f_size) out.size = op.size;
    if (f & f_from) out.from = op.from;
    if (f & f_nid) out.nid = op.nid;
    if (f & f_on) out.on = op.on;
    if (f & f_walker) out.walker = op.walker;
    if (f & f_folios) out.folios = op.folios;
    if (f & f_page) out.page = op.page;
    if (f & f_fail) {
        std::ranges::sort(op.fail.nth);
        if (op.fail.nth[0] == op.fail.nth[1]) op.fail.nth[1] = no_fault;
        out.fail = op.fail;
    }
    return out;
}

} // namespace mmodel
