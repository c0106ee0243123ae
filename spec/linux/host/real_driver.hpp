// SPDX-License-Identifier: GPL-2.0 OR MIT
// What runs operations on a compiled kernel file in this process: its callbacks become events of a machine,
// its memory is an arena's, and a monitor judges. One at a time in a process, and best in a child: kernel
// code that is wrong may do anything.
#pragma once

#include "model/machine/kernel.hpp"
#include "model/outcome.hpp"
#include "model/world.hpp"
#include "spec/explore/subject.hpp"
#include "spec/judge/monitor.hpp"
#include "spec/linux/host/deviation.hpp"
#include "spec/linux/host/mmu.hpp"

namespace mmodel::bench {

// Who else is told of the events of a kernel file.
struct Listener {
    virtual void see(const Event& e) = 0;

protected:
    ~Listener() = default;
};

// The specification watches, and perhaps a listener; and as long as nothing is broken, whoever explores, who
// also says which frames the page allocator gives.
struct RealWatch {
    spec::Monitor& monitor;
    explore::Observer* observer{};
    Listener* listener{};
    std::vector<std::optional<Pfn>> picked{}; // what he said, in order

    void before(const Machine& m, const Event& e) {
        monitor.before(m, e);
        if (listener) listener->see(e);
    }
    void after(const Machine& m, const Event& e) {
        monitor.after(m, e);
        if (observer && (monitor.violations().empty() || observer->goes_past())) observer->after(m, e);
    }
    [[nodiscard]] bool picks() const { return observer != nullptr; }
    [[nodiscard]] std::optional<Pfn> pick_frame(const Machine& m) {
        picked.push_back(observer->pick_frame(m));
        return picked.back();
    }
};

using RealKernel = Kernel<RealWatch>;

// As mmodel::in_tree(), which is asked once a name: `c_name` is text of the loaded file that does not change.
[[nodiscard]] Caller in_tree(const char* c_name);

// How far a run has come; lives in shared memory so that a parent can read it when the child is gone.
struct Progress {
    volatile u64 op_idx{};
    volatile u64 nr_events{}; // of this operation
    volatile u64 nr_events_total{};
    const char* volatile where{}; // the kernel function that caused the latest event (the child's address
                                  // space)
};

// An operation may cause this many events; more is an operation that does not end.
inline constexpr u64 max_events = 4'000'000;

// What an operation with a violation leaves. Sound: what was wrong was wrong at the time, and the machine at
// rest is as it should be, or was mended (HvoDriver::mend()). Unsound: it is not. Cut off: the call did not
// come to its end.
enum class Left : u8 { sound, unsound, cut_off };

struct RealStep {
    Ran ran{};
    std::vector<spec::Violation> violations{}; // of this operation, in order
    Left left{};
    bool compared{};      // with the model
    DeviationSet shown{}; // ... and found to deviate as is known
    u64 code{}; // the last of them is a wrong access: what follows it in the object, by offset; else 0
};

// Ends an operation from inside kernel code; the unit is compiled with -fexceptions so that it can pass.
struct Abandon {};

// Who answers what kernel code reads and writes: the software MMU, whom the unit's entry point attaches to,
// or without one the host's own page tables. `poison`: see Mmu; what is taken as unchanged is looked at.
struct Backing {
    void (*attach)(mmodel_mmu*){};
    bool poison{};
    StaleWay stale{}; // see RealDriver::answer_stale()
};

class RealDriver {
public:
    virtual ~RealDriver() = default;
    RealDriver(const RealDriver&) = delete;
    RealDriver& operator=(const RealDriver&) = delete;

    // The machine and the kernel file's own state as after boot.
    virtual void reset() = 0;
    // What the observer throws comes through, see observe().
    [[nodiscard]] virtual RealStep run(const Op& op) = 0;
    [[nodiscard]] const Arena& arena() const { return arena_; }
    // From now on operations run on a CPU that still uses old translations. What is promised of TLBs is not
    // judged then: what comes of it is. Needs: the software MMU.
    void answer_stale(StaleWay way) { stale_ = way; }

    // ---- for who explores (subject.hpp)
    // Needs: nothing has been run. What is nobody's business no longer tells two states apart.
    virtual void begin_exploring() {}
    // Who sees the events of the operations from now on; nobody: nullptr.
    void observe(explore::Observer* observer) { observer_ = observer; }
    // At rest, or while an operation runs.
    [[nodiscard]] World& world() { return world_; }
    [[nodiscard]] Arena& memory() { return arena_; }
    // All that the kernel file and the bench for it keep outside frames and world, at rest. Always the same
    // pieces.
    [[nodiscard]] virtual std::vector<std::span<std::byte>> statics() = 0;
    // Objects that the kernel file has allocated, by address: pieces that come and go. And: these are there.
    [[nodiscard]] virtual std::span<const std::span<std::byte>> objects() const { return {}; }
    virtual void set_objects(std::span<const std::span<std::byte>>) {}
    // Where the first struct page is: behind the vmemmap, or in memory of its own.
    [[nodiscard]] virtual unsigned long mem_map() const { return arena_.vmemmap(); }
    // What the driver itself has noted of the state, at rest; may have addresses of objects.
    [[nodiscard]] virtual std::vector<u64> notes() const { return {}; }
    // World, frames, statics and objects are those of another state, of which it had noted this; reset() is
    // not to be called any more.
    virtual void moved(std::span<const u64> notes) = 0;
    // What is skipped because nothing was stored there is done all the same, and compared.
    [[nodiscard]] bool doubts() const { return doubts_; }
    // Of all memory that kernel code may have written: frames, objects, page tables; and of what is where.
    [[nodiscard]] u64 digest() const;

protected:
    // The machine as it boots, and memory for it. Throws HostError.
    RealDriver(const Config& c, Backing backing, Progress& progress);

    // For the callbacks; each needs a running operation. Kernel function `where` causes an event, or so many
    // that it does not end: then an Abandon.
    RealKernel& enter(const char* where);
    // An access was refused: the violation that it is.
    void accuse(RealStep& step, const BadAccess& what);
    void warn(const char* where, int line, const char* condition);
    // A fact that kernel code itself (then `line` says where), or the bench for it, found not to hold.
    [[noreturn]] void bug(const char* where, const std::string& what, int line = 0);
    // The frame of that number; a bug when the machine has none.
    Pfn checked(const char* where, unsigned long pfn);

    // What lives as long as an operation: its events are watched, and counted in `progress_`.
    struct Running {
        Running(RealDriver& driver, const Op& op, spec::Scope scope);
        ~Running();
        void count(Ran& ran) const;

        RealDriver& driver;
        spec::Monitor monitor;
        RealWatch watch;
        State& state;
        RealKernel kernel;
        StaleTlb tlb;
    };
    // Kernel code has returned: what the file is asked from now on is what is in memory.
    void code_is_done() {
        arena_.commit();
        tlb_ = nullptr;
        arena_.answer_from(nullptr);
    }
    // What the bench asks of the file while an operation runs.
    auto ask_of_memory(const auto& question) {
        arena_.answer_from(nullptr);
        const auto answer = question();
        arena_.answer_from(tlb_);
        return answer;
    }

    Config config_;
    World boot_;
    World world_;
    Progress& progress_;
    std::unique_ptr<Arena> own_arena_;
    Arena& arena_;
    const bool doubts_;
    RealKernel* kernel_{}; // while an operation runs
    spec::Monitor* monitor_{};
    explore::Observer* observer_{};
    StaleWay stale_{};
    StaleTlb* tlb_{}; // while an operation runs, and if it is to be used
};

inline constexpr unsigned char poison =
    0xaa; // what a frame holds when it is handed out: nothing a reader could take for his own

} // namespace mmodel::bench
