#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads with the real wandb package's messages the runs that a scenario wrote offline.

    check_wandb.py OUT

OUT holds what `ddpsim run tests/scenarios/wandb.lua --out OUT` wrote. Prints a line for each check,
exits with 1 if one failed, and with 77 (skipped) where wandb is not installed.
"""

import glob
import json
import os
import struct
import sys
import zlib

try:
    import wandb
    from wandb.proto import wandb_internal_pb2
except ImportError as missing:
    print("skipped: wandb is not installed (%s)" % missing)
    sys.exit(77)

BLOCK = 32768
failures = 0


def check(claim, got, expected):
    global failures
    if got == expected:
        print("ok:", claim)
    else:
        failures += 1
        print("FAILED: %s: got %r, expected %r" % (claim, got, expected))


def records(path):
    with open(path, "rb") as file:
        data = file.read()
    assert data[:7] == b":W&B\xe1\xbe\0", "no file of W&B"
    at, whole = 7, b""
    while at < len(data):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        total, length, kind = struct.unpack("<IHB", data[at : at + 7])
        part = data[at + 7 : at + 7 + length]
        assert zlib.crc32(bytes([kind]) + part) == total, "a sum is wrong"
        whole = part if kind in (1, 2) else whole + part
        at += 7 + length
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record


def by_kind(path):
    found = {}
    for record in records(path):
        found.setdefault(record.WhichOneof("record_type"), []).append(record)
    return found


def runs(out, variant):
    pattern = os.path.join(out, "wandb", variant, "logs", "wandb", "offline-run-*", "run-*.wandb")
    return [by_kind(path) for path in sorted(glob.glob(pattern))]


def row(record):
    return {"/".join(i.nested_key): json.loads(i.value_json) for i in record.history.item}


def check_seed(out):
    found = runs(out, "all_two_nodes")
    check("16 processes make 16 runs", len(found), 16)
    check(
        "their names",
        sorted(f["run"][0].run.display_name for f in found),
        sorted("rank-%d" % rank for rank in range(16)),
    )
    check("their group", {f["run"][0].run.run_group for f in found}, {"my-experiment"})
    check(
        "their config",
        {u.key: json.loads(u.value_json) for u in found[0]["run"][0].run.config.update},
        {"strategy": "all", "epochs": 2, "world_size": 16},
    )
    rows = [row(record) for record in found[0]["history"]]
    check("rows", [(r["_step"], r["epoch"], r["loss"]) for r in rows], [(0, 0, 8.5), (1, 1, 8.0)])
    check("steps", [r.history.step.num for r in found[0]["history"]], [0, 1])
    check("all have ended well", {f["exit"][0].exit.exit_code for f in found}, {0})
    artifacts = [a.artifact for f in found for a in f.get("artifact", [])]
    check("one artifact", [(a.name, a.type) for a in artifacts], [("my_awesome_model", "model")])
    check("its alias", list(artifacts[0].aliases), ["latest"])
    check("its file", [e.path for e in artifacts[0].manifest.contents], ["my_awesome_model.pt"])
    check("numbers rise", [f["exit"][0].num for f in found if "artifact" not in f][0], 6)


def check_lightning(out):
    found = runs(out, "lightning")
    check("the Trainer makes one run", len(found), 1)
    metrics = {m.metric.name or m.metric.glob_name: m.metric for m in found[0]["metric"]}
    check("axes", sorted(metrics), ["*", "trainer/global_step"])
    check("the axis of all", metrics["*"].step_metric, "trainer/global_step")
    check("it is copied", metrics["*"].options.step_sync, True)
    check(
        "every row has the Trainer's step",
        all("trainer/global_step" in row(r) for r in found[0]["history"]),
        True,
    )


def main():
    if len(sys.argv) != 2:
        print("usage: %s OUT" % sys.argv[0], file=sys.stderr)
        return 2
    print("reading with wandb", wandb.__version__)
    check_seed(sys.argv[1])
    check_lightning(sys.argv[1])
    print("%s" % ("all as expected" if failures == 0 else "%d checks failed" % failures))
    return 1 if failures else 0


sys.exit(main())
