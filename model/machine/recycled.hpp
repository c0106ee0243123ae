// SPDX-License-Identifier: GPL-2.0 OR MIT
// Memory of small objects that come and go all the time, such as nodes of which a write after a copy makes
// new ones: what a thread freed last it uses first.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace mmodel {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MMODEL_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MMODEL_ADDRESS_SANITIZER
#endif
#ifdef MMODEL_ADDRESS_SANITIZER
inline constexpr std::size_t most_recycled = 0; // or it would not see who uses what is freed
#else
inline constexpr std::size_t most_recycled = 4096;
#endif

// A base of N, and of nothing that is derived from N. Memory goes back to the heap when so many objects are
// free already, and when the thread ends.
template <class N>
class Recycled {
public:
    static void* operator new(std::size_t bytes) {
        static_assert(alignof(N) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
        if (!free_.first) return ::operator new(bytes);
        ++free_.room;
        return std::exchange(free_.first, free_.first->next);
    }
    static void operator delete(void* p) {
        if (!free_.room) return ::operator delete(p);
        --free_.room;
        free_.first = new (p) Free{free_.first};
    }

private:
    struct Free {
        Free* next;
    };
    struct List {
        Free* first{};
        std::size_t room{most_recycled};
        ~List() {
            while (first) ::operator delete(std::exchange(first, first->next));
            room = 0; // for what is freed later
        }
    };
    static inline thread_local List free_{};
};

} // namespace mmodel
