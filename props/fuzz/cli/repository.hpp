// SPDX-License-Identifier: GPL-2.0 OR MIT
// git repositories for the command to read, with nothing of whoever runs the tests in them.
#pragma once

#include <catch2/catch.hpp>

#include "props/fuzz/cli/stand_in.hpp"

namespace mmodel::test {

// The stand-in tree in its first commit, "base".
class Repository {
public:
    Repository() {
        (void)stand_in(dir_);
        sh("git init -q -b main && git add -A && git commit -qm base");
    }
    [[nodiscard]] std::string at() const { return (dir_.path() / "tree").string(); }
    [[nodiscard]] const TempDir& dir() const { return dir_; }

    // Runs a script in the working tree; what it says, without the last line end.
    std::string sh(const std::string& script) const { // NOLINT: what it says is not always wanted
        const Said s = run_mmodel({"-ec", "cd '" + at() + "' && " + script}, around("/bin/sh"));
        INFO(script << "\n" << s.out << s.err);
        REQUIRE(s.status == 0);
        return s.out.substr(0, s.out.find_last_not_of('\n') + 1);
    }
    // A commit that puts a line before the file's first; its name.
    std::string commit(const std::string& line, const std::string& subject) const {
        const std::string file = "tree/" + stand_in_file;
        (void)dir_.put(file, line + "\n" + slurp(dir_.path() / file));
        return sh("git commit -qam '" + subject + "' && git rev-parse --short=12 HEAD");
    }
    // The command, with a home of its own.
    [[nodiscard]] Said run(const Args& args, Around with = {}) const {
        Around a = around("");
        a.in = with.in, a.out = with.out;
        for (const auto& e : with.env) a.env.push_back(e);
        return run_mmodel(args, a);
    }
    // `mmodel patch` of this repository, as short as it can be.
    [[nodiscard]] Said patch(Args args, const Around& with = {}) const {
        args.insert(args.begin(), {"patch", "--git", at(), "--sweeps", "--geometry", "tiny512"});
        return run(args, with);
    }

private:
    [[nodiscard]] Around around(const std::string& program) const {
        const std::string home = dir_.path().string();
        return {
            .program = program,
            .env = {{"HOME", home},
                    {"XDG_CACHE_HOME", MMODEL_TEST_WORK_DIR "/cache"}, // of all tests: their texts are few
                    {"GIT_CONFIG_NOSYSTEM", "1"},
                    {"GIT_CONFIG_GLOBAL", "/dev/null"},
                    {"GIT_AUTHOR_NAME", "A Name"},
                    {"GIT_AUTHOR_EMAIL", "a@example.org"},
                    {"GIT_COMMITTER_NAME", "A Name"},
                    {"GIT_COMMITTER_EMAIL", "a@example.org"}},
            .patience = 600};
    }
    TempDir dir_;
};

} // namespace mmodel::test
