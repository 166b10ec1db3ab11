#!/bin/bash
# Installs what is missing, builds in four ways, and runs all tests. ./test.sh --quick leaves out
# the sanitizers and clang.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
quick=no
case "${1-}" in
'') ;;
--quick) quick=yes ;;
*)
    echo "Usage: ./test.sh [--quick]" >&2
    exit 2
    ;;
esac

"$here/setup/install.sh" run test

failed=()
# stage NAME COMMAND...: runs it, and goes on to the next when it fails.
stage()
{
    local name=$1
    shift
    echo
    echo "== $name"
    "$@" || failed+=("$name")
}

# build FOLDER MESON-OPTIONS...: configures once and builds.
build()
{
    local folder=$here/build/$1
    shift
    [ -f "$folder/build.ninja" ] || meson setup --werror "$@" "$folder" "$here" >/dev/null || return
    ninja -C "$folder" | tail -n 1
    return "${PIPESTATUS[0]}"
}

passed=0
broken=0

# unit FOLDER MESON-OPTIONS...: builds it and runs its tests, those of $only if that is set.
unit()
{
    local log=$here/build/$1/test.log status=0
    build "$@" || return
    # shellcheck disable=SC2086  # a list of words is meant
    meson test -C "$here/build/$1" --no-rebuild --print-errorlogs --quiet ${only-} \
        >"$log" 2>&1 || status=$?
    grep -vE '^ *[0-9]+/[0-9]+ .* OK |^(Expected Fail|Unexpected Pass|Skipped|Timeout): +0|^$|^Full log' \
        "$log" || true
    passed=$((passed + $(sed -n 's/^Ok: *//p' "$log")))
    broken=$((broken + $(sed -n 's/^Fail: *//p' "$log") + $(sed -n 's/^Timeout: *//p' "$log")))
    return $status
}

asan()
{
    ASAN_OPTIONS=detect_stack_use_after_return=0:allocator_may_return_null=1 \
        UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
        unit asan --buildtype=debugoptimized -Db_sanitize=address,undefined
}

# Only where ranks take turns or threads run: the rest has nothing for it to see.
tsan()
{
    local only="collectives p2p reduce diagnosis schedule world engines verdicts trace dataset
        real_dataset lua scenarios"
    # GLib's slices hand memory from thread to thread under locks that the sanitizer cannot see.
    DDPSIM_TEST_ONLY_THREADS=1 G_SLICE=always-malloc TSAN_OPTIONS=halt_on_error=1 \
        unit tsan --buildtype=debugoptimized -Db_sanitize=thread
}

clang_build()
{
    CC=clang unit clang --buildtype=debugoptimized
}

stage "release, gcc, warnings are errors" unit release --buildtype=release -Dbench=true
stage "scenarios" "$here/build/release/sim/cli/ddpsim" test --quiet "$here/scenarios"
stage "other people's tools" "$here/tests/tools/run.sh" "$here/build/release"
if [ $quick = no ]; then
    stage "clang, warnings are errors" clang_build
    stage "address and undefined behaviour sanitizers" asan
    stage "thread sanitizer" tsan
fi

echo
if [ ${#failed[@]} -gt 0 ]; then
    printf 'FAILED: %s\n' "${failed[@]}"
else
    echo "All stages passed; test programs in all builds together:"
fi
echo "$passed passed, $broken failed"
[ ${#failed[@]} -eq 0 ]
