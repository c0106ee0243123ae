/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#include "edges.h"
#include <stdlib.h>

/* A set of words other than 0. */
struct set {
	uint64_t *at, size, nr;
};
static struct set states, edges;
static uint64_t total;
static FILE *dump;

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static int insert(struct set *s, uint64_t word)
{
	uint64_t i;

	if (2 * s->nr >= s->size) {
		struct set larger = { NULL, s->size ? 2 * s->size : (uint64_t)1 << 16, 0 };

		larger.at = (uint64_t *)calloc(larger.size, sizeof(*larger.at));
		if (!larger.at)
			abort();
		for (i = 0; i < s->size; i++)
			if (s->at[i])
				insert(&larger, s->at[i]);
		free(s->at);
		*s = larger;
	}
	for (i = word & (s->size - 1); s->at[i]; i = (i + 1) & (s->size - 1))
		if (s->at[i] == word)
			return 0;
	s->at[i] = word;
	s->nr++;
	return 1;
}

uint64_t link_hash(const unsigned char *p, int n)
{
	uint64_t h = 0xcbf29ce484222325ull;
	int i;

	for (i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return mix(h ^ (uint64_t)n << 32) | 1;
}

void link_hex(FILE *f, const unsigned char *p, int n)
{
	int i;

	for (i = 0; i < n; i++)
		fprintf(f, "%02x", p[i]);
}

void link_dump_to(FILE *f)
{
	dump = f;
}

void link_first(const unsigned char *view, int n)
{
	insert(&states, link_hash(view, n));
}

void link_edge(const unsigned char *pre, int n, unsigned action, const unsigned char *post, int m)
{
	uint64_t after = link_hash(post, m), edge;

	edge = mix(mix(link_hash(pre, n) + action) * 3 + after) | 1;
	insert(&states, after);
	if (!insert(&edges, edge))
		return;
	total += edge;
	if (!dump)
		return;
	link_hex(dump, pre, n);
	fprintf(dump, " %u ", action);
	link_hex(dump, post, m);
	fputc('\n', dump);
}

struct link_sum link_total(void)
{
	struct link_sum s = { states.nr, edges.nr, total };

	return s;
}
