/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* mm/hugetlb_vmemmap.c once more, event by event, written from the description of what it does and not from
 * model/hvo: to be compared with that edge by edge (spec/promela/link/run.py). Folios of VPAGES vmemmap pages, one behind the
 * other; a PMD has 4 pages. An operation is `pc`: P_* wait for an event, C_* are decisions, taken at once.
 *
 * A frame is a number from 1 on, by where it occurs first: in pte[], then in held[]. norm() sees to it after every
 * event. -DLINK reports edges, -DREPLAY follows a log; -D with the name of a sabotage puts that break in. */
#ifdef GIGANTIC		/* one folio over two PMDs */
#define NFOL 1
#define VPAGES 8	/* vmemmap pages a folio */
#define NTRK 3		/* pages that TLBs may hold */
#define NHELD 10
#define PAGE_OF(t) ((t) * 4 - (t) / 2)
#else
#define VPAGES 2
#define PAGE_OF(t) (t)
#ifdef WALKER		/* one folio that comes and goes, and who looks at it */
#define NFOL 1
#define NTRK 2
#define NHELD 4
#else
#define NFOL 2
#ifndef NTRK
#define NTRK 4
#endif
#define NHELD 6
#endif
#endif
#ifndef NTLB
#define NTLB 1
#endif
#define NFREE 4
#define NPG (NFOL * VPAGES)
#define NPMD ((NPG + 3) / 4)
#define NN (NPG + NHELD)
#define SPARE (NN + 1)

/* Events, as model/machine/event.hpp numbers them, + 1; 0 is the end of an operation. */
#define E_alloc 1
#define E_free 2
#define E_free_boot 3
#define E_table 5
#define E_pte 7
#define E_pmd 8
#define E_wmb 9
#define E_copy 10
#define E_reset 11
#define E_store 12
#define E_flush 13
#define E_flush_all 14
#define E_rcu 15
#define E_key 16
#define E_memmap 17
#define E_memmap_boot 18
#define E_lock 19
#define E_unlock 20
#define E_warn 21
#define A_fill 64
#define A_evict 96
#define A_walk 128

/* Contents of a frame: 0 junk, 1 tails, 2 a head, 3 nobody's; optimised; of which folio. */
#define OPTIMISED_BIT 8
#define FOLIO_BITS(f) (((f) + 1) << 4)
#define KIND(c) ((c) & 7)

#define NONE 0
#define LRU 1
#define HUGETLB 2

byte op, ev, faults, nfree = NFREE;
int path;				/* which events the operation has had, in order: a checksum */
byte key = 64, memmap = 64, mboot = 96;	/* counters, + 64 */
byte slot[NFOL], split[NPMD];
byte pte[NPG];				/* frame << 1 | writable */
byte held[NHELD];			/* frames of the operation that nothing maps, oldest first */
byte cont[SPARE + 1], mark[SPARE + 1];	/* by frame; mark: 1 not yet ordered, 2 reserved */
byte tlb[NTLB * NTRK];			/* as pte[] */
byte walker;				/* 0 outside, 1 inside, 2 about to write */

/* The operation. list[] is the kernel's: what was freed or is mapped may still be on it (0: gone). */
byte pc, fo, w, wend, mode, k, cnt, nh, nl, reuse;
byte list[NHELD];
bit ptl;				/* page_table_lock is held */
bit had, err, rcu, retried, did, spent;

byte bad;				/* what no hardware may come to; then there is nothing else */
#ifdef REPLAY
int at_line;
#endif

hidden byte map[SPARE + 1], tcont[SPARE + 1], tmark[SPARE + 1];
hidden byte i, j, f, n, act, first_, found_, wrong_, op_, fo_;
hidden byte fail_;

#define FR(p) (pte[p] >> 1)
#define HEADP(f) ((f) * VPAGES)
#define OPTIMISED(f) (cont[FR(HEADP(f))] & OPTIMISED_BIT)
#define M_SPLIT 1
#define M_REMAP 2
#define M_ROLL 3
#define M_REST 4

#include "hvo_names.h"

/* Operations, by number in the alphabet. */
#ifdef WALKER
#define OP_ALLOC 1
#define OP_FREE 2
#define OP_LRU 3
#define OP_FREE_LRU 4
#define OP_OPT(f) 5
#define OP_REST(f) 6
#define OP_OPTL 7
#define OP_RESTL 8
#define SINGLE_OPT (op == 5)
#define FREES (op == OP_FREE)
#else
#define OP_OPT(f) (1 + 2 * (f))
#define OP_REST(f) (2 + 2 * (f))
#define OP_OPTL (1 + 2 * NFOL)
#define OP_RESTL (2 + 2 * NFOL)
#define SINGLE_OPT (op < OP_OPTL && (op & 1))
#define FREES false
#endif
#define IS_LIST (op == OP_OPTL || op == OP_RESTL)
#define WALKERS_OUT (walker == 0)
#define MAY_WAIT(f) (WALKERS_OUT || !OPTIMISED(f) || SKIP_RCU)

#include "link.h"
#if defined(LINK) || defined(REPLAY)
c_code {
static int see(unsigned char *v)
{
	unsigned char *start = v;
	int i;

	if (now.bad) {
		*v = now.bad;
		return 1;
	}
	*v++ = now.op; *v++ = now.ev; *v++ = now.path >> 8; *v++ = now.path; *v++ = now.faults; *v++ = now.nfree;
	*v++ = now.key; *v++ = now.memmap; *v++ = now.mboot; *v++ = now.ptl;
	for (i = 0; i < NFOL; i++) *v++ = now.slot[i];
	for (i = 0; i < NPMD; i++) *v++ = now.split[i];
	for (i = 0; i < NPG; i++) *v++ = now.pte[i];
	for (i = 0; i < NHELD; i++) *v++ = now.held[i];
	for (i = 1; i <= NN; i++) { *v++ = now.cont[i]; *v++ = now.mark[i]; }
	for (i = 0; i < NTLB * NTRK; i++) *v++ = now.tlb[i];
#ifdef WALKER
	*v++ = now.walker;
#endif
	return v - start;
}
\#include "pan_link.h"
};
#endif

/* ---- what is not an event: where the operation goes on */
inline end_walk_vars() { w = 0; wend = 0; mode = 0; had = 0; reuse = 0 }
inline clear_list() { nl = 0; for (i : 0 .. NHELD - 1) { list[i] = 0 } }

inline resolve() {
	do
	/* hugetlb_vmemmap_optimize_folio(): one folio, alone or of a list */
	:: pc == C_OPT ->
		if
		:: OPTIMISED(fo) || IDLES -> err = 0; pc = C_OPTRET
		:: else -> pc = P_KEYINC
		fi
	:: pc == P_KEYINC && SKIP_INC -> pc = P_RCU
	:: pc == P_RCU && (!rcu || SKIP_RCU) ->
		rcu = 0;
		if
		:: mode == M_REST -> mode = 0; pc = C_ALLOC
		:: else -> pc = P_FLAG
		fi
	:: pc == P_FLAG && (SKIP_FLAG || LATE_FLAG) -> pc = P_HEAD
	:: pc == P_COPYHEAD && SKIP_COPY -> pc = P_MEMMAP1
	:: pc == P_MEMMAP1 && SKIP_MEMMAP -> pc = P_MMLOCK
	/* vmemmap_remap_range() */
	:: pc == P_MMLOCK && SKIP_MML -> pc = P_PTL
	:: pc == P_PTL && SKIP_PTL -> pc = P_PTU
	:: pc == P_PTU && SKIP_PTL -> pc = C_PMD
	:: pc == C_PMD ->
		if
		:: !split[(HEADP(fo) + w) / 4] -> pc = P_TABLE
		:: else -> pc = C_PAGE
		fi
	:: pc == P_PTL2 && SKIP_PTL -> pc = P_TWMB
	:: pc == P_TWMB && SKIP_TWMB -> pc = P_POPULATE
	:: pc == P_SFLUSH && (mode == M_SPLIT || SKIP_FLUSH) -> pc = P_PTU2
	:: pc == P_PTU2 && SKIP_PTL -> pc = C_PAGE
	:: pc == C_PAGE ->
		if
		:: mode == M_SPLIT ->	/* to the next PMD */
			do
			:: w++; if :: w == wend || (HEADP(fo) + w) % 4 == 0 -> break :: else fi
			od;
			pc = C_STEP
		:: mode != M_SPLIT && !had -> had = 1; w++; pc = C_STEP
		:: mode == M_REMAP && had && SKIPS_TAIL && w == 1 -> w++; pc = C_STEP
		:: mode == M_REMAP && had && w == 0 -> nl--; pc = P_RWMB	/* the new head is not on the list any more */
		:: mode == M_REMAP && had && w > 0 && !(SKIPS_TAIL && w == 1) -> pc = P_EFCNT
		:: mode > M_REMAP && had -> pc = P_COPY
		fi
	:: pc == P_RWMB && SKIP_WMB -> pc = P_EFCNT
	:: pc == P_EFCNT && (!EARLY || SKIP_MEMMAP) -> pc = P_EFREE
	:: pc == P_EFREE && (!EARLY || (FORGETS && !spent)) -> pc = P_SETPTE
	:: pc == P_COPY && SKIP_COPY -> pc = P_RESET
	:: pc == P_RESET && SKIP_RESET -> pc = P_WMB
	:: pc == P_WMB && SKIP_WMB -> pc = P_SETPTE
	:: pc == C_STEP ->
		if
		:: w == wend -> pc = P_MMUNLOCK
		:: w < wend && (HEADP(fo) + w) % 4 == 0 -> pc = P_PTL
		:: w < wend && (HEADP(fo) + w) % 4 != 0 -> pc = C_PAGE
		fi
	:: pc == P_MMUNLOCK && SKIP_MMU -> pc = P_FLUSHR
	:: pc == P_FLUSHR && (err || mode == M_SPLIT || (mode != M_ROLL && IS_LIST) || SKIP_FLUSH) -> pc = C_WRET
	:: pc == C_WRET ->
		if
		:: mode == M_SPLIT ->
			end_walk_vars();
			if :: err -> err = 0; fo = 0; pc = P_FLUSHALL1 :: else -> fo++; pc = C_SPLITNEXT fi
		:: mode == M_REMAP && err && w > 0 && ROLLS_BACK ->
			mode = M_ROLL; wend = w; w = 0; had = 0; err = 0; pc = P_MMLOCK
		:: mode == M_REMAP && !(err && w > 0 && ROLLS_BACK) -> end_walk_vars(); pc = P_FLAG2
		:: mode == M_ROLL -> end_walk_vars(); err = 1; pc = P_FLAG2
		:: mode == M_REST -> end_walk_vars(); clear_list(); pc = P_FLAGOFF_R
		fi
	:: pc == P_FLAG2 && (!LATE_FLAG || SKIP_FLAG) -> pc = P_WTAIL
	:: pc == P_WTAIL && !WRITES_TAIL -> pc = P_WARN
	:: pc == P_WARN && !WARNS -> pc = C_AFTER2
	:: pc == C_AFTER2 -> if :: err -> pc = P_KEYDEC_O :: else -> pc = C_OPTRET fi
	:: pc == P_KEYDEC_O && SKIP_DEC -> pc = P_FLAGOFF_O
	:: pc == P_FLAGOFF_O && SKIP_FLAG -> pc = C_OPTRET
	/* what the callers do then */
	:: pc == C_OPTRET ->
		if
		:: !IS_LIST -> err = 0; k = nl; pc = C_FREE
		:: IS_LIST && err && nl && !retried -> err = 0; retried = 1; pc = P_FLUSHALL2
		:: IS_LIST && !(err && nl && !retried) ->
			err = 0; retried = 0; fo++;
			if :: fo == NFOL -> fo = 0; pc = P_FLUSHALL3 :: else -> pc = C_OPT fi
		fi
	:: pc == C_SPLITNEXT ->
		if
		:: fo == NFOL -> fo = 0; pc = P_FLUSHALL1
		:: fo < NFOL && OPTIMISED(fo) -> fo++
		:: fo < NFOL && !OPTIMISED(fo) -> mode = M_SPLIT; wend = VPAGES; pc = P_MMLOCK
		fi
	:: pc == P_FLUSHALL1 && SKIP_FLUSH -> pc = C_OPT
	:: pc == P_FLUSHALL2 && SKIP_FLUSH -> k = nl; pc = C_FREE
	:: pc == P_FLUSHALL3 && SKIP_FLUSH -> k = nl; pc = C_FREE
	/* free_vmemmap_page_list() */
	:: pc == C_FREE ->
		if
		:: k -> pc = P_FREECNT
		:: else -> clear_list(); pc = C_FREED
		fi
	:: pc == P_FREECNT && SKIP_MEMMAP -> pc = P_FREE
	:: pc == P_FREE && FORGETS && !spent -> spent = 1; k--; pc = C_FREE
	:: pc == P_FREE2 && !TWICE -> pc = C_FREE
	:: pc == C_FREED ->
		if
		:: retried -> pc = C_OPT
		:: else -> pc = P_END
		fi
	/* hugetlb_vmemmap_restore_folio() */
	:: pc == C_RES ->
		if
		:: !OPTIMISED(fo) -> did = 0; err = 0; pc = C_RESRET
		:: else -> did = 1; mode = M_REST; pc = P_RCU
		fi
	:: pc == C_ALLOC ->
		if
		:: nl == VPAGES - 1 -> pc = P_MEMMAPN
		:: else -> pc = P_ALLOC
		fi
	:: pc == C_UNALLOC ->
		if
		:: k -> pc = P_UNFREE
		:: else -> clear_list(); err = 1; pc = C_RESRET
		fi
	:: pc == P_UNFREE && FORGETS && !spent -> spent = 1; k--; pc = C_UNALLOC
	:: pc == P_UNFREE2 && !TWICE -> pc = C_UNALLOC
	:: pc == P_MEMMAPN && SKIP_MEMMAP -> mode = M_REST; wend = VPAGES; pc = P_MMLOCK
	:: pc == P_FLAGOFF_R && SKIP_FLAG -> pc = P_KEYDEC_R
	:: pc == P_KEYDEC_R && (IS_LIST || SKIP_DEC) -> err = 0; pc = C_RESRET
	:: pc == C_RESRET ->
		if
		:: !IS_LIST && err && LATE_ERRNO && !retried -> retried = 1; err = 0; pc = C_RES
		:: !IS_LIST && !(err && LATE_ERRNO && !retried) -> pc = P_END
		:: IS_LIST && err -> err = 0; pc = C_NEXTRES
		:: IS_LIST && !err -> cnt = cnt + did; fo++; if :: fo == NFOL -> pc = C_NEXTRES :: else -> pc = C_RES fi
		fi
	:: pc == C_NEXTRES ->
		did = 0; fo = 0;
		if
		:: cnt -> pc = P_FLUSHALLR
		:: else -> pc = P_END
		fi
	:: pc == P_FLUSHALLR && SKIP_RFLUSH -> pc = P_KEYDECN
	:: pc == P_KEYDECN && SKIP_DEC -> cnt = 0; pc = P_END
	:: else -> break
	od
}

/* ---- effects */
inline hold(fr) { held[nh] = fr; nh++ }
inline let_go(fr) {
	found_ = 0;
	for (j : 0 .. NHELD - 1) {
		if
		:: j < nh && held[j] == fr ->
			for (i : j .. NHELD - 2) { held[i] = held[i + 1] }
			held[NHELD - 1] = 0;
			nh--;
			found_ = 1;
			break
		:: else
		fi
	}
}
inline flush(from, to) {
	for (i : 0 .. NTLB * NTRK - 1) {
		if
		:: PAGE_OF(i % NTRK) >= from && PAGE_OF(i % NTRK) < to -> tlb[i] = 0
		:: else
		fi
	}
}
/* A frame is given away: no CPU may hold it. */
inline no_tlb_holds(fr) {
	for (i : 0 .. NTLB * NTRK - 1) {
		if
		:: tlb[i] && (tlb[i] >> 1) == fr -> wrong_ = 1
		:: else
		fi
	}
}
inline release(fr) {
	no_tlb_holds(fr);
	if
	:: BOOTMEM(fr) -> act = E_free_boot
	:: else -> act = E_free
	fi;
	let_go(fr);
	if
	:: found_ -> nfree++
	:: else	/* it is mapped, or free: nothing comes of it */
	fi
}
inline enlist(fr) { list[nl] = fr; nl++ }
inline order_stores() { for (i : 1 .. NN) { mark[i] = mark[i] & 2 } }
inline uncount(fr) {
	if
	:: BOOTMEM(fr) -> act = E_memmap_boot; mboot--
	:: else -> act = E_memmap; memmap--
	fi
}
inline set_flag(on) {
	act = E_store;
	f = FR(HEADP(fo));
	cont[f] = (cont[f] & (255 - OPTIMISED_BIT)) | (on * OPTIMISED_BIT)
}
/* The page that the walk is at gets a frame; `n` is the frame and its permission. */
inline set_pte() {
	act = E_pte;
	f = FR(HEADP(fo) + w);
	pte[HEADP(fo) + w] = n;
	let_go(n >> 1);
	first_ = 0;
	for (i : 0 .. NPG - 1) { if :: FR(i) == f -> first_ = 1 :: else fi }
	if :: !first_ -> hold(f) :: else fi
}
#ifdef tail_writable
#define RO 1
#else
#define RO 0
#endif
#ifdef DRIFT	/* a difference that no number tells: what a reset page reads as */
#define RESET_TO 4
#else
#define RESET_TO 1
#endif
#ifdef all_read_only
#define RW 0
#else
#define RW 1
#endif
/* The frame that a restore fills: the newest of the list. */
#define FILLED list[nl - 1]

inline event() {
	if
	:: pc == P_KEYINC -> act = E_key; key++; pc = P_RCU
	:: pc == P_RCU -> act = E_rcu; rcu = 0; if :: mode == M_REST -> mode = 0; pc = C_ALLOC :: else -> pc = P_FLAG fi
	:: pc == P_FLAG -> set_flag(1); pc = P_HEAD
	:: pc == P_HEAD ->
		act = E_alloc; mode = M_REMAP; wend = VPAGES;
		if
		:: fail_ -> pc = P_MMLOCK
		:: else -> nfree--; hold(SPARE); enlist(SPARE); reuse = SPARE; had = 1; pc = P_COPYHEAD
		fi
	:: pc == P_COPYHEAD -> act = E_copy; f = reuse; cont[f] = cont[FR(HEADP(fo))]; mark[f] = mark[f] | 1; pc = P_MEMMAP1
	:: pc == P_MEMMAP1 -> act = E_memmap; memmap++; pc = P_MMLOCK
	:: pc == P_MMLOCK -> act = E_lock; pc = P_PTL
	:: pc == P_PTL -> act = E_lock; ptl = 1; pc = P_PTU
	:: pc == P_PTU -> act = E_unlock; ptl = 0; pc = C_PMD
	:: pc == P_TABLE ->
		act = E_table;
		if
		:: fail_ -> err = 1; pc = P_MMUNLOCK
		:: else -> nfree--; k = 0; pc = P_PRIV
		fi
	:: pc == P_PRIV -> act = E_pte; k++; if :: k == 4 -> k = 0; pc = P_PTL2 :: else fi
	:: pc == P_PTL2 -> act = E_lock; ptl = 1; pc = P_TWMB
	:: pc == P_TWMB -> act = E_wmb; order_stores(); pc = P_POPULATE
	:: pc == P_POPULATE -> act = E_pmd; split[(HEADP(fo) + w) / 4] = 1; pc = P_SFLUSH
	:: pc == P_SFLUSH -> act = E_flush; f = (HEADP(fo) + w) / 4 * 4; flush(f, f + 4); pc = P_PTU2
	:: pc == P_PTU2 -> act = E_unlock; ptl = 0; pc = C_PAGE
	:: pc == P_RWMB -> act = E_wmb; order_stores(); pc = P_EFCNT
	:: pc == P_EFCNT -> uncount(FR(HEADP(fo) + w)); pc = P_EFREE
	:: pc == P_EFREE ->	/* it is mapped: nothing comes of it */
		f = FR(HEADP(fo) + w);
		no_tlb_holds(f);
		if :: BOOTMEM(f) -> act = E_free_boot :: else -> act = E_free fi;
		pc = P_SETPTE
	:: pc == P_SETPTE ->
		if
		:: mode == M_REMAP && w == 0 -> enlist(FR(HEADP(fo))); n = reuse << 1 | RW; reuse = 0
		:: mode == M_REMAP && w > 0 -> enlist(FR(HEADP(fo) + w)); n = FR(HEADP(fo)) << 1 | RO
		:: mode != M_REMAP ->
			n = FILLED << 1 | RW;
			if :: SHARES && w == 1 :: else -> nl--; list[nl] = 0 fi
		fi;
		set_pte(); w++; pc = C_STEP
	:: pc == P_COPY -> act = E_copy; f = FILLED; cont[f] = cont[FR(HEADP(fo))]; mark[f] = mark[f] | 1; pc = P_RESET
	:: pc == P_RESET ->
		act = E_reset; f = FILLED; mark[f] = mark[f] | 1;
		if
		:: KIND(cont[f]) == 2 -> cont[f] = (cont[f] & 240) | RESET_TO
		:: else
		fi;
		pc = P_WMB
	:: pc == P_WMB -> act = E_wmb; order_stores(); pc = P_SETPTE
	:: pc == P_MMUNLOCK -> act = E_unlock; pc = P_FLUSHR
	:: pc == P_FLUSHR -> act = E_flush; flush(HEADP(fo), HEADP(fo) + wend); pc = C_WRET
	:: pc == P_FLAG2 -> set_flag(1); pc = P_WTAIL
	:: pc == P_WTAIL -> act = E_store; pc = P_WARN
	:: pc == P_WARN -> act = E_warn; pc = C_AFTER2
	:: pc == P_KEYDEC_O -> act = E_key; key--; pc = P_FLAGOFF_O
	:: pc == P_FLAGOFF_O -> set_flag(0); pc = C_OPTRET
	:: pc == P_FLAGOFF_R -> set_flag(0); pc = P_KEYDEC_R
	:: pc == P_KEYDEC_R -> act = E_key; key--; err = 0; pc = C_RESRET
	:: pc == P_FLUSHALL1 -> act = E_flush_all; flush(0, NPG); pc = C_OPT
	:: pc == P_FLUSHALL2 -> act = E_flush_all; flush(0, NPG); k = nl; pc = C_FREE
	:: pc == P_FLUSHALL3 -> act = E_flush_all; flush(0, NPG); k = nl; pc = C_FREE
	:: pc == P_FREECNT -> uncount(list[k - 1]); pc = P_FREE
	:: pc == P_FREE -> release(list[k - 1]); k--; pc = P_FREE2
	:: pc == P_FREE2 -> act = E_free; pc = C_FREE
	:: pc == P_ALLOC ->
		act = E_alloc;
		if
		:: fail_ -> k = nl; pc = C_UNALLOC
		:: else -> nfree--; hold(SPARE); enlist(SPARE); pc = C_ALLOC
		fi
	:: pc == P_UNFREE -> release(list[k - 1]); k--; pc = P_UNFREE2
	:: pc == P_UNFREE2 -> act = E_free; pc = C_UNALLOC
	:: pc == P_MEMMAPN -> act = E_memmap; memmap = memmap + VPAGES - 1; mode = M_REST; wend = VPAGES; pc = P_MMLOCK
	:: pc == P_FLUSHALLR -> act = E_flush_all; flush(0, NPG); pc = P_KEYDECN
	:: pc == P_KEYDECN -> act = E_key; key = key - cnt; cnt = 0; pc = P_END
	fi
}

inline name_it(fr) {
	if
	:: fr && !map[fr] -> n++; map[fr] = n
	:: else
	fi
}
/* Frames are named anew, by where they occur. */
inline norm() {
	n = 0;
	for (i : 0 .. SPARE) { map[i] = 0; tcont[i] = cont[i]; tmark[i] = mark[i]; cont[i] = 0; mark[i] = 0 }
	for (i : 0 .. NPG - 1) { f = FR(i); name_it(f); pte[i] = map[f] << 1 | (pte[i] & 1) }
	for (i : 0 .. NHELD - 1) { f = held[i]; name_it(f); held[i] = map[f] }
	for (i : 0 .. NHELD - 1) { list[i] = map[list[i]] }
	reuse = map[reuse];
	for (i : 1 .. SPARE) {
		if
		:: map[i] -> cont[map[i]] = tcont[i]; mark[map[i]] = tmark[i]
		:: else
		fi
	}
	for (i : 0 .. NTLB * NTRK - 1) {
		if
		:: tlb[i] -> tlb[i] = map[tlb[i] >> 1] << 1 | (tlb[i] & 1)
		:: else
		fi
	}
}

/* What no hardware may come to: one state for each kind, in which nothing else is. */
inline die(kind) {
	bad = kind; op = 0; ev = 0; path = 0; faults = 0; nfree = 0; key = 0; memmap = 0; mboot = 0; walker = 0;
	for (i : 0 .. NFOL - 1) { slot[i] = 0 }
	for (i : 0 .. NPMD - 1) { split[i] = 0 }
	for (i : 0 .. NPG - 1) { pte[i] = 0 }
	for (i : 0 .. NHELD - 1) { held[i] = 0 }
	for (i : 0 .. SPARE) { cont[i] = 0; mark[i] = 0 }
	for (i : 0 .. NTLB * NTRK - 1) { tlb[i] = 0 }
	clear_list();
	pc = 255; ptl = 0; fo = 0; w = 0; wend = 0; mode = 0; k = 0; cnt = 0; nh = 0; reuse = 0;
	had = 0; err = 0; rcu = 0; retried = 0; did = 0; spent = 0
}

inline begin(o) {
	op = o;
	rcu = 1;
	if
	:: o == OP_OPTL -> pc = C_SPLITNEXT
	:: o == OP_RESTL -> pc = C_RES
	:: o != OP_OPTL && o != OP_RESTL && SINGLE_OPT -> fo = fo_; pc = C_OPT
	:: o != OP_OPTL && o != OP_RESTL && !SINGLE_OPT -> fo = fo_; pc = C_RES
	fi
}
/* free_folio: its struct pages are an ordinary page's again where they are as initialised. */
inline dissolve() {
	slot[0] = NONE;
	for (i : 0 .. VPAGES - 1) {
		if
		:: cont[FR(i)] == (FOLIO_BITS(0) | 1 + (i == 0)) -> cont[FR(i)] = 3
		:: else
		fi
	}
}
inline prep() {
	slot[0] = HUGETLB;
	for (i : 0 .. VPAGES - 1) { if :: cont[FR(i)] == 3 -> cont[FR(i)] = (FOLIO_BITS(0) | 1 + (i == 0)) :: else fi }
}
inline end() {
	act = 0;
#ifdef WALKER
	if :: FREES && !err -> dissolve() :: else fi;
#endif
	op = 0; ev = 0; path = 0; faults = 0; pc = 0; fo = 0; nh = 0; spent = 0; retried = 0; did = 0; err = 0; rcu = 0;
	clear_list();
	for (i : 0 .. NHELD - 1) { held[i] = 0 }
}
#define IS_ALLOC (pc == P_HEAD || pc == P_TABLE || pc == P_ALLOC)
#define AT_REST (pc == 0 && op == 0 && key >= 61 && key <= 67 && memmap + mboot >= 136 && memmap + mboot <= 168)

/* The next event; of an operation that begins (op_) the first, or that there is none. */
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
		:: IS_ALLOC && !nfree -> fail_ = 1
		:: IS_ALLOC && nfree && fail_ -> faults = 1
		:: else
		fi;
		event();
		ev++;
		path = (path * 31 + act) & 65535;
		resolve()
	fi;
#if !defined(LINK) && !defined(REPLAY)
	assert(!wrong_);	/* of itself it only has to hold */
#endif
	if
	:: wrong_ -> die(wrong_)
	:: else -> norm()
	fi
}

/* An operation begins with its first event, or returns at once. */
#define BEGIN(o, folio, may, may_fail) \
		:: AT_REST && (may) -> op_ = o; fo_ = folio; fail_ = 0 \
		:: SKIP_RCU && AT_REST && (may) && (may_fail) && nfree -> op_ = o; fo_ = folio; fail_ = 1

proctype kernel() {
	do
	:: atomic {
		if
		BEGIN(OP_OPT(0), 0, slot[0] == HUGETLB, false)
		BEGIN(OP_REST(0), 0, slot[0] == HUGETLB && MAY_WAIT(0), OPTIMISED(0))
#if NFOL > 1
		BEGIN(OP_OPT(1), 1, true, false)
		BEGIN(OP_REST(1), 1, true, OPTIMISED(1))
		BEGIN(OP_RESTL, 0, true, OPTIMISED(0) || OPTIMISED(1))
#else
		BEGIN(OP_RESTL, 0, slot[0] == HUGETLB && MAY_WAIT(0), OPTIMISED(0))
#endif
		BEGIN(OP_OPTL, 0, slot[0] == HUGETLB, false)
#ifdef WALKER
		BEGIN(OP_FREE, 0, slot[0] == HUGETLB && MAY_WAIT(0), OPTIMISED(0))
#endif
		:: pc && pc <= P_END && (pc != P_RCU || WALKERS_OUT) -> op_ = 0; fail_ = 0
		:: IS_ALLOC && nfree && !faults -> op_ = 0; fail_ = 1
		fi;
		d_step { PRE; go(); POST(act) }
	}
#ifdef WALKER
	:: d_step { AT_REST && slot[0] == NONE -> PRE; act = 0; prep(); norm(); POST(act) }	/* alloc_folio */
	:: d_step { AT_REST && slot[0] == NONE -> PRE; act = 0; slot[0] = LRU; POST(act) }	/* alloc_lru */
	:: d_step { AT_REST && slot[0] == NONE -> PRE; act = 0; POST(act) }			/* no memory for it */
	:: d_step { AT_REST && slot[0] == LRU -> PRE; act = 0; slot[0] = NONE; POST(act) }	/* free_lru */
#endif
	od
}

#define HARDWARE(t) \
	:: d_step { tlb[t] && !bad -> PRE; tlb[t] = 0; POST(A_evict + t) } \
	:: d_step { !tlb[t] && pte[PAGE_OF((t) % NTRK)] && !bad -> PRE; tlb[t] = pte[PAGE_OF((t) % NTRK)]; POST(A_fill + t) }

proctype hardware() {
	do
	HARDWARE(0)
	HARDWARE(1)
#if NTLB * NTRK > 2
	HARDWARE(2)
#endif
#if NTLB * NTRK > 3
	HARDWARE(3)
#endif
#if NTLB * NTRK > 4
	HARDWARE(4)
	HARDWARE(5)
#endif
#if NTLB * NTRK > 6
	HARDWARE(6)
	HARDWARE(7)
#endif
#ifdef WALKER
	:: d_step { walker == 0 && slot[0] != NONE -> PRE; walker = 1 + (slot[0] == LRU); POST(A_walk) }
	:: d_step { walker == 2 ->
		PRE;
		if
		:: slot[0] != NONE && !(pte[1] & 1) -> die(4)
		:: else -> walker = 1
		fi;
		POST(A_walk + 1) }
	:: d_step { walker != 0 -> PRE; walker = 0; POST(A_walk + 2) }
#endif
	od
}

init {
	atomic {
	d_step {
		for (i : 0 .. NPG - 1) {
			pte[i] = (i + 1) << 1 | 1;
			mark[i + 1] = 2;
#ifdef WALKER
			cont[i + 1] = 3;
#else
			slot[i / VPAGES] = HUGETLB;
			cont[i + 1] = FOLIO_BITS(i / VPAGES) | 1 + (i % VPAGES == 0);
#endif
		}
		FIRST
	}
	run kernel();
	run hardware()
	}
}
