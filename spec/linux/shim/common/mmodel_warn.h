/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Warnings and bugs, told to the unit's host, whichever that is: it must be declared before this. */
#ifndef MMODEL_WARN_H
#define MMODEL_WARN_H

#include "mmodel_base.h"

/* Functions, so that their branches are ours, and not counted as the file's. */
static inline int mmodel_warned(int cond, const char *where, const char *file, int line, const char *text)
{
	if (unlikely(cond))
		mmodel_host->warn(where, file, line, text);
	return cond;
}

/* "Once" is once a sequence: the unit's static data is put back before each. */
static inline int mmodel_warned_once(int cond, bool *done, const char *where, const char *file, int line,
				     const char *text)
{
	mmodel_warned(cond && !*done, where, file, line, text);
	if (cond)
		*done = true;
	return cond;
}

static inline void mmodel_bug_if(int cond, const char *where, const char *file, int line, const char *text)
{
	if (unlikely(cond))
		mmodel_host->bug(where, file, line, text);
}

#define MMODEL_WARN(cond, text) mmodel_warned(!!(cond), __func__, __FILE__, __LINE__, text)
#define MMODEL_WARN_ONCE(cond, text) ({                                         \
	static bool mm_done;                                                    \
	mmodel_warned_once(!!(cond), &mm_done, __func__, __FILE__, __LINE__, text); \
})

#define WARN_ON(cond)                       MMODEL_WARN(cond, #cond)
#define WARN(cond, ...)                     MMODEL_WARN(cond, #cond)
#define WARN_ON_ONCE(cond)                  MMODEL_WARN_ONCE(cond, #cond)
#define WARN_ONCE(cond, ...)                MMODEL_WARN_ONCE(cond, #cond)
#define VM_WARN_ON(cond)                    MMODEL_WARN(cond, #cond)
#define VM_WARN_ON_ONCE(cond)               MMODEL_WARN_ONCE(cond, #cond)
#define VM_WARN_ONCE(cond, ...)             MMODEL_WARN_ONCE(cond, #cond)
#define VM_WARN_ON_ONCE_PAGE(cond, page)    MMODEL_WARN_ONCE(cond, #cond)
#define VM_WARN_ON_PAGE(cond, page)         MMODEL_WARN(cond, #cond)
#define VM_WARN_ON_FOLIO(cond, folio)       MMODEL_WARN(cond, #cond)
#define VM_WARN_ON_ONCE_FOLIO(cond, folio)  MMODEL_WARN_ONCE(cond, #cond)

#define MMODEL_BUG(text) mmodel_host->bug(__func__, __FILE__, __LINE__, text)
#define MMODEL_BUG_ON(cond, text) mmodel_bug_if(!!(cond), __func__, __FILE__, __LINE__, text)

#define BUG()                      MMODEL_BUG("BUG()")
#define BUG_ON(cond)               MMODEL_BUG_ON(cond, #cond)
#define VM_BUG_ON(cond)            MMODEL_BUG_ON(cond, #cond)
#define VM_BUG_ON_PAGE(cond, page) MMODEL_BUG_ON(cond, #cond)
#define VM_BUG_ON_FOLIO(cond, f)   MMODEL_BUG_ON(cond, #cond)

#endif
