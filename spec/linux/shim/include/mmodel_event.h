/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Kernel primitives that are events but do not need to know what a page or an entry is. Each is a macro, so
 * that __func__ is the kernel function that causes the event.
 */
#ifndef MMODEL_EVENT_H
#define MMODEL_EVENT_H

#include "mmodel_types.h"

/* Grows with every reset(), so that what happens "once" happens once a sequence and not once a process. */
extern unsigned long mmodel_generation;

#define MMODEL_WARN(cond, text) ({                                              \
	int mm_warned = !!(cond);                                               \
	if (unlikely(mm_warned))                                                \
		mmodel_host->warn(__func__, __FILE__, __LINE__, text);          \
	mm_warned;                                                              \
})

#define MMODEL_WARN_ONCE(cond, text) ({                                         \
	static unsigned long mm_generation;                                     \
	int mm_once = !!(cond);                                                 \
	if (unlikely(mm_once) && mm_generation != mmodel_generation) {          \
		mm_generation = mmodel_generation;                              \
		mmodel_host->warn(__func__, __FILE__, __LINE__, text);          \
	}                                                                       \
	mm_once;                                                                \
})

#define WARN_ON(cond)                       MMODEL_WARN(cond, #cond)
#define WARN(cond, ...)                     MMODEL_WARN(cond, #cond)
#define WARN_ON_ONCE(cond)                  MMODEL_WARN_ONCE(cond, #cond)
#define WARN_ONCE(cond, ...)                MMODEL_WARN_ONCE(cond, #cond)
#define VM_WARN_ON(cond)                    MMODEL_WARN(cond, #cond)
#define VM_WARN_ON_ONCE(cond)               MMODEL_WARN_ONCE(cond, #cond)
#define VM_WARN_ONCE(cond, ...)             MMODEL_WARN_ONCE(cond, #cond)
#define VM_WARN_ON_ONCE_PAGE(cond, page)    MMODEL_WARN_ONCE(cond, #cond)
#define VM_WARN_ON_PAGE(cond, page)         MMODEL_WARN(cond, #cond)
#define VM_WARN_ON_FOLIO(cond, folio)       MMODEL_WARN(cond, #cond)
#define VM_WARN_ON_ONCE_FOLIO(cond, folio)  MMODEL_WARN_ONCE(cond, #cond)

#define MMODEL_BUG(text) mmodel_host->bug(__func__, __FILE__, __LINE__, text)
#define MMODEL_BUG_ON(cond, text) do { if (unlikely(cond)) MMODEL_BUG(text); } while (0)

#define BUG()                      MMODEL_BUG("BUG()")
#define BUG_ON(cond)               MMODEL_BUG_ON(cond, #cond)
#define VM_BUG_ON(cond)            MMODEL_BUG_ON(cond, #cond)
#define VM_BUG_ON_PAGE(cond, page) MMODEL_BUG_ON(cond, #cond)
#define VM_BUG_ON_FOLIO(cond, f)   MMODEL_BUG_ON(cond, #cond)

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
	__builtin_memcpy(mm_to, from, mm_n);                                    \
})
#define memset(to, byte, n) ({                                                  \
	void *mm_to = (to);                                                     \
	unsigned long mm_n = (n);                                               \
	mmodel_host->store(__func__, mm_to, mm_n);                              \
	__builtin_memset(mm_to, byte, mm_n);                                    \
})
#define copy_page(to, from) mmodel_host->copy_page(__func__, to, from)

/* Counters of pages that hold struct pages. */
#define memmap_pages_add(n)      mmodel_host->memmap_pages_add(__func__, n)
#define memmap_boot_pages_add(n) mmodel_host->memmap_boot_pages_add(__func__, n)

#endif
