// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "props/example.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace mmodel {
namespace {

struct Recorder {
    std::vector<Event>& events;
    void before(const Machine&, const Event&) {}
    void after(const Machine&, const Event& e) { events.push_back(e); }
};

} // namespace

Config config_of(const std::string& text) {
    const auto c = parse_config(text);
    INFO((c ? "" : c.error()));
    REQUIRE(c);
    return *c;
}

Trace trace_of(const std::string& text) {
    const auto t = parse_trace("mmodel trace 1\n" + text);
    INFO((t ? "" : print_error(t.error())));
    REQUIRE(t);
    return *t;
}

Op op_of(const Config& c, const std::string& line) {
    return trace_of("geometry " + print_config(c) + "\n" + line + "\n").ops.at(0);
}

u64 Did::count(EventKind k) const { return static_cast<u64>(std::ranges::count(events, k, &Event::kind)); }

u64 Did::live_ptes(Fn where) const {
    return static_cast<u64>(std::ranges::count_if(events, [&](const Event& e) {
        return e.kind == EventKind::set_pte_at && e.is_live() && e.where == where;
    }));
}

i64 nr_free(const World& w) {
    i64 n = 0;
    for (u8 nid = 0; nid < w.config().nr_nodes; ++nid)
        n += static_cast<i64>(w.machine().nr_free_or_held_pages(Nid{nid}));
    return n;
}

Did run(World& w, const Op& op) {
    const World before = w;
    Did d;
    Recorder recorder{d.events};
    World watched = w;
    const Ran ran = advance(watched, op, recorder);
    const spec::Checked checked = spec::checked_advance(w, op);
    INFO(print_op(w.config().geometry, op));
    if (checked.violation)
        FAIL(spec::fact(checked.violation->inv).name << ": " << checked.violation->detail << " at "
                                                     << checked.violation->event);
    REQUIRE(w == watched);
    REQUIRE(ran.outcome == checked.ran.outcome);
    const Counters &a = before.machine().counters, &b = w.machine().counters;
    d.outcome = ran.outcome;
    d.memmap = b.memmap - a.memmap;
    d.memmap_boot = b.memmap_boot - a.memmap_boot;
    d.static_key = b.static_key - a.static_key;
    d.free = nr_free(w) - nr_free(before);
    d.nr_allocs = ran.nr_allocs;
    d.nr_failed_allocs = ran.nr_failed_allocs;
    return d;
}

Did run(World& w, const std::string& line) { return run(w, op_of(w.config(), line)); }

World after(const std::string& text) {
    const Trace t = trace_of(text);
    World w(t.config);
    for (const Op& op : t.ops) {
        INFO(print_op(t.config.geometry, op));
        REQUIRE_FALSE(run(w, op).outcome.disabled);
    }
    return w;
}

Seen seen(const World& w, u8 slot) {
    const Machine& m = w.machine();
    const hvo::Folio f = w.pool().folio(w.config().geometry, slot);
    const Vpage start = m.geometry().vpage_of(f.head);
    Seen out;
    for (u64 i = 0; i < m.geometry().vmemmap_pages(f.order); ++i) {
        out.ptes.push_back(m.translate(start + i));
        out.contents.push_back(m.read(out.ptes.back().pfn()));
    }
    return out;
}

bool is_optimised(const World& w, u8 slot) {
    return hvo::is_optimised(w.machine(), w.pool().slots[slot].head);
}

} // namespace mmodel
