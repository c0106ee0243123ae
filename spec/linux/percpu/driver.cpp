// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/percpu/driver.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "model/step.hpp"
#include "spec/linux/percpu/agree.hpp"
#include "spec/linux/percpu/calls.hpp"
#include "spec/linux/percpu/host.hpp"

namespace mmodel::bench {
namespace {

void* map_zeroed(u64 bytes) {
    void* at =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw HostError("cannot reserve address space for the struct pages");
    return at;
}

unsigned long mask_of_cpus(const Config& c, auto&& is_in) {
    unsigned long mask = 0;
    for (u8 cpu = 0; cpu < c.nr_cpu_ids(); ++cpu) mask |= static_cast<unsigned long>(is_in(cpu)) << cpu;
    return mask;
}

} // namespace

PercpuDriver::PercpuDriver(const Config& c, UnitInit unit_init, Backing backing, Progress& progress)
    : RealDriver(c, backing, progress), objects_(arena_), models_world_(c) {
    mem_map_ = static_cast<std::byte*>(map_zeroed(arena_.nr_frames() * MMODEL_STRUCT_PAGE_SIZE));
    pmds_.resize((arena_.vmalloc_end() - arena_.vmalloc()) / arena_.page() / c.geometry.ptrs_per_pte + 1);
    host_ = make_percpu_host(*this);
    host_.page_shift = static_cast<unsigned>(c.geometry.page_shift());
    host_.ptrs_per_pte = c.geometry.ptrs_per_pte;
    host_.direct_map = arena_.direct_map();
    host_.nr_frames = arena_.nr_frames();
    host_.mem_map = mem_map_;
    host_.vmalloc_start = arena_.vmalloc();
    host_.vmalloc_end = arena_.vmalloc_end();
    host_.pmds = pmds_.data();
    host_.possible_cpus = mask_of_cpus(c, [&](u8 cpu) { return c.cpu_possible(cpu); });
    host_.processor_id = c.boot_cpu();
    arena_.share(&host_, sizeof host_, false);
    arena_.share(pmds_.data(), pmds_.size() * sizeof pmds_[0], false);
    arena_.share(mem_map_, arena_.nr_frames() * MMODEL_STRUCT_PAGE_SIZE, true);
    unit_ = unit_init(&host_);
    if (!unit_ || unit_->abi_version != MMODEL_PERCPU_ABI_VERSION)
        throw HostError("the compiled kernel file does not fit this mmodel");
    image_ = std::make_unique<Image>(unit_);
    boot_.own().pcpu.own().sizes = {.page_bytes = static_cast<u32>(arena_.page()),
                                    .min_unit_bytes = static_cast<u32>(unit_->min_unit_size),
                                    .dynamic_early = static_cast<u32>(unit_->dynamic_early_size),
                                    .dynamic_reserve = static_cast<u32>(unit_->dynamic_reserve),
                                    .module_reserve = static_cast<u32>(unit_->module_reserve),
                                    .schedules_early = unit_->schedules_early != 0,
                                    .backing = static_cast<pcpu::Backing>(unit_->backing)};
    reset();
}

PercpuDriver::~PercpuDriver() {
    image_->restore();
    forget_percpu_driver();
    munmap(mem_map_, arena_.nr_frames() * MMODEL_STRUCT_PAGE_SIZE);
}

void PercpuDriver::reset() {
    world_ = boot_;
    put_back_unit();
    contents_.reset();
    for (const Pfn p : described_) clear_struct_page(p);
    described_.clear();
    std::ranges::fill(pmds_, 0);
}

// ---- states

void PercpuDriver::begin_exploring() {
    explored_ = true;
    objects_.settle_low();
    contents_.tell_owners_apart(false);
}

std::vector<std::span<std::byte>> PercpuDriver::statics() {
    auto out = image_->live();
    out.push_back(std::as_writable_bytes(std::span(pmds_)));
    return out;
}

// By chunk number: its addresses, and where the file keeps it. Then where the array of page pointers is.
std::vector<u64> PercpuDriver::notes() const {
    ChunkId nr = numbers_.end(); // past the last that is given
    while (nr && !numbers_.is_given(nr - 1)) --nr;
    const auto bases = numbers_.all().first(nr);
    std::vector<u64> out(bases.begin(), bases.end());
    for (ChunkId id = 0; id < nr; ++id)
        out.push_back(numbers_.is_given(id) ? reinterpret_cast<u64>(selves_[id]) : 0);
    out.push_back(reinterpret_cast<u64>(array_));
    return out;
}

void PercpuDriver::moved(std::span<const u64> notes) {
    const std::size_t nr = notes.size() / 2;
    numbers_.begin(notes.first(nr));
    selves_.resize(nr);
    std::ranges::transform(notes.subspan(nr, nr), selves_.begin(),
                           [](u64 at) { return reinterpret_cast<void*>(at); });
    array_ = reinterpret_cast<void*>(notes.back());
    arena_.moved();
    described_.clear();
    const Vmalloc& v = world_.machine().vmalloc();
    for (Vmap page{0}; page.value < v.nr_pages(); page = page + 1) {
        const Pfn p = v.pte(page).present() ? v.pte(page).pfn() : no_pfn;
        p == no_pfn ? arena_.unmap_vmap(page, 1) : arena_.map_vmap(page, {&p, 1});
    }
}

// The kernel file as before boot, and nothing mapped.
void PercpuDriver::put_back_unit() {
    image_->restore();
    objects_.reset();
    arena_.reset(boot_.machine());
    arena_.unmap_vmap(Vmap{0}, (arena_.vmalloc_end() - arena_.vmalloc()) / arena_.page());
    numbers_.begin(0);
    selves_.clear();
    array_ = nullptr;
}

void PercpuDriver::prepare_static_image(u64 bytes) {
    bytes = std::min(bytes, arena_.nr_frames() * arena_.page());
    std::size_t room = bytes + arena_.page();
    static_room_.resize(room);
    void* at = static_room_.data();
    std::align(arena_.page(), bytes, at, room); // trees ask for that
    static_image_ = {static_cast<std::byte*>(at), bytes};
    for (std::size_t i = 0; i < bytes; ++i) static_image_[i] = static_cast<std::byte>(i * 7 + 1);
    host_.per_cpu_load = static_image_.data();
    arena_.share(static_image_.data(), static_image_.size(), false);
}

// ---- addresses

u64 PercpuDriver::to_model(unsigned long host) const {
    if (host >= arena_.vmalloc() && host <= arena_.vmalloc_end())
        return vmalloc_start + (host - arena_.vmalloc());
    return host - arena_.direct_map();
}

unsigned long PercpuDriver::to_host(u64 addr) const {
    return addr >= vmalloc_start ? arena_.vmalloc() + (addr - vmalloc_start) : arena_.direct_map() + addr;
}

// A percpu pointer is the address in unit 0, from the first chunk's base on.
pcpu::Where PercpuDriver::where_of(unsigned long ptr) const {
    const u64 addr = to_model(ptr + to_host(pcpu_->base_addr));
    for (const ChunkId id : {pcpu_->first_chunk, pcpu_->reserved_chunk})
        if (pcpu::pcpu_addr_in_chunk(*pcpu_, id, addr))
            return {id, static_cast<int>(addr - pcpu_->chunks[id].base_addr)};
    const ChunkId id = numbers_.at(addr, pcpu_->layout.unit_size);
    if (id != pcpu::no_chunk) return {id, static_cast<int>(addr - numbers_.base(id))};
    monitor_->fail(spec::Inv::percpu_area_is_as_asked, nullptr, "the area lies in no chunk",
                   {.way = spec::Way::in_no_chunk});
    throw Abandon{};
}

unsigned long PercpuDriver::pointer_to(pcpu::Where w) const {
    return to_host(pcpu_->chunks[w.chunk].base_addr) + static_cast<unsigned long>(w.off) -
           to_host(pcpu_->base_addr);
}

void PercpuDriver::clear_struct_page(Pfn p) {
    std::memset(mem_map_ + p.value * MMODEL_STRUCT_PAGE_SIZE, 0, MMODEL_STRUCT_PAGE_SIZE);
}

// ---- contents

// The pieces of [addr, addr + bytes), in order, as far as they are mapped. Addresses are the model's.
std::vector<std::span<std::byte>> PercpuDriver::pieces(u64 addr, u64 bytes) {
    std::vector<std::span<std::byte>> out;
    for (u64 done = 0, n; done < bytes; done += n) {
        n = std::min(bytes - done, arena_.page() - (addr + done) % arena_.page());
        if (Pcpu::is_vmalloc_addr(addr + done) &&
            !world_.machine().vmalloc().pte(Vmap{(addr + done - vmalloc_start) / arena_.page()}).present())
            continue;
        std::byte* at = arena_.at(to_host(addr + done));
        if (!at) continue;
        if (!out.empty() && out.back().data() + out.back().size() == at)
            out.back() = {out.back().data(), out.back().size() + n};
        else
            out.emplace_back(at, n);
    }
    return out;
}

// Needs: the area is live.
Held PercpuDriver::held(u8 slot) {
    const pcpu::Area& a = pcpu_->areas[slot];
    Held h{.slot = slot, .parts = {}};
    const pcpu::Chunk& c = pcpu_->chunks[a.chunk];
    for_each_possible_cpu(*pcpu_, [&](int cpu) {
        u64 word = 0;
        const u64 addr = pcpu_->chunk_addr(c, cpu, 0) + static_cast<u64>(a.off);
        for (const auto piece : pieces(addr, static_cast<u64>(a.bytes))) {
            const u64 n = piece.size() / sizeof(u32);
            h.parts.push_back({cpu, word, {reinterpret_cast<u32*>(piece.data()), n}});
            word += n;
        }
    });
    return h;
}

// Before an operation that is about areas: they are as their owners left them.
void PercpuDriver::check_contents(const Op& op) {
    if (op.kind == OpKind::cpu_online) return check_all_contents(op.cpu());
    const bool one =
        op.kind == OpKind::pcpu_free || op.kind == OpKind::module_unload || op.kind == OpKind::pcpu_lookup;
    if (!one || !pcpu_->areas[op.area()].live) return;
    const Held h = held(op.area());
    if (const auto what = contents_.changed(h, -1))
        monitor_->fail(spec::Inv::percpu_areas_are_disjoint, nullptr, *what, {.way = spec::Way::overwritten});
    if (!explored_ || op.kind == OpKind::pcpu_lookup) return;
    about_to_write(h);
    AreaContents::give_up(h);
}

void PercpuDriver::about_to_write(const Held& h) {
    for (const Held::Part& part : h.parts) arena_.stored(std::as_bytes(part.words));
}

void PercpuDriver::check_all_contents(int cpu) {
    for (u8 slot = 0; slot < max_areas; ++slot) {
        if (!pcpu_->areas[slot].live) continue;
        if (const auto what = contents_.changed(held(slot), cpu))
            monitor_->fail(spec::Inv::percpu_areas_are_disjoint, nullptr, *what,
                           {.way = spec::Way::overwritten});
    }
}

// After boot: every possible CPU has a copy of the static image.
void PercpuDriver::check_static_data(const Op& op) {
    for_each_possible_cpu(*pcpu_, [&](int cpu) {
        const u64 unit = pcpu_->base_addr + pcpu_->layout.unit_offsets[static_cast<std::size_t>(cpu)];
        u64 same = 0;
        for (const auto piece : pieces(unit, op.static_bytes())) {
            if (std::memcmp(piece.data(), static_image_.data() + same, piece.size())) break;
            same += piece.size();
        }
        if (same != op.static_bytes())
            monitor_->fail(spec::Inv::outcome_is_what_the_operation_promises, nullptr,
                           "CPU " + std::to_string(cpu) + " has no copy of the static data",
                           {.way = spec::Way::static_data});
    });
}

// After an area was handed out: it is zeroed, and from now on somebody's.
void PercpuDriver::fill_contents(const Op& op, const Outcome& outcome) {
    if (outcome.disabled || outcome.err != Errno::ok) return;
    if (op.kind != OpKind::pcpu_alloc && op.kind != OpKind::module_load) return;
    const Held h = held(op.area());
    if (const auto what = AreaContents::not_zero(h))
        monitor_->fail(spec::Inv::percpu_area_is_zeroed, nullptr, *what, {.way = spec::Way::junk});
    about_to_write(h);
    contents_.fill(h);
}

// ---- operations

// At boot only the memory of units can be refused: for want of anything else the kernel panics.
Op PercpuDriver::as_a_kernel_meets_it(Op op) const {
    if (op.kind != OpKind::pcpu_boot || !op.is_paged() || !op.fail.any()) return op;
    const pcpu::CpuMap cpus = pcpu::cpus_of(config_);
    const auto ai = pcpu::alloc_info_for(boot_.pcpu().sizes, cpus, pcpu::params_of(op));
    if (!ai) return op;
    const u64 pages = ai->unit_size / arena_.page() * static_cast<u64>(cpus.nr_possible());
    for (u16& n : op.fail.nth)
        if (n >= pages) n = no_fault;
    return canonical(op);
}

bool PercpuDriver::has_layout(const pcpu::BootParams& b) const {
    const pcpu::CpuMap cpus = pcpu::cpus_of(config_);
    const auto ai = pcpu::alloc_info_for(boot_.pcpu().sizes, cpus, b);
    return ai && pcpu::make_layout(boot_.pcpu().sizes, *ai, cpus);
}

namespace {

// While the model runs an operation: it gets the frames that the file got, if somebody chose them.
struct Follower {
    std::span<const std::optional<Pfn>> frames;
    bool chosen;

    void before(const Machine&, const Event&) {}
    void after(const Machine&, const Event&) {}
    [[nodiscard]] bool picks() const { return chosen; }
    [[nodiscard]] std::optional<Pfn> pick_frame(const Machine& m) {
        if (frames.empty()) return std::nullopt;
        const std::optional<Pfn> p = frames.front();
        frames = frames.subspan(1);
        return p && m.is_free(*p) ? p : std::nullopt;
    }
};

} // namespace

Ran PercpuDriver::run_model(const Op& op, const RealWatch& files) {
    Follower follower{files.picked, files.picks()};
    return advance(models_world_, op, follower);
}

RealStep PercpuDriver::run(const Op& asked) {
    const Op op = as_a_kernel_meets_it(asked);
    models_world_.copy_from(world_);
    Running running(*this, op, {});
    pcpu_ = &running.state.pcpu.own();
    pcpu_->chunks.forget_touched();
    op_ = op;
    host_.online_cpus = mask_of_cpus(config_, [&](u8 cpu) { return world_.machine().is_online(cpu); });
    mapped_.clear();
    arrays_.clear();
    boot_is_paged_ = op.kind == OpKind::pcpu_boot && op.is_paged();
    RealStep out;
    try {
        if (is_percpu(op.kind)) {
            RealPercpuCalls calls{*this};
            check_contents(op);
            out.ran.outcome = pcpu::run(*pcpu_, running.kernel, calls, op);
        } else { // not this file's: the machine around it
            hvo::ModelCalls<RealKernel> calls{running.kernel};
            out.ran.outcome = hvo::run(running.state.pool, running.kernel, calls, op);
        }
        code_is_done();
        running.count(out.ran);
        const Ran expected = run_model(op, running.watch);
        model_ = &models_world_.pcpu();
        judge(op, out, expected);
        if (explored_) forget_the_array();
    } catch (const Abandon&) {
        out.left = Left::cut_off;
    } catch (const BadAccess& b) {
        out.left = Left::cut_off;
        accuse(out, b);
    } catch (const Panicked& p) {
        out.left = Left::cut_off;
        const Ran expected = run_model(op, running.watch);
        if (op.kind == OpKind::pcpu_boot && expected.outcome.err != Errno::ok)
            give_up_boot(out, expected);
        else
            running.monitor.fail_in(p.where, spec::Inv::no_bug, std::string(p.where) + "(): panic: " + p.what,
                                    p.what);
    }
    out.ran.nr_events = running.kernel.nr_events();
    out.violations = running.monitor.violations();
    model_ = nullptr;
    pcpu_ = nullptr;
    return out;
}

// What follows from a violation is not judged: with the first event that is wrong, the rest may be anything.
void PercpuDriver::judge(const Op& op, RealStep& step, const Ran& expected) {
    const auto is_clean = [&] { return monitor_->violations().empty(); };
    step.left = Left::unsound;
    if (!is_clean()) return;
    sync();
    fill_contents(op, step.ran.outcome);
    if (op.kind == OpKind::pcpu_balance) check_all_contents(-1);
    if (op.kind == OpKind::pcpu_boot && !step.ran.outcome.disabled && step.ran.outcome.err == Errno::ok)
        check_static_data(op);
    if (objects_.was_written_after_free())
        monitor_->fail(spec::Inv::kernel_code_touches_only_what_is_mapped, nullptr,
                       "an object was written to after it was freed", {.way = spec::Way::object});
    if (!is_clean()) return;
    monitor_->finish(world_, step.ran);
    if (!is_clean()) return;
    if (monitor_->broke_a_promise()) return;
    judge_bytes();
    step.compared = true;
    if (const auto what =
            first_difference(step.ran, expected, world_.pcpu(), *model_, op.kind == OpKind::pcpu_boot))
        monitor_->fail(spec::Inv::real_file_agrees_with_the_model, nullptr, what->text, {.way = what->way});
    step.left = Left::sound;
}

// The kernel panics where the model takes everything back.
void PercpuDriver::give_up_boot(RealStep& step, const Ran& expected) {
    world_ = models_world_;
    put_back_unit();
    for (u64 i = 0; i + 1 < pmds_.size(); ++i)
        pmds_[i] = world_.machine().vmalloc().table(Vmap{i * config_.geometry.ptrs_per_pte}).present();
    step.ran = expected;
}

} // namespace mmodel::bench
