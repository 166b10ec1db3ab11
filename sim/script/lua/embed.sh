#!/bin/sh
# Turns a Lua module into a C string: embed.sh MODULE.lua > MODULE.lua.h
set -eu
name=$(basename "$1" .lua)
printf 'static const char lua_%s[] =\n' "$name"
sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n"/' "$1"
printf '    ;\n'
