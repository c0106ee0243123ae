// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/series.hpp"

#include "fuzz/cli/say.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::cli {

namespace fs = std::filesystem;

// What bench::open_tree() reads and the compiler includes.
const std::vector<std::string>& sources_of(std::string_view file) {
    static const std::vector<std::string> hvo{"mm/hugetlb_vmemmap.c", "mm/hugetlb_vmemmap.h",
                                              "include/linux/page_ref.h"},
        percpu{"mm/percpu.c", "mm/percpu-vm.c", "mm/percpu-internal.h", "include/linux/percpu.h"};
    return file == "hugetlb_vmemmap" ? hvo : percpu;
}

const std::vector<std::string>& judged_paths() {
    static const std::vector<std::string> all = [] {
        std::vector<std::string> out = sources_of("hugetlb_vmemmap");
        const auto& more = sources_of("percpu");
        out.insert(out.end(), more.begin(), more.end());
        return out;
    }();
    return all;
}

Texts texts_in(const fs::path& dir) {
    Texts out;
    if (auto makefile = bench::slurp(dir / "Makefile")) out["Makefile"] = std::move(*makefile);
    for (const std::string& path : judged_paths())
        if (auto text = bench::slurp(dir / path)) out[path] = std::move(*text);
    return out;
}

std::optional<std::string> write_texts(const Texts& texts, const fs::path& dir) {
    for (const auto& [path, text] : texts) {
        std::error_code ec;
        fs::create_directories((dir / path).parent_path(), ec);
        if (auto why = write_file(dir / path, text)) return why;
    }
    return std::nullopt;
}

} // namespace mmodel::cli
