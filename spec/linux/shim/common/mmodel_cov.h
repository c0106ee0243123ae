/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Where a compiled kernel file notes which of its branches ran. The compiler's edge coverage calls an entry point
 * (mmodel_cov.c) at each, and a byte is set for the place that it returns to. Plain C, also read by C++.
 */
#ifndef MMODEL_COV_H
#define MMODEL_COV_H

struct mmodel_cov {
	unsigned long base, bytes; /* where the object begins, and how far it is looked at */
	unsigned char *ran;        /* a byte an address */
};

/* The symbol that a unit with coverage exports beside its own. Before it is called nothing is noted. */
void mmodel_cov_attach(struct mmodel_cov *cov);

#endif
