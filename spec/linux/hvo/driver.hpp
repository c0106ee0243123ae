// SPDX-License-Identifier: GPL-2.0 OR MIT
// Runs operations on a compiled mm/hugetlb_vmemmap.c in this process.
#pragma once

#include "spec/linux/host/real_driver.hpp"
#include "spec/linux/shim/hvo/mmodel_abi.h"

namespace mmodel::bench {

class Driver final : public RealDriver {
public:
    // `unit_init` is the unit's mmodel_unit_init(). Throws HostError.
    Driver(const Config& c, mmodel_unit* (*unit_init)(const mmodel_host*), Progress& progress);
    ~Driver() override;

    void reset() override;
    [[nodiscard]] RealStep run(const Op& op) override;
    [[nodiscard]] const Arena& arena() const override { return arena_; }

private:
    friend struct Host;
    friend struct RealCalls;

    [[nodiscard]] Contents describe(const void* page, Pfn head, u8 order) const;
    void hand_out(Pfn p, int byte);
    void sync_frame(Pfn p, Vpage v);
    void sync_pending();
    void sync_folios(const Op& op);
    void check_readers(const hvo::Folio& f);

    Config config_;
    World boot_;
    World world_;
    Progress& progress_;
    Arena arena_;
    mmodel_host host_{};
    mmodel_unit* unit_{};
    RealKernel* kernel_{}; // while an operation runs
    spec::Monitor* monitor_{};
    struct Pending {
        Vpage vpage;
        const char* where;
    };
    std::optional<Pending>
        pending_;                  // a store to a struct page there was announced and may have happened since
    std::vector<Pfn> unreserved_;  // boot frames whose struct page lost its reserved mark
    std::vector<Vpage> scribbled_; // vmemmap pages whose boot frame was freed and has been handed out since
};

} // namespace mmodel::bench
