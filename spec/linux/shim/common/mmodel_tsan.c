// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The entry points of the compilers' thread instrumentation, linked into a unit's shared object instead of the
 * sanitizer's runtime: each asks the software MMU (mmodel_mmu.h). Compiled with the unit's flags, so that a compiler
 * without the instrumentation fails here.
 */
#include "mmodel_mmu.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MMODEL_INSTRUMENTED
#endif
#endif
#if !defined(MMODEL_INSTRUMENTED) && !defined(__SANITIZE_THREAD__)
#error "this compiler has no thread instrumentation"
#endif

/* These functions are not instrumented themselves. */
#ifdef __clang__
#define PLAIN __attribute__((disable_sanitizer_instrumentation, no_sanitize("coverage")))
#else
#define PLAIN __attribute__((no_sanitize_thread, no_sanitize_coverage))
#endif
#define PC __builtin_return_address(0)

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

/* Before anybody is attached, all memory is the code's own. */
static struct mmodel_mmu nobody = { .stack_bytes = ~0ul };
static struct mmodel_mmu *mmu = &nobody;

__attribute__((visibility("default"))) PLAIN void mmodel_mmu_attach(struct mmodel_mmu *to)
{
	mmu = to;
}

#pragma GCC visibility push(hidden)

/* No call of memcpy(), which ends here. */
#define WORD(bits) typedef u##bits __attribute__((may_alias, aligned(1))) any##bits
WORD(8);
WORD(16);
WORD(32);
WORD(64);

PLAIN __attribute__((always_inline)) static inline void move(u64 to, u64 from, u64 n)
{
	switch (n) {
	case 1: *(any8 *)to = *(const any8 *)from; break;
	case 2: *(any16 *)to = *(const any16 *)from; break;
	case 4: *(any32 *)to = *(const any32 *)from; break;
	case 16: ((any64 *)to)[1] = ((const any64 *)from)[1]; /* fallthrough */
	case 8: *(any64 *)to = *(const any64 *)from; break;
	}
}

PLAIN __attribute__((always_inline)) static inline void take_to_frame(struct mmodel_mmu *m)
{
	if (!m->stored_bytes)
		return;
	move(m->stored_to, m->stored_from, m->stored_bytes);
	m->stored_bytes = 0;
}

PLAIN static void commit(void)
{
	take_to_frame(mmu);
	if (mmu->nr_pending)
		mmu->commit(mmu);
}

PLAIN __attribute__((noinline)) static void ask(unsigned long addr, u64 n, unsigned int kind, const void *pc)
{
	commit();
	mmu->access(mmu, addr, n, kind, pc);
}

/*
 * Whoever has looked at the frame looks again; 0: the MMU is asked first. The break is the bench's own: tests see it
 * found.
 */
PLAIN __attribute__((always_inline)) static inline int mark_stored(const struct mmodel_mmu *m, u64 frame)
{
#ifndef MMODEL_BREAK_FORGET_STORES
	if (m->watched[frame])
		return 0;
	m->clean[frame] = 0;
#endif
	return 1;
}

/* Within one frame that is the code's to use. */
PLAIN __attribute__((always_inline)) static inline int is_frame(const struct mmodel_mmu *m, u64 offset, u64 n,
								unsigned int kind)
{
	u64 frame = offset >> m->page_shift;

	if (offset >= m->frames_bytes || !m->lent[frame] || m->shared_by[frame] ||
	    (offset + n - 1) >> m->page_shift != frame)
		return 0;
	return !(kind & MMODEL_WRITE) || mark_stored(m, frame);
}

PLAIN __attribute__((always_inline)) static inline int is_shared(const struct mmodel_mmu *m, u64 addr, u64 n,
								 unsigned int kind)
{
	for (const struct mmodel_shared *s = m->shared; s < m->shared + m->nr_shared; s++)
		if (addr - s->addr < s->bytes && n <= s->bytes - (addr - s->addr))
			return s->writable || !(kind & MMODEL_WRITE);
	return 0;
}

/* What maps a page of the vmemmap; nothing, if the MMU has to be asked. */
PLAIN __attribute__((always_inline)) static inline u64 entry_of(const struct mmodel_mmu *m, u64 vpage)
{
	u64 in_pmd = vpage & ((1ul << m->ptrs_shift) - 1), entry = m->pmds[vpage >> m->ptrs_shift];
	u64 table = entry >> m->page_shift;

	if (entry & MMODEL_LEAF)
		return entry + (in_pmd << m->page_shift);
	if (!(entry & MMODEL_PRESENT) || m->shared_by[table])
		return 0;
	return ((const u64 *)(m->frames + (table << m->page_shift)))[in_pmd];
}

/* An access to the vmemmap that nothing is wrong with, made here. */
PLAIN __attribute__((always_inline)) static inline int is_vmemmap(struct mmodel_mmu *m, u64 addr, u64 n, unsigned int kind)
{
	u64 offset = addr - m->vmemmap, page = 1ul << m->page_shift, entry, frame, at;
	u64 needed = kind & MMODEL_WRITE ? MMODEL_PRESENT | MMODEL_RW : MMODEL_PRESENT;

	if (offset >= m->vmemmap_bytes || (offset & (page - 1)) + n > page || n > 16)
		return 0;
	entry = entry_of(m, offset >> m->page_shift);
	frame = entry >> m->page_shift;
	if ((entry & needed) != needed || !is_frame(m, (frame << m->page_shift) + (offset & (page - 1)), n, kind))
		return 0;
	at = m->frames + (frame << m->page_shift) + (offset & (page - 1));
	move(addr, at, n);
	if (kind & MMODEL_WRITE)
		m->stored_bytes = n, m->stored_from = addr, m->stored_to = at;
	return 1;
}

PLAIN __attribute__((always_inline)) static inline void touch(const volatile void *at, u64 n, unsigned int kind,
							      const void *pc)
{
	struct mmodel_mmu *m = mmu;
	u64 addr = (u64)at, offset = addr - m->objects;

	take_to_frame(m);
	if (m->nr_pending)
		return ask(addr, n, kind, pc);
	if (addr - m->stack < m->stack_bytes || addr - m->statics < m->statics_bytes)
		return;
	if (offset < m->objects_bytes && (offset & 7) + n <= m->shadow[offset >> 3])
		return;
	if (is_vmemmap(m, addr, n, kind) || is_frame(m, addr - m->frames, n, kind) || is_shared(m, addr, n, kind))
		return;
	ask(addr, n, kind, pc);
}

/* The same for accesses that are rarer: a copy of it in each of their entry points takes the compiler a second. */
PLAIN __attribute__((noinline)) static void touch_rarely(const volatile void *at, u64 n, unsigned int kind, const void *pc)
{
	touch(at, n, kind, pc);
}

/* Of a size there is one way to read and one to write: what else compilers call it are names of those two. */
#define ACCESS(name, n, kind) PLAIN void __tsan_##name(void *at) { touch(at, n, kind, PC); }
#define NAME(name, of) PLAIN void __tsan_##name(void *at) __attribute__((alias("__tsan_" #of)));
#define ACCESSES(n)                                                                     \
	ACCESS(read##n, n, MMODEL_READ)                                                 \
	ACCESS(write##n, n, MMODEL_WRITE)                                               \
	NAME(read_write##n, write##n)                                                   \
	NAME(unaligned_read##n, read##n)                                                \
	NAME(unaligned_write##n, write##n)                                              \
	NAME(unaligned_read_write##n, write##n)                                         \
	NAME(volatile_read##n, read##n)                                                 \
	NAME(volatile_write##n, write##n)                                               \
	NAME(unaligned_volatile_read##n, read##n)                                       \
	NAME(unaligned_volatile_write##n, write##n)

ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

PLAIN void __tsan_read_range(void *at, u64 n) { touch_rarely(at, n, MMODEL_READ, PC); }
PLAIN void __tsan_write_range(void *at, u64 n) { touch_rarely(at, n, MMODEL_WRITE, PC); }

PLAIN void __tsan_init(void) { }
PLAIN void __tsan_func_entry(void *pc) { (void)pc; }
PLAIN void __tsan_func_exit(void) { }

/* Whole ranges. The compilers make calls of the C library of some; they end here, too. */
PLAIN static void *copy(void *to, const void *from, u64 n, const void *pc)
{
	commit();
	if (mmu->copy) {
		mmu->copy(mmu, to, from, n, pc);
		return to;
	}
	for (u64 i = 0; i < n; i++) /* nobody is attached, and nothing overlaps */
		((volatile u8 *)to)[i] = ((const volatile u8 *)from)[i];
	return to;
}

PLAIN static void *fill(void *to, int byte, u64 n, const void *pc)
{
	commit();
	if (mmu->fill) {
		mmu->fill(mmu, to, byte, n, pc);
		return to;
	}
	for (u64 i = 0; i < n; i++)
		((volatile u8 *)to)[i] = byte;
	return to;
}

PLAIN static int compare(const void *a, const void *b, u64 n, const void *pc)
{
	for (u64 i = 0; i < n; i++) {
		const volatile u8 *x = (const volatile u8 *)a + i, *y = (const volatile u8 *)b + i;
		int left, right;

		touch_rarely(x, 1, MMODEL_READ, pc);
		left = *x;
		touch_rarely(y, 1, MMODEL_READ, pc);
		right = *y;
		if (left != right)
			return left - right;
	}
	return 0;
}

PLAIN void *__tsan_memcpy(void *to, const void *from, u64 n) { return copy(to, from, n, PC); }
PLAIN void *__tsan_memmove(void *to, const void *from, u64 n) { return copy(to, from, n, PC); }
PLAIN void *__tsan_memset(void *to, int byte, u64 n) { return fill(to, byte, n, PC); }
PLAIN void *memcpy(void *to, const void *from, u64 n) { return copy(to, from, n, PC); }
PLAIN void *memmove(void *to, const void *from, u64 n) { return copy(to, from, n, PC); }
PLAIN void *memset(void *to, int byte, u64 n) { return fill(to, byte, n, PC); }
PLAIN int memcmp(const void *a, const void *b, u64 n) { return compare(a, b, n, PC); }
PLAIN int bcmp(const void *a, const void *b, u64 n) { return compare(a, b, n, PC); }

/* Atomics: one task runs at a time, so the operation itself is a plain one, between a load and a commit. */
#define UPDATE(bits, T, name, result)                                                   \
	PLAIN T __tsan_atomic##bits##_##name(volatile T *at, T v, int order)             \
	{                                                                               \
		T old;                                                                  \
		touch_rarely(at, sizeof(T), MMODEL_ATOMIC | MMODEL_WRITE, PC);                  \
		old = *at;                                                              \
		*at = (T)(result);                                                      \
		commit();                                                               \
		return old;                                                             \
	}
#define COMPARE_EXCHANGE(bits, T, name)                                                 \
	PLAIN int __tsan_atomic##bits##_##name(volatile T *at, T *expected, T v, int order, int failure) \
	{                                                                               \
		return exchange_##bits(at, expected, v, PC);                             \
	}
#define ATOMICS(bits, T)                                                                \
	PLAIN T __tsan_atomic##bits##_load(const volatile T *at, int order)              \
	{                                                                               \
		touch_rarely(at, sizeof(T), MMODEL_ATOMIC, PC);                                 \
		return *at;                                                             \
	}                                                                               \
	PLAIN void __tsan_atomic##bits##_store(volatile T *at, T v, int order)           \
	{                                                                               \
		touch_rarely(at, sizeof(T), MMODEL_ATOMIC | MMODEL_WRITE, PC);                  \
		*at = v;                                                                \
		commit();                                                               \
	}                                                                               \
	PLAIN static int exchange_##bits(volatile T *at, T *expected, T v, const void *pc) \
	{                                                                               \
		T old;                                                                  \
		touch_rarely(at, sizeof(T), MMODEL_ATOMIC | MMODEL_WRITE, pc);                  \
		old = *at;                                                              \
		if (old == *expected)                                                   \
			*at = v;                                                        \
		commit();                                                               \
		if (old == *expected)                                                   \
			return 1;                                                       \
		*expected = old;                                                        \
		return 0;                                                               \
	}                                                                               \
	UPDATE(bits, T, exchange, v)                                                    \
	UPDATE(bits, T, fetch_add, old + v)                                             \
	UPDATE(bits, T, fetch_sub, old - v)                                             \
	UPDATE(bits, T, fetch_and, old & v)                                             \
	UPDATE(bits, T, fetch_or, old | v)                                              \
	UPDATE(bits, T, fetch_xor, old ^ v)                                             \
	UPDATE(bits, T, fetch_nand, ~(old & v))                                         \
	COMPARE_EXCHANGE(bits, T, compare_exchange_strong)                              \
	COMPARE_EXCHANGE(bits, T, compare_exchange_weak)                                \
	PLAIN T __tsan_atomic##bits##_compare_exchange_val(volatile T *at, T expected, T v, int order, int failure) \
	{                                                                               \
		exchange_##bits(at, &expected, v, PC);                                   \
		return expected;                                                        \
	}

ATOMICS(8, u8)
ATOMICS(16, u16)
ATOMICS(32, u32)
ATOMICS(64, u64)

PLAIN void __tsan_atomic_thread_fence(int order) { (void)order; }
PLAIN void __tsan_atomic_signal_fence(int order) { (void)order; }

#pragma GCC visibility pop
