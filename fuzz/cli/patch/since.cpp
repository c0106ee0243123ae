// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/since.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/patch/sought.hpp"

namespace mmodel::cli {
namespace {

class History {
public:
    History(const Git& git, const Sought& sought, const WorkDir& work, bench::Backend backend)
        : git_(git), sought_(sought), file_(sought.file()), work_(work), backend_(backend) {}

    // Newest first.
    [[nodiscard]] std::expected<std::vector<std::string>, Failure> commits() const {
        std::vector<std::string> args{"rev-list", "HEAD", "--"};
        args.insert(args.end(), sources_of(file_).begin(), sources_of(file_).end());
        const GitSaid said = git_.run(args);
        if (!said.ok())
            return std::unexpected(Failure{fmt::format("{}: {}", git_.dir().string(), said.why()),
                                           said.status == 127 ? exit_environment : exit_usage});
        return lines_of_text(said.out);
    }

    [[nodiscard]] std::expected<bool, std::string> shows(const std::string& commit) {
        progress_.show(fmt::format("looking for the commit: {}", commit));
        const auto texts = texts_of_commit(git_, commit, {});
        if (!texts) return std::unexpected(texts.error());
        const auto dir = work_.path() / ("at-" + commit);
        if (const auto why = write_texts(*texts, dir)) return std::unexpected(*why);
        auto unit = build_tree(dir, work_, file_, backend_, sought_.trace->config.geometry.arch);
        if (!unit) return std::unexpected(unit.error().what);
        const auto shown = shows_by_trace(std::move(*unit), sought_);
        if (!shown) return std::unexpected(shown.error().what);
        return *shown;
    }

    [[nodiscard]] std::string name(const std::string& commit) const {
        return fmt::format("{} (\"{}\")", commit.substr(0, id_digits), words_of_commit(git_, commit).subject);
    }

private:
    const Git& git_;
    const Sought& sought_;
    std::string file_;
    const WorkDir& work_;
    bench::Backend backend_;
    Progress progress_;
};

} // namespace

std::expected<Since, Failure> look_for_first(const std::filesystem::path& dir, const std::string& finding,
                                             const WorkDir& work, bench::Backend backend) {
    const auto sought = read_sought(finding);
    if (!sought) return std::unexpected(sought.error());
    const Git git(dir);
    History history(git, *sought, work, backend);
    const auto commits = history.commits();
    if (!commits) return std::unexpected(commits.error());
    const std::size_t nr = commits->size();
    if (nr == 0)
        return std::unexpected(
            Failure{dir.string() + ": no commit of HEAD changed the file", exit_environment});
    const auto shows = [&](std::size_t i) { return history.shows((*commits)[i]).value_or(false); };
    if (const auto newest = history.shows(commits->front()); !newest || !*newest)
        return std::unexpected(Failure{
            fmt::format("{}: HEAD does not show it{}", dir.string(), newest ? "" : ": " + newest.error()),
            newest ? exit_violation : exit_environment});
    std::size_t shown = 0, not_shown = nr; // indices; the older the larger
    for (std::size_t step = 1; shown + 1 < not_shown && !interrupted();) {
        const bool halves = not_shown < nr;
        const std::size_t at = halves ? shown + (not_shown - shown) / 2 : std::min(shown + step, nr - 1);
        (shows(at) ? shown : not_shown) = at;
        step *= 2;
    }
    if (interrupted()) return std::unexpected(Failure{"interrupted", exit_environment});
    const std::string first = history.name((*commits)[shown]);
    if (not_shown == nr)
        return Since{
            fmt::format("Every commit in the repository that changed the file and was tried shows it; "
                        "the oldest is {}.",
                        first),
            ""};
    if (const auto before = history.shows((*commits)[not_shown]); !before)
        return Since{fmt::format("It is first seen in {}; the commit before it cannot be judged.", first),
                     ""};
    return Since{"The sequence below shows it after this commit, and not before.", first};
}

} // namespace mmodel::cli
