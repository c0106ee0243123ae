/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* mm/percpu-vm.c once more, event by event, written from the description of what it does and not from model/percpu: to
 * be compared with that edge by edge (spec/promela/link/run.py). Chunks of two units of two pages; the vmalloc range has room for
 * four of them, blocks of four pages with a page table each; or (WIDE) for two of eight.
 *
 * As in hvo.pml: an operation is `pc`, P_* wait for an event, C_* are decisions; frames are numbers by where they occur. */
#define NCHUNK 1
#define NTRK 4
#ifdef WIDE	/* units of four pages, of which two are used: the units have tables of their own */
#define UNIT 4
#define PAGE_OF(t) (8 + (t) % 2 + 4 * ((t) / 2))
#else
#define UNIT 2
#define PAGE_OF(t) (12 + (t))
#endif
#define NBLOCK (NPG / (2 * UNIT))
#define NTABLE 4
#define NPG 16
#define NHELD 4
#define NN (NPG + NHELD)
#define SPARE (NN + 1)
#define NFREE 10

/* Events, as model/machine/event.hpp numbers them, + 1; 0 is the end of an operation. */
#define E_alloc 1
#define E_free 2
#define E_table 5
#define E_warn 21
#define E_pte 22
#define E_flush 23
#define E_cmap 24
#define E_cunmap 25
#define E_get_vm 26
#define E_free_vm 27
#define E_kzalloc 28
#define E_kfree 29
#define E_tag 30
#define A_fill 64
#define A_evict 96

byte op, ev, faults, nfree = NFREE, objects = 64;
int path;
bit array;				/* of page pointers; made once */
byte area[NBLOCK];			/* 0 nobody's, 1 a chunk's, 2 given back and not flushed */
bit table[NTABLE];
byte chunk[NCHUNK];			/* 1 + its block */
byte populated[NCHUNK];			/* mask of pages */
byte pte[NPG];				/* frame << 1 | writable */
byte held[NHELD];			/* frames of the operation that nothing maps, oldest first */
byte tlb[NTRK];				/* 0 nothing, 1 what is mapped, 2 what was */

/* The operation: on pages [s, e) of chunk c, at block b; unit u, page p; who unmaps is told where to go on. */
byte pc, c, b, s, e, u, p, k, nh, mask, last;
byte pg[4];				/* the array: by unit and page; 0 NULL */
#define GONE 255			/* ... a frame that was freed */
bit spent, purged, made, destroys, undoes;

byte bad;
#ifdef REPLAY
int at_line;
#endif
hidden byte map[SPARE + 1];
hidden byte i, j, f, n, act, seen_, wrong_, op_, fail_, lo, hi;

#define AT(u, p) (UNIT * (2 * b + (u)) + (p))
#define TABLE(u) table[AT(u, 0) / 4]
#define FR(v) (pte[v] >> 1)

#include "percpu_names.h"

#include "link.h"
#if defined(LINK) || defined(REPLAY)
c_code {
static int see(unsigned char *v)
{
	unsigned char *start = v;
	int i, j;

	if (now.bad) {
		*v = now.bad;
		return 1;
	}
	*v++ = now.op; *v++ = now.ev; *v++ = now.path >> 8; *v++ = now.path; *v++ = now.faults; *v++ = now.nfree;
	*v++ = now.objects; *v++ = now.array;
	for (i = 0; i < NTABLE; i++) { *v++ = now.area[i * 2 / UNIT]; *v++ = now.table[i]; }
	for (i = 0; i < NCHUNK; i++) {
		*v++ = now.chunk[i] ? 1 + (now.chunk[i] - 1) * UNIT / 2 : 0;
		for (j = 0; j < UNIT; j++) *v++ = now.populated[i] >> j & 1;
	}
	for (i = 0; i < NPG; i++) *v++ = now.pte[i];
	for (i = 0; i < NHELD; i++) *v++ = now.held[i];
	for (i = 0; i < NTRK; i++) *v++ = now.tlb[i];
	return v - start;
}
\#include "pan_link.h"
};
#endif

/* Some page of [s, e) of this unit is mapped: the first one. */
#define MAPPED(u) ((pte[AT(u, s)] || (e - s == 2 && pte[AT(u, s + 1)])))
#define FIRST_MAPPED(u) (pte[AT(u, s)] -> AT(u, s) : AT(u, s + 1))
#if NBLOCK == 4
#define NO_ROOM (area[0] && area[1] && area[2] && area[3])
#define TOP (!area[3] -> 3 : (!area[2] -> 2 : (!area[1] -> 1 : 0)))
#else
#define NO_ROOM (area[0] && area[1])
#define TOP (!area[1] -> 1 : 0)
#endif

inline resolve() {
	do
	/* pcpu_populate_chunk() */
	:: pc == C_POPULATE -> u = 0; p = s; if :: !array -> pc = P_ARRAY :: else -> pc = P_ALLOC fi
	/* pcpu_alloc_pages(): the way back */
	:: pc == C_UNALLOC ->
		if
		:: p > s && !undoes -> p--; pc = P_UNALLOC
		:: p == s && !undoes && u && FREES_ALL -> undoes = 1; p = s
		:: p == s && !undoes && !(u && FREES_ALL) -> pc = P_END
		:: undoes && p < e -> pc = P_UNALLOC
		:: undoes && p == e -> pc = P_END
		fi
	:: pc == P_UNALLOC && FORGETS && !spent -> spent = 1; p = p + undoes; pc = C_UNALLOC
	:: pc == P_UNALLOC2 && !TWICE -> p = p + undoes; pc = C_UNALLOC
	/* pcpu_map_pages() */
	:: pc == C_SET ->
		if
		:: p == e -> p = s; pc = P_TAG
		:: p < e && !TABLE(u) && !made -> pc = P_TABLE
		:: p < e && (TABLE(u) || made) && pte[AT(u, p)] -> pc = P_BUSY
		:: p < e && (TABLE(u) || made) && !pte[AT(u, p)] -> pc = P_SET
		fi
	:: pc == P_TAG && SKIP_TAG -> p = e; pc = C_MAP
	:: pc == C_MAP ->
		p = s; u++;
		if
		:: u < UNITS -> pc = C_SET
		:: else -> u = 0; pc = P_AGAIN1
		fi
	:: pc == C_UNDO ->	/* k: units from 0 on to unmap */
		if
		:: u == k -> u = 0; p = s; k = 0; pc = P_UFLUSH
		:: u < k && MAPPED(u) -> pc = P_UNDO
		:: u < k && !MAPPED(u) -> u++
		fi
	:: pc == P_UFLUSH && SKIP_UFLUSH -> pc = C_FREE
	:: pc == P_AGAIN1 && !AGAIN -> pc = P_CMAP
	:: pc == P_CMAP && SKIP_CMAP -> last = mask; pc = P_END
	/* pcpu_free_pages() */
	:: pc == C_FREE ->
		if
		:: u == 2 -> pc = C_FREED
		:: u < 2 && p == e -> u++; p = s
		:: u < 2 && p < e && !pg[2 * u + p] && !undoes -> p++
		:: u < 2 && p < e && (pg[2 * u + p] || undoes) -> pc = P_FREE
		fi
	:: pc == P_FREE && FORGETS && !spent -> spent = 1; p++; pc = C_FREE
	:: pc == P_FREE2 && !TWICE -> pc = C_FREE
	/* pcpu_depopulate_chunk() */
	:: pc == C_DEPOPULATE -> u = 0; p = s; pc = P_CUNMAP
	:: pc == P_CUNMAP && SKIP_CUNMAP -> pc = C_LOOK
	:: pc == C_LOOK ->
		if
		:: u == 2 ->
			u = 0; pc = C_FREE;
			if
			:: destroys && s == 1 ->	/* which page it was is over */
				pg[0] = pg[1]; pg[2] = pg[3]; pg[1] = 0; pg[3] = 0; s = 0; e = 1
			:: else
			fi;
			p = s
		:: u < 2 && p == e -> pc = C_UNMAP
		:: u < 2 && p < e && pte[AT(u, p)] -> pg[2 * u + p] = FR(AT(u, p)); p++
		:: u < 2 && p < e && !pte[AT(u, p)] -> pc = P_NOPAGE
		fi
	:: pc == C_UNMAP ->
		if
		:: MAPPED(u) -> pc = P_UNMAP
		:: else -> u++; p = s; pc = C_LOOK
		fi
	:: pc == C_FREED ->
		u = 0; p = 0;
		if
		:: undoes -> pc = P_END
		:: !undoes && destroys -> pc = C_DESTROY
		:: !undoes && !destroys -> pc = P_TFLUSH
		fi
	/* vm_destroy: runs of populated pages, then pcpu_destroy_chunk() */
	:: pc == C_DESTROY ->
		if
		:: mask == 0 -> s = 0; e = 2; pc = P_FCUNMAP
		:: mask == 3 -> s = 0; e = 2; mask = 0; pc = C_DEPOPULATE
		:: mask == 1 -> s = 0; e = 1; mask = 0; pc = C_DEPOPULATE
		:: mask == 2 -> s = 1; e = 2; mask = 0; pc = C_DEPOPULATE
		fi
	:: pc == P_FCUNMAP && SKIP_CUNMAP -> pc = C_LEFT
	:: pc == C_LEFT ->
		if
		:: MAPPED(0) || MAPPED(1) -> pc = P_LEFT
		:: else -> pc = P_FREEVM
		fi
	:: pc == P_KFREE && SKIP_KFREE -> k = 0; pc = P_END
	:: pc == C_GETVM ->
		if
		:: NO_ROOM && !SKIP_PURGE -> pc = P_PURGE
		:: NO_ROOM && SKIP_PURGE -> for (i : 0 .. NBLOCK - 1) { if :: area[i] == 2 -> area[i] = 0 :: else fi }
		:: !NO_ROOM -> pc = P_GETVM
		fi
	:: else -> break
	od
}

inline hold(fr) { held[nh] = fr; nh++ }
/* __free_page(): of a frame that is somebody's nothing comes. */
inline give(fr) {
	act = E_free;
	for (j : 0 .. NHELD - 1) {
		if
		:: j < nh && held[j] == fr ->
			for (i : j .. NHELD - 2) { held[i] = held[i + 1] }
			held[NHELD - 1] = 0;
			nh--;
			nfree++;
			break
		:: else
		fi
	}
}
inline map_page(v, fr) {
	act = E_pte;
	pte[v] = fr << 1 | RW;
	for (j : 0 .. NHELD - 1) {
		if
		:: j < nh && held[j] == fr ->
			for (i : j .. NHELD - 2) { held[i] = held[i + 1] }
			held[NHELD - 1] = 0;
			nh--;
			break
		:: else
		fi
	}
}
inline unmap_page(v) {
	act = E_pte;
	f = FR(v);
	pte[v] = 0;
	for (i : 0 .. NTRK - 1) { if :: PAGE_OF(i) == v && tlb[i] -> tlb[i] = 2 :: else fi }
	seen_ = 0;
	for (i : 0 .. NPG - 1) { if :: FR(i) == f -> seen_ = 1 :: else fi }
	if :: !seen_ -> hold(f) :: else fi
}
inline flush(from, to) {
	act = E_flush;
	for (i : 0 .. NTRK - 1) { if :: PAGE_OF(i) >= from && PAGE_OF(i) < to -> tlb[i] = 0 :: else fi }
}

inline event() {
	if
	:: pc == P_ARRAY -> act = E_kzalloc; if :: fail_ -> pc = P_END :: else -> objects++; pc = P_ALLOC fi	/* it is there once that has returned */
	:: pc == P_ALLOC ->
		act = E_alloc; array = 1;
		if
		:: fail_ -> pc = C_UNALLOC
		:: else ->
			nfree--; hold(SPARE); pg[2 * u + p] = SPARE; p++;
			if
			:: p == e && u == 0 -> u = 1; p = s
			:: p == e && u == 1 -> u = 0; p = s; pc = C_SET
			:: else
			fi
		fi
	:: pc == P_UNALLOC ->
		if :: undoes -> n = pg[p] :: else -> n = pg[2 * u + p] fi;
		give(n); pc = P_UNALLOC2
	:: pc == P_UNALLOC2 -> act = E_free; p = p + undoes; pc = C_UNALLOC
	:: pc == P_TABLE ->
		act = E_table;
		if
		:: fail_ -> k = UNDO_TO; u = 0; undoes = 1; pc = C_UNDO
		:: else -> nfree--; made = 1; pc = C_SET	/* installed once that has returned */
		fi
	:: pc == P_BUSY -> act = E_warn; TABLE(u) = 1; made = 0; k = UNDO_TO; u = 0; undoes = 1; pc = C_UNDO
	:: pc == P_SET ->
		TABLE(u) = 1; made = 0;
		n = pg[2 * SOURCE + p];
		map_page(AT(u, p), n);
		for (i : 0 .. NTRK - 1) { if :: PAGE_OF(i) == AT(u, p) && tlb[i] -> wrong_ = 3 :: else fi }
		p++; pc = C_SET
	:: pc == P_TAG -> act = E_tag; p++; if :: p == e -> pc = C_MAP :: else fi
	:: pc == P_UNDO -> n = FIRST_MAPPED(u); unmap_page(n); pc = C_UNDO
	:: pc == P_UFLUSH -> flush(AT(0, s), FLUSH_END); pc = C_FREE
	:: pc == P_FREE -> n = pg[2 * u + p]; give(n); p++; pc = P_FREE2
	:: pc == P_FREE2 -> act = E_free; pc = C_FREE
	:: pc == P_AGAIN1 -> unmap_page(AT(0, s)); pc = P_AGAIN2
	:: pc == P_AGAIN2 ->
		n = held[nh - 1]; map_page(AT(0, s), n);
		for (i : 0 .. NTRK - 1) { if :: PAGE_OF(i) == AT(0, s) && tlb[i] -> tlb[i] = 1 :: else fi }
		pc = P_CMAP
	:: pc == P_CMAP -> act = E_cmap; last = mask; pc = P_END
	:: pc == P_CUNMAP -> act = E_cunmap; pc = C_LOOK
	:: pc == P_NOPAGE -> act = E_warn; pg[2 * u + p] = 0; p++; pc = C_LOOK
	:: pc == P_UNMAP -> n = FIRST_MAPPED(u); unmap_page(n); pc = C_UNMAP
	:: pc == P_TFLUSH -> populated[c] = populated[c] & (3 - mask); flush(AT(0, s), FLUSH_END); pc = P_END
	:: pc == P_OBJECT ->
		act = E_kzalloc;
		if
		:: fail_ && k -> pc = P_KFREE
		:: fail_ && !k -> pc = P_END
		:: else -> objects++; k++; if :: k == 4 -> pc = C_GETVM :: else fi
		fi
	:: pc == P_PURGE ->
		lo = NBLOCK; hi = 0;
		for (i : 0 .. NBLOCK - 1) { if :: area[i] == 2 -> hi = i + 1; if :: lo == NBLOCK -> lo = i :: else fi :: else fi }
		flush(2 * UNIT * lo, 2 * UNIT * hi); pc = P_GETVM; purged = 1
	:: pc == P_GETVM ->
		act = E_get_vm;
		if
		:: fail_ -> pc = P_KFREE
		:: else ->
			if :: purged -> for (i : 0 .. NBLOCK - 1) { if :: area[i] == 2 -> area[i] = 0 :: else fi } :: else fi;
			purged = 0; n = TOP; area[n] = 1; last = n + 1; k = 0; pc = P_END
		fi
	:: pc == P_KFREE -> act = E_kfree; objects = objects - k; k = 0; pc = P_END
	:: pc == P_FCUNMAP -> act = E_cunmap; pc = C_LEFT
	:: pc == P_LEFT -> if :: MAPPED(0) -> n = FIRST_MAPPED(0) :: else -> n = FIRST_MAPPED(1) fi; unmap_page(n); pc = C_LEFT
	:: pc == P_FREEVM -> act = E_free_vm; area[b] = 2; k = 4; pc = P_KFREE
	fi
}

inline name_it(fr) {
	if
	:: fr && !map[fr] -> n++; map[fr] = n
	:: else
	fi
}
inline norm() {
	n = 0;
	for (i : 0 .. SPARE) { map[i] = 0 }
	for (i : 0 .. NPG - 1) { f = FR(i); name_it(f); pte[i] = map[f] << 1 | (pte[i] & 1) }
	for (i : 0 .. NHELD - 1) { f = held[i]; name_it(f); held[i] = map[f] }
	for (i : 0 .. 3) {
		if
		:: pg[i] && pg[i] != GONE && !map[pg[i]] -> pg[i] = GONE
		:: pg[i] && pg[i] != GONE && map[pg[i]] -> pg[i] = map[pg[i]]
		:: else
		fi
	}
}

inline die(kind) {
	bad = kind; op = 0; ev = 0; path = 0; faults = 0; nfree = 0; objects = 0; array = 0;
	for (i : 0 .. NBLOCK - 1) { area[i] = 0 }
	for (i : 0 .. NTABLE - 1) { table[i] = 0 }
	for (i : 0 .. NCHUNK - 1) { chunk[i] = 0; populated[i] = 0 }
	for (i : 0 .. NPG - 1) { pte[i] = 0 }
	for (i : 0 .. NHELD - 1) { held[i] = 0 }
	for (i : 0 .. NTRK - 1) { tlb[i] = 0 }
	for (i : 0 .. 3) { pg[i] = 0 }
	pc = 255; c = 0; b = 0; s = 0; e = 0; u = 0; p = 0; k = 0; nh = 0; mask = 0; last = 0;
	spent = 0; purged = 0; made = 0; destroys = 0; undoes = 0
}

/* 0 create, 1 destroy; then populate and depopulate [0,1), [0,2), [1,2). */
#define RUN_START(o) ((o) / 6)
#define RUN_END(o) ((o) < 4 -> 1 : 2)
inline begin(o) {
	op = o;
	c = (o - 1) / 8;
	n = (o - 1) % 8;
	if :: chunk[c] -> b = chunk[c] - 1 :: else fi;
	if
	:: n == 0 -> pc = P_OBJECT
	:: n == 1 -> destroys = 1; mask = populated[c]; chunk[c] = 0; populated[c] = 0; pc = C_DESTROY
	:: n > 1 ->
		s = RUN_START(n); e = RUN_END(n); mask = (1 << e) - (1 << s);
		if :: n % 2 == 0 -> pc = C_POPULATE :: else -> pc = C_DEPOPULATE fi
	fi
}
/* Of an operation that went well: `last` is what it has come to. */
inline end() {
	act = 0;
	if
	:: last && (op - 1) % 8 == 0 -> chunk[c] = last
	:: last && (op - 1) % 8 != 0 -> populated[c] = populated[c] | last
	:: !last
	fi;
	op = 0; ev = 0; path = 0; faults = 0; pc = 0; c = 0; b = 0; s = 0; e = 0; u = 0; p = 0; k = 0; nh = 0; mask = 0; last = 0;
	spent = 0; purged = 0; made = 0; destroys = 0; undoes = 0;
	for (i : 0 .. NHELD - 1) { held[i] = 0 }
	for (i : 0 .. 3) { pg[i] = 0 }
}

#define IS_FRAME (pc == P_ALLOC || pc == P_TABLE)
#define IS_ALLOC (IS_FRAME || pc == P_ARRAY || pc == P_OBJECT || (pc == P_GETVM && !purged) || pc == P_PURGE)
#define AT_REST (pc == 0 && op == 0 && objects <= 80)

inline go() {
	wrong_ = 0;
	if
	:: op_ -> begin(op_); resolve()
	:: else
	fi;
	if
	:: pc == P_END -> end()
	:: else ->
		if
		:: IS_FRAME && !nfree -> fail_ = 1
		:: !(IS_FRAME && !nfree) && fail_ -> faults = 1; if :: pc == P_PURGE -> pc = P_GETVM :: else fi
		:: else
		fi;
		event();
		ev++;
		path = (path * 31 + act) & 65535;
		resolve()
	fi;
	if
	:: wrong_ -> die(wrong_)
	:: else -> norm()
	fi
}

/* An operation begins with its first event. Those that create or populate begin with an allocation. */
#define BEGIN(o, may) \
		:: AT_REST && (may) -> op_ = o; fail_ = 0
#define BEGIN_ALLOC(o, may, may_fail) \
		BEGIN(o, may) \
		:: AT_REST && (may) && (may_fail) -> op_ = o; fail_ = 1
#define ON_RUN(o, c, run) \
		BEGIN_ALLOC(o, chunk[c] && !(populated[c] & run), nfree || !array) \
		BEGIN(o + 1, chunk[c] && (populated[c] & run) == run)
#define ON_CHUNK(c) \
		BEGIN_ALLOC(8 * c + 1, !chunk[c], true) \
		BEGIN(8 * c + 2, chunk[c]) \
		ON_RUN(8 * c + 3, c, 1) \
		ON_RUN(8 * c + 5, c, 3) \
		ON_RUN(8 * c + 7, c, 2)

proctype kernel() {
	do
	:: atomic {
		if
		ON_CHUNK(0)
		:: pc && pc <= P_END -> op_ = 0; fail_ = 0
		:: IS_ALLOC && !faults && !(IS_FRAME && !nfree) -> op_ = 0; fail_ = 1
		fi;
		d_step { PRE; go(); POST(act) }
	}
	od
}

#define HARDWARE(t) \
	:: d_step { tlb[t] && !bad -> PRE; tlb[t] = 0; POST(A_evict + t) } \
	:: d_step { !tlb[t] && pte[PAGE_OF(t)] && !bad -> PRE; tlb[t] = 1; POST(A_fill + t) }

proctype hardware() {
	do
	HARDWARE(0)
	HARDWARE(1)
	HARDWARE(2)
#if NTRK > 3
	HARDWARE(3)
#endif
	od
}

init {
	atomic {
		d_step { FIRST };
		run kernel();
		run hardware()
	}
}
