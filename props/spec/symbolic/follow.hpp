// SPDX-License-Identifier: GPL-2.0 OR MIT
// An operation that has run on the real machine, with what the machine was after each event, and a watch that
// holds a machine of formulas to it while the same operation runs there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/machine/kernel.hpp"
#include "spec/symbolic/terms.hpp"

namespace mmodel::symbolic {

// The first difference between the two.
struct Differs {
    std::string what;
};

// What was compared.
struct Compared {
    u64 nr_ops{}, nr_events{}, nr_failed_allocs{};
};

// A watch of the real machine.
struct Recorder {
    std::vector<Event> events{};
    std::vector<Machine> after_each{};

    void before(const Machine&, const Event&) {}
    void after(const Machine& m, const Event& e) {
        events.push_back(e);
        after_each.push_back(m);
    }
};

// A watch of the other one, a machine of type M: the allocator gives the frames that it gave there, the
// events are the same, and `compare` finds the machines equal after each. Throws Differs.
template <class M>
class Follower {
public:
    using Rename = std::function<Pfn(Pfn)>; // the real machine's frames, as the other one counts them
    using Compare = std::function<void(const M&, const Machine& real, const Event& real_event)>;

    Follower(const Recorder& real, Rename frame, Compare compare)
        : real_(real), frame_(std::move(frame)), compare_(std::move(compare)) {}

    [[nodiscard]] std::optional<Pfn> pick_frame(const M&) const {
        const Event& e = next();
        return e.ok && e.pfn != no_pfn ? std::optional(frame_(e.pfn)) : std::nullopt;
    }
    void before(const M&, const Event& e) const {
        const Event& r = next();
        auto frame = [&](Pfn p) { return p == no_pfn ? p : frame_(p); };
        const bool same = e.kind == r.kind && std::string_view(name(e.where)) == name(r.where) &&
                          e.ok == r.ok && e.on == r.on && e.pfn == frame(r.pfn) && e.from == frame(r.from) &&
                          e.vpage == r.vpage && e.pte.writable() == r.pte.writable() &&
                          e.pte.present() == r.pte.present() &&
                          (!e.pte.present() || e.pte.pfn() == frame_(r.pte.pfn()));
        if (!same) throw Differs{"the event is " + print_event(e) + ", not " + print_event(r)};
    }
    void after(const M& m, const Event& e) {
        try {
            compare_(m, real_.after_each[at_], real_.events[at_]);
        } catch (Differs& d) {
            d.what = "after event " + std::to_string(at_) + ", " + print_event(e) + ": " + d.what;
            throw;
        }
        ++at_;
    }
    void finish() const {
        if (at_ != real_.events.size()) throw Differs{"it ends before " + print_event(next())};
    }

private:
    [[nodiscard]] const Event& next() const {
        if (at_ == real_.events.size()) throw Differs{"there is one more event"};
        return real_.events[at_];
    }

    const Recorder& real_;
    Rename frame_;
    Compare compare_;
    std::size_t at_{};
};

inline void require_same(const std::string& what, u64 at, const Term& is, const Term& should) {
    if (z3::eq(is, should)) return; // terms are kept once
    const Term now = is.simplify();
    if (!z3::eq(now, should.simplify()))
        throw Differs{what + " " + std::to_string(at) + " is " + now.to_string() + ", not " +
                      should.simplify().to_string()};
}
inline void require_same(const std::string& what, u64 at, const Term& is, bool should) {
    require_same(what, at, is, is.ctx().bool_val(should));
}
inline void require_same(const std::string& what, const Terms& is, const Terms& should) {
    for (u64 i = 0; i < should.size(); ++i) require_same(what, i, is[i], should[i]);
}

} // namespace mmodel::symbolic
