#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# usage: installed.sh SOURCE BUILD install|deb WHAT
# Installs what BUILD has, or unpacks its Debian package, moves it elsewhere, and looks whether WHAT of it works where neither SOURCE nor
# BUILD is to be seen: command, pages, completion, package (for find_package()). Exit status: 0 it does, 1 not, 125 cannot be tried here.
set -euo pipefail
source=$1 build=$2 how=$3 what=$4
work=$(mktemp -d "${TMPDIR:-/tmp}/mmodel-installed-XXXXXX")
trap 'rm -rf "$work"' EXIT
at=$work/elsewhere

fail() { echo "installed.sh: $*" >&2; exit 1; }
skip() { echo "installed.sh: skipped: $*" >&2; exit 125; }

# A command where SOURCE and BUILD are empty directories.
away() {
    unshare --user --map-root-user --mount true 2>/dev/null || skip "no mount namespace can be had here"
    (cd "$work" && unshare --user --map-root-user --mount bash -euc \
        'mount -t tmpfs none "$0"; [ ! -d "$1" ] || mount -t tmpfs none "$1"; shift; "$@"' "$source" "$build" "$@")
}

unpack() {
    case $how in
    install) DESTDIR=$work/root cmake --install "$build" --prefix /usr >"$work/log" ;;
    deb)
        command -v dpkg-deb >/dev/null || skip "no dpkg-deb"
        (cd "$build" && cpack -G DEB -B "$work/deb") >"$work/log" 2>&1 || { cat "$work/log"; fail "cpack"; }
        dpkg-deb -x "$work"/deb/mmodel*.deb "$work/root" ;;
    esac
    mv "$work/root/usr" "$at"
}

# The stand-in tree has one finding. That records are read from where they are moved to is seen by one that cannot be read.
command_works() {
    cp -r "$source/spec/linux/fixtures/reuse_page" "$work/tree"
    local inv=inv_compound_head_holds_through_stale_translations status=0
    away "$at/bin/mmodel" linux --tree "$work/tree" --sweeps --geometry tiny512 --keep "$work" >"$work/said" || status=$?
    grep -q "^$inv: " "$work/said" && [ $status = 1 ] || { cat "$work/said"; fail "linux: status $status"; }
    [ "$(ls "$at/share/mmodel/findings")" = "$(ls "$source/spec/linux/findings")" ] || fail "not the records of the sources"
    echo nonsense >"$at/share/mmodel/findings/unreadable.md"
    status=0
    away "$at/bin/mmodel" run --tree "$work/tree" --seconds 2 >"$work/said" 2>&1 || status=$?
    grep -q "$at/share/mmodel/findings/unreadable.md" "$work/said" && [ $status = 2 ] || { cat "$work/said"; fail "run: status $status"; }
    # Without the shims the command says so, and goes on with others that are named.
    mv "$at/share/mmodel/shim" "$work/shim"
    status=0
    away "$at/bin/mmodel" linux --tree "$work/tree" >"$work/said" 2>&1 || status=$?
    grep -q "name their directory in MMODEL_SHIMS" "$work/said" && [ $status = 3 ] ||
        { cat "$work/said"; fail "without shims: status $status"; }
    MMODEL_SHIMS=$work/shim away "$at/bin/mmodel" replay "$work/6.8.0-$inv.trace" --tree "$work/tree" >/dev/null || fail "MMODEL_SHIMS"
}

pages_read_well() {
    command -v man >/dev/null || skip "no man"
    local sub page
    for sub in "" $("$at/bin/mmodel" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]\+\) .*/-\1/p'); do
        page=$at/share/man/man1/mmodel$sub.1
        MANWIDTH=80 man --warnings -l "$page" >"$work/text" 2>"$work/warnings" || fail "$page cannot be read"
        [ ! -s "$work/warnings" ] || { cat "$work/warnings"; fail "$page: warnings"; }
        # Nothing of the machine that it was made on, and all options of --help.
        ! grep -F -e "$source" -e "$build" "$page" || fail "$page names a directory of this machine"
        "$at/bin/mmodel" ${sub#-} --help | grep -o -E '^  -[a-z-]+(,--[a-z-]+)?' | while read -r option; do
            grep -q -F -e "       $option" "$work/text" || fail "$page lacks $option"
        done
    done
    [ -n "${page-}" ] && [ "$(ls "$at/share/man/man1" | wc -l)" -ge 7 ] || fail "there are pages missing"
}

# completed WORD...: what the last of them may become.
completed() {
    bash -uc 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mmodel; printf "%s\n" "${COMPREPLY[@]}"' \
        "$at/share/bash-completion/completions/mmodel" mmodel "$@"
}
completion_works() {
    local got
    expect() {
        got=$(completed "${@:2}" | tr '\n' ' ')
        [ "$got" = "$1 " ] || fail "after 'mmodel ${*:2}': wanted '$1', got '$got'"
    }
    mkdir -p "$work/a directory" && touch "$work/a file"
    expect "linux list" l
    expect "--seconds --seed" linux --se
    expect "--tree" linux --tr
    expect "mmap" replay --backend mma
    expect "two_splitters" explore --scenario two_s
    expect "scenarios" list sc
    expect "$work/a directory" linux --tree "$work/a"
    expect "$work/a directory" linux --tree = "$work/a"
    [ "$(completed replay "$work/a" | wc -l)" = 2 ] || fail "replay takes files"
}

package_works() {
    cp -r "$source/props/outside" "$work/outside"
    away cmake -S "$work/outside" -B "$work/b" -DCMAKE_PREFIX_PATH="$at" ${CXX:+-DCMAKE_CXX_COMPILER="$CXX"} >"$work/log" &&
        away cmake --build "$work/b" -v >>"$work/log" && away "$work/b/outside" && away "$work/b/outside_judge" ||
        { cat "$work/log"; fail "find_package(mmodel)"; }
    # Warnings are the other project's to ask for.
    ! grep -e -Werror -e -Wextra "$work/log" || fail "our warnings in another project"
}

unpack
case $what in
command) command_works ;;
pages) pages_read_well ;;
completion) completion_works ;;
package) package_works ;;
*) fail "unknown: $what" ;;
esac
