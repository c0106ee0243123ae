// SPDX-License-Identifier: GPL-2.0 OR MIT
// Where tests that compile kernel files put what comes of it.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

namespace mmodel {

// One directory a process, made when first asked for.
inline std::filesystem::path test_work_dir() {
    const auto dir = std::filesystem::path(MMODEL_TEST_WORK_DIR) / std::to_string(getpid());
    std::filesystem::create_directories(dir);
    return dir;
}

} // namespace mmodel
