/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Everything that mm/percpu.c includes. */
#ifndef MMODEL_KERNEL_H
#define MMODEL_KERNEL_H

#include "mmodel_boot.h"

#endif
