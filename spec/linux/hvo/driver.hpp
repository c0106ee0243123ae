// SPDX-License-Identifier: GPL-2.0 OR MIT
// Runs operations on a compiled mm/hugetlb_vmemmap.c in this process.
#pragma once

#include <array>
#include <memory>

#include "spec/linux/host/image.hpp"
#include "spec/linux/host/real_driver.hpp"
#include "spec/linux/hvo/agree.hpp"
#include "spec/linux/shim/hvo/mmodel_hvo_abi.h"

namespace mmodel::bench {

class HvoDriver final : public RealDriver, private StoreListener {
public:
    // `unit_init` is the unit's mmodel_hvo_unit_init(). `deviations`: from the model; nothing: it is not
    // compared. Throws HostError.
    using UnitInit = mmodel_hvo_unit* (*)(const mmodel_hvo_host*);
    HvoDriver(const Config& c, UnitInit unit_init, std::optional<DeviationSet> deviations, Backing backing,
              Progress& progress);
    ~HvoDriver() override;

    void reset() override;
    [[nodiscard]] RealStep run(const Op& op) override;
    [[nodiscard]] std::vector<std::span<std::byte>> statics() override { return image_->live(); }
    void moved(std::span<const u64>) override;

private:
    friend struct HvoHost;
    friend mmodel_hvo_host make_hvo_host(HvoDriver&);
    friend struct RealHvoCalls;

    void compare(RealStep& step);
    [[nodiscard]] Contents describe(const void* page, Pfn head, u8 order) const;
    [[nodiscard]] Contents describe_tails(const SharedTail& t) const;
    // What was found in a frame, as a page of that folio at v; and whether readers were asked there, with the
    // static key on or off.
    struct Found {
        enum class Readers : u8 { not_asked, key_off, key_on };
        Vpage vpage;
        hvo::Folio folio;
        Contents contents;
        Readers readers;
    };
    struct Described {
        PageId page;
        hvo::Folio folio;
        Contents contents;
    };
    [[nodiscard]] const Contents& description_of(Pfn p, const hvo::Folio& f, const void* at);
    [[nodiscard]] Found& found_in(Pfn p) { return reinterpret_cast<Found*>(found_.at())[p.value]; }
    [[nodiscard]] bool is_still_so(Pfn p, Vpage v, const hvo::Folio& f);
    void doubt(Pfn p, const Contents& now);
    Contents look(Pfn p, Vpage v, const hvo::Folio& f, const void* at);
    void init_as_booted(Pfn start, Pfn end);
    void hand_out(Pfn p, int byte);
    void hand_out_reserved(Pfn p);
    void take_back(Pfn p);
    void clear_struct_page(Pfn p);
    void show_vmemmap(Vpage start, Vpage end);
    void sync_frame(Pfn p, Vpage v);
    void sync_pending();
    void sync_folios(const Op& op);
    void sync_shared_tails();
    void sync_page(Pfn p, Vpage v, const hvo::Folio& f, const void* at);
    void ask_readers(u64 first, const hvo::Folio& f, const Contents& found);

    // readers.cpp: while calls under test run, a reader looks after each store that he could see.
    class Reading;
    void stored(Pfn p) noexcept override;
    void watch_folio(const hvo::Folio& f);
    void read_table(Pfn table, const hvo::Folio& f);
    void read_frame(Pfn p, const hvo::Folio& f);
    void read_between(Vpage v, const hvo::Folio& f, const Contents& found, StaleWay way);
    void found_between(spec::Inv inv, const std::string& what);
    void say_found_between();

    std::vector<std::pair<spec::Inv, std::string>>
        between_{};                    // what readers found, the first of each invariant
    std::span<const hvo::Folio> read_; // whose struct pages are looked at; nobody's: no call under test runs
    std::optional<Agreement> agreement_; // with the model, where the design is the model's
    mmodel_hvo_host host_{};
    mmodel_hvo_unit* unit_{};
    std::unique_ptr<Image> image_;           // of the unit before boot
    std::array<std::byte, 64> plain_page_{}; // the struct page of a frame that is nobody's
    struct Pending {
        Vpage vpage;
        const char* where;
    };
    std::optional<Pending>
        pending_;    // a store to a struct page there was announced and may have happened since
    Reserved found_; // by frame; holds as long as the frame is clean
    std::array<Described, 64> described_{}; // shared pages that were described lately
    std::vector<Pfn> unreserved_;           // boot frames whose struct page lost its reserved mark
    std::vector<Pfn> spanning_;             // folios on their way that lie in two zones
    std::vector<Vpage> scribbled_; // vmemmap pages whose boot frame was freed and has been handed out since
};

} // namespace mmodel::bench
