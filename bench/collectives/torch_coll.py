# SPDX-License-Identifier: MIT
"""A peer: torch.distributed over gloo. `torch_coll.py RANKS BYTES CALLS OP`, as harness.h says.

The ranks are forked after the import, so that they share it; the import is not timed.
"""
import os
import statistics
import sys
import tempfile
import time
import warnings

import torch
import torch.distributed as dist

BATCHES = 9


def pattern(rank, first, count):
    return (torch.arange(first, first + count) % 7 + rank).float()


def pattern_sum(ranks, first, count):
    return ((torch.arange(first, first + count) % 7) * ranks + ranks * (ranks - 1) // 2).float()


def run(rank, ranks, count, calls, op, store):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=ranks)
    piece = count // ranks
    if op == "all_gather":
        whole, part = torch.zeros(count), pattern(rank, 0, piece)
        call = lambda: dist.all_gather_into_tensor(whole, part)
        result, expected = whole, torch.cat([pattern(r, 0, piece) for r in range(ranks)])
    elif op == "reduce_scatter":
        whole, part = pattern(rank, 0, count), torch.zeros(piece)
        call = lambda: dist.reduce_scatter_tensor(part, whole)
        result, expected = part, pattern_sum(ranks, piece * rank, piece)
    elif op == "broadcast":
        whole = part = pattern(rank, 0, count)
        call = lambda: dist.broadcast(whole, 0)
        result, expected = whole, pattern(0, 0, count)
    else:
        whole = part = pattern(rank, 0, count)
        call = lambda: dist.all_reduce(whole)
        result, expected = whole, pattern_sum(ranks, 0, count)
    call()
    if not torch.equal(result, expected):
        sys.exit("WRONG: " + op)
    whole.zero_()
    part.zero_()
    times = []
    for _ in range(BATCHES + 1):
        dist.barrier()
        start = time.perf_counter()
        for _ in range(calls):
            call()
        dist.barrier()
        times.append((time.perf_counter() - start) / calls * 1e6)
    if rank == 0:
        print("%.4f" % statistics.median(times[1:]), flush=True)
    dist.destroy_process_group()


def main():
    ranks, size, calls, op = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    with tempfile.TemporaryDirectory() as folder:
        children = []
        for rank in range(ranks):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    run(rank, ranks, size // 4, -(-calls // BATCHES), op, folder + "/store")
                    status = 0
                finally:
                    sys.stdout.flush()
                    os._exit(status)
            children.append(child)
        failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
    sys.exit(1 if failed else 0)


main()
