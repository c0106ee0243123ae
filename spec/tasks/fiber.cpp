// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/tasks/fiber.hpp"

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <ucontext.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MMODEL_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define MMODEL_ASAN 1
#endif
#ifdef MMODEL_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace mmodel::concurrent {
namespace {

constexpr std::size_t stack_bytes = std::size_t{256} << 10;
constexpr std::size_t guard_bytes = std::size_t{64} << 10; // below the stack, not accessible

// Stacks that nobody uses; a search makes fibers by the hundred thousand.
class Stacks {
public:
    ~Stacks() {
        for (char* s : free_) munmap(s, guard_bytes + stack_bytes);
    }
    char* take() {
        if (!free_.empty()) {
            char* s = free_.back();
            free_.pop_back();
            return s;
        }
        void* s = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (s == MAP_FAILED || mprotect(s, guard_bytes, PROT_NONE) != 0) throw std::bad_alloc();
        return static_cast<char*>(s);
    }
    void give(char* s) { free_.push_back(s); }

private:
    std::vector<char*> free_;
};

Stacks& stacks() {
    thread_local Stacks all;
    return all;
}

} // namespace

struct Fiber::Impl {
    std::function<void()> body;
    char* stack{};
    ucontext_t inside{}, outside{};
    bool begun{}, ended{}, abandoned{};
    std::exception_ptr failure{}; // what left the body
    void* fake_stack{};           // ASan's
    const void* outside_stack{};
    std::size_t outside_bytes{};

    // What AddressSanitizer has to be told when stacks change. A null `keep` ends the stack that is left.
    void leave([[maybe_unused]] void** keep, [[maybe_unused]] const void* to,
               [[maybe_unused]] std::size_t bytes) {
#ifdef MMODEL_ASAN
        __sanitizer_start_switch_fiber(keep, to, bytes);
#endif
    }
    void arrive([[maybe_unused]] void* kept, [[maybe_unused]] bool from_outside) {
#ifdef MMODEL_ASAN
        const void* from = nullptr;
        std::size_t bytes = 0;
        __sanitizer_finish_switch_fiber(kept, &from, &bytes);
        if (from_outside) outside_stack = from, outside_bytes = bytes;
#endif
    }
    void go_in() {
        void* fake = nullptr;
        leave(&fake, stack + guard_bytes, stack_bytes);
        swapcontext(&outside, &inside);
        arrive(fake, false);
    }
    static void enter(unsigned high, unsigned low) {
        auto* self = reinterpret_cast<Impl*>(static_cast<std::uintptr_t>(high) << 32 | low);
        self->arrive(nullptr, true);
        try {
            self->body();
        } catch (const Abandoned&) {
        } catch (...) { // an exception cannot pass from one stack to the other
            self->failure = std::current_exception();
        }
        self->ended = true;
        self->leave(nullptr, self->outside_stack, self->outside_bytes);
        setcontext(&self->outside);
    }
};

Fiber::Fiber(std::function<void()> body) : impl_(std::make_unique<Impl>()) { impl_->body = std::move(body); }

Fiber::~Fiber() {
    if (impl_->begun && !impl_->ended) {
        impl_->abandoned = true;
        impl_->go_in();
    }
    if (impl_->stack) stacks().give(impl_->stack);
}

bool Fiber::ended() const { return impl_->ended; }

void Fiber::resume() {
    Impl& f = *impl_;
    if (!std::exchange(f.begun, true)) {
        f.stack = stacks().take();
        getcontext(&f.inside);
        f.inside.uc_stack.ss_sp = f.stack + guard_bytes;
        f.inside.uc_stack.ss_size = stack_bytes;
        f.inside.uc_link = nullptr;
        const auto at = reinterpret_cast<std::uintptr_t>(&f);
        makecontext(&f.inside, reinterpret_cast<void (*)()>(&Impl::enter), 2, static_cast<unsigned>(at >> 32),
                    static_cast<unsigned>(at));
    }
    f.go_in();
    if (f.failure) std::rethrow_exception(std::exchange(f.failure, nullptr));
}

void Fiber::yield() {
    Impl& f = *impl_;
    f.leave(&f.fake_stack, f.outside_stack, f.outside_bytes);
    swapcontext(&f.inside, &f.outside);
    f.arrive(f.fake_stack, true);
    if (f.abandoned) throw Abandoned{};
}

} // namespace mmodel::concurrent
