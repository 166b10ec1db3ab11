#!/usr/bin/env python3
"""Records training curves of real DistributedDataParallel over gloo into ddp_training.txt.

Each case is a function of (rank, world size) that yields lines of figures; main() plays all cases
in worlds of 1, 2 and 4 processes. tests/scenarios/ddp_curves.lua is the same program in Lua.
To add a case, write a function here, name it in CASES, and add the variant of that name there.
"""
import os
import sys
import warnings

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

STEPS = 20
SAMPLES = 66  # not a multiple of 4 · 8: shards are padded, last batches are short
STRIDE = 61  # of the weights that are written


def numbers(values):
    return " ".join("%.9g" % float(v) for v in values)


def samples():
    torch.manual_seed(11)
    x = torch.randn(SAMPLES, 30)
    y = (x[:, :5].sum(1, keepdim=True) * 0.5).tanh()
    return x, y


def mlp():
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


def batches(dataset, rank, size, batch_size=8):
    sampler = DistributedSampler(dataset, num_replicas=size, rank=rank, shuffle=True, seed=3)
    loader = DataLoader(dataset, batch_size=batch_size, sampler=sampler)
    epoch = 0
    while True:
        sampler.set_epoch(epoch)
        yield from loader
        epoch += 1


def flat(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def weights(net, rank):
    return [("weights", numbers(flat(net)[::STRIDE]))] if rank == 0 else []


def bucket_sizes(ddp):
    data = ddp._get_ddp_logging_data()
    return data.get("rebuilt_bucket_sizes") or data["bucket_sizes"]


def train(rank, size, hook=None, **options):
    net = mlp()
    ddp = DDP(net, **options)
    if hook:
        ddp.register_comm_hook(None, hook)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.05, momentum=0.9)
    source = batches(TensorDataset(*samples()), rank, size)
    losses = []
    for _ in range(STEPS):
        x, y = next(source)
        optimizer.zero_grad()
        loss = F.mse_loss(ddp(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [("loss", numbers(losses))] + weights(net, rank), ddp


def case_mlp(rank, size):
    return train(rank, size)[0]


def case_small_buckets(rank, size):
    lines, ddp = train(rank, size, bucket_cap_mb=0.005)
    return lines + ([("buckets", bucket_sizes(ddp).replace(",", ""))] if rank == 0 else [])


def case_fp16_hook(rank, size):
    return train(rank, size, hook=default_hooks.fp16_compress_hook)[0] if size < 4 else []


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(6)
        self.first = nn.Linear(30, 8)
        self.branch0 = nn.Linear(8, 1)
        self.branch1 = nn.Linear(8, 1)
        self.branch2 = nn.Linear(8, 1)

    def forward(self, x, which):
        return getattr(self, "branch%d" % which)(torch.tanh(self.first(x)))


def case_find_unused(rank, size):
    net = Branches()
    ddp = DDP(net, find_unused_parameters=True)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1, momentum=0.9)
    source = batches(TensorDataset(*samples()), rank, size)
    losses, has = [], []
    for k in range(STEPS):
        x, y = next(source)
        optimizer.zero_grad()
        loss = F.mse_loss(ddp(x, (k * k + rank) % 3), y)
        loss.backward()
        has.append("".join("0" if getattr(net, "branch%d" % b).weight.grad is None else "1" for b in range(3)))
        optimizer.step()
        losses.append(loss.item())
    return [("loss", numbers(losses)), ("has", " ".join(has))] + weights(net, rank)


def case_no_sync(rank, size):
    net = mlp()
    ddp = DDP(net)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.05)
    source = batches(TensorDataset(*samples()), rank, size)
    losses = []
    for _ in range(STEPS // 2):
        optimizer.zero_grad()
        x, y = next(source)
        with ddp.no_sync():
            loss = F.mse_loss(ddp(x), y)
            loss.backward()
        losses.append(loss.item())
        x, y = next(source)
        loss = F.mse_loss(ddp(x), y)
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    return [("loss", numbers(losses))] + weights(net, rank)


def joined(rank, size, **options):
    net = mlp()
    ddp = DDP(net, bucket_cap_mb=0.005)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.05, momentum=0.9)
    source = batches(TensorDataset(*samples()), rank, size)
    losses = []
    with ddp.join(**options):
        for _ in range(5 + 3 * ((rank + 1) % size)):
            x, y = next(source)
            optimizer.zero_grad()
            loss = F.mse_loss(ddp(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return [("loss", numbers(losses))] + weights(net, rank)


def case_join(rank, size):
    return joined(rank, size)


def case_join_active(rank, size):
    return joined(rank, size, divide_by_initial_world_size=False)


def classify(net, dataset, rank, size):
    ddp = DDP(net)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.05, momentum=0.9)
    source = batches(dataset, rank, size)
    losses = []
    for _ in range(STEPS):
        x, y = next(source)
        optimizer.zero_grad()
        loss = F.cross_entropy(ddp(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [("loss", numbers(losses))] + weights(net, rank)


def case_conv(rank, size):
    torch.manual_seed(21)
    dataset = TensorDataset(torch.randn(SAMPLES, 1, 12, 12), torch.randint(0, 4, (SAMPLES,)))
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 4))
    lines = classify(net, dataset, rank, size)
    # Each rank has statistics of its own since the last forward, on top of rank 0's.
    return lines + [("mean", numbers(net[1].running_mean)), ("var", numbers(net[1].running_var))]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 3)

    def forward(self, tokens):
        x = self.embedding(tokens)
        x = self.norm(x + self.attention(x, x, x)[0])
        return self.head(F.gelu(x).mean(1))


def case_attention(rank, size):
    torch.manual_seed(22)
    dataset = TensorDataset(torch.randint(0, 20, (SAMPLES, 7)), torch.randint(0, 3, (SAMPLES,)))
    return classify(Attention(), dataset, rank, size)


CASES = ["mlp", "small_buckets", "fp16_hook", "find_unused", "no_sync", "join", "join_active", "conv", "attention"]


def process(rank, size, queue):
    warnings.simplefilter("ignore")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29533")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=size)
    lines = []
    for case in CASES:
        for what, figures in globals()["case_" + case](rank, size):
            lines.append("%s %d %d %s %s" % (case, size, rank, what, figures))
        dist.barrier()
    queue.put((rank, lines))
    queue.close()
    queue.join_thread()
    dist.barrier()
    dist.destroy_process_group()


def play(size):
    context = mp.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=process, args=(r, size, queue)) for r in range(size)]
    for p in processes:
        p.start()
    lines = dict(queue.get(timeout=300) for _ in processes)
    for p in processes:
        p.join()
    return [line for rank in sorted(lines) for line in lines[rank]]


def main():
    out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ddp_training.txt")
    lines = ["# DistributedDataParallel over gloo, torch %s; made by ddp_record.py" % torch.__version__,
             "# case, world size, rank, what, figures"]
    for size in (1, 2, 4):
        lines += play(size)
    with open(out, "w") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
