/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Warnings and bugs, told to the unit's host, whichever that is: it must be declared by then. */
#ifndef MMODEL_WARN_H
#define MMODEL_WARN_H

#include "mmodel_base.h"

/* "Once" is once a sequence: the unit's static data is put back before each. */
#define MMODEL_WARN(cond, text) ({                                              \
	int mm_warned = !!(cond);                                               \
	if (unlikely(mm_warned))                                                \
		mmodel_host->warn(__func__, __FILE__, __LINE__, text);          \
	mm_warned;                                                              \
})

#define MMODEL_WARN_ONCE(cond, text) ({                                         \
	static bool mm_done;                                                    \
	int mm_once = !!(cond);                                                 \
	if (unlikely(mm_once) && !mm_done) {                                    \
		mm_done = true;                                                 \
		mmodel_host->warn(__func__, __FILE__, __LINE__, text);          \
	}                                                                       \
	mm_once;                                                                \
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
#define MMODEL_BUG_ON(cond, text) do { if (unlikely(cond)) MMODEL_BUG(text); } while (0)

#define BUG()                      MMODEL_BUG("BUG()")
#define BUG_ON(cond)               MMODEL_BUG_ON(cond, #cond)
#define VM_BUG_ON(cond)            MMODEL_BUG_ON(cond, #cond)
#define VM_BUG_ON_PAGE(cond, page) MMODEL_BUG_ON(cond, #cond)
#define VM_BUG_ON_FOLIO(cond, f)   MMODEL_BUG_ON(cond, #cond)

#endif
