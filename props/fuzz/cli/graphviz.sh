#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# graphviz.sh MMODEL CORPUS: Graphviz draws each trace's picture and has nothing to say about it. 125: there is no dot.
set -euo pipefail

[[ $# == 2 ]] || { echo "usage: graphviz.sh MMODEL CORPUS" >&2; exit 2; }
if ! command -v dot >/dev/null; then
    echo "graphviz: no dot (Debian's package graphviz): not checked"
    [[ -z ${CI-} ]] || exit 1
    exit 125
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
drawn=0
for trace in "$2"/{hvo,percpu,mixed,sabotage}/*.trace; do
    [[ -e $trace ]] || continue
    "$1" replay --dot "$trace" >"$dir/dot" 2>"$dir/said" || { cat "$dir/said" >&2; echo "graphviz: $trace: no picture" >&2; exit 1; }
    dot -Tplain "$dir/dot" >"$dir/plain" 2>"$dir/err" || { cat "$dir/err" >&2; echo "graphviz: $trace: not drawn" >&2; exit 1; }
    [[ ! -s $dir/err ]] || { cat "$dir/err" >&2; echo "graphviz: $trace: drawn with a warning" >&2; exit 1; }
    drawn=$((drawn + 1))
done
[[ $drawn -gt 50 ]] || { echo "graphviz: only $drawn traces below $2" >&2; exit 1; }
echo "graphviz: $drawn pictures drawn"
