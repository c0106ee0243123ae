#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Tests that build.sh fulfils OSS-Fuzz's contract, without Docker and more strictly than upstream's own check: there, fewer than
# 100 edges only print a line, seeds are not looked at, and one target in ten may be broken.
#   check.sh [SANITIZER...]     default: address undefined coverage
# Needs clang-19 with its runtimes, cmake, zip, unzip, llvm-19's tools. Exit: 0 fulfilled, 1 not, 3 something of the environment is missing.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
sanitizers=("$@")
[[ $# -gt 0 ]] || sanitizers=(address undefined coverage)
targets=(hvo_fuzzer percpu_fuzzer mixed_fuzzer)
target=""   # the one that is looked at
min_edges=100 min_seeds=20

say() { echo "check: $*"; }
fail() { echo "check: FAILED: $*" >&2; exit 1; }
for tool in clang++-19 cmake zip unzip llvm-objdump-19 llvm-profdata-19; do
    command -v "$tool" >/dev/null || { echo "check: $tool is missing" >&2; exit 3; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# What a fresh clone would have, and nothing that a build left behind.
copy_source() {
    mkdir -p "$dir/src/mmodel"
    (cd "$repo" && git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' f; do
        [[ ! -f $f ]] || printf '%s\0' "$f"
    done | tar cf - --null --files-from=-) | tar xf - -C "$dir/src/mmodel"
}
fingerprint() { (cd "$dir/src/mmodel" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum); }

# The environment of base-builder. Its libc++ is left out: Debian's libFuzzer is built with libstdc++.
build() {   # SANITIZER
    local flags="-O1 -fno-omit-frame-pointer -gline-tables-only -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"
    case $1 in
    address) flags+=" -fsanitize=address -fsanitize-address-use-after-scope -fsanitize=fuzzer-no-link" ;;
    undefined) flags+=" -fsanitize=array-bounds,bool,builtin,enum,function,integer-divide-by-zero,null,object-size,return,returns-nonnull-attribute,shift,signed-integer-overflow,unsigned-integer-overflow,unreachable,vla-bound,vptr -fno-sanitize-recover=array-bounds,bool,builtin,enum,function,integer-divide-by-zero,null,object-size,return,returns-nonnull-attribute,shift,signed-integer-overflow,unreachable,vla-bound,vptr -fsanitize=fuzzer-no-link" ;;
    coverage) flags+=" -fprofile-instr-generate -fcoverage-mapping" ;;
    *) fail "sanitizer $1: address, undefined and coverage are what project.yaml and coverage builds claim" ;;
    esac
    local rc=0
    mkdir -p "$dir/$1/out" "$dir/$1/work"
    env -i PATH="$PATH" HOME="$dir" SRC="$dir/src" OUT="$dir/$1/out" WORK="$dir/$1/work" CC=clang-19 CXX=clang++-19 CCC=clang++-19 \
        CFLAGS="$flags" CXXFLAGS="$flags" LIB_FUZZING_ENGINE=-fsanitize=fuzzer SANITIZER="$1" FUZZING_ENGINE=libfuzzer \
        ARCHITECTURE=x86_64 FUZZING_LANGUAGE=c++ \
        bash "$dir/src/mmodel/.clusterfuzzlite/build.sh" >"$dir/$1/log" 2>&1 || rc=$?
    [[ $rc == 0 ]] || { tail -n 30 "$dir/$1/log" >&2; fail "$1: build.sh exits with $rc"; }
}

# Nothing but these, with names that OSS-Fuzz takes; and of all of them just the targets have an entry point.
check_names() {   # OUT
    local found wanted
    found=$(cd "$1" && LC_ALL=C ls)
    wanted=$(for target in "${targets[@]}"; do printf '%s\n' "$target" "$target.dict" "$target.options" "${target}_seed_corpus.zip"; done | LC_ALL=C sort)
    [[ $found == "$wanted" ]] || fail "in \$OUT: ${found//$'\n'/ }"
    for target in "${targets[@]}"; do
        [[ $target =~ ^[A-Za-z0-9_-]+$ && -x $1/$target ]] || fail "$target: not a name and an executable"
        grep -aq LLVMFuzzerTestOneInput "$1/$target" || fail "$target: OSS-Fuzz would not see that it is a target"
    done
}

check_libraries() {   # FILE
    local lib
    while read -r lib; do
        case $lib in
        libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.* | libresolv.so.* | libgcc_s.so.* | libstdc++.so.* | ld-linux-*) ;;
        *) fail "$1 needs $lib, which the machine that fuzzes does not have" ;;
        esac
    done < <(llvm-objdump-19 -p "$1" | awk '$1 == "NEEDED" { print $2 }')
}

# Upstream's thresholds: is the sanitizer that was asked for in it, and not the other.
check_sanitizer() {   # SANITIZER FILE
    local calls asan ubsan
    calls=$(llvm-objdump-19 -dC --no-show-raw-insn "$2" | grep -oE '\bcallq?[[:space:]]+0x[0-9a-f]+ <__(asan|ubsan|msan)' | sed 's/.*<//' | sort | uniq -c) || true
    asan=$(awk '$2 == "__asan" { print $1 }' <<<"$calls") ubsan=$(awk '$2 == "__ubsan" { print $1 }' <<<"$calls")
    ! grep -q msan <<<"$calls" || fail "$1: calls of __msan"
    case $1 in
    address) [[ ${asan:-0} -ge 1000 && ${ubsan:-0} -le 200 ]] || fail "address: ${asan:-0} calls of __asan (wanted 1000), ${ubsan:-0} of __ubsan (at most 200)" ;;
    undefined) [[ ${ubsan:-0} -ge 168 ]] || fail "undefined: ${ubsan:-0} calls of __ubsan (wanted 168)" ;;
    coverage) grep -aq __llvm_profile_runtime "$2" || grep -aq __llvm_prf_names "$2" || fail "coverage: no profile in $target" ;;
    esac
    say "$target, $1: ${asan:-0} calls of __asan, ${ubsan:-0} of __ubsan"
}

check_zip() {   # OUT SEEDS
    local zip=$1/${target}_seed_corpus.zip nr empty
    mkdir -p "$2"
    unzip -q "$zip" -d "$2" || fail "${zip##*/} cannot be unpacked"
    nr=$(find "$2" -type f | wc -l) empty=$(find "$2" -type f -size -8c | wc -l)
    [[ $nr -ge $min_seeds && $empty == 0 ]] || fail "${zip##*/}: $nr seeds (wanted $min_seeds), $empty of them too short"
    local f
    while read -r f; do [[ $(head -c 4 "$f") == MMOD ]] || fail "seed ${f##*/} does not start with MMOD"; done < <(find "$2" -type f)
}

# Runs the moved target as ClusterFuzz does: no environment of the build, nothing but /tmp to write, its options.
run_target() {   # OUT ARG...
    (cd "$1" && env -i PATH="$PATH" MMODEL_TALLY=1 LLVM_PROFILE_FILE="$dir/%4m.profraw" \
        "./$target" -rss_limit_mb=2560 -timeout=25 $(options_of "$1") -artifact_prefix="$dir/crash-" "${@:2}" 2>&1)
}
options_of() { sed -n 's/^\([a-z_]*\) *= *\([0-9]*\)$/-\1=\2/p' "$1/$target.options"; }

check_options() {   # OUT
    [[ $(head -n 1 "$1/$target.options") == '[libfuzzer]' ]] || fail "$target.options does not start with [libfuzzer]"
    ! sed 1d "$1/$target.options" | grep -qvE '^[a-z_]+ *= *[0-9]+$' || fail "$target.options: a line that is not 'name = number'"
    grep -qE '^"|="' "$1/$target.dict" || fail "$target.dict is empty"
}

check_runs() {   # SANITIZER OUT SEEDS
    local log nr_seeds runs edges
    nr_seeds=$(find "$3" -type f | wc -l)
    log=$(run_target "$2" -runs=4 -dict="$target.dict" -seed=1337) || fail "$1: four runs from nothing with the dictionary: $(tail -n 5 <<<"$log")"
    log=$(run_target "$2" -runs=0 "$3") || fail "$1: the seeds do not run clean: $(tail -n 20 <<<"$log")"
    runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' <<<"$log")
    [[ ${runs:-0} -ge $nr_seeds ]] || fail "$1: $runs of $nr_seeds seeds ran"
    grep -Eq '^mmodel: [1-9][0-9]* inputs, [1-9][0-9]* operations' <<<"$log" || fail "$1: no operation ran"
    ! grep -q 'WARNING: no interesting inputs' <<<"$log" || fail "$1: no coverage feedback"
    say "$target, $1: $(grep '^mmodel:' <<<"$log")"
    [[ $1 != coverage ]] || return 0
    edges=$(sed -n 's/.*INITED cov: \([0-9]*\).*/\1/p' <<<"$log")
    [[ ${edges:-0} -ge $min_edges ]] || fail "$1: ${edges:-0} edges (wanted $min_edges)"
    say "$target, $1: $edges edges from $nr_seeds seeds"
}

# Coverage jobs merge; that must survive and leave a profile.
check_profile() {   # OUT SEEDS
    rm -rf "$dir"/*.profraw "$dir/merged"
    mkdir -p "$dir/merged"
    run_target "$1" -merge=1 "$dir/merged" "$2" >"$dir/log" || { tail "$dir/log"; fail "coverage: -merge=1 does not end with 0"; }
    llvm-profdata-19 merge -o "$dir/profdata" "$dir"/*.profraw || fail "coverage: no profile"
}

# libc++ is what OSS-Fuzz builds with.
check_libcxx() {
    if ! echo '#include <expected>' | clang++-19 -std=c++23 -stdlib=libc++ -fsyntax-only -x c++ - 2>/dev/null; then
        say "libc++ is not installed (libc++-19-dev): not tried"
        return
    fi
    { CXXFLAGS="-O1 -stdlib=libc++" cmake -S "$dir/src/mmodel" -B "$dir/libcxx" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_COMPILER=clang++-19 \
        -DMMODEL_TESTS=OFF -DMMODEL_CLI=OFF -DMMODEL_FUZZ=ON && cmake --build "$dir/libcxx" -j "$(nproc)" --target mixed_fuzzer_standalone; } \
        >"$dir/log" 2>&1 || { tail -n 30 "$dir/log" >&2; fail "does not build with libc++"; }
    "$dir/libcxx/bin/mixed_fuzzer_standalone" "$dir/src/mmodel/corpus" >"$dir/log" || { cat "$dir/log" >&2; fail "the corpus does not run clean with libc++"; }
    say "libc++: $(tail -n 1 "$dir/log")"
}

check_claims() {
    local yaml=$dir/src/mmodel/.clusterfuzzlite/project.yaml
    ! grep -v '^#' "$yaml" | grep -q memory || fail "project.yaml claims the memory sanitizer: libstdc++ makes it lie"
    grep -q '^language: c++$' "$yaml" || fail "project.yaml: no 'language: c++'"
    grep -q oss-fuzz/build.sh "$dir/src/mmodel/.clusterfuzzlite/build.sh" || fail ".clusterfuzzlite builds something else"
}

copy_source
check_claims
before=$(fingerprint)
check_target() {   # SANITIZER
    local out=$dir/$1/moved seeds=$dir/$1/seeds-$target
    check_libraries "$out/$target"
    check_sanitizer "$1" "$out/$target"
    check_options "$out"
    check_zip "$out" "$seeds"
    check_runs "$1" "$out" "$seeds"
    [[ $1 != coverage ]] || check_profile "$out" "$seeds"
    [[ ! -e $dir/$target.zip ]] || cmp -s "$dir/$target.zip" "$out/${target}_seed_corpus.zip" || fail "$target: two builds, two seed corpora"
    cp "$out/${target}_seed_corpus.zip" "$dir/$target.zip"
}
for s in "${sanitizers[@]}"; do
    build "$s"
    mv "$dir/$s/out" "$dir/$s/moved"
    rm -rf "$dir/$s/work"
    check_names "$dir/$s/moved"
    for target in "${targets[@]}"; do check_target "$s"; done
done
[[ $(fingerprint) == "$before" ]] || fail "the build changes the source tree"
check_libcxx
say "the contract is fulfilled: ${sanitizers[*]}"
