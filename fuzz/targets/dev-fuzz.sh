#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Fuzzes one target for a time, goes on past what it finds, keeps what is new.
set -euo pipefail

usage() {
    cat <<'END'
usage: dev-fuzz.sh NAME [--seconds N] [--jobs N] [--engine libfuzzer|afl] [--asan]
       dev-fuzz.sh linux --tree DIR --file FILE [--seconds N] [--jobs N]
  NAME      hvo, percpu, mixed (both on one machine), or canary (hvo with a planted bug: it must end with 1)
  linux     a kernel tree's own file, steered by what of it ran: hvo, percpu-vm or percpu, as `mmodel linux --file`
  --seconds how long to fuzz; default 60; 0: no limit, until Ctrl-C. Building and merging come on top
  --jobs    processes that fuzz side by side; default 1
  --asan    under the address and undefined behaviour sanitizers, at about half the speed (libfuzzer)
Seeds are the traces of corpus/. Inputs worth keeping stay in build/fuzz/corpus/NAME, findings in build/fuzz/artifacts:
<invariant>.trace is minimal, <invariant>.bytes what ran of <invariant>.input, which the engine made; `mmodel replay` takes the first two. An invariant found once in a run
is allowed in the rest of it, as are those in MMODEL_ALLOW (names with commas between them).
linux: what spec/linux/findings records is known. A finding is told when it is there, <file>-<invariant>-<hash>.trace is minimal, and fuzzing goes
on; MMODEL_ALLOW is a list of findings or one, as `mmodel linux --allow` has it.
Exit: 0 nothing new, 1 something that MMODEL_ALLOW does not name, 2 usage, 3 something of the environment is missing.
END
}
say() { echo "fuzz: $*"; }
die() { local rc=$1; shift; echo "fuzz: $*" >&2; exit "$rc"; }
whole() { [[ $2 =~ ^(0|[1-9][0-9]{0,7})$ && $2 -ge $3 ]] || die 2 "$1: wanted a number from $3, not '$2'"; }

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
name="" seconds=60 jobs=1 engine=libfuzzer preset=fuzz build=build/fuzz timeout=25 max_len=8200 seen=cov tree="" file=""
while [[ $# -gt 0 ]]; do
    case $1 in
    --seconds | --jobs | --engine | --tree | --file) [[ $# -ge 2 ]] || die 2 "$1 wants a value" ;;&
    --seconds) whole "$1" "$2" 0; seconds=$2; shift ;;
    --jobs) whole "$1" "$2" 1; jobs=$2; shift ;;
    --engine) engine=$2; shift ;;
    --tree) tree=$2; shift ;;
    --file) file=$2; shift ;;
    --asan) preset=fuzz-asan ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; die 2 "unknown option '$1'" ;;
    *) [[ -z $name ]] || die 2 "one NAME, not '$name' and '$1'"; name=$1 ;;
    esac
    shift
done
[[ " hvo percpu mixed canary linux " == *" ${name:-?} "* ]] || { usage >&2; die 2 "unknown target '$name'; there are hvo, percpu, mixed, canary and linux"; }
[[ $engine == libfuzzer || $engine == afl ]] || die 2 "unknown engine '$engine'; there are libfuzzer and afl"
for tool in cmake ninja clang++-19; do
    command -v "$tool" >/dev/null || die 3 "$tool is missing; ./dev build installs it"
done
if [[ $engine == afl ]]; then
    command -v afl-fuzz >/dev/null && [[ -e /usr/lib/afl/libAFLDriver.a ]] || die 3 "afl-fuzz is missing: apt-get install afl++"
    [[ $preset == fuzz ]] || die 2 "--asan goes with libfuzzer"
    [[ $jobs == 1 ]] || die 2 "--jobs goes with libfuzzer"
fi

target=$name seeder=$name
if [[ $name == linux ]]; then
    [[ $engine == libfuzzer && $preset == fuzz ]] || die 2 "linux goes with libfuzzer, without --asan"
    [[ -n $tree ]] || die 2 "linux wants --tree DIR"
    [[ -d $tree ]] || die 2 "--tree: $tree is no directory"
    case $file in
    hvo | hugetlb_vmemmap) file=hvo seeder=hvo ;;
    percpu | percpu-vm) seeder=percpu ;;
    *) die 2 "linux wants --file hvo, percpu-vm or percpu, not '$file'" ;;
    esac
    # What an input shows is cut down, 20 s each; the children have limits of their own.
    name=linux-$file preset=fuzz-linux build=build/fuzz-linux timeout=1200 max_len=2056 seen=ft
    tree=$(readlink -f "$tree")
    export MMODEL_FUZZ_TREE=$tree MMODEL_FUZZ_FILE=$file MMODEL_FUZZ_WORK=build/fuzz/state/$name/unit
elif [[ -n $tree$file ]]; then
    die 2 "--tree and --file go with linux"
fi
corpus=build/fuzz/corpus/$name artifacts=build/fuzz/artifacts seeds=build/fuzz/seeds/$name state=build/fuzz/state/$name
libfuzzer_target=build/$preset/bin/${target}_fuzzer
rm -rf "$state" "$seeds"
mkdir -p "$corpus" "$artifacts" "$seeds" "$state" || die 3 "cannot write below build/fuzz"

# ---- build

build() {   # PRESET TARGET...
    { cmake --preset "$1" && cmake --build --preset "$1" --target "${@:2}"; } >"$state/build.log" 2>&1 ||
        { tail -n 40 "$state/build.log" >&2; die 3 "preset $1 does not build"; }
}
say "building preset $preset"
build "${build#build/}" "${seeder}_fuzzer_standalone"
build "$preset" "${target}_fuzzer"
if [[ $engine == afl ]]; then
    build fuzz mmodel_afl_mutator
    build fuzz-afl "${name}_fuzzer"
fi
"$build/bin/${seeder}_fuzzer_standalone" --seeds "$seeds" corpus >"$state/seeds.log" || die 3 "the seeds cannot be made of corpus/"
say "$(tail -n 1 "$state/seeds.log")"

# ---- findings

: >"$state/allow"
: >"$state/found"
if [[ $target != linux ]]; then
    tr ',' '\n' <<<"${MMODEL_ALLOW-}" | sed '/^$/d' >>"$state/allow"
elif [[ ${MMODEL_ALLOW-} == inv_* ]]; then
    echo "$MMODEL_ALLOW" >>"$state/allow"
elif [[ -n ${MMODEL_ALLOW-} ]]; then
    cat "$MMODEL_ALLOW" >>"$state/allow" || die 2 "MMODEL_ALLOW: $MMODEL_ALLOW cannot be read"
fi
# As the target reads it: a list of names, or linux: a file.
allowed() { if [[ $target == linux ]]; then echo "$state/allow"; else sort -u "$state/allow" | paste -sd,; fi; }

# linux: what a target says of its findings, as it comes; of several jobs that find the same, the first is heard.
tell_findings() {
    local line on=""
    while IFS= read -r line; do
        case $line in
        '==== mmodel: '*) grep -qxF "${line##*: }" "$state/found" || { on=yes; echo "${line##*: }" >>"$state/found"; } ;;
        esac
        [[ -z $on ]] || echo "$line"
        [[ -z $on || $line != 'id     '* ]] || echo "${line#id     }" >>"$state/allow"
        [[ $line != ==== ]] || on=""
    done
}

# A run ended badly: name what it found, show it, allow it from here on. The report on its log counts, not the file: the disk may
# be full. Returns 1 when there is nothing to name.
note_finding() {   # LOG DIR
    local inv f invs
    invs=$(sed -n 's/^==== mmodel: \(inv_[a-z0-9_]*\)$/\1/p' "$1" | sort -u)
    [[ -n $invs ]] || return 1
    while read -r inv; do
        grep -qx "$inv" "$state/found" || awk -v inv="$inv" '
            $0 == "==== mmodel: " inv { on = 1 }
            on { print }
            on && $0 == "====" { exit }' "$1"
        echo "$inv" >>"$state/found"
        echo "$inv" >>"$state/allow"
    done <<<"$invs"
    for f in "$2"/crash-*; do
        [[ ! -e $f ]] || mv "$f" "$artifacts/$(tail -n 1 <<<"$invs").input" || true
    done
}

# An input that the process dies of otherwise: an assertion, a sanitizer, a hang, too much memory. It cannot be allowed.
note_crash() {   # LOG DIR EXIT_CODE
    local f name=""
    for f in "$2"/{crash,timeout,oom,leak,slow-unit}-*; do
        [[ ! -e $f || $f == */slow-unit-* ]] || { name=${f##*/}; mv "$f" "$artifacts/" || true; }
    done
    echo "fuzz: exit code $3, and no invariant is broken; the input is ${name:+$artifacts/}${name:-not known}; last lines:" >&2
    tail -n 15 "$1" >&2
    echo "${name:-exit code $3}" >>"$state/found"
}

# ---- engines. Each runs until $deadline, past what it finds.

# Without a limit, ten years.
[[ $seconds -gt 0 ]] && limit="$seconds s" || limit="no limit, until Ctrl-C"
left() { echo $((deadline - $(date +%s))); }
left_in_words() { [[ $seconds -gt 0 ]] && echo "$(left) s left" || echo "$(($(date +%s) - start)) s"; }

libfuzzer_worker() {   # N
    local dir=$state/$1 run=0 crashes=0 rc log pid teller
    mkdir -p "$dir"
    while [[ $(left) -gt 0 && $crashes -lt 3 ]]; do
        log=$state/$1.$((++run)).log rc=0
        : >"$log"
        MMODEL_ALLOW=$(allowed) MMODEL_ARTIFACTS=$artifacts MMODEL_FUZZ_WORK=$dir/unit "$libfuzzer_target" \
            -max_total_time="$(left)" -max_len="$max_len" -timeout="$timeout" \
            -rss_limit_mb=2560 -reload=1 -entropic_scale_per_exec_time=1 -print_final_stats=1 -artifact_prefix="$dir/" "$corpus" "$seeds" \
            >"$log" 2>&1 &
        pid=$! teller=""
        trap 'kill -INT $pid 2>/dev/null' TERM
        if [[ $target == linux ]]; then
            tail -n +1 -f --pid="$pid" "$log" | tell_findings &
            teller=$!
        fi
        wait "$pid" || rc=$?
        while kill -0 "$pid" 2>/dev/null; do wait "$pid" || rc=$?; done
        while [[ -n $teller ]] && kill -0 "$teller" 2>/dev/null; do wait "$teller" || true; done
        [[ $rc != 0 && $rc != 72 && $rc != 130 ]] || return 0
        [[ $rc != [23] ]] || { sed -n '/^mmodel: /,$ { s/^mmodel: /fuzz: /; p }' "$log" >&2; return "$rc"; } # it cannot run, and says why
        note_finding "$log" "$dir" || { note_crash "$log" "$dir" "$rc"; crashes=$((crashes + 1)); }
    done
    [[ $crashes -lt 3 ]] || echo "fuzz: stopped early: it crashes again and again, and a crash cannot be allowed" >&2
}

afl_worker() {
    local out=$state/afl in=$state/in run=0 rc log pid f
    mkdir -p "$in"
    cp "$seeds"/* "$in/"
    find "$corpus" -type f -exec cp -t "$in" {} +
    # afl-fuzz passes over a seed that crashes.
    log=$state/seeds-run.log rc=0
    MMODEL_ALLOW=$(allowed) MMODEL_ARTIFACTS=$artifacts "$libfuzzer_target" -runs=0 -artifact_prefix="$state/" "$in" >"$log" 2>&1 || rc=$?
    [[ $rc == 0 ]] || note_finding "$log" "$state" || note_crash "$log" "$state" "$rc"
    while [[ $(left) -gt 0 ]]; do
        log=$state/1.$((++run)).log rc=0
        MMODEL_ALLOW=$(allowed) MMODEL_ARTIFACTS=$artifacts MMODEL_TARGET=$name AFL_CUSTOM_MUTATOR_LIBRARY=$PWD/$build/lib/libmmodel_afl_mutator.so \
            AFL_CUSTOM_MUTATOR_ONLY=1 AFL_BENCH_UNTIL_CRASH=1 AFL_AUTORESUME=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 AFL_SKIP_CPUFREQ=1 \
            AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_DEBUG_CHILD=1 AFL_NO_COLOR=1 \
            afl-fuzz -V "$(left)" -t 5000 -m none -G 8200 -i "$in" -o "$out" -- "build/fuzz-afl/bin/${name}_fuzzer" >"$log" 2>&1 &
        pid=$!
        trap 'kill -INT $pid 2>/dev/null' TERM
        wait "$pid" || rc=$?
        while kill -0 "$pid" 2>/dev/null; do wait "$pid" || rc=$?; done
        echo "stat::number_of_executed_units: $(sed -n 's/^execs_done *: //p' "$out/default/fuzzer_stats" 2>/dev/null)" >"$state/afl.execs"
        if note_finding "$log" "$state"; then continue; fi
        for f in "$out"/default/crashes/id:*; do
            [[ ! -e $f ]] || { cp "$f" "$state/crash-afl"; note_crash "$log" "$state" "$rc"; return 0; }
        done
        [[ -e $out/default/fuzzer_stats ]] || { tail -n 15 "$log" >&2; die 3 "afl-fuzz does not start"; }
        return 0
    done
}

# ---- progress, on a terminal only

status() {
    if [[ $engine == afl ]]; then
        sed -n 's/^\(execs_per_sec\|edges_found\|corpus_count\) *: //p' "$state/afl/default/fuzzer_stats" 2>/dev/null | paste -sd' ' |
            awk '{ printf "%.0f execs/s, %s edges, corpus %s", $1, $3, $2 }'
        return
    fi
    local log
    for log in $(ls -t "$state"/*.log | grep -E '/[0-9]+\.[0-9]+\.log$' | awk -F'[/.]' '!seen[$(NF-2)]++'); do
        grep -a '^#[0-9]' "$log" | tail -n 1 || true
    done | awk -v of="$seen" '{ for (i = 1; i < NF; i++) { if ($i == of ":" && $(i+1) > cov) cov = $(i+1); if ($i == "exec/s:") rate += $(i+1)
                  if ($i == "corp:") { split($(i+1), c, "/"); if (c[1] > corp) corp = c[1] } } }
                END { printf "%d execs/s, %d %s, corpus %d", rate, cov, of == "ft" ? "features" : "edges", corp }'
}
progress() {
    while sleep 1; do
        printf '\r\033[Kfuzz: %s, %s, %s, %d found' "$name" "$(left_in_words)" "$(status)" "$(sort -u "$state/found" | wc -l)"
    done
}

# ---- the run

nr_files() { find "$1" -type f | wc -l; }
nr_before=$(nr_files "$corpus")
start=$(date +%s)
deadline=$((start + (seconds > 0 ? seconds : 315360000)))
say "$name under $engine, $limit, $jobs at a time$([[ -z ${MMODEL_ALLOW-} ]] || echo ", allowed: $MMODEL_ALLOW")"
workers=()
# Interrupted, the run is over sooner, and what it found is kept all the same.
stopped="" progress_pid=""
trap 'stopped=yes; kill -TERM "${workers[@]}" 2>/dev/null || true' INT TERM
for ((i = 1; i <= jobs; i++)); do
    if [[ $engine == afl ]]; then afl_worker & else libfuzzer_worker "$i" & fi
    workers+=($!)
done
if [[ -t 1 ]]; then progress & progress_pid=$!; fi
worker_rc=0
for pid in "${workers[@]}"; do
    while kill -0 "$pid" 2>/dev/null; do wait "$pid" || worker_rc=$?; done
done
if [[ -n $progress_pid ]]; then
    kill "$progress_pid" 2>/dev/null || true
    wait "$progress_pid" 2>/dev/null || true
    printf '\r\033[K'
fi
took=$(($(date +%s) - start))
[[ $worker_rc != [23] || -s $state/found ]] || exit "$worker_rc"

# ---- keep what is new: the fewest inputs that cover everything

merge() {
    local from=("$corpus" "$seeds") all=0
    [[ $engine != afl ]] || from+=("$state/afl/default/queue")
    rm -rf "$corpus.merged"
    mkdir -p "$corpus.merged"
    MMODEL_ALLOW=$(allowed) "$libfuzzer_target" -set_cover_merge=1 -max_len="$max_len" -timeout="$timeout" -artifact_prefix="$state/" "$corpus.merged" "${from[@]}" \
        >"$state/merge.log" 2>&1 || all=$?
    [[ $all == 0 && $(nr_files "$corpus.merged") -gt 0 ]] || { tail -n 5 "$state/merge.log" >&2; say "not merged; the corpus stays as it is" >&2; return; }
    rm -rf "$corpus.old"
    mv "$corpus" "$corpus.old" && mv "$corpus.merged" "$corpus" && rm -rf "$corpus.old"
}
[[ $worker_rc == [23] ]] || merge   # a target that cannot run cannot merge either
execs=$({ cat "$state"/*.log "$state"/*.execs 2>/dev/null || true; } | awk '/^stat::number_of_executed_units:/ { n += $2 } END { printf "%d", n }')
cover=$(MMODEL_ALLOW=$(allowed) "$libfuzzer_target" -runs=0 -artifact_prefix="$state/" "$corpus" 2>&1 | sed -n 's/.*INITED cov: \([0-9]*\) ft: \([0-9]*\).*/\1 edges, \2 features/p; s/.*INITED ft: \([0-9]*\).*/\1 features/p' || true)
found=$(sort -u "$state/found")
say "$name under $engine${stopped:+, interrupted}: $execs executions in $took s ($((took > 0 ? execs / took : 0)) a second)"
say "corpus: $nr_before -> $(nr_files "$corpus") inputs, ${cover:-coverage not known}; $corpus"
[[ $execs -gt 0 || -n $found ]] || die 3 "nothing ran; logs in $state"
if [[ -z $found ]]; then
    say "nothing new"
    exit 0
fi
say "new findings: $(wc -l <<<"$found")"
while read -r f; do
    if [[ -e $artifacts/$f.trace ]]; then say "  $f    $PWD/build/release/bin/mmodel replay $PWD/$artifacts/$f.trace${tree:+ --tree $(printf %q "$tree")}"
    elif [[ -e $artifacts/$f ]]; then say "  $f    $PWD/build/release/bin/mmodel replay --bytes $PWD/$artifacts/$f"
    else say "  $f    see above"; fi
done <<<"$found"
exit 1
