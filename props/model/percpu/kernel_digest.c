// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The calls of kernel_digest_test.cpp, made to a kernel tree's own mm/percpu.c, and their digests: five lines.
 * kernel_digest.sh compiles it with the bench's shims. Area functions ask the host for memory and nothing else.
 */
#include "unit.c"

/* Beside the shims, the C library's headers do not compile. */
int printf(const char *format, ...);
void *calloc(unsigned long n, unsigned long size);
void exit(int status);

typedef unsigned long long u64_;

static void *boot_memory(const char *where, unsigned long size, unsigned long align, unsigned long min_addr, int nid)
{
	return calloc(1, size);
}

static void *object(const char *where, unsigned long size, unsigned int gfp)
{
	return calloc(1, size);
}

static void bug(const char *where, const char *file, int line, const char *condition)
{
	printf("%s: %s\n", where, condition);
	exit(1);
}

static void lock(const char *where, enum mmodel_percpu_lock which, int acquire)
{
}

/* model/machine/types.hpp: mix() */
static u64_ mixed(u64_ x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static u64_ digest, drawn;
static int areas[1 << 16], nr_areas;

static int below(int n)
{
	return (int)(mixed(++drawn) % (u64_)n);
}

static void add(unsigned int n)
{
	digest = mixed(digest ^ n);
}

static u64_ digest_of_md(const struct pcpu_block_md *m)
{
	const int all[] = { m->scan_hint, m->scan_hint_start, m->contig_hint, m->contig_hint_start,
			    m->left_free, m->right_free, m->first_free };
	u64_ h = 0;

	for (int i = 0; i < 7; i++)
		h = mixed(h ^ (unsigned int)all[i]);
	return h;
}

static u64_ digest_of_chunk(const struct pcpu_chunk *c)
{
	u64_ h = mixed((unsigned int)c->free_bytes) ^ (unsigned int)c->nr_empty_pop_pages;

	h = mixed(h ^ digest_of_md(&c->chunk_md));
	for (int i = 0; i < pcpu_chunk_nr_blocks((struct pcpu_chunk *)c); i++)
		h = mixed(h ^ digest_of_md(&c->md_blocks[i]));
	return h;
}

static void call_alloc(struct pcpu_chunk *c)
{
	const int page_bits = PCPU_BITMAP_BLOCK_BITS;
	const int bits = 1 + below(below(3) ? page_bits / 8 : 2 * page_bits);
	const int align = 1 << below(below(2) ? 2 : __builtin_ctz(page_bits) + 1);
	const int start = pcpu_find_block_fit(c, bits, align, below(2));
	int off;

	add(start);
	if (start < 0)
		return;
	off = pcpu_alloc_area(c, bits, align, start);
	add(off);
	if (off >= 0)
		areas[nr_areas++] = off;
}

static void call_free(struct pcpu_chunk *c)
{
	int i, off;

	if (!nr_areas)
		return;
	i = below(nr_areas--);
	off = areas[i];
	areas[i] = areas[nr_areas];
	add(pcpu_free_area(c, off));
}

static void call_populate(struct pcpu_chunk *c)
{
	const int p = below(c->nr_pages);

	if (c->immutable)
		return;
	if (test_bit(p, c->populated))
		pcpu_chunk_depopulated(c, p, p + 1);
	else
		pcpu_chunk_populated(c, p, p + 1);
}

static void run(struct pcpu_chunk *c)
{
	digest = drawn = nr_areas = 0;
	pcpu_lock.held = 1;
	pcpu_reserved_chunk = c; /* the one that is on no list */
	for (int i = 0; i < 20000; i++) {
		const int kind = below(100);

		if (kind < 25 + i / 256 % 2 * 45)
			call_alloc(c);
		else if (kind < 90)
			call_free(c);
		else
			call_populate(c);
		digest = mixed(digest ^ digest_of_chunk(c));
	}
	printf("%#llx\n", digest);
}

static struct pcpu_chunk *chunk_of(int nr_pages)
{
	pcpu_unit_pages = nr_pages;
	pcpu_chunk_struct_size = sizeof(struct pcpu_chunk) + BITS_TO_LONGS(nr_pages) * sizeof(unsigned long);
	return pcpu_alloc_chunk(GFP_KERNEL);
}

int main(void)
{
	static struct mmodel_percpu_host host = { .memblock_alloc = boot_memory, .alloc_object = object, .bug = bug, .warn = bug,
						  .lock = lock };

	mmodel_host = &host;
	mmodel_slab_is_available = true;
	if (PAGE_SHIFT == 12) {
		run(chunk_of(8));
		run(chunk_of(64));
		run(pcpu_alloc_first_chunk(0x10000 + 1044, 26204));
	} else {
		run(chunk_of(6));
		run(pcpu_alloc_first_chunk(0x10000 + 40, 1000));
	}
	return 0;
}
