/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* EVENTS: what one task does is printed, event by event, to be held to the C++ model (../link/run.py). EV(n) follows the statement that
 * it is about; of an operation one allocation fails at most. Without EVENTS nothing is left of this. */
#define E_failed 32
#ifdef EVENTS
bool faulty;
c_state "unsigned long path" "Global" "0"
#define EV(n)    ; c_code { event(n); }
#define FAILS(n) !faulty -> faulty = true EV(E_failed + n);
#define ENDS     faulty = false EV(0);
c_code {
/* Of the model: what there is beside the mapping; what page v is mapped to, frame << 1 | writable, or -1. */
static int sees(int *seen);
static int mapped(int v);

/* A name for all that was before, the event with what it left, a name for all until then. Frames are named from 1 on, by where they are
 * first mapped. */
static void event(int n)
{
	unsigned long before = now.path;
	char text[256], *at = text + sprintf(text, "%d", n);
	int seen[16], nr = sees(seen), v, u, names = 0, name[NP];

	for (v = 0; v < nr; v++) at += sprintf(at, ",%d", seen[v]);
	for (v = 0; v < NP; v++) {
		for (u = 0; u < v && mapped(u) >> 1 != mapped(v) >> 1; u++) ;
		name[v] = mapped(v) < 0 ? 0 : u < v ? name[u] : ++names;
		at += sprintf(at, ",%d", mapped(v) < 0 ? 0 : name[v] << 1 | mapped(v) & 1);
	}
	for (at = text; *at; at++) now.path = (now.path + *at + 1) * 0x9e3779b97f4a7c15;
	printf("event %lx %s %lx\n", before, text, now.path);
}
};
#else
#define EV(n)
#define FAILS(n)
#define ENDS
#endif
