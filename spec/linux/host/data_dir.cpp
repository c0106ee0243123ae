// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/data_dir.hpp"

#include <sys/auxv.h>

namespace mmodel::bench {
namespace fs = std::filesystem;
namespace {

// This program's file. The second: where /proc is not mounted, as in a bare chroot.
fs::path executable() {
    std::error_code ec;
    const fs::path exe = fs::read_symlink("/proc/self/exe", ec);
    return ec ? fs::weakly_canonical(reinterpret_cast<const char*>(getauxval(AT_EXECFN)), ec) : exe;
}

} // namespace

fs::path data_dir(std::string_view what) {
    static const fs::path share = executable().parent_path().parent_path() / "share" / "mmodel";
    std::error_code ec;
    const fs::path whole = fs::weakly_canonical(share / what, ec);
    return ec ? share / what : whole;
}

} // namespace mmodel::bench
