#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Proves that fuzzing can fail, and says how long that takes.
#   canary.sh CANARY HVO                    libFuzzer, from nothing, fixed seed: CANARY must find its bug, HVO with the same seed
#                                           and as many runs must find nothing
#   canary.sh --trace CORPUS CANARY         without an engine: CANARY must abort on the traces of CORPUS
set -euo pipefail

inv=inv_high_order_block_is_split_before_its_pages_are_freed
seconds=60
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export MMODEL_ARTIFACTS=$dir
unset MMODEL_ALLOW

fail() { echo "canary: $*" >&2; [[ ! -s $dir/log ]] || tail -n 30 "$dir/log" >&2; exit 1; }

# What a violation must leave behind, whoever found it.
check_report() {   # EXIT_CODE_SEEN EXIT_CODE_WANTED
    [[ $1 == "$2" ]] || fail "exit code $1, wanted $2 (0: found nothing; 70 timeout, 71 out of memory, else: it did not run)"
    grep -q "^==== mmodel: $inv\$" "$dir/log" || fail "it failed, but not with $inv"
    [[ $(tail -n 1 "$dir/$inv.trace" 2>/dev/null) == "expect $inv" ]] || fail "no artifact $inv.trace that expects it"
    local nr_ops
    nr_ops=$(grep -Evc '^(mmodel|geometry|sabotage|expect|#)' "$dir/$inv.trace") || true
    # Three, or four where other memory is taken first so that the folio lies in the block that was added.
    [[ $nr_ops == [34] ]] || fail "the trace has $nr_ops operations; 3 or 4 are enough for this bug"
}

if [[ ${1-} == --trace ]]; then
    [[ $# == 3 ]] || fail "usage: canary.sh --trace CORPUS CANARY"
    rc=0; "$3" "$2" >"$dir/log" 2>&1 || rc=$?
    check_report "$rc" 134
    grep -q "^mmodel: while running $2/" "$dir/log" || fail "the failing input is not named"
    echo "canary: $inv found by replay of $2"
    exit 0
fi

[[ $# == 2 ]] || fail "usage: canary.sh CANARY HVO"
start=$(date +%s%N)
rc=0
"$1" -seed=1 -max_len=8200 -max_total_time=$seconds -print_final_stats=1 -artifact_prefix="$dir/" >"$dir/log" 2>&1 || rc=$?
ms=$((($(date +%s%N) - start) / 1000000))
check_report "$rc" 77
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/log")
[[ $runs -gt 0 ]] || fail "no number of executions"

rc=0
MMODEL_TALLY=1 "$2" -seed=1 -max_len=8200 -runs="$runs" -artifact_prefix="$dir/" >"$dir/log" 2>&1 || rc=$?
[[ $rc == 0 ]] || fail "without the planted bug the same seed fails, too: exit code $rc"
grep -Eq '^mmodel: [1-9][0-9]* inputs, [1-9][0-9]* operations' "$dir/log" || fail "without the planted bug nothing ran"
echo "canary: $inv found from nothing in $runs executions, $((ms / 1000)).$(printf %03d $((ms % 1000))) s; none without the bug"
