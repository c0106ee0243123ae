// SPDX-License-Identifier: GPL-2.0 OR MIT
// The texts of a series, judged: each once, however many patches find it or leave it, and in no run again
// while the cache has what was found.
#pragma once

#include <deque>
#include <expected>
#include <map>

#include "fuzz/cli/patch/cache.hpp"
#include "fuzz/cli/patch/series.hpp"
#include "fuzz/cli/trees.hpp"

namespace mmodel::cli {

struct JudgeOptions {
    double seconds{30}; // a text; 0: no limit
    u64 seed{1};
    bool sweeps{}, stale{};
    bench::Backend backend{bench::default_backend};
    std::vector<std::string> geometries{};
};

class Judge {
public:
    using Id = std::size_t; // of a state: texts of all files
    Judge(JudgeOptions o, const WorkDir& work, Cache& cache);

    // Texts that differ in the Makefile only are one state.
    [[nodiscard]] Id add(const Texts& texts);
    // With these texts as a tree.
    [[nodiscard]] const std::expected<bench::Tree, bench::Problem>& tree(Id id) const {
        return states_[id].tree;
    }
    // A message about it, as if it lay here.
    [[nodiscard]] std::string without_place(Id id, std::string text) const;
    [[nodiscard]] bool same_text(Id a, Id b, const std::string& file) const;
    // Whether a file becomes the same code in both, on all geometries.
    [[nodiscard]] std::expected<bool, bench::Problem> same_code(Id a, Id b, const std::string& file);

    // What was found in a file. `hints`: where what was found before is tried first. Stays where it is.
    using Answer = std::expected<bench::Report, bench::Problem>;
    [[nodiscard]] Answer& report(Id id, const std::string& file, std::optional<Id> hints);
    // All files that are named, side by side, for the time that there is for this state.
    void judge(Id id, const std::vector<std::string>& files, std::optional<Id> hints);
    // Whether a file shows a finding of another state; what cannot be run shows nothing.
    [[nodiscard]] bench::Shown shows(Id id, const std::string& file, const bench::Finding& f);

    // Places of the control flow of the tree's own text, and whether a finding's sequence came to them; an
    // error where the compiler cannot say.
    struct Block {
        std::string file;
        u32 line;
        bool ran;
    };
    [[nodiscard]] std::expected<std::vector<Block>, bench::Problem> blocks(Id id, const std::string& file,
                                                                           const bench::Finding& f);

private:
    struct State {
        Texts texts;
        std::filesystem::path dir;
        std::expected<bench::Tree, bench::Problem> tree;
        std::map<std::string, Answer> reports{}; // by the file's name
        std::map<std::string, std::string> keys{};
    };
    [[nodiscard]] std::expected<bench::Tree, bench::Problem> seen_by(Id id, const std::string& file) const;
    [[nodiscard]] std::string key_of(Id id, const std::string& file, bool with_time);
    // Of what a file is made in the end, on all geometries: what the compiler sees, or its code.
    enum class Made : u8 { text, code };
    [[nodiscard]] std::expected<std::string, bench::Problem> made_of(Id id, const std::string& file,
                                                                     Made what);
    // Its sequence, run.
    struct Run {
        const bench::Unit* unit;
        bench::RealResult result;
    };
    [[nodiscard]] std::expected<Run, bench::Problem> run(Id id, const std::string& file,
                                                         const bench::Finding& f);
    // A file as it was compiled to be judged, on all geometries.
    void keep_units(Id id, TreeChecks& checks, std::size_t nr);
    void keep(const std::string& name, std::expected<bench::Unit, bench::Problem> unit);
    [[nodiscard]] std::string name_of(std::string_view what, Id id, const std::string& file,
                                      const bench::Finding& f);
    [[nodiscard]] std::vector<bench::Known> hints_of(std::optional<Id> id, const std::string& file) const;

    JudgeOptions options_;
    const WorkDir& work_;
    Cache& cache_;
    std::string around_; // what every key depends on: the command, the compiler, the shims
    std::deque<State> states_;
    std::map<std::string, std::string> made_; // by key
    // That replay, by state, file and geometry; the last ones. What is not there is compiled again.
    std::map<std::string, std::expected<bench::Unit, bench::Problem>> units_;
    std::deque<std::string> kept_; // names in units_, oldest first
};

} // namespace mmodel::cli
