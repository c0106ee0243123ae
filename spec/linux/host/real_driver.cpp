// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/real_driver.hpp"

#include <dlfcn.h>

#include <array>

#include "spec/linux/host/mmap_arena.hpp"

namespace mmodel::bench {

namespace {

std::unique_ptr<Arena> make_arena(const Machine& boot, Backing backing) {
    if (!backing.attach) return std::make_unique<MmapArena>(boot);
    auto mmu = std::make_unique<Mmu>(boot, backing.poison);
    mmu->attach(backing.attach);
    return mmu;
}

// Where in its object.
u64 offset_in_object(const void* code) {
    Dl_info info;
    if (!code || !dladdr(code, &info)) return 0;
    return static_cast<u64>(static_cast<const char*>(code) - static_cast<const char*>(info.dli_fbase));
}

} // namespace

Caller in_tree(const char* c_name) {
    struct Known {
        const char* c_name;
        Caller caller;
    };
    static std::array<Known, 256> known{};
    Known& k = known[reinterpret_cast<unsigned long>(c_name) / 4 % known.size()];
    if (k.c_name != c_name) k = {c_name, mmodel::in_tree(c_name)};
    return k.caller;
}

RealDriver::RealDriver(const Config& c, Backing backing, Progress& progress)
    : config_(c), boot_(c), world_(c), progress_(progress), own_arena_(make_arena(boot_.machine(), backing)),
      arena_(*own_arena_), doubts_(backing.poison), stale_(backing.stale) {}

void RealDriver::accuse(RealStep& step, const BadAccess& b) {
    const std::size_t before = monitor_->violations().size();
    monitor_->fail(b.is_write_to_read_only ? spec::Inv::no_write_through_a_read_only_pte
                                           : spec::Inv::kernel_code_touches_only_what_is_mapped,
                   nullptr, b.what, {.way = b.is_write ? spec::Way::write : spec::Way::read});
    if (monitor_->violations().size() > before) step.code = offset_in_object(b.pc);
}

// Lists whose head was on the stack leave addresses of it in freed nodes: those differ from run to run.
u64 RealDriver::digest() const {
    const int here = 0;
    const auto stack = reinterpret_cast<unsigned long>(&here);
    constexpr unsigned long near = 1 << 20;
    u64 h = mix(world_.hash());
    for (u64 i = 0; i < arena_.nr_pmds(); ++i) h = mix(h ^ arena_.pmds()[i]);
    for (Pfn p{0}; p.value < arena_.nr_frames(); p = p + 1) {
        if (!arena_.is_lent(p)) continue;
        const auto* word = reinterpret_cast<const u64*>(arena_.contents(p));
        std::array<u64, 4> lanes{p.value, 1, 2, 3};
        for (u64 i = 0; i < arena_.page() / sizeof(u64); ++i) {
            const u64 w = word[i] - stack + near < 2 * near ? 1 : word[i];
            lanes[i % 4] = (lanes[i % 4] ^ w) * 0x9e3779b97f4a7c15;
        }
        for (const u64 lane : lanes) h = mix(h ^ lane);
    }
    return h;
}

RealKernel& RealDriver::enter(const char* where) {
    arena_.commit();
    progress_.where = where;
    progress_.nr_events = progress_.nr_events + 1;
    if (kernel_->nr_events() > max_events) {
        monitor_->fail_in(where, spec::Inv::every_operation_ends,
                          "more than " + std::to_string(max_events) + " events, the last in " + where);
        throw Abandon{};
    }
    return *kernel_;
}

void RealDriver::warn(const char* where, int line, const char* condition) {
    enter(where).warn(in_tree(where), (std::string(condition) + ", line " + std::to_string(line)).c_str());
    monitor_->name_condition(condition);
}

void RealDriver::bug(const char* where, const std::string& what, int line) {
    progress_.where = where;
    monitor_->fail_in(where, spec::Inv::no_bug,
                      std::string(where) + "(): " + what + (line ? ", line " + std::to_string(line) : ""),
                      what);
    throw Abandon{};
}

Pfn RealDriver::checked(const char* where, unsigned long pfn) {
    if (!world_.machine().is_populated(Pfn{pfn})) bug(where, "a frame number past the machine's memory");
    return Pfn{pfn};
}

RealDriver::Running::Running(RealDriver& d, const Op& op, spec::Scope scope)
    : driver(d), monitor(d.world_, op, scope.asking_tlbs(d.stale_ == not_stale), spec::OnViolation::collect),
      watch{monitor, d.observer_}, state(d.world_.own()), kernel(state.machine, watch, op.fail),
      tlb(state.machine, d.stale_) {
    kernel.let_updates_fail(op.update_fail);
    kernel.name_frames(op.frames);
    d.monitor_ = &monitor;
    d.kernel_ = &kernel;
    d.tlb_ = d.stale_ == not_stale ? nullptr : &tlb;
    d.arena_.answer_from(d.tlb_);
    d.progress_.nr_events = 0;
}

RealDriver::Running::~Running() {
    driver.progress_.nr_events_total = driver.progress_.nr_events_total + kernel.nr_events();
    driver.tlb_ = nullptr;
    driver.arena_.answer_from(nullptr);
    driver.kernel_ = nullptr;
    driver.monitor_ = nullptr;
}

void RealDriver::Running::count(Ran& ran) const {
    ran.nr_events = kernel.nr_events();
    ran.nr_allocs = kernel.nr_allocs();
    ran.nr_failed_allocs = kernel.nr_failed_allocs();
    ran.nr_updates = kernel.nr_updates();
}

} // namespace mmodel::bench
