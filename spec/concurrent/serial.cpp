// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/concurrent/serial.hpp"

#include "spec/check.hpp"

namespace mmodel::concurrent {
namespace {

class Orders {
public:
    Orders(const Case& c, Serial& out) : case_(c), out_(out), outcomes_(c.tasks.size()) {
        for (const auto& ops : c.tasks) out.nr_allocs.emplace_back(ops.size());
    }

    void from(const World& w) {
        bool whole = true;
        for (std::size_t t = 0; t < case_.tasks.size() && !out_.violation; ++t) {
            if (outcomes_[t].size() == case_.tasks[t].size()) continue;
            whole = false;
            World next = w;
            const std::size_t i = outcomes_[t].size();
            out_.order.push_back(case_.tasks[t][i]);
            const spec::Checked r = spec::checked_advance(next, case_.tasks[t][i], case_.sabotage);
            if (r.violation) return void(out_.violation = r.violation);
            out_.nr_allocs[t][i] = std::max(out_.nr_allocs[t][i], r.ran.nr_allocs);
            outcomes_[t].push_back(r.ran.outcome);
            from(next);
            if (out_.violation) return;
            outcomes_[t].pop_back();
            out_.order.pop_back();
        }
        if (!whole) return;
        ++out_.nr_orders;
        out_.all.insert(observe(w, outcomes_));
    }

private:
    const Case& case_;
    Serial& out_;
    std::vector<std::vector<Outcome>> outcomes_;
};

} // namespace

Observed observe(const World& w, const std::vector<std::vector<Outcome>>& outcomes) {
    Observed out;
    for (std::size_t t = 0; t < outcomes.size(); ++t) {
        out.text += (t ? "; task " : "task ") + std::to_string(t) + " returned";
        for (const Outcome& o : outcomes[t]) {
            for (const u64 v : {u64{o.disabled}, static_cast<u64>(o.err), o.restored, o.moved}) out.values.push_back(v);
            out.text += o.disabled ? " nothing" : std::string(" ") + name(o.err);
        }
    }
    std::string optimised, areas;
    for (u8 i = 0; i < max_folios; ++i) {
        const hvo::FolioSlot& s = w.pool().slots[i];
        const bool is = s.state == hvo::SlotState::hugetlb && hvo::is_optimised(w.machine(), s.head);
        out.values.push_back(u64{static_cast<u8>(s.state)} << 8 | u64{s.size} << 1 | u64{is});
        if (is) optimised += " " + std::to_string(i);
    }
    for (std::size_t i = 0; i < w.pcpu().areas.size(); ++i) {
        const pcpu::Area& a = w.pcpu().areas[i];
        out.values.push_back(a.live ? static_cast<u64>(a.bytes) : 0);
        if (a.live) areas += " " + std::to_string(i);
    }
    if (!optimised.empty()) out.text += "; optimised folios" + optimised;
    if (!areas.empty()) out.text += "; areas" + areas;
    return out;
}

Observed observe(const MachineTasks& tasks) {
    std::vector<std::vector<Outcome>> outcomes;
    for (u32 t = 0; t < tasks.nr_tasks(); ++t) {
        outcomes.emplace_back();
        for (const Ran& r : tasks.ran(t)) outcomes.back().push_back(r.outcome);
    }
    return observe(tasks.world(), outcomes);
}

Serial serial_runs(const World& start, const Case& c) {
    Serial out;
    Orders(c, out).from(start);
    return out;
}

std::optional<spec::Violation> judge_order(const Serial& serial, const Observed& observed) {
    if (serial.all.contains(observed)) return std::nullopt;
    std::string detail = observed.text + "; one after the other it would be";
    bool first = true;
    for (const Observed& o : serial.all) {
        detail += (first ? ": " : ", or: ") + o.text;
        first = false;
    }
    return spec::Violation{.inv = spec::Inv::concurrent_operations_end_as_in_some_order,
                           .where = "",
                           .event = "",
                           .detail = detail};
}

} // namespace mmodel::concurrent
