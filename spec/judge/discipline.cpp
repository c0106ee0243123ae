// SPDX-License-Identifier: GPL-2.0 OR MIT
// The rules of discipline.hpp, asked of a Machine.
#include "spec/judge/discipline.hpp"

#include "spec/judge/monitor.hpp"

namespace mmodel::spec {

Found why_wrong(const Machine& m, Vpage v, Pfn p) {
    const Compound* c = m.compound_at(v);
    const Contents found = m.read(p);
    const auto is = [&](Way way, std::string text) {
        const Vpage start = m.geometry().vpage_of(c->head);
        return Found(std::move(text), {.way = way,
                                       .group = start.value << 1,
                                       .place = v - start,
                                       .of = m.geometry().vmemmap_pages(c->order)});
    };
    switch (c ? reading(m.geometry(), {c->head, c->order}, v, found) : Reading::right) {
    case Reading::right: return "";
    case Reading::right_with_key:
        if (m.counters.static_key > 0) return "";
        return is(Way::copy_of_head, "struct page 0 is a copy of the head, and the static key is off");
    case Reading::junk: return is(Way::junk, "what an earlier owner left there");
    case Reading::of_another:
        return is(Way::of_another_folio, "struct pages of " + say_frame(Pfn{found.subject}));
    case Reading::of_another_order:
        return is(Way::of_another_folio, "tails of order " + std::to_string(found.subject));
    case Reading::not_a_tail:
        return is(Way::not_a_tail,
                  "struct page " + std::to_string(first_not_tail(m.geometry(), found)) + " is not a tail");
    case Reading::last_not_tails: return is(Way::not_a_tail, "its last struct pages are not tails");
    case Reading::not_the_head: return is(Way::not_the_head, "struct page 0 is not the head");
    case Reading::first_not_a_tail: return is(Way::not_a_tail, "struct page 0 is not a tail");
    }
    return "";
}

class Monitor::View {
public:
    static constexpr bool has_vmemmap = true, has_vmalloc = true;
    using Frame = Pfn;

    View(const Machine& m, const Monitor& by)
        : m_(m), op_(by.op_.kind), subjects_(by.subjects_), scope_(by.scope_) {}

    [[nodiscard]] static bool truth(bool b) { return b; }
    [[nodiscard]] static bool is_never(bool b) { return !b; }
    [[nodiscard]] const Config& config() const { return m_.config(); }
    [[nodiscard]] const Geometry& geometry() const { return m_.geometry(); }
    [[nodiscard]] std::optional<OwnVmemmap> subject_of(Vpage v) const {
        for (const Subject& s : subjects_)
            if (v >= s.start && v < s.end) return OwnVmemmap{s.start, s.end};
        return std::nullopt;
    }
    // The operation populates the vmemmap of folios that nobody knows of yet.
    [[nodiscard]] bool populates() const { return op_ == OpKind::boot_folio || op_ == OpKind::boot_late; }
    // It hands over a folio whose vmemmap was populated optimised.
    [[nodiscard]] bool was_populated_optimised(const OwnVmemmap& own) const {
        if (op_ != OpKind::boot_up) return false;
        const auto s = std::ranges::find(subjects_, own.start, &Subject::start);
        return s != subjects_.end() && s->was_optimised;
    }
    [[nodiscard]] auto say_to(Monitor& out, const Event& e) const {
        return [this, &out, &e](Inv inv, bool holds, const auto& why) {
            if (holds) [[likely]]
                return;
            Found found = why(m_);
            out.fail(inv, &e, std::move(found.text), found.wrong);
        };
    }
    // Others than the operation's folios have not changed: their first tail page speaks for all.
    [[nodiscard]] std::vector<OwnVmemmap> folios() const {
        std::vector<OwnVmemmap> out;
        for (u8 i = 0; i < max_compounds; ++i) {
            const Compound& c = m_.compound(i);
            if (!c.order || !geometry().optimizable_pages(c.order)) continue;
            const Vpage start = geometry().vpage_of(c.head);
            out.push_back({start, start + (subject_of(start) ? geometry().vmemmap_pages(c.order) : 2)});
        }
        return out;
    }

    [[nodiscard]] bool is_mapped(Pfn p) const { return m_.is_mapped(p); }
    [[nodiscard]] bool is_detached(Pfn p) const { return m_.frame(p).owner == Owner::detached; }
    [[nodiscard]] bool may_be_cached(Pfn p) const { return m_.may_be_cached(p); }
    [[nodiscard]] bool is_reserved(Pfn p) const { return m_.is_reserved(p); }
    [[nodiscard]] bool is_under_unsplit_block(Pfn p) const { return m_.is_under_unsplit_block(p); }
    [[nodiscard]] bool is_unordered(Pfn p) const { return m_.is_unordered(p); }
    [[nodiscard]] bool is_locked(Lock l) const { return m_.is_locked(l); }
    [[nodiscard]] bool is_leaf(u64 pmd) const { return m_.pmd(pmd).kind == Pmd::Kind::leaf; }
    [[nodiscard]] bool translates_as_the_leaf(Pfn table, u32 i, u64 pmd) const {
        return m_.pte({table, i}) == Pte::map(m_.pmd(pmd).pfn + i, true);
    }
    [[nodiscard]] bool is_self_hosted(Vpage v) const { return m_.is_self_hosted(m_.translate(v).pfn()); }
    [[nodiscard]] bool maps(Vpage v, Pfn p) const { return m_.translate(v).pfn() == p; }
    [[nodiscard]] bool maps_another(Vpage v, Pfn p) const { return m_.translate(v).present() && !maps(v, p); }
    [[nodiscard]] bool walker_may_write(Vpage v) const {
        return std::ranges::any_of(m_.walkers, [&](const Walker& w) { return may_write_to(m_, w, v); });
    }
    [[nodiscard]] bool is_writable(Vpage v) const { return m_.translate(v).writable(); }
    template <class F>
    void for_each_stale(Vpage v, F&& f) const {
        m_.for_each_stale(v, [&](Pte p) { f(true, p.pfn(), p.writable()); });
    }
    [[nodiscard]] static Pfn frame(Pfn p) { return p; }
    [[nodiscard]] Pfn frame_at(Vpage v) const { return m_.translate(v).pfn(); }
    [[nodiscard]] bool is_flagged(Pfn p) const { return m_.read(p).optimised; }
    [[nodiscard]] bool is_key_zero() const { return m_.counters.static_key == 0; }
    [[nodiscard]] bool is_key_natural() const { return m_.counters.static_key >= 0; }
    [[nodiscard]] bool reads_well(Vpage v, Pfn p) const {
        const Compound* c = m_.compound_at(v);
        if (!c) return true;
        const Reading r = reading(geometry(), {c->head, c->order}, v, m_.read(p));
        return r == Reading::right || (r == Reading::right_with_key && m_.counters.static_key > 0);
    }

    [[nodiscard]] bool shares_tails() const { return scope_.shared_tail; }
    [[nodiscard]] bool is_shared_tail(Pfn p) const { return m_.is_shared_tail(p); }
    [[nodiscard]] bool is_tail_of(Vpage start, Pfn p) const {
        const auto s = std::ranges::find(subjects_, start, &Subject::start);
        return m_.shared_tail(m_.zone_of(s->folio.head), s->folio.order) == p;
    }
    [[nodiscard]] bool reads_as_tails(Pfn p, Order order) const {
        return m_.read(p) == Contents::tails(order.value);
    }

    [[nodiscard]] bool is_stale(Vmap v) const { return m_.vmalloc().stale(v).pte.front().present(); }
    [[nodiscard]] bool is_cached(Vmap v) const { return m_.vmalloc().cache(v).cached; }
    [[nodiscard]] bool has_no_stale_in_use() const { return !m_.vmalloc().first_stale_in_use(); }

private:
    const Machine& m_;
    OpKind op_;
    const std::vector<Subject>& subjects_;
    const Scope& scope_;
};

void Monitor::before(const Machine& m, const Event& e) {
    percpu_.note(*this, e);
    begin_change(e);
    const View view(m, *this);
    judge_before<bool>(view, e, view.say_to(*this, e));
}

void Monitor::after(const Machine& m, const Event& e) {
    const View view(m, *this);
    judge_after<bool>(view, e, view.say_to(*this, e));
    end_change(e);
    nr_failed_updates_ += e.kind == EventKind::update_fails;
    if (e.ok && (e.kind == EventKind::alloc_pages_node || e.kind == EventKind::pte_alloc_one_kernel)) {
        if (!nr_pages_taken_++) first_taken_ = e.pfn;
    }
    if (++nr_events_ == max_events)
        fail(Inv::every_operation_ends, &e, "there have been " + std::to_string(max_events) + " events");
}

} // namespace mmodel::spec
