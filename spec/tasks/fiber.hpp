// SPDX-License-Identifier: GPL-2.0 OR MIT
// A function on a stack of its own, which gives up the processor in the middle and goes on later.
// ucontext(3): no package, no thread. One thread runs a fiber from its first to its last step.
#pragma once

#include <functional>
#include <memory>

namespace mmodel::concurrent {

class Fiber {
public:
    // What yield() throws in a fiber that will not go on. The body must let it pass.
    struct Abandoned {};

    // Does not run it yet.
    explicit Fiber(std::function<void()> body);
    // Unwinds a body that has begun and not ended.
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    // From outside: runs it until it yields or ends. Needs: !ended(). An exception that leaves the body ends
    // it and is thrown from here.
    void resume();
    // From inside: back to who resumed it. Not while an exception is being handled.
    void yield();
    [[nodiscard]] bool ended() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace mmodel::concurrent
