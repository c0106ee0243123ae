#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Tests the fuzz target of kernel trees on a copy of a stand-in tree.
#   linux_fuzzer.sh LINUX_FUZZER STANDALONE MMODEL TREE CORPUS
# Broken, it shows a leak, whose trace replays; with what was told allowed nothing is told; a file that does not
# compile ends with 3. STANDALONE makes the seeds of the traces of CORPUS.
set -euo pipefail

fail() { echo "linux_fuzzer: $*" >&2; [[ ! -s $dir/log ]] || tail -n 30 "$dir/log" >&2; exit 1; }
fuzz() { rc=0; "$fuzzer" -seed=1 -max_len=520 -runs="$1" -artifact_prefix="$dir/" "$dir/seeds" >"$dir/log" 2>&1 || rc=$?; }
told() { sed -n 's/^==== mmodel: //p' "$dir/log"; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
[[ $# == 5 ]] || fail "usage: linux_fuzzer.sh LINUX_FUZZER STANDALONE MMODEL TREE CORPUS"
fuzzer=$1
export MMODEL_FUZZ_TREE=$dir/tree MMODEL_FUZZ_FILE=hvo MMODEL_FUZZ_WORK=$dir/work MMODEL_ARTIFACTS=$dir MMODEL_ALLOW=
mkdir "$dir/seeds"
"$2" --seeds "$dir/seeds" "$5" >"$dir/log" || fail "no seeds"
cp -r "$4" "$dir/tree"
file=$dir/tree/mm/hugetlb_vmemmap.c
sed -i '1i #define MMODEL_BREAK_LEAK_HEAD' "$file"

fuzz 150
[[ $rc == 0 ]] || fail "exit code $rc, wanted 0"
sed -n 's/^id     //p' "$dir/log" >"$dir/allow"
name=$(told | grep -m 1 '^hugetlb_vmemmap-inv_no_page_is_leaked-') || fail "no leak was found"
[[ $(told | sort | uniq -d) == "" ]] || fail "a finding was told twice"
"$3" replay "$dir/$name.trace" --tree "$dir/tree" >"$dir/log" || fail "$name.trace does not replay"

MMODEL_ALLOW=$dir/allow fuzz 150
[[ $rc == 0 && $(told) == "" ]] || fail "exit code $rc; what is allowed is told"

echo '#error no' >"$file"
fuzz 1
[[ $rc == 3 ]] || fail "of a file that does not compile: exit code $rc, wanted 3"
MMODEL_FUZZ_FILE=percpu fuzz 1
[[ $rc == 2 ]] || fail "of a file that is not there: exit code $rc, wanted 2"
