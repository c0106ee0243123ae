#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# kernel_digest.sh TREE: the numbers of kernel_digest_test.cpp, made by that tree's own mm/percpu.c. Exits 0 when they
# are those that the test expects, 1 when not, 125 when there is no such file or no compiler (where CI is set: 1).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
file=$1/mm/percpu.c
cc=${CC:-cc}
if ! [ -e "$file" ] || ! command -v "$cc" >/dev/null; then
    echo "$file or $cc is not there; ./dev trees makes the trees"
    [ -z "${CI:-}" ] || exit 1
    exit 125
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
shims=$here/../../../spec/linux/shim
offers=
grep -q flush_cache_vmap_early "$file" && offers="$offers -DMMODEL_HAS_EARLY_FLUSH"
grep -q pcpu_alloc_noprof "$file" && offers="$offers -DMMODEL_HAS_ALLOC_NOPROF"

# Pages of 4 KiB, and of 256 bytes as on the tiny machine.
for shift in 12 8; do
    $cc -std=gnu11 -O0 -w -fno-builtin -fno-strict-aliasing -fexceptions -I "$shims/percpu" -I "$shims/common" -I "$1/mm" \
        -DPAGE_SHIFT=$shift -DMMODEL_BACKING=0 "-DMMODEL_PERCPU_EARLY_SIZE=(20 << 10)" $offers "-DMMODEL_TREE_FILE=\"$(cd "$1" && pwd)/mm/percpu.c\"" \
        "$here/kernel_digest.c" -o "$work/digest"
    "$work/digest"
done | tee "$work/theirs"
grep -o '0x[0-9a-f]\{12,\}' "$here/kernel_digest_test.cpp" | diff - "$work/theirs" >&2
