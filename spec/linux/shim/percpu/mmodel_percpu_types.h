/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The ground of the percpu shims: the host, configuration (as of an x86-64 with SMP and NUMA), gfp, sizes. No events. */
#ifndef MMODEL_PERCPU_TYPES_H
#define MMODEL_PERCPU_TYPES_H

#include "mmodel_percpu_abi.h"
#include <mmodel_base.h>
#include <mmodel_geometry.h>
#include <mmodel_list.h>

/* Set once by mmodel_percpu_unit_init(). */
extern const struct mmodel_percpu_host *mmodel_host;

#define CONFIG_64BIT 1
#define CONFIG_HAVE_SETUP_PER_CPU_AREA 1
#define CONFIG_MMU 1
#define CONFIG_MODULES 1
#define CONFIG_NEED_PER_CPU_EMBED_FIRST_CHUNK 1
#define CONFIG_NEED_PER_CPU_PAGE_FIRST_CHUNK 1
#define CONFIG_NUMA 1
#define CONFIG_SMP 1

#define GFP_KERNEL     MMODEL_PERCPU_GFP_KERNEL
#define GFP_NOIO       MMODEL_PERCPU_GFP_NOIO
#define GFP_NOWAIT     MMODEL_PERCPU_GFP_NOWAIT
#define __GFP_HIGHMEM  MMODEL_PERCPU_GFP_HIGHMEM
#define __GFP_NOFAIL   MMODEL_PERCPU_GFP_NOFAIL
#define __GFP_NORETRY  MMODEL_PERCPU_GFP_NORETRY
#define __GFP_NOWARN   MMODEL_PERCPU_GFP_NOWARN
#define __GFP_ZERO     MMODEL_PERCPU_GFP_ZERO
#define NUMA_NO_NODE   MMODEL_PERCPU_NO_NODE
#define LOCAL_DISTANCE 10

static inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return gfp & MMODEL_PERCPU_GFP_DIRECT_RECLAIM;
}

/* There is one task. */
#define ATOMIC_INIT(n) { n }
#define data_race(x)   (x)

static inline int atomic_dec_if_positive(atomic_t *v)
{
	return v->counter > 0 ? --v->counter : v->counter - 1;
}

#define __percpu
#define __force
#define __flatten
#define __initconst
#define __weak __attribute__((weak))
#define SMP_CACHE_BYTES 64
#define ____cacheline_aligned_in_smp __attribute__((aligned(SMP_CACHE_BYTES)))

#define INT_MAX   __INT_MAX__
#define UINT_MAX  (2u * INT_MAX + 1)
#define ULONG_MAX (~0ul)

#define PFN_UP(n)    (((n) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_DOWN(n)  ((n) >> PAGE_SHIFT)
#define PFN_ALIGN(n) (((unsigned long)(n) + PAGE_SIZE - 1) & PAGE_MASK)
#define offset_in_page(p) ((unsigned long)(p) & ~PAGE_MASK)

#define __ALIGN_MASK(x, mask)        (((x) + (mask)) & ~(mask))
#define roundup(x, y)                ((((x) + (y) - 1) / (y)) * (y))
#define min_t(type, a, b)            min((type)(a), (type)(b))
#define max_t(type, a, b)            max((type)(a), (type)(b))
#define clamp(x, low, high)          min(max(x, low), high)
#define struct_size(p, member, n)    (sizeof(*(p)) + (n) * sizeof((p)->member[0]))
#define rounddown_pow_of_two(n)      (1ul << (fls(n) - 1))

#define __ffs(word) ((unsigned long)__builtin_ctzl(word))

static inline int fls(unsigned int word)
{
	return word ? 32 - __builtin_clz(word) : 0;
}

static inline unsigned long lcm(unsigned long a, unsigned long b)
{
	unsigned long x = a, y = b, rest;

	for (; y; x = y, y = rest)
		rest = x % y;
	return x ? a / x * b : 0;
}

static inline int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	return (unsigned char)*a - (unsigned char)*b;
}

/* An errno as a pointer: the last 4095 bytes of the address space are nobody's. */
#define MAX_ERRNO      4095
#define ERR_PTR(error) ((void *)(long)(error))
#define PTR_ERR(p)     ((long)(p))
#define IS_ERR(p)      ((unsigned long)(p) >= (unsigned long)-MAX_ERRNO)

#endif
