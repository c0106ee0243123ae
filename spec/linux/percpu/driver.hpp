// SPDX-License-Identifier: GPL-2.0 OR MIT
// Runs operations on a compiled mm/percpu.c, with its percpu-vm.c, in this process. Its state is read after
// every operation into the same pcpu::Pcpu that the model has; the specification judges that, and the model's
// own run of the operation is what it is compared with.
#pragma once

#include <memory>

#include "model/percpu/operations.hpp"
#include "spec/linux/host/image.hpp"
#include "spec/linux/host/real_driver.hpp"
#include "spec/linux/percpu/contents.hpp"
#include "spec/linux/percpu/objects.hpp"
#include "spec/linux/shim/percpu/mmodel_percpu_abi.h"

namespace mmodel::bench {

// Which number a chunk has. Given as the model gives them: the lowest that is free when its addresses are
// reserved. The first chunks have theirs from boot on.
class ChunkNumbers {
public:
    void begin(pcpu::ChunkId nr_boot_chunks) { bases_.assign(nr_boot_chunks, boot); }
    // Those that there are, and that they be these.
    [[nodiscard]] std::span<const u64> all() const { return bases_; }
    void begin(std::span<const u64> all) { bases_.assign(all.begin(), all.end()); }
    pcpu::ChunkId give(u64 base_addr);
    void take_back(pcpu::ChunkId id) { bases_[id] = none; }
    [[nodiscard]] pcpu::ChunkId of(u64 base_addr) const; // no_chunk: nobody's
    // The chunk whose unit 0 the address lies in; not for the first chunks.
    [[nodiscard]] pcpu::ChunkId at(u64 addr, u64 unit_bytes) const;
    [[nodiscard]] pcpu::ChunkId end() const { return static_cast<pcpu::ChunkId>(bases_.size()); }
    [[nodiscard]] bool is_given(pcpu::ChunkId id) const { return id < end() && bases_[id] != none; }
    [[nodiscard]] bool is_boot(pcpu::ChunkId id) const { return bases_[id] == boot; }
    [[nodiscard]] u64 base(pcpu::ChunkId id) const { return bases_[id]; }

private:
    static constexpr u64 none = 0, boot = 1;
    std::vector<u64> bases_;
};

class PercpuDriver final : public RealDriver {
public:
    using UnitInit = mmodel_percpu_unit* (*)(const mmodel_percpu_host*);
    // `unit_init` is the unit's mmodel_percpu_unit_init(). Throws HostError.
    PercpuDriver(const Config& c, UnitInit unit_init, Backing backing, Progress& progress);
    ~PercpuDriver() override;

    void reset() override;
    [[nodiscard]] RealStep run(const Op& op) override;
    void begin_exploring() override;
    [[nodiscard]] std::vector<std::span<std::byte>> statics() override;
    [[nodiscard]] std::span<const std::span<std::byte>> objects() const override { return objects_.live(); }
    void set_objects(std::span<const std::span<std::byte>> live) override { objects_.set_live(live); }
    [[nodiscard]] unsigned long mem_map() const override { return reinterpret_cast<unsigned long>(mem_map_); }
    [[nodiscard]] std::vector<u64> notes() const override;
    void moved(std::span<const u64> notes) override;

private:
    friend struct PercpuHost;
    friend struct RealPercpuCalls;

    using Pcpu = pcpu::Pcpu;
    using ChunkId = pcpu::ChunkId;
    struct Listed {
        ChunkId id;
        int list;
        bool operator==(const Listed&) const = default;
    };

    // Host addresses and the model's.
    [[nodiscard]] u64 to_model(unsigned long host) const;
    [[nodiscard]] unsigned long to_host(u64 addr) const;
    [[nodiscard]] pcpu::Where where_of(unsigned long ptr) const; // of a percpu pointer
    [[nodiscard]] unsigned long pointer_to(pcpu::Where w) const;

    [[nodiscard]] Op as_a_kernel_meets_it(Op op) const;
    // Sizes that no layout has are met with a BUG() or worse; a kernel file is not asked.
    [[nodiscard]] bool has_layout(const pcpu::BootParams& b) const;
    void judge(const Op& op, RealStep& step, const Ran& expected);
    void judge_bytes(); // sync.cpp
    void give_up_boot(RealStep& step, const Ran& expected);
    void put_back_unit();
    void prepare_static_image(u64 bytes);
    [[nodiscard]] std::vector<std::span<std::byte>> pieces(u64 addr, u64 bytes);
    [[nodiscard]] Held held(u8 slot);
    void about_to_write(const Held& h);
    [[nodiscard]] Ran run_model(const Op& op, const RealWatch& files);
    void clear_struct_page(Pfn p);
    void check_contents(const Op& op);
    void check_all_contents(int cpu);
    void check_static_data(const Op& op);
    void fill_contents(const Op& op, const Outcome& outcome);

    // percpu_sync.cpp: what the kernel file's state says, into pcpu_.
    void adopt_boot(const pcpu::BootParams& b);
    void flush_what_nobody_flushes();
    void sync();
    void sync_members();
    void sync_lists();
    void sync_chunks();
    void sync_chunk(ChunkId id, const mmodel_percpu_chunk& d);
    [[nodiscard]] bool is_suspect(ChunkId id) const;
    void sync_tags();
    void sync_array();
    void forget_the_array();
    [[nodiscard]] u64 nr_page_pointers() const {
        return static_cast<u64>(pcpu_->layout.nr_units) * static_cast<u64>(pcpu_->layout.unit_pages);
    }
    void read_lists(int nr);
    [[nodiscard]] ChunkId number_of(const mmodel_percpu_chunk& d) const;

    ObjectPool objects_;
    std::vector<unsigned long> pmds_;
    std::byte* mem_map_{};
    std::vector<std::byte> static_room_;
    std::span<std::byte> static_image_; // in it, at the start of a page
    mmodel_percpu_host host_{};
    mmodel_percpu_unit* unit_{};
    std::unique_ptr<Image> image_;

    // While an operation runs.
    Op op_{};
    World models_world_;  // the same operation, by the model
    const Pcpu* model_{}; // ... what it made of it
    Pcpu* pcpu_{};
    ChunkNumbers numbers_;
    std::vector<void*> selves_; // by number: the kernel file's own chunk
    AreaContents contents_;
    bool explored_{};
    bool boot_is_paged_{};
    u64 nr_embedded_frames_{};
    std::vector<std::pair<Vmap, u64>> mapped_; // by this operation
    void* array_{};                            // what it made
    std::vector<void*> arrays_;  // objects of this operation that may be what pcpu_get_pages() made
    std::vector<Pfn> described_; // frames whose struct page may not be zero any more
    std::vector<mmodel_percpu_chunk> room_;
    std::vector<Listed> found_, had_;           // of sync_lists(), kept for their room
    std::span<const mmodel_percpu_chunk> read_; // of the lists, in order; in room_
};

} // namespace mmodel::bench
