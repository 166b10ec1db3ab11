# SPDX-License-Identifier: MIT
"""Records which samples Lightning's sampler wrappers yield.

    python lightning_samplers_record.py

writes lightning_samplers.txt beside this file, a line each:

    WRAPPER BASE n REPLICAS RANK SHUFFLE SEED EPOCH : indices of a first pass ; of a second

WRAPPER is wrapped (DistributedSamplerWrapper) or unrepeated (UnrepeatedDistributedSamplerWrapper);
BASE is list (n-1 .. 0) or random (RandomSampler after manual_seed(5)).
"""

import os

import torch
from lightning.fabric.utilities.distributed import DistributedSamplerWrapper
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSamplerWrapper
from torch.utils.data import RandomSampler

HERE = os.path.dirname(os.path.abspath(__file__))
WRAPPERS = {"wrapped": DistributedSamplerWrapper, "unrepeated": UnrepeatedDistributedSamplerWrapper}


def passes(wrapper, base, n, replicas, rank, shuffle, seed, epoch):
    torch.manual_seed(5)
    sampler = list(range(n - 1, -1, -1)) if base == "list" else RandomSampler(range(n))
    wrapped = WRAPPERS[wrapper](sampler, num_replicas=replicas, rank=rank, shuffle=shuffle, seed=seed)
    wrapped.set_epoch(epoch)
    return " ; ".join(" ".join(str(i) for i in wrapped) for _ in range(2))


def main():
    with open(os.path.join(HERE, "lightning_samplers.txt"), "w") as out:
        for wrapper in WRAPPERS:
            for base in ("list", "random"):
                for n, replicas in ((10, 1), (10, 2), (10, 4), (11, 3), (7, 7)):
                    for rank in range(replicas):
                        for shuffle, seed, epoch in ((False, 0, 0), (True, 0, 0), (True, 3, 2)):
                            line = passes(wrapper, base, n, replicas, rank, shuffle, seed, epoch)
                            out.write(f"{wrapper} {base} {n} {replicas} {rank} {int(shuffle)} {seed} "
                                      f"{epoch} : {line}\n")


if __name__ == "__main__":
    main()
