// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/child.hpp"

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>

#include "spec/linux/host/cage.hpp"
#include "spec/linux/host/load.hpp"

namespace mmodel::bench {
namespace {

// For the signal handler, which has no other way to know.
Reply* reply_now = nullptr;
const Arena* arena_now = nullptr;

// Async-signal-safe.
void copy_text(Text& to, const char* from, const char* more = "", const char* end = "") {
    std::size_t n = 0;
    for (const char* part : {from, more, end})
        for (; part && *part && n + 1 < to.chars.size(); ++part) to.chars[n++] = *part;
    to.chars[n] = 0;
}

// How an access went wrong, and where.
struct Fault {
    unsigned long addr;
    bool write, near_stack_pointer;
};

#if defined(__x86_64__)
bool is_write(const mcontext_t& registers) { return registers.gregs[REG_ERR] & 2; }
unsigned long stack_pointer(const mcontext_t& registers) {
    return static_cast<unsigned long>(registers.gregs[REG_RSP]);
}
#elif defined(__aarch64__)
// Not every host says it; the instruction does.
bool is_write(const mcontext_t& registers) {
    constexpr struct {
        u32 mask, bits;
    } writing[] = {
        {0x3bc00000, 0x39000000}, {0x3bc00000, 0x38000000}, // str, stur
        {0x3fc00000, 0x3d800000}, {0x3fe00000, 0x3c800000}, // ... of a q register
        {0x3a400000, 0x28000000},                           // stp, stnp
        {0x3f400000, 0x08000000},                           // stxr, stlr
        {0x3f200c00, 0x38200000}, {0x3fa07c00, 0x08a07c00}, // ldadd and the like, swp; cas
    };
    if (registers.pc == registers.fault_address) return false; // there is no instruction
    u32 instruction;
    std::memcpy(&instruction, reinterpret_cast<const void*>(registers.pc), sizeof instruction);
    return std::ranges::any_of(writing, [=](const auto& w) { return (instruction & w.mask) == w.bits; });
}
unsigned long stack_pointer(const mcontext_t& registers) { return registers.sp; }
#else
bool is_write(const mcontext_t&) { return false; }
unsigned long stack_pointer(const mcontext_t&) { return 0; }
#endif

Fault fault_of(const siginfo_t& info, void* context) {
    constexpr unsigned long near = 4096;
    const mcontext_t& registers = static_cast<ucontext_t*>(context)->uc_mcontext;
    const auto addr = reinterpret_cast<unsigned long>(info.si_addr);
    return {addr, is_write(registers), addr - stack_pointer(registers) + near < 2 * near};
}

const char* describe(const Fault& f, bool in_vmemmap, bool in_vmalloc) {
    if (in_vmemmap && f.write) return "a write to a vmemmap page that is mapped read-only, or not at all";
    if (in_vmemmap) return "a read of a vmemmap page that is not mapped";
    if (in_vmalloc)
        return f.write ? "a write to a vmalloc page that is not mapped"
                       : "a read of a vmalloc page that is not mapped";
    if (f.near_stack_pointer) return "the stack is used up: a recursion without an end?";
    return f.write ? "a write to memory that is nobody's" : "a read of memory that is nobody's";
}

// Async-signal-safe: writes to shared memory and leaves.
void on_fault(int sig, siginfo_t* info, void* context) {
    copy_text(reply_now->fault_where, reply_now->progress.where);
    if (sig == SIGSYS) {
        reply_now->fault_is_system_call = 1;
        copy_text(reply_now->fault_what, "the file calls the system, as no kernel code does: ",
                  name_of_system_call(info->si_syscall), "()");
        _exit(fault_status);
    }
    const Fault f = fault_of(*info, context);
    const bool in_vmemmap = arena_now && arena_now->vpage_at(f.addr).has_value();
    const bool in_vmalloc = arena_now && arena_now->vmap_at(f.addr).has_value();
    if (sig == SIGBUS && arena_now && (in_vmemmap || in_vmalloc || arena_now->frame_at(f.addr))) {
        copy_text(reply_now->host_error, "SIGBUS: the host has no memory left for the modelled frames");
        _exit(host_status);
    }
    copy_text(reply_now->fault_what, describe(f, in_vmemmap, in_vmalloc));
    reply_now->fault_is_write = f.write;
    reply_now->fault_in_read_only_vmemmap = in_vmemmap && f.write;
    _exit(fault_status);
}

void catch_faults() {
    static std::array<char, 64 * 1024> stack;
    const stack_t alt{.ss_sp = stack.data(), .ss_flags = 0, .ss_size = stack.size()};
    sigaltstack(&alt, nullptr);
    struct sigaction act{};
    act.sa_sigaction = on_fault;
    act.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (int sig : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTERM, SIGSYS}) sigaction(sig, &act, nullptr);
    std::signal(SIGINT, SIG_IGN); // Ctrl-C is for the parent, who still wants this child's answer
}

// Modelled memory and what is kept of it, some of it more than once; and room for the rest.
Limits limits_for(const Config& c) {
    const u64 frames = c.nr_frames() * c.geometry.page_bytes,
              vmalloc = c.vmalloc_pages * c.geometry.page_bytes;
    return {.address_space = 2 * frames + 2 * vmalloc + (u64{8} << 30),
            .file_bytes = frames + (1 << 20),
            .cpu_seconds = 0}; // the parent limits each sequence
}

void answer(int out) {
    const char c = 1;
    if (write(out, &c, 1) != 1) _exit(host_status);
}

void run(RealDriver& driver, const Request& request, Reply& reply, CoverageMap* coverage) {
    reply.begin();
    driver.answer_stale(request.stale);
    for (u64 i = 0; i < request.nr_ops && !reply.nr_seen; ++i) {
        reply.progress.op_idx = i;
        if (coverage) coverage->enter(class_of(driver.world()));
        const RealStep step = driver.run(request.ops[i]);
        reply.add(step, i, request.goes_on && step.left == Left::sound);
    }
    reply.nr = request.nr;
}

} // namespace

void be_child(const Unit& unit, const Config& c, std::span<std::byte> request, Reply& reply,
              CoverageMap* coverage, int in, int out, pid_t parent, const Work& work) {
    reply_now = &reply;
    reply.begin();
    leave_parent(parent, {in, out});
    in = 3, out = 4;
    limit(limits_for(c));
    catch_faults();
    mprotect(request.data(), request.size(), PROT_READ);
    const bool filtered = filter_system_calls(Phase::loading); // what cannot be is said by cage_gaps()
    try {
        const auto driver = make_driver(unit, c, reply.progress, coverage);
        arena_now = &driver->arena();
        if (filtered && !filter_system_calls(Phase::running)) _exit(host_status);
        work(*driver, in, out);
        _exit(0);
    } catch (const std::exception& e) {
        reply.host_error.set(e.what());
        _exit(host_status);
    } catch (...) {
        reply.host_error.set("an exception of an unknown kind left the driver");
        _exit(host_status);
    }
}

void serve(const Unit& unit, const Config& c, Request& request, Reply& reply, CoverageMap* coverage, int in,
           int out, pid_t parent) {
    const auto answer_for_ever = [&](RealDriver& driver, int from, int to) {
        for (char byte; read(from, &byte, 1) == 1;) {
            run(driver, request, reply, coverage);
            const bool stays = !reply.nr_seen || reply.stays;
            if (stays) driver.reset();
            answer(to);
            if (!stays) _exit(0);
        }
    };
    be_child(unit, c, std::as_writable_bytes(std::span(&request, 1)), reply, coverage, in, out, parent,
             answer_for_ever);
}

} // namespace mmodel::bench
