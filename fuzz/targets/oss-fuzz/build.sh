#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Builds the fuzz targets for OSS-Fuzz and ClusterFuzzLite into $OUT, with whatever compiler, flags and engine they say.
# check.sh beside this tests it.
set -euo pipefail

: "${OUT:?where the targets go}" "${WORK:?where to build}" "${CXX:?}" "${LIB_FUZZING_ENGINE:?}"
src=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
build=$WORK/mmodel tools=$WORK/mmodel-tools
generator=()
! command -v ninja >/dev/null || generator=(-G Ninja)
jobs=$(nproc)
targets=(hvo_fuzzer percpu_fuzzer mixed_fuzzer)
rm -rf "$build" "$tools"

configure() {   # DIR ARG...
    cmake "${generator[@]}" -S "$src" -B "$1" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_COMPILER="$CXX" \
        -DMMODEL_TESTS=OFF -DMMODEL_CLI=OFF -DMMODEL_PERF=OFF -DMMODEL_FUZZ=ON "${@:2}"
}

# The targets. CXXFLAGS come from the environment.
configure "$build" -DLIB_FUZZING_ENGINE="$LIB_FUZZING_ENGINE"
cmake --build "$build" -j "$jobs" --target "${targets[@]}"
for t in "${targets[@]}"; do install -m 755 "$build/bin/$t" "$OUT/$t"; done

# The tool that makes seeds runs here and now: no sanitizer, no engine, only the standard library that is to be used.
tool_flags=-O1
for flag in ${CXXFLAGS-}; do
    case $flag in -stdlib=*) tool_flags+=" $flag" ;; esac
done
CXXFLAGS=$tool_flags LDFLAGS= configure "$tools" -DLIB_FUZZING_ENGINE=
cmake --build "$tools" -j "$jobs" --target "${targets[@]/%/_standalone}"

# The same traces give the same zip, byte for byte; -X because else it holds the hour at which its seeds were made.
for t in "${targets[@]}"; do
    rm -rf "$WORK/seeds" "$OUT/${t}_seed_corpus.zip"
    mkdir -p "$WORK/seeds"
    "$tools/bin/${t}_standalone" --seeds "$WORK/seeds" "$src/corpus"
    find "$WORK/seeds" -type f -exec touch -d '2020-01-01 00:00:00 UTC' {} +
    (cd "$WORK/seeds" && LC_ALL=C ls | TZ=UTC zip -Xq "$OUT/${t}_seed_corpus.zip" -@)
    install -m 644 "$src/fuzz/targets/oss-fuzz/$t.options" "$src/fuzz/targets/oss-fuzz/$t.dict" "$OUT/"
done
