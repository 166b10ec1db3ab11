#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD SOURCE CC: installs the build folder below a temporary folder, moves it, and uses it as
# somebody would who has never seen the source. Prints TAP.
set -u

build=$1
source=$2
cc=$3
here=$source/tests/install
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
number=0

# ok NAME COMMAND...: one test; what the command prints is shown when it fails.
ok()
{
    name=$1
    shift
    number=$((number + 1))
    (
        set -e
        "$@"
    ) >"$tmp/log" 2>&1
    # Not in the condition itself: there the shell would not stop at the first failure.
    if [ $? -eq 0 ]; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' "$tmp/log"
    fi
}

# Fails and shows what it found if a line of the files matches.
none()
{
    if grep -rn "$@"; then
        return 1
    fi
}

skip()
{
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# The tools of the outside must not hear of our settings.
unset DDPSIM_SCENARIOS DDPSIM_DATA MALLOC_PERTURB_ G_DEBUG

install_it()
{
    meson install -C "$build" --no-rebuild --quiet --destdir "$tmp/destdir"
    prefix=$(dirname "$(find "$tmp/destdir" -type d -name bin)")
    [ -d "$prefix/include" ]
    mv "$prefix" "$tmp/moved"
    rm -rf "$tmp/destdir"
}

files_are_there()
{
    test -x "$prefix/bin/ddpsim"
    test -f "$prefix/include/ddpsim.h"
    test -f "$prefix/share/man/man1/ddpsim.1"
    test -f "$prefix/share/ddpsim/scenarios/guarded_all_gather.lua"
    test -f "$prefix/share/ddpsim/data/digits/digits.csv"
    test -f "$prefix/share/doc/ddpsim/examples/hello_world.c"
    # One library, by its soname, and no archive or private header of a room.
    test "$(find "$prefix" -name '*.a' | grep -vc /libddpsim.a)" -eq 0
    test "$(find "$prefix" -name '*_private.h' | wc -l)" -eq 0
    if [ -e "$libdir/libddpsim.so" ]; then
        test "$(readlink "$libdir/libddpsim.so")" = libddpsim.so.0
        test -f "$libdir/libddpsim.so.0"
    fi
}

# Nothing that the compiler or pkg-config says leads back to the source or to where it was built.
headers_are_whole()
{
    none '#include "' "$prefix/include"
    none -e "$source" -e "$build" "$prefix/include" "$libdir/pkgconfig/ddpsim.pc"
    for header in $(cd "$prefix/include" && find . -name '*.h'); do
        echo "#include <${header#./}>" >"$tmp/header.c"
        $cc -std=c17 -Wall -Wextra -Wpedantic -Werror $flags -fsyntax-only "$tmp/header.c"
    done
}

# Every function that a header declares can be linked, and nothing else is there to link with.
exports_are_the_headers()
{
    headers=$(find "$prefix/include" -name '*.h')
    # shellcheck disable=SC2086  # a list of files
    "$source/sim/api/exports.sh" $headers | sed -n 's/^    \(ddp_.*\);/\1/p' >"$tmp/declared"
    test "$(wc -l <"$tmp/declared")" -gt 100
    {
        sed 's/.*/extern char &;/' "$tmp/declared"
        echo 'char *volatile all[] = {'
        sed 's/.*/    \&&,/' "$tmp/declared"
        echo '};'
        echo 'int main(void) { return all[0] == 0; }'
    } >"$tmp/all.c"
    $cc -fno-builtin "$tmp/all.c" $libs -o "$tmp/all"
    "$tmp/all"
    if [ -e "$libdir/libddpsim.so" ]; then
        nm -D --defined-only "$libdir/libddpsim.so" |
            sed -n 's/^[^ ]* [A-Z] \([^@]*\).*/\1/p' | grep -v '^DDPSIM_' |
            LC_ALL=C sort >"$tmp/defined"
        LC_ALL=C sort "$tmp/declared" | diff - "$tmp/defined"
    fi
}

outside_program()
{
    cp "$here/outside/main.c" "$tmp/main.c"
    (cd "$tmp" && $cc -std=c17 -Wall -Wextra -Wpedantic -Werror main.c $flags $libs -o main)
    "$tmp/main" | tee "$tmp/printed"
    test "$(grep -c ': loss 15, deadlock, rank 3 is missing' "$tmp/printed")" -eq 3
}

outside_cpp()
{
    g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror "$here/outside/main.cpp" $flags $libs \
        -o "$tmp/cpp"
    "$tmp/cpp"
}

outside_meson()
{
    meson setup "$tmp/outside-build" "$here/outside"
    meson test -C "$tmp/outside-build" --print-errorlogs
}

installed_example()
{
    cp "$prefix/share/doc/ddpsim/examples/guarded_all_gather.c" "$tmp"
    (cd "$tmp" && $cc guarded_all_gather.c $flags $libs -o example && ./example) >"$tmp/printed"
    cat "$tmp/printed"
    grep -q 'waits in all_gather(float32\[1\]) at guarded_all_gather.c:20$' "$tmp/printed"
}

command_runs()
{
    mkdir -p "$tmp/empty"
    cd "$tmp/empty"
    "$prefix/bin/ddpsim" --version | grep -qx 'ddpsim [0-9]*\.[0-9]*\.[0-9]*'
    "$prefix/bin/ddpsim" list | tee list
    grep -q '^guarded_all_gather ' list
    # Only here, not in the source tree: so these are the installed ones.
    none planted list
    cp "$here/planted.lua" "$prefix/share/ddpsim/scenarios"
    "$prefix/bin/ddpsim" list | grep -q '^planted '
    "$prefix/bin/ddpsim" run guarded_all_gather -v fixed
}

command_finds_its_data()
{
    cd "$tmp/empty"
    "$prefix/bin/ddpsim" run planted | tee printed
    grep -q 'digits *1797' printed
}

man_page_reads()
{
    # One of them is enough; each complains on standard error.
    if command -v man >/dev/null; then
        LC_ALL=C.UTF-8 man --warnings -l "$page" >"$tmp/page" 2>"$tmp/complaints"
    else
        groff -man -Tutf8 -ww "$page" >"$tmp/page" 2>"$tmp/complaints"
    fi
    cat "$tmp/complaints"
    test ! -s "$tmp/complaints"
    grep -q 'world-size' "$tmp/page"
}

# What a command's --help knows stands in the page, and what stands there some command knows.
man_page_is_complete()
{
    sed -e 's/\\-/-/g' -e 's/\\f[A-Z]//g' "$page" >"$tmp/plain"
    for command in run test list events plot; do
        "$prefix/bin/ddpsim" "$command" --help
    done >"$tmp/help"
    grep -oE -- '--[a-z][a-z-]+' "$tmp/help" | sort -u >"$tmp/known"
    sed -n '/^\.SH OPTIONS/,/^\.SH EXIT/p' "$tmp/plain" | grep -E '^\.BR? ' |
        grep -oE -- '--[a-z][a-z-]+' | sort -u >"$tmp/told"
    diff "$tmp/known" "$tmp/told"
    "$prefix/bin/ddpsim" --help | sed -n 's/^  \([a-z]*\)  *.*/\1/p' | grep -v ddpsim |
        while read -r command; do
            grep -q "$command" "$tmp/plain"
        done
}

ok "meson install installs into a folder of our choice" install_it
if [ ! -d "$tmp/moved" ]; then
    echo "1..1"
    exit 1
fi
prefix=$tmp/moved
pc=$(find "$prefix" -name ddpsim.pc)
libdir=$(dirname "$(dirname "$pc")")
# Of a folder that was configured with -Dpkgconfig.relocatable=false: as if it was not moved.
grep -q '^prefix=.*pcfiledir' "$pc" || sed -i "s|^prefix=.*|prefix=$prefix|" "$pc"
page=$prefix/share/man/man1/ddpsim.1
export PKG_CONFIG_PATH="$(dirname "$pc")" LD_LIBRARY_PATH="$libdir"
static=
[ -e "$libdir/libddpsim.so" ] || static=--static
flags=$(pkg-config --cflags ddpsim) && libs=$(pkg-config --libs $static ddpsim) || exit 1

ok "library, header, command, man page, scenarios, data and examples are installed" files_are_there
ok "each installed header compiles alone, and none leads back to the source" headers_are_whole
ok "the library exports what the headers declare, and nothing else" exports_are_the_headers
ok "an outside C program builds with pkg-config and runs on every engine" outside_program
ok "an installed example builds and names its own line" installed_example
if command -v g++ >/dev/null; then
    ok "an outside C++ program builds and runs" outside_cpp
else
    skip "an outside C++ program builds and runs" "no g++"
fi
ok "an outside meson project builds and passes its test" outside_meson
ok "the moved command finds the scenarios that were installed with it" command_runs
ok "the moved command finds the data that was installed with it" command_finds_its_data
if command -v man >/dev/null || command -v groff >/dev/null; then
    ok "the man page formats without a warning" man_page_reads
else
    skip "the man page formats without a warning" "neither man nor groff"
fi
ok "the man page knows every command and option" man_page_is_complete
echo "1..$number"
