/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Spin explores the C++ model itself: its state is the word that the explorer has (step.h). For Spin's bitstate and swarm,
 * where a space is larger than memory (swarm.py). $MMODEL_SPACE names the space. */
c_decl {
\#include "step.h"
\#include <stdlib.h>
#define ROOM 64
unsigned long state_;
}
c_track "&state_" "sizeof(unsigned long)"
c_code {
static unsigned long next_[ROOM], of_ = ~0ul - 1;
static int nr_;

/* All options of a state are asked for one after the other. */
static int can(int n)
{
	if (of_ != state_) {
		nr_ = step_successors(state_, next_, ROOM);
		of_ = state_;
	}
	return n < nr_;
}
static int is_wrong(void)
{
	return state_ == step_wrong;
}
};
/* (can)(n): spin takes a plain call in c_expr for a side effect. */
#define TRY(n) :: d_step { c_expr { (can)(n) } -> c_code { can(n); state_ = next_[n]; } }
#define TRY8(n) TRY(n) TRY(n + 1) TRY(n + 2) TRY(n + 3) TRY(n + 4) TRY(n + 5) TRY(n + 6) TRY(n + 7)

active proctype model() {
	d_step { c_code { state_ = step_open(getenv("MMODEL_SPACE"), getenv("MMODEL_SABOTAGE")); } };
end:	do
	TRY8(0)
	TRY8(8)
#ifdef MANY
	TRY8(16)
	TRY8(24)
	TRY8(32)
	TRY8(40)
	TRY8(48)
	TRY8(56)
#endif
	:: c_expr { (is_wrong)() } -> assert(false)
	od
}
