#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records digests of torch.get_rng_state() after draws: generator_states.txt.

    python generator_record.py          (torch)

A line is SEED UNIFORMS NORMALS CACHED SHA256: after manual_seed(SEED), rand(UNIFORMS),
randn(NORMALS). CACHED is the normal number that waits in the state, a double as hex; the digest is
over the state with zeros in its place, because its last bit depends on the C library.
"""

import hashlib
import os

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
CACHED = 5024
CASES = [
    (seed, uniforms, normals)
    for seed in (0, 42, 2**32 + 5, 2**63)
    for uniforms in (0, 1, 2, 623, 624, 625, 1247, 1248, 1249)
    for normals in (0, 1, 2, 3, 16)
]


def main():
    lines = [f"# torch {torch.__version__}, by generator_record.py"]
    for seed, uniforms, normals in CASES:
        torch.manual_seed(seed)
        torch.rand(uniforms)
        torch.randn(normals)
        state = bytearray(torch.get_rng_state().tolist())
        cached = bytes(state[CACHED:CACHED + 8])
        state[CACHED:CACHED + 8] = bytes(8)
        lines.append(f"{seed} {uniforms} {normals} {cached[::-1].hex()} "
                     f"{hashlib.sha256(state).hexdigest()}")
    with open(os.path.join(HERE, "generator_states.txt"), "w") as out:
        out.write("\n".join(lines) + "\n")


main()
