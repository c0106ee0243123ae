// SPDX-License-Identifier: GPL-2.0 OR MIT
// Watches a path: the rules of spec/judge/discipline.hpp become claims, which are proved when the path has
// ended.
#pragma once

#include "spec/judge/discipline.hpp"
#include "spec/symbolic/proof.hpp"

namespace mmodel::symbolic {

class PathClaims {
public:
    [[nodiscard]] const std::vector<Claim>& claims() const { return claims_; }
    void require(const Term& holds, spec::Inv inv, const char* where) {
        claims_.push_back({holds.simplify(), std::string(spec::fact(inv).name), where});
    }
    // The events of the path, frames as this input has them.
    [[nodiscard]] std::string show(const z3::model& model) const;

protected:
    template <class M>
    void note(const M& m, const Event& e) {
        auto term = [&](Pfn p) { return p == no_pfn || !m.is_frame(p) ? number(m.now.c, 0, 1) : m.frame(p); };
        seen_.push_back({e, term(e.pfn), term(e.from), term(e.pte.present() ? e.pte.pfn() : no_pfn)});
    }
    [[nodiscard]] auto say_at(const Event& e) {
        return [this, where = name(e.where)](spec::Inv inv, const Term& holds, const auto&) {
            require(holds, inv, where);
        };
    }

private:
    struct Seen {
        Event event;
        Term pfn, from, mapped;
    };
    std::vector<Claim> claims_;
    std::vector<Seen> seen_;
};

inline std::string PathClaims::show(const z3::model& model) const {
    std::string out;
    for (const Seen& s : seen_) {
        Event e = s.event;
        auto pfn = [&](const Term& t) { return Pfn{model.eval(t, true).get_numeral_uint64()}; };
        if (e.is_lock() || e.kind == EventKind::smp_wmb) continue;
        if (e.kind == EventKind::set_pte_at && !e.is_live()) continue;
        if (e.pfn != no_pfn) e.pfn = pfn(s.pfn);
        if (e.from != no_pfn) e.from = pfn(s.from);
        if (e.pte.present()) e.pte = Pte::map(pfn(s.mapped), e.pte.writable());
        out += "    " + print_event(e) + "  " + name(e.where) + "()\n";
    }
    return out;
}

// M: the machine. View: what the rules see of it, made of a machine and of `About`, what the operation is
// about.
template <class M, class View, class About>
class Watch : public PathClaims {
public:
    explicit Watch(About about) : about_(std::move(about)) {}

    void before(const M& m, const Event& e) {
        note(m, e);
        spec::judge_before<Term>(View{m, about_}, e, say_at(e));
    }
    void after(const M& m, const Event& e) { spec::judge_after<Term>(View{m, about_}, e, say_at(e)); }

private:
    About about_;
};

} // namespace mmodel::symbolic
