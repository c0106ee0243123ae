/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What passes between the accesses of a compiled kernel file and the software MMU that answers them. The compiler's
 * thread instrumentation calls an entry point (mmodel_tsan.c) before each load and store; the entry point asks the
 * MMU, unless the memory is the code's own. Plain C, also read by C++.
 *
 * An address of the vmemmap or of the vmalloc range is scratch memory, which holds nothing between two accesses:
 * before a load the MMU copies the bytes of the frame there, and what a store leaves there it takes to the frame at
 * the next call of any kind (`commit`). All other memory is where it says it is.
 */
#ifndef MMODEL_MMU_H
#define MMODEL_MMU_H

/* Entries of page tables and PMDs: a frame number in the upper bits, and these flags. */
#define MMODEL_PRESENT 0x1ul
#define MMODEL_RW      0x2ul
#define MMODEL_LEAF    0x80ul /* PMD only: maps PTRS_PER_PTE pages itself */

enum { MMODEL_READ = 0, MMODEL_WRITE = 1, MMODEL_ATOMIC = 4 };

/* Memory that is shared with the code, a piece. */
struct mmodel_shared {
	unsigned long addr, bytes;
	unsigned long writable;
};

/* Every function may throw: the unit is compiled with -fexceptions. `pc` is the place of the access in the code. */
struct mmodel_mmu {
	/* Memory of the code's own, which is not asked about: the stack of the task that runs, the object's statics. */
	unsigned long stack, stack_bytes;
	unsigned long statics, statics_bytes;
	/* Objects: shadow[i] says how many of the 8 bytes from objects + 8 * i on may be accessed, from the first on. */
	unsigned long objects, objects_bytes;
	const unsigned char *shadow;
	/*
	 * Frames, one behind the other: lent[i] says whether frame i may be accessed; a store to it makes clean[i] 0, and
	 * the MMU is asked first where watched[i] is not 0.
	 * While shared_by[i] is not 0 the frame's bytes are elsewhere, and the MMU is asked.
	 */
	unsigned long frames, frames_bytes;
	unsigned int page_shift;
	const unsigned char *lent;
	unsigned char *clean;
	const unsigned char *watched;
	const unsigned int *shared_by;
	const struct mmodel_shared *shared;
	unsigned long nr_shared;

	/*
	 * The vmemmap, while an access there needs nothing but a walk of these page tables; else 0 bytes, and the MMU is
	 * asked. An entry point makes such an access itself, within a page and of at most 16 bytes. The last store that it
	 * made so: where it is in scratch memory, and where it has to be taken; 0 bytes: nowhere.
	 */
	unsigned long vmemmap, vmemmap_bytes;
	const unsigned long *pmds;
	unsigned int ptrs_shift; /* a PMD is 1 << ptrs_shift pages */
	unsigned int stored_bytes;
	unsigned long stored_from, stored_to;

	unsigned long nr_pending; /* stores beside that one that have not been taken to their frames */
	void (*commit)(struct mmodel_mmu *mmu);
	void (*access)(struct mmodel_mmu *mmu, unsigned long addr, unsigned long n, unsigned int kind, const void *pc);
	void (*copy)(struct mmodel_mmu *mmu, void *to, const void *from, unsigned long n, const void *pc);
	void (*fill)(struct mmodel_mmu *mmu, void *to, int byte, unsigned long n, const void *pc);
};

/* The symbol that an instrumented unit exports beside its own. Before it is called every access goes through. */
void mmodel_mmu_attach(struct mmodel_mmu *mmu);

#endif
