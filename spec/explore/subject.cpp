// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/explore/subject.hpp"

#include <algorithm>

#include "spec/judge/monitor.hpp"
#include "spec/sabotage/advance.hpp"

namespace mmodel::explore {
namespace {

// Judged, if it is, and shown to the observer, if there is one.
struct Judged {
    spec::Monitor* monitor;

    void before(const Machine& m, const Event& e) {
        if (monitor) monitor->before(m, e);
    }
    void after(const Machine& m, const Event& e) {
        if (monitor) monitor->after(m, e);
    }
};

struct Observed : Judged {
    Observer& observer;

    void after(const Machine& m, const Event& e) {
        Judged::after(m, e);
        observer.after(m, e);
    }
    std::optional<Pfn> pick_frame(const Machine& m) { return observer.pick_frame(m); }
};

} // namespace

bool Attempt::is_known() const {
    return !violations.empty() && known.size() == violations.size() &&
           std::ranges::all_of(known, [](const auto& k) { return k.has_value(); });
}

Attempt ModelSubject::run(const Op& op, Observer* observer) {
    Attempt out;
    std::optional<spec::Monitor> monitor;
    if (judged_) monitor.emplace(now_, op);
    Judged judged{monitor ? &*monitor : nullptr};
    try {
        if (observer) {
            Observed observed{judged, *observer};
            out.ran = advance(now_, op, observed, sabotage_);
        } else {
            out.ran = advance(now_, op, judged, sabotage_);
        }
        if (monitor && !out.ran.outcome.disabled) monitor->finish(now_, out.ran);
    } catch (const spec::Violated& v) {
        out.violations.push_back(v.violation);
    }
    return out;
}

const World& ModelSubject::settle() {
    forget_the_dead(now_);
    return now_;
}

std::string ModelSubject::key(const Space& space, Symmetry symmetry) { return key_of(now_, space, symmetry); }

} // namespace mmodel::explore
