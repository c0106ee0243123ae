/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Bitmaps and the one cpumask there is: at most 64 CPUs, so that a mask is a word. */
#ifndef MMODEL_BITS_H
#define MMODEL_BITS_H

#include "mmodel_percpu_types.h"

#define BITS_PER_LONG 64
#define BITS_TO_LONGS(n) DIV_ROUND_UP(n, BITS_PER_LONG)

static inline bool test_bit(unsigned long bit, const unsigned long *map)
{
	return map[bit / BITS_PER_LONG] >> bit % BITS_PER_LONG & 1;
}

static inline void set_bit(unsigned long bit, unsigned long *map)
{
	map[bit / BITS_PER_LONG] |= BIT(bit % BITS_PER_LONG);
}

/* Bits [start, start + n) of a word, n >= 1. */
static inline unsigned long mmodel_word_mask(unsigned int start, unsigned int n)
{
	return ~0ul >> (BITS_PER_LONG - n) << start;
}

static inline void mmodel_bitmap_fill(unsigned long *map, unsigned long start, unsigned long nr, bool value)
{
	while (nr) {
		unsigned int at = start % BITS_PER_LONG;
		unsigned int n = min(nr, (unsigned long)BITS_PER_LONG - at);
		unsigned long mask = mmodel_word_mask(at, n), *word = &map[start / BITS_PER_LONG];

		*word = value ? *word | mask : *word & ~mask;
		start += n;
		nr -= n;
	}
}

#define bitmap_set(map, start, nr)   mmodel_bitmap_fill(map, start, nr, true)
#define bitmap_clear(map, start, nr) mmodel_bitmap_fill(map, start, nr, false)
#define bitmap_fill(map, nr)         mmodel_bitmap_fill(map, 0, nr, true)

/* The first bit at or after `start` that is `value`; size where there is none. */
static inline unsigned long mmodel_find_bit(const unsigned long *map, unsigned long size, unsigned long start,
					    bool value)
{
	unsigned long flip = value ? 0 : ~0ul, word, i;

	if (start >= size)
		return size;
	i = start / BITS_PER_LONG;
	word = (map[i] ^ flip) & ~0ul << start % BITS_PER_LONG;
	while (!word && ++i < BITS_TO_LONGS(size))
		word = map[i] ^ flip;
	return word ? min(i * BITS_PER_LONG + __ffs(word), size) : size;
}

#define find_next_bit(map, size, start)      mmodel_find_bit(map, size, start, true)
#define find_next_zero_bit(map, size, start) mmodel_find_bit(map, size, start, false)
#define find_first_bit(map, size)            mmodel_find_bit(map, size, 0, true)
#define find_first_zero_bit(map, size)       mmodel_find_bit(map, size, 0, false)

/* The last bit that is set below size; size where there is none. */
static inline unsigned long find_last_bit(const unsigned long *map, unsigned long size)
{
	unsigned long bit;

	for (bit = size; bit--;) {
		unsigned long word = map[bit / BITS_PER_LONG] & mmodel_word_mask(0, bit % BITS_PER_LONG + 1);

		bit -= bit % BITS_PER_LONG;
		if (word)
			return bit + BITS_PER_LONG - 1 - __builtin_clzl(word);
	}
	return size;
}

/*
 * Runs [start, end) of equal bits. The map is read anew at each step, and the bit at end, which ended the run
 * when it was found, is not looked at again.
 */
#define MMODEL_FOR_EACH_RUN(init, start, end, map, size, value)                                                 \
	for (init; (start) = mmodel_find_bit(map, size, start, value),                                          \
	     (end) = mmodel_find_bit(map, size, (start) + 1, !(value)), (start) < (size); (start) = (end) + 1)

#define for_each_set_bitrange(start, end, map, size)                                                            \
	MMODEL_FOR_EACH_RUN((start) = 0, start, end, map, size, true)
#define for_each_clear_bitrange(start, end, map, size)                                                          \
	MMODEL_FOR_EACH_RUN((start) = 0, start, end, map, size, false)
#define for_each_clear_bitrange_from(start, end, map, size)                                                     \
	MMODEL_FOR_EACH_RUN((void)0, start, end, map, size, false)

#define NR_CPUS MMODEL_PERCPU_MAX_CPUS

struct cpumask {
	unsigned long bits;
};

#define cpu_possible_mask   ((const struct cpumask *)&mmodel_host->possible_cpus)
#define nr_cpu_ids          ((unsigned int)(BITS_PER_LONG - __builtin_clzl(mmodel_host->possible_cpus | 1)))
#define cpu_possible(cpu)   test_bit(cpu, &mmodel_host->possible_cpus)
#define num_possible_cpus() ((unsigned int)__builtin_popcountl(mmodel_host->possible_cpus))

#define cpumask_clear(mask)          ((void)((mask)->bits = 0))
#define cpumask_copy(to, from)       ((void)((to)->bits = (from)->bits))
#define cpumask_empty(mask)          ((mask)->bits == 0)
#define cpumask_first(mask)          mmodel_find_bit(&(mask)->bits, NR_CPUS, 0, true)
#define cpumask_clear_cpu(cpu, mask) ((void)((mask)->bits &= ~BIT(cpu)))
#define for_each_cpu(cpu, mask)                                                                                 \
	for ((cpu) = cpumask_first(mask); (cpu) < nr_cpu_ids;                                                   \
	     (cpu) = mmodel_find_bit(&(mask)->bits, NR_CPUS, (cpu) + 1, true))
#define for_each_possible_cpu(cpu) for_each_cpu(cpu, cpu_possible_mask)

#define raw_smp_processor_id() (*(const volatile unsigned int *)&mmodel_host->processor_id)
#define smp_processor_id()     raw_smp_processor_id()
#define get_boot_cpu_id()      0
#define cpu_to_node(cpu)       mmodel_host->cpu_to_node(cpu)
#define node_online(nid)       mmodel_host->node_online(nid)
#define NODE_DATA(nid)         (nid)
#define MAX_NUMNODES           4
#define for_each_node(nid)                                 \
	for ((nid) = 0; (nid) < MAX_NUMNODES; (nid)++)     \
		if (node_online(nid))

/* include/linux/topology.h: the CPUs of cpumask_of_node(), which on x86 and arm64 are those that are online. */
static inline unsigned int nr_cpus_node(int nid)
{
	unsigned int cpu, nr = 0;

	for_each_possible_cpu(cpu)
		nr += mmodel_host->online_cpus >> cpu & 1 && cpu_to_node(cpu) == nid;
	return nr;
}

#endif
