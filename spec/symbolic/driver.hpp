// SPDX-License-Identifier: GPL-2.0 OR MIT
// The proofs of a room, HVO or percpu: boot satisfies the invariant, the invariant is not empty, and every
// operation, from every state that satisfies it, on every path, with any allocations failing, keeps the
// discipline and satisfies it again.
//
// A Room is made of a context and a Shape. It has any() and booted() -> State; invariant(state, say);
// steps(); run(paths, before, step) -> Ended, which may throw Infeasible; probes(state).
#pragma once

#include "model/op.hpp"
#include "model/outcome.hpp"
#include "spec/symbolic/watch.hpp"

namespace mmodel::symbolic {

struct Step {
    std::string name;
    Op op;
};

// What a step has come to, on one path.
template <class State>
struct Ended {
    State after;
    PathClaims watched;
    std::vector<Claim> promised; // of its outcome
    Outcome outcome;
};

// Some of a room's steps: a theorem.
struct Part {
    const char *suffix, *what;
    bool is_long;
    bool (*has)(const Step&);
};

template <class Room>
class Prover {
public:
    using Shape = Room::Shape;
    using State = Room::State;

    explicit Prover(const Shape& s) : room_(c_, s) {}

    Result prove_steps(bool (*has)(const Step&)) {
        for (const Step& step : room_.steps())
            if (out_.proved && has(step)) prove([&](Paths& paths) { prove_step(paths, step); });
        return finished();
    }

    Result prove_init() {
        const State boot = room_.booted();
        const auto claims = invariant(boot);
        prove([&](Paths& paths) {
            paths.each(boot.well_formed(), [&] {
                if (const auto model = paths.refute(all_hold(c_, claims)))
                    refuted(claims, *model), out_.example = "  at boot:\n" + boot.show(*model);
            });
        });
        return finished();
    }

    Result prove_inhabited() {
        const State s = room_.any();
        prove([&](Paths& paths) {
            paths.each(s.well_formed() && all_hold(c_, invariant(s)), [&] {
                for (const auto& [name, probe] : room_.probes(s))
                    if (paths.holds(!probe)) out_.proved = false, out_.broken = "no state has " + name;
            });
            if (!paths.nr_paths()) out_.proved = false, out_.broken = "no state satisfies the invariant";
        });
        return finished();
    }

private:
    static std::vector<Claim> invariant(const State& s) {
        std::vector<Claim> out;
        Room::invariant(s, [&](const char* name, const Term& holds) {
            out.push_back({holds.simplify(), name, "at rest"});
        });
        return out;
    }

    template <class F>
    void prove(F&& f) {
        Paths paths(c_);
        f(paths);
        out_.nr_paths += paths.nr_paths();
        out_.nr_checks += paths.nr_checks();
    }

    const Claim* refuted(const std::vector<Claim>& claims, const z3::model& model) {
        const Claim* broken = first_broken(claims, model);
        out_.proved = false;
        out_.broken = broken ? broken->name : "?";
        return broken;
    }

    void prove_step(Paths& paths, const Step& step) {
        const State before = room_.any();
        const auto assumed = invariant(before);
        const Refuter refuter(assumed);
        paths.each(before.well_formed() && all_hold(c_, assumed), [&] {
            const Ended<State> e = room_.run(paths, before, step);
            std::vector<Claim> claims = e.watched.claims();
            for (Claim& x : invariant(e.after)) claims.push_back(std::move(x));
            claims.insert(claims.end(), e.promised.begin(), e.promised.end());
            const auto model = refuter.refute(paths, claims);
            if (!model) return;
            const Claim* broken = refuted(claims, *model);
            out_.example = "  before:\n" + before.show(*model) + "  " + step.name;
            for (const std::string& n : paths.notes()) out_.example += ", " + n;
            out_.example +=
                e.outcome.disabled ? " is disabled\n" : std::string(" returns ") + name(e.outcome.err) + "\n";
            out_.example += e.watched.show(*model) + "  broken: " + out_.broken + " (" +
                            (broken ? broken->where : "") + ")\n  after:\n" + e.after.show(*model);
            paths.stop();
        });
    }

    Result finished() {
        out_.seconds = watch_.seconds();
        return out_;
    }

    Stopwatch watch_;
    z3::context c_;
    Room room_;
    Result out_;
};

// What the invariant is at boot, and which states it allows. Needs: the shape lives as long as the theorems.
template <class Room>
void add_states(std::vector<Theorem>& out, const std::string& name, bool is_long,
                const typename Room::Shape& s) {
    const std::string of = std::string(" (") + s.name + ")";
    out.push_back({name + "_init", is_long, [&s] { return Prover<Room>(s).prove_init(); },
                   "boot satisfies the invariant" + of});
    out.push_back({name + "_inhabited", is_long, [&s] { return Prover<Room>(s).prove_inhabited(); },
                   "states of every kind satisfy it" + of});
}

template <class Room>
void add_steps(std::vector<Theorem>& out, const std::string& name, const Part& part,
               const typename Room::Shape& s) {
    out.push_back({name + part.suffix, part.is_long,
                   [&s, has = part.has] { return Prover<Room>(s).prove_steps(has); },
                   std::string(part.what) + " (" + s.name + ")", true});
}

} // namespace mmodel::symbolic
