#!/bin/sh
# Turns a Lua module into a C array (a string could be too long for C): embed.sh MODULE.lua
set -eu
printf 'static const unsigned char lua_%s[] = {\n' "$(basename "$1" .lua)"
od -An -v -tu1 "$1" | sed -e 's/\([0-9][0-9]*\)/\1,/g'
printf '};\n'
