// SPDX-License-Identifier: GPL-2.0 OR MIT
// A theorem is proved or refuted; refuted, it shows an input.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "spec/judge/invariant.hpp"
#include "spec/symbolic/paths.hpp"
#include "spec/symbolic/terms.hpp"

namespace mmodel::symbolic {

struct Result {
    bool proved{true};
    std::string broken{};  // what does not hold: an inv_ name, or a conjunct
    std::string example{}; // the state before, the operation, its path, as text
    std::string note{};    // what a wrong variant was refuted by
    u64 nr_paths{}, nr_checks{};
    double seconds{};
};

// What has to be true at a point of a path.
struct Claim {
    Term holds;
    std::string name, where;
};

class Stopwatch {
public:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

inline Term all_hold(z3::context& c, const std::vector<Claim>& claims) {
    z3::expr_vector v(c);
    for (const Claim& x : claims)
        if (!x.holds.is_true()) v.push_back(x.holds);
    return z3::mk_and(v);
}

// An input of this path that breaks a claim; those that the base assumes word for word are left out. A few at
// a time: Z3 refutes many small disjunctions sooner than one large one.
class Refuter {
public:
    explicit Refuter(const std::vector<Claim>& assumed) {
        for (const Claim& x : assumed) assumed_.insert(x.holds.id());
    }
    [[nodiscard]] std::optional<z3::model> refute(Paths& paths, const std::vector<Claim>& claims) const {
        constexpr std::size_t at_once = 10;
        std::set<unsigned> seen = assumed_;
        z3::expr_vector some(claims.front().holds.ctx());
        for (const Claim& x : claims) {
            if (x.holds.is_true() || !seen.insert(x.holds.id()).second) continue;
            some.push_back(x.holds);
            if (some.size() < at_once) continue;
            if (auto model = paths.refute(z3::mk_and(some))) return model;
            some.resize(0);
        }
        return some.empty() ? std::nullopt : paths.refute(z3::mk_and(some));
    }

private:
    std::set<unsigned> assumed_;
};

inline const Claim* first_broken(const std::vector<Claim>& claims, const z3::model& m) {
    for (const Claim& x : claims)
        if (m.eval(x.holds, true).is_false()) return &x;
    return nullptr;
}

// Any allocation may fail: kernel.hpp asks for each in order.
struct AnyFaults {
    Paths* paths{};
    [[nodiscard]] bool has(u64 n) const {
        const bool fails = paths->flip();
        if (fails) paths->note("allocation " + std::to_string(n) + " fails");
        return fails;
    }
};

// One inductive step or one property, of a room (HVO, percpu) and a configuration.
struct Theorem {
    std::string name;
    bool is_long{};
    std::function<Result()> prove{};
    std::string what{};
    bool can_be_broken{}; // runs the model's code
};

void add_hvo_theorems(std::vector<Theorem>& out);
void add_percpu_theorems(std::vector<Theorem>& out);
void add_arithmetic_theorems(std::vector<Theorem>& out);

// The same sources, compiled against the broken model (spec/sabotage): they prove what does() says is in it.
void add_broken_hvo_theorems(std::vector<Theorem>& out);
void add_broken_percpu_theorems(std::vector<Theorem>& out);

} // namespace mmodel::symbolic
