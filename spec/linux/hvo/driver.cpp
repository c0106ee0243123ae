// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/hvo/driver.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "spec/linux/hvo/calls.hpp"
#include "spec/linux/hvo/host.hpp"

namespace mmodel::bench {
namespace {

constexpr u64 most_struct_pages = 65536 / 64; // a page of the largest

} // namespace

HvoDriver::HvoDriver(const Config& c, UnitInit unit_init, std::optional<DeviationSet> deviations,
                     Backing backing, Progress& progress)
    : RealDriver(c, backing, progress),
      found_(0, arena_.nr_frames() * sizeof(Found), arena_.page(), PROT_READ | PROT_WRITE) {
    if (deviations) agreement_.emplace(*deviations);
    host_ = make_hvo_host(*this);
    arena_.share(&host_, sizeof host_, false);
    arena_.share(arena_.pmds(), arena_.nr_pmds() * sizeof *arena_.pmds(), false);
    unit_ = unit_init(&host_);
    if (!unit_ || unit_->abi_version != MMODEL_HVO_ABI_VERSION)
        throw HostError("the compiled kernel file does not fit this mmodel");
    config_.geometry.nr_used_subpage = static_cast<u8>(unit_->nr_used_subpage);
    if (unit_->nr_reset_struct_page)
        config_.geometry.nr_reset_struct_page = static_cast<u8>(unit_->nr_reset_struct_page);
    boot_ = World(config_);
    image_ = std::make_unique<Image>(unit_);
    unit_->init_plain(0, 1, 0, 0);
    std::memcpy(plain_page_.data(), arena_.at(arena_.vmemmap()), plain_page_.size());
    const u64 boot_frames = config_.vmemmap_frames(config_.frames_per_node);
    for (u8 n = 0; n < config_.nr_nodes; ++n) {
        const u64 start = config_.node_start(n).value;
        unit_->init_plain(start, start + boot_frames, 1, 0);
    }
    reset();
}

HvoDriver::~HvoDriver() { forget_hvo_driver(); }

void HvoDriver::reset() {
    arena_.reset(boot_.machine());
    for (Pfn p : unreserved_) // memory that was added since is not there any more
        if (boot_.machine().translate(config_.geometry.vpage_of(p)).present())
            unit_->init_plain(p.value, p.value + 1, 1, 0);
    unreserved_.clear();
    const u64 per_page = config_.geometry.struct_pages_per_page();
    for (Vpage v : scribbled_) init_as_booted(Pfn{v.value * per_page}, Pfn{(v.value + 1) * per_page});
    scribbled_.clear();
    world_ = boot_;
    image_->restore();
    pending_.reset();
}

// Struct pages that are all reserved or none, or, where reserved memory ends among them, one by one.
void HvoDriver::init_as_booted(Pfn start, Pfn end) {
    const bool reserved = boot_.machine().is_reserved(start);
    if (reserved == boot_.machine().is_reserved(end - 1))
        return unit_->init_plain(start.value, end.value, reserved, 0);
    for (; start < end; start = start + 1)
        unit_->init_plain(start.value, start.value + 1, boot_.machine().is_reserved(start), 0);
}

void HvoDriver::moved(std::span<const u64>) {
    arena_.moved();
    unreserved_.clear();
    scribbled_.clear();
    pending_.reset();
}

RealStep HvoDriver::run(const Op& asked) {
    Op op = asked;
    // Who panics is not asked whether he would.
    if (op.kind == OpKind::boot_folio && unit_->boot_panics && !op.fail.has(0)) op.fail = {};
    const bool does_boot = unit_->boot_early || !hvo::is_boot_op(op.kind); // the model always does
    const bool compared = agreement_ && does_boot && agreement_->begin(world_, op, observer_ != nullptr);
    const spec::Scope scope{.memmap_counters = unit_->has_memmap_counters != 0,
                            .shared_tail = unit_->has_shared_tail != 0,
                            .updates_may_fail = unit_->updates_may_fail != 0};
    Running running(*this, op, scope);
    if (compared) running.watch.listener = &*agreement_;
    RealHvoCalls calls{*this};
    RealStep out;
    try {
        out.ran.outcome = hvo::run(running.state.pool, running.kernel, calls, op);
        code_is_done();
        if (op.kind == OpKind::sysctl) unit_->set_enabled(op.on);
        sync_pending();
        sync_shared_tails();
        const std::size_t at_events = running.monitor.violations().size();
        sync_folios(op);
        running.count(out.ran);
        running.monitor.finish(world_, out.ran);
        const auto& all = running.monitor.violations();
        const bool sound = all.size() == at_events && std::ranges::all_of(all, spec::is_about_order);
        out.left = sound || mend(op, scope) ? Left::sound : Left::unsound;
        if (compared) compare(out);
    } catch (const Abandon&) {
        out.left = Left::cut_off;
        out.ran.nr_events = running.kernel.nr_events();
    } catch (const BadAccess& b) {
        accuse(out, b);
        out.left = Left::cut_off;
        out.ran.nr_events = running.kernel.nr_events();
    }
    out.violations = running.monitor.violations();
    return out;
}

// What was found is said. With the right contents the folio is as if they had been right: a file that
// restores it wrongly each time does not hide what it does after that.
bool HvoDriver::mend(const Op& op, spec::Scope scope) {
    const auto is_about_contents = [](const spec::Violation& v) {
        return v.inv == spec::Inv::compound_head_of_every_tail_is_its_head ||
               v.inv == spec::Inv::restore_after_optimise_is_the_identity || spec::is_about_order(v);
    };
    if (!std::ranges::all_of(monitor_->violations(), is_about_contents)) return false;
    const Machine& m = world_.machine();
    spec::Monitor again(world_, op, scope.asking_tlbs(stale_ == not_stale), spec::OnViolation::collect);
    spec::Monitor* const first = std::exchange(monitor_, &again);
    try {
        for (const u8 i : spec::slots_of(op)) {
            const hvo::Folio f = world_.pool().folio(m.geometry(), i);
            const bool is_plain = world_.pool().slots[i].state == hvo::SlotState::hugetlb &&
                                  !m.read(m.translate(m.geometry().vpage_of(f.head)).pfn()).optimised;
            if (is_plain) unit_->prep_hugetlb(f.order, f.head.value);
        }
        sync_folios(op);
        again.finish_at_rest(world_);
    } catch (const BadAccess&) {
        again.fail(spec::Inv::restore_after_optimise_is_the_identity, nullptr, "it cannot be mended");
    }
    monitor_ = first;
    return again.violations().empty();
}

// What follows from a violation is not compared, nor from a broken promise that is let pass.
void HvoDriver::compare(RealStep& step) {
    if (!monitor_->violations().empty() || monitor_->broke_a_promise()) return;
    step.compared = true;
    if (const auto what = agreement_->finish(world_, step.ran))
        monitor_->fail(spec::Inv::real_file_agrees_with_the_model, nullptr, *what);
    step.shown = agreement_->shown();
}

// ---- what memory says

// A vmemmap page as the specification speaks of it, from its bytes.
Contents HvoDriver::describe(const void* page, Pfn head, u8 order) const {
    const u64 nr = config_.geometry.struct_pages_per_page();
    std::array<unsigned char, most_struct_pages> found{};
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
               .rest = code(std::min<u64>(Contents::nr_slots, nr - 1)),
               .subject = head.value};
    for (std::size_t j = 0; j < std::max<u64>(nr, Contents::nr_slots); ++j) {
        const u8 found_there = j < nr ? code(j) : c.rest;
        if (j < Contents::nr_slots)
            c.slots[j] = found_there;
        else if (found_there != c.rest)
            c.rest = slot::junk;
    }
    const bool nothing =
        std::ranges::all_of(c.slots, [](u8 s) { return s == slot::junk; }) && c.rest == slot::junk;
    return nothing ? Contents::junk() : c;
}

Contents HvoDriver::describe_tails(const SharedTail& t) const {
    return unit_->are_tails(arena_.contents(t.pfn), t.order, t.zone) ? Contents::tails(t.order)
                                                                     : Contents::junk();
}

// A frame is handed out filled with a byte. If boot had it behind the vmemmap, the struct pages that were in
// it are gone.
void HvoDriver::hand_out(Pfn p, int byte) {
    arena_.fill_frame(p, static_cast<std::byte>(byte));
    arena_.lend(p, 1);
    clear_struct_page(p);
    if (const auto v = boot_.machine().boot_vpage(p)) scribbled_.push_back(*v);
}

// Boot memory says so of itself.
void HvoDriver::hand_out_reserved(Pfn p) {
    hand_out(p, 0);
    unit_->init_plain(p.value, p.value + 1, 1, 0);
}

void HvoDriver::take_back(Pfn p) {
    arena_.take_back(p, 1);
    clear_struct_page(p);
}

// The page allocator writes to the struct page of what it gets and gives. Whoever reads his list in it after
// that reads nothing.
void HvoDriver::clear_struct_page(Pfn p) {
    std::byte* at = arena_.at(arena_.vmemmap() + p.value * plain_page_.size());
    if (!at) return;
    arena_.stored({at, plain_page_.size()});
    std::memcpy(at, plain_page_.data(), plain_page_.size());
}

// What the machine says of the page tables there is in memory from now on.
void HvoDriver::show_vmemmap(Vpage start, Vpage end) {
    const Machine& m = world_.machine();
    for (u64 i = m.pmd_idx(start); i <= m.pmd_idx(end - 1); ++i) {
        const Pmd pmd = m.pmd(i);
        if (pmd.kind != Pmd::Kind::table) {
            arena_.map_leaf(m, i);
            continue;
        }
        if (!arena_.is_lent(pmd.pfn)) hand_out(pmd.pfn, 0);
        arena_.install_table(i, pmd.pfn);
        auto* entries = reinterpret_cast<unsigned long*>(arena_.frame(pmd.pfn));
        const u64 ptrs = m.geometry().ptrs_per_pte;
        for (u32 e = 0; e < ptrs; ++e) {
            const Pte pte = m.pte({pmd.pfn, e});
            entries[e] = pte.present() ? pte.pfn().value << m.geometry().page_shift() | MMODEL_PRESENT |
                                             (pte.writable() ? MMODEL_RW : 0)
                                       : 0;
            if (pte.present() && !arena_.is_lent(pte.pfn())) hand_out_reserved(pte.pfn());
            arena_.map_page(Vpage{i * ptrs + e}, pte);
        }
        arena_.stored(pmd.pfn);
    }
}

// A frame about to be mapped at v contains what its memory contains, whatever the events so far let expect.
void HvoDriver::sync_frame(Pfn p, Vpage v) {
    Machine& m = kernel_->machine();
    if (m.is_shared_tail(p)) return; // known since its zone has it, and looked at again at rest
    if (const Compound* c = m.compound_at(v)) m.write(p, look(p, v, {c->head, c->order}, arena_.contents(p)));
}

// An announced store has happened by now: if it changed the optimised flag, that is an event.
void HvoDriver::sync_pending() {
    if (!pending_ || !kernel_) return;
    const auto [v, where] = *std::exchange(pending_, std::nullopt);
    const Machine& m = kernel_->machine();
    const Compound* c = m.compound_at(v);
    if (!c || v != m.geometry().vpage_of(c->head)) return;
    const bool now = ask_of_memory([&] { return unit_->test_optimised(c->head.value) != 0; });
    if (now != m.read(m.translate(v).pfn()).optimised) kernel_->set_optimised(in_tree(where), v, now);
}

// At rest: what zones share.
void HvoDriver::sync_shared_tails() {
    Machine& m = kernel_->machine();
    for (const SharedTail& t : m.shared_tails()) m.write(t.pfn, describe_tails(t));
}

// What is in a frame that v maps or is about to map. Clean frames hold what was found in them.
Contents HvoDriver::look(Pfn p, Vpage v, const hvo::Folio& f, const void* at) {
    Found& found = found_in(p);
    found = {v, f, description_of(p, f, at), Found::Readers::not_asked};
    arena_.keep(p, Arena::Reader::judge);
    return found.contents;
}

// Frames that share their contents are described once.
const Contents& HvoDriver::description_of(Pfn p, const hvo::Folio& f, const void* at) {
    const PageId page = arena_.shared_by(p);
    Described& d = described_[(page ^ f.head.value) % described_.size()];
    const bool known =
        page != no_page && d.page == page && d.folio.head == f.head && d.folio.order == f.order;
    if (!known) d = {page, f, describe(at, f.head, f.order)};
    return d.contents;
}

// Whether a frame holds what was last found in it, for the same reader, and the machine says so, too.
bool HvoDriver::is_still_so(Pfn p, Vpage v, const hvo::Folio& f) {
    const Found& found = found_in(p);
    const bool same = found.vpage == v && found.folio.head == f.head && found.folio.order == f.order;
    return arena_.is_clean(p, Arena::Reader::judge) && same && kernel_->machine().read(p) == found.contents;
}

// What is taken as unchanged, compared with what is there.
void HvoDriver::doubt(Pfn p, const Contents& now) {
    if (now == found_in(p).contents) return;
    monitor_->fail(spec::Inv::kernel_code_touches_only_what_is_mapped, nullptr,
                   "something wrote to pfn " + std::to_string(p.value) +
                       " that the compiler did not announce");
}

// At rest: every vmemmap page of the operation's folios that is all theirs, read through the vmemmap. Tail
// pages that share a frame hold the same, and a reader finds the same in them: only in the head's own page he
// may find something else, and where a tail's head depends on the address that it is read at.
void HvoDriver::sync_folios(const Op& op) {
    Machine& m = kernel_->machine();
    for (u8 i : spec::slots_of(op)) {
        if (world_.pool().slots[i].state != hvo::SlotState::hugetlb) continue;
        const hvo::Folio f = world_.pool().folio(m.geometry(), i);
        if (!m.geometry().optimizable_pages(f.order)) { // folios share one
            ask_readers(f.head.value, f, Contents::junk());
            continue;
        }
        const Vpage start = m.geometry().vpage_of(f.head);
        const u64 per_page = m.geometry().struct_pages_per_page();
        Pfn last = no_pfn;
        for (Vpage v = start; v < start + m.geometry().vmemmap_pages(f.order); ++v) {
            const unsigned long addr = arena_.vmemmap() + v.value * arena_.page();
            const auto behind = arena_.frame_behind(addr);
            const std::byte* at = behind ? arena_.contents(*behind) : arena_.at(addr);
            const Pfn p = behind.value_or(m.translate(v).pfn());
            const bool again = p == std::exchange(last, p);
            if (m.is_shared_tail(p))
                ask_readers(v.value * per_page, f, Contents::junk());
            else if (!again)
                sync_page(p, v, f, at);
            else if (v == start + 1 || unit_->has_shared_tail)
                ask_readers(v.value * per_page, f, found_in(p).contents);
        }
    }
}

void HvoDriver::sync_page(Pfn p, Vpage v, const hvo::Folio& f, const void* at) {
    Machine& m = kernel_->machine();
    if (!is_still_so(p, v, f))
        m.write(p, look(p, v, f, at));
    else if (doubts_)
        doubt(p, describe(arena_.memory(p), f.head, f.order));
    m.settle(p, v);
    Found& found = found_in(p);
    const auto now = unit_->key_count() > 0 ? Found::Readers::key_on : Found::Readers::key_off;
    if (std::exchange(found.readers, now) != now)
        ask_readers(v.value * m.geometry().struct_pages_per_page(), f, found.contents);
}

// compound_head() by the kernel's rule over real memory, of the first struct pages of a vmemmap page that may
// be anything but a plain tail: the rest were compared byte by byte with one, tail marker included, when the
// page was described.
void HvoDriver::ask_readers(u64 first, const hvo::Folio& f, const Contents& found) {
    const u64 nr = std::min<u64>(config_.geometry.struct_pages_per_page(), Contents::nr_slots);
    for (u64 j = 0; j < nr; ++j) {
        if (found.kind == Contents::Kind::copy && found.slots[j] == slot::tail) continue;
        const u64 head = unit_->compound_head(first + j);
        if (head == f.head.value) continue;
        return monitor_->fail(spec::Inv::compound_head_of_every_tail_is_its_head, nullptr,
                              "compound_head() of page " + std::to_string(first + j - f.head.value) +
                                  " of the folio at pfn " + std::to_string(f.head.value) + " is pfn " +
                                  std::to_string(head));
    }
}

} // namespace mmodel::bench
