// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/campaign/campaign.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <limits>
#include <random>

#include "fuzz/campaign/collected.hpp"
#include "fuzz/campaign/machines.hpp"
#include "fuzz/campaign/part.hpp"
#include "fuzz/ops/mutate.hpp"

namespace mmodel::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_runners = 24; // each is a process
constexpr int max_put_back = 8;          // operations of a sequence that it is run again without

} // namespace

Trace trace_of(const Finding& f) {
    return {.config = f.config,
            .stale = f.stale,
            .ops = f.ops,
            .expect = std::string(spec::fact(f.violation.inv).name)};
}

class Campaign::Impl {
public:
    Impl(const Unit& unit, Options options)
        : options_(std::move(options)),
          found_(report_.tree, options_, [this](const Trace& t) { return run_again(t); }) {
        report_.tree = unit.tree;
        report_.backend = unit.backend;
        report_.no_mmu = unit.no_mmu;
        report_.no_coverage = unit.no_coverage;
        add(unit);
    }

    void add(const Unit& unit) {
        Part& p = parts_.emplace_back(unit, plan_for(unit.tree.name, unit.geometry));
        p.on.geometry = unit.geometry;
        p.on.to_sweep = p.plan.scenarios.size();
    }

    void sweep(double seconds) {
        timed(seconds, [&] {
            while (goes_on() && std::ranges::any_of(parts_, &Part::has_sweeps)) {
                Part& p = least_run([](const Part& part) { return part.has_sweeps(); });
                timed_part(p, [&] {
                    try_known(p);
                    p.on.swept += sweep(p, p.plan.scenarios[p.on.swept]);
                    try_found();
                });
            }
        });
    }

    void draw(double seconds) {
        timed(seconds, [&] {
            while (goes_on()) {
                Part& p = least_run([](const Part&) { return true; });
                timed_part(p, [&] {
                    try_known(p);
                    if (p.has_sweeps())
                        p.on.swept += sweep(p, p.plan.scenarios[p.on.swept]);
                    else
                        draw(p);
                    try_found();
                });
            }
        });
    }

    [[nodiscard]] std::expected<std::vector<u32>, Problem> try_one(Trace t) {
        std::optional<RealResult> r;
        timed(std::numeric_limits<double>::infinity(), [&] {
            r = try_sequence(std::move(t));
            try_found();
        });
        if (problem_) return std::unexpected(*problem_);
        return r ? std::move(r->reached.pairs) : std::vector<u32>{};
    }

    [[nodiscard]] const std::vector<Finding>& findings() const { return found_.findings(); }
    [[nodiscard]] bool can_go_on() const { return !problem_; }

    // What was found so far is kept whatever ends the campaign; with nothing done at all the problem is the
    // answer.
    [[nodiscard]] std::expected<Report, Problem> report() const {
        if (problem_ && !ran()) return std::unexpected(*problem_);
        Report out = report_;
        for (const Part& p : parts_) {
            out.on.push_back(p.on);
            out.operations += p.on.operations, out.events += p.on.events, out.sequences += p.on.sequences;
            out.swept += p.on.swept, out.to_sweep += p.on.to_sweep;
        }
        out.findings = found_.findings();
        out.unnamed = found_.unnamed();
        out.branches = branches();
        if (problem_) out.trouble = problem_->what;
        return out;
    }

    [[nodiscard]] Shown shows(const Finding& f) {
        const Trace t = trace_of(f);
        const auto is_its = [&](const Part& p) { return p.unit.geometry == f.config.geometry.arch; };
        return std::ranges::any_of(parts_, is_its) ? found_.shown(f, t) : Shown::no;
    }

private:
    // Of all geometries, those of the judged file.
    [[nodiscard]] std::map<Branch, bool> branches() const {
        std::map<Branch, bool> out;
        for (const Part& p : parts_) p.pool.tell(p.unit, out);
        return out;
    }

    // Of those that can go on, the one that has had the least time.
    Part& least_run(const auto& can) {
        Part* least = nullptr;
        for (Part& p : parts_)
            if (can(p) && (!least || p.on.seconds < least->on.seconds)) least = &p;
        return *least;
    }

    void timed_part(Part& p, const auto& work) {
        const double began = seconds();
        work();
        p.on.seconds += seconds() - began;
    }

    void draw(Part& p) {
        Rng rng = std::mt19937_64(mmodel::mix(options_.seed * 1'000'003 + p.drawn));
        const Config c = machine_for(p, rng);
        Mix mix = p.plan.mix;
        const bool has_large = is_large(c.geometry, static_cast<u8>(c.geometry.nr_hstates() - 1));
        const bool draws_large = has_large && p.cost.large * 3 <= p.cost.all;
        if (has_large) mix.gigantic_percent = draws_large ? 50 : 0;
        const u64 before = p.on.events;
        ++p.drawn;
        Trace t{.config = c, .sabotage = {}, .ops = {}, .expect = {}};
        if (p.drawn % 2 && options_.pool && !p.pool.is_empty()) {
            t = like_one_of(p.pool, rng);
        } else {
            t.ops = random_ops(c, mix, rng, p.plan.random_length);
            if (p.drawn % 4 == 0) redraw_atom(c, t.ops.front(), rng);
            if (rng() % 4 == 0) go_on_after_finding(t.ops, c, rng);
        }
        avoid_known_ways(p, t.ops, rng);
        t.stale = way_drawn(p.drawn);
        (void)try_sequence(std::move(t));
        p.cost.add(p.on.events - before, draws_large);
    }

    // One of the plan's, or one that is drawn, and stays for some sequences.
    [[nodiscard]] Config machine_for(Part& p, Rng& rng) const {
        const auto& configs = p.plan.random_configs;
        if (p.drawn / 2 % 2) {
            if (p.drawn % 64 < 4 || !p.machine) p.machine = random_machine(p.unit.geometry, subsystem(), rng);
            return *p.machine;
        }
        return *parse_config(configs[p.drawn % configs.size()]);
    }

    // The fuzzers' mutator, some times over; the machine stays.
    [[nodiscard]] Trace like_one_of(const Pool& pool, Rng& rng) const {
        Trace t = pool.pick(rng);
        const Config c = t.config;
        for (u64 n = 1 + rng() % 3; n > 0; --n) t = mutate(t, subsystem(), static_cast<unsigned>(rng()));
        t.config = c;
        if (t.ops.empty()) return pool.pick(rng);
        if (t.ops.size() > max_real_ops) t.ops.resize(max_real_ops);
        return t;
    }

    [[nodiscard]] Subsystem subsystem() const {
        return report_.tree.name == "hugetlb_vmemmap" ? Subsystem::hvo : Subsystem::percpu;
    }

    // In turn: the page table's translations, the two ways that have a name, and any.
    [[nodiscard]] StaleWay way_drawn(u64 nr) const {
        const auto way = static_cast<StaleWay>(options_.stale ? nr % 4 : 0);
        return way < first_drawn ? way : first_drawn + static_cast<StaleWay>(nr % 1'000'000);
    }

    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(Clock::now() - start_).count();
    }

    void timed(double limit, const auto& work) {
        start_ = Clock::now();
        limit_ = limit;
        work();
        report_.seconds += seconds();
    }

    [[nodiscard]] bool is_enough() const {
        return std::ranges::any_of(found_.findings(), [&](const Finding& f) {
            return f.violation.inv == options_.until || (options_.until_new && !f.known);
        });
    }

    [[nodiscard]] bool stopped() const { return options_.stop && options_.stop(); }
    [[nodiscard]] bool goes_on() const { return !problem_ && !is_enough() && (seconds() < limit_ || !ran()); }

    [[nodiscard]] bool ran() const {
        return std::ranges::any_of(parts_, [](const Part& p) { return p.on.sequences != 0; });
    }

    Part& part_for(const Config& c) {
        return *std::ranges::find_if(parts_,
                                     [&](const Part& p) { return p.unit.geometry == c.geometry.arch; });
    }

    Runner& runner(const Config& c) {
        Part& p = part_for(c);
        if (p.runners.size() >= most_runners && !p.runners.contains(print_config(c))) p.runners.clear();
        auto& r = p.runners[print_config(c)];
        if (!r) r = std::make_unique<Runner>(p.unit, c, default_patience, options_.stop);
        return *r;
    }

    // From where it was left; whether it is done.
    bool sweep(Part& p, const Scenario& s) {
        auto& faults = p.faults;
        const Config c = *parse_config(s.config);
        if (!faults) {
            const auto clean = try_every_way(c, s.ops);
            if (!clean) return false;
            const bool ran = clean->ran.size() == s.ops.size();
            faults = faults_of(c.geometry, s, ran ? clean->ran.back().nr_allocs : 12,
                               ran ? clean->ran.back().nr_updates : 0);
        }
        for (; !faults->empty() && goes_on(); faults->pop_front()) {
            std::vector<Op> ops = s.ops;
            ops.back().fail = faults->front().allocs;
            ops.back().update_fail = faults->front().updates;
            ops.back() = canonical(ops.back());
            (void)try_every_way(c, ops);
        }
        const bool done = faults->empty();
        if (done) faults.reset();
        return done;
    }

    // What is known, by the sequences that come with it.
    void try_known(Part& p) {
        for (; p.known_tried < options_.known.size() && goes_on(); ++p.known_tried)
            if (const auto& t = options_.known[p.known_tried].trace;
                t && t->config.geometry.arch == p.unit.geometry && (options_.stale || t->stale == not_stale))
                (void)try_sequence(*t);
    }

    // What was cut down may show more than what it was cut down to, and so may what is left of it when an
    // operation is put back.
    void try_found() {
        for (; found_tried_ < found_.findings().size() && goes_on(); ++found_tried_)
            if (const Finding& f = found_.findings()[found_tried_]; !f.known) (void)try_sequence(trace_of(f));
    }

    // What one mistake leaves may be what another one needs: the operations follow a sequence that showed
    // something and left the machine sound, or one that is much like it.
    void go_on_after_finding(std::vector<Op>& ops, const Config& c, Rng& rng) const {
        std::vector<const Finding*> sound;
        for (const Finding& f : found_.findings())
            if (is_about_order(f.violation)) sound.push_back(&f);
        if (sound.empty()) return;
        Trace first{.config = c, .sabotage = {}, .ops = sound[rng() % sound.size()]->ops, .expect = {}};
        if (rng() % 2) first = mutate(first, subsystem(), static_cast<unsigned>(rng()));
        for (Op& op : first.ops) // which page it is about
            if (fields_of(op.kind) & f_page && rng() % 3 == 0)
                op.page = static_cast<u32>(rng() % (u64{1} << c.geometry.folio_order[op.size]));
        ops.insert(ops.begin(), first.ops.begin(), first.ops.end());
    }

    // Three of four operations of a kind whose world had to be put back nearly each time.
    static void avoid_known_ways(const Part& p, std::vector<Op>& ops, Rng& rng) {
        const Op first = ops.front();
        std::erase_if(ops, [&](const Op& op) {
            const Tried& t = p.tried[static_cast<std::size_t>(op.kind)];
            return t.put_back > 16 && t.put_back * 2 > t.times && rng() % 4 != 0;
        });
        if (ops.empty()) ops.push_back(first);
    }

    // What it did by the page table.
    std::optional<RealResult> try_every_way(const Config& c, const std::vector<Op>& ops) {
        Trace t{.config = c, .sabotage = {}, .ops = ops, .expect = {}};
        auto r = try_sequence(t);
        for (const StaleWay way : {oldest, newest_stale}) {
            t.stale = way;
            if (options_.stale) (void)try_sequence(t);
        }
        return r;
    }

    // What it did; nothing where it could not be run. Where it stops, it is run again without the operation
    // that it stopped at: the world before is put back, and the other operations follow. The pairs that it
    // reached are those of all these runs.
    std::optional<RealResult> try_sequence(Trace t) {
        std::optional<RealResult> first;
        u64 done = 0;
        for (int i = 0; i <= max_put_back; ++i) {
            auto r = run(t, done);
            if (!r) break;
            const bool stopped = !r->violations.empty();
            const bool hangs = stopped && r->violations.back().inv == spec::Inv::every_operation_ends;
            done = r->op_idx;
            if (!first)
                first = std::move(*r);
            else
                std::ranges::copy(r->reached.pairs, std::back_inserter(first->reached.pairs));
            if (!stopped || hangs || done + 1 >= t.ops.size() || !goes_on()) break;
            t.ops.erase(t.ops.begin() + static_cast<long>(done));
        }
        return first;
    }

    // Counts what comes after the first `done` operations.
    std::optional<RealResult> run(const Trace& t, u64 done) {
        if (stopped()) problem_ = Problem{"interrupted"};
        if (found_.hangs()) problem_ = Problem{"operations hang again and again; the campaign was given up"};
        if (problem_) return std::nullopt;
        auto r = run_again(t);
        if (!r) problem_ = r.error();
        if (!r) return std::nullopt;
        Part& part = part_for(t.config);
        count(part, t.ops, *r, done);
        part.pool.add(t, r->reached);
        for (const Passed& p : r->passed)
            if (p.op_idx >= done) found_.note(t, p.violation, p.op_idx);
        for (const spec::Violation& v : r->violations) found_.note(t, v, r->op_idx);
        if (const OnGeometry& on = part.on; options_.progress && on.sequences % 64 == 0)
            options_.progress(on.geometry + ", " + std::to_string(on.sequences) + " sequences, " +
                              std::to_string(on.operations) + " operations, " +
                              std::to_string(found_.findings().size()) + " findings");
        return std::move(*r);
    }

    std::expected<RealResult, Problem> run_again(const Trace& t) {
        return runner(t.config).run(t.ops, {.goes_on = true, .stale = t.stale});
    }

    void count(Part& p, const std::vector<Op>& ops, const RealResult& r, u64 done) {
        if (done == 0) { // what is run again was compared before
            ++p.on.sequences;
            report_.compared += r.nr_compared;
            for (std::size_t d = 0; d < r.deviations.size(); ++d) report_.deviations[d] += r.deviations[d];
        }
        for (u64 i = done; i < r.ran.size(); ++i) {
            p.on.operations += !r.ran[i].outcome.disabled;
            p.on.events += r.ran[i].nr_events;
            p.tried[static_cast<std::size_t>(ops[i].kind)].times += !r.ran[i].outcome.disabled;
        }
        if (!r.violations.empty() && r.op_idx < ops.size())
            ++p.tried[static_cast<std::size_t>(ops[r.op_idx].kind)].put_back;
    }

    const Options options_;
    Report report_{};
    Collected found_;
    std::size_t found_tried_{};
    std::deque<Part> parts_;
    std::optional<Problem> problem_{};
    Clock::time_point start_{}; // of this stretch
    double limit_{};
};

Campaign::Campaign(const Unit& unit, Options options)
    : impl_(std::make_unique<Impl>(unit, std::move(options))) {}
Campaign::~Campaign() = default;
Campaign::Campaign(Campaign&&) noexcept = default;
void Campaign::add(const Unit& unit) { impl_->add(unit); }
void Campaign::sweep(double seconds) { impl_->sweep(seconds); }
void Campaign::draw(double seconds) { impl_->draw(seconds); }
bool Campaign::can_go_on() const { return impl_->can_go_on(); }
std::expected<Report, Problem> Campaign::report() const { return impl_->report(); }
Shown Campaign::shows(const Finding& f) { return impl_->shows(f); }
std::expected<std::vector<u32>, Problem> Campaign::try_one(Trace t) { return impl_->try_one(std::move(t)); }
const std::vector<Finding>& Campaign::findings() const { return impl_->findings(); }

std::expected<Report, Problem> run_tree(const Unit& unit, const Options& options) {
    Campaign c(unit, options);
    c.sweep(std::numeric_limits<double>::infinity());
    const auto swept = c.report();
    if (swept && swept->seconds < options.seconds) c.draw(options.seconds - swept->seconds);
    return c.report();
}

} // namespace mmodel::bench
