/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * Percpu chunks in the vmalloc range while others use them: mm/percpu-vm.c and the parts of mm/percpu.c that call it.
 *
 *   allocator  pcpu_alloc() that may sleep: takes an area, populates its page if need be (any allocation and any mapping may
 *              fail), zeroes it, uses it on every CPU, frees it.
 *   atomic     pcpu_alloc() that may not (ATOMIC): takes populated pages only, with pcpu_lock and without the mutex.
 *   balance    reclaims free pages of an isolated chunk, and destroys and creates the chunk (DESTROY): its addresses come back.
 *   storebuf   the stores of whoever holds pcpu_alloc_mutex: any order, but for releases and stores to one address.
 *   tlbs       any TLB entry fills and is evicted at any time.
 *
 * One chunk, P pages (1 or 2), two CPUs; page p of CPU c is at address c * P + p. Areas are half a page, or a page. Frames are free as soon as they are
 * unmapped: that is percpu's rule. What must not happen is that somebody uses an address through an older translation.
 * One -D for each break, named as in spec/sabotage/sabotage.hpp where it is the same one; the others are in spec/sabotage/sabotage.tsv.
 * EVENTS: one task populates page 0 and depopulates it, as the C++ model does (events.h).
 */
#ifndef P
#define P 1
#endif
#define CPUS 2
#if P == 1
#define H 2                                   /* areas a page: two, or one to have fewer states */
#else
#define H 1
#endif
#define NV   (CPUS * P)
#define NF   (NV + 1)
#define NONE 15

/* ---- memory ---- */
byte pte[NV];                                 /* the frame, or NONE */
byte owner[NF];                               /* 0 free, FRESH allocated, else 1 + the address it was mapped for */
bool dirty[NF * H];                           /* by frame and area */
bool populated[P];
bool pcpu_lock, mutex;
bool busy[2];                                 /* the chunk's allocation bitmap: under pcpu_lock */
byte nr_held;                                 /* areas that somebody has; as many bits are set */
#define FRESH 14
#define V(c, p) ((c) * P + (p))

/* The list that the chunk is on. */
#define SLOT      0
#define DEPOPULATE 1                          /* isolated: nobody finds it */
#define SIDELINED 2                           /* isolated, but found when nothing else is */
#define OFF       3                           /* on its way to be destroyed */
#define NO_CHUNK  4
byte list = SLOT;

/* ---- events, by the numbers of ../link/percpu.pml ---- */
#define NP NV
#include "events.h"
#ifdef EVENTS
c_code {
static int sees(int *seen) { seen[0] = now.populated[0]; return 1; }
static int mapped(int v) { return now.pte[v] == NONE ? -1 : now.pte[v] << 1 | 1; }
};
#endif
#define E_alloc 1
#define E_free 2
#define E_table 5
#define E_pte 22
#define E_flush 23
#define E_kzalloc 28

/* ---- the mutex holder's store buffer ---- */
#define SB 6
#define A_POPULATED(p) (NV + (p))
#define A_LOCK         (NV + P)
byte sba[SB]; byte sbv[SB]; byte sbn;
#ifdef EVENTS
inline store(a, v) { d_step { apply(a, v) } }
#else
inline store(a, v) { d_step { sbn < SB -> sba[sbn] = a; sbv[sbn] = v; sbn++ } }
#endif
#define drained (sbn == 0)
#define before(i, j) (sba[j] != sba[i] && sba[i] != A_LOCK)
#define can(i) (i < sbn && (i < 1 || before(i, 0)) && (i < 2 || before(i, 1)) && (i < 3 || before(i, 2)) \
	&& (i < 4 || before(i, 3)) && (i < 5 || before(i, 4)))
inline apply(a, v) {
	if
	:: a < NV               -> pte[a] = v
	:: a >= NV && a < A_LOCK -> populated[a - NV] = v
	:: a == A_LOCK          -> pcpu_lock = v
	fi
}
inline drain(i) { d_step {
	apply(sba[i], sbv[i]);
	k = i;
	do
	:: k + 1 < sbn -> sba[k] = sba[k + 1]; sbv[k] = sbv[k + 1]; k++
	:: else -> break
	od;
	sbn--; sba[sbn] = 0; sbv[sbn] = 0; k = 0 } }
proctype storebuf() {
	byte k;
end:	do
	:: can(0) -> drain(0)
	:: can(1) -> drain(1)
	:: can(2) -> drain(2)
	:: can(3) -> drain(3)
#if P > 1
	:: can(4) -> drain(4)
	:: can(5) -> drain(5)
#endif
	od
}

/* ---- the MMU ---- */
byte tlb[NV];
inline fill_or_evict(v) { d_step {
	if
	:: tlb[v] == NONE && pte[v] != NONE -> tlb[v] = pte[v]
	:: tlb[v] != NONE -> tlb[v] = NONE
	fi } }
proctype tlbs() {
end:	do
	:: fill_or_evict(0)
	:: fill_or_evict(1)
#if P > 1
	:: fill_or_evict(2)
	:: fill_or_evict(3)
#endif
	od
}
/* pcpu_post_unmap_tlb_flush(): from the lowest unit's first page to the highest unit's last, all between. */
inline flush_span(s, e) {
#ifdef no_flush
	skip
#else
	drained;
	d_step {
		i = s;
#ifdef short_flush
		do :: i < e -> tlb[i] = NONE; i++ :: else -> break od;
#else
		do :: i < V(CPUS - 1, e) -> tlb[i] = NONE; i++ :: else -> break od;
#endif
		i = 0 }
#endif
}

/* An access on CPU c to an area on page p. It faults if there is no translation; else it has to be the address's own frame. */
inline access(c, p) {
	if :: tlb[V(c, p)] == NONE -> assert(pte[V(c, p)] != NONE); tlb[V(c, p)] = pte[V(c, p)] :: else fi;
	assert(owner[tlb[V(c, p)]] == 1 + V(c, p))
}

/* ---- frames ---- */
inline free_one(f) { d_step {
	assert(owner[f] != 0);
	owner[f] = 0; dirty[f * H] = true; dirty[f * H + H - 1] = true } }
inline any_free() {
	if
#ifdef EVENTS
	:: d_step { f = 0; do :: owner[f] != 0 -> f++ :: else -> break od } EV(E_alloc)
#elif P == 1
	:: owner[0] == 0 -> f = 0
	:: owner[1] == 0 -> f = 1
	:: owner[2] == 0 -> f = 2
#else                                                 /* fewer states: the lowest, or the highest */
	:: d_step { f = 0; do :: owner[f] != 0 -> f++ :: else -> break od }
	:: d_step { f = NF - 1; do :: owner[f] != 0 -> f-- :: else -> break od }
#endif
	:: FAILS(E_alloc) f = NONE                /* no memory */
	fi
}

/* With the mutex held and nothing under way: a frame is free or mapped where it belongs, and all of the page or nothing is. */
inline at_rest() { d_step {
	i = 0;
	do
	:: i < NF -> assert(owner[i] == 0 || (owner[i] != FRESH && pte[owner[i] - 1] == i)); i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < P -> assert(populated[i] == (pte[V(0, i)] != NONE) && populated[i] == (pte[V(1, i)] != NONE)); i++
	:: else -> break
	od;
	i = 0 } }

inline map_one(c) {
	store(V(c, p), page[c]) EV(E_pte);
	d_step { if :: owner[page[c]] == FRESH -> owner[page[c]] = 1 + V(c, p) :: else fi }
}

inline unmap_one(c) {
#ifdef EVENTS
	if :: pte[V(c, p)] != NONE -> store(V(c, p), NONE) EV(E_pte) :: else fi
#else
	store(V(c, p), NONE)
#endif
}

/* pcpu_populate_chunk() of page p. The populated bit is the caller's. */
inline populate(failed) {
	failed = false;
	c = 0;
	do
	:: c < CPUS && !failed ->
		any_free();
		if
		:: f == NONE -> failed = true;
#ifndef leak_failed_alloc
			d_step { do :: c > 0 -> c--; free_one(page[c]) EV(E_free); page[c] = 0 :: else -> break od }
#endif
		:: else -> d_step { page[c] = f; owner[f] = FRESH; f = 0 }; c++
		fi
	:: else -> break
	od;
	f = 0;
#ifdef no_populate
	if :: !failed -> free_one(page[0]); free_one(page[1]); c = CPUS :: else fi;
#else
	if :: failed -> c = CPUS :: else -> c = 0 fi;
#endif
	/* pcpu_map_pages() */
	do
	:: c < CPUS ->
#ifdef skip_last_cpu
		if :: c < CPUS - 1 -> map_one(c) :: else -> skip fi;
#else
#ifdef shared_frame
		store(V(c, p), page[0]) EV(E_pte); owner[page[c]] = 1 + V(c, p);
#else
		map_one(c);
#endif
#endif
		c++
	:: c < CPUS -> FAILS(E_table)                     /* ... fails, with this CPU's page mapped or not */
		failed = true;
#ifndef EVENTS                                            /* of one page it is not */
		if :: map_one(c) :: skip fi;
#endif
#ifdef skip_failing_cpu
		c--;
#endif
		do :: c != 255 -> unmap_one(c); c-- :: else -> break od;
#ifndef no_map_rollback_flush
		flush_span(p, p + 1) EV(E_flush);
#endif
		skip;
		d_step { free_one(page[0]) EV(E_free); free_one(page[1]) EV(E_free) };
		break
	:: c == CPUS -> break
	od;
	c = 0; page[0] = 0; page[1] = 0
}

/* pcpu_depopulate_chunk() of page p: unmapped on all CPUs, the frames are free at once; the flush is the caller's. */
inline depopulate() {
	c = 0;
	do
	:: c < CPUS -> page[c] = pte[V(c, p)]; store(V(c, p), NONE) EV(E_pte); c++
	:: else -> break
	od;
	c = 0;
	do
	:: c < CPUS ->
#ifdef leak_page
		if :: c > 0 -> free_one(page[c]) EV(E_free) :: else -> skip fi;
#else
		free_one(page[c]) EV(E_free);
#endif
#ifdef double_free
		free_one(page[c]) EV(E_free);
#endif
		page[c] = 0; c++
	:: else -> break
	od;
	c = 0
}

inline lock(l)   { atomic { !l -> l = true } }
inline unlock_mutex() { drained; at_rest(); mutex = false }
/* Under pcpu_lock, whose release everything before it comes before. */
inline mark(v) {
#ifdef mark_without_lock
	store(A_POPULATED(p), v)
#else
	lock(pcpu_lock); store(A_POPULATED(p), v);
#ifdef no_release
	skip
#else
	store(A_LOCK, false)
#endif
#endif
}

/* What whoever has an area does with it, on every CPU; then pcpu_free(). */
#define CONTENTS(c) dirty[tlb[V(c, p)] * H + a % H]
inline zero_and_use() {
#ifndef no_zeroing
	d_step { access(0, p); CONTENTS(0) = false };
#ifndef zero_online_only
	d_step { access(1, p); CONTENTS(1) = false };
#endif
#endif
	d_step { access(0, p); assert(!CONTENTS(0)) };
	d_step { access(1, p); assert(!CONTENTS(1)) };
	d_step { access(0, p); access(1, p); CONTENTS(0) = true; CONTENTS(1) = true };
	atomic { !pcpu_lock -> assert(busy[a]); busy[a] = false; nr_held--; a = 0; p = 0 }
}

#ifdef overlapping_areas
#define is_room(q) (!pcpu_lock)
#else
#define is_room(q) (!pcpu_lock && !busy[q])
#endif
inline take(q) { assert(!busy[q]); busy[q] = true; nr_held++; a = q; p = q / H }

proctype allocator() {
	byte a, p, c, f, i;
	byte page[CPUS];
	bool failed;
end:	do
	:: lock(mutex);
	   if
	   :: atomic { is_room(0) && (list == SLOT || list == SIDELINED) -> take(0); list = SLOT }
	   :: atomic { is_room(1) && (list == SLOT || list == SIDELINED) -> take(1); list = SLOT }
	   :: atomic { !pcpu_lock -> unlock_mutex(); goto again }
	   fi;
	   if
	   :: !populated[p] ->
#ifdef mark_before_populate
		mark(true);
#endif
		populate(failed);
		if
		:: failed ->
#ifdef mark_before_populate
			mark(false);
#endif
#ifdef keep_area
			nr_held--;
#else
			atomic { !pcpu_lock -> busy[a] = false; nr_held-- };
#endif
#ifndef mark_before_populate
		:: !failed -> mark(true)
#else
		:: else
#endif
		fi
	   :: else -> failed = false
	   fi;
	   unlock_mutex();
	   assert(nr_held == busy[0] + busy[1]);
	   if
	   :: !failed -> zero_and_use()
	   :: else
	   fi;
	   a = 0; p = 0; failed = false;
again:	   skip
	od
}

#ifdef ATOMIC
proctype atomic_allocator() {
	byte a, p;
end:	do
	:: atomic { is_room(0) && populated[0] && (list == SLOT || list == SIDELINED) -> take(0); list = SLOT };
	   zero_and_use()
	:: atomic { is_room(1) && populated[1 / H] && (list == SLOT || list == SIDELINED) -> take(1); list = SLOT };
	   zero_and_use()
	od
}
#endif

#define wholly_free (!busy[0] && !busy[1])
#define page_is_free(p) (!busy[(p) * H] && !busy[(p) * H + H - 1])

bool balancing;
proctype balance() {
	byte p, c, i, from, to;
	byte page[CPUS];
end:	do
	:: lock(mutex);
	   balancing = true;
	   if
	   /* pcpu_reclaim_populated(): from the last page down; what is free and populated goes. */
#ifdef reclaim_not_isolated
	   :: !pcpu_lock && (list == SLOT || list == SIDELINED) ->
#else
	   :: atomic { !pcpu_lock && (list == SLOT || list == SIDELINED) -> list = DEPOPULATE };
#endif
		p = P; from = P; to = 0;
		do
		:: p > 0 ->
			p--;
			if
			:: atomic { !pcpu_lock && populated[p] && page_is_free(p) };
				depopulate();
				mark(false);
				from = p;
				if :: to == 0 -> to = p + 1 :: else fi
			:: !pcpu_lock && (!populated[p] || !page_is_free(p))
			fi
		:: else -> break
		od;
#ifndef no_post_unmap_flush
		if :: to > from -> flush_span(from, to) :: else fi;
#endif
		atomic { !pcpu_lock -> list = SIDELINED };
		from = 0; to = 0
#ifdef DESTROY
	   /* pcpu_balance_free(): depopulate, destroy. vmalloc has the addresses back, and flushes before it gives them again. */
	   :: atomic { !pcpu_lock && list != NO_CHUNK && wholly_free -> list = OFF };
#ifndef destroy_populated
		p = P;
		do
		:: p > 0 ->
			p--;
			if
			:: populated[p] -> depopulate(); mark(false)
			:: else
			fi
		:: else -> break
		od;
#endif
		drained;
		d_step {                                  /* pcpu_free_vm_areas() unmaps what there is */
			i = 0;
			do :: i < NV -> pte[i] = NONE; i++ :: else -> break od;
			i = 0 };
		atomic { !pcpu_lock -> list = NO_CHUNK }
	   :: atomic { !pcpu_lock && list == NO_CHUNK };
#ifndef no_purge_flush
		flush_span(0, P);                         /* __purge_vmap_area_lazy() */
#endif
		atomic { !pcpu_lock -> list = SLOT }
#endif
	   fi;
	   p = 0;
#ifdef balance_waits_for_free
	   wholly_free;                                       /* its holder may never come back */
#endif
	   unlock_mutex();
	   balancing = false
	od
}

#ifdef EVENTS
proctype task() {
	byte p, c, f, i;
	byte page[CPUS];
	bool failed;
	if
	:: FAILS(E_kzalloc) failed = true                  /* pcpu_get_pages(): the array */
	:: populate(failed); if :: failed :: else -> mark(true) fi
	fi;
	ENDS
	if
	:: failed
	:: else -> depopulate(); mark(false); flush_span(0, 1) EV(E_flush); ENDS
	fi
}
#endif

init { atomic {
	byte n;
	do :: n < NV -> pte[n] = NONE; tlb[n] = NONE; n++ :: else -> break od;
	n = 0;
	do :: n < NF * H -> dirty[n] = true; n++ :: else -> break od;
	n = 0;
#ifdef EVENTS
	run task();
#else
	run storebuf(); run tlbs(); run allocator(); run balance();
#endif
#ifdef ATOMIC
	run atomic_allocator();
#endif
} }

#ifdef LTL_LOCK
ltl lock_is_released { [] (pcpu_lock -> <> !pcpu_lock) }
#endif
#ifdef LTL_BALANCE
ltl balance_ends { [] (balancing -> <> !balancing) }
#endif
