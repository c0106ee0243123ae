/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the kernel's code and the shims expect of the compiler itself, for one that has it not (tcc): bit counts, and
 * atomics, which here are plain, for one thread runs the unit.
 */
#ifndef MMODEL_BUILTINS_H
#define MMODEL_BUILTINS_H

static inline int __builtin_ctzl(unsigned long x)
{
	int n = 0;

	while (!(x >> n & 1))
		n++;
	return n;
}

static inline int __builtin_clzl(unsigned long x)
{
	int n = 0;

	while (!(x << n >> (8 * sizeof(x) - 1)))
		n++;
	return n;
}

static inline int __builtin_popcountl(unsigned long x)
{
	int n = 0;

	for (; x; x &= x - 1)
		n++;
	return n;
}

#define __builtin_ctz(x) __builtin_ctzl((unsigned int)(x))
#define __builtin_clz(x) (__builtin_clzl((unsigned int)(x)) - 8 * (int)(sizeof(long) - sizeof(int)))

#define __ATOMIC_RELAXED 0
#define __ATOMIC_SEQ_CST 5
#define __atomic_fetch_or(p, v, order)  ({ typeof(*(p)) mm_old = *(p); *(p) |= (v); mm_old; })
#define __atomic_fetch_and(p, v, order) ({ typeof(*(p)) mm_old = *(p); *(p) &= (v); mm_old; })
#define __atomic_compare_exchange_n(p, expected, v, weak, success, failure) \
	({ bool mm_same = *(p) == *(expected); if (mm_same) *(p) = (v); else *(expected) = *(p); mm_same; })

#endif
