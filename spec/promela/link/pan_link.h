/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The part of pan that tells of edges, or follows a log. Needs: see(), and `act`, what happens. */
#include "edges.h"
#include <stdlib.h>
#include <string.h>

#ifdef LINK
static unsigned char link_before[256];
static int link_before_n;

static void link_tell(void)
{
	struct link_sum s = link_total();

	printf("link: states %lu edges %lu hash %016lx\n", (unsigned long)s.states, (unsigned long)s.edges, (unsigned long)s.hash);
}

static void link_start(void)
{
	unsigned char v[256];

	if (getenv("LINK_DUMP"))
		link_dump_to(fopen(getenv("LINK_DUMP"), "w"));
	atexit(link_tell);
	link_first(v, see(v));
}

static void link_pre(void)
{
	link_before_n = see(link_before);
}

static void link_post(void)
{
	unsigned char v[256];
	int n = see(v);

	link_edge(link_before, link_before_n, act, v, n);
}
#endif

#ifdef REPLAY
/* A log: on each line an action and what was seen after it. */
static struct line {
	unsigned action;
	uint64_t seen;
} *lines;
static int nr_lines, farthest;

static void replay_tell(void)
{
	printf("replay: %d of %d lines\n", farthest, nr_lines);
}

static void replay_start(void)
{
	static char hex[1024];
	unsigned char v[256];
	unsigned action, byte;
	int i, n;
	FILE *f = fopen(getenv("LINK_LOG") ? getenv("LINK_LOG") : "", "r");

	if (!f) {
		fprintf(stderr, "LINK_LOG names no file\n");
		exit(3);
	}
	while (fscanf(f, "%u %1023s", &action, hex) == 2) {
		for (n = 0; 2 * n + 1 < (int)strlen(hex); n++) {
			sscanf(hex + 2 * n, "%2x", &byte);
			v[n] = byte;
		}
		lines = realloc(lines, (nr_lines + 1) * sizeof(*lines));
		lines[nr_lines].action = action;
		lines[nr_lines++].seen = link_hash(v, n);
	}
	fclose(f);
	(void)i;
	atexit(replay_tell);
}

/* What the log does not say leads nowhere: its state is made one that nothing follows. */
static void replay_step(void)
{
	unsigned char v[256];
	int n = see(v);

	if (now.at_line >= 0 && now.at_line < nr_lines && lines[now.at_line].action == act &&
	    lines[now.at_line].seen == link_hash(v, n)) {
		now.at_line++;
		if (now.at_line > farthest)
			farthest = now.at_line;
	} else {
		now.at_line = -1;
	}
}
#endif
