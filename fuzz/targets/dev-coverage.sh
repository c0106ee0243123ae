#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Which lines of model/ and spec/ the corpus and the tests run: a table a file, and each line of spec/*.{cpp,hpp} that nothing runs.
#   dev-coverage.sh [--report FILE]    --report: every line with its count, as llvm-cov shows it
# Exit: 0 every line of spec/ is run, 1 not, or a test fails, 2 usage, 3 something of the environment is missing.
set -euo pipefail

die() { local rc=$1; shift; echo "coverage: $*" >&2; exit "$rc"; }

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
report=""
case ${1-} in
--report) [[ $# == 2 ]] || die 2 "--report wants a FILE"; report=$2 ;;
"") ;;
-h | --help) sed -n '3,5s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
*) die 2 "usage: dev-coverage.sh [--report FILE]" ;;
esac
for tool in cmake ninja clang++-19 llvm-cov-19 llvm-profdata-19; do
    command -v "$tool" >/dev/null || die 3 "$tool is missing; ./dev build installs it"
done

build=build/coverage profiles=$PWD/build/coverage/profiles
rm -rf "$profiles"
mkdir -p "$profiles"
{ cmake --preset coverage && cmake --build --preset coverage; } >"$build/build.log" 2>&1 || { tail -n 40 "$build/build.log" >&2; die 3 "preset coverage does not build"; }

# Tests that must abort leave an empty profile; the rest share four files, merged as they end.
LLVM_PROFILE_FILE=$profiles/%4m.profraw ctest --test-dir "$build" --no-tests=error -j "$(nproc)" -LE 'long|linux' --output-on-failure \
    >"$build/test.log" 2>&1 || { tail -n 40 "$build/test.log" >&2; die 1 "tests fail; all of it: $build/test.log"; }
grep -E 'tests passed' "$build/test.log"
find "$profiles" -size 0 -delete
llvm-profdata-19 merge -sparse -o "$build/profdata" "$profiles"/*.profraw || die 3 "there is no profile"

# What was linked into the tests: the union of what each ran.
binaries=()
for f in "$build"/bin/*; do
    [[ ! -f $f || ! -x $f ]] || binaries+=(-object "$f")
done
[[ ${#binaries[@]} -gt 0 ]] || die 3 "there are no test binaries"
cov() { llvm-cov-19 "$1" "${binaries[@]:1}" -instr-profile="$build/profdata" "${@:2}" 2>"$build/cov.log" || { cat "$build/cov.log" >&2; die 3 "llvm-cov $1 fails"; }; }
[[ -z $report ]] || cov show -show-line-counts model spec >"$report"

cov export -format=lcov -skip-expansions -skip-functions model spec >"$build/lcov"
awk -v root="$PWD/" -F'[:,]' '
    $1 == "SF" { file = substr($2, index($2, root) == 1 ? length(root) + 1 : 1); files[++n] = file }
    $1 == "DA" { lines[file]++; if ($3 + 0 > 0) run[file]++; else if (file ~ /^spec\/[^\/]*\.(cpp|hpp)$/) missed[++m] = file ":" $2 }
    END {
        printf "%-34s %7s %7s %8s\n", "file", "lines", "not run", "run"
        for (i = 1; i <= n; i++) {
            f = files[i]; if (!lines[f]) continue
            total += lines[f]; all += run[f]; spec += f ~ /^spec\//
            printf "%-34s %7d %7d %7.1f%%\n", f, lines[f], lines[f] - run[f], 100 * run[f] / lines[f]
        }
        if (!spec) { print "coverage: no file of spec/ is in the profile"; exit 3 }
        printf "%-34s %7d %7d %7.1f%%\n", "all", total, total - all, 100 * all / total
        for (i = 1; i <= m; i++) print missed[i] > "'"$build"'/missed"
        exit m > 0
    }' "$build/lcov" || { rc=$?; [[ $rc == 1 ]] || exit "$rc"; missed=yes; }
if [[ -n ${missed-} ]]; then
    echo "coverage: lines of spec/ that nothing runs:" >&2
    while IFS=: read -r file line; do echo "  $file:$line: $(sed -n "${line}s/^ *//p" "$file")" >&2; done <"$build/missed"
    exit 1
fi
echo "coverage: every line of spec/*.{cpp,hpp} is run"
