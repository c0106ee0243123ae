/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Primitives that are events but know nothing of pages: warnings, locks, work, stores, flushes. Macros, so that
 * __func__ is the kernel function that causes the event. */
#ifndef MMODEL_EVENT_H
#define MMODEL_EVENT_H

#include "mmodel_bits.h"
#include <mmodel_warn.h>

#define panic(format, ...) mmodel_host->panic(__func__, format)

#define KERN_EMERG  ""
#define KERN_DEBUG  ""
#define printk(...)   do { } while (0)
#define pr_cont(...)  do { } while (0)
#define pr_emerg(...) do { } while (0)
#define dump_stack()  do { } while (0)
#define snprintf(...) do { } while (0) /* what it prints is only ever printed */

/* There is one lock of each kind. Taken twice, or given back twice, is what would hang or corrupt a kernel. */
typedef struct { int held; } spinlock_t;
struct mutex { int held; };

#define DEFINE_SPINLOCK(name) spinlock_t name
#define DEFINE_MUTEX(name)    struct mutex name
#define lockdep_assert_held(at) MMODEL_WARN(!(at)->held, "lockdep_assert_held(" #at ")")

static inline void mmodel_lock(int *held, int which, int acquire, const char *where, const char *file, int line)
{
	mmodel_bug_if(*held == acquire, where, file, line, acquire ? "a lock is taken twice" : "a lock is not held");
	*held = acquire;
	mmodel_host->lock(where, which, acquire);
}

static inline int mmodel_killed(const char *where)
{
	return mmodel_host->mutex_lock_killable && mmodel_host->mutex_lock_killable(where);
}

static inline int mmodel_lock_killable(int *held, const char *where, const char *file, int line)
{
	if (mmodel_killed(where))
		return -EINTR;
	mmodel_lock(held, MMODEL_PCPU_ALLOC_MUTEX, 1, where, file, line);
	return 0;
}

#define MMODEL_LOCK(at, which, acquire)     mmodel_lock(&(at)->held, which, acquire, __func__, __FILE__, __LINE__)

#define spin_lock_irq(at)                   MMODEL_LOCK(at, MMODEL_PCPU_LOCK, 1)
#define spin_unlock_irq(at)                 MMODEL_LOCK(at, MMODEL_PCPU_LOCK, 0)
#define spin_lock_irqsave(at, flags)        do { (flags) = 0; spin_lock_irq(at); } while (0)
#define spin_unlock_irqrestore(at, flags)   do { (void)(flags); spin_unlock_irq(at); } while (0)
#define mutex_lock(at)                      MMODEL_LOCK(at, MMODEL_PCPU_ALLOC_MUTEX, 1)
#define mutex_unlock(at)                    MMODEL_LOCK(at, MMODEL_PCPU_ALLOC_MUTEX, 0)
#define mutex_lock_killable(at)             mmodel_lock_killable(&(at)->held, __func__, __FILE__, __LINE__)

struct work_struct { void (*func)(struct work_struct *work); };
#define DECLARE_WORK(name, function) struct work_struct name = { function }
#define schedule_work(work)          ((void)(work), (mmodel_host->schedule_work)(__func__))

/* The task's allocation context: what of a gfp its scope takes away. The balance worker runs without I/O. */
extern gfp_t mmodel_scope;
#define memalloc_noio_save()            mmodel_enter_scope(MMODEL_PERCPU_GFP_IO | MMODEL_PERCPU_GFP_FS)
#define memalloc_noio_restore(flags)    ((void)(mmodel_scope = (flags)))
#define memalloc_apply_gfp_scope(gfp)   mmodel_enter_scope(mmodel_scope_of(gfp))
#define memalloc_restore_scope(flags)   ((void)(mmodel_scope = (flags)))
#define current_gfp_context(gfp)        ((gfp) & ~mmodel_scope)

static inline gfp_t mmodel_enter_scope(gfp_t taken)
{
	gfp_t was = mmodel_scope;

	mmodel_scope |= taken;
	return was;
}

/* mm/vmalloc.c: what page tables may not do for whom may not, or does not try hard, himself. */
static inline gfp_t mmodel_scope_of(gfp_t gfp)
{
	if (!gfpflags_allow_blocking(gfp) || gfp & __GFP_NORETRY)
		return MMODEL_PERCPU_GFP_DIRECT_RECLAIM;
	if (!(gfp & MMODEL_PERCPU_GFP_IO))
		return MMODEL_PERCPU_GFP_IO | MMODEL_PERCPU_GFP_FS;
	return gfp & MMODEL_PERCPU_GFP_FS ? 0 : MMODEL_PERCPU_GFP_FS;
}

/* Stores to the machine's memory are told before they happen; others are the unit's own affair. */
static inline bool mmodel_is_machine(unsigned long addr)
{
	return addr - mmodel_host->direct_map < mmodel_host->nr_frames << PAGE_SHIFT ||
	       addr - mmodel_host->vmalloc_start < mmodel_host->vmalloc_end - mmodel_host->vmalloc_start;
}

static inline void mmodel_tell_memset(const char *where, void *to, int byte, unsigned long n)
{
	if (mmodel_is_machine((unsigned long)to))
		mmodel_host->memset(where, to, byte, n);
}

static inline void mmodel_tell_memcpy(const char *where, void *to, const void *from, unsigned long n)
{
	if (mmodel_is_machine((unsigned long)to))
		mmodel_host->memcpy(where, to, from, n);
}

#define memset(to, byte, n) ({                                                          \
	void *mm_to = (to);                                                             \
	unsigned long mm_n = (n);                                                       \
	mmodel_tell_memset(__func__, mm_to, byte, mm_n);                                \
	mmodel_fill_bytes(mm_to, byte, mm_n);                                           \
})
#define memcpy(to, from, n) ({                                                          \
	void *mm_to = (to);                                                             \
	const void *mm_from = (from);                                                   \
	unsigned long mm_n = (n);                                                       \
	mmodel_tell_memcpy(__func__, mm_to, mm_from, mm_n);                             \
	mmodel_copy_bytes(mm_to, mm_from, mm_n);                                        \
})

/* By this name the bench sees that a file calls it (host/offers.cpp). */
static inline void mmodel_flush_cache_vmap_early(const char *where, unsigned long start, unsigned long end)
{
	mmodel_host->flush_cache_vmap(where, start, end);
}
#define flush_cache_vmap(start, end)       (mmodel_host->flush_cache_vmap)(__func__, start, end)
#define flush_cache_vmap_early(start, end) mmodel_flush_cache_vmap_early(__func__, start, end)
#define flush_cache_vunmap(start, end)     (mmodel_host->flush_cache_vunmap)(__func__, start, end)
#define flush_tlb_kernel_range(start, end) (mmodel_host->flush_tlb_kernel_range)(__func__, start, end)

/* Watchers that are configured out. */
#define kmemleak_alloc_percpu(ptr, size, gfp)     do { } while (0)
#define kmemleak_free_percpu(ptr)                 do { } while (0)
#define kmemleak_ignore_phys(phys)                do { } while (0)
#define trace_percpu_alloc_percpu(...)            do { } while (0)
#define trace_percpu_alloc_percpu_fail(...)       do { } while (0)
#define trace_percpu_free_percpu(...)             do { } while (0)
#define trace_percpu_create_chunk(...)            do { } while (0)
#define trace_percpu_destroy_chunk(...)           do { } while (0)
struct obj_cgroup;
#define mem_cgroup_kmem_disabled()                true

#endif
