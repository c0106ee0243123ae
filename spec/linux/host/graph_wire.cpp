// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/graph_wire.hpp"

#include <algorithm>
#include <cstring>

#include "spec/explore/may.hpp"
#include "spec/linux/host/reply.hpp"

namespace mmodel::bench {
namespace {

using namespace explore;

// What is received makes no sense.
struct Nonsense {
    const char* what;
};

void demand(bool holds, const char* what) {
    if (!holds) throw Nonsense{what};
}

constexpr u64 max_texts = 1 << 20, max_list = 1 << 16;
constexpr u32 not_known = ~u32{0};

// One of the two passes over a graph: numbers and texts go out, or come in.
class Sender {
public:
    static constexpr bool receives = false;
    explicit Sender(const std::function<void(std::span<const std::byte>)>& put) : put_(put) {}
    ~Sender() { flush(); }

    template <class T>
    void number(T& n) {
        const auto* at = reinterpret_cast<const std::byte*>(&n);
        buffer_.insert(buffer_.end(), at, at + sizeof n);
        if (buffer_.size() > 60'000) flush();
    }
    void text(std::string& s) {
        Text t;
        t.set(s);
        number(t.chars);
    }

private:
    void flush() {
        put_(buffer_);
        buffer_.clear();
    }
    const std::function<void(std::span<const std::byte>)>& put_;
    std::vector<std::byte> buffer_{};
};

class Receiver {
public:
    static constexpr bool receives = true;
    explicit Receiver(const std::function<std::size_t(std::span<std::byte>)>& get)
        : get_(get), buffer_(1 << 16) {}

    template <class T>
    void number(T& n) {
        std::array<std::byte, sizeof n> bytes;
        for (std::byte& b : bytes) b = next();
        std::memcpy(&n, bytes.data(), sizeof n);
    }
    void text(std::string& s) {
        Text t;
        number(t.chars);
        t.chars.back() = 0;
        s = t.get();
    }

private:
    std::byte next() {
        if (at_ == end_) {
            at_ = 0;
            end_ = get_(buffer_);
            demand(end_ != 0, "it ends too early");
        }
        return buffer_[at_++];
    }
    const std::function<std::size_t(std::span<std::byte>)>& get_;
    std::vector<std::byte> buffer_;
    std::size_t at_{}, end_{};
};

template <class IO, class... T>
void numbers(IO& io, T&... n) {
    (io.number(n), ...);
}

// A bool or an enumerator goes as a byte, and comes back only if there is such a one.
template <class IO, class T>
void small(IO& io, T& n, u8 last) {
    u8 byte = static_cast<u8>(n);
    io.number(byte);
    demand(byte <= last, "a value that its type does not have");
    n = static_cast<T>(byte);
}

template <class IO, class T, class F>
void list(IO& io, std::vector<T>& all, u64 most, F&& each) {
    u64 n = all.size();
    io.number(n);
    demand(n <= most, "a list that is too long");
    if constexpr (IO::receives) all.resize(n);
    for (T& x : all) each(x);
}

template <class IO>
void pass(IO& io, const Space& space, Op& op) {
    std::optional<WireOp> w = IO::receives ? WireOp{} : to_wire(space, op);
    demand(w.has_value(), "an operation that is not of the space");
    numbers(io, w->idx, w->fail, w->frames.nth);
    const auto back = from_wire(space, *w);
    demand(back.has_value(), "an operation that the space does not have");
    op = *back;
}

template <class IO>
void pass(IO& io, const Space& space, Broken& b) {
    small(io, b.violation.inv, spec::nr_invariants - 1);
    numbers(io, b.violation.event_idx, b.seen);
    u32 known = b.known.value_or(not_known);
    io.number(known);
    b.known = known == not_known ? std::nullopt : std::optional(known);
    io.text(b.violation.where), io.text(b.violation.event), io.text(b.violation.detail);
    std::vector<Op> ops;
    if constexpr (!IO::receives)
        ops.assign(b.ops.begin() + static_cast<long>(space.boot.size()), b.ops.end());
    list(io, ops, max_list, [&](Op& op) { pass(io, space, op); });
    if constexpr (IO::receives) {
        b.ops = space.boot;
        b.ops.insert(b.ops.end(), ops.begin(), ops.end());
    }
}

template <class IO>
void pass(IO& io, const Space& space, u64 max_nodes, Graph& g) {
    list(io, g.nodes, max_nodes, [&](Node& n) {
        numbers(io, n.first_edge, n.nr_edges, n.mapped, n.writable, n.in_use, n.exists, n.rest, n.op,
                n.event);
    });
    list(io, g.edges, 16 * max_nodes, [&](Edge& e) {
        numbers(io, e.to, e.first_remap, e.label, e.nr_remaps);
        small(io, e.waits, 1), small(io, e.ends, 1), small(io, e.kind, nr_event_kinds - 1);
    });
    list(io, g.remaps, 16 * max_nodes, [&](Remap& r) { numbers(io, r.page, r.to); });
    list(io, g.may, max_nodes, [&](u64& m) { io.number(m); });
    list(io, g.texts, max_texts, [&](std::string& s) { io.text(s); });
    list(io, g.ends, max_texts, [&](Op& op) { pass(io, space, op); });
    list(io, g.rests, max_nodes, [&](u32& n) { io.number(n); });
    bool first = true; // came from no operation
    list(io, g.origins, max_nodes, [&](Origin& o) {
        io.number(o.from);
        if (!std::exchange(first, false)) pass(io, space, o.op);
    });
    list(io, g.broken, max_list, [&](Broken& b) { pass(io, space, b); });
    list(io, g.classes, max_nodes, [&](u64& c) { io.number(c); });
    list(io, g.worlds, max_nodes, [&](u64& w) { io.number(w); });
    numbers(io, g.nr_runs, g.nr_events, g.nr_faulted, g.nr_known, g.nr_known_passed, g.nr_worlds, g.depth,
            g.bytes);
    small(io, g.complete, 1);
    io.text(g.cut_by);
}

// ---- what is said is looked at

void check_nodes(const Space& space, const Graph& g) {
    demand(g.may.size() == g.nodes.size(), "nodes without their translations");
    for (std::size_t i = 0; i < g.nodes.size(); ++i) {
        const Node& n = g.nodes[i];
        demand(u64{n.first_edge} + n.nr_edges <= g.edges.size(), "an edge that is not there");
        demand(n.rest < g.rests.size(), "a node of no world");
        demand(n.op == no_op || n.op < space.alphabet.size(), "a node of no operation");
        for (std::size_t p = 0; p < max_tracked; ++p) {
            const unsigned may = nr_may(g, static_cast<u32>(i), p);
            demand(may <= (p < space.pages.size() ? max_may : 0), "more translations than a page can have");
            demand(may || !(n.mapped >> p & 1), "a page that is mapped to nothing");
        }
    }
}

void check_edges(const Space& space, const Graph& g) {
    unsigned most = 1; // so many bits has an entry of a state
    for (u32 i = 0; i < g.nodes.size(); ++i)
        for (std::size_t p = 0; p < space.pages.size(); ++p) most = std::max(most, nr_may(g, i, p));
    for (const Edge& e : g.edges) {
        demand(e.to < g.nodes.size(), "an edge to nowhere");
        demand(u64{e.first_remap} + e.nr_remaps <= g.remaps.size(),
               "a change of translations that is not there");
        demand(e.label < (e.ends ? g.ends.size() : g.texts.size()), "an edge without a name");
    }
    for (const Remap& r : g.remaps) {
        demand(r.page < space.pages.size(), "a page that the space does not have");
        demand(std::ranges::all_of(
                   r.to, [&](u8 t) { return t <= most || (t >= Remap::freed && t <= Remap::alias); }),
               "a translation that is none");
    }
}

void check_rests(const Graph& g) {
    demand(g.origins.size() == g.rests.size() && g.classes.size() == g.rests.size() &&
               g.worlds.size() == g.rests.size(),
           "worlds of which something is missing");
    demand(!g.rests.empty() || (g.nodes.empty() && !g.complete), "a graph without a beginning");
    for (std::size_t i = 0; i < g.rests.size(); ++i) {
        demand(g.rests[i] < g.nodes.size(), "a world that is no node");
        demand(i == 0 || g.origins[i].from < i, "a world that comes from a later one");
    }
}

} // namespace

std::optional<WireOp> to_wire(const Space& space, const Op& op) {
    Op plain = op;
    plain.fail = {}, plain.frames = {};
    const auto at = std::ranges::find(space.alphabet, plain);
    if (at == space.alphabet.end()) return std::nullopt;
    return WireOp{static_cast<u16>(at - space.alphabet.begin()), op.fail.nth, op.frames};
}

std::optional<Op> from_wire(const Space& space, const WireOp& w) {
    if (w.idx >= space.alphabet.size()) return std::nullopt;
    Op op = space.alphabet[w.idx];
    op.fail.nth = w.fail, op.frames = w.frames;
    return canonical(op);
}

void send_graph(const Space& space, const Graph& g,
                const std::function<void(std::span<const std::byte>)>& put) {
    Sender out(put);
    pass(out, space, ~u64{0} / 16, const_cast<Graph&>(g)); // it only reads
}

std::expected<Graph, std::string> receive_graph(const Space& space, u64 max_nodes,
                                                const std::function<std::size_t(std::span<std::byte>)>& get) {
    try {
        Graph g;
        Receiver in(get);
        pass(in, space, max_nodes, g);
        check_nodes(space, g);
        check_edges(space, g);
        check_rests(g);
        return g;
    } catch (const Nonsense& n) {
        return std::unexpected(n.what);
    }
}

} // namespace mmodel::bench
