// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/explore/search.hpp"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "spec/explore/state.hpp"
#include "spec/explore/table.hpp"

namespace mmodel::explore {
namespace {

using Clock = std::chrono::steady_clock;

constexpr u64 claim = 256;             // states that a thread takes from the frontier at once
constexpr u64 look_after = 16;         // claims, a few milliseconds
constexpr std::size_t batch_size = 64; // successors whose places are fetched before the first is looked at

// Levels of the search, each expanded by all threads together. Between two stretches of a level one thread
// decides what comes next: go on, grow the table, begin the next level, end.
class Search {
public:
    // `expected`: so many states, at most.
    Search(const Packing& packing, const SearchLimits& limits, u64 expected)
        : packing_(packing), limits_(limits), jobs_(std::max(1u, limits.jobs)),
          margin_(jobs_ * claim * packing.max_successors()), table_(new WordSet(first_bits(expected))),
          workers_(jobs_), level_(jobs_), level_start_(jobs_ + 1) {}

    Searched run();
    [[nodiscard]] const std::array<u64, 4>& wrong() const { return wrong_; } // how often, by kind

private:
    struct alignas(128) Worker {
        std::vector<u64> next, batch;
        u64 transitions{}, unfolded{};
        std::array<u64, 4> wrong{};
    };
    enum class Phase : u8 { expand, grow, done };

    void take_part(unsigned id) noexcept;
    void fail() noexcept;
    void expand(Worker& w);
    void expand_state(Worker& w, u64 s);
    void flush(Worker& w);
    void look_up();
    void grow(unsigned id);
    [[nodiscard]] unsigned first_bits(u64 expected) const;
    void next_level();
    void make_larger() noexcept;
    void decide();
    [[nodiscard]] bool is_over();
    [[nodiscard]] u64 bytes_now() const;

    const Packing& packing_;
    const SearchLimits& limits_;
    unsigned jobs_;
    u64 margin_; // so many states may be found before anybody looks at the table's size again
    Clock::time_point start_{Clock::now()};
    std::unique_ptr<WordSet> table_, larger_;
    std::vector<Worker> workers_;
    std::vector<std::vector<u64>> level_; // the frontier: what each worker found last
    std::vector<u64> level_start_;        // where each of those begins in it, and where it ends
    std::atomic<u64> claimed_{}, nr_states_{};
    std::atomic<bool> enough_{}; // no thread takes more of this level
    Phase phase_{Phase::expand};
    Searched out_;
    std::array<u64, 4> wrong_{};
    std::exception_ptr failure_; // what a thread threw first; ends the search
    std::mutex failing_;
};

u64 Search::bytes_now() const {
    u64 n = table_->bytes();
    for (const std::vector<u64>& found : level_) n += found.capacity() * sizeof(u64);
    for (const Worker& w : workers_) n += w.next.capacity() * sizeof(u64);
    return n;
}

// A table for as many as there may be: one that grows is filled twice. But not most of the memory at once.
unsigned Search::first_bits(u64 expected) const {
    const auto least = static_cast<unsigned>(std::bit_width(8 * margin_));
    auto bits =
        static_cast<unsigned>(std::bit_width(std::min<u64>(expected, u64{1} << 28) / 3 * 4 + margin_));
    while (bits > least && (sizeof(u64) * 3 << bits) > limits_.bytes) --bits;
    return std::max(bits, least);
}

// What was found becomes the frontier.
void Search::next_level() {
    for (unsigned id = 0; id < jobs_; ++id) {
        level_[id].swap(workers_[id].next);
        workers_[id].next.clear();
        level_start_[id + 1] = level_start_[id] + level_[id].size();
    }
    claimed_ = 0;
}

bool Search::is_over() {
    if (nr_states_ >= limits_.states)
        out_.cut_by = "states";
    else if (bytes_now() > limits_.bytes)
        out_.cut_by = "memory";
    else if (limits_.stop && limits_.stop())
        out_.cut_by = "time";
    return !out_.cut_by.empty();
}

// A table twice as large, if there is memory for both while one moves into the other.
void Search::make_larger() noexcept {
    try {
        if (table_->bytes() * 3 > limits_.bytes) throw std::bad_alloc();
        larger_ = std::make_unique<WordSet>(static_cast<unsigned>(std::bit_width(table_->size())));
        out_.peak_bytes = std::max(out_.peak_bytes, bytes_now() + larger_->bytes());
        phase_ = Phase::grow;
    } catch (const std::bad_alloc&) {
        out_.cut_by = "memory";
        phase_ = Phase::done;
    }
}

// Runs while all threads wait.
void Search::decide() {
    if (larger_) {
        table_ = std::move(larger_);
        phase_ = Phase::expand;
    }
    enough_ = false;
    out_.peak_bytes = std::max(out_.peak_bytes, bytes_now());
    if (limits_.progress) limits_.progress(nr_states_, level_start_.back());
    if (is_over()) return void(phase_ = Phase::done);
    if (nr_states_ > table_->limit() - margin_) return make_larger();
    if (claimed_ < level_start_.back()) return;
    next_level();
    if (level_start_.back() == 0) {
        out_.complete = true;
        phase_ = Phase::done;
    } else {
        ++out_.depth;
    }
}

void Search::grow(unsigned id) {
    const u64 part = table_->size() / jobs_;
    const u64 end = id + 1 == jobs_ ? table_->size() : (id + 1) * part;
    std::array<u64, 32> batch;
    std::size_t n = 0;
    auto put = [&] {
        for (std::size_t i = 0; i < n; ++i) larger_->insert(batch[i]);
        n = 0;
    };
    table_->for_each(id * part, end, [&](u64 word) {
        larger_->prefetch(word);
        batch[n++] = word;
        if (n == batch.size()) put();
    });
    put();
}

void Search::flush(Worker& w) {
    u64 fresh = 0;
    for (const u64 s : w.batch)
        if (table_->insert(s)) {
            ++fresh;
            w.unfolded += packing_.orbit(s);
            w.next.push_back(s);
        }
    w.batch.clear();
    nr_states_.fetch_add(fresh, std::memory_order_relaxed);
}

void Search::expand_state(Worker& w, u64 s) {
    packing_.successors(
        s,
        [&](u64 to, const Step&) {
            ++w.transitions;
            table_->prefetch(to);
            w.batch.push_back(to);
        },
        [&](Wrong kind, const Step&) {
            ++w.transitions;
            ++w.wrong[static_cast<std::size_t>(kind)];
        });
    if (w.batch.size() >= batch_size) flush(w);
}

// In the middle of a level, which may take minutes: one thread asks whether to stop, and tells.
void Search::look_up() {
    if (limits_.progress) limits_.progress(nr_states_, level_start_.back());
    if (limits_.stop && limits_.stop()) enough_ = true;
}

void Search::expand(Worker& w) {
    const u64 limit = table_->limit() - margin_;
    const bool looks = &w == &workers_.front();
    for (u64 n = 1; nr_states_.load(std::memory_order_relaxed) <= limit; ++n) {
        if (looks && n % look_after == 0) look_up();
        if (enough_.load(std::memory_order_relaxed)) return;
        const u64 start = claimed_.fetch_add(claim);
        if (start >= level_start_.back()) return;
        for (unsigned id = 0; id < jobs_; ++id) {
            const u64 from = level_start_[id], to = level_start_[id + 1];
            for (u64 i = std::max(start, from); i < std::min(start + claim, to); ++i)
                expand_state(w, level_[id][i - from]);
        }
        flush(w);
    }
}

// An exception is kept: thrown from here it would end the program without a word.
void Search::fail() noexcept {
    const std::scoped_lock lock(failing_);
    if (!failure_) failure_ = std::current_exception();
}

void Search::take_part(unsigned id) noexcept {
    try {
        if (phase_ == Phase::grow)
            grow(id);
        else
            expand(workers_[id]);
    } catch (...) {
        fail();
    }
}

Searched Search::run() {
    table_->insert(packing_.initial());
    nr_states_ = 1;
    workers_[0].next.push_back(packing_.initial());
    next_level();
    std::barrier together(static_cast<std::ptrdiff_t>(jobs_), [this]() noexcept {
        try {
            if (!failure_) decide();
        } catch (...) {
            fail();
        }
        if (failure_) phase_ = Phase::done;
    });
    auto work = [&](unsigned id) {
        for (; phase_ != Phase::done; together.arrive_and_wait()) take_part(id);
    };
    std::vector<std::jthread> threads;
    try {
        while (threads.size() + 1 < jobs_) threads.emplace_back(work, threads.size() + 1);
    } catch (...) { // the host has no more threads: those that are there must not wait for the others
        fail();
        for (auto id = threads.size() + 1; id < jobs_; ++id) together.arrive_and_drop();
    }
    work(0);
    threads.clear();
    if (failure_) std::rethrow_exception(failure_);
    out_.states = nr_states_;
    out_.unfolded = packing_.orbit(packing_.initial());
    for (const Worker& w : workers_) {
        out_.transitions += w.transitions;
        out_.unfolded += w.unfolded;
        for (std::size_t k = 0; k < w.wrong.size(); ++k) wrong_[k] += w.wrong[k];
    }
    out_.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    return std::move(out_);
}

// ---- the way to what is wrong

// The search once more, on one thread, until the first thing wrong of that kind; who was found from whom is
// kept.
class Backward {
public:
    Backward(const Space& space, const Graph& g, const Packing& packing)
        : space_(space), g_(g), packing_(packing) {}

    Counterexample find(Wrong kind);

private:
    // Where it ends: the last state, and the step that should not be; and how many steps come before.
    struct End {
        u64 at{};
        Step last{};
        u64 nr_steps{};
    };
    // `at_rest`: walkers enter between operations only.
    [[nodiscard]] std::optional<End> look_for(Wrong kind, bool at_rest);
    [[nodiscard]] std::string line(const Step& step) const;
    void tell(Counterexample& out, u64 end, const Step& last) const;
    [[nodiscard]] Step step_between(u64 from, u64 to) const;
    [[nodiscard]] Op some_end(u32 node) const;

    const Space& space_;
    const Graph& g_;
    const Packing& packing_;
    std::unordered_map<u64, u64> from_;
};

std::optional<Backward::End> Backward::look_for(Wrong kind, bool at_rest) {
    std::vector<u64> level{packing_.initial()}, next;
    from_.clear();
    from_.emplace(packing_.initial(), packing_.initial());
    for (u64 nr_steps = 0; !level.empty(); ++nr_steps) {
        for (const u64 s : level) {
            const bool enters = !at_rest || g_.nodes[packing_.node(s)].op == no_op;
            std::optional<Step> last;
            packing_.successors(
                s,
                [&](u64 to, const Step& step) {
                    if (step.kind == Step::Kind::enter && !enters) return;
                    if (from_.emplace(to, s).second) next.push_back(to);
                },
                [&](Wrong found, const Step& step) {
                    if (found == kind && !last) last = step;
                });
            if (last) return End{s, *last, nr_steps};
        }
        level.swap(next);
        next.clear();
    }
    return std::nullopt;
}

// Of equally short ways one that walkers enter between operations: then the operations show it, too.
Counterexample Backward::find(Wrong kind) {
    Counterexample out{.wrong = kind};
    const auto at_rest = space_.walkers.empty() ? std::nullopt : look_for(kind, true);
    std::unordered_map<u64, u64> way = std::move(from_);
    auto end = look_for(kind, false);
    if (at_rest && end && at_rest->nr_steps == end->nr_steps) {
        end = at_rest;
        from_ = std::move(way);
    }
    if (end) tell(out, end->at, end->last);
    return out;
}

Step Backward::step_between(u64 from, u64 to) const {
    std::optional<Step> found;
    packing_.successors(
        from,
        [&](u64 s, const Step& step) {
            if (s == to && !found) found = step;
        },
        [](Wrong, const Step&) {});
    return *found;
}

// An operation that goes on from this node, as it ends one way or another; if it never does, as it is in the
// alphabet.
Op Backward::some_end(u32 node) const {
    const u16 op = g_.nodes[node].op;
    for (std::size_t i = 0; i < g_.nodes.size() && g_.nodes[node].nr_edges; ++i) {
        const Edge& e = g_.edges[g_.nodes[node].first_edge];
        if (e.ends) return g_.ends[e.label];
        node = e.to;
    }
    return space_.alphabet[op];
}

std::string Backward::line(const Step& step) const {
    auto page = [&] {
        const Tracked t = space_.pages[step.page];
        return std::string(t.vmalloc ? "vmalloc page " : "vmemmap page ") + std::to_string(t.page);
    };
    const std::string cpu = "CPU " + std::to_string(step.cpu),
                      walker = "walker " + std::to_string(step.walker);
    switch (step.kind) {
    case Step::Kind::fill: return cpu + " fills its translation of " + page();
    case Step::Kind::evict: return cpu + " drops its translation of " + page();
    case Step::Kind::enter: return walker + " enters an RCU read section";
    case Step::Kind::write: return walker + " writes to the refcount it saw";
    case Step::Kind::leave: return walker + " leaves its RCU read section";
    case Step::Kind::event: break;
    }
    const Edge& e = g_.edges[step.edge];
    return e.ends ? "returns" : g_.texts[e.label];
}

void Backward::tell(Counterexample& out, u64 end, const Step& last) const {
    std::vector<u64> states{end};
    while (states.back() != packing_.initial()) states.push_back(from_.at(states.back()));
    std::ranges::reverse(states);
    auto walker_op = [&](const Step& s) {
        const WalkerAt& at = space_.walkers[s.walker];
        Op op{.kind = s.kind == Step::Kind::enter   ? OpKind::walker_enter
                      : s.kind == Step::Kind::write ? OpKind::walker_try_get
                                                    : OpKind::walker_leave,
              .walker = s.walker};
        if (s.kind == Step::Kind::enter) op.folio = at.folio, op.page = at.page;
        return op;
    };
    out.ops = space_.boot;
    for (std::size_t i = 0; i < states.size(); ++i) {
        const Step step = i + 1 < states.size() ? step_between(states[i], states[i + 1]) : last;
        out.steps.push_back(line(step));
        const bool rest = g_.nodes[packing_.node(states[i])].op == no_op;
        const bool walks = step.kind == Step::Kind::enter || step.kind == Step::Kind::write ||
                           step.kind == Step::Kind::leave;
        if (walks && rest) out.ops.push_back(walker_op(step));
        if (step.kind == Step::Kind::event && g_.edges[step.edge].ends)
            out.ops.push_back(g_.ends[g_.edges[step.edge].label]);
    }
    if (const Node& n = g_.nodes[packing_.node(end)]; n.op != no_op)
        out.ops.push_back(some_end(packing_.node(end)));
}

} // namespace

Estimate estimate(const Space& space, const Graph& g) {
    Estimate out{.bits = Packing(space, g, false).bits()};
    double states = 0;
    for (u32 n = 0; n < g.nodes.size(); ++n) {
        double row = 1;
        for (std::size_t p = 0; p < space.pages.size(); ++p) row *= 1 + nr_may(g, n, p);
        // Rows are interchangeable: multisets of them.
        double rows = row;
        for (unsigned i = 1; i < space.nr_tlbs; ++i) rows *= (row + i) / (i + 1);
        states += rows * std::pow(3, space.walkers.size());
    }
    out.states = states < 1e18 ? static_cast<u64>(states) : u64{1'000'000'000'000'000'000};
    out.bytes = out.states * 24;
    return out;
}

Searched search(const Space& space, const Graph& g, const SearchLimits& limits) {
    const Packing packing(space, g, limits.symmetry);
    Search s(packing, limits, estimate(space, g).states);
    Searched out = s.run();
    for (std::size_t k = 0; k < s.wrong().size(); ++k) {
        if (!s.wrong()[k]) continue;
        out.found.push_back(Backward(space, g, packing).find(static_cast<Wrong>(k)));
        out.found.back().seen = s.wrong()[k];
    }
    return out;
}

} // namespace mmodel::explore
