/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * HVO while others look: optimise, rollback and restore of a folio against everything that runs at the same time. Kernel words
 * throughout: mm/hugetlb_vmemmap.c, include/linux/page_ref.h, include/linux/page-flags.h.
 *
 *   updater   optimises and restores one folio. Its stores go through a store buffer that drains in any order, but for smp_wmb(),
 *             releases and stores to one address. SECOND: two updaters, two folios, one PMD.
 *   tlbs      any TLB entry fills and is evicted at any time. CPU 1 walks all pages, CPU 2 the first tail page.
 *   reader    reads struct pages and asks compound_head(), with the fake-head rule (READER).
 *   walker    a speculative PFN walker: page_ref_add_unless() in an RCU read section (WALKER).
 *   failure   memory_failure() on the first tail page (MF).
 *
 * NA, NB: vmemmap pages of the folios (2 or 3, and 2). PTRS: entries of a PTE table; NA > PTRS lets a split fail midway. LIST: as the list calls
 * do it: nobody flushes before the caller. RESTORE: go on to restore. One -D for each break, named as in
 * spec/sabotage/sabotage.hpp where it is the same one; the others are listed in spec/sabotage/sabotage.tsv.
 *
 * EVENTS: the updater alone, its stores visible at once: what it does is what the C++ model does (events.h).
 */
#ifndef NA
#define NA 3
#endif
#ifdef SECOND
#define NB 2
#else
#define NB 0
#endif
#ifndef PTRS
#define PTRS (NA + NB)
#endif
#ifdef SECOND
#define NR_UPDATERS 2
#else
#define NR_UPDATERS 1
#endif
#define NP     (NA + NB)                      /* vmemmap pages; page v is backed by frame v at the start */
#define F      (NP + NR_UPDATERS)             /* frames: those, and a spare for each folio's new head */
#define NPMD   ((NP + PTRS - 1) / PTRS)
#define TABLES (NPMD * NR_UPDATERS)           /* the table that updater `me` builds for PMD p: me * NPMD + p */
#define NPTE   (TABLES * PTRS)

#define LEAF 15
#define NOF  15                               /* no frame: an entry that was never written, an empty TLB slot */
#define RO   16
#define FR(e) ((e) & 15)

/* What a frame holds, seen as struct pages: who slot 0 says it is, and the folio's flags if it is the head. */
#define JUNK   0
#define TAIL   1
#define HEAD   2
#define KIND(d) ((d) & 3)
#define OPT    4                              /* folio_test_hugetlb_vmemmap_optimized() */
#define POISON 8

#if defined(NOCHECK) || defined(EVENTS)       /* for the LTL runs: the formula is to find it */
#define CHECK(x) skip
#else
#define CHECK(x) assert(x)
#endif

/* ---- memory, as all CPUs see it ---- */
byte pmd[NPMD];
byte pte[NPTE];
byte data[F];
byte ref[F];                                  /* _refcount of the struct page in slot 0 */
bool isfree[F];
byte key;                                     /* hugetlb_optimize_vmemmap_key */
bool ptl;                                     /* init_mm.page_table_lock */

/* ---- what the judge knows: the mapping as the updaters meant it, and what became of them ---- */
byte cur[NP];
byte nr_optimised, nr_done;
bool owner_writes[2];                         /* the folio is not optimised: its struct pages are written like others */
#define base(me)  ((me) * NA)
#define top(me)   ((me) * NB + NA)
#define folio(v)  ((v) >= NA)

/* ---- events, by the numbers of ../link/hvo.pml ---- */
#include "events.h"
#ifdef EVENTS
#define any_free :: true -> f = 0; do :: isfree[f] -> break :: else -> f++ od; skip
c_code {
static int sees(int *seen)
{
	int p;

	seen[0] = now.key; seen[1] = now.ptl;
	for (p = 0; p < NPMD; p++) seen[2 + p] = now.pmd[p] != LEAF;
	return 2 + NPMD;
}
static int mapped(int v) { return FR(now.cur[v]) << 1 | now.cur[v] < RO; }
};
#endif
#ifdef no_flush
#define FLUSHED(n)
#else
#define FLUSHED(n) EV(n)
#endif
#define E_alloc 1
#define E_free 2
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

/* ---- store buffers (partial store order) ---- */
#define SB 8
#define A_PTE(i)  (i)
#define A_DATA(f) (NPTE + (f))
#define A_PMD(p)  (NPTE + F + (p))
#define A_PTL     (NPTE + F + NPMD)
byte sba[SB * NR_UPDATERS]; byte sbv[SB * NR_UPDATERS]; byte sbe[SB * NR_UPDATERS];
byte sbn[NR_UPDATERS]; byte epoch[NR_UPDATERS];

#ifdef EVENTS
inline store(a, v) { d_step { apply(a, v) } }
#else
inline store(a, v) { d_step {
	sbn[me] < SB ->                                   /* full: the CPU waits */
	sba[me * SB + sbn[me]] = a; sbv[me * SB + sbn[me]] = v; sbe[me * SB + sbn[me]] = epoch[me]; sbn[me]++ } }
#endif
inline smp_wmb() { d_step { if :: sbn[me] > 0 -> epoch[me]++ :: else fi } }
#define drained (sbn[me] == 0)

/* Entry i may become visible if no older one has its address or an older epoch. A release is the last of all before it. */
#define A(i) sba[me * SB + (i)]
#define E(i) sbe[me * SB + (i)]
#define free_of(i, j) (A(j) != A(i) && E(j) == E(i) && A(i) != A_PTL)
#define can(i) (i < sbn[me] && (i < 1 || free_of(i, 0)) && (i < 2 || free_of(i, 1)) && (i < 3 || free_of(i, 2)) \
	&& (i < 4 || free_of(i, 3)) && (i < 5 || free_of(i, 4)) && (i < 6 || free_of(i, 5)) && (i < 7 || free_of(i, 6)))
inline apply(a, v) {
	if
	:: a < A_DATA(0)                -> pte[a] = v
	:: a >= A_DATA(0) && a < A_PMD(0) -> data[a - A_DATA(0)] = v; ref[a - A_DATA(0)] = 0
	:: a >= A_PMD(0) && a < A_PTL   -> pmd[a - A_PMD(0)] = v
	:: a == A_PTL                   -> ptl = v
	fi
}
inline drain(i) { d_step {
	apply(A(i), sbv[me * SB + i]);
	k = i;
	do
	:: k + 1 < sbn[me] -> A(k) = A(k + 1); E(k) = E(k + 1); sbv[me * SB + k] = sbv[me * SB + k + 1]; k++
	:: else -> break
	od;
	sbn[me]--; A(k) = 0; E(k) = 0; sbv[me * SB + k] = 0; k = 0;
	if :: sbn[me] == 0 -> epoch[me] = 0 :: else fi } }
proctype storebuf(byte me) {
	byte k;
end:	do
	:: can(0) -> drain(0)
	:: can(1) -> drain(1)
	:: can(2) -> drain(2)
	:: can(3) -> drain(3)
	:: can(4) -> drain(4)
	:: can(5) -> drain(5)
	:: can(6) -> drain(6)
	:: can(7) -> drain(7)
	od
}

/* ---- MMUs ---- */
byte tlb1[NP]; byte tlb2;
#define xlate(v) (pmd[(v) / PTRS] == LEAF -> (v) : pte[pmd[(v) / PTRS] * PTRS + (v) % PTRS])
#define shares_head(v, t) ((v) != base(folio(v)) && FR(t) == FR(cur[base(folio(v))]))
inline fill(v, t) {                                       /* inside a d_step or atomic */
	t = xlate(v);
	CHECK(FR(t) != NOF);                              /* inv_table_translates_as_the_leaf_did */
	CHECK(!shares_head(v, t) || t >= RO)              /* inv_tail_vmemmap_is_read_only */
}
#ifdef SECOND                                 /* fewer states: only tails stay in the TLB */
#define forget(v) tlb1[v] = NOF
#else
#define forget(v) skip
#endif
#ifdef EVENTS
#define need(v, t) fill(v, t)
#else
#define need(v, t) if :: t == NOF -> fill(v, t) :: else fi
#endif
#define live(t)      CHECK(!isfree[FR(t)]); CHECK(KIND(data[FR(t)]) != JUNK)
#define writable(t)  CHECK(t < RO)

proctype tlbs() {
end:	do
#ifndef SECOND
	:: d_step { tlb1[0] == NOF -> fill(0, tlb1[0]) }
	:: d_step { tlb1[0] != NOF -> tlb1[0] = NOF }
#endif
	:: d_step { tlb1[1] == NOF -> fill(1, tlb1[1]) }
	:: d_step { tlb1[1] != NOF -> tlb1[1] = NOF }
#ifdef SECOND
	:: d_step { tlb1[3] == NOF -> fill(3, tlb1[3]) }
	:: d_step { tlb1[3] != NOF -> tlb1[3] = NOF }
#elif NP > 2
	:: d_step { tlb1[2] == NOF -> fill(2, tlb1[2]) }
	:: d_step { tlb1[2] != NOF -> tlb1[2] = NOF }
#endif
#ifdef WALKER
	:: d_step { tlb2 == NOF -> fill(1, tlb2) }
	:: d_step { tlb2 != NOF -> tlb2 = NOF }
#endif
	od
}

/* An IPI round: the sender's stores are out, then each CPU drops the folio's pages in turn. */
inline flush_tlb() {
#ifdef no_flush
	skip
#else
	drained;
	d_step { i = base(me); do :: i < top(me) -> tlb1[i] = NOF; i++ :: else -> break od; i = 0 };
#ifdef WALKER
	tlb2 = NOF
#endif
#endif
}

/* ---- RCU, with one reader ---- */
bool in_cs, gp_wait;
inline synchronize_rcu() {
#if defined(WALKER) && !defined(no_rcu)
	gp_wait = in_cs; !gp_wait
#else
	skip
#endif
}

/* ---- hugetlb's view of folio 0, under hugetlb_lock ---- */
#define TRANSIT 0
#define POOL    1
#define GONE    2
byte where = TRANSIT;
bool recorded;                                /* memory_failure() noted the bad page */

/* ---- page lists and the buddy ---- */
inline list_add(f) { lst[ln] = f; ln++ }
inline list_del(f) { ln--; f = lst[ln]; lst[ln] = 0 }
inline free_one(f) {
	CHECK(!isfree[f]);                                /* inv_no_page_is_freed_twice */
	isfree[f] = true; data[f] = JUNK; ref[f] = 1      /* somebody else's by now, and in use */
}
inline free_vmemmap_page_list() { d_step {
#ifdef leak_page
	if :: ln > 0 -> list_del(f) :: else fi;
#endif
	i = 0;
	do
	:: i < ln -> free_one(lst[i]) EV(E_free);
#ifdef double_free
		free_one(lst[i]) EV(E_free);
#endif
		i++
	:: else -> break
	od;
	do :: ln > 0 -> ln--; lst[ln] = 0 :: else -> break od;
	i = 0; f = 0 } }

inline set_pte(v, e) {
#ifdef remap_neighbour
	store(A_PTE(tab[(v) / PTRS] * PTRS + ((v) + NA) % PTRS), e);
#else
	store(A_PTE(tab[(v) / PTRS] * PTRS + (v) % PTRS), e);
#endif
	cur[v] = e
}

/* Any free page may be the next. */
#ifdef any_free
#elif F == 3
#define any_free :: isfree[0] -> f = 0 :: isfree[1] -> f = 1 :: isfree[2] -> f = 2
#else
#define any_free :: isfree[0] -> f = 0 :: isfree[1] -> f = 1 :: isfree[2] -> f = 2 :: isfree[3] -> f = 3
#endif

/* vmemmap_split_pmd(), with the test of vmemmap_pmd_entry(). p: the PMD. */
inline split(p) {
	if
#if defined(SECOND) || defined(LIST)
	:: pmd[p] != LEAF -> tab[p] = pmd[p]
#endif
	:: pmd[p] == LEAF -> FAILS(E_table) nomem = true  /* no memory for a table */
	:: pmd[p] == LEAF EV(E_table) ->
		i = 0;
		do
#ifdef short_table
		:: i < PTRS - 1 ->
#else
		:: i < PTRS ->
#endif
			store(A_PTE((me * NPMD + p) * PTRS + i), p * PTRS + i) EV(E_pte);
			i++
		:: else -> break
		od;
		i = 0;
#ifndef no_page_table_lock
		atomic { !ptl -> ptl = true };
#endif
		if
		:: pmd[p] == LEAF ->
#ifndef no_table_wmb
			smp_wmb() EV(E_wmb);
#endif
			store(A_PMD(p), me * NPMD + p) EV(E_pmd);
			tab[p] = me * NPMD + p;
#ifdef LIST
			if :: !splitting -> flush_tlb() FLUSHED(E_flush) :: else fi
#else
			flush_tlb() FLUSHED(E_flush)
#endif
#ifdef SECOND
		:: else -> tab[p] = pmd[p]                /* lost the race: the private table goes */
#endif
		fi;
#ifndef no_page_table_lock
		store(A_PTL, false)
#else
		skip
#endif
	fi
}

/* vmemmap_restore_pte(): the next page of the list gets a copy of the head page, then the PTE. */
inline restore_pte(v) {
#ifdef shared_restore
	if :: v > base(me) + 1 -> f = FR(cur[base(me) + 1]) :: else -> list_del(f) fi;
#else
	list_del(f);
#endif
	d_step { need(base(me), tlb1[base(me)]); live(tlb1[base(me)]); forget(base(me)) };
#ifndef no_copy
#ifdef no_reset
	store(A_DATA(f), HEAD) EV(E_copy);
#else
	store(A_DATA(f), TAIL) EV(E_copy) EV(E_reset);
#endif
#endif
#ifndef no_contents_wmb
	smp_wmb() EV(E_wmb);
#endif
#ifdef all_read_only
	set_pte(v, f + RO) EV(E_pte);
#else
	set_pte(v, f) EV(E_pte);
#endif
	f = 0
}

/* Writes through the head's virtual address. */
#define write_head(stmt) atomic { need(base(me), tlb1[base(me)]); live(tlb1[base(me)]); writable(tlb1[base(me)]); stmt; forget(base(me)) }
#define HD FR(tlb1[base(me)])

/* __hugetlb_vmemmap_optimize_folio() and vmemmap_remap_free(): ok says whether it worked; the list is the caller's. */
inline optimise() {
#ifndef no_key_inc
	key++ EV(E_key);
#endif
	synchronize_rcu() EV(E_rcu);
#ifndef no_flag
#ifndef flag_after_copy
	write_head(data[HD] = data[HD] | OPT) EV(E_store);
#endif
#endif
	hd = FR(cur[base(me)]);
	if
#ifndef SECOND
	:: newhead = true;
	   d_step {
	   if :: isfree[NP + me] -> hd = NP + me :: else -> hd = base(me) fi;    /* the only two that can be free */
	   isfree[hd] = false; list_add(hd) } EV(E_alloc);
#ifndef no_copy
	   atomic { need(base(me), tlb1[base(me)]); live(tlb1[base(me)]); store(A_DATA(hd), data[HD]); forget(base(me)) } EV(E_copy);
#endif
#endif
	:: FAILS(E_alloc) newhead = false                 /* no memory for a new head: not an error */
	fi;
#ifdef early_free
	if :: newhead -> list_del(f) :: else fi;
	d_step { v = base(me) + (newhead -> 0 : 1); do :: v < top(me) -> list_add(v); v++ :: else -> break od; v = 0 };
	free_vmemmap_page_list();
#endif
	v = base(me);
	do
	:: v < top(me) ->
		if :: v == base(me) || v % PTRS == 0 -> split(v / PTRS); if :: nomem -> goto failed :: else fi :: else fi;
		if
#ifndef SECOND
		:: v == base(me) && newhead ->
			d_step { list_del(f); list_add(FR(cur[v])); f = 0 };
#ifndef no_contents_wmb
			smp_wmb() EV(E_wmb);
#endif
#ifdef all_read_only
			set_pte(v, hd + RO) EV(E_pte)
#else
			set_pte(v, hd) EV(E_pte)
#endif
#endif
		:: v == base(me) && !newhead -> skip      /* it becomes the reuse page */
#ifdef skip_tail
		:: v == base(me) + 1 -> skip
#endif
		:: v > base(me) ->
#ifndef early_free
			list_add(FR(cur[v]));
#endif
#ifdef tail_writable
			set_pte(v, hd) EV(E_pte)
#else
			set_pte(v, hd + RO) EV(E_pte)
#endif
		fi;
		v++
	:: else -> break
	od;
#if !defined(LIST) && !defined(late_flush)
	flush_tlb() FLUSHED(E_flush);
#endif
	ok = true;
failed:	nomem = false;
#if NA > PTRS
#ifndef no_rollback
	if
	:: !ok && v > base(me) -> walked = v; v = base(me) + 1;
	   do :: v < walked -> restore_pte(v); v++ :: else -> break od;
	   walked = 0;
	   flush_tlb() FLUSHED(E_flush)
	:: else
	fi;
#endif
#endif
	v = 0;
#ifdef flag_after_copy
	write_head(data[HD] = data[HD] | OPT) EV(E_store);
#endif
	if
	:: ok -> nr_optimised++
	:: else -> key-- EV(E_key); write_head(data[HD] = data[HD] & ~OPT) EV(E_store)
	fi
}

/* alloc_vmemmap_page_list(): all or none. */
inline alloc_vmemmap_page_list() {
	v = base(me) + 1;
	do
	:: v < top(me) ->
		if
		any_free
		:: FAILS(E_alloc) goto no_pages
		fi;
		d_step { isfree[f] = false; ref[f] = 0; list_add(f); f = 0 } EV(E_alloc);
		v++
	:: else -> break
	od
}

/* __hugetlb_vmemmap_restore_folio() and its caller: ok says what was returned. */
inline restore() {
	synchronize_rcu() EV(E_rcu);
	alloc_vmemmap_page_list();
	v = base(me) + 1;
	do :: v < top(me) -> restore_pte(v); v++ :: else -> break od;
	v = 0; ln = 0;
#ifdef key_before_flush
	key-- EV(E_key);
#endif
#ifndef LIST
	flush_tlb() FLUSHED(E_flush);
#endif
	write_head(data[HD] = data[HD] & ~OPT) EV(E_store);
#if defined(LIST) && !defined(no_restore_flush)
	flush_tlb() FLUSHED(E_flush_all);
#endif
#ifndef key_before_flush
#ifndef no_key_dec
	key-- EV(E_key);
#endif
#endif
	nr_optimised--;
#ifndef late_errno
	ok = true;
#endif
	goto restored;
no_pages: skip;
	d_step { v = 0; do :: ln > 0 -> list_del(f); free_one(f) EV(E_free) :: else -> break od; f = 0 };
#ifdef no_errno
	ok = true;
#endif
restored: skip
}

/* What is true of folio `me` when nothing of it is under way. */
inline at_rest(optimised) { d_step {
	v = base(me);
	do
	:: v < top(me) ->
		CHECK(xlate(v) == cur[v]);
		CHECK(!isfree[FR(cur[v])]);
		CHECK((v == base(me)) == (KIND(data[FR(cur[v])]) == HEAD) || (optimised));
		CHECK(!(optimised) || cur[v] == FR(cur[base(me)]) + (v == base(me) -> 0 : RO));
		i = base(me);
		do :: i < v -> CHECK((optimised) || FR(cur[i]) != FR(cur[v])); i++ :: else -> break od;
		CHECK((optimised) || cur[v] < RO);
		v++
	:: else -> break
	od;
	CHECK(KIND(data[FR(cur[base(me)])]) == HEAD);
	CHECK(((data[FR(cur[base(me)])] & OPT) != 0) == (optimised));
	v = 0; i = 0 } }

/* With nothing under way at all, every frame is free or mapped. */
inline frames_are_conserved() { d_step {
	i = 0;
	do
	:: i < F ->
		v = 0;
		do :: v < NP && FR(cur[v]) != i -> v++ :: else -> break od;
		CHECK(isfree[i] || v < NP);
		i++
	:: else -> break
	od;
	CHECK(key == nr_optimised);
	v = 0; i = 0 } }

proctype updater(byte me) {
	byte i, v, f, hd, ln, walked;
	byte lst[NA + 1];
	byte tab[NPMD];
	bool newhead, ok, nomem, twice, splitting;
#ifdef WALKER
	ref[1]--; ref[1] == 0;                            /* the last user is gone; then the folio was made */
#endif
#ifdef LIST
	splitting = true;
	v = base(me);
	do
	:: v < top(me) -> split(v / PTRS); if :: nomem -> break :: else fi; v = v + PTRS
	:: else -> break
	od;
	splitting = false; nomem = false; v = 0;
	flush_tlb() FLUSHED(E_flush_all);
again:	skip;
#endif
#ifdef no_work
	ok = true; nr_optimised++;
#else
	optimise();
#endif
#ifdef LIST
	flush_tlb() FLUSHED(E_flush_all);
	free_vmemmap_page_list();
#ifndef no_work
	if
	:: !ok && newhead && !twice -> twice = true; goto again
	:: else
	fi;
#endif
#else
#ifdef late_flush
	free_vmemmap_page_list(); flush_tlb();
#else
#ifndef early_free
	free_vmemmap_page_list();
#endif
#endif
#endif
	drained;
	newhead = false; hd = 0;
	ENDS
	if
	:: ok ->
		at_rest(true);
		where = POOL;
#ifdef WALKER
		write_head(ref[HD] = 1);                  /* in use, then not */
		write_head(CHECK(ref[HD] == 1); ref[HD] = 0);
#endif
#ifdef RESTORE
		where = TRANSIT;
		ok = false;
		restore();
		drained;
		ENDS
#endif
	:: else -> where = POOL; at_rest(false); where = TRANSIT; ok = true
	fi;
#ifdef RESTORE
	if
	:: ok -> at_rest(false); owner_writes[me] = true;
	   d_step {
#ifdef MF
		if
		:: data[FR(cur[0])] & POISON ->
			need(0, tlb1[0]); need(1, tlb1[1]); writable(tlb1[1]);
			data[FR(tlb1[0])] = data[FR(tlb1[0])] & ~POISON; data[FR(tlb1[1])] = data[FR(tlb1[1])] | POISON
		:: else
		fi;
#endif
		where = GONE }
	:: else -> at_rest(true); where = POOL             /* add_hugetlb_folio(): surplus, and optimised still */
	fi;
#endif
	nr_done++;
	nr_done == NR_UPDATERS;
	frames_are_conserved()
}

#ifdef READER
/* Whoever reads struct pages, and asks compound_head() of slot 0. One step: what is asked without a reference may be out of date
 * as soon as it is known. A tail says who its head is; a copy of the head says so only to those who know of fake heads. */
inline look(v) { d_step {
	tlb1[v] != NOF ->
	live(tlb1[v]);
	CHECK((v == base(folio(v))) || KIND(data[FR(tlb1[v])]) == TAIL || key > 0);
	CHECK(!owner_writes[folio(v)] || tlb1[v] < RO) } }
proctype reader() {
end:	do
	:: look(1)
#ifdef SECOND
	:: look(3)
#else
	:: look(0)
#if NP > 2
	:: look(2)
#endif
#endif
	od
}
#endif

#ifdef WALKER
/* page_ref_add_unless() of the struct page in slot 0 of the first tail page, then put_page(). 6.15 and later ask for the refcount
 * first (page_count_writable()): a fake head that is none yet may be one when the count is read. */
#define ref_is_zero atomic { need(1, tlb2); live(tlb2); r = ref[FR(tlb2)] }; if :: r == 0 -> goto out :: else fi
#define is_fake_head atomic { need(1, tlb2); live(tlb2); r = (KIND(data[FR(tlb2)]) == HEAD) }; if :: r -> goto out :: else fi
proctype walker() {
	byte r;
	bool got;
end:	do
	:: true ->
#ifndef walker_outside_rcu
	   in_cs = true;
#endif
	   if
	   :: key == 0
	   :: key > 0 ->
#ifdef walker_fake_head_first
		is_fake_head;
		ref_is_zero
#else
		ref_is_zero;
		is_fake_head
#endif
	   fi;
	   skip;
	   atomic { need(1, tlb2); live(tlb2); writable(tlb2);   /* the attempt alone faults */
		    if :: ref[FR(tlb2)] != 0 -> ref[FR(tlb2)]++; got = true :: else fi };
out:
#ifdef walker_never_leaves
	   do :: in_cs -> skip od;
#endif
	   atomic { in_cs = false; gp_wait = false; r = 0 };
	   if
	   :: got -> atomic { need(1, tlb2); live(tlb2); writable(tlb2); ref[FR(tlb2)]--; got = false }
	   :: else
	   fi
	od
}
#endif

#ifdef MF
/* memory_failure() on the first tail page: the head notes it while the folio is whole (get_huge_page_for_hwpoison()), the page
 * itself when there is no folio any more. A folio on its way is -EBUSY: asked again. */
proctype failure() {
end:	do
	:: d_step {
#ifdef poison_in_transit
		!recorded && where != GONE ->
#else
		!recorded && where == POOL ->
#endif
		need(0, tlb1[0]); live(tlb1[0]); writable(tlb1[0]);
		data[FR(tlb1[0])] = data[FR(tlb1[0])] | POISON;
#ifdef write_tail
		need(1, tlb1[1]); live(tlb1[1]); writable(tlb1[1]);
#endif
		recorded = true }
	:: d_step { !recorded && where == GONE ->
		need(1, tlb1[1]); live(tlb1[1]); writable(tlb1[1]);
		data[FR(tlb1[1])] = data[FR(tlb1[1])] | POISON; recorded = true }
	:: d_step { recorded && nr_done == 1 ->
		CHECK(data[FR(cur[(where == GONE -> 1 : 0)])] & POISON) }
	od
}
#endif

init { atomic {
	byte n;
	do :: n < NPTE -> pte[n] = NOF; n++ :: else -> break od;
	n = 0;
	do :: n < NPMD -> pmd[n] = LEAF; n++ :: else -> break od;
	n = 0;
	do
	:: n < NP -> cur[n] = n; tlb1[n] = NOF; data[n] = (n == base(folio(n)) -> HEAD : TAIL); n++
	:: else -> break
	od;
	do :: n < F -> isfree[n] = true; ref[n] = 1; n++ :: else -> break od;
	n = 0; tlb2 = NOF;
#ifdef WALKER
	ref[1] = 1;
	run walker();
#endif
#ifndef EVENTS
	run storebuf(0); run tlbs();
#endif
	run updater(0);
#ifdef SECOND
	run storebuf(1); run updater(1);
#endif
#ifdef READER
	run reader();
#endif
#ifdef MF
	run failure();
#endif
} }

/* ltl knows no conditional expression. */
#define tlb_ok(v) (tlb1[v] == NOF || (pmd[(v) / PTRS] == LEAF && tlb1[v] == (v)) \
	|| (pmd[(v) / PTRS] != LEAF && tlb1[v] == pte[pmd[(v) / PTRS] * PTRS + (v) % PTRS]))
#ifdef LTL_COHERENT
ltl coherent { [] ((nr_done == NR_UPDATERS) -> (tlb_ok(0) && tlb_ok(1) && tlb_ok(NP - 1))) }
#endif
#ifdef LTL_ENDS
ltl ends { <> (nr_done == NR_UPDATERS) }
#endif
