// SPDX-License-Identifier: GPL-2.0 OR MIT
// The words every room shares: frame numbers, virtual page numbers, errnos. Addresses are integers, never
// pointers.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace mmodel {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i64 = std::int64_t;

// A number with a meaning. Two meanings never mix without saying so (`.value`).
template <class Tag, class Rep>
struct Strong {
    Rep value{};

    constexpr Strong() = default;
    constexpr explicit Strong(Rep v) : value(v) {}
    constexpr auto operator<=>(const Strong&) const = default;
    constexpr Strong operator+(Rep n) const { return Strong{static_cast<Rep>(value + n)}; }
    constexpr Strong operator-(Rep n) const { return Strong{static_cast<Rep>(value - n)}; }
    constexpr Rep operator-(Strong o) const { return static_cast<Rep>(value - o.value); }
    constexpr Strong& operator++() {
        ++value;
        return *this;
    }
};

// Physical frame number: frame p holds bytes [p * page_bytes, (p + 1) * page_bytes).
using Pfn = Strong<struct PfnTag, u64>;
// Page number inside the vmemmap: vmemmap page v holds struct pages [v * K, (v + 1) * K), K = page_bytes /
// struct page.
using Vpage = Strong<struct VpageTag, u64>;
// NUMA node, buddy order.
using Nid = Strong<struct NidTag, u8>;
using Order = Strong<struct OrderTag, u8>;

// The two of init_mm; and, of whatever code runs, a spinlock under which nothing may sleep, and a mutex.
enum class Lock : u8 { page_table, mmap_read, spin, mutex };

inline constexpr Pfn no_pfn{~u64{0} >> 8};

// What a kernel function returns beside the state. Values are the kernel's.
enum class Errno : int { ok = 0, again = 11, nomem = 12, busy = 16, inval = 22, notsupp = 524 };

// Returned by value from the one place that names errnos: "0", "-ENOMEM", ...
constexpr const char* name(Errno e) {
    switch (e) {
    case Errno::ok: return "0";
    case Errno::again: return "-EAGAIN";
    case Errno::nomem: return "-ENOMEM";
    case Errno::busy: return "-EBUSY";
    case Errno::inval: return "-EINVAL";
    case Errno::notsupp: return "-ENOTSUPP";
    }
    return "?";
}

// A 64-bit mixer with good avalanche (the splitmix64 finaliser).
constexpr u64 mix(u64 x) {
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

constexpr u64 hash_combine(u64 a, u64 b) { return mix(a ^ (mix(b) + 0x632be59bd9b4e019ull)); }

// One multiplication: the two halves of a 128-bit product. For values hashed at every write.
constexpr u64 fold(u64 a, u64 b) {
    __extension__ using u128 = unsigned __int128;
    const u128 p = u128{a ^ 0x9e3779b97f4a7c15ull} * (b ^ 0xd1b54a32d192ed03ull);
    return static_cast<u64>(p) ^ static_cast<u64>(p >> 64);
}

} // namespace mmodel
