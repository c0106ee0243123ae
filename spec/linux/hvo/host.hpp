// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a compiled mm/hugetlb_vmemmap.c calls: every callback is an event of the machine, and what it does to
// memory really happens.
#pragma once

#include "spec/linux/hvo/driver.hpp"

namespace mmodel::bench {

[[nodiscard]] mmodel_hvo_host make_hvo_host(HvoDriver& driver);
void forget_hvo_driver();

} // namespace mmodel::bench
