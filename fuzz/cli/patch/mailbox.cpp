// SPDX-License-Identifier: GPL-2.0 OR MIT
// The series of a mailbox. git splits it, decodes its mails and applies its patches, to a copy of what is
// judged and to nothing else.
#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/patch/series.hpp"
#include "fuzz/cli/report/report.hpp"
#include "fuzz/cli/say.hpp"
#include "fuzz/cli/trees.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

struct Mail {
    std::string subject{}, author{}, patch{};
    bool is_reply{};
};

std::string field(const std::string& info, std::string_view name) {
    for (const std::string& line : lines_of_text(info))
        if (line.starts_with(name)) return line.substr(std::min(name.size(), line.size()));
    return "";
}

// A reply may quote a diff, or hold one that nobody proposes yet.
bool is_reply(const std::string& mail) {
    for (std::string line : lines_of_text(mail)) {
        if (line.empty()) return false;
        std::ranges::transform(line, line.begin(), [](unsigned char c) { return std::tolower(c); });
        if (line.starts_with("subject:"))
            return bench::skip_blanks(std::string_view(line).substr(8)).starts_with("re:");
    }
    return false;
}

std::expected<std::vector<fs::path>, Failure> split(const Git& git, const std::string& name,
                                                    const std::string& text) {
    const fs::path all = git.dir() / "all", mails = git.dir() / "mails";
    fs::create_directories(mails);
    if (const auto why = write_file(all, text)) return std::unexpected(Failure{*why, exit_environment});
    const GitSaid said = git.run({"mailsplit", "-b", "-d6", "-o" + mails.string(), all.string()});
    if (!said.ok())
        return std::unexpected(Failure{fmt::format("{}: no mailbox: {}", name, said.why()),
                                       said.status == 127 ? exit_environment : exit_usage});
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(mails)) out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
}

Mail read_mail(const Git& git, const fs::path& path) {
    const std::string text = bench::slurp(path).value_or("");
    const std::string message = (git.dir() / "message").string(), patch = (git.dir() / "patch").string();
    const GitSaid said = git.run({"mailinfo", "--quoted-cr=strip", message, patch}, text);
    Mail out{.subject = field(said.out, "Subject: "), .is_reply = is_reply(text)};
    out.author = fmt::format("{} <{}>", field(said.out, "Author: "), field(said.out, "Email: "));
    if (said.ok()) out.patch = bench::slurp(patch).value_or("");
    return out;
}

bool is_judged(std::string_view path) {
    return std::ranges::find(judged_paths(), path) != judged_paths().end();
}

// New names of judged files that a patch gives them, or takes from them.
void note_renamed(const std::string& patch, Renamed& renamed) {
    const auto judged = [&](const std::string& path) {
        return is_judged(path) ? path : renamed.contains(path) ? renamed[path] : "";
    };
    std::string from;
    for (const std::string& line : lines_of_text(patch)) {
        if (line.starts_with("rename from ")) from = line.substr(12);
        if (!line.starts_with("rename to ")) continue;
        const std::string to = line.substr(10), of_from = judged(from), of_to = judged(to);
        if (!of_from.empty() && of_to.empty()) renamed[to] = of_from;
        if (of_from.empty() && !of_to.empty()) renamed[from] = of_to;
    }
}

// `git apply`, for the paths that are judged. A patch may be written without a/ and b/ before them.
std::vector<std::string> apply_words(const std::string& patch, const Renamed& renamed) {
    const auto is_bare = [](std::string_view line) {
        return line.starts_with("+++ ") &&
               is_judged(line.substr(4, std::min(line.find('\t'), line.size()) - 4));
    };
    const bool bare = std::ranges::any_of(lines_of_text(patch), is_bare);
    std::vector<std::string> words{"apply", "--whitespace=nowarn", bare ? "-p0" : "-p1"};
    for (const std::string& path : judged_paths()) words.push_back("--include=" + path);
    for (const auto& [path, judged] : renamed) words.push_back("--include=" + path);
    return words;
}

// The texts once the patch is applied to them.
std::expected<Texts, std::string> applied(const Texts& texts, const Mail& mail, const Git& scratch,
                                          const Renamed& renamed) {
    std::error_code ec;
    fs::remove_all(scratch.dir(), ec);
    fs::create_directories(scratch.dir(), ec);
    if (const auto why = write_texts(texts, scratch.dir())) return std::unexpected(*why);
    const GitSaid said = scratch.run(apply_words(mail.patch, renamed), mail.patch);
    if (!said.ok()) return std::unexpected(said.why());
    Texts out = texts_in(scratch.dir());
    for (const auto& [path, judged] : renamed)
        if (auto text = bench::slurp(scratch.dir() / path)) out[judged] = out[path] = std::move(*text);
    return out;
}

} // namespace

std::expected<Series, Failure> mailbox_of(const std::string& mailbox, const fs::path& on,
                                          const fs::path& work) {
    if (const auto tree = open_tree(on); !tree)
        return std::unexpected(Failure{tree.error().what, exit_usage});
    const auto text =
        mailbox == "-" ? std::expected<std::string, std::string>(standard_input()) : bench::slurp(mailbox);
    const std::string name = mailbox == "-" ? "standard input" : mailbox;
    if (!text) return std::unexpected(Failure{fmt::format("{}: {}", name, text.error())});
    if (text->empty()) return std::unexpected(Failure{name + ": is empty"});
    const Git git(work / "mailbox", work), scratch(work / "applied", work);
    const auto mails = split(git, name, *text);
    if (!mails) return std::unexpected(mails.error());
    Series out{.name = name};
    Texts now = texts_in(on);
    Renamed renamed;
    std::size_t no_patch = 0;
    for (const fs::path& path : *mails) {
        const Mail mail = read_mail(git, path);
        if (mail.is_reply || mail.patch.empty()) {
            ++no_patch;
            continue;
        }
        const std::string id = fmt::format("patch {}", ++out.patches);
        note_renamed(mail.patch, renamed);
        auto next = applied(now, mail, scratch, renamed);
        if (!next) {
            const auto left = mails->end() - std::ranges::find(*mails, path) - 1;
            out.ended = Failure{fmt::format(
                "{}: {} (\"{}\") does not apply to what is in {}: {}{}", name, id, mail.subject, on.string(),
                next.error(),
                left ? fmt::format("; {} after it left out", plural(static_cast<u64>(left), "mail")) : "")};
            break;
        }
        if (*next == now) {
            ++out.skipped;
            continue;
        }
        out.changes.push_back(
            {.id = id, .subject = mail.subject, .author = mail.author, .before = now, .after = *next});
        now = std::move(*next);
    }
    if (no_patch)
        out.notes.push_back(
            fmt::format("{} without a patch, or a reply, left out", plural(no_patch, "mail")));
    if (!out.patches)
        return std::unexpected(Failure{fmt::format("{}: there is no patch in it", name), exit_environment});
    return out;
}

} // namespace mmodel::cli
