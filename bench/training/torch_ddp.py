# SPDX-License-Identifier: MIT
"""The peer: PyTorch, with DistributedDataParallel over gloo. `torch_ddp.py JOB RANKS STEPS`, jobs as in
jobs.h. RANKS 0 is one process without a process group: plain PyTorch. Ranks are forked after the
import, which is not timed; one thread each.
"""
import os
import statistics
import sys
import tempfile
import time
import warnings

import torch
import torch.distributed as dist
from torch import nn

BATCHES = 9
JOBS = {  # name: dims, batch, Adam, classes, lr
    "linear": ([10, 1], 32, True, False, 1e-3),
    "small": ([30, 64, 32, 1], 32, False, False, 1e-2),
    "middle": ([64, 256, 256, 10], 64, True, True, 1e-3),
    "large": ([784, 1024, 1024, 10], 128, False, True, 1e-2),
}


def make_conv():
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(16 * 7 * 7, 10))


def run(job, rank, ranks, steps, store):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(rank)
    if ranks > 0:
        dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=ranks)
    if job == "conv":
        model, batch, adam, classes, lr = make_conv(), 64, True, True, 1e-3
        x, y = torch.randn(batch, 1, 28, 28), torch.randint(0, 10, (batch,))
    else:
        dims, batch, adam, classes, lr = JOBS[job]
        layers = []
        for i, o in zip(dims, dims[1:]):
            layers += [nn.Linear(i, o), nn.ReLU()]
        model = nn.Sequential(*layers[:-1])
        x = torch.randn(batch, dims[0])
        y = torch.randint(0, dims[-1], (batch,)) if classes else torch.randn(batch, dims[-1])
    if ranks > 0:
        model = nn.parallel.DistributedDataParallel(model)
    loss_of = nn.functional.cross_entropy if classes else nn.functional.mse_loss
    optimizer = (torch.optim.Adam if adam else torch.optim.SGD)(model.parameters(), lr=lr)
    each = -(-steps // BATCHES)
    times = []
    for _ in range(BATCHES + 1):
        start = time.perf_counter()
        for _ in range(each):
            optimizer.zero_grad()
            loss_of(model(x), y).backward()
            optimizer.step()
        times.append((time.perf_counter() - start) / each * 1e6)
    if rank == 0:
        print("%.4f" % statistics.median(times[1:]), flush=True)


def main():
    job, ranks, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if ranks <= 1:
        with tempfile.TemporaryDirectory() as folder:
            run(job, 0, ranks, steps, os.path.join(folder, "store"))
        return
    with tempfile.TemporaryDirectory() as folder:
        children = []
        for rank in range(ranks):
            child = os.fork()
            if child == 0:
                run(job, rank, ranks, steps, os.path.join(folder, "store"))
                sys.stdout.flush()
                os._exit(0)
            children.append(child)
        if any(os.waitpid(child, 0)[1] != 0 for child in children):
            sys.exit("a rank failed")


main()
