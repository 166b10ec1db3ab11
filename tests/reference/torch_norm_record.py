#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records figures of PyTorch's CPU build for normalisation, activations and losses.

    python3 tests/reference/torch_norm_record.py

writes torch_norm.txt, torch_activations.txt and torch_losses.txt beside itself, in the format of
torch_record.py. `in0`, `in1`, ... of a case are differentiated if they are floats, `const0`, ...
are not.
"""

import os

import torch
import torch.nn.functional as F

from torch_record import HERE, Record


def u(*shape, low=-2.0, high=2.0):
    return torch.empty(shape).uniform_(low, high)


def channels(*shape):
    """Input, weight and bias of a normalisation over dimension 1."""
    return (u(*shape), u(shape[1], low=0.5, high=1.5), u(shape[1]))


def running(count):
    index = torch.arange(count, dtype=torch.float32)
    return index * 0.25 - 0.5, index * 0.5 + 0.75


def batch_norm(x, weight=None, bias=None):
    return F.batch_norm(x, None, None, weight, bias, True, 0.1, 1e-5)


def batch_norm_eval(x, weight=None, bias=None):
    mean, var = running(x.shape[1])
    return F.batch_norm(x, mean, var, weight, bias, False, 0.1, 1e-5)


def norm_cases():
    torch.manual_seed(31)
    return {
        "batch_norm_1d": (channels(6, 4), (), batch_norm),
        "batch_norm_1d_plain": ((u(6, 4),), (), batch_norm),
        "batch_norm_1d_tall": (channels(130, 5), (), batch_norm),
        "batch_norm_1d_wide": (channels(5, 70), (), batch_norm),
        "batch_norm_1d_length": (channels(3, 4, 5), (), batch_norm),
        "batch_norm_1d_long": (channels(1, 2, 2060), (), batch_norm),
        "batch_norm_2d": (channels(3, 4, 5, 2), (), batch_norm),
        "batch_norm_2d_many": (channels(70, 3, 4, 5), (), batch_norm),
        "batch_norm_2d_plain": ((u(3, 4, 5, 2),), (), batch_norm),
        "batch_norm_one_sample": (channels(1, 3, 4, 4), (), batch_norm),
        "batch_norm_eval": (channels(6, 4), (), batch_norm_eval),
        "batch_norm_eval_plain": ((u(6, 4),), (), batch_norm_eval),
        "batch_norm_eval_2d": (channels(3, 4, 5, 2), (), batch_norm_eval),
        "layer_norm": (
            (u(6, 5), u(5, low=0.5, high=1.5), u(5)), (),
            lambda x, w, b: F.layer_norm(x, (5,), w, b)),
        "layer_norm_plain": ((u(6, 5),), (), lambda x: F.layer_norm(x, (5,))),
        "layer_norm_nobias": (
            (u(6, 5), u(5, low=0.5, high=1.5)), (), lambda x, w: F.layer_norm(x, (5,), w)),
        "layer_norm_onlybias": (
            (u(6, 5), u(5)), (), lambda x, b: F.layer_norm(x, (5,), None, b)),
        "layer_norm_3d": (
            (u(2, 3, 8), u(8, low=0.5, high=1.5), u(8)), (),
            lambda x, w, b: F.layer_norm(x, (8,), w, b, 1e-3)),
        "layer_norm_2dims": (
            (u(4, 3, 5), u(3, 5, low=0.5, high=1.5), u(3, 5)), (),
            lambda x, w, b: F.layer_norm(x, (3, 5), w, b)),
        "layer_norm_wide": (
            (u(2, 2060), u(2060, low=0.5, high=1.5), u(2060)), (),
            lambda x, w, b: F.layer_norm(x, (2060,), w, b)),
    }


def activation_cases():
    torch.manual_seed(32)
    return {
        "gelu": ((u(20, 30, low=-5, high=5),), (), F.gelu),
        "gelu_tanh": (
            (u(20, 30, low=-5, high=5),), (), lambda x: F.gelu(x, approximate="tanh")),
        "silu": ((u(20, 30, low=-8, high=8),), (), F.silu),
        "leaky_relu": ((u(4, 5),), (), lambda x: F.leaky_relu(x, 0.2)),
        "elu": ((u(20, 30, low=-6, high=3),), (), F.elu),
        "elu_2": ((u(4, 5),), (), lambda x: F.elu(x, 2.0)),
        "softplus": ((u(20, 30, low=-25, high=25),), (), F.softplus),
        "softplus_3": ((u(4, 5),), (), lambda x: F.softplus(x, 3.0, 4.0)),
        "logsigmoid": ((u(20, 30, low=-12, high=12),), (), F.logsigmoid),
        "far": (
            (torch.tensor([-40.0, -12.0, 12.0, 40.0, 0.0, -0.0]),), (),
            lambda x: F.gelu(x) + F.silu(x) + F.elu(x) + F.softplus(x)),
    }


REDUCTIONS = ("mean", "sum", "none")


def loss_cases():
    torch.manual_seed(33)
    cases = {}
    target = torch.tensor([1, 0, 4, 2, 2, 3])
    ignored = torch.tensor([1, -100, 4, 2, -100, 3])
    pixels = torch.randint(0, 3, (2, 4, 2))
    pixels[0, 1, 1] = -100
    weight = u(5, low=0.25, high=2.0)
    few = u(3, low=0.25, high=2.0)
    for r in REDUCTIONS:
        cases |= {
            f"nll_{r}": ((u(6, 5),), (target,), lambda x, t, r=r: F.nll_loss(x, t, reduction=r)),
            f"nll_weight_{r}": (
                (u(6, 5),), (ignored, weight),
                lambda x, t, w, r=r: F.nll_loss(x, t, w, reduction=r)),
            f"nll_pixels_{r}": (
                (u(2, 3, 4, 2),), (pixels, few),
                lambda x, t, w, r=r: F.nll_loss(x, t, w, reduction=r)),
            f"ce_weight_{r}": (
                (u(6, 5),), (ignored, weight),
                lambda x, t, w, r=r: F.cross_entropy(x, t, w, reduction=r)),
            f"ce_smooth_{r}": (
                (u(6, 5),), (ignored,),
                lambda x, t, r=r: F.cross_entropy(x, t, label_smoothing=0.1, reduction=r)),
            f"ce_smooth_weight_{r}": (
                (u(6, 5),), (ignored, weight),
                lambda x, t, w, r=r: F.cross_entropy(
                    x, t, w, label_smoothing=0.3, reduction=r)),
            f"ce_pixels_{r}": (
                (u(2, 3, 4, 2),), (pixels,),
                lambda x, t, r=r: F.cross_entropy(x, t, reduction=r)),
            f"ce_pixels_smooth_weight_{r}": (
                (u(2, 3, 4, 2),), (pixels, few),
                lambda x, t, w, r=r: F.cross_entropy(
                    x, t, w, label_smoothing=0.2, reduction=r)),
            f"ce_probabilities_{r}": (
                (u(6, 5), torch.softmax(u(6, 5), 1)), (),
                lambda x, t, r=r: F.cross_entropy(x, t, reduction=r)),
            f"ce_probabilities_weight_{r}": (
                (u(2, 3, 4), torch.softmax(u(2, 3, 4), 1)), (few,),
                lambda x, t, w, r=r: F.cross_entropy(
                    x, t, w, label_smoothing=0.2, reduction=r)),
            f"ce_probabilities_1d_{r}": (
                (u(5), torch.softmax(u(5), 0)), (),
                lambda x, t, r=r: F.cross_entropy(x, t, label_smoothing=0.1, reduction=r)),
            f"bce_{r}": (
                (u(6, 5, low=0.05, high=0.95), u(6, 5, low=0.0, high=1.0)), (),
                lambda x, y, r=r: F.binary_cross_entropy(x, y, reduction=r)),
            f"bce_weight_{r}": (
                (u(6, 5, low=0.05, high=0.95), u(6, 5, low=0.0, high=1.0)), (weight,),
                lambda x, y, w, r=r: F.binary_cross_entropy(x, y, w, reduction=r)),
            f"bce_logits_{r}": (
                (u(30, 20, low=-9, high=9), u(30, 20, low=0.0, high=1.0)), (),
                lambda x, y, r=r: F.binary_cross_entropy_with_logits(x, y, reduction=r)),
            f"bce_logits_weight_{r}": (
                (u(6, 5), u(6, 5, low=0.0, high=1.0)), (weight,),
                lambda x, y, w, r=r: F.binary_cross_entropy_with_logits(x, y, w, reduction=r)),
            f"bce_logits_pos_weight_{r}": (
                (u(6, 5), u(6, 5, low=0.0, high=1.0)), (weight,),
                lambda x, y, p, r=r: F.binary_cross_entropy_with_logits(
                    x, y, pos_weight=p, reduction=r)),
            f"bce_logits_both_{r}": (
                (u(6, 5), u(6, 5, low=0.0, high=1.0)), (u(6, 1, low=0.5, high=1.5), weight),
                lambda x, y, w, p, r=r: F.binary_cross_entropy_with_logits(
                    x, y, w, pos_weight=p, reduction=r)),
            f"l1_{r}": ((u(6, 5), u(6, 5)), (), lambda x, y, r=r: F.l1_loss(x, y, reduction=r)),
            f"smooth_l1_{r}": (
                (u(6, 5), u(6, 5)), (), lambda x, y, r=r: F.smooth_l1_loss(x, y, reduction=r)),
            f"smooth_l1_half_{r}": (
                (u(6, 5), u(6, 5)), (),
                lambda x, y, r=r: F.smooth_l1_loss(x, y, reduction=r, beta=0.5)),
            f"huber_{r}": (
                (u(6, 5), u(6, 5)), (),
                lambda x, y, r=r: F.huber_loss(x, y, reduction=r, delta=0.7)),
        }
    cases["bce_ends"] = (
        (torch.tensor([0.0, 1.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])), (),
        lambda x, y: F.binary_cross_entropy(x, y, reduction="none"))
    cases["bce_logits_far"] = (
        (torch.tensor([-200.0, 200.0, -200.0, 200.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])), (),
        lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"))
    cases["smooth_l1_zero"] = (
        (u(6, 5), u(6, 5)), (), lambda x, y: F.smooth_l1_loss(x, y, beta=0.0))
    return cases


def figures(r, cases):
    for name, (inputs, constants, function) in cases.items():
        inputs = [x.detach().clone().requires_grad_(True) for x in inputs]
        out = function(*inputs, *constants)
        weight = torch.empty_like(out).uniform_(0.5, 1.5)
        out.backward(weight)
        for i, x in enumerate(inputs):
            r.add(f"{name}.in{i}", x)
        for i, x in enumerate(constants):
            r.add(f"{name}.const{i}", x)
        r.add(f"{name}.out", out)
        r.add(f"{name}.weight", weight)
        for i, x in enumerate(inputs):
            r.add(f"{name}.grad{i}", x.grad)


def running_figures(r):
    """Several steps of a layer in training, then one in evaluation."""
    torch.manual_seed(34)
    layers = {
        "steps_1d": (torch.nn.BatchNorm1d(3), (5, 3)),
        "steps_length": (torch.nn.BatchNorm1d(3, momentum=0.4, eps=1e-3), (5, 3, 4)),
        "steps_average": (torch.nn.BatchNorm1d(3, momentum=None), (5, 3)),
        "steps_2d": (torch.nn.BatchNorm2d(3, affine=False), (4, 3, 2, 5)),
        "steps_untracked": (torch.nn.BatchNorm1d(3, track_running_stats=False), (5, 3)),
    }
    for name, (layer, shape) in layers.items():
        for step in range(5):
            layer.train(step < 4)
            x = u(*shape)
            r.add(f"{name}.x{step}", x)
            r.add(f"{name}.out{step}", layer(x))
            if layer.running_mean is not None:
                r.add(f"{name}.mean{step}", layer.running_mean)
                r.add(f"{name}.var{step}", layer.running_var)
                r.add(f"{name}.count{step}", layer.num_batches_tracked)


def main():
    torch.set_num_threads(1)
    norm = Record("torch_norm.txt")
    figures(norm, norm_cases())
    running_figures(norm)
    activations = Record("torch_activations.txt")
    figures(activations, activation_cases())
    losses = Record("torch_losses.txt")
    figures(losses, loss_cases())
    for record in (norm, activations, losses):
        with open(os.path.join(HERE, record.name), "w") as f:
            f.write(f"# torch {torch.__version__}, by torch_norm_record.py\n")
            f.write("\n".join(record.lines) + "\n")


if __name__ == "__main__":
    main()
