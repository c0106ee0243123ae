// SPDX-License-Identifier: GPL-2.0 OR MIT
// The machines of formulas are a second text of what events do to a machine (model/machine). Here they run
// drawn operations with the real machine's values in every cell, beside it, and are compared after each
// event. Broken machines of formulas show that a difference is seen.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <exception>

#include "model/step.hpp"
#include "props/prop.hpp"
#include "props/spec/symbolic/follow.hpp"
#include "props/spec/symbolic/hvo_mirror.hpp"
#include "props/spec/symbolic/percpu_mirror.hpp"
#include "spec/symbolic/steps.hpp"

namespace mmodel::symbolic {
namespace {

const char* const fact = "the machine of formulas does what the machine does";

std::string outcome_of(const Outcome& o) {
    return o.disabled ? "disabled"
                      : std::string(name(o.err)) + " " + std::to_string(o.value) + " " +
                            std::to_string(o.restored) + " " + std::to_string(o.moved);
}

void require_same_outcome(const Outcome& is, const Outcome& should) {
    if (outcome_of(is) != outcome_of(should))
        throw Differs{"the outcome is " + outcome_of(is) + ", not " + outcome_of(should)};
}

struct Solver {
    z3::context c{};
    Paths paths{c};

    // Every condition is decided by the values: there is one path.
    template <class Code>
    void once(Code&& code) {
        std::exception_ptr thrown;
        const u64 before = paths.nr_paths();
        paths.each(c.bool_val(true), [&] {
            paths.stop();
            try {
                code();
            } catch (...) {
                thrown = std::current_exception();
            }
        });
        if (thrown) std::rethrow_exception(thrown);
        if (paths.nr_paths() != before + 1) throw Differs{"there is no path"};
    }
};

// The operations of a trace, one by one, until there is a difference.
template <class Compare>
Verdict judge(const Trace& t, Compare&& compare) {
    for (const Op& op : t.ops) {
        try {
            compare(op);
        } catch (const Differs& d) {
            return Broken{fact, std::string(name(op.kind)) + ": " + d.what};
        } catch (const Infeasible&) {
            return Broken{fact, std::string(name(op.kind)) + ": no input goes on"};
        } catch (const std::out_of_range&) { // a broken machine asks for a table that it has not
            return Broken{fact, std::string(name(op.kind)) + ": it cannot go on"};
        }
    }
    return {};
}

void count(Compared& n, const Recorder& real, const Ran& ran) {
    n.nr_ops += !ran.outcome.disabled;
    n.nr_events += real.events.size();
    n.nr_failed_allocs += ran.nr_failed_allocs;
}

// ---- HVO

// What a broken machine of formulas does not do.
enum class HvoBreak {
    none,
    flush_last_page,
    flush_all,
    note_stale_leaf,
    free_page,
    permission,
    order_stores,
    note_store,
    write,
    settle,
    split_page,
    set_lock,
    prep_compound,
    dissolve_compound
};
constexpr std::array hvo_breaks{HvoBreak::flush_last_page,  HvoBreak::flush_all,  HvoBreak::note_stale_leaf,
                                HvoBreak::free_page,        HvoBreak::permission, HvoBreak::order_stores,
                                HvoBreak::note_store,       HvoBreak::write,      HvoBreak::settle,
                                HvoBreak::split_page,       HvoBreak::set_lock,   HvoBreak::prep_compound,
                                HvoBreak::dissolve_compound};

class BrokenHvo : public HvoMachine {
public:
    BrokenHvo(HvoBreak b, Paths& p, const HvoShape& s, const HvoState& before, ContentsCodes& codes)
        : HvoMachine(p, s, before, codes), broken_(b) {}

    void flush_tlb(Vpage start, Vpage end) {
        const bool one_less = !does(HvoBreak::flush_last_page) && start < end;
        HvoMachine::flush_tlb(start, one_less ? Vpage{end.value - 1} : end);
    }
    void flush_tlb_all() {
        if (does(HvoBreak::flush_all)) HvoMachine::flush_tlb_all();
    }
    void install_table(u64 idx, Pfn table) {
        HvoMachine::install_table(idx, table);
        const u64 ptrs = geometry().ptrs_per_pte;
        if (!does(HvoBreak::note_stale_leaf))
            HvoMachine::flush_tlb(Vpage{idx * ptrs}, Vpage{(idx + 1) * ptrs});
    }
    void free_page(Pfn p) {
        if (does(HvoBreak::free_page)) HvoMachine::free_page(p);
    }
    void free_bootmem_page(Pfn p) { free_page(p); }
    void set_pte(PteRef r, Pte e) {
        HvoMachine::set_pte(r, does(HvoBreak::permission) ? e : Pte::map(e.pfn(), true));
    }
    void order_stores() {
        if (does(HvoBreak::order_stores)) HvoMachine::order_stores();
    }
    void note_store(Pfn p) {
        if (does(HvoBreak::note_store)) HvoMachine::note_store(p);
    }
    void write(Pfn p, const Contents& c) {
        if (does(HvoBreak::write)) HvoMachine::write(p, c);
    }
    void settle(Pfn p, Vpage v) {
        if (does(HvoBreak::settle)) HvoMachine::settle(p, v);
    }
    void split_page(Pfn p) {
        if (does(HvoBreak::split_page)) HvoMachine::split_page(p);
    }
    void set_lock(Lock l, bool held) {
        if (does(HvoBreak::set_lock)) HvoMachine::set_lock(l, held);
    }
    void prep_compound(u8 i, Pfn p, u8 order) {
        if (does(HvoBreak::prep_compound)) HvoMachine::prep_compound(i, p, order);
    }
    void dissolve_compound(u8 i) {
        if (does(HvoBreak::dissolve_compound)) HvoMachine::dissolve_compound(i);
    }

private:
    [[nodiscard]] bool does(HvoBreak b) const { return broken_ != b; }
    HvoBreak broken_;
};

// What the machine of formulas has no part in: memory that is added, and where folios come from.
bool is_compared(const Op& op, const Ran& ran) {
    const bool takes = op.kind == OpKind::alloc_folio || op.kind == OpKind::alloc_lru;
    if (takes && (op.from != From::buddy || (ran.outcome.err == Errno::nomem && !op.fail.has(0))))
        return false;
    return op.kind != OpKind::hot_add && op.kind != OpKind::sysctl && op.kind != OpKind::take_pages &&
           op.kind != OpKind::give_pages;
}

// Runs on the machine of formulas what has run on `before`.
void follow(Solver& z, HvoBreak broken, const World& before, const World& after, const Recorder& real,
            const Outcome& outcome, const Op& op) {
    const HvoMirror mirror(before, after);
    ContentsCodes codes(mirror.shape());
    const HvoState start =
        mirror.state(HvoState(z.c, mirror.shape(), codes), codes, before.machine(), before.pool());
    using Watch = Follower<BrokenHvo>;
    Watch watch(
        real, [&](Pfn p) { return mirror.frame(p); },
        [&](const BrokenHvo& m, const Machine& r, const Event& e) {
            mirror.compare(codes, m, r, before.pool());
            for (const Pfn p : {e.pfn, e.from, e.pte.present() ? e.pte.pfn() : no_pfn})
                if (p != no_pfn) mirror.compare_answers(m, r, p);
        });
    z.once([&] {
        BrokenHvo m(broken, z.paths, mirror.shape(), start, codes);
        Kernel<Watch, BrokenHvo> k(m, watch, op.fail);
        hvo::Pool pool = before.pool();
        require_same_outcome(run_on_folios(m, pool, k, op), outcome);
        watch.finish();
        for (u8 i = 0; i < max_folios; ++i)
            require_same("a compound page in slot", i, m.now.is_hugetlb(i),
                         after.machine().compound(i).order > 0);
        m.end(pool, static_cast<u16>(~0u));
        mirror.compare(codes, m, after.machine(), after.pool());
        if (!(pool == after.pool())) throw Differs{"the slots"};
    });
}

Verdict judge_hvo(Solver& z, const Trace& t, HvoBreak broken, Compared& n) {
    World w(t.config);
    return judge(t, [&](Op op) {
        op.walker = 0; // the machine of formulas has one
        const World before = w;
        Recorder real;
        const Ran ran = advance(w, op, real);
        if (!is_compared(op, ran)) return;
        follow(z, broken, before, w, real, ran.outcome, op);
        count(n, real, ran);
    });
}

// On memory from boot, and on memory that was added and has its vmemmap from the page allocator.
rc::Gen<Trace> hvo_traces(std::size_t max_ops) {
    const Mix mix{.nr_folios = 3, .gigantic_percent = 20, .max_fault = 12, .subsystem = Subsystem::hvo};
    const Config boot = *parse_config("tiny memory=16K"), added = *parse_config("tiny memory=16K block=8K");
    const std::vector<Op> add{{.kind = OpKind::hot_add},
                              {.kind = OpKind::alloc_folio, .folio = 2, .from = From::hot}};
    return rc::gen::oneOf(gen_trace(boot, mix, max_ops / 4, max_ops),
                          with_first(gen_trace(added, mix, max_ops / 4, max_ops), add));
}

// ---- percpu

enum class PercpuBreak {
    none,
    flush_last_page,
    cache_vmap,
    cache_vunmap,
    give_back,
    purge,
    reserve,
    note_stale,
    permission,
    free_page,
    install_table,
    set_tag
};
constexpr std::array percpu_breaks{
    PercpuBreak::flush_last_page, PercpuBreak::cache_vmap, PercpuBreak::cache_vunmap,
    PercpuBreak::give_back,       PercpuBreak::purge,      PercpuBreak::reserve,
    PercpuBreak::note_stale,      PercpuBreak::permission, PercpuBreak::free_page,
    PercpuBreak::install_table,   PercpuBreak::set_tag};

class BrokenRange : public PercpuVmalloc {
public:
    BrokenRange(PercpuBreak b, PercpuMachine& m) : PercpuVmalloc(m), broken_(b) {}

    void flush_tlb(Vmap start, Vmap end) {
        PercpuVmalloc::flush_tlb(start, does(PercpuBreak::flush_last_page) ? end : Vmap{end.value - 1});
    }
    void flush_cache_vmap(Vmap start, Vmap end) {
        if (does(PercpuBreak::cache_vmap)) PercpuVmalloc::flush_cache_vmap(start, end);
    }
    void flush_cache_vunmap(Vmap start, Vmap end) {
        if (does(PercpuBreak::cache_vunmap)) PercpuVmalloc::flush_cache_vunmap(start, end);
    }
    void reserve(Vmap base, const Congruent& c) {
        if (does(PercpuBreak::reserve)) PercpuVmalloc::reserve(base, c);
    }
    void give_back(Vmap base, const Congruent& c) {
        if (does(PercpuBreak::give_back)) PercpuVmalloc::give_back(base, c);
    }
    void purge() {
        if (does(PercpuBreak::purge)) PercpuVmalloc::purge();
    }

private:
    [[nodiscard]] bool does(PercpuBreak b) const { return broken_ != b; }
    PercpuBreak broken_;
};

class BrokenPercpu : public PercpuMachine {
public:
    BrokenPercpu(PercpuBreak b, Paths& p, const PercpuShape& s, const PercpuState& before)
        : PercpuMachine(p, s, before), broken_(b), range_(b, *this) {}

    [[nodiscard]] const BrokenRange& vmalloc() const { return range_; }
    [[nodiscard]] BrokenRange& vmalloc() { return range_; }
    void set_vmalloc_pte(Vmap v, Pte e) {
        const Term stale = now.stale[v.value];
        PercpuMachine::set_vmalloc_pte(
            v, !e.present() || does(PercpuBreak::permission) ? e : Pte::map(e.pfn(), false));
        if (!does(PercpuBreak::note_stale)) now.stale[v.value] = stale;
    }
    void free_page(Pfn p) {
        if (does(PercpuBreak::free_page)) PercpuMachine::free_page(p);
    }
    void install_vmalloc_table(Vmap v, Pfn p) {
        if (does(PercpuBreak::install_table)) PercpuMachine::install_vmalloc_table(v, p);
    }
    void set_tag(Pfn p, u64 tag) {
        if (does(PercpuBreak::set_tag)) PercpuMachine::set_tag(p, tag);
    }

private:
    [[nodiscard]] bool does(PercpuBreak b) const { return broken_ != b; }
    PercpuBreak broken_;
    BrokenRange range_;
};

// Two chunks of three CPUs and a surplus unit; some unit lies across two page tables.
const Config& percpu_machine() {
    static const Config c = *parse_config("tiny nodes=2 memory=4K vmalloc=6K");
    return c;
}
const PercpuShape& percpu_mirror_shape() {
    static const PercpuShape s =
        percpu_shape("mirror", 2, {0, pcpu::no_cpu, 1, 2}, 3, percpu_machine().geometry.ptrs_per_pte,
                     percpu_machine().nr_frames());
    return s;
}

void follow(Solver& z, PercpuBreak broken, const PercpuWorld& before, const PercpuWorld& after,
            const Recorder& real, const Outcome& outcome, const Op& op) {
    const PercpuMirror mirror(percpu_mirror_shape(), before, after);
    const PercpuState start = mirror.state(PercpuState(z.c, percpu_mirror_shape()), before);
    using Watch = Follower<BrokenPercpu>;
    Watch watch(
        real, [](Pfn p) { return p; },
        [&](const BrokenPercpu& m, const Machine& r, const Event&) { mirror.compare(m, r); });
    z.once([&] {
        BrokenPercpu m(broken, z.paths, percpu_mirror_shape(), start);
        Kernel<Watch, BrokenPercpu> k(m, watch, op.fail);
        const auto chunk = op.kind == OpKind::vm_create ? std::nullopt : std::optional<u64>(op.chunk());
        pcpu::Pcpu p = m.begin(chunk);
        require_same_outcome(run_on_chunks(p, k, op), outcome);
        watch.finish();
        m.end(p, chunk);
        mirror.compare_at_rest(m, after);
    });
}

Verdict judge_percpu(Solver& z, const Trace& t, PercpuBreak broken, Compared& n) {
    PercpuWorld w{Machine(t.config), percpu_mirror_shape().pcpu};
    return judge(t, [&](const Op& op) {
        if (op.kind == OpKind::vm_create && w.pcpu.chunks.nr_live() == percpu_mirror_shape().nr_chunks)
            return;
        const PercpuWorld before = w;
        Recorder real;
        Kernel<Recorder> k(w.machine, real, op.fail);
        const Outcome o = run_on_chunks(w.pcpu, k, op);
        if (op.kind == OpKind::vm_create && o.err == Errno::ok)
            w.pcpu.slots[o.value] = static_cast<pcpu::ChunkId>(o.value);
        follow(z, broken, before, w, real, o, op);
        count(n, real, {.outcome = o, .nr_failed_allocs = k.nr_failed_allocs()});
    });
}

// A slot holds the chunk of its number. To be read, not to be replayed: no chunk is the first one.
rc::Gen<Trace> percpu_traces() {
    const auto all = gen_trace(percpu_machine(), {.max_fault = 24, .subsystem = Subsystem::percpu}, 60, 200);
    return changed(all, [](Trace& t) {
        std::erase_if(t.ops, [](const Op& op) {
            return !(fields_of(op.kind) & f_chunk) || op.kind == OpKind::vm_should_reclaim || op.to > 3;
        });
    });
}

// What is printed for a break: how it was noticed, and the shortest trace that shows it.
template <class Break, class Judge>
void require_found(const std::string& id, Break b, const rc::Gen<Trace>& gen, Judge&& judge) {
    Compared n;
    Solver z;
    const auto r = check_traces(id + " break " + std::to_string(static_cast<int>(b)),
                                {.seed = default_seed, .budget = 200}, gen,
                                [&](const Trace& t) { return judge(z, t, b, n); });
    INFO(r.report);
    REQUIRE_FALSE(r.holds);
    REQUIRE(r.least);
    CHECK(r.least->ops.size() <= 6);
}

} // namespace

TEST_CASE("drawn operations do to HVO's machine of formulas what they do to the machine") {
    Compared n;
    Solver z;
    prop("symbolic hvo", {40}, hvo_traces(50),
         [&](const Trace& t) { return judge_hvo(z, t, HvoBreak::none, n); });
    CAPTURE(n.nr_ops, n.nr_events, n.nr_failed_allocs);
    CHECK(n.nr_ops > 200);
    CHECK(n.nr_events > 1500);
    CHECK(n.nr_failed_allocs > 20);
}

TEST_CASE("drawn operations do to percpu's machine of formulas what they do to the machine") {
    Compared n;
    Solver z;
    prop("symbolic percpu", {40}, percpu_traces(),
         [&](const Trace& t) { return judge_percpu(z, t, PercpuBreak::none, n); });
    CAPTURE(n.nr_ops, n.nr_events, n.nr_failed_allocs);
    CHECK(n.nr_ops > 200);
    CHECK(n.nr_events > 1500);
    CHECK(n.nr_failed_allocs > 20);
}

TEST_CASE("a machine of formulas that lacks an effect is told from the machine") {
    for (const HvoBreak b : hvo_breaks) require_found("symbolic hvo", b, hvo_traces(12), judge_hvo);
    for (const PercpuBreak b : percpu_breaks)
        require_found("symbolic percpu", b, percpu_traces(), judge_percpu);
}

} // namespace mmodel::symbolic
