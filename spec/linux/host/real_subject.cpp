// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/real_subject.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mmodel::bench {
namespace {

bool is_same(std::span<const std::byte> a, std::span<const std::byte> b) {
    return std::memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string unannounced_store(Pfn p) {
    return "something wrote to pfn " + std::to_string(p.value) + " that the compiler did not announce";
}

// Lists whose head was on the stack leave addresses of it behind: nothing reads those.
bool is_on_the_stack(u64 word) {
    constexpr u64 near = 1 << 20;
    return word - reinterpret_cast<u64>(__builtin_frame_address(0)) + near < 2 * near;
}

} // namespace

RealSubject::RealSubject(RealDriver& driver, const explore::Space& space, KnownAs known_as)
    : driver_(driver), arena_(driver.memory()), known_as_(std::move(known_as)),
      in_vmemmap_(driver.mem_map() == arena_.vmemmap()), statics_(driver.statics()),
      nr_of_the_file_(statics_.size()), is_in_pool_(arena_.nr_frames()) {
    driver.begin_exploring();
    arena_.share_no_more();
    if (!in_vmemmap_) add_struct_pages();
    for (const auto piece : arena_.layout()) statics_.push_back(piece);
    for (const explore::FrameRange& r : space.pool)
        for (Pfn p = r.start; p < r.end; ++p) is_in_pool_[p.value] = true;
    for (Pfn p{0}; p.value < is_in_pool_.size(); ++p) {
        const Vpage v = driver.world().config().geometry.vpage_of(p);
        if (is_in_pool_[p.value] && (pools_vmemmap_.empty() || pools_vmemmap_.back() != v))
            pools_vmemmap_.push_back(v);
    }
    frames_now_.assign(arena_.nr_frames(), blobs_.intern(std::vector<std::byte>(arena_.page())));
    for (const auto piece : statics_) statics_now_.push_back(blobs_.intern(piece));
    (void)settle();
    frames_first_ = frames_now_;
    first_ = taken();
}

// In pieces, of which an operation changes few.
void RealSubject::add_struct_pages() {
    constexpr u64 piece = 512;
    const u64 bytes = arena_.nr_frames() * driver_.world().config().geometry.struct_page_bytes;
    auto* first = reinterpret_cast<std::byte*>(driver_.mem_map());
    for (u64 at = 0; at < bytes; at += piece, ++nr_of_struct_pages_)
        statics_.emplace_back(first + at, std::min(piece, bytes - at));
}

void RealSubject::restart() {
    kept_.clear();
    put_back(*first_);
}

explore::Attempt RealSubject::run(const Op& op, explore::Observer* observer) {
    explore::Attempt out;
    driver_.observe(observer);
    try {
        RealStep step = driver_.run(op);
        nr_compared_ += step.compared;
        add(deviations_, step.shown);
        out = {.ran = step.ran, .violations = std::move(step.violations), .sound = step.left == Left::sound};
        if (driver_.doubts()) doubt(out);
    } catch (const spec::Violated& v) {
        out.violations.push_back(v.violation);
    }
    driver_.observe(nullptr);
    for (std::size_t i = 0; known_as_ && i < out.violations.size(); ++i)
        out.known.push_back(known_as_(out.violations[i], op.kind));
    return out;
}

// ---- states

// Few are, and they lie together.
template <class F>
void RealSubject::for_each_lent(F&& f) const {
    const std::span<const std::byte> lent = statics_.back();
    for (std::size_t i = 0; i < lent.size();) {
        u64 eight = 0;
        const std::size_t end = std::min(i + sizeof eight, lent.size());
        std::memcpy(&eight, &lent[i], end - i);
        if (!eight) i = end;
        for (; i < end; ++i)
            if (lent[i] != std::byte{0}) f(Pfn{i});
    }
}

const World& RealSubject::settle() {
    explore::forget_the_dead(driver_.world());
    for (std::size_t i = 0; i < statics_.size(); ++i)
        if (!is_same(statics_[i], blobs_[statics_now_[i]])) statics_now_[i] = blobs_.intern(statics_[i]);
    for_each_lent([&](Pfn p) { settle_frame(p); });
    settle_objects();
    return driver_.world();
}

void RealSubject::settle_frame(Pfn p) {
    if (arena_.is_clean(p, Arena::Reader::snapshot)) return;
    const std::span<const std::byte> frame(arena_.frame(p), arena_.page());
    u32& now = frames_now_[p.value];
    if (!is_same(frame, blobs_[now])) now = blobs_.intern(frame);
    arena_.keep(p, Arena::Reader::snapshot);
}

// A frame that nothing was stored to holds what it held, or something went around the MMU.
void RealSubject::doubt(explore::Attempt& out) const {
    for_each_lent([&](Pfn p) {
        const std::span<const std::byte> frame(arena_.frame(p), arena_.page());
        if (!arena_.is_clean(p, Arena::Reader::snapshot) || is_same(frame, blobs_[frames_now_[p.value]]))
            return;
        spec::Violation& v = out.violations.emplace_back();
        v.inv = spec::Inv::kernel_code_touches_only_what_is_mapped;
        v.detail = unannounced_store(p);
    });
}

// Where they are is bytes, too.
void RealSubject::settle_objects() {
    const auto objects = driver_.objects();
    const std::span<const std::byte> which = std::as_bytes(objects);
    const std::span<const std::byte> before = blobs_[which_now_];
    const bool as_before = before.size() == which.size() && is_same(which, before);
    if (!as_before) which_now_ = blobs_.intern(which);
    objects_now_.resize(objects.size());
    for (std::size_t i = 0; i < objects.size(); ++i)
        if (!as_before || !is_same(objects[i], blobs_[objects_now_[i]]))
            objects_now_[i] = blobs_.intern(objects[i]);
    const std::vector<u64> notes = driver_.notes();
    notes_now_ = blobs_.intern(std::as_bytes(std::span(notes)));
}

RealSubject::Kept RealSubject::taken() const {
    Kept k{driver_.world(), statics_now_, {}, which_now_, objects_now_, notes_now_};
    for_each_lent([&](Pfn p) { k.frames.push_back(frames_now_[p.value]); });
    return k;
}

void RealSubject::put_back(const Kept& k) {
    driver_.world() = k.world;
    std::vector<std::span<std::byte>> objects(k.objects.size());
    std::ranges::copy(blobs_[k.which], std::as_writable_bytes(std::span(objects)).begin());
    driver_.set_objects(objects);
    for (std::size_t i = 0; i < objects.size(); ++i)
        std::ranges::copy(blobs_[k.objects[i]], objects[i].begin());
    which_now_ = k.which, objects_now_ = k.objects, notes_now_ = k.notes;
    for (std::size_t i = 0; i < statics_.size(); ++i)
        std::memcpy(statics_[i].data(), blobs_[k.statics[i]].data(), statics_[i].size());
    statics_now_ = k.statics;
    auto blob = k.frames.begin();
    for_each_lent([&](Pfn p) { put_back_frame(p, *blob++); });
    std::vector<u64> notes(blobs_[k.notes].size() / sizeof(u64));
    std::ranges::copy(blobs_[k.notes], std::as_writable_bytes(std::span(notes)).begin());
    driver_.moved(notes);
}

void RealSubject::put_back_frame(Pfn p, u32 blob) {
    if (std::exchange(frames_now_[p.value], blob) == blob && arena_.is_clean(p, Arena::Reader::snapshot))
        return;
    arena_.stored(p);
    std::memcpy(arena_.frame(p), blobs_[blob].data(), arena_.page());
    arena_.keep(p, Arena::Reader::snapshot);
}

u64 RealSubject::bytes_of_a_state() const {
    return sizeof(Kept) + (statics_.size() + first_->frames.size() + objects_now_.size()) * sizeof(u32);
}

// ---- the key

std::string RealSubject::key(const explore::Space& space, explore::Symmetry symmetry) {
    raw_ = symmetry == explore::Symmetry::none;
    named_objects_.clear();
    return explore::key_of(driver_.world(), space, symmetry, this);
}

RealSubject::Meaning RealSubject::meaning_of(std::span<const std::byte> bytes) const {
    const u64 struct_page_bytes = driver_.world().config().geometry.struct_page_bytes;
    const u64 mem_map = driver_.mem_map(), all = is_in_pool_.size() * struct_page_bytes;
    Meaning m;
    for (std::size_t at = 0; at + sizeof(u64) <= bytes.size(); at += sizeof(u64)) {
        u64 word;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        const u64 offset = word - mem_map;
        if (offset < all && is_in_pool_[offset / struct_page_bytes]) {
            m.pointers.push_back(word);
            word = 3 + offset % struct_page_bytes;
        } else if (is_object_space(word)) {
            m.pointers.push_back(word);
            word = 2;
        } else if (is_on_the_stack(word)) {
            word = 1;
        }
        m.rest = hash_combine(m.rest, word);
    }
    return m;
}

void RealSubject::put_meaning(explore::KeyWriter& out, const Meaning& m) const {
    const u64 struct_page_bytes = driver_.world().config().geometry.struct_page_bytes;
    out.put(m.rest);
    for (const u64 word : m.pointers)
        if (is_object_space(word))
            put_object(out, word);
        else
            out.put_frame(Pfn{(word - driver_.mem_map()) / struct_page_bytes});
}

// A pointer to the byte behind an object is one to it, for lists and loops have such.
void RealSubject::put_object(explore::KeyWriter& out, u64 pointer) const {
    const auto objects = driver_.objects();
    const auto start = [](std::span<std::byte> o) { return reinterpret_cast<u64>(o.data()); };
    const auto next = std::ranges::upper_bound(objects, pointer, {}, start);
    if (next == objects.begin() || pointer - start(next[-1]) > next[-1].size()) return out.put(0);
    const auto idx = static_cast<std::size_t>(next - objects.begin()) - 1;
    const auto known = std::ranges::find(named_objects_, idx);
    out.put(static_cast<u64>(known - named_objects_.begin()) + 1);
    out.put(pointer - start(objects[idx]));
    if (known == named_objects_.end()) named_objects_.push_back(idx);
}

// Of those that have a name each, which may name others; of the rest what there is.
void RealSubject::put_objects(explore::KeyWriter& out) const {
    for (std::size_t i = 0; i < named_objects_.size(); ++i) {
        const std::size_t idx = named_objects_[i];
        out.put(driver_.objects()[idx].size());
        put_blob(out, objects_now_[idx]);
    }
    out.put(0);
    for (std::size_t idx = 0; idx < objects_now_.size(); ++idx)
        if (!std::ranges::count(named_objects_, idx)) put_blob(out, objects_now_[idx]);
}

void RealSubject::put_blob(explore::KeyWriter& out, u32 blob) const {
    if (raw_) return out.put(blob);
    const auto [it, fresh] = meanings_.try_emplace(blob);
    if (fresh) it->second = meaning_of(blobs_[blob]);
    put_meaning(out, it->second); // it stays where it is
}

std::span<const std::byte> RealSubject::struct_page(Pfn p) const {
    const u64 bytes = driver_.world().config().geometry.struct_page_bytes;
    const u64 addr = driver_.mem_map() + p.value * bytes;
    const std::byte* at = in_vmemmap_ ? arena_.at(addr) : reinterpret_cast<const std::byte*>(addr);
    return at ? std::span(at, bytes) : std::span<const std::byte>();
}

bool RealSubject::has_blank_struct_page(Pfn p) const {
    return std::ranges::all_of(struct_page(p), [](std::byte b) { return b == std::byte{0}; });
}

// A table of entries: each says which frame, and how.
void RealSubject::put_table(explore::KeyWriter& out, Pfn p) const {
    const Geometry& g = driver_.world().config().geometry;
    const auto* entry = reinterpret_cast<const u64*>(arena_.frame(p));
    for (u32 i = 0; i < g.ptrs_per_pte; ++i) {
        out.put(entry[i] % g.page_bytes);
        if (entry[i]) out.put_frame(Pfn{entry[i] / g.page_bytes});
    }
}

// Where a frame lies behind the vmemmap of frames of the pool, whose struct pages go with them.
std::optional<Vpage> RealSubject::vpage_of_pool(Pfn p) const {
    if (!in_vmemmap_) return std::nullopt;
    const Machine& m = driver_.world().machine();
    const auto v = m.boot_vpage(p);
    if (!v || m.translate(*v).pfn() != p) return std::nullopt;
    return std::ranges::binary_search(pools_vmemmap_, *v) ? v : std::nullopt;
}

void RealSubject::put_contents(explore::KeyWriter& out, Pfn p) const {
    const auto v = vpage_of_pool(p);
    if (!v || raw_) return put_blob(out, frames_now_[p.value]);
    const u64 per_page = driver_.world().config().geometry.struct_pages_per_page();
    for (u64 i = v->value * per_page; i < (v->value + 1) * per_page; ++i)
        if (!out.is_interchangeable(Pfn{i})) put_meaning(out, meaning_of(struct_page(Pfn{i})));
}

void RealSubject::put_frame(explore::KeyWriter& out, Pfn p) const {
    const Machine& m = driver_.world().machine();
    const bool lent = arena_.is_lent(p), table = m.frame(p).owner == Owner::page_table;
    out.put(u64{lent} | u64{table} << 1);
    if (lent) table ? put_table(out, p) : put_contents(out, p);
    if ((out.is_interchangeable(p) || !in_vmemmap_) && !m.is_free(p))
        put_meaning(out, meaning_of(struct_page(p)));
}

// The pool's frames, and those in which their struct pages are.
std::vector<u8> RealSubject::beside_the_pool() const {
    std::vector<u8> out = is_in_pool_;
    for (const Vpage v : pools_vmemmap_)
        if (const Pte pte = driver_.world().machine().translate(v);
            pte.present() && pte.pfn().value < out.size())
            out[pte.pfn().value] = true;
    return out;
}

// Frames that the machine refers to nowhere, if they are not as they were at first; and the file's own data.
void RealSubject::put_rest(explore::KeyWriter& out) const {
    const std::vector<u8> beside = beside_the_pool();
    for_each_lent([&](Pfn p) {
        const bool as_at_first =
            frames_now_[p.value] == frames_first_[p.value] && (in_vmemmap_ || has_blank_struct_page(p));
        if (as_at_first && !beside[p.value]) return;
        if (out.has_named(p) || (as_at_first && !out.is_interchangeable(p) && !vpage_of_pool(p))) return;
        out.put(p.value + 1);
        out.put_frame(p);
    });
    out.put(0);
    const std::size_t nr = nr_of_the_file_ + (raw_ ? nr_of_struct_pages_ : 0);
    for (std::size_t i = 0; i < nr; ++i) put_blob(out, statics_now_[i]);
    put_blob(out, notes_now_);
    if (raw_) out.put(which_now_);
    put_objects(out);
}

} // namespace mmodel::bench
