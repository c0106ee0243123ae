/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What is done before and after every event of hvo.pml and percpu.pml: nothing, or with -DLINK the edge is
 * reported, or with -DREPLAY held against a log. */
#ifdef LINK
#define FIRST c_code { link_start(); }
#define PRE c_code { link_pre(); }
#define POST(a) act = a; c_code { link_post(); }
#else
#ifdef REPLAY
#define FIRST c_code { replay_start(); }
#define PRE skip
#define POST(a) act = a; c_code { replay_step(); }
#else
#define FIRST skip
#define PRE skip
#define POST(a) skip
#endif
#endif
