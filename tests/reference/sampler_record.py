#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records the orders of torch.utils.data, for tests/model/data/test_sampler.c and others.

sampler_randperm.txt:     SEED N : permutation : next_draw() afterwards
sampler_distributed.txt:  N REPLICAS SHUFFLE DROP_LAST SEED EPOCH : indices of rank 0 | of rank 1 ...
sampler_loader.txt:       see loader_lines()
"""

import pathlib

import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler

HERE = pathlib.Path(__file__).resolve().parent


class Numbers(Dataset):
    """Sample i is i."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return i


def words(values):
    return " ".join(str(int(v)) for v in values)


def next_draw(generator=None):
    """The low 24 bits of the next 32-bit draw, which say how far the stream has got."""
    return int(torch.rand(1, generator=generator) * 2**24)


def randperm_lines():
    for seed in (0, 1, 42, 2**32 + 5):
        for n in (0, 1, 2, 3, 10, 16, 100):
            g = torch.Generator().manual_seed(seed)
            order = torch.randperm(n, generator=g)
            yield f"{seed} {n} : {words(order)} : {next_draw(g)}"


def distributed_lines():
    for n in (0, 1, 2, 3, 5, 7, 10, 13, 100):
        for replicas in (1, 2, 3, 4, 8):
            for shuffle in (False, True):
                for drop_last in (False, True):
                    for seed in (0, 42):
                        for epoch in (0, 1, 2):
                            if not shuffle and (seed, epoch) not in ((0, 0), (42, 2)):
                                continue  # without effect; one other value shows it
                            yield distributed_line(n, replicas, shuffle, drop_last, seed, epoch)


def distributed_line(n, replicas, shuffle, drop_last, seed, epoch):
    ranks = []
    for rank in range(replicas):
        sampler = DistributedSampler(
            Numbers(n), replicas, rank, shuffle=shuffle, seed=seed, drop_last=drop_last
        )
        sampler.set_epoch(epoch)
        indices = list(sampler)
        assert len(indices) == len(sampler)
        ranks.append(words(indices))
    head = f"{n} {replicas} {int(shuffle)} {int(drop_last)} {seed} {epoch}"
    return f"{head} : {' | '.join(ranks)}"


def loader_lines():
    """KIND N BATCH DROP_LAST GENERATOR SEED STOP : batches | ... : next_draw() of both generators

    KIND is sequential, shuffle or distributed (rank 1 of 3, epoch set to the number of the pass).
    GENERATOR 1: the loader has one of its own, seeded with SEED + 1000. torch.manual_seed(SEED)
    comes first. Two passes over the loader follow each other; batches of both are listed, with
    "/" between the passes. STOP > 0: the first pass is left after so many batches.
    """
    for kind in ("sequential", "shuffle", "distributed"):
        for n, batch in ((10, 1), (10, 3), (10, 4), (10, 5), (10, 10), (10, 16), (1, 1), (33, 8)):
            for drop_last in (False, True):
                for own in (False, True):
                    for seed in (0, 7):
                        for stop in (0, 1, 2):
                            yield loader_line(kind, n, batch, drop_last, own, seed, stop)


def loader_line(kind, n, batch, drop_last, own, seed, stop):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed + 1000) if own else None
    sampler = DistributedSampler(Numbers(n), 3, 1) if kind == "distributed" else None
    loader = DataLoader(
        Numbers(n),
        batch_size=batch,
        shuffle=kind == "shuffle",
        sampler=sampler,
        drop_last=drop_last,
        generator=generator,
    )
    passes = []
    for number in range(2):
        if sampler is not None:
            sampler.set_epoch(number)
        batches = []
        for i, values in enumerate(loader):
            batches.append(words(values))
            if number == 0 and i + 1 == stop:
                break
        passes.append(" | ".join(batches))
    own_draw = next_draw(generator) if own else 0
    head = f"{kind} {n} {batch} {int(drop_last)} {int(own)} {seed} {stop}"
    return f"{head} : {' / '.join(passes)} : {next_draw()} {own_draw}"


def write(name, lines):
    with open(HERE / name, "w") as out:
        print(f"# sampler_record.py, torch {torch.__version__}", file=out)
        for line in lines:
            print(line, file=out)


write("sampler_randperm.txt", randperm_lines())
write("sampler_distributed.txt", distributed_lines())
write("sampler_loader.txt", loader_lines())
