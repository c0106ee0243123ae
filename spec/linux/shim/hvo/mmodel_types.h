/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The ground the other shim headers of HVO stand on: the host, configuration, gfp, module glue.
 * Nothing here is an event of the machine.
 */
#ifndef MMODEL_TYPES_H
#define MMODEL_TYPES_H

#include "mmodel_hvo_abi.h"
#include <mmodel_base.h>

/* Set once by mmodel_hvo_unit_init(). */
extern const struct mmodel_hvo_host *mmodel_host;

#define CONFIG_64BIT 1
#define CONFIG_HUGETLB_PAGE 1
#define CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP 1
#define CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP_DEFAULT_ON 1
#define CONFIG_MEMORY_HOTPLUG 1
#define CONFIG_PROC_SYSCTL 1
#define CONFIG_SYSCTL 1

#define GFP_KERNEL           MMODEL_GFP_KERNEL
#define __GFP_NORETRY        MMODEL_GFP_NORETRY
#define __GFP_NOWARN         MMODEL_GFP_NOWARN
#define __GFP_THISNODE       MMODEL_GFP_THISNODE
#define __GFP_RETRY_MAYFAIL  MMODEL_GFP_RETRY_MAYFAIL
#define __GFP_ZERO           MMODEL_GFP_ZERO
#define NUMA_NO_NODE         (-1)

/* Module glue: the driver sets parameters itself and no one reads /proc/sys. */
struct ctl_table {
	const char *procname;
	void *data;
	int maxlen;
	unsigned short mode;
	void *proc_handler;
	void *extra1;
	void *extra2;
};

static inline void proc_dobool(void) { }
static inline void proc_dointvec_minmax(void) { }

/* The boot parameter is set by the driver too: see set_enabled(). */
static inline int kstrtobool(const char *text, bool *value)
{
	return -EINVAL;
}

#define SYSCTL_ZERO NULL
#define SYSCTL_ONE  NULL
#define register_sysctl_init(path, table) ((void)(table))

#define core_param(name, variable, type, mode)  MMODEL_NOTHING
#define module_param(name, type, mode)          MMODEL_NOTHING

#endif
