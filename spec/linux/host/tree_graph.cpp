// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/tree_graph.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <unordered_set>

#include "spec/linux/host/child.hpp"
#include "spec/linux/host/graph_wire.hpp"
#include "spec/linux/host/process.hpp"
#include "spec/linux/host/real_subject.hpp"
#include "spec/linux/host/runner.hpp"

namespace mmodel::bench {
namespace {

using namespace explore;

using Clock = std::chrono::steady_clock;

constexpr std::size_t max_path = 512;
constexpr auto patience_to_stop = std::chrono::seconds(20); // and to send what there is

// The parent writes it, the child cannot.
struct Asked {
    volatile bool stop;
};

// The child writes it. Where it is: how the state was reached, and what is run in it.
struct Place {
    volatile u64 nr_rests, nr_nodes;
    volatile u64 nr_runs; // of operations, the one that is under way included
    u64 nr_compared;      // at the end, see TreeGraph
    DeviationCounts deviations;
    u8 nr_used_subpage, nr_reset_struct_page;
    pcpu::Sizes sizes;
    volatile u64 nr_ops; // of the path, that operation included
    std::array<WireOp, max_path> path;
};

// An operation that ended a child: the how manyeth, and what it is.
struct Crash {
    u64 run;
    spec::Violation violation;
};

// In the child: says where it is, and does not run what ended another child: that is where the graph ends.
class Watched final : public Subject {
public:
    Watched(RealDriver& driver, const Unit& unit, const Space& space, Place& told, Progress& progress,
            const std::optional<Crash>& crash)
        : real_(driver, space, [&unit](const spec::Violation& v, OpKind op) { return unit.known_as(v, op); }),
          space_(space), place_(told), progress_(progress), crash_(crash) {}

    Attempt run(const Op& op, Observer* observer) override {
        if (!observer) return real_.run(op, observer); // boot
        place_.nr_runs = place_.nr_runs + 1;
        progress_.op_idx = place_.nr_runs;
        if (nr_before_ < max_path) {
            place_.path[nr_before_] = to_wire(space_, op).value_or(WireOp{});
            place_.nr_ops = nr_before_ + 1;
        }
        if (!is_at_its_end()) return real_.run(op, observer);
        return {.ran = {}, .violations = {crash_->violation}};
    }
    const State& now() override { return real_.now(); }
    const World& settle() override { return real_.settle(); }
    std::string key(const Space& space, Symmetry symmetry) override { return real_.key(space, symmetry); }
    void keep() override { real_.keep(), ++nr_kept_; }
    void load(u32 idx) override { real_.load(idx); }
    void drop(u32 idx) override { real_.drop(idx); }
    void expands(const std::vector<Op>& path) override {
        nr_before_ = std::min(path.size() - space_.boot.size(), max_path);
        for (std::size_t i = 0; i < nr_before_; ++i)
            place_.path[i] = to_wire(space_, path[space_.boot.size() + i]).value_or(WireOp{});
    }
    [[nodiscard]] bool is_at_its_end() const { return crash_ && place_.nr_runs >= crash_->run; }
    [[nodiscard]] const RealSubject& real() const { return real_; }
    [[nodiscard]] u64 bytes() const { return real_.bytes_interned() + nr_kept_ * real_.bytes_of_a_state(); }

private:
    RealSubject real_;
    const Space& space_;
    Place& place_;
    Progress& progress_;
    const std::optional<Crash>& crash_;
    std::size_t nr_before_{}; // operations to the state that is expanded
    u64 nr_kept_{};
};

void write_all(int fd, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = write(fd, bytes.data(), bytes.size());
        if (n <= 0) _exit(host_status);
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
}

// ---- the parent

class TreeBuilder {
public:
    TreeBuilder(const Unit& unit, const Space& space, const GraphOptions& options, const GraphLimits& limits)
        : unit_(unit), space_(space),
          options_{
              .symmetry = options.symmetry, .stop_at_first = options.stop_at_first, .names_frames = true},
          limits_(limits), asked_(share<Asked>()), reply_(share<Reply>()), place_(share<Place>()),
          coverage_(unit.edges ? std::make_unique<CoverageMap>(unit.edges) : nullptr) {}
    ~TreeBuilder();
    TreeBuilder(const TreeBuilder&) = delete;
    TreeBuilder& operator=(const TreeBuilder&) = delete;

    std::expected<TreeGraph, Problem> build();

private:
    void work(RealDriver& driver, int out);
    [[nodiscard]] std::expected<void, Problem> start();
    // Nothing: the child died, hangs or talks nonsense, and `why_` says so.
    std::optional<Graph> receive();
    std::size_t get(std::span<std::byte> room);
    [[nodiscard]] bool hangs();
    [[nodiscard]] std::expected<void, Problem> note_crash();
    [[nodiscard]] std::vector<Op> where_it_was() const;
    [[nodiscard]] std::expected<bool, Problem> shown_again(Broken& b) const;
    [[nodiscard]] std::expected<bool, Problem> confirm(Broken& b) const;
    [[nodiscard]] std::expected<TreeGraph, Problem> confirmed(Graph g);

    const Unit& unit_;
    const Space& space_;
    GraphOptions options_;
    const GraphLimits& limits_;
    Asked* asked_;
    Reply* reply_;
    Place* place_;
    std::unique_ptr<CoverageMap> coverage_;
    Process child_{};
    std::optional<Crash> crash_{}; // of the first child
    std::string why_{};
    u64 last_run_{}, last_events_{};
    double since_cpu_{};
    Clock::time_point stopped_{};
};

TreeBuilder::~TreeBuilder() {
    child_.stop();
    unshare(asked_), unshare(reply_), unshare(place_);
}

void TreeBuilder::work(RealDriver& driver, int out) {
    Watched subject(driver, unit_, space_, *place_, reply_->progress, crash_);
    const GraphLimits limits{.nodes = limits_.nodes,
                             .stop = [this, &subject] { return asked_->stop || subject.is_at_its_end(); },
                             .progress =
                                 [this](u64 rests, u64 nodes) {
                                     place_->nr_rests = rests;
                                     place_->nr_nodes = nodes;
                                 }};
    Graph g = build_graph(subject, space_, options_, limits);
    g.bytes += subject.bytes();
    place_->nr_compared = subject.real().nr_compared();
    place_->deviations = subject.real().deviations();
    const Geometry& geometry = subject.now().machine.geometry();
    place_->nr_used_subpage = geometry.nr_used_subpage;
    place_->nr_reset_struct_page = geometry.nr_reset_struct_page;
    place_->sizes = subject.now().pcpu->sizes;
    send_graph(space_, g, [out](std::span<const std::byte> bytes) { write_all(out, bytes); });
}

std::expected<void, Problem> TreeBuilder::start() {
    if (!asked_ || !reply_ || !place_)
        return std::unexpected(Problem{"no memory to share with a child process"});
    *place_ = {};
    last_run_ = last_events_ = 0;
    since_cpu_ = 0;
    return child_.start([this](int in, int out, pid_t parent) {
        be_child(unit_, space_.config, std::as_writable_bytes(std::span(asked_, 1)), *reply_, coverage_.get(),
                 in, out, parent, [this](RealDriver& driver, int, int to) { work(driver, to); });
    });
}

// No event and no other operation for longer than any takes.
bool TreeBuilder::hangs() {
    const u64 run = place_->nr_runs, events = reply_->progress.nr_events;
    if (run != last_run_ || events != last_events_) {
        last_run_ = run, last_events_ = events;
        since_cpu_ = child_.cpu_seconds();
    }
    return run && child_.cpu_seconds() - since_cpu_ > 2 * default_patience;
}

// Some bytes of the graph; 0: there will be no more.
std::size_t TreeBuilder::get(std::span<std::byte> room) {
    for (;;) {
        pollfd p{.fd = child_.from(), .events = POLLIN, .revents = 0};
        const int n = poll(&p, 1, 100);
        if (n > 0) {
            const ssize_t got = read(child_.from(), room.data(), room.size());
            return got > 0 ? static_cast<std::size_t>(got) : 0;
        }
        if (n < 0 && errno != EINTR) return 0;
        if (limits_.progress) limits_.progress(place_->nr_rests, place_->nr_nodes);
        if (limits_.stop && limits_.stop() && !asked_->stop) {
            asked_->stop = true;
            stopped_ = Clock::now();
        }
        if (asked_->stop && Clock::now() - stopped_ > patience_to_stop) {
            why_ = "it does not stop";
            return 0;
        }
        if (hangs()) {
            why_ = "it hangs";
            return 0;
        }
    }
}

std::optional<Graph> TreeBuilder::receive() {
    auto g = receive_graph(space_, limits_.nodes + (1 << 20),
                           [this](std::span<std::byte> room) { return get(room); });
    if (g) return std::move(*g);
    if (why_.empty()) why_ = g.error();
    return std::nullopt;
}

std::vector<Op> TreeBuilder::where_it_was() const {
    std::vector<Op> ops = space_.boot;
    const u64 told = place_->nr_ops, n = std::min<u64>(told, max_path);
    for (u64 i = 0; i < n; ++i)
        if (const auto op = from_wire(space_, WireOp(place_->path[i]))) ops.push_back(*op);
    return ops;
}

// What the operations before the end show in a fresh child. Else the child's end is a mystery, and no
// finding.
std::expected<void, Problem> TreeBuilder::note_crash() {
    const std::vector<Op> ops = where_it_was();
    auto r = run_one(unit_, space_.config, ops, {}, !unit_.known.empty());
    if (!r) return std::unexpected(r.error());
    if (r->violations.empty()) {
        const std::string host = reply_->host_error.get();
        return std::unexpected(Problem{"the child that explored ended early (" +
                                       (host.empty() ? why_ : host) +
                                       "), and what it ran last does not show why"});
    }
    crash_ = {place_->nr_runs, std::move(r->violations.back())};
    return {};
}

// Whether a fresh child that runs its operations shows the same; then it is as that child showed it.
std::expected<bool, Problem> TreeBuilder::shown_again(Broken& b) const {
    auto r = run_one(unit_, space_.config, b.ops, {}, !unit_.known.empty());
    if (!r) return std::unexpected(r.error());
    for (spec::Violation& v : r->violations) r->passed.push_back({r->op_idx, std::move(v)});
    for (Passed& p : r->passed) {
        const OpKind op = b.ops[std::min<u64>(p.op_idx, b.ops.size() - 1)].kind;
        if (p.violation.inv != b.violation.inv || unit_.known_as(p.violation, op) != b.known) continue;
        b.violation = std::move(p.violation);
        return true;
    }
    return false;
}

void forget_frames(std::span<Op> ops) {
    for (Op& op : ops) op.frames = {};
}

// Most show whatever frames the allocator gives. Else the operations say which ones those were, the fewest of
// the last ones that do.
std::expected<bool, Problem> TreeBuilder::confirm(Broken& b) const {
    const std::vector<Op> named = b.ops;
    for (std::size_t from = named.size() + 1; from-- > 0;) {
        if (from < named.size() && !named[from].frames.any()) continue;
        b.ops = named;
        forget_frames(std::span(b.ops).first(from));
        const auto shown = shown_again(b);
        if (!shown || *shown) return shown;
    }
    return false;
}

std::expected<TreeGraph, Problem> TreeBuilder::confirmed(Graph g) {
    TreeGraph out;
    for (Broken& b : std::exchange(g.broken, {})) {
        const auto shown = confirm(b);
        if (!shown) return std::unexpected(shown.error());
        (*shown ? g.broken : out.unconfirmed).push_back(std::move(b));
    }
    for (Origin& o : g.origins) o.op.frames = {};
    if (!out.unconfirmed.empty() && g.complete) g.complete = false, g.cut_by = "unconfirmed";
    if (crash_) g.complete = false, g.cut_by = "crash";
    if (coverage_) out.reached = coverage_->take();
    out.nr_compared = std::min(place_->nr_compared, g.nr_runs);
    for (std::size_t i = 0; i < out.deviations.size(); ++i)
        out.deviations[i] = std::min(place_->deviations[i], out.nr_compared);
    const auto at_most = static_cast<u8>(space_.config.geometry.struct_pages_per_page() / 2);
    out.nr_used_subpage = std::min(place_->nr_used_subpage, at_most);
    out.nr_reset_struct_page = std::min(place_->nr_reset_struct_page, at_most);
    out.sizes = pcpu::sizes_of(space_.config.geometry); // what a child says may be anything
    out.sizes.schedules_early = place_->sizes.schedules_early;
    out.sizes.backing = std::min(place_->sizes.backing, pcpu::Backing::noio);
    out.graph = std::move(g);
    return out;
}

std::expected<TreeGraph, Problem> TreeBuilder::build() {
    for (int i = 0; i < 2; ++i) {
        if (auto started = start(); !started) return std::unexpected(started.error());
        why_.clear();
        auto g = receive();
        if (!g) kill(child_.pid(), SIGTERM); // a chance to say where it is
        const Process::Ended end = child_.end(g ? 1000 : 100);
        if (g) return confirmed(std::move(*g));
        if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == host_status &&
            !reply_->host_error.get().empty())
            return std::unexpected(Problem{reply_->host_error.get()});
        if (auto noted = note_crash(); !noted) return std::unexpected(noted.error());
        if (crash_->run == 0) { // already at boot: there is no graph
            TreeGraph none;
            none.graph.cut_by = "crash";
            none.graph.broken.push_back({.violation = crash_->violation, .ops = space_.boot});
            return none;
        }
    }
    return std::unexpected(Problem{"the file ends the child that explores, each time at another operation"});
}

} // namespace

std::expected<TreeGraph, Problem> build_tree_graph(const Unit& unit, const Space& space,
                                                   const GraphOptions& options, const GraphLimits& limits) {
    if (unit.backend != Backend::mmu)
        return std::unexpected(Problem{"every state of a file is explored on the software MMU only" +
                                       (unit.no_mmu.empty() ? "" : ": " + unit.no_mmu)});
    return TreeBuilder(unit, space, options, limits).build();
}

Graph models_graph(Space space, const TreeGraph& of_the_file, Symmetry symmetry, const GraphLimits& limits) {
    space.config.geometry.nr_used_subpage = of_the_file.nr_used_subpage;
    space.config.geometry.nr_reset_struct_page = of_the_file.nr_reset_struct_page;
    World boot(space.config);
    boot.own().pcpu.own().sizes = of_the_file.sizes;
    ModelSubject model(std::move(boot), {}, false);
    return build_graph(model, space, {.symmetry = symmetry, .judged = false}, limits);
}

Worlds compare_worlds(const Space& space, const Graph& files, const Graph& models) {
    const std::unordered_set<u64> f(files.worlds.begin(), files.worlds.end()),
        m(models.worlds.begin(), models.worlds.end());
    Worlds out;
    const auto only = [&](const Graph& g, const std::unordered_set<u64>& own,
                          const std::unordered_set<u64>& other) {
        for (u32 i = 0; i < g.worlds.size() && out.way.empty(); ++i)
            if (!other.contains(g.worlds[i])) out.way = path_to(space, g, i);
        return static_cast<u64>(std::ranges::count_if(own, [&](u64 w) { return !other.contains(w); }));
    };
    out.only_the_files = only(files, f, m);
    out.only_the_models = only(models, m, f);
    out.both = f.size() - out.only_the_files;
    return out;
}

namespace {

// The model's graph of the same space, and what differs. The model goes on from where an operation of the
// file broke a rule, and has no walker left where the file has waited for none; any other world that only one
// has is a violation.
void set_beside_the_model(const Space& space, const GraphOptions& options, const GraphLimits& limits,
                          TreeGraph& g, BesideTheModel& out) {
    out.nr_compared = g.nr_compared;
    out.deviations = g.deviations;
    if (!g.graph.complete) return;
    const Graph model = models_graph(space, g, options.symmetry, limits);
    if (!model.complete) return;
    out.worlds = compare_worlds(space, g.graph, model);
    const bool walkers_stay =
        g.deviations[static_cast<std::size_t>(Deviation::only_the_first_folio_is_waited_for)];
    const bool model_goes_on = !g.graph.broken.empty();
    if (walkers_stay || !(out.worlds->only_the_files || (out.worlds->only_the_models && !model_goes_on)))
        return;
    spec::Violation v;
    v.inv = spec::Inv::real_file_agrees_with_the_model;
    v.detail = "in this space the file comes to " + std::to_string(out.worlds->only_the_files) +
               " worlds that the model does not, the model to " +
               std::to_string(out.worlds->only_the_models) + " that the file does not";
    g.graph.broken.push_back({.violation = std::move(v), .ops = out.worlds->way});
}

bool is_known(const explore::Explored& e, const Broken& b) {
    const std::string_view name = spec::fact(b.violation.inv).name;
    return std::ranges::any_of(e.found, [&](const explore::Finding& f) {
        return f.steps.empty() && f.name == name && f.known == b.known;
    });
}

// The graph once more, on a CPU that uses old translations.
std::optional<Problem> add_stale(Unit unit, StaleWay way, const Space& space, const GraphOptions& options,
                                 const GraphLimits& limits, ExploredFile& out) {
    unit.stale = way;
    auto g = build_tree_graph(unit, space, options, limits);
    if (!g) return g.error();
    Explored& e = out.explored;
    e.runs += g->graph.nr_runs, e.events += g->graph.nr_events;
    if (!g->graph.complete && e.complete) e.complete = false, e.cut_by = g->graph.cut_by;
    std::ranges::move(g->unconfirmed, std::back_inserter(out.unconfirmed));
    for (Broken& b : g->graph.broken) {
        if (is_known(e, b)) continue;
        e.found.push_back(explore::finding_of(std::move(b)));
        e.found.back().stale = way;
    }
    return std::nullopt;
}

std::optional<Problem> add_stale(const Unit& unit, const Space& space, const GraphOptions& options,
                                 const explore::Limits& limits, ExploredFile& out) {
    const auto start = Clock::now();
    const auto passed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
    const double left = limits.seconds - out.explored.seconds;
    const auto stop = [&] { return passed() > left || (limits.interrupted && limits.interrupted()); };
    std::optional<Problem> problem;
    for (const StaleWay way : {oldest, newest_stale})
        if (!problem) problem = add_stale(unit, way, space, options, {.stop = stop}, out);
    out.explored.seconds += passed();
    out.explored.graph_seconds += passed();
    return problem;
}

// What the last operation of a finding of the hardware's part shows without it: best the same invariant, or a
// remap that a walker is not waited for where he writes in vain; then it may be known.
void set_alone(const Unit& unit, const Space& space, explore::Finding& f) {
    const auto inv = spec::invariant_named(f.name);
    const bool is_walkers = inv == spec::Inv::no_write_through_a_read_only_pte;
    const auto look = [&](const std::vector<Op>& ops, u64 first, bool any) {
        auto r = run_one(unit, space.config, ops, {}, !unit.known.empty());
        if (!r || f.alone) return;
        for (spec::Violation& v : r->violations) r->passed.push_back({r->op_idx, std::move(v)});
        for (Passed& p : r->passed) {
            const bool same = p.violation.inv == inv ||
                              (is_walkers && p.violation.inv == spec::Inv::no_remap_without_a_grace_period);
            if (f.alone || p.op_idx < first || p.op_idx >= ops.size() || !(same || any)) continue;
            if (same) f.known = unit.known_as(p.violation, ops[p.op_idx].kind);
            f.ops.assign(ops.begin(), ops.begin() + static_cast<long>(p.op_idx + 1));
            f.alone = std::move(p.violation);
        }
    };
    const std::vector<Op> plain = f.ops;
    look(plain, plain.size() - 1, false);
    if (is_walkers) { // he writes in the middle of the operation; operations alone let him do it after that
        std::vector<Op> ops = plain;
        ops.push_back({.kind = OpKind::walker_try_get});
        look(ops, plain.size(), false);
    }
    look(plain, unit.known.empty() ? 0 : plain.size() - 1, true);
}

} // namespace

std::expected<ExploredFile, Problem> explore_file(const Unit& unit, const Space& space,
                                                  const explore::Options& options,
                                                  const explore::Limits& limits) {
    std::optional<Problem> problem;
    ExploredFile out;
    const auto build = [&](const GraphLimits& of) {
        auto g = build_tree_graph(unit, space, options.graph, of);
        if (!g) {
            problem = g.error();
            return Graph{};
        }
        out.unconfirmed = std::move(g->unconfirmed);
        out.reached = std::move(g->reached);
        if (unit.tree.name != "hugetlb_vmemmap" || unit.tree.not_the_models.empty())
            set_beside_the_model(space, options.graph, of, *g, out.model.emplace());
        return std::move(g->graph);
    };
    out.explored = explore::explore(space, build, options.cpu_symmetry, limits);
    if (problem) return std::unexpected(*problem);
    for (explore::Finding& f : out.explored.found) {
        if (!f.steps.empty()) set_alone(unit, space, f);
    }
    if (options.stale)
        if (auto why = add_stale(unit, space, options.graph, limits, out)) return std::unexpected(*why);
    return out;
}

} // namespace mmodel::bench
