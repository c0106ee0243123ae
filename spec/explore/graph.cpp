// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/explore/graph.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <unordered_map>

#include "spec/explore/may.hpp"
#include "spec/explore/seen.hpp"
#include "spec/inductive/world_view.hpp"

namespace mmodel::explore {
namespace {

constexpr u64 max_events_of_an_operation = 20'000;

// One allocation of an operation: it fails, or gets one of its choices.
struct Decision {
    bool fails{};
    u16 choice{};
};

class Builder final : private Observer {
public:
    // `inductive`: spec/symbolic's invariant is asserted of every world at rest.
    Builder(Subject& subject, bool inductive, const Space& space, const GraphOptions& options,
            const GraphLimits& limits)
        : subject_(subject), inductive_(inductive), space_(space), options_(options), limits_(limits),
          seen_(space) {}

    Graph build();

private:
    // ---- called while an operation runs
    void after(const Machine& m, const Event& e) override;
    std::optional<Pfn> pick_frame(const Machine& m) override;
    [[nodiscard]] bool goes_past() const override { return goes_past_; }

    struct Draft { // an edge while the graph grows
        u32 to{};
        u64 outcome{}; // tells siblings apart
        u32 label{};
        bool waits{}, ends{};
        EventKind kind{};
        std::vector<Remap> remaps{};
    };

    u32 add_node(const Machine& m, const hvo::Pool& pool, const Mays& mays);
    u8 becomes(std::size_t page, Pte pte, const May& after, const Event& e) const;
    std::vector<Remap> remaps(const Mays& before, const Mays& after, const Event& e) const;
    u32 rest_of(u32 from, const Op& op);
    void assert_inductive_invariant(const World& w, u32 rest);
    void expand(u32 rest);
    [[nodiscard]] bool is_over();
    void try_operation(u32 rest, u16 op_idx);
    u64 run(u32 rest, u16 op_idx);
    void follow(u64 outcome, const Machine& m, const Event& e);
    Attempt attempt(u32 rest, u16 op_idx, const Op& op);
    void finish_run(u32 rest, const Op& op, const Ran& ran);
    void note_broken(u32 rest, const Op& op, Attempt a);
    [[nodiscard]] bool has_new_broken() const;
    void take_mays(const Machine& m, Mays& out) const;
    [[nodiscard]] Mays mays_of(const Machine& m) const {
        Mays out;
        take_mays(m, out);
        return out;
    }
    void add_view(const Mays& mays);
    u32 label_of(const Event& e);
    u32 end_of(const Op& op);
    void flatten();
    Op op_of(u16 op_idx) const;
    Op with_frames(Op op) const;

    Subject& subject_;
    bool inductive_;
    const Space& space_;
    const GraphOptions& options_;
    const GraphLimits& limits_;
    Graph g_;
    std::vector<std::vector<Draft>> out_;         // by node
    std::unordered_map<std::string, u32> known_;  // key -> index of rests
    std::unordered_map<std::string, u32> labels_; // text -> index
    std::unordered_map<u64, u32> known_labels_;   // event and function, hashed -> index
    std::map<Op, u32> end_labels_;
    std::vector<Mays> rest_mays_; // by index of rests
    std::vector<u32> depths_;

    // The run that is under way.
    std::vector<Decision> script_;
    std::vector<u16> nr_choices_; // by allocation so far
    u16 nr_picked_{};
    Frames named_; // that it got
    std::size_t nr_named_{};
    u32 at_{};
    Mays mays_, next_mays_; // before the event, after it
    u16 op_idx_{}, event_idx_{};
    u32 rest_idx_{};
    bool goes_past_{}; // what it breaks is known
    Seen seen_;        // what a view shows of it
};

std::optional<Pfn> Builder::pick_frame(const Machine& m) {
    const std::vector<Pfn> from = choices(m, space_, options_.symmetry);
    const std::size_t at = nr_choices_.size();
    nr_picked_ = static_cast<u16>(from.size());
    if (from.empty()) {
        nr_named_ = max_named_frames; // what comes after it cannot be told
        return std::nullopt;
    }
    const Pfn p = from[at < script_.size() ? script_[at].choice : 0];
    if (nr_named_ < max_named_frames) named_.nth[nr_named_++] = static_cast<u32>(p.value);
    return p;
}

void Builder::after(const Machine& m, const Event& e) {
    if (is_allocation(e.kind)) nr_choices_.push_back(std::exchange(nr_picked_, 0));
    if (++event_idx_ > max_events_of_an_operation)
        throw spec::Violated{
            {spec::Inv::every_operation_ends, event_idx_, name(e.where), print_event(e), ""}};
    u64 outcome = e.hash();
    if (options_.view) {
        seen_.note(m, e);
        if (event_idx_ == 1) outcome = hash_combine(outcome, op_idx_);
    }
    take_mays(m, next_mays_);
    follow(outcome, m, e);
    std::swap(mays_, next_mays_);
}

void Builder::add_view(const Mays& mays) {
    if (!options_.view) return;
    std::vector<std::vector<Pte>> lists;
    for (const May& may : mays) lists.emplace_back(may.pte.begin(), may.pte.begin() + may.nr);
    g_.views.push_back(options_.view(
        {subject_.now(), op_idx_, event_idx_, seen_.path(), seen_.faults(), seen_.held(), lists}));
}

// Along an edge that exists, or along a new one.
void Builder::follow(u64 outcome, const Machine& m, const Event& e) {
    for (const Draft& d : out_[at_])
        if (d.outcome == outcome) {
            at_ = d.to;
            return;
        }
    Draft d{.to = add_node(m, subject_.now().pool, next_mays_),
            .outcome = outcome,
            .label = label_of(e),
            .waits = e.kind == EventKind::synchronize_rcu,
            .kind = e.kind,
            .remaps = remaps(mays_, next_mays_, e)};
    const u32 to = d.to;
    out_[at_].push_back(std::move(d));
    at_ = to;
}

// What an event makes of an entry that holds `pte`, the i-th of before. A frame behind the vmemmap may not be
// freed under it; a percpu page's is, and the flush comes later.
u8 Builder::becomes(std::size_t page, Pte pte, const May& after, const Event& e) const {
    const Tracked t = space_.pages[page];
    const bool frees = e.kind == EventKind::free_page || e.kind == EventKind::free_bootmem_page;
    if (frees && !t.vmalloc && e.pfn == pte.pfn()) return Remap::freed;
    if (is_flushed(e, t)) return 0;
    const u8 to = after.index_of(pte);
    if (to == 0) return Remap::impossible;
    return t.vmalloc && after.mapped && to > 1 ? u8{Remap::alias} : to;
}

std::vector<Remap> Builder::remaps(const Mays& before, const Mays& after, const Event& e) const {
    std::vector<Remap> out;
    for (u8 p = 0; p < before.size(); ++p) {
        Remap r{.page = p};
        bool changes = false;
        for (u8 i = 0; i < before[p].nr; ++i) {
            r.to[i + 1u] = becomes(p, before[p].pte[i], after[p], e);
            changes |= r.to[i + 1u] != i + 1;
        }
        if (changes) out.push_back(r);
    }
    return out;
}

void Builder::take_mays(const Machine& m, Mays& out) const {
    out.clear();
    for (const Tracked t : space_.pages) out.push_back(may_hold(m, t));
}

// Texts are made once: most events have been seen before.
u32 Builder::label_of(const Event& e) {
    u64 said = hash_combine(e.hash(), u64{e.nid.value} << 1 | u64{e.this_node});
    for (const std::string_view text : {name(e.where), e.what})
        said = hash_combine(said, std::hash<std::string_view>()(text));
    const auto [at, is_new] = known_labels_.try_emplace(said, 0);
    if (!is_new) return at->second;
    const auto [it, fresh] = labels_.try_emplace(std::string(name(e.where)) + "(): " + print_event(e),
                                                 static_cast<u32>(g_.texts.size()));
    if (fresh) g_.texts.push_back(it->first);
    return at->second = it->second;
}

u32 Builder::end_of(const Op& op) {
    const auto [it, fresh] = end_labels_.try_emplace(op, static_cast<u32>(g_.ends.size()));
    if (fresh) g_.ends.push_back(op);
    return it->second;
}

u32 Builder::add_node(const Machine& m, const hvo::Pool& pool, const Mays& mays) {
    Node n{.rest = rest_idx_, .op = op_idx_, .event = event_idx_};
    u64 may = 0;
    for (std::size_t p = 0; p < mays.size(); ++p) {
        n.mapped = static_cast<u16>(n.mapped | u16{mays[p].mapped} << p);
        may |= u64{mays[p].nr} << 4 * p;
    }
    for (std::size_t w = 0; w < space_.walkers.size(); ++w) {
        const hvo::FolioSlot& s = pool.slots[space_.walkers[w].folio];
        if (s.state == hvo::SlotState::none) continue;
        const Vpage v = m.geometry().vpage_of(s.head + space_.walkers[w].page);
        n.exists = static_cast<u8>(n.exists | 1u << w);
        n.in_use = static_cast<u8>(n.in_use | u8{s.state == hvo::SlotState::lru} << w);
        n.writable = static_cast<u16>(n.writable | u16{m.translate(v).writable()} << w);
    }
    g_.nodes.push_back(n);
    g_.may.push_back(may);
    add_view(mays);
    out_.emplace_back();
    return static_cast<u32>(g_.nodes.size() - 1);
}

// The node at rest that the subject stands in, made if there is none.
u32 Builder::rest_of(u32 from, const Op& op) {
    const World& w = subject_.settle();
    const auto [it, fresh] =
        known_.try_emplace(subject_.key(space_, options_.symmetry), static_cast<u32>(g_.rests.size()));
    if (!fresh) return it->second;
    const u32 idx = it->second;
    rest_idx_ = idx;
    op_idx_ = no_op;
    event_idx_ = 0;
    if (options_.view) seen_.begin(w.machine());
    Mays mays = mays_of(w.machine());
    g_.rests.push_back(add_node(w.machine(), w.pool(), mays));
    g_.origins.push_back({from, op});
    depths_.push_back(idx ? depths_[from] + 1 : 0);
    g_.depth = std::max(g_.depth, depths_.back());
    g_.nr_worlds += options_.symmetry == Symmetry::pool ? orbit(w, space_) : 1;
    g_.classes.push_back(std::hash<std::string>()(
        options_.symmetry == Symmetry::frames ? it->first : subject_.key(space_, Symmetry::frames)));
    g_.worlds.push_back(std::hash<std::string>()(key_of(as_all_see_it(w), space_, Symmetry::frames)));
    rest_mays_.push_back(std::move(mays));
    if (inductive_) assert_inductive_invariant(w, idx);
    subject_.keep();
    return idx;
}

void Builder::assert_inductive_invariant(const World& w, u32 rest) {
    for (std::string broken : {symbolic::broken_hvo_invariant(w), symbolic::broken_percpu_invariant(w)}) {
        if (broken.empty()) continue;
        const auto known = std::ranges::find(g_.not_inductive, broken, &NotInductive::conjunct);
        if (known != g_.not_inductive.end())
            ++known->seen;
        else
            g_.not_inductive.push_back({std::move(broken), path_to(space_, g_, rest)});
    }
}

Op Builder::op_of(u16 op_idx) const {
    Op op = space_.alphabet[op_idx];
    std::size_t nth = 0;
    for (std::size_t i = 0; i < script_.size(); ++i)
        if (script_[i].fails) op.fail.nth[nth++] = static_cast<u16>(i);
    return op;
}

// The operation as it was run last.
Op Builder::with_frames(Op op) const {
    if (!options_.names_frames) return op;
    op.frames = named_;
    return canonical(op);
}

Attempt Builder::attempt(u32 rest, u16 op_idx, const Op& op) {
    subject_.load(rest);
    nr_choices_.clear();
    named_ = {};
    nr_named_ = 0;
    at_ = g_.rests[rest];
    mays_ = rest_mays_[rest];
    rest_idx_ = rest;
    op_idx_ = op_idx;
    event_idx_ = 0;
    if (options_.view) seen_.begin(subject_.settle().machine());
    return subject_.run(op, this);
}

// Runs the script once; if what it breaks is known and left the machine sound, once more, past that. Returns
// how many allocations the operation tried.
u64 Builder::run(u32 rest, u16 op_idx) {
    const Op op = op_of(op_idx);
    ++g_.nr_runs;
    Attempt a = attempt(rest, op_idx, op);
    if (a.ran.outcome.disabled && a.violations.empty()) return 0;
    g_.nr_events += event_idx_;
    if (a.violations.empty()) {
        g_.nr_faulted += a.ran.nr_failed_allocs > 0;
        finish_run(rest, op, a.ran);
        return a.ran.nr_allocs;
    }
    const u64 nr_allocs = nr_choices_.size();
    const bool is_known = a.is_known(), is_sound = a.sound;
    note_broken(rest, op, std::move(a));
    g_.nr_known += is_known;
    if (!is_known || !is_sound) return nr_allocs;
    ++g_.nr_known_passed;
    goes_past_ = true;
    a = attempt(rest, op_idx, op);
    goes_past_ = false;
    finish_run(rest, op, a.ran);
    return a.ran.nr_allocs;
}

// The operation is over: from its last event to the node at rest that the world is now.
void Builder::finish_run(u32 rest, const Op& op, const Ran& ran) {
    const u32 last = at_;
    // Memory that is added changes what pages translate to, and is no event.
    const Mays now = mays_of(subject_.now().machine);
    std::vector<Remap> moved = remaps(mays_, now, Event{.kind = EventKind::smp_wmb});
    const u32 next = rest_of(rest, with_frames(op));
    const u64 outcome = hash_combine(~u64{0}, hash_combine(next, static_cast<u64>(ran.outcome.err)));
    for (const Draft& d : out_[last])
        if (d.outcome == outcome) return;
    // Equal keys list a page's translations in the same order.
    for (std::size_t p = 0; p < now.size(); ++p)
        if (now[p].nr != rest_mays_[next][p].nr)
            throw std::logic_error("equal keys, but other translations: " + print_config(space_.config));
    out_[last].push_back({.to = g_.rests[next],
                          .outcome = outcome,
                          .label = end_of(op),
                          .ends = true,
                          .remaps = std::move(moved)});
}

// Asked between runs, since a node at rest may take minutes; and it tells.
bool Builder::is_over() {
    constexpr u64 look_after = 16; // runs
    if (g_.nr_runs % look_after) return !g_.cut_by.empty();
    if (limits_.progress) limits_.progress(g_.rests.size(), g_.nodes.size());
    if (limits_.stop && limits_.stop()) g_.cut_by = "time";
    return !g_.cut_by.empty();
}

// Every decision that can be taken differently from where the script ends, depth first.
void Builder::try_operation(u32 rest, u16 op_idx) {
    const std::size_t budget = space_.pairs ? 2 : 1;
    std::vector<std::vector<Decision>> todo{{}};
    while (!todo.empty() && !is_over()) {
        script_ = std::move(todo.back());
        todo.pop_back();
        const std::vector<Decision> script = script_;
        const u64 nr_allocs = run(rest, op_idx);
        const std::vector<u16> nr_choices = nr_choices_;
        const auto failed = static_cast<std::size_t>(
            std::ranges::count_if(script, [](const Decision& d) { return d.fails; }));
        std::vector<Decision> next = script;
        for (std::size_t i = script.size(); i < nr_allocs; ++i) {
            next.resize(i + 1);
            for (u16 c = 1; i < nr_choices.size() && c < nr_choices[i]; ++c) {
                next[i] = {false, c};
                todo.push_back(next);
            }
            if (failed < budget) {
                next[i] = {true, 0};
                todo.push_back(next);
            }
            next[i] = {};
        }
    }
}

void Builder::expand(u32 rest) {
    subject_.load(rest);
    subject_.expands(path_to(space_, g_, rest));
    const bool goes_on = !options_.goes_on || options_.goes_on(subject_.now());
    for (u16 op = 0; goes_on && op < space_.alphabet.size() && g_.cut_by.empty(); ++op)
        try_operation(rest, op);
    subject_.drop(rest);
}

void Builder::note_broken(u32 rest, const Op& op, Attempt a) {
    for (std::size_t i = 0; i < a.violations.size(); ++i) {
        spec::Violation& v = a.violations[i];
        const auto known = a.known_as(i);
        const auto before = std::ranges::find_if(
            g_.broken, [&](const Broken& b) { return b.violation.inv == v.inv && b.known == known; });
        if (before != g_.broken.end()) {
            ++before->seen;
            continue;
        }
        std::vector<Op> ops = path_to(space_, g_, rest);
        ops.push_back(with_frames(op));
        g_.broken.push_back({.violation = std::move(v), .ops = std::move(ops), .known = known});
    }
}

bool Builder::has_new_broken() const {
    return std::ranges::any_of(g_.broken, [](const Broken& b) { return !b.known; });
}

void Builder::flatten() {
    for (std::size_t n = 0; n < out_.size(); ++n) {
        g_.nodes[n].first_edge = static_cast<u32>(g_.edges.size());
        g_.nodes[n].nr_edges = static_cast<u16>(out_[n].size());
        for (const Draft& d : out_[n]) {
            g_.edges.push_back({d.to, static_cast<u32>(g_.remaps.size()), d.label,
                                static_cast<u8>(d.remaps.size()), d.waits, d.ends, d.kind});
            g_.remaps.insert(g_.remaps.end(), d.remaps.begin(), d.remaps.end());
        }
        std::vector<Draft>().swap(out_[n]);
    }
    g_.bytes = g_.nodes.size() * (sizeof(Node) + sizeof g_.may[0]) + g_.edges.size() * sizeof(Edge) +
               g_.remaps.size() * sizeof(Remap);
}

Graph Builder::build() {
    for (const Op& op : space_.boot) {
        Attempt a = subject_.run(op, nullptr);
        if (a.violations.empty() && (a.ran.outcome.disabled || a.ran.outcome.err != Errno::ok))
            throw std::logic_error(space_.name +
                                   ": its boot does not succeed: " + std::string(name(op.kind)));
        for (std::size_t i = 0; i < a.violations.size(); ++i)
            g_.broken.push_back(
                {.violation = std::move(a.violations[i]), .ops = space_.boot, .known = a.known_as(i)});
        if (!g_.broken.empty()) return std::move(g_);
    }
    rest_of(0, {});
    u32 next = 0;
    for (; next < g_.rests.size() && g_.cut_by.empty(); ++next) {
        expand(next);
        if (g_.nodes.size() >= limits_.nodes) g_.cut_by = "nodes";
        if (options_.stop_at_first && has_new_broken()) g_.cut_by = "violation";
        if (limits_.stop && limits_.stop()) g_.cut_by = "time";
    }
    g_.complete = next == g_.rests.size() && g_.cut_by.empty();
    flatten();
    return std::move(g_);
}

} // namespace

Graph build_graph(const Space& space, const GraphOptions& options, const GraphLimits& limits) {
    ModelSubject model(World(space.config), options.sabotage, options.judged);
    return Builder(model, options.judged, space, options, limits).build();
}

Graph build_graph(Subject& subject, const Space& space, const GraphOptions& options,
                  const GraphLimits& limits) {
    return Builder(subject, false, space, options, limits).build();
}

std::vector<Op> path_to(const Space& space, const Graph& g, u32 rest) {
    std::vector<Op> ops;
    for (; rest; rest = g.origins[rest].from) ops.push_back(g.origins[rest].op);
    std::ranges::reverse(ops);
    ops.insert(ops.begin(), space.boot.begin(), space.boot.end());
    return ops;
}

} // namespace mmodel::explore
