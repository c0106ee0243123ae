// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/symbolic/hvo_watch.hpp"

#include <algorithm>

namespace mmodel::symbolic {
namespace {

using spec::Inv;

bool is_tail(u8 s) { return s == slot::tail || s >= slot::meta; }

Term yes(const HvoMachine& m, bool b) { return m.now.c.bool_val(b); }

// include/linux/page-flags.h: compound_head() of every struct page of a vmemmap page, as
// spec/judge/hvo_discipline.cpp has it: right, right while the static key is on, or wrong.
enum class Reader { right, right_with_key, wrong };

Reader judge_reader(const HvoShape& s, const hvo::Folio& f, u64 v, Contents found) {
    const u64 start = s.geometry.vpage_of(f.head).value;
    if (found.kind == Contents::Kind::fresh) {
        if (found.subject < start || found.subject >= start + s.geometry.vmemmap_pages(f.order))
            return Reader::wrong;
        found = initialised(s, f, found.subject);
    }
    if (found.kind != Contents::Kind::copy) return Reader::wrong;
    if (found.subject != f.head.value && found.slots[0] != slot::plain) return Reader::wrong;
    const u64 nr = s.geometry.struct_pages_per_page();
    for (std::size_t j = 1; j < std::min<u64>(nr, Contents::nr_slots); ++j)
        if (!is_tail(found.slots[j])) return Reader::wrong;
    if (nr > Contents::nr_slots && !is_tail(found.rest)) return Reader::wrong;
    if (v == start) return found.slots[0] == slot::head ? Reader::right : Reader::wrong;
    if (found.slots[0] == slot::head) return Reader::right_with_key;
    return is_tail(found.slots[0]) ? Reader::right : Reader::wrong;
}

} // namespace

int HvoWatch::subject_of(const HvoMachine& m, u64 v) const {
    const int k = m.now.folio_at(v);
    return std::ranges::find(subjects_, k) == subjects_.end() ? -1 : k;
}

void HvoWatch::before(const HvoMachine& m, const Event& e) {
    auto term = [&](Pfn p) {
        return p == no_pfn || p.value >= 1u << 29 ? number(m.now.c, 0, m.now.bits) : m.frame(p);
    };
    seen_.push_back({e, term(e.pfn), term(e.from), term(e.pte.pfn())});
    switch (e.kind) {
    case EventKind::free_page:
    case EventKind::free_bootmem_page: return judge_free(m, e);
    case EventKind::pmd_populate_kernel: return judge_install(m, e);
    case EventKind::set_pte_at: return judge_set_pte(m, e);
    case EventKind::store: return judge_store(m, e);
    case EventKind::warn: return require(yes(m, false), Inv::no_kernel_warning, e);
    case EventKind::split_page:
    case EventKind::pte_alloc_one_kernel:
    case EventKind::pte_free_kernel:
    case EventKind::smp_wmb:
    case EventKind::copy_page:
    case EventKind::reset_struct_pages:
    case EventKind::init_compound_tail:
    case EventKind::cmpxchg_tail:
    case EventKind::flush_tlb_kernel_range:
    case EventKind::flush_tlb_all:
    case EventKind::synchronize_rcu:
    case EventKind::static_branch:
    case EventKind::memmap_pages_add:
    case EventKind::memmap_boot_pages_add:
    case EventKind::lock:
    case EventKind::unlock:
    case EventKind::flush_tlb_vmalloc:
    case EventKind::flush_cache_vmap:
    case EventKind::flush_cache_vunmap:
    case EventKind::pcpu_free_vm_areas:
    case EventKind::kzalloc:
    case EventKind::kfree:
    case EventKind::set_page_tag:
    case EventKind::memset_zero:
    case EventKind::alloc_pages_node:
    case EventKind::vmalloc_pte:
    case EventKind::pcpu_get_vm_areas: return; // judged after, or nothing to judge
    }
}

void HvoWatch::after(const HvoMachine& m, const Event& e) {
    if (e.kind == EventKind::set_pte_at && e.is_live() && subject_of(m, e.vpage->value) >= 0)
        judge_remap(m, e);
    if (e.kind == EventKind::store && e.store_to() == StoreTo::optimised_flag)
        judge_flag(m, e.vpage->value, e);
    if (e.kind == EventKind::static_branch) {
        require(m.now.key.term() >= 0, Inv::static_key_counts_optimised_folios, e);
        judge_compound_heads(m, e);
    }
}

void HvoWatch::judge_free(const HvoMachine& m, const Event& e) {
    require(!m.is_mapped(e.pfn), Inv::no_frame_is_freed_while_mapped, e);
    require(m.at(m.now.place, e.pfn) == number(m.now.c, HvoState::detached, 3), Inv::no_page_is_freed_twice,
            e);
    require(!m.may_be_cached(e.pfn), Inv::no_frame_is_freed_while_a_tlb_may_hold_it, e);
    require(m.reserved(e.pfn) == yes(m, e.kind == EventKind::free_bootmem_page),
            Inv::page_goes_back_to_its_own_allocator, e);
    require(!m.is_under_unsplit_block(e.pfn), Inv::high_order_block_is_split_before_its_pages_are_freed, e);
}

void HvoWatch::judge_install(const HvoMachine& m, const Event& e) {
    require(yes(m, m.is_locked(Lock::page_table)), Inv::pmd_changes_under_the_page_table_lock, e);
    require(!m.is_unordered(e.pfn), Inv::table_is_ordered_before_the_pmd, e);
    Term same = m.now.leaf[e.pmd_idx()];
    const auto& entries = m.entries(e.pfn);
    for (u64 i = 0; i < entries.size(); ++i) {
        same = same && yes(m, entries[i].present() && entries[i].writable());
        same = same &&
               m.frame(entries[i].pfn()) == number(m.now.c, e.pmd_idx() * entries.size() + i, m.now.bits);
    }
    require(same, Inv::table_translates_as_the_leaf_did, e);
}

void HvoWatch::judge_set_pte(const HvoMachine& m, const Event& e) {
    if (!e.is_live()) return;
    const u64 v = e.vpage->value;
    const int k = subject_of(m, v);
    require(yes(m, k >= 0), Inv::only_the_folios_own_vmemmap_changes, e);
    if (k < 0) return;
    require(yes(m, m.is_locked(Lock::mmap_read)), Inv::walk_holds_the_mmap_lock, e);
    require(!m.now.is_self_hosted(m.now.pmd_of(v)), Inv::self_hosted_vmemmap_is_never_optimised, e);
    require(!m.is_unordered(e.pte.pfn()), Inv::contents_are_ordered_before_the_pte, e);
    require(!m.now.walker_may_write(v), Inv::no_remap_without_a_grace_period, e);
    if (e.vpage->value == m.now.start(k))
        return require(yes(m, e.pte.writable()), Inv::own_vmemmap_is_writable, e);
    const Term shared = m.frame(e.pte.pfn()) == m.now.frame(m.now.start(k));
    require(!shared || yes(m, !e.pte.writable()), Inv::tail_vmemmap_is_read_only, e);
    require(shared || yes(m, e.pte.writable()), Inv::own_vmemmap_is_writable, e);
}

// What a reader may find: every code of contents that reads well, here and now.
Term HvoWatch::reads_well(const HvoMachine& m, u64 v, const Term& frame) const {
    const int k = m.now.folio_at(v);
    const Term code = select(m.now.contents, frame);
    Term out = yes(m, false);
    for (u64 i = 0; i < m.codes().size(); ++i) {
        const Reader r =
            judge_reader(m.now.shape, m.now.shape.folios[static_cast<std::size_t>(k)], v, m.codes()[i]);
        if (r == Reader::wrong) continue;
        const Term here = code == number(m.now.c, i, 8);
        out = out || (r == Reader::right ? here : here && m.now.key.term() > 0);
    }
    return out;
}

void HvoWatch::judge_remap(const HvoMachine& m, const Event& e) {
    const u64 v = e.vpage->value;
    require(reads_well(m, v, m.frame(e.pte.pfn())), Inv::compound_head_of_every_tail_is_its_head, e);
    if (v == m.now.start(m.now.folio_at(v))) judge_flag(m, v, e);
}

void HvoWatch::judge_store(const HvoMachine& m, const Event& e) {
    Term writable = m.now.is_writable(e.vpage->value);
    for (const auto& s : m.stale())
        if (s.v == e.vpage->value) writable = writable && (!s.when || s.writable);
    require(writable, Inv::no_write_through_a_read_only_pte, e);
}

void HvoWatch::judge_flag(const HvoMachine& m, u64 head, const Event& e) {
    auto flag = [&](const Term& frame) {
        const Term code = select(m.now.contents, frame);
        Term out = yes(m, false);
        for (u64 i = 0; i < m.codes().size(); ++i)
            if (m.codes()[i].optimised) out = out || code == number(m.now.c, i, 8);
        return out;
    };
    const Term now = flag(m.now.frame(head));
    Term same = yes(m, true);
    for (const auto& s : m.stale())
        if (s.v == head) same = same && (!s.when || flag(s.frame) == now);
    if (m.is_leaf_stale(m.now.pmd_of(head))) same = same && flag(number(m.now.c, head, m.now.bits)) == now;
    require(same, Inv::optimised_flag_reads_the_same_through_every_translation, e);
}

// The fake-head rule is off once the key is 0: no tail may need it, through no translation.
void HvoWatch::judge_compound_heads(const HvoMachine& m, const Event& e) {
    const Term off = m.now.key.term() == 0;
    for (const int k : subjects_)
        for (u64 v = m.now.start(k); v < m.now.end(k); ++v) {
            require(!off || reads_well(m, v, m.now.frame(v)), Inv::compound_head_of_every_tail_is_its_head,
                    e);
            Term well = yes(m, true);
            for (const auto& s : m.stale())
                if (s.v == v) well = well && (!s.when || reads_well(m, v, s.frame));
            if (m.is_leaf_stale(m.now.pmd_of(v)))
                well = well && reads_well(m, v, number(m.now.c, v, m.now.bits));
            require(!off || well, Inv::compound_head_holds_through_stale_translations, e);
        }
}

std::string HvoWatch::show(const z3::model& model) const {
    std::string out;
    for (const Seen& s : seen_) {
        Event e = s.event;
        auto pfn = [&](const Term& t) { return Pfn{model.eval(t, true).get_numeral_uint64()}; };
        if (e.kind == EventKind::lock || e.kind == EventKind::unlock || e.kind == EventKind::smp_wmb)
            continue;
        if (e.kind == EventKind::set_pte_at && !e.is_live()) continue;
        if (e.pfn != no_pfn) e.pfn = pfn(s.pfn);
        if (e.from != no_pfn) e.from = pfn(s.from);
        if (e.pte.present()) e.pte = Pte::map(pfn(s.mapped), e.pte.writable());
        out += "    " + print_event(e) + "  " + name(e.where) + "()\n";
    }
    return out;
}

} // namespace mmodel::symbolic
