// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel patch over mailboxes and over repositories that lack something. Needs a C compiler and git.
#include <catch2/catch.hpp>

#include "props/fuzz/cli/repository.hpp"

using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* leaks = "#define MMODEL_BREAK_LEAK_HEAD";

// A comment, an unrelated patch, a leak; as patches for what is in `on`, which has none of them.
struct Mailed {
    Repository repo{};
    std::string on{};
    Mailed() {
        on = (repo.dir().path() / "on").string();
        repo.sh("git worktree prune && cp -r . ../on && rm -rf ../on/.git");
        (void)repo.commit("/* nothing but a comment, \xc3\xa9 */", "a comment");
        repo.sh("echo text >README && git add -A && git commit -qm elsewhere");
        (void)repo.commit(leaks, "it leaks");
        repo.sh("git format-patch -q --cover-letter -o ../out HEAD~3 && cat ../out/*.patch >../mbox");
    }
    [[nodiscard]] std::string file(const std::string& name) const {
        return (repo.dir().path() / name).string();
    }
    [[nodiscard]] Said patch(const std::string& mailbox, const Around& with = {}) const {
        return repo.run({"patch", mailbox, "--on", on, "--sweeps", "--geometry", "tiny512"}, with);
    }
};

void check_leak_is_named(const Said& s) {
    INFO(s.out + s.err);
    CHECK(s.status == 1);
    CHECK(has(s.out, "\nBrought by patch 3 (\"it leaks\"), A Name <a@example.org>:\n"));
    CHECK(has(s.out, "2 of 3 patches judged, each against its parent; 1 touch nothing that is judged"));
}

} // namespace

TEST_CASE(
    "a mailbox is applied to a copy of what is judged, and the patch that brings a violation is named") {
    const Mailed m;
    const std::string before = m.repo.sh("cd ../on && find . -type f | sort | xargs cksum");
    check_leak_is_named(m.patch(m.file("mbox")));
    check_leak_is_named(m.patch("-", {.in = m.file("mbox")}));
    CHECK(m.repo.sh("cd ../on && find . -type f | sort | xargs cksum") == before);
    // README is not there, nor need it be.
    fs::create_directory(m.file("on/.git"));
    check_leak_is_named(m.patch(m.file("mbox")));
}

TEST_CASE("a mailbox may have CRLF, quoted-printable, attachments and replies") {
    const Mailed m;
    SECTION("CRLF") {
        m.repo.sh("sed 's/$/\\r/' ../mbox >../crlf");
        check_leak_is_named(m.patch(m.file("crlf")));
    }
    SECTION("quoted-printable") {
        const std::string script = m.repo.dir().put(
            "qp.py", "import email, email.charset, sys\n"
                     "qp = email.charset.Charset('utf-8')\n"
                     "qp.body_encoding = email.charset.QP\n"
                     "for name in sys.argv[1:]:\n"
                     "    m = email.message_from_binary_file(open(name, 'rb'))\n"
                     "    body = m.get_payload(decode=True).decode()\n"
                     "    for h in ('MIME-Version', 'Content-Type', 'Content-Transfer-Encoding'): del m[h]\n"
                     "    m.set_payload(body, qp)\n"
                     "    print(m.as_string(unixfrom=True))\n");
        m.repo.sh("python3 " + script + " ../out/*.patch >../qp && grep -q =C3 ../qp");
        check_leak_is_named(m.patch(m.file("qp")));
    }
    SECTION("attachments") {
        m.repo.sh("git format-patch -q --attach --stdout HEAD~3 >../attached");
        check_leak_is_named(m.patch(m.file("attached")));
    }
    SECTION("replies") {
        m.repo.sh("{ cat ../mbox; printf 'From x Thu Jan  1 00:00:00 1970\\nFrom: B "
                  "<b@example.org>\\nSubject: Re: [PATCH 3/3] "
                  "it leaks\\n\\nOn a day A wrote:\\n> it leaks\\nHow about this?\\n\\n'; git diff HEAD~ "
                  "HEAD; } >../replies");
        const Said s = m.patch(m.file("replies"));
        check_leak_is_named(s);
        CHECK(has(s.err, "2 mails without a patch, or a reply, left out"));
    }
}

TEST_CASE(
    "a patch that does not apply is named with its hunk, exit status 2, and what came before it is kept") {
    const Mailed m;
    m.repo.sh(
        "git commit -q --amend -m 'other context' && sed -i 's/^ #define MMODEL_BREAK_LEAK_HEAD/ elsewhere/; "
        "s/^ \\/\\* nothing but/ \\/* something else/' ../out/0003*.patch && cat ../out/0001*.patch "
        "../out/0003*.patch ../out/0002*.patch >../bad");
    const std::string third = slurp(m.file("out/0003-it-leaks.patch"));
    const Said s = m.patch(m.file("bad"));
    INFO(s.out + s.err << third);
    CHECK(s.status == 2);
    CHECK(has(s.err, "patch 2 (\"it leaks\") does not apply to what is in " + m.on));
    CHECK(has(s.err, "mm/hugetlb_vmemmap.c:1"));
    CHECK(has(s.err, "; 1 mail after it left out"));
    CHECK(has(s.out, "patch 1 (\"a comment\")"));
    CHECK(has(s.out, "becomes the same code as before"));
}

TEST_CASE("a mailbox or a directory that is none is said in a line") {
    const Mailed m;
    const auto refused = [&](const Args& args, int status, const std::string& part) {
        const Said s = m.repo.run(args);
        INFO(s.err);
        CHECK(s.status == status);
        CHECK(s.out.empty());
        CHECK(has(s.err, part));
        CHECK(std::count(s.err.begin(), s.err.end(), '\n') == 1);
    };
    refused({"patch", "/no/such/mbox", "--on", m.on}, 2, "/no/such/mbox: cannot be read");
    refused({"patch", m.file("mbox"), "--on", "/no/such/tree"}, 2, "there is no such directory");
    refused({"patch", m.repo.dir().put("empty", ""), "--on", m.on}, 2, "is empty");
    refused({"patch", m.repo.dir().put("talk", "From: A <a@b>\nSubject: hello\n\nno patch\n"), "--on", m.on},
            3, "there is no patch in it");
    refused({"patch", m.file("mbox")}, 2, "--on DIR");
    refused({"patch", "--git", m.repo.at()}, 2, "BASE..HEAD");
    refused({"patch", "--git", m.repo.at(), "main"}, 2, "'main' is no range of commits; wanted BASE..HEAD");
    refused({"patch", "--git", m.repo.at(), "main...HEAD"}, 2, "is no range");
    refused({"patch", "--git", m.repo.at(), "--", "--output=x..HEAD"}, 2, "is no range");
    refused({"patch", "--git", m.repo.at(), "nope..HEAD"}, 2, "nope..HEAD: bad revision");
    refused({"patch", "--git", m.repo.at(), "HEAD..HEAD~2"}, 3,
            "there is no commit in HEAD..HEAD~2, but there are some in HEAD~2..HEAD");
    refused({"patch", "--git", "/", "HEAD~..HEAD"}, 2, "not a git repository");
    refused({"patch", "--git", m.repo.at(), "HEAD~..HEAD", "--seconds", "0"}, 2, "--sweeps");
}

TEST_CASE(
    "a repository may be bare or shallow, and where the parent is not there, findings are seen for the first "
    "time") {
    const Mailed m;
    m.repo.sh("git clone -q --bare . ../bare.git && git clone -q --depth 1 file://$PWD ../shallow");
    const Args how{"--sweeps", "--geometry", "tiny512"};
    const auto patch = [&](const std::string& at, const std::string& range) {
        Args args{"patch", "--git", m.file(at), range};
        args.insert(args.end(), how.begin(), how.end());
        return m.repo.run(args);
    };
    const Said bare = patch("bare.git", "HEAD~..HEAD");
    CHECK(bare.status == 1);
    CHECK(has(bare.out, "(\"it leaks\")"));
    CHECK(m.repo.run({"patch", "--git", m.file("bare.git"), "--working-tree"}).status == 2);
    const Said lost = patch("shallow", "HEAD~..HEAD");
    CHECK(lost.status == 2);
    CHECK(has(lost.err, "the repository is shallow; `git fetch --deepen=N` brings more"));
    m.repo.sh("cd ../shallow && git branch before $(git commit-tree -m unrelated HEAD^{tree})");
    const Said alone = patch("shallow", "before..HEAD");
    INFO(alone.out + alone.err);
    CHECK(alone.status == 1);
    CHECK(has(alone.out, "its parent is not here: the repository is shallow"));
    CHECK(has(alone.out, "\nFirst seen in "));
}

TEST_CASE(
    "a partial repository fetches nothing, and one that is damaged gives what can be had, exit status 3") {
    const Mailed m;
    m.repo.sh("git config uploadpack.allowFilter true && git clone -q --bare --filter=blob:none file://$PWD "
              "../partial.git && "
              "find ../partial.git -type f | sort | xargs cksum >../before");
    const Said partial = m.repo.run(
        {"patch", "--git", m.file("partial.git"), "HEAD~3..HEAD", "--sweeps", "--geometry", "tiny512"});
    INFO(partial.out + partial.err);
    CHECK(partial.status == 3);
    CHECK(has(partial.err, "objects are missing or damaged (nothing is fetched)"));
    CHECK(m.repo.sh("find ../partial.git -type f | sort | xargs cksum | diff - ../before && echo same") ==
          "same");
    // The last version of the file is gone: the patches before it are judged.
    m.repo.sh("id=$(git rev-parse HEAD:" + stand_in_file +
              ") && rm -f .git/objects/$(echo $id | sed 's/^../&\\//')");
    const Said damaged = m.repo.patch({"HEAD~3..HEAD"});
    INFO(damaged.out + damaged.err);
    CHECK(damaged.status == 3);
    CHECK(has(damaged.err, "(\"it leaks\")"));
    CHECK(has(damaged.out, "becomes the same code as before"));
    CHECK(has(damaged.out, "1 could not be judged"));
}
