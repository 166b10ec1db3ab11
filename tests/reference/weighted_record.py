#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records what WeightedRandomSampler draws, for tests/model/data/test_weighted.c.

weighted_draws.txt:  SEED WEIGHTS COUNT REPLACEMENT : samples : next_draw() afterwards

Weight i is ((7 i + SEED) mod 11) / 4, so that some samples can never come.
"""

import pathlib

import torch
from torch.utils.data import WeightedRandomSampler

HERE = pathlib.Path(__file__).resolve().parent


def possible(weights):
    return sum(weight > 0 for weight in weights)


def main():
    with open(HERE / "weighted_draws.txt", "w") as out:
        print(f"# weighted_record.py, torch {torch.__version__}", file=out)
        for seed in (0, 1, 42):
            for n in (2, 3, 8, 50, 333):
                weights = [((7 * i + seed) % 11) / 4 for i in range(n)]
                for replacement in (True, False):
                    for count in (1, 2, 5, 40, 300):
                        if not replacement and count > possible(weights):
                            continue
                        generator = torch.Generator().manual_seed(seed)
                        drawn = list(
                            WeightedRandomSampler(weights, count, replacement, generator=generator))
                        after = int(torch.rand(1, generator=generator) * 2**24)
                        print(seed, n, count, int(replacement), ":", *drawn, ":", after, file=out)


main()
