#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes small files with Python's safetensors, and what is in them.

    python safetensors_record.py        (torch, safetensors)

safetensors/NAME.safetensors are written by the real library, through torch and by hand-picked
calls; safetensors_listing.txt says, for each file and tensor, what the real library reads back:
    file NAME
    text KEY VALUE             (both JSON strings)
    tensor NAME DTYPE SHAPE HEX (NAME a JSON string, SHAPE with commas or "-", HEX of the elements)
"""

import json
import os
import struct

import safetensors
import safetensors.torch
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "safetensors")
NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL",
}


def raw(tensor):
    """The bytes of the elements, by a way that safetensors has no part in."""
    flat = tensor.detach().contiguous().reshape(-1)
    if flat.numel() == 0:
        return b""
    return bytes(flat.view(torch.uint8).tolist()) if flat.dtype != torch.bool else bytes(
        int(b) for b in flat.tolist())


def all_dtypes():
    torch.manual_seed(3)
    tensors = {}
    for dtype in NAMES:
        name = "of." + NAMES[dtype]
        if dtype.is_floating_point:
            tensors[name] = torch.randn(3, 5).to(dtype)
        elif dtype == torch.bool:
            tensors[name] = torch.rand(7) > 0.5
        else:
            tensors[name] = torch.randint(0, 200, (2, 2, 2)).to(dtype)
    return tensors


def shapes():
    return {
        "scalar": torch.tensor(2.5),
        "scalar.int": torch.tensor(-3),
        "nothing": torch.zeros(0),
        "nothing.in.the.middle": torch.zeros(4, 0, 3, dtype=torch.float16),
        "one": torch.ones(1, 1, 1, 1, 1, 1, 1, 1),
        "odd": torch.arange(3, dtype=torch.uint8),
        "z": torch.tensor([True]),
        "a": torch.tensor([1.0, float("nan"), float("inf"), float("-inf"), -0.0]),
    }


def names():
    return {
        "": torch.tensor([1]),
        "quote \" and \\ backslash": torch.tensor([2]),
        "line\nbreak\ttab\x01\x1f\x7f": torch.tensor([3]),
        "Größe ∂ 😀": torch.tensor([4]),
        "__metadata": torch.tensor([5]),
    }


def write_gapless_by_hand(path):
    """A file whose header names the tensors in another order than they lie, with odd spacing."""
    header = (' { "late" : {"data_offsets":[4, 12],"shape":[2],"dtype":"F32"},\n'
              '"__metadata__":{"made by":"hand"},'
              '"early":{"dtype":"I32","shape":[1],"data_offsets":[0,4]} }   ').encode()
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(header)) + header + struct.pack("<iff", 7, 1.5, -2.0))


def main():
    os.makedirs(FOLDER, exist_ok=True)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    files = {
        "all_dtypes": (all_dtypes(), None),
        "shapes": (shapes(), None),
        "names": (names(), None),
        "empty": ({}, None),
        "metadata": ({"w": torch.arange(6.0).reshape(2, 3)}, {"format": "pt"}),
        "only_metadata": ({}, {"text": "line\n\"quoted\" ∂"}),
        "state_dict": (module.state_dict(), {"format": "pt"}),
        "by_hand": None,
    }
    lines = ["# recorded by safetensors_record.py with safetensors "
             f"{safetensors.__version__}, torch {torch.__version__}"]
    for name, content in files.items():
        path = os.path.join(FOLDER, name + ".safetensors")
        if content is None:
            write_gapless_by_hand(path)
        else:
            safetensors.torch.save_file(content[0], path, metadata=content[1])
            os.chmod(path, 0o644)
        lines.append(f"file {name}")
        with safetensors.safe_open(path, "pt") as opened:
            for key, value in sorted((opened.metadata() or {}).items()):
                lines.append(f"text {json.dumps(key)} {json.dumps(value)}")
            for key in sorted(opened.keys(), key=lambda k: k.encode()):
                tensor = opened.get_tensor(key)
                shape = ",".join(str(size) for size in tensor.shape) or "-"
                lines.append(f"tensor {json.dumps(key)} {NAMES[tensor.dtype]} {shape} "
                             f"{raw(tensor).hex() or '-'}")
    with open(os.path.join(HERE, "safetensors_listing.txt"), "w") as out:
        out.write("\n".join(lines) + "\n")


main()
