#!/bin/bash
# Three processes that know of each other only by their environment form a world of three.
#
#   join.sh PROGRAM
set -eu

export DDPSIM_WORLD=script-$$ WORLD_SIZE=3
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

pids=()
for rank in 0 1 2; do
    RANK=$rank "$1" sum >"$out/$rank" &
    pids+=($!)
done
status=0
for pid in "${pids[@]}"; do
    wait "$pid" || status=1
done
cat "$out"/*
[ $status -eq 0 ]
[ "$(cat "$out"/*)" = "$(printf 'sum 3\nsum 3\nsum 3')" ]
