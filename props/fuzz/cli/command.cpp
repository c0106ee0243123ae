// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "props/fuzz/cli/command.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

namespace mmodel::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::string binary() {
    const char* named = std::getenv("MMODEL_BIN");
    return named && *named ? named : MMODEL_BIN;
}

void redirect(int fd, const std::string& path, int flags) {
    const int file = open(path.c_str(), flags, 0600);
    if (file < 0 || dup2(file, fd) < 0) _exit(126);
    if (file != fd) close(file);
}

void mount_disk(const Disk& disk) {
    if (disk.at.empty()) return;
    const unsigned long flags = disk.read_only ? MS_RDONLY : 0;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", disk.at.c_str(), "tmpfs", flags, "size=16k") != 0)
        _exit(no_mount);
    if (disk.read_only) return;
    const int filler = open((disk.at + "/filler").c_str(), O_WRONLY | O_CREAT, 0600);
    const std::array<char, 4096> page{};
    while (write(filler, page.data(), page.size()) > 0) {
    }
    close(filler);
}

[[noreturn]] void become(const Args& args, const Around& around, const std::string& out,
                         const std::string& err) {
    setpgid(0, 0);
    redirect(0, around.in, O_RDONLY);
    redirect(1, out, O_WRONLY | O_CREAT | O_TRUNC);
    redirect(2, err, O_WRONLY | O_CREAT | O_TRUNC);
    unsetenv("COLUMNS"); // of whoever runs the tests
    for (const auto& [key, value] : around.env) setenv(key.c_str(), value.c_str(), 1);
    mount_disk(around.disk);
    if (around.max_file_bytes) {
        const rlimit most{*around.max_file_bytes, *around.max_file_bytes};
        setrlimit(RLIMIT_FSIZE, &most);
    }
    std::string program = around.program.empty() ? binary() : around.program;
    std::vector<char*> argv{program.data()};
    for (const std::string& a : args) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    execv(program.c_str(), argv.data());
    _exit(127);
}

int shell_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

} // namespace

TempDir::TempDir() {
    fs::create_directories(MMODEL_TEST_WORK_DIR);
    std::string name = MMODEL_TEST_WORK_DIR "/XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
}

TempDir::~TempDir() {
    std::error_code ec;
    fs::remove_all(path_, ec);
}

std::string TempDir::put(const std::string& name, std::string_view text) const {
    const fs::path p = path_ / name;
    std::ofstream(p, std::ios::binary) << text;
    return p.string();
}

Running::Running(const Args& args, Around around) : around_(std::move(around)) {
    REQUIRE(fs::exists(around_.program.empty() ? binary() : around_.program));
    const std::string out = around_.out.empty() ? dir_.path() / "out" : fs::path(around_.out);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) become(args, around_, out, dir_.path() / "err");
    setpgid(pid_, pid_); // in the child too: whoever comes first
}

void Running::signal(int nr) const { kill(-pid_, nr); }

Said Running::wait() {
    using namespace std::chrono_literals;
    int status = 0;
    const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start_).count(); };
    bool done = false;
    while (!(done = waitpid(pid_, &status, WNOHANG) == pid_) && elapsed() < around_.patience)
        std::this_thread::sleep_for(1ms);
    if (!done) {
        signal(SIGKILL);
        waitpid(pid_, &status, 0);
    }
    const std::string out = around_.out.empty() ? slurp(dir_.path() / "out") : "";
    return {done ? shell_status(status) : -1, out, slurp(dir_.path() / "err"), elapsed()};
}

Said run_mmodel(const Args& args, const Around& around) { return Running(args, around).wait(); }

std::string slurp(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

std::vector<Json> json_lines(const std::string& text) {
    std::vector<Json> out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        INFO(line);
        out.push_back(Json::parse(line, nullptr, false));
        REQUIRE(out.back().is_object());
        REQUIRE(out.back().contains("kind"));
    }
    CHECK(text.ends_with('\n'));
    return out;
}

void check_table(const std::string& out) {
    std::istringstream lines(out.substr(0, out.find("\n\n")));
    for (std::string line; std::getline(lines, line);) {
        INFO(line);
        CHECK(line.size() <= 120);
    }
}

std::vector<fs::path> corpus_files(const std::string& name) {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(fs::path(MMODEL_CORPUS_DIR) / name))
        if (entry.is_regular_file()) out.push_back(entry.path());
    std::ranges::sort(out);
    REQUIRE_FALSE(out.empty());
    return out;
}

} // namespace mmodel::test
