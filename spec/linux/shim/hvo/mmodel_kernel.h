/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Everything. What a kernel header includes along the way is not worth telling apart here. */
#ifndef MMODEL_KERNEL_H
#define MMODEL_KERNEL_H

#include "mmodel_hugetlb.h"

#endif
