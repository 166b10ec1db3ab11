#!/bin/bash
# run.sh BUILD: holds our files against the real programs that read such files.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
venv=$build/tools-venv

skip()
{
    echo "SKIPPED: $1 (event files written by our C code and by scenarios, read by TensorBoard;" \
        "checkpoints, read by safetensors)"
    exit 0
}

command -v python3 >/dev/null || skip "there is no python3"
if ! "$venv/bin/python" -c 'import tensorboard, safetensors' 2>/dev/null; then
    python3 -m venv "$venv" >/dev/null 2>&1 || skip "python3 cannot make a virtual environment"
    "$venv/bin/pip" install --quiet --disable-pip-version-check tensorboard setuptools \
        safetensors >"$build/tools-venv.log" 2>&1 ||
        skip "the packages tensorboard and safetensors cannot be had"
fi

"$venv/bin/python" "$here/check_tensorboard.py" "$build/tests/sim/loggers/write-event-samples"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$build/sim/cli/ddpsim" run fabric_logging_strategies --out "$out" >/dev/null
"$venv/bin/python" "$here/check_fabric.py" \
    "$out/fabric_logging_strategies/three_strategies/logs"

for variant in for_python lightning_keys; do
    "$build/sim/cli/ddpsim" run "$here/../scenarios/checkpoint_values.lua" --variant $variant \
        --out "$out" >/dev/null
done
"$venv/bin/python" "$here/check_safetensors.py" "$out/checkpoint_values"

if ! "$venv/bin/python" -c 'import wandb' 2>/dev/null &&
   ! "$venv/bin/pip" install --quiet --disable-pip-version-check wandb >"$build/tools-venv.log" 2>&1; then
    echo "SKIPPED: the package wandb cannot be had (offline runs, read by wandb)"
else
    "$build/sim/cli/ddpsim" run "$here/../scenarios/wandb.lua" --out "$out" >/dev/null
    "$venv/bin/python" "$here/check_wandb.py" "$out"
fi
