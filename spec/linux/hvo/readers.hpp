// SPDX-License-Identifier: GPL-2.0 OR MIT
// Readers between the accesses of a call under test (readers.cpp).
#pragma once

#include "spec/linux/hvo/driver.hpp"

namespace mmodel::bench {

// As long as it lives, who reads the struct pages of these folios looks after each store that he could see.
class HvoDriver::Reading {
public:
    Reading(HvoDriver& d, std::span<const hvo::Folio> folios);
    ~Reading();
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

private:
    HvoDriver& driver_;
};

} // namespace mmodel::bench
