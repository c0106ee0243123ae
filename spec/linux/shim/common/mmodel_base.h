/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the shims of every unit stand on: integer types, errno, attributes, small macros. No host, no events. */
#ifndef MMODEL_BASE_H
#define MMODEL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __TINYC__
#include "mmodel_builtins.h"
#endif

/*
 * 1 for an option defined as 1, 0 for a name that is no macro: the last step takes its second argument,
 * which is the 1 only if the option's expansion pushed an argument in front of it.
 */
#define MMODEL_PUSH_1 0,
#define MMODEL_SECOND(ignored, value, ...) value
#define MMODEL_PICK(push_or_junk) MMODEL_SECOND(push_or_junk 1, 0, 0)
#define MMODEL_ENABLED(value) MMODEL_PICK(MMODEL_PUSH_##value)
#define IS_ENABLED(option) MMODEL_ENABLED(option)
#define IS_BUILTIN(option) IS_ENABLED(option)

typedef unsigned int gfp_t;
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
typedef unsigned long phys_addr_t;
typedef long loff_t;
typedef struct { int counter; } atomic_t;

#define EPERM    1
#define ENOENT   2
#define EINTR    4
#define EAGAIN   11
#define ENOMEM   12
#define EBUSY    16
#define EINVAL   22
#define ENOTSUPP 524

#define __init
#define __initdata
#define __meminit
#define __ro_after_init
#define __read_mostly
#define __maybe_unused  __attribute__((unused))
#undef __always_inline /* the host's C library has one */
#define __always_inline inline __attribute__((always_inline))
#define noinline        __attribute__((noinline))
#define fallthrough     __attribute__((fallthrough))

/* A function of the bench's own: its accesses are no business of the software MMU's. */
#ifdef __clang__
#define mmodel_unseen   __attribute__((disable_sanitizer_instrumentation))
#else
#define mmodel_unseen   __attribute__((no_sanitize_thread))
#endif

#define likely(x)        __builtin_expect(!!(x), 1)
#define unlikely(x)      __builtin_expect(!!(x), 0)
#define barrier()        __asm__ volatile("" ::: "memory")
#define READ_ONCE(x)     (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

#define BIT(n)             (1ul << (n))
#define ARRAY_SIZE(a)      (sizeof(a) / sizeof((a)[0]))
#define ALIGN(x, a)        (((x) + (a) - 1) & ~((typeof(x))(a) - 1))
#define ALIGN_DOWN(x, a)   ((x) & ~((typeof(x))(a) - 1))
#define IS_ALIGNED(x, a)   (((x) & ((typeof(x))(a) - 1)) == 0)
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define min(a, b)          ({ typeof(a) mm_a = (a); typeof(b) mm_b = (b); mm_a < mm_b ? mm_a : mm_b; })
#define max(a, b)          ({ typeof(a) mm_a = (a); typeof(b) mm_b = (b); mm_a > mm_b ? mm_a : mm_b; })
#define BUILD_BUG_ON(cond) _Static_assert(!(cond), "BUILD_BUG_ON(" #cond ")")
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))

static inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

#define pr_info(...)      do { } while (0)
#define pr_warn(...)      do { } while (0)
#define pr_warn_once(...) do { } while (0)
#define pr_err(...)       do { } while (0)
#define pr_debug(...)     do { } while (0)
#define cond_resched()    do { } while (0)
#define might_sleep()     do { } while (0)

#define MMODEL_CAT_(a, b) a##b
#define MMODEL_CAT(a, b) MMODEL_CAT_(a, b)
/* A declaration that takes the semicolon a macro call at file scope leaves behind. */
#define MMODEL_NOTHING struct mmodel_nothing

#define EXPORT_SYMBOL(name)                     MMODEL_NOTHING
#define EXPORT_SYMBOL_GPL(name)                 MMODEL_NOTHING
#define early_param(name, function)             MMODEL_KEEP(function)
#define late_initcall(function)                 MMODEL_KEEP(function)
#define subsys_initcall(function)               MMODEL_KEEP(function)
/* Keeps a static function referenced, so that it is compiled. */
#define MMODEL_KEEP(function) \
	static void *const MMODEL_CAT(mmodel_keep_, function) __maybe_unused = (void *)function

/*
 * memcpy() and memset() under names that the compiler does not know: gcc makes stores of a small one and announces none
 * of them.
 */
void *mmodel_copy_bytes(void *to, const void *from, unsigned long n)
	__asm__("memcpy") __attribute__((visibility("default")));
void *mmodel_fill_bytes(void *to, int byte, unsigned long n)
	__asm__("memset") __attribute__((visibility("default")));

#endif
