#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The digest of a report, computed from the words of sim/audit/report.h and from report.json.

    report_digest.py report.json      prints the digest that the file should have

tests/reference/report_digest.txt was made so from the record of sample_with_everything()
(tests/sim/audit/sample_record.c).
"""

import hashlib
import json
import math
import re
import struct
import sys


def text(value):
    if value is None:
        return b"0"
    data = value.encode()
    return b"s" + struct.pack("<Q", len(data)) + data


def integer(value):
    return b"i" + struct.pack("<q", value)


def real(value, nonfinite=None):
    if value is None:
        value = float(nonfinite or "nan")
    if math.isnan(value):
        return b"d" + struct.pack("<Q", 0x7FF8000000000000)
    return b"d" + struct.pack("<d", value)


def items(elements):
    elements = list(elements)
    return b"l" + struct.pack("<Q", len(elements)) + b"".join(elements)


def site(value):
    return text(None if value is None else value.rsplit("/", 1)[-1])


def without_folders(value):
    return re.sub(r"[^ \t\n'\"`()\[\]{}<>,;=]*/", "", value)


def diagnosis(found):
    if found is None:
        return items([])
    cause = found["root_cause"]
    return items([
        text(found["class"])
        + text(None if cause is None else without_folders(cause))
        + items(integer(rank) for rank in sorted(found["blamed"]))
    ])


def ranks(report):
    # collective and site stand in the diagnosis; without one every rank has none
    if report["diagnosis"] is None:
        return items(integer(r["rank"]) + text(None) + text(None)
                     for r in report["ranks"] if r["state"] != "running")
    return items(integer(r["rank"]) + text(r["collective"]) + site(r["site"])
                 for r in report["diagnosis"]["ranks"] if r["state"] != "running")


def series(found):
    by_rank = sorted(found["entries"], key=lambda entry: entry["rank"])  # stable
    return (text(found["logger"]) + text(found["path"]) + text(found["tag"])
            + items(integer(e["rank"]) + integer(e["step"]) + real(e["value"], e.get("nonfinite"))
                    for e in by_rank))


def audit(row):
    return (text(row["key"]) + integer(row["epoch"]) + integer(row["step"]) + integer(row["rank"])
            + real(row["logged"], row.get("nonfinite")) + integer(int(row["has_truth"]))
            + real(row["true"]) + integer(row["samples"]) + integer(row["of"])
            + integer(row["duplicates"]) + site(row["site"]))


def digest(report):
    whole = (text("ddpsim-digest-1") + text(report["outcome"]) + diagnosis(report["diagnosis"])
             + ranks(report)
             + items(series(s) for s in sorted(
                 report["logs"],
                 key=lambda s: [s[name].encode() for name in ("logger", "path", "tag")]))
             + items(audit(row) for row in report["audit"]))
    return hashlib.sha256(whole).hexdigest()


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(digest(json.load(file)))
