// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/hvo/driver.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "spec/linux/hvo/real_calls.hpp"

namespace mmodel::bench {

namespace {

Driver* self = nullptr; // the callbacks of the ABI carry no context: one driver a process

Pte pte_of(unsigned long entry) {
    return entry & MMODEL_PRESENT ? Pte::map(Pfn{entry >> 12}, (entry & MMODEL_RW) != 0) : Pte{};
}

} // namespace

// The callbacks, by the names of struct mmodel_host.
struct Host {
    static RealKernel& enter(const char* where) {
        Driver& d = *self;
        d.progress_.where = where;
        d.progress_.nr_events = d.progress_.nr_events + 1;
        d.sync_pending();
        if (d.kernel_->nr_events() > max_events) {
            d.monitor_->fail(spec::Inv::every_operation_ends, nullptr,
                             "more than " + std::to_string(max_events) + " events, the last in " + where);
            throw Abandon{};
        }
        return *d.kernel_;
    }

    static long alloc_pages_node(const char* where, int nid, unsigned int gfp, unsigned int order) {
        RealKernel& k = enter(where);
        if (order) bug(where, "", 0, "a vmemmap page of higher order is allocated");
        const auto p = k.alloc_pages_node(where, Nid{static_cast<u8>(nid)}, (gfp & MMODEL_GFP_THISNODE) != 0);
        if (!p) return -1;
        self->hand_out(*p, gfp & MMODEL_GFP_ZERO ? 0 : poison);
        return static_cast<long>(p->value);
    }
    static void free_pages(const char* where, unsigned long pfn, unsigned int) {
        enter(where).free_page(where, checked(where, pfn));
    }
    static void free_bootmem_page(const char* where, unsigned long pfn) {
        RealKernel& k = enter(where);
        self->unreserved_.push_back(Pfn{pfn});
        k.free_bootmem_page(where, checked(where, pfn));
    }
    static void split_page(const char* where, unsigned long pfn, unsigned int order) {
        enter(where).split_page(where, checked(where, pfn), Order{static_cast<u8>(order)});
    }
    static int page_to_nid(unsigned long pfn) {
        return self->world_.machine().nid_of(checked("page_to_nid", pfn)).value;
    }

    static long pte_alloc_one_kernel(const char* where) {
        const auto p = enter(where).pte_alloc_one_kernel(where);
        if (!p) return -1;
        self->hand_out(*p, 0);
        return static_cast<long>(p->value);
    }
    static void pte_free_kernel(const char* where, unsigned long table) {
        enter(where).pte_free_kernel(where, checked(where, table));
    }

    static void set_pte_at(const char* where, unsigned long, unsigned long table, unsigned int idx,
                           unsigned long entry) {
        RealKernel& k = enter(where);
        const PteRef ref{checked(where, table), idx};
        const Pte pte = pte_of(entry);
        if (pte.present()) checked(where, pte.pfn().value);
        const auto v = k.machine().installed_at(ref);
        if (v && pte.present() && k.machine().frame(pte.pfn()).nr_ptes == 0) self->sync_frame(pte.pfn(), *v);
        reinterpret_cast<unsigned long*>(self->arena_.frame(ref.table))[idx] = entry;
        k.set_pte_at(where, ref, pte);
        if (v) self->arena_.map_page(*v, pte);
    }
    static void pmd_populate_kernel(const char* where, unsigned long pmd_idx, unsigned long table) {
        RealKernel& k = enter(where);
        k.pmd_populate_kernel(where, pmd_idx, checked(where, table));
        self->arena_.install_table(pmd_idx, Pfn{table});
    }

    static void smp_wmb(const char* where) { enter(where).smp_wmb(where); }
    static void copy_page(const char* where, void* to, const void* from) {
        RealKernel& k = enter(where);
        const auto at = reinterpret_cast<unsigned long>(to), src = reinterpret_cast<unsigned long>(from);
        const auto dst = self->arena_.frame_at(at);
        if (!dst) store(where, to, Arena::page);
        std::memcpy(to, from, Arena::page);
        const auto v = self->arena_.vpage_at(src);
        const auto p = v ? k.machine().translate(*v).pfn() : self->arena_.frame_at(src).value_or(no_pfn);
        if (dst) k.copy_page(where, *dst, checked(where, p.value));
    }
    static void store(const char* where, void* to, unsigned long n) {
        RealKernel& k = enter(where);
        const auto at = reinterpret_cast<unsigned long>(to);
        if (const auto p = self->arena_.frame_at(at))
            k.reset_struct_pages(where, *p, static_cast<u8>(std::min(n / 64, 4ul)));
        if (const auto v = self->arena_.vpage_at(at)) {
            k.write_refcount(where, *v);
            self->pending_ = {*v, where};
        }
    }

    static void flush_tlb_kernel_range(const char* where, unsigned long start, unsigned long end) {
        RealKernel& k = enter(where);
        const unsigned long base = self->arena_.vmemmap();
        auto page_of = [&](unsigned long a) {
            return Vpage{a <= base ? 0 : std::min((a - base) / Arena::page, self->arena_.nr_frames())};
        };
        k.flush_tlb_kernel_range(where, page_of(start), page_of(end + Arena::page - 1));
    }
    static void flush_tlb_all(const char* where) { enter(where).flush_tlb_all(where); }
    static void synchronize_rcu(const char* where) { enter(where).synchronize_rcu(where); }
    static void static_branch_add(const char* where, int n) { enter(where).static_branch(where, n); }
    static void memmap_pages_add(const char* where, long n) { enter(where).memmap_pages_add(where, n); }
    static void memmap_boot_pages_add(const char* where, long n) {
        enter(where).memmap_boot_pages_add(where, n);
    }
    static void lock(const char* where, mmodel_lock which, int acquire) {
        const Lock l = which == MMODEL_PAGE_TABLE_LOCK ? Lock::page_table : Lock::mmap_read;
        RealKernel& k = enter(where);
        acquire ? k.lock(where, l) : k.unlock(where, l);
    }
    static void warn(const char* where, const char*, int line, const char* condition) {
        enter(where).warn(where, (std::string(condition) + ", line " + std::to_string(line)).c_str());
    }
    __attribute__((noreturn)) static void bug(const char* where, const char*, int line,
                                              const char* condition) {
        self->progress_.where = where;
        self->monitor_->fail(spec::Inv::no_bug, nullptr,
                             std::string(where) + "(): " + condition +
                                 (line ? ", line " + std::to_string(line) : ""));
        throw Abandon{};
    }

private:
    static Pfn checked(const char* where, unsigned long pfn) {
        if (!self->world_.machine().is_populated(Pfn{pfn}))
            bug(where, "", 0, "a frame number past the machine's memory");
        return Pfn{pfn};
    }
};

namespace {

mmodel_host make_host(Arena& a) {
    return {.abi_version = MMODEL_ABI_VERSION,
            .vmemmap = a.vmemmap(),
            .direct_map = a.direct_map(),
            .nr_frames = a.nr_frames(),
            .pmds = a.pmds(),
            .alloc_pages_node = Host::alloc_pages_node,
            .free_pages = Host::free_pages,
            .free_bootmem_page = Host::free_bootmem_page,
            .split_page = Host::split_page,
            .page_to_nid = Host::page_to_nid,
            .pte_alloc_one_kernel = Host::pte_alloc_one_kernel,
            .pte_free_kernel = Host::pte_free_kernel,
            .set_pte_at = Host::set_pte_at,
            .pmd_populate_kernel = Host::pmd_populate_kernel,
            .smp_wmb = Host::smp_wmb,
            .copy_page = Host::copy_page,
            .store = Host::store,
            .flush_tlb_kernel_range = Host::flush_tlb_kernel_range,
            .flush_tlb_all = Host::flush_tlb_all,
            .synchronize_rcu = Host::synchronize_rcu,
            .static_branch_add = Host::static_branch_add,
            .memmap_pages_add = Host::memmap_pages_add,
            .memmap_boot_pages_add = Host::memmap_boot_pages_add,
            .lock = Host::lock,
            .warn = Host::warn,
            .bug = Host::bug};
}

} // namespace

Driver::Driver(const Config& c, mmodel_unit* (*unit_init)(const mmodel_host*), Progress& progress)
    : config_(c), boot_(c), world_(c), progress_(progress), arena_(boot_.machine()) {
    self = this;
    host_ = make_host(arena_);
    unit_ = unit_init(&host_);
    if (!unit_ || unit_->abi_version != MMODEL_ABI_VERSION)
        throw HostError("the compiled kernel file does not fit this mmodel");
    config_.geometry.nr_used_subpage = static_cast<u8>(unit_->nr_used_subpage);
    boot_ = World(config_);
    const u64 boot_frames = config_.vmemmap_frames(config_.frames_per_node);
    for (u8 n = 0; n < config_.nr_nodes; ++n) {
        const u64 start = config_.node_start(n).value;
        unit_->init_plain(start, start + boot_frames, 1, 0);
    }
    reset();
}

Driver::~Driver() { self = nullptr; }

void Driver::reset() {
    arena_.reset(boot_.machine());
    for (Pfn p : unreserved_) unit_->init_plain(p.value, p.value + 1, 1, 0);
    unreserved_.clear();
    const u64 per_page = config_.geometry.struct_pages_per_page();
    for (Vpage v : scribbled_)
        unit_->init_plain(v.value * per_page, (v.value + 1) * per_page,
                          boot_.machine().is_reserved(Pfn{v.value * per_page}), 0);
    scribbled_.clear();
    world_ = boot_;
    unit_->reset();
    pending_.reset();
}

RealStep Driver::run(const Op& op) {
    spec::Monitor monitor(world_, op, {.memmap_counters = unit_->has_memmap_counters != 0},
                          spec::OnViolation::collect);
    State& state = world_.own();
    RealKernel kernel(state.machine, monitor, op.fail);
    monitor_ = &monitor;
    kernel_ = &kernel;
    progress_.nr_events = 0;
    RealCalls calls{*this};
    RealStep out;
    try {
        out.ran.outcome = hvo::run(state.pool, kernel, calls, op);
        sync_pending();
        sync_folios(op);
        out.ran.nr_events = kernel.nr_events();
        out.ran.nr_allocs = kernel.nr_allocs();
        out.ran.nr_failed_allocs = kernel.nr_failed_allocs();
        monitor.finish(world_, out.ran);
    } catch (const Abandon&) {
        out.ran.nr_events = kernel.nr_events();
    }
    progress_.nr_events_total = progress_.nr_events_total + kernel.nr_events();
    out.violations = monitor.violations();
    kernel_ = nullptr;
    monitor_ = nullptr;
    return out;
}

// ---- what memory says

// A vmemmap page as the specification speaks of it, from its bytes.
Contents Driver::describe(const void* page, Pfn head, u8 order) const {
    std::array<unsigned char, MMODEL_NR_SLOTS> found{};
    int optimised = 0;
    unit_->describe(page, order, head.value, found.data(), &optimised);
    auto code = [&](std::size_t j) -> u8 {
        switch (found[j]) {
        case MMODEL_SLOT_TAIL: return slot::tail;
        case MMODEL_SLOT_HEAD: return slot::head;
        case MMODEL_SLOT_META: return static_cast<u8>(slot::meta + j);
        case MMODEL_SLOT_PLAIN: return slot::plain;
        default: return slot::junk;
        }
    };
    Contents c{.kind = Contents::Kind::copy,
               .optimised = optimised != 0,
               .rest = code(Contents::nr_slots),
               .subject = head.value};
    for (std::size_t j = 0; j < MMODEL_NR_SLOTS; ++j) {
        if (j < Contents::nr_slots)
            c.slots[j] = code(j);
        else if (code(j) != c.rest)
            c.rest = slot::junk;
    }
    const bool nothing =
        std::ranges::all_of(c.slots, [](u8 s) { return s == slot::junk; }) && c.rest == slot::junk;
    return nothing ? Contents::junk() : c;
}

// A frame is handed out filled with a byte. If boot had it behind the vmemmap, the struct pages that were in
// it are gone.
void Driver::hand_out(Pfn p, int byte) {
    std::memset(arena_.frame(p), byte, Arena::page);
    if (const auto v = boot_.machine().boot_vpage(p)) scribbled_.push_back(*v);
}

// A frame about to be mapped at v contains what its memory contains, whatever the events so far let expect.
void Driver::sync_frame(Pfn p, Vpage v) {
    Machine& m = kernel_->machine();
    if (const Compound* c = m.compound_at(v)) m.write(p, describe(arena_.frame(p), c->head, c->order));
}

// An announced store has happened by now: if it changed the optimised flag, that is an event.
void Driver::sync_pending() {
    if (!pending_ || !kernel_) return;
    const auto [v, where] = *std::exchange(pending_, std::nullopt);
    const Machine& m = kernel_->machine();
    const Compound* c = m.compound_at(v);
    if (!c || v != m.geometry().vpage_of(c->head)) return;
    const bool now = unit_->test_optimised(c->head.value) != 0;
    if (now != m.read(m.translate(v).pfn()).optimised) kernel_->set_optimised(where, v, now);
}

// At rest: every vmemmap page of the operation's folios, read through the vmemmap.
void Driver::sync_folios(const Op& op) {
    Machine& m = kernel_->machine();
    for (u8 i : spec::slots_of(op)) {
        if (world_.pool().slots[i].state != hvo::SlotState::hugetlb) continue;
        const hvo::Folio f = world_.pool().folio(m.geometry(), i);
        const Vpage start = m.geometry().vpage_of(f.head);
        Pfn last = no_pfn;
        for (Vpage v = start; v < start + m.geometry().vmemmap_pages(f.order); ++v) {
            const Pfn p = m.translate(v).pfn();
            if (p == std::exchange(last, p)) continue;
            m.write(p, describe(arena_.vpage(v), f.head, f.order));
            m.settle(p, v);
        }
        check_readers(f);
    }
}

// compound_head() by the kernel's rule over real memory. Of each vmemmap page the struct pages that may be
// anything but a plain tail: the rest were compared byte by byte with one, tail marker included, when the
// page was described.
void Driver::check_readers(const hvo::Folio& f) {
    const u64 per_page = config_.geometry.struct_pages_per_page();
    for (u64 first = 0; first < u64{1} << f.order; first += per_page) {
        for (u64 i = first; i < first + Contents::nr_slots; ++i) {
            const u64 head = unit_->compound_head(f.head.value + i);
            if (head == f.head.value) continue;
            return monitor_->fail(spec::Inv::compound_head_of_every_tail_is_its_head, nullptr,
                                  "compound_head() of page " + std::to_string(i) + " of the folio at pfn " +
                                      std::to_string(f.head.value) + " is pfn " + std::to_string(head));
        }
    }
}

} // namespace mmodel::bench
