/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The explorer's step (spec/explore/state.hpp), for Spin: a state is a word. */
#ifndef SPEC_LINK_STEP_H
#define SPEC_LINK_STEP_H
#ifdef __cplusplus
extern "C" {
#endif
/* The initial state; ends the program if there is no such space. A model with a sabotage in it is not judged. */
unsigned long step_open(const char *space, const char *sabotage);
/* What may follow, without repeats; returns how many. What no hardware may come to is step_wrong. */
int step_successors(unsigned long state, unsigned long *out, int room);
#define step_wrong (~0ul)
#ifdef __cplusplus
}
#endif
#endif
