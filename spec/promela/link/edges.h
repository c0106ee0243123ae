/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Edges between views, for both sides: C, so that it can be compiled into pan. An edge is what was seen before,
 * what happened, what was seen after; each different one counts once, in any order. */
#ifndef SPEC_LINK_EDGES_H
#define SPEC_LINK_EDGES_H
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif
struct link_sum {
	uint64_t states, edges, hash;
};
void link_dump_to(FILE *f);	/* every different edge as a line: before, action, after, in hexadecimal */
void link_first(const unsigned char *view, int n);
void link_edge(const unsigned char *pre, int n, unsigned action, const unsigned char *post, int m);
struct link_sum link_total(void);
uint64_t link_hash(const unsigned char *p, int n);
void link_hex(FILE *f, const unsigned char *p, int n);
#ifdef __cplusplus
}
#endif
#endif
