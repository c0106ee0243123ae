// SPDX-License-Identifier: GPL-2.0 OR MIT
// A series of patches: of each, the texts that are judged as it found and as it leaves them. Of a
// repository's commits, of a mailbox, or of what is not committed yet.
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/campaign/input.hpp"
#include "fuzz/cli/patch/git.hpp"

namespace mmodel::cli {

// Texts by path below a tree. Makefile is among them, for the version that it names.
using Texts = std::map<std::string, std::string>;

// What a judged file is compiled from, below a tree; one's name in bench::KernelFile ...
[[nodiscard]] const std::vector<std::string>& sources_of(std::string_view file);
// ... and of all files.
[[nodiscard]] const std::vector<std::string>& judged_paths();

struct Change {
    std::string id;                // the commit, or "patch 3" of a mailbox, or "the working tree"
    std::string subject{};         // may be empty, as the next
    std::string author{};          // "Name <address>"
    std::string against{};         // of a merge: "parent 2 of 2, 0123456789ab"
    std::optional<Texts> before{}; // nothing: there is no parent here, for this reason,
    std::string why_alone{};
    std::vector<Texts> other_parents{};
    std::optional<Texts> after{}; // nothing: it cannot be had, for this reason
    std::string why_not{};
};

struct Series {
    std::string name{};               // "BASE..HEAD", the mailbox
    std::vector<Change> changes{};    // that touch what is judged, oldest first
    std::size_t patches{}, skipped{}; // all; those that touch nothing that is judged
    std::vector<std::string> notes{}; // of what was left out
    std::optional<Failure> ended{};   // not all of it could be read: where it ends, and why
};

// "A..B" of a repository. Fails where there is no repository, no such range or nothing in it.
[[nodiscard]] std::expected<Series, Failure> commits_of(const std::filesystem::path& dir,
                                                        const std::string& range);
// What is not committed of a repository's working tree.
[[nodiscard]] std::expected<Series, Failure> working_tree_of(const std::filesystem::path& dir);
// A mailbox, as a file or "-", whose patches follow each other on what is in `on`. Scratch copies are made
// in `work`.
[[nodiscard]] std::expected<Series, Failure>
mailbox_of(const std::string& mailbox, const std::filesystem::path& on, const std::filesystem::path& work);

// The judged texts of a directory.
[[nodiscard]] Texts texts_in(const std::filesystem::path& dir);
// Writes texts below a directory; if that cannot be done, says why.
[[nodiscard]] std::optional<std::string> write_texts(const Texts& texts, const std::filesystem::path& dir);

// ---- of a repository

// Paths under which judged files are known beside their own: new name -> judged path.
using Renamed = std::map<std::string, std::string>;
// The judged texts of a commit. An error: some of it is missing or damaged.
[[nodiscard]] std::expected<Texts, std::string> texts_of_commit(const Git& git, const std::string& commit,
                                                                const Renamed& renamed);
struct CommitWords {
    std::string subject{}, author{};
};
[[nodiscard]] CommitWords words_of_commit(const Git& git, const std::string& commit);
// As git shows it in a `Fixes:` line.
inline constexpr std::size_t id_digits = 12;

} // namespace mmodel::cli
