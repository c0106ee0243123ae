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
    case OpKind::pcpu_boot: return "pcpu_boot";
    case OpKind::pcpu_alloc: return "pcpu_alloc";
    case OpKind::pcpu_free: return "pcpu_free";
    case OpKind::pcpu_balance: return "pcpu_balance";
    case OpKind::module_load: return "module_load";
    case OpKind::module_unload: return "module_unload";
    case OpKind::cpu_online: return "cpu_online";
    case OpKind::pcpu_lookup: return "pcpu_lookup";
    case OpKind::vm_create: return "vm_create";
    case OpKind::vm_populate: return "vm_populate";
    case OpKind::vm_depopulate: return "vm_depopulate";
    case OpKind::vm_destroy: return "vm_destroy";
    case OpKind::vm_should_reclaim: return "vm_should_reclaim";
    }
    return "?";
}

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
    if (f & f_fail) {
        std::ranges::sort(op.fail.nth);
        if (op.fail.nth[0] == op.fail.nth[1]) op.fail.nth[1] = no_fault;
        out.fail = op.fail;
    }
    return out;
}

} // namespace mmodel
