/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Of hvo.pml: where an operation may be, and what each break changes. P_*: before an event; C_*: a decision. */
#define P_KEYINC 1
#define P_RCU 2
#define P_FLAG 3
#define P_HEAD 4
#define P_COPYHEAD 5
#define P_MEMMAP1 6
#define P_MMLOCK 7
#define P_PTL 8
#define P_PTU 9
#define P_TABLE 10
#define P_PRIV 11
#define P_PTL2 12
#define P_TWMB 13
#define P_POPULATE 14
#define P_SFLUSH 15
#define P_PTU2 16
#define P_RWMB 17
#define P_EFCNT 18
#define P_EFREE 19
#define P_SETPTE 20
#define P_COPY 21
#define P_RESET 22
#define P_WMB 23
#define P_MMUNLOCK 24
#define P_FLUSHR 25
#define P_FLAG2 26
#define P_WTAIL 27
#define P_WARN 28
#define P_KEYDEC_O 29
#define P_FLAGOFF_O 30
#define P_FLAGOFF_R 31
#define P_KEYDEC_R 32
#define P_FLUSHALL1 33
#define P_FLUSHALL2 34
#define P_FLUSHALL3 35
#define P_FREECNT 36
#define P_FREE 37
#define P_FREE2 38
#define P_ALLOC 39
#define P_UNFREE 40
#define P_UNFREE2 41
#define P_MEMMAPN 42
#define P_FLUSHALLR 43
#define P_KEYDECN 44
#define P_END 60

#define C_OPT 101
#define C_STEP 102
#define C_PAGE 103
#define C_WRET 104
#define C_AFTER2 105
#define C_OPTRET 106
#define C_FREE 107
#define C_FREED 108
#define C_RES 109
#define C_ALLOC 110
#define C_UNALLOC 111
#define C_RESRET 112
#define C_SPLITNEXT 113
#define C_PMD 114
#define C_NEXTRES 115

/* Which events a break leaves out: pc goes on without one. */
#ifdef no_rcu
#define SKIP_RCU true
#else
#define SKIP_RCU false
#endif
#ifdef no_flush
#define SKIP_FLUSH true
#else
#define SKIP_FLUSH false
#endif
#ifdef no_restore_flush
#define SKIP_RFLUSH true
#else
#define SKIP_RFLUSH SKIP_FLUSH
#endif
#ifdef no_contents_wmb
#define SKIP_WMB true
#else
#define SKIP_WMB false
#endif
#ifdef no_table_wmb
#define SKIP_TWMB true
#else
#define SKIP_TWMB false
#endif
#ifdef no_copy
#define SKIP_COPY true
#else
#define SKIP_COPY false
#endif
#ifdef no_reset
#define SKIP_RESET true
#else
#define SKIP_RESET false
#endif
#ifdef no_flag
#define SKIP_FLAG true
#else
#define SKIP_FLAG false
#endif
#ifdef no_key_inc
#define SKIP_INC true
#else
#define SKIP_INC false
#endif
#ifdef no_key_dec
#define SKIP_DEC true
#else
#define SKIP_DEC false
#endif
#ifdef no_memmap_accounting
#define SKIP_MEMMAP true
#else
#define SKIP_MEMMAP false
#endif
#ifdef no_page_table_lock
#define SKIP_PTL true
#else
#define SKIP_PTL false
#endif
#ifdef no_mmap_lock
#define SKIP_MML true
#define SKIP_MMU true
#else
#define SKIP_MML false
#ifdef keep_mmap_lock
#define SKIP_MMU true
#else
#define SKIP_MMU false
#endif
#endif
#ifdef leak_page
#define FORGETS true
#else
#define FORGETS false
#endif
#ifdef flag_after_copy
#define LATE_FLAG true
#else
#define LATE_FLAG false
#endif
#ifdef write_tail
#define WRITES_TAIL true
#else
#define WRITES_TAIL false
#endif
#ifdef warn
#define WARNS true
#else
#define WARNS false
#endif
#ifdef double_free
#define TWICE true
#else
#define TWICE false
#endif
#ifdef early_free
#define EARLY true
#else
#define EARLY false
#endif
#ifdef no_work
#define IDLES true
#else
#define IDLES false
#endif
#ifdef no_rollback
#define ROLLS_BACK false
#else
#define ROLLS_BACK true
#endif
#ifdef skip_tail
#define SKIPS_TAIL true
#else
#define SKIPS_TAIL false
#endif
#ifdef shared_restore
#define SHARES true
#else
#define SHARES false
#endif
#ifdef late_errno
#define LATE_ERRNO true
#else
#define LATE_ERRNO false
#endif
#ifdef wrong_allocator
#define BOOTMEM(f) false
#else
#define BOOTMEM(f) (mark[f] & 2)
#endif
