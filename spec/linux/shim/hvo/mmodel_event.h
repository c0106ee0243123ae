/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Kernel primitives that are events but do not need to know what a page or an entry is. Each is a macro, so
 * that __func__ is the kernel function that causes the event.
 */
#ifndef MMODEL_EVENT_H
#define MMODEL_EVENT_H

#include "mmodel_types.h"
#include <mmodel_warn.h>

/* Static keys. The count changes before the host is told, so that compound_head() already heeds it. */
struct static_key_false { int count; };

#define DEFINE_STATIC_KEY_FALSE(name)  struct static_key_false name
#define DECLARE_STATIC_KEY_FALSE(name) extern struct static_key_false name
#define static_key_count(key)          ((key)->count)
#define static_key_enabled(key)        ((key)->count > 0)
#define static_branch_unlikely(key)    unlikely(static_key_enabled(key))
#define static_branch_likely(key)      likely(static_key_enabled(key))
#define static_branch_inc(key)         mmodel_static_branch_add(__func__, key, 1)
#define static_branch_dec(key)         mmodel_static_branch_add(__func__, key, -1)

static inline void mmodel_static_branch_add(const char *where, struct static_key_false *key, int n)
{
	key->count += n;
	mmodel_host->static_branch_add(where, n);
}

/* Locks: there is one mm and one page table lock. */
typedef struct { int unused; } spinlock_t;
struct mm_struct { spinlock_t page_table_lock; };
extern struct mm_struct init_mm;

#define MMODEL_LOCK(which, acquire, at) ((void)(at), mmodel_host->lock(__func__, which, acquire))
#define spin_lock(at)         MMODEL_LOCK(MMODEL_PAGE_TABLE_LOCK, 1, at)
#define spin_unlock(at)       MMODEL_LOCK(MMODEL_PAGE_TABLE_LOCK, 0, at)
#define mmap_read_lock(mm)    MMODEL_LOCK(MMODEL_MMAP_READ_LOCK, 1, mm)
#define mmap_read_unlock(mm)  MMODEL_LOCK(MMODEL_MMAP_READ_LOCK, 0, mm)
#define mmap_assert_locked(mm) ((void)(mm))

/* Order, translations, grace periods. */
#define smp_wmb()                          mmodel_host->smp_wmb(__func__)
#define flush_tlb_all()                    mmodel_host->flush_tlb_all(__func__)
#define flush_tlb_kernel_range(start, end) mmodel_host->flush_tlb_kernel_range(__func__, start, end)
#define synchronize_rcu()                  mmodel_host->synchronize_rcu(__func__)
/* A reader is one call of the driver, which knows when it is inside: see page_ref_add_unless_zero(). */
#define rcu_read_lock()                    do { } while (0)
#define rcu_read_unlock()                  do { } while (0)

/* Stores that the shim can see. The host hears of them before they happen. */
#define memcpy(to, from, n) ({                                                  \
	void *mm_to = (to);                                                     \
	unsigned long mm_n = (n);                                               \
	mmodel_host->store(__func__, mm_to, mm_n);                              \
	mmodel_copy_bytes(mm_to, from, mm_n);                                   \
})
#define memset(to, byte, n) ({                                                  \
	void *mm_to = (to);                                                     \
	unsigned long mm_n = (n);                                               \
	mmodel_host->store(__func__, mm_to, mm_n);                              \
	mmodel_fill_bytes(mm_to, byte, mm_n);                                   \
})
#define copy_page(to, from) mmodel_host->copy_page(__func__, to, from)

/* Counters of pages that hold struct pages. */
#define memmap_pages_add(n)      mmodel_host->memmap_pages_add(__func__, n)
#define memmap_boot_pages_add(n) mmodel_host->memmap_boot_pages_add(__func__, n)

#endif
