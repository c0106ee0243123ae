// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/tasks/serial.hpp"

#include <algorithm>
#include <utility>

#include "spec/judge/check.hpp"

namespace mmodel::concurrent {
namespace {

class Orders {
public:
    Orders(const Case& c, const std::set<Place>& failing, Serial& out)
        : case_(c), failing_(failing), out_(out), outcomes_(c.tasks.size()) {
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
            Ran ran{.outcome = {.err = Errno::nomem}};
            if (!failing_.contains({t, i})) {
                spec::Checked r = spec::checked_advance(next, case_.tasks[t][i], case_.sabotage);
                if (r.violation) return void(out_.violation = std::move(r.violation));
                ran = r.ran;
            }
            out_.nr_allocs[t][i] = std::max(out_.nr_allocs[t][i], ran.nr_allocs);
            outcomes_[t].push_back(ran.outcome);
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
    const std::set<Place>& failing_;
    Serial& out_;
    std::vector<std::vector<Outcome>> outcomes_;
};

} // namespace

Observed observe(const World& w, const std::vector<std::vector<Outcome>>& outcomes) {
    Observed out;
    for (std::size_t t = 0; t < outcomes.size(); ++t) {
        out.text += (t ? "; task " : "task ") + std::to_string(t) + " returned";
        for (const Outcome& o : outcomes[t]) {
            for (const u64 v : {u64{o.disabled}, static_cast<u64>(o.err), o.restored, o.moved})
                out.values.push_back(v);
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

SerialOrders::SerialOrders(const World& start, const Case& c) : start_(start), case_(c) {
    Orders(c, {}, plain_).from(start);
}

std::optional<spec::Violation> SerialOrders::judge(const MachineTasks& tasks) const {
    const Observed observed = observe(tasks);
    if (plain_.all.contains(observed)) return std::nullopt;
    std::set<Place> failed;
    for (std::size_t t = 0; t < case_.tasks.size(); ++t)
        for (std::size_t i = 0; i < case_.tasks[t].size(); ++i) {
            const Op& op = case_.tasks[t][i];
            if (op.kind == OpKind::pcpu_alloc && op.is_atomic() &&
                tasks.ran(static_cast<u32>(t))[i].outcome.err == Errno::nomem)
                failed.insert({t, i});
        }
    const Serial* serial = &plain_;
    if (!failed.empty()) {
        const auto [at, is_new] = with_failures_.try_emplace(failed);
        if (is_new) Orders(case_, failed, at->second).from(start_);
        serial = &at->second;
    }
    if (serial->all.contains(observed)) return std::nullopt;
    std::string detail = observed.text + "; one after the other it would be";
    const char* separator = ": ";
    for (const Observed& o : serial->all) (detail += std::exchange(separator, ", or: ")) += o.text;
    return spec::Violation{.inv = spec::Inv::concurrent_operations_end_as_in_some_order,
                           .where = "",
                           .event = "",
                           .detail = detail};
}

} // namespace mmodel::concurrent
