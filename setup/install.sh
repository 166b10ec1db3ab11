#!/bin/sh
# install.sh LIST...: installs the Debian packages of the lists that are missing.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This is no Debian: install by your own means what stands in setup/packages.run" >&2
    echo "(and setup/packages.test for the tests), then try again." >&2
    exit 2
fi

missing=
# Elsewhere the switch between stacks comes from Boost.
if [ "$(uname -m)" != x86_64 ]; then
    dpkg-query -W libboost-context-dev >/dev/null 2>&1 || missing=" libboost-context-dev"
fi
for list in "$@"; do
    while read -r package; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$status" = installed ] || missing="$missing $package"
    done < "$here/packages.$list"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1; then
    as_root=sudo
else
    echo "These packages are missing, and this is neither root nor is there sudo:" >&2
    echo "   $missing" >&2
    echo "Ask an administrator to run: apt-get install$missing" >&2
    exit 2
fi

echo "Installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq >&2
# shellcheck disable=SC2086  # a list of words is meant
$as_root apt-get install -y -qq --no-install-recommends $missing >&2
