#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_safetensors.py FOLDER: opens what tests/scenarios/checkpoint_values.lua wrote.

FOLDER/for_python/logs/python.ckpt holds known numbers, FOLDER/lightning_keys/logs/net.ckpt the
checkpoint of a Trainer.
"""

import json
import os
import struct
import sys

import safetensors

HALF = [0x0000, 0x3C00, 0x4000, 0x4200, 0x4400, 0x4500]
BFLOAT = [0x0000, 0x3F80, 0x4000, 0x4040, 0x4080, 0x40A0]
SIX = [0, 1, 2, 3, 4, 5]
EXPECTED = {
    "state.layer.float64": ("F64", [2, 3], struct.pack("<6d", *SIX)),
    "state.layer.float32": ("F32", [2, 3], struct.pack("<6f", *SIX)),
    "state.layer.float16": ("F16", [2, 3], struct.pack("<6H", *HALF)),
    "state.layer.bfloat16": ("BF16", [2, 3], struct.pack("<6H", *BFLOAT)),
    "state.layer.int64": ("I64", [2, 3], struct.pack("<6q", *SIX)),
    "state.layer.int32": ("I32", [2, 3], struct.pack("<6i", *SIX)),
    "state.layer.uint8": ("U8", [2, 3], bytes(SIX)),
    "state.layer.bool": ("BOOL", [2, 3], bytes([0, 1, 1, 1, 1, 1])),
    "state.scalar": ("F32", [], struct.pack("<f", 2.5)),
    "state.empty": ("F32", [0, 4], b""),
    "state.again": ("I64", [3], struct.pack("<3q", 0, 1, 2)),
}
LAYERS = {"state_dict.first.weight": [5, 3], "state_dict.first.bias": [5],
          "state_dict.second.weight": [1, 5], "state_dict.second.bias": [1],
          "optimizer_states.1.state.0.exp_avg": [5, 3]}


def read(path):
    with open(path, "rb") as file:
        raw = file.read()
    tensors = {name: (entry["dtype"], list(entry["shape"]), bytes(entry["data"]))
               for name, entry in safetensors.deserialize(raw)}
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    return tensors, json.loads(header["__metadata__"]["ddpsim.structure"])


def main():
    folder = sys.argv[1]
    tensors, structure = read(os.path.join(folder, "for_python", "logs", "python.ckpt"))
    if tensors != EXPECTED:
        print(f"FAILED: safetensors reads {tensors}, expected {EXPECTED}")
        return 1
    value = structure["value"]["table"]
    if structure["version"] != 1 or value["step"] != 7 or value["lr"] != 0.1:
        print(f"FAILED: the structure is {structure}")
        return 1
    print(f"ok: python.ckpt: {len(tensors)} tensors of every dtype")

    tensors, structure = read(os.path.join(folder, "lightning_keys", "logs", "net.ckpt"))
    shapes = {name: entry[1] for name, entry in tensors.items() if name in LAYERS}
    if shapes != LAYERS or structure["value"]["ordered"][0][0] != "epoch":
        print(f"FAILED: net.ckpt: {shapes}, expected {LAYERS}")
        return 1
    print(f"ok: net.ckpt: {len(tensors)} tensors, the weights under their names")
    return 0


sys.exit(main())
