// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/tasks/fiber.hpp"

#include <stdexcept>

#include <catch2/catch.hpp>

using mmodel::concurrent::Fiber;

TEST_CASE("an exception that leaves a fiber is thrown where the fiber was resumed") {
    Fiber* self = nullptr;
    Fiber f([&] {
        self->yield();
        throw std::runtime_error("from inside");
    });
    self = &f;
    f.resume();
    CHECK_FALSE(f.ended());
    CHECK_THROWS_WITH(f.resume(), "from inside");
    CHECK(f.ended());
}

TEST_CASE("a fiber that will not go on is unwound, whatever its body throws on the way") {
    int unwound = 0;
    struct Count {
        int& n;
        ~Count() { ++n; }
    };
    {
        Fiber* self = nullptr;
        Fiber f([&] {
            const Count count{unwound};
            try {
                self->yield();
            } catch (const Fiber::Abandoned&) {
                throw std::runtime_error("another");
            }
        });
        self = &f;
        f.resume();
    }
    CHECK(unwound == 1);
}
