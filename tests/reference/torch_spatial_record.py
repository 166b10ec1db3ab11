#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records figures of PyTorch's convolutions, pools, embeddings and attention.

    python3 tests/reference/torch_spatial_record.py

writes torch_spatial.txt (operations, initial weights) and torch_spatial_training.txt (loss curves)
beside itself, in the form that torch_record.py describes.
"""

import os

import torch
import torch.nn.functional as F
from torch import nn

import torch_record


class Record(torch_record.Record):
    def write(self):
        head = f"# torch {torch.__version__}, by torch_spatial_record.py\n"
        with open(os.path.join(torch_record.HERE, self.name), "w") as f:
            f.write(head + "\n".join(self.lines) + "\n")


def op_cases():
    """name: (inputs, function); inputs that are float are differentiated."""
    torch.manual_seed(4321)

    def u(*shape):
        return torch.empty(shape).uniform_(-2.0, 2.0)

    def conv(**options):
        return lambda x, w, b=None: F.conv2d(x, w, b, **options)

    def conv1(**options):
        return lambda x, w, b=None: F.conv1d(x, w, b, **options)

    def attend(**options):
        return lambda q, k, v, m=None: F.scaled_dot_product_attention(q, k, v, m, **options)

    tokens = torch.tensor([[3, 0, 3], [5, 2, 0]])
    flags = torch.rand(2, 5, 3) < 0.6
    row = torch.tensor([True, False, True, True])
    image = u(2, 3, 7, 6)
    seen = torch.rand(4, 5) < 0.6
    seen[2] = False  # a row that sees nothing
    seen[0, 1] = True
    ties = torch.tensor([1.0, 3.0, 3.0, 2.0, 3.0, 0.0, 1.0, 1.0]).reshape(1, 2, 4)
    return {
        "conv2d": ((u(2, 3, 7, 5), u(4, 3, 3, 3), u(4)), conv()),
        "conv2d_nobias": ((u(2, 3, 7, 5), u(4, 3, 3, 2)), conv()),
        "conv2d_stride": ((u(2, 2, 9, 8), u(3, 2, 3, 2), u(3)), conv(stride=(2, 3))),
        "conv2d_stride_padding": (
            (u(2, 2, 9, 8), u(3, 2, 3, 3), u(3)), conv(stride=2, padding=1)),
        "conv2d_padding": ((u(2, 2, 5, 6), u(3, 2, 3, 3), u(3)), conv(padding=(1, 2))),
        "conv2d_same_width": ((u(2, 3, 6, 7), u(4, 3, 3, 3), u(4)), conv(padding=1)),
        "conv2d_dilation": (
            (u(2, 2, 8, 7), u(3, 2, 3, 3), u(3)), conv(dilation=(2, 1), padding=(2, 0))),
        "conv2d_dilation_same": (
            (u(1, 2, 8, 7), u(3, 2, 3, 3), u(3)), conv(dilation=(3, 2), padding=(3, 2))),
        "conv2d_groups": ((u(2, 4, 6, 5), u(6, 2, 3, 3), u(6)), conv(groups=2)),
        "conv2d_depthwise": (
            (u(2, 4, 5, 5), u(8, 1, 3, 3), u(8)), conv(groups=4, padding=1, stride=2)),
        "conv2d_same_even": ((u(2, 2, 5, 6), u(3, 2, 4, 2), u(3)), conv(padding="same")),
        "conv2d_unbatched": ((u(3, 6, 6), u(2, 3, 3, 3), u(2)), conv(padding=1)),
        "conv2d_pointwise": ((u(3, 4, 5, 4), u(2, 4, 1, 1), u(2)), conv()),
        "conv2d_pointwise_stride": ((u(2, 3, 5, 4), u(2, 3, 1, 1), u(2)), conv(stride=2)),
        "conv2d_many": ((u(70, 1, 4, 4), u(2, 1, 3, 3), u(2)), conv(padding=1)),
        "conv2d_large": ((u(1, 1, 40, 37), u(1, 1, 3, 3), u(1)), conv(padding=1)),
        "conv2d_large_stride": (
            (u(1, 1, 64, 37), u(1, 1, 5, 3), u(1)), conv(padding=(2, 0), stride=(2, 1))),
        "conv2d_beyond": ((u(1, 2, 2, 3), u(2, 2, 5, 5), u(2)), conv(padding=2)),
        "conv1d": (
            (u(2, 3, 11), u(4, 3, 3), u(4)), conv1(stride=2, padding=1, dilation=2)),
        "conv1d_same": ((u(2, 2, 6), u(3, 2, 3), u(3)), conv1(padding="same")),
        "conv1d_unbatched": ((u(4, 6), u(2, 2, 3)), conv1(groups=2)),
        "max_pool2d": ((image.clone(),), lambda x: F.max_pool2d(x, 2)),
        "max_pool2d_overlap": (
            (image.clone(),), lambda x: F.max_pool2d(x, 3, stride=2, padding=1)),
        "max_pool2d_ceil": (
            (image.clone(),), lambda x: F.max_pool2d(x, (2, 4), stride=(2, 3), ceil_mode=True)),
        "max_pool2d_dilation": (
            (image.clone(),), lambda x: F.max_pool2d(x, 2, stride=1, padding=1, dilation=2)),
        "max_pool2d_ties": ((ties,), lambda x: F.max_pool2d(x, (2, 3), stride=1)),
        "max_pool2d_unbatched": ((u(3, 4, 4),), lambda x: F.max_pool2d(x, 2)),
        "avg_pool2d": ((image.clone(),), lambda x: F.avg_pool2d(x, 2)),
        "avg_pool2d_overlap": (
            (image.clone(),), lambda x: F.avg_pool2d(x, (3, 2), stride=(2, 1), padding=1)),
        "avg_pool2d_inside": (
            (image.clone(),),
            lambda x: F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)),
        "avg_pool2d_ceil": (
            (image.clone(),),
            lambda x: F.avg_pool2d(x, 4, stride=3, padding=1, ceil_mode=True)),
        "avg_pool2d_divisor": ((image.clone(),), lambda x: F.avg_pool2d(x, 2, divisor_override=3)),
        "adaptive_1": ((image.clone(),), lambda x: F.adaptive_avg_pool2d(x, 1)),
        "adaptive_3_2": ((image.clone(),), lambda x: F.adaptive_avg_pool2d(x, (3, 2))),
        "adaptive_4_own": ((image.clone(),), lambda x: F.adaptive_avg_pool2d(x, (4, None))),
        "adaptive_larger": ((u(1, 2, 3, 4),), lambda x: F.adaptive_avg_pool2d(x, (5, 7))),
        "embedding": ((u(6, 4), tokens), lambda w, i: F.embedding(i, w)),
        "embedding_padding": (
            (u(6, 4), tokens), lambda w, i: F.embedding(i, w, padding_idx=3)),
        "embedding_int32": ((u(6, 4), tokens.int()), lambda w, i: F.embedding(i, w)),
        "embedding_freq": (
            (u(6, 4), tokens), lambda w, i: F.embedding(i, w, scale_grad_by_freq=True)),
        "where": ((u(2, 5, 3), u(5, 1), flags), lambda a, b, m: torch.where(m, a, b)),
        "where_number": ((u(3, 4), row), lambda a, m: torch.where(m, a, 0.5)),
        "masked_fill": ((u(3, 4), row), lambda a, m: a.masked_fill(m, -1.5)),
        "masked_fill_wider": ((u(4), row.reshape(4, 1)), lambda a, m: a.masked_fill(m, 7)),
        "tril": ((u(2, 4, 3),), lambda a: a.tril()),
        "tril_1": ((u(3, 4),), lambda a: a.tril(1)),
        "triu_-1": ((u(4, 3),), lambda a: a.triu(-1)),
        "triu_2": ((u(3, 4),), lambda a: a.triu(2)),
        "permute": ((u(2, 3, 4, 5),), lambda a: a.permute(0, 2, 1, 3)),
        "permute_turn": ((u(2, 3, 4),), lambda a: a.permute(2, 0, -2)),
        "attention": ((u(2, 3, 4, 6), u(2, 3, 5, 6), u(2, 3, 5, 2)), attend()),
        "attention_2d": ((u(4, 6), u(5, 6), u(5, 3)), attend(scale=0.7)),
        "attention_causal": ((u(2, 4, 3), u(2, 5, 3), u(2, 5, 3)), attend(is_causal=True)),
        "attention_mask": ((u(2, 4, 3), u(2, 5, 3), u(2, 5, 3), seen), attend()),
        "attention_bias": ((u(2, 4, 3), u(2, 5, 3), u(2, 5, 3), u(4, 5)), attend()),
    }


def op_figures(r):
    for name, (inputs, function) in op_cases().items():
        inputs = [x.requires_grad_(x.is_floating_point()) for x in inputs]
        out = function(*inputs)
        weight = torch.empty_like(out).uniform_(0.5, 1.5)
        out.backward(weight)
        for i, x in enumerate(inputs):
            r.add(f"{name}.in{i}", x)
        r.add(f"{name}.out", out)
        r.add(f"{name}.weight", weight)
        for i, x in enumerate(inputs):
            if x.is_floating_point():
                r.add(f"{name}.grad{i}", x.grad)


def initial_weights(r):
    """Each layer from seed 0 with what it has drawn, and one number more from the generator."""
    layers = {
        "conv2d": lambda: nn.Conv2d(1, 8, 3),
        "conv2d_groups": lambda: nn.Conv2d(4, 6, (3, 5), groups=2),
        "conv2d_nobias": lambda: nn.Conv2d(3, 4, 2, bias=False),
        "conv1d": lambda: nn.Conv1d(3, 4, 5),
        "embedding": lambda: nn.Embedding(10, 3),
        "embedding_few": lambda: nn.Embedding(3, 4),
        "embedding_padding": lambda: nn.Embedding(9, 5, padding_idx=-2),
        "attention": lambda: nn.MultiheadAttention(8, 2),
        "attention_nobias": lambda: nn.MultiheadAttention(6, 3, bias=False),
        "attention_kdim": lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=5),
        "attention_bias_kv": lambda: nn.MultiheadAttention(4, 2, add_bias_kv=True),
    }
    for name, make in layers.items():
        torch.manual_seed(0)
        layer = make()
        for key, value in layer.state_dict().items():
            r.add(f"initial.{name}.{key}", value)
        r.add(f"initial.{name}.next", torch.rand(1))


def attention_cases(r):
    """The module in its own ways: results, weights, gradients of the parameters."""
    ways = {
        "self": (dict(batch_first=True), {}),
        "sequence_first": ({}, {}),
        "unweighted": (dict(batch_first=True), dict(need_weights=False)),
        "each_head": (dict(batch_first=True), dict(average_attn_weights=False)),
        "padded": (
            dict(batch_first=True),
            dict(key_padding_mask=torch.tensor([[False, False, True], [False, True, True]]))),
        "padded_unweighted": (
            dict(batch_first=True),
            dict(key_padding_mask=torch.tensor([[False, False, True], [False, True, True]]),
                 need_weights=False)),
        "causal": (
            dict(batch_first=True),
            dict(attn_mask=torch.ones(3, 3).triu(1).bool(), is_causal=True,
                 need_weights=False)),
        "added": (dict(batch_first=True), dict(attn_mask=torch.full((3, 3), 0.25).triu(1))),
        "bias_kv": (dict(batch_first=True, add_bias_kv=True), {}),
        "zero_attn": (dict(batch_first=True, add_zero_attn=True), {}),
        "nobias": (dict(batch_first=True, bias=False), {}),
    }
    for name, (options, call) in ways.items():
        torch.manual_seed(0)
        layer = nn.MultiheadAttention(4, 2, **options)
        x = torch.randn(2, 3, 4)
        out, weights = layer(x, x, x, **call)
        out.square().sum().backward()
        r.add(f"mha.{name}.out", out)
        if weights is not None:
            r.add(f"mha.{name}.weights", weights)
        for key, p in layer.named_parameters():
            r.add(f"mha.{name}.grad.{key}", p.grad)
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(4, 2, kdim=3, vdim=5, batch_first=True)
    q, k, v = torch.randn(2, 3, 4), torch.randn(2, 5, 3), torch.randn(2, 5, 5)
    out, weights = layer(q, k, v)
    out.square().sum().backward()
    r.add("mha.kdim.out", out)
    r.add("mha.kdim.weights", weights)
    for key, p in layer.named_parameters():
        r.add(f"mha.kdim.grad.{key}", p.grad)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 16, padding_idx=0)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, tokens):
        x = self.embedding(tokens)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head(x.mean(1))


def conv_net():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * 3 * 3, 10))


def train(r, name, make, x, y, lr):
    batch = x.shape[0] // 20
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    losses = []
    for step in range(20):
        rows = slice(batch * step, batch * step + batch)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    r.add(f"{name}.losses", torch.stack(losses))


def training_figures():
    r = Record("torch_spatial_training.txt")
    torch.manual_seed(77)
    x = torch.randn(640, 1, 12, 12)
    y = torch.randint(0, 10, (640,))
    train(r, "conv", conv_net, x, y, 0.05)
    torch.manual_seed(78)
    x = torch.randint(0, 50, (640, 12))
    y = torch.randint(0, 5, (640,))
    train(r, "attention", Classifier, x, y, 0.1)
    r.write()


def main():
    torch.set_num_threads(1)
    r = Record("torch_spatial.txt")
    op_figures(r)
    initial_weights(r)
    attention_cases(r)
    r.write()
    training_figures()


if __name__ == "__main__":
    main()
