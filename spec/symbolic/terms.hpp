// SPDX-License-Identifier: GPL-2.0 OR MIT
// Small helpers over Z3 terms: cells that are indexed by frame numbers which are themselves terms, and
// frames by handle. The model's algorithms only pass frame numbers on; what they hold here is a handle for
// the term that says which frame it is.
#pragma once

#include <map>
#include <vector>

#include <z3++.h>

#include "model/machine/types.hpp"

namespace mmodel::symbolic {

using Term = z3::expr;
using Terms = std::vector<z3::expr>;

inline Term number(z3::context& c, u64 n, unsigned bits) {
    return c.bv_val(static_cast<std::uint64_t>(n), bits);
}
inline Term any_of(z3::context& c, const Terms& t) {
    Term out = c.bool_val(false);
    for (const Term& x : t) out = out || x;
    return out;
}

// cell(at), of cells 0 .. nr - 1
template <class Cell>
Term select(u64 nr, const Term& at, Cell&& cell) {
    if (at.is_numeral()) return cell(at.get_numeral_uint64());
    Term out = cell(0);
    for (u64 i = 1; i < nr; ++i)
        out = z3::ite(at == number(at.ctx(), i, at.get_sort().bv_size()), cell(i), out);
    return out;
}
// cells[at]
inline Term select(const Terms& cells, const Term& at) {
    return select(cells.size(), at, [&](u64 i) { return cells[i]; });
}
// cells[at] = value, where `when` holds
inline void store(Terms& cells, const Term& at, const Term& value, const Term& when) {
    if (at.is_numeral()) {
        Term& cell = cells[at.get_numeral_uint64()];
        cell = z3::ite(when, value, cell).simplify();
        return;
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const Term here = at == number(at.ctx(), i, at.get_sort().bv_size()) && when;
        cells[i] = z3::ite(here, value, cells[i]).simplify();
    }
}
inline void store(Terms& cells, const Term& at, const Term& value) {
    store(cells, at, value, at.ctx().bool_val(true));
}

// Frame numbers below first_handle are themselves. The same term has the same handle.
class Handles {
public:
    static constexpr u64 first_handle = u64{1} << 20;

    Handles(z3::context& c, unsigned bits) : c_(c), bits_(bits) {}
    void clear() { terms_.clear(), of_.clear(); }
    [[nodiscard]] Pfn of(const Term& term) {
        const Term t = term.simplify();
        if (t.is_numeral()) return Pfn{t.get_numeral_uint64()};
        const auto [it, is_new] = of_.try_emplace(t.id(), first_handle + terms_.size());
        if (is_new) terms_.push_back(t);
        return Pfn{it->second};
    }
    [[nodiscard]] Term term(Pfn p) const {
        return p.value < first_handle ? number(c_, p.value, bits_) : terms_[p.value - first_handle];
    }

private:
    z3::context& c_;
    unsigned bits_;
    Terms terms_;
    std::map<unsigned, u64> of_;
};

// A counter of the kernel's, as a term. Wraps where the kernel's would not: far outside of what a step does.
class Count {
public:
    explicit Count(Term t) : t_(std::move(t)) {}
    Count& operator+=(i64 n) {
        t_ = (t_ + t_.ctx().bv_val(static_cast<std::int64_t>(n), t_.get_sort().bv_size())).simplify();
        return *this;
    }
    Count& operator-=(i64 n) { return *this += -n; }
    void add_if(const Term& when, i64 n) {
        const Term one = t_.ctx().bv_val(static_cast<std::int64_t>(n), t_.get_sort().bv_size());
        t_ = z3::ite(when, t_ + one, t_).simplify();
    }
    [[nodiscard]] const Term& term() const { return t_; }

private:
    Term t_;
};

} // namespace mmodel::symbolic
