// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/hvo/agree.hpp"

#include <bit>

#include "model/step.hpp"
#include "spec/judge/hvo_outcome.hpp"
#include "spec/linux/hvo/same_world.hpp"

namespace mmodel::bench {
namespace {

// Whether the operation calls the file under test.
bool calls_the_file(const Op& op) {
    return spec::promise_of(hvo_op(op.kind)) != spec::Promise::none || hvo::is_boot_op(op.kind);
}

// Whether the list's first folio is passed over, for it is optimised already.
bool begins_with_an_optimised_folio(const World& w, const Op& op) {
    if (!op.folios) return false;
    const auto slot = static_cast<u8>(std::countr_zero(op.folios));
    const hvo::FolioSlot& first = w.pool().slots[slot];
    if (op.kind == OpKind::boot_up)
        return first.state == hvo::SlotState::late &&
               hvo::is_populated_optimised(w.machine(), w.pool().folio(w.config().geometry, slot));
    return op.kind == OpKind::optimise_list && first.state == hvo::SlotState::hugetlb &&
           hvo::is_optimised(w.machine(), first.head);
}

// The shims announce each store to a struct page that they can see; what it changes is an event of its own.
bool is_announcement(const Event& e) {
    return e.kind == EventKind::store && e.store_to() == StoreTo::refcount;
}

bool lowers_key(const Event& e) { return e.kind == EventKind::static_branch && e.change() < 0; }

// But for the function that they come from. The hash has the event's number, which most have not.
bool are_the_same(const Event& a, const Event& b) {
    if (a.kind != b.kind || a.ok != b.ok || a.pfn != b.pfn || a.from != b.from || a.pte != b.pte ||
        a.vpage != b.vpage || a.nid != b.nid || a.this_node != b.this_node)
        return false;
    if (a.kind == EventKind::set_pte_at) return a.ref.table == b.ref.table && a.ref.idx == b.ref.idx;
    return is_one_of(a.kind, EventKind::alloc_pages_node, EventKind::copy_page, EventKind::free_page,
                     EventKind::smp_wmb) ||
           a.hash() == b.hash();
}

std::string in_words(const Event* e) {
    return e ? print_event(*e) + " in " + name(e->where) + "()" : "none, for it has ended,";
}

struct Differs {
    std::string what;
};

} // namespace

bool Agreement::begin(const World& before, const Op& op, bool picked) {
    shown_ = {};
    if (!calls_the_file(op)) return false;
    models_world_ ? models_world_->copy_from(before) : void(models_world_ = before);
    op_ = op;
    picked_ = picked;
    events_.clear();
    next_ = 0;
    lowered_ = 0;
    first_is_optimised_ = begins_with_an_optimised_folio(before, op);
    return true;
}

void Agreement::see(const Event& e) {
    if (!is_announcement(e)) events_.push_back(e);
}

// ---- while the model runs

struct Agreement::Follower {
    Agreement& of;
    void before(const Machine&, const Event& e) { of.follow(e); }
    void after(const Machine&, const Event&) {}
    [[nodiscard]] bool picks() const { return of.picked_; }
    [[nodiscard]] std::optional<Pfn> pick_frame(const Machine&) { return of.next_frame(); }
};

// What the file's next allocation got.
std::optional<Pfn> Agreement::next_frame() const {
    for (std::size_t i = next_; i < events_.size(); ++i)
        if (is_one_of(events_[i].kind, EventKind::alloc_pages_node, EventKind::pte_alloc_one_kernel))
            return events_[i].ok ? std::optional(events_[i].pfn) : std::nullopt;
    return std::nullopt;
}

void Agreement::follow(const Event& models) {
    pass_early_keys(models);
    if (next() && are_the_same(*next(), models)) {
        ++next_;
        return;
    }
    if (passes_key(models) || passes_grace_period(models)) return;
    throw Differs{"event " + std::to_string(next_) + " of the file is " + in_words(next()) +
                  ", the model's is " + in_words(&models)};
}

bool Agreement::show(Deviation d) {
    if (!allowed_.has(d)) return false;
    shown_ = shown_.with(d);
    return true;
}

// Of a list that is restored the model lowers the key once for all, after the flush. The file does it folio
// by folio: at that place, which is the same, or before.
void Agreement::pass_early_keys(const Event& models) {
    if (op_.kind != OpKind::restore_list || !next() || !lowers_key(*next())) return;
    if (lowers_key(models) ? are_the_same(*next(), models)
                           : !show(Deviation::key_is_lowered_before_the_flush))
        return;
    for (; next() && lowers_key(*next()); ++next_) lowered_ -= next()->change();
}

bool Agreement::passes_key(const Event& models) {
    if (!lowered_ || !lowers_key(models) || models.change() != -lowered_) return false;
    lowered_ = 0;
    return true;
}

bool Agreement::passes_grace_period(const Event& models) {
    return first_is_optimised_ && models.kind == EventKind::synchronize_rcu &&
           show(Deviation::only_the_first_folio_is_waited_for);
}

// ---- the end

Difference Agreement::compare_results(const Ran& real, Outcome model) const {
    if (op_.kind == OpKind::optimise) model.err = real.outcome.err; // the file's call returns nothing,
    if (model.err != Errno::ok) model.restored = 0;                 // and with an error no number
    if (auto d = differ(real.outcome, model)) return d;
    if (auto d = differ("the number of allocations asked for", real.nr_allocs, model_ran_.nr_allocs))
        return d;
    return differ("the number of allocations refused", real.nr_failed_allocs, model_ran_.nr_failed_allocs);
}

Difference Agreement::finish(const World& after, const Ran& ran) {
    World& model = *models_world_;
    const auto walkers = model.machine().walkers;
    Follower follower{*this};
    try {
        model_ran_ = advance(model, op_, follower);
    } catch (const Differs& d) {
        return d.what;
    }
    if (next())
        return "event " + std::to_string(next_) + " of the file is " + in_words(next()) +
               ", the model has ended";
    if (lowered_)
        return "the file lowers the static key by " + std::to_string(lowered_) + " more than the model";
    if (auto d = compare_results(ran, model_ran_.outcome)) return d;
    // Those for whom the model has waited are still there.
    if (shown_.has(Deviation::only_the_first_folio_is_waited_for)) model.own().machine.walkers = walkers;
    return first_difference(after, model);
}

} // namespace mmodel::bench
