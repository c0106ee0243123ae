// SPDX-License-Identifier: GPL-2.0 OR MIT
// A finding as a mail. Needs a C compiler.
#include <catch2/catch.hpp>

#include <sstream>

#include "props/fuzz/cli/stand_in.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

// One word may be longer than a line: the name of a place, an argument of a command.
void check_mail(const std::string& mail) {
    CHECK(mail.starts_with("Subject: "));
    std::istringstream lines(mail);
    for (std::string line; std::getline(lines, line);) {
        INFO(line);
        const auto word = std::min(line.find_first_not_of(' '), line.size());
        CHECK((line.size() <= 72 || line.find(' ', word) == line.npos));
        CHECK_FALSE((has(line, "**") || has(line, "```") || has(line, "](")));
    }
    for (const char* head :
         {"\nThe shortest sequence that shows it\n", "\nmmodel trace 1\n", "\nWhich kernels, and how\n",
          "\nTo see it again\n", "\nWhat a fix must keep true\n"}) {
        INFO(head);
        const bool is_trace = has(head, "mmodel trace");
        CHECK(has(mail, is_trace ? "\n  mmodel trace 1\n" : head));
    }
}

} // namespace

TEST_CASE("every record in spec/linux/findings is rendered as a mail, without a tree") {
    std::size_t nr = 0;
    for (const auto& entry : fs::directory_iterator(MMODEL_FINDINGS_DIR)) {
        if (entry.path().extension() != ".md") continue;
        INFO(entry.path());
        const Said s = run_mmodel({"report", entry.path()});
        CHECK(s.status == 0);
        CHECK(s.err.empty());
        check_mail(s.out);
        const std::string record = slurp(entry.path());
        const auto trace = record.find("```\nmmodel trace 1\n") + 4;
        std::istringstream ops(record.substr(trace, record.find("\n```", trace) - trace));
        for (std::string line; std::getline(ops, line); ++nr) CHECK(has(s.out, "\n  " + line + "\n"));
        if (has(record, "**What happens.** ")) CHECK(has(s.out, "\nWhat happens. "));
    }
    CHECK(nr > 50);
}

TEST_CASE("with a tree a mail has the lines of its source, and a tree that does not show it makes none") {
    const TempDir dir;
    const std::string tree = stand_in(dir), kept = (dir.path() / "kept").string();
    CHECK(run_mmodel({"linux", "--tree", tree, "--sweeps", "--geometry", "tiny512", "--keep", kept,
                      "--record", kept})
              .status == 1);
    const std::string name = kept + "/6.8.0-inv_compound_head_holds_through_stale_translations";
    for (const std::string& finding : {name + ".md", name + ".trace"}) {
        const Said s = run_mmodel({"report", finding, "--tree", tree});
        CHECK(s.status == 0);
        check_mail(s.out);
        CHECK(has(s.out, "\nIn restore_one(), event "));
        CHECK(has(s.out, "\nmm/hugetlb_vmemmap.c:\n"));
        CHECK(has(s.out, "\n>"));
        // The line that is marked is the file's, of that number, but for its tabs.
        std::istringstream marked(s.out.substr(s.out.find("\n>") + 2)),
            file(slurp(fs::path(tree) / stand_in_file));
        int nr = 0;
        std::string word, line;
        marked >> nr >> word;
        for (int i = 0; i < nr; ++i) std::getline(file, line);
        CHECK_FALSE(word.empty());
        CHECK(has(line, word));
    }
    CHECK(run_mmodel({"report", name + ".trace"}).status == 2);
    const std::string other = dir.put("ok.trace", "mmodel trace 1\ngeometry tiny512\nalloc_folio folio=0\n");
    const Said none = run_mmodel({"report", other, "--tree", tree});
    CHECK(none.status == 1);
    CHECK(none.out.empty());
    CHECK(has(none.err, "does not show it"));
}
