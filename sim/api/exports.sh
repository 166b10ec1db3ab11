#!/bin/sh
# SPDX-License-Identifier: MIT
# exports.sh HEADER...: a linker's version script that exports the functions which the headers
# declare, and nothing else. A declaration is a name of ours in front of a parenthesis, outside
# comments and the preprocessor.
set -eu

echo 'DDPSIM_0 {'
echo '  global:'
cat "$@" | awk '
    { line = $0 }
    continued || line ~ /^[ \t]*#/ { continued = line ~ /\\$/; next }
    {
        # Comments go, those over several lines as well.
        out = ""
        while (line != "") {
            if (comment) {
                end = index(line, "*/")
                if (end == 0) { line = ""; break }
                line = substr(line, end + 2); comment = 0
            } else {
                start = index(line, "/*")
                if (start == 0) { out = out line; line = ""; break }
                out = out substr(line, 1, start - 1); line = substr(line, start + 2); comment = 1
            }
        }
        # The bodies of inline functions go, and what they are called: they are in the header.
        if (out ~ /^static /) inline = 1
        if (!inline)
            while (match(out, /ddp_[a-z0-9_]+\(/)) {
                print "    " substr(out, RSTART, RLENGTH - 1) ";"
                out = substr(out, RSTART + RLENGTH)
            }
        if (inline && out ~ /^}/) inline = 0
    }
' | LC_ALL=C sort -u
echo '  local:'
echo '    *;'
echo '};'
