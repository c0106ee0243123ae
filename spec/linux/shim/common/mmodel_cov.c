// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The entry point of the compilers' edge coverage, linked into a unit's shared object instead of a runtime's. Asks
 * nobody and cannot fail.
 */
#include "mmodel_cov.h"

/* Not instrumented itself. */
#ifdef __clang__
#define PLAIN __attribute__((disable_sanitizer_instrumentation, no_sanitize("coverage")))
#else
#define PLAIN __attribute__((no_sanitize_thread, no_sanitize_coverage))
#endif

static struct mmodel_cov nobody;
static struct mmodel_cov *cov = &nobody;

__attribute__((visibility("default"))) PLAIN void mmodel_cov_attach(struct mmodel_cov *to)
{
	cov = to;
}

__attribute__((visibility("hidden"))) PLAIN void __sanitizer_cov_trace_pc(void)
{
	unsigned long at = (unsigned long)__builtin_return_address(0) - cov->base;

	if (at < cov->bytes)
		cov->ran[at] = 1;
}
