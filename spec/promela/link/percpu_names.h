/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Of percpu.pml: where an operation may be, and what each break changes. P_*: before an event; C_*: a decision. */
#define P_ARRAY 1
#define P_ALLOC 2
#define P_UNALLOC 3
#define P_UNALLOC2 4
#define P_TABLE 5
#define P_SET 6
#define P_BUSY 7
#define P_TAG 8
#define P_UNDO 9
#define P_UFLUSH 10
#define P_FREE 11
#define P_FREE2 12
#define P_AGAIN1 13
#define P_AGAIN2 14
#define P_CMAP 15
#define P_CUNMAP 16
#define P_NOPAGE 17
#define P_UNMAP 18
#define P_TFLUSH 19
#define P_OBJECT 20
#define P_PURGE 21
#define P_GETVM 22
#define P_KFREE 23
#define P_FCUNMAP 24
#define P_LEFT 25
#define P_FREEVM 26
#define P_END 60

#define C_POPULATE 101
#define C_ALLOC 102
#define C_UNALLOC 103
#define C_MAP 104
#define C_SET 105
#define C_UNDO 106
#define C_FREE 107
#define C_MAPPED 108
#define C_DEPOPULATE 109
#define C_LOOK 110
#define C_UNMAP 111
#define C_FREED 112
#define C_DESTROY 113
#define C_LEFT 114
#define C_GETVM 115

#ifdef leak_page
#define FORGETS true
#else
#define FORGETS false
#endif
#ifdef double_free
#define TWICE true
#else
#define TWICE false
#endif
#ifdef leak_failed_alloc
#define FREES_ALL false
#else
#define FREES_ALL true
#endif
#ifdef skip_failing_cpu
#define UNDO_TO u
#else
#define UNDO_TO (u + 1)
#endif
#ifdef no_map_rollback_flush
#define SKIP_UFLUSH true
#else
#define SKIP_UFLUSH false
#endif
#ifdef skip_last_cpu
#define UNITS 1
#else
#define UNITS 2
#endif
#ifdef shared_frame
#define SOURCE 0
#else
#define SOURCE u
#endif
#ifdef vmalloc_read_only
#define RW 0
#else
#define RW 1
#endif
#ifdef no_vmap_cache_flush
#define SKIP_CMAP true
#else
#define SKIP_CMAP false
#endif
#ifdef no_vunmap_cache_flush
#define SKIP_CUNMAP true
#else
#define SKIP_CUNMAP false
#endif
#ifdef no_page_tag
#define SKIP_TAG true
#else
#define SKIP_TAG false
#endif
#ifdef leak_object
#define SKIP_KFREE true
#else
#define SKIP_KFREE false
#endif
#ifdef remap_without_flush
#define AGAIN true
#else
#define AGAIN false
#endif
#ifdef short_flush
#define FLUSH_END AT(0, e)
#else
#define FLUSH_END AT(1, e)
#endif
#ifdef no_purge_flush
#define SKIP_PURGE true
#else
#define SKIP_PURGE false
#endif
