// SPDX-License-Identifier: GPL-2.0 OR MIT
// The percpu operations' calls, made of a kernel file (the members of pcpu::ModelCalls). Part of
// driver.cpp, which alone includes it.
#pragma once

#include "spec/linux/percpu/driver.hpp"
#include "spec/linux/percpu/host.hpp"

namespace mmodel::bench {

struct RealPercpuCalls {
    using Where = pcpu::Where;
    using ChunkId = pcpu::ChunkId;
    PercpuDriver& d;

    static Errno errno_of(int ret) {
        for (const Errno e : {Errno::ok, Errno::nomem, Errno::busy})
            if (ret == -static_cast<int>(e)) return e;
        return Errno::inval;
    }

    Errno boot(const pcpu::BootParams& b) {
        if (!d.has_layout(b)) throw Panicked{"pcpu_setup_first_chunk", "no layout has these sizes"};
        d.prepare_static_image(b.static_size);
        const mmodel_percpu_boot boot{.static_size = b.static_size,
                                      .reserved_size = b.reserved_size,
                                      .dyn_size = b.dyn_size,
                                      .atom_size = b.atom_size,
                                      .paged = b.paged,
                                      .no_distance = 0,
                                      .no_nodes = 0};
        d.nr_embedded_frames_ = 0;
        const Errno err = errno_of(d.unit_->setup(&boot));
        if (err != Errno::ok) return err;
        d.flush_what_nobody_flushes();
        d.unit_->enable_async();
        d.adopt_boot(b);
        return err;
    }
    // The kernel's own has no errno.
    std::expected<Where, Errno> alloc(pcpu::Request r) {
        const unsigned gfp =
            (r.atomic ? MMODEL_PERCPU_GFP_NOWAIT : MMODEL_PERCPU_GFP_KERNEL) | MMODEL_PERCPU_GFP_NOWARN;
        const unsigned long ptr = d.unit_->alloc(r.bytes, r.align, r.reserved, gfp);
        if (ptr) return d.where_of(ptr);
        return std::unexpected(spec::may_be_asked(d.pcpu_->sizes, r.bytes, r.align) ? Errno::nomem
                                                                                    : Errno::inval);
    }
    bool free(Where w) {
        d.unit_->free_percpu(d.pointer_to(w));
        return true;
    }
    // Not where another area begins now, nor where free_percpu() could not find the chunk, which the frame of
    // the CPU that runs leads it to.
    void free_again(Where w) {
        if (!d.unit_->refuses_frees || !d.pcpu_->chunks.is_live(w.chunk)) return;
        const pcpu::Chunk& c = d.pcpu_->chunks[w.chunk];
        if (c.populated.test(w.off / c.page_bytes) && !pcpu::area_bytes_at(c, w.off))
            d.unit_->free_percpu(d.pointer_to(w));
    }
    void balance() {
        d.pcpu_->balance_scheduled = false;
        d.unit_->balance();
    }
    u64 lookup(u64 addr) { return d.unit_->per_cpu_ptr_to_phys(d.to_host(addr)); }
    void online(u8, bool) {}

    // As pcpu_alloc() asks for them.
    [[nodiscard]] unsigned backing_gfp() const {
        return d.pcpu_->sizes.backing == pcpu::Backing::noio ? MMODEL_PERCPU_GFP_NOIO
                                                             : MMODEL_PERCPU_GFP_KERNEL;
    }
    ChunkId create() {
        void* self = d.unit_->create_chunk(backing_gfp());
        if (!self) return pcpu::no_chunk;
        mmodel_percpu_chunk c{};
        d.unit_->describe(self, &c);
        const ChunkId id = d.numbers_.of(d.to_model(c.base_addr));
        d.selves_.resize(d.numbers_.end());
        if (id == pcpu::no_chunk) d.bug("pcpu_create_chunk", "a chunk at addresses that were not reserved");
        d.selves_[id] = self;
        return id;
    }
    Errno populate(ChunkId id, int start, int end) {
        const Errno err = errno_of(d.unit_->populate_chunk(d.selves_[id], start, end, backing_gfp()));
        if (err == Errno::ok) d.unit_->chunk_populated(d.selves_[id], start, end);
        return err;
    }
    void depopulate(ChunkId id, int start, int end) {
        d.unit_->depopulate_chunk(d.selves_[id], start, end);
        d.unit_->chunk_depopulated(d.selves_[id], start, end);
        d.unit_->post_unmap_tlb_flush(d.selves_[id], start, end);
    }
    void destroy(ChunkId id) {
        pcpu::for_each_run(*d.pcpu_, id, true, 0, d.pcpu_->chunks[id].nr_pages, [&](int rs, int re) {
            d.unit_->depopulate_chunk(d.selves_[id], rs, re);
            d.unit_->chunk_depopulated(d.selves_[id], rs, re);
            return true;
        });
        d.unit_->destroy_chunk(d.selves_[id]);
    }
    bool should_reclaim(ChunkId id) { return d.unit_->should_reclaim_chunk(d.selves_[id]) != 0; }
};

} // namespace mmodel::bench
