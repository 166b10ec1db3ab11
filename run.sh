#!/bin/sh
# Installs what is missing, builds, and runs the first lesson. See ./run.sh --help.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$here/build/run
ddpsim=$build/sim/cli/ddpsim

usage()
{
    cat <<'TEXT'
Usage: ./run.sh [OPTIONS]            the first lesson: who validates what, and the guarded gather
       ./run.sh COMMAND [ARGUMENTS]  any command of ddpsim (built first if need be)

Without a command it plays two scenarios, pitfalls and fixes, on the whole of Fashion-MNIST, and
ends with one table; OPTIONS go to 'ddpsim run'. Files go to out/.

TEXT
}

# A configured build is a sign that everything was there; ninja then says in no time what to do.
if [ ! -f "$build/build.ninja" ]; then
    "$here/setup/install.sh" run
    meson setup --buildtype=release -Dtests=false "$build" "$here" >"$here/setup.log" 2>&1 || {
        cat "$here/setup.log" >&2
        rm -rf "$build"
        exit 2
    }
    rm -f "$here/setup.log"
    echo "Building ..." >&2
fi
log=$(ninja -C "$build" 2>&1) || {
    echo "$log" >&2
    exit 2
}

case "${1-}" in
--help | -h)
    usage
    exec "$ddpsim" --help
    ;;
'' | -*)
    exec "$ddpsim" run validation_one_over_world_size guarded_all_gather --plot "$@"
    ;;
*)
    exec "$ddpsim" "$@"
    ;;
esac
