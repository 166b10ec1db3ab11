#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our convolutions beside PyTorch's, on one thread, in turn.

    python3 bench/conv/conv.py BUILD/bench/conv/bench-conv [ROUNDS]

Each round times PyTorch and then us; the ratio is taken within the round, and the median over the
rounds decides. Both count processor time of their one thread.
"""

import statistics
import subprocess
import sys
import time

import torch

BATCH = 64
# As in conv.c: name, channels, side, kernel, stride, whether the input wants a gradient
CASES = [
    ("1-8-16, 3x3", (1, 8, 16), 28, 3, 1, False),
    ("8-16, 3x3, with dx", (8, 16), 28, 3, 1, True),
    ("16-32 on 14x14, 3x3, with dx", (16, 32), 14, 3, 1, True),
    ("8-16, 5x5, stride 2, with dx", (8, 16), 28, 5, 2, True),
    ("32-32, 1x1, with dx", (32, 32), 14, 1, 1, True),
    ("64-64 on 7x7, 3x3, with dx", (64, 64), 7, 3, 1, True),
]
REPEATS = 9


def theirs(case):
    _, channels, side, kernel, stride, input_grad = case
    x = torch.randn(BATCH, channels[0], side, side, requires_grad=input_grad)
    model = torch.nn.Sequential(*[
        torch.nn.Conv2d(a, b, kernel, stride=stride, padding=kernel // 2)
        for a, b in zip(channels, channels[1:])])
    times = []
    for i in range(REPEATS + 1):
        start = time.thread_time()
        model(x).sum().backward()
        times.append(1e3 * (time.thread_time() - start))
        model.zero_grad(set_to_none=True)
        x.grad = None
    return statistics.median(times[1:])


def ours(program):
    lines = subprocess.run([program, str(REPEATS)], check=True, capture_output=True, text=True)
    return [float(line.split("\t")[1]) for line in lines.stdout.splitlines()]


def main():
    torch.set_num_threads(1)
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    found = [[] for _ in CASES]
    for _ in range(rounds):
        peer = [theirs(case) for case in CASES]
        for i, (a, b) in enumerate(zip(peer, ours(sys.argv[1]))):
            found[i].append((a, b))
    print(f"torch {torch.__version__}, one thread, batch {BATCH}, forward and backward, ms")
    print(f"{'':32}{'torch':>9}{'ours':>9}{'ratio':>8}")
    for case, pairs in zip(CASES, found):
        a = statistics.median(p[0] for p in pairs)
        b = statistics.median(p[1] for p in pairs)
        ratio = statistics.median(p[0] / p[1] for p in pairs)
        print(f"{case[0]:32}{a:9.2f}{b:9.2f}{ratio:8.2f}")


if __name__ == "__main__":
    main()
