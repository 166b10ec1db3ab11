#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records figures of PyTorch's CPU build for the tests of model/.

    python3 tests/reference/torch_record.py

writes torch_*.txt beside itself. The tests read those files and need no Python. Each line is

    name dtype shape values…

with the shape as 2x3 (or - for none) and each value as the hexadecimal bits of the element, so
that nothing is lost; a test says itself how close it has to come.
"""

import os
import struct

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
CODES = {
    torch.float64: "<d",
    torch.float32: "<f",
    torch.int64: "<q",
    torch.int32: "<i",
    torch.uint8: "<B",
}


def bits(tensor):
    tensor = tensor.detach().contiguous().flatten()
    if tensor.dtype in (torch.float16, torch.bfloat16):
        return ["%04x" % (v & 0xFFFF) for v in tensor.view(torch.int16).tolist()]
    if tensor.dtype == torch.bool:
        return ["%02x" % int(v) for v in tensor.tolist()]
    code = CODES[tensor.dtype]
    return [struct.pack(code, v)[::-1].hex() for v in tensor.tolist()]


class Record:
    def __init__(self, name):
        self.name = name
        self.lines = []

    def add(self, name, tensor):
        shape = "x".join(str(n) for n in tensor.shape) or "-"
        dtype = str(tensor.dtype).removeprefix("torch.")
        self.lines.append(" ".join([name, dtype, shape] + bits(tensor)))

    def write(self):
        head = f"# torch {torch.__version__}, by torch_record.py\n"
        with open(os.path.join(HERE, self.name), "w") as f:
            f.write(head + "\n".join(self.lines) + "\n")


def random_figures():
    r = Record("torch_random.txt")
    for seed in (0, 1, 42, 2**32 + 7, -3):
        s = f"seed{seed}"
        torch.manual_seed(seed)
        r.add(f"{s}.rand", torch.rand(700))
        r.add(f"{s}.rand64", torch.rand(9, dtype=torch.float64))
        r.add(f"{s}.randint", torch.randint(0, 10, (8,)))
        r.add(f"{s}.randint_wide", torch.randint(-(2**40), 2**40, (8,)))
        r.add(f"{s}.random", torch.empty(3, dtype=torch.int64).random_())
        r.add(f"{s}.uniform", torch.empty(40).uniform_(-0.123, 0.123))
        r.add(f"{s}.uniform64", torch.empty(7, dtype=torch.float64).uniform_(-3, 5))
        r.add(f"{s}.rand16", torch.rand(9, dtype=torch.float16))
        r.add(f"{s}.randbf16", torch.rand(9, dtype=torch.bfloat16))
        # So narrow that a quarter of the draws round up to the open end.
        r.add(f"{s}.narrow", torch.empty(40).uniform_(1.0, 1.0 + 2**-22))
        r.add(f"{s}.narrow16", torch.empty(40, dtype=torch.float16).uniform_(1.0, 1.0 + 2**-9))
        for n in (5, 15, 16, 17, 20, 31, 33, 250):
            r.add(f"{s}.randn{n}", torch.randn(n))
            r.add(f"{s}.randn64_{n}", torch.randn(n, dtype=torch.float64))
        r.add(f"{s}.normal", torch.empty(24).normal_(3.0, 0.25))
        r.add(f"{s}.randn16_5", torch.randn(5, dtype=torch.float16))
        r.add(f"{s}.randn16_20", torch.randn(20, dtype=torch.float16))
        r.add(f"{s}.randnbf16_20", torch.randn(20, dtype=torch.bfloat16))
        r.add(f"{s}.after", torch.rand(3))
        # The cached half of a pair survives rand().
        torch.manual_seed(seed)
        r.add(f"{s}.cached", torch.cat([torch.randn(3), torch.rand(1), torch.randn(2)]))
        for n in (0, 1, 2, 10, 16, 1000):
            torch.manual_seed(seed)
            r.add(f"{s}.randperm{n}", torch.randperm(n))
        r.add(f"{s}.randperm_next", torch.randperm(16))
        # From a range of 2^28 on an integer takes two outputs of the engine.
        for power in (28, 32):
            torch.manual_seed(seed)
            r.add(f"{s}.randint_below{power}", torch.randint(0, 2**power - 1, (5,)))
            r.add(f"{s}.randint_from{power}", torch.randint(0, 2**power, (5,)))
    for seed, shape in ((0, (4, 3)), (42, (1, 1)), (7, (100, 16)), (5, (30, 64)), (3, (3, 1))):
        torch.manual_seed(seed)
        layer = torch.nn.Linear(*shape)
        r.add(f"linear{seed}.weight", layer.weight)
        r.add(f"linear{seed}.bias", layer.bias)
    torch.manual_seed(11)
    layer = torch.nn.Linear(6, 5, bias=False)
    r.add("linear_nobias.weight", layer.weight)
    r.add("linear_nobias.after", torch.rand(2))
    r.write()


def dtype_figures():
    r = Record("torch_dtypes.txt")
    dtypes = [
        torch.float64, torch.float32, torch.float16, torch.bfloat16,
        torch.int64, torch.int32, torch.uint8, torch.bool,
    ]
    numbers = {"true": True, "3": 3, "2.5": 2.5}

    def name(dtype):
        return str(dtype).removeprefix("torch.")

    for a in dtypes:
        for b in dtypes:
            for an, x in (("d", torch.ones(2, dtype=a)), ("0", torch.ones((), dtype=a))):
                for bn, y in (("d", torch.ones(2, dtype=b)), ("0", torch.ones((), dtype=b))):
                    key = f"{name(a)}.{an}.{name(b)}.{bn}"
                    r.add(f"result.{key}", torch.ones((), dtype=torch.result_type(x, y)))
                    r.add(f"div.{key}", x / y)
        for n, v in numbers.items():
            for an, x in (("d", torch.ones(2, dtype=a)), ("0", torch.ones((), dtype=a))):
                r.add(f"number.{name(a)}.{an}.{n}", x * v)
    values = torch.tensor([0.0, 1.0, -1.0, 2.75, 100.5, 0.1, -0.0, 2049.0])
    for a in dtypes:
        x = values.abs().to(a) if a == torch.uint8 else values.to(a)
        r.add(f"convert.{name(a)}", x)
        for b in dtypes:
            if b == torch.uint8 and a != torch.uint8:
                x = values.abs().clamp(max=255).to(a)
                r.add(f"convert.{name(a)}.small", x)
            else:
                x = values.abs().to(a) if a == torch.uint8 else values.to(a)
            r.add(f"convert.{name(a)}.{name(b)}", x.to(b))
    wide = torch.tensor([2**53 + 1, 2**24 + 1, -(2**40) - 3, 2**62 + 2**37 + 1, 123456789012345])
    r.add("wide", wide)
    for b in dtypes[:6]:
        r.add(f"wide.{name(b)}", wide.to(b))
    ints = torch.tensor([7, -7, 6, -6, 0, 5])
    by = torch.tensor([2, 2, -4, -4, 3, -5])
    r.add("ints", ints)
    r.add("by", by)
    r.add("ints.floor_div", ints // by)
    r.add("ints.remainder", ints % by)
    r.add("ints.pow", torch.tensor([7, -7, 6, -6, 0, 5, 1, -1, -1, 2]) ** torch.tensor(
        [2, 3, 0, 1, 0, 4, -5, -5, -4, -1]))
    r.add("ints.div", ints / by)
    floats = torch.tensor([7.5, -7.5, 6.25, -6.25, 0.0, 5.0, float("inf"), 3.0, 1e30])
    by = torch.tensor([2.0, 2.0, -4.0, -4.5, 3.0, -5.0, 2.0, 0.0, 7.0])
    r.add("floats", floats)
    r.add("floats_by", by)
    r.add("floats.floor_div", floats // by)
    r.add("floats.remainder", floats % by)
    r.write()


def op_cases():
    """name: (inputs, function); inputs that are float are differentiated."""
    torch.manual_seed(1234)

    def u(*shape, low=-2.0, high=2.0):
        return torch.empty(shape).uniform_(low, high)

    positive = dict(low=0.25, high=3.0)
    target = torch.tensor([1, 0, 4, 2, 2, 3])
    ignored = torch.tensor([1, -100, 4, 2, -100, 3])
    index = torch.tensor([2, 0, 2, 1])
    return {
        "add": ((u(3, 4), u(3, 4)), lambda a, b: a + b),
        "add_row": ((u(3, 4), u(4)), lambda a, b: a + b),
        "add_column": ((u(3, 1), u(1, 4)), lambda a, b: a + b),
        "add_scalar": ((u(3, 4), u()), lambda a, b: a + b),
        "sub_cube": ((u(2, 3, 4), u(3, 1)), lambda a, b: a - b),
        "mul": ((u(3, 4), u(3, 4)), lambda a, b: a * b),
        "mul_row": ((u(3, 4), u(4)), lambda a, b: a * b),
        "mul_number": ((u(3, 4),), lambda a: a * 2.5),
        "div": ((u(3, 4), u(3, 4, **positive)), lambda a, b: a / b),
        "div_column": ((u(3, 4), u(3, 1, **positive)), lambda a, b: a / b),
        "number_div": ((u(3, 4, **positive),), lambda a: 2.0 / a),
        "number_sub": ((u(3, 4),), lambda a: 1.0 - a),
        "pow": ((u(3, 4, **positive), u(3, 4)), lambda a, b: a**b),
        "pow_zero": (
            (torch.tensor([0.0, 2.0, 0.0]), torch.tensor([0.0, 0.0, 2.0])), lambda a, b: a**b),
        "pow_2": ((u(3, 4),), lambda a: a**2),
        "pow_3": ((u(3, 4),), lambda a: a**3),
        "pow_half": ((u(3, 4, **positive),), lambda a: a**0.5),
        "pow_1.7": ((u(3, 4, **positive),), lambda a: a**1.7),
        "number_pow": ((u(3, 4),), lambda a: 2.0**a),
        "remainder": ((u(3, 4), u(3, 4, **positive)), lambda a, b: a % b),
        "maximum": ((u(3, 4), u(3, 4)), torch.maximum),
        "minimum_row": ((u(3, 4), u(4)), torch.minimum),
        "maximum_tie": ((torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0])), torch.maximum),
        "neg": ((u(3, 4),), lambda a: -a),
        "abs": ((u(3, 4),), torch.abs),
        "relu": ((u(3, 4),), torch.relu),
        "sqrt": ((u(3, 4, **positive),), torch.sqrt),
        "exp": ((u(3, 4),), torch.exp),
        "log": ((u(3, 4, **positive),), torch.log),
        "tanh": ((u(3, 4),), torch.tanh),
        "sigmoid": ((u(3, 4),), torch.sigmoid),
        "sum": ((u(3, 4),), lambda a: a.sum()),
        "sum_0": ((u(3, 4),), lambda a: a.sum(0)),
        "sum_1": ((u(3, 4),), lambda a: a.sum(1)),
        "sum_mid_keep": ((u(2, 3, 4),), lambda a: a.sum(1, keepdim=True)),
        "sum_long": ((u(5000),), lambda a: a.sum()),
        "sum_tall": ((u(700, 3),), lambda a: a.sum(0)),
        "mean": ((u(3, 4),), lambda a: a.mean()),
        "mean_-1": ((u(3, 4),), lambda a: a.mean(-1)),
        "max": ((u(3, 4),), lambda a: a.max()),
        "max_1": ((u(3, 4),), lambda a: a.max(1).values),
        "min_0_keep": ((u(3, 4),), lambda a: a.min(0, keepdim=True).values),
        "max_tie": ((torch.tensor([3.0, 1.0, 3.0]),), lambda a: a.max()),
        "matmul_22": ((u(3, 4), u(4, 5)), torch.matmul),
        "matmul_11": ((u(4), u(4)), torch.matmul),
        "matmul_21": ((u(3, 4), u(4)), torch.matmul),
        "matmul_12": ((u(4), u(4, 5)), torch.matmul),
        "matmul_33": ((u(2, 3, 4), u(2, 4, 5)), torch.matmul),
        "matmul_32": ((u(2, 3, 4), u(4, 5)), torch.matmul),
        "matmul_broadcast": ((u(2, 1, 3, 4), u(5, 4, 2)), torch.matmul),
        "matmul_13": ((u(4), u(2, 4, 5)), torch.matmul),
        "linear": ((u(6, 4), u(5, 4), u(5)), F.linear),
        "linear_nobias": ((u(6, 4), u(5, 4)), F.linear),
        "linear_3d": ((u(2, 3, 4), u(5, 4), u(5)), F.linear),
        "linear_1d": ((u(4), u(5, 4), u(5)), F.linear),
        "reshape": ((u(3, 4),), lambda a: a.reshape(2, -1)),
        "flatten": ((u(2, 3, 4),), lambda a: a.flatten(1)),
        "unsqueeze": ((u(3, 4),), lambda a: a.unsqueeze(1)),
        "squeeze": ((u(3, 1, 4),), lambda a: a.squeeze(1)),
        "transpose": ((u(2, 3, 4),), lambda a: a.transpose(0, 2)),
        "t": ((u(3, 4),), lambda a: a.t()),
        "expand": ((u(3, 1),), lambda a: a.expand(2, 3, 4)),
        "select_0": ((u(3, 4),), lambda a: a[1]),
        "select_1": ((u(3, 4),), lambda a: a.select(1, -1)),
        "narrow_0": ((u(5, 4),), lambda a: a.narrow(0, 1, 3)),
        "narrow_1": ((u(3, 4),), lambda a: a.narrow(1, 1, 2)),
        "index_select_0": ((u(3, 4), index), lambda a, i: a.index_select(0, i)),
        "index_select_1": ((u(3, 4), index), lambda a, i: a.index_select(1, i)),
        "gather": ((u(4, 3), index.reshape(4, 1)), lambda a, i: a.gather(1, i)),
        "stack_0": ((u(3, 4), u(3, 4)), lambda a, b: torch.stack([a, b])),
        "stack_1": ((u(3, 4), u(3, 4)), lambda a, b: torch.stack([a, b], 1)),
        "cat_0": ((u(3, 4), u(2, 4)), lambda a, b: torch.cat([a, b])),
        "cat_1": ((u(3, 4), u(3, 2)), lambda a, b: torch.cat([a, b], 1)),
        "softmax": ((u(6, 5),), lambda a: torch.softmax(a, -1)),
        "softmax_0": ((u(6, 5),), lambda a: torch.softmax(a, 0)),
        "log_softmax": ((u(6, 5),), lambda a: torch.log_softmax(a, -1)),
        "cross_entropy": ((u(6, 5), target), F.cross_entropy),
        "cross_entropy_sum": (
            (u(6, 5), target), lambda a, t: F.cross_entropy(a, t, reduction="sum")),
        "cross_entropy_none": (
            (u(6, 5), target), lambda a, t: F.cross_entropy(a, t, reduction="none")),
        "cross_entropy_ignore": ((u(6, 5), ignored), F.cross_entropy),
        "cross_entropy_1d": ((u(5), torch.tensor(3)), F.cross_entropy),
        "mse_loss": ((u(6, 5), u(6, 5)), F.mse_loss),
        "mse_loss_sum": ((u(6, 5), u(6, 5)), lambda a, b: F.mse_loss(a, b, reduction="sum")),
        "mse_loss_none": ((u(6, 5), u(6, 5)), lambda a, b: F.mse_loss(a, b, reduction="none")),
        "used_twice": ((u(3, 4),), lambda a: a * a + a.exp()),
        "mlp": (
            (u(6, 4), u(5, 4), u(5), u(3, 5), u(3)),
            lambda x, w1, b1, w2, b2: F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2)),
    }


def op_figures():
    r = Record("torch_ops.txt")
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
    r.write()


def optim_figures():
    r = Record("torch_optim.txt")
    variants = {
        "plain": dict(),
        "momentum": dict(momentum=0.9),
        "dampening": dict(momentum=0.9, dampening=0.3),
        "decay": dict(weight_decay=0.01),
        "nesterov": dict(momentum=0.9, weight_decay=0.01, nesterov=True),
        "momentum_decay": dict(momentum=0.8, weight_decay=0.02),
    }
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        d = str(dtype).removeprefix("torch.")
        for name, options in variants.items():
            torch.manual_seed(5)
            p = torch.nn.Parameter(torch.randn(37, dtype=torch.float64).to(dtype))
            optimizer = torch.optim.SGD([p], lr=0.1, **options)
            r.add(f"{d}.{name}.start", p)
            for step in range(4):
                p.grad = torch.randn(37, dtype=torch.float64).to(dtype)
                r.add(f"{d}.{name}.grad{step}", p.grad)
                optimizer.step()
                r.add(f"{d}.{name}.step{step}", p)
    r.write()


def training_figures():
    """An MLP 64-32-10, cross-entropy, SGD with momentum, 20 steps on fixed data."""
    r = Record("torch_training.txt")
    torch.manual_seed(2024)
    x = torch.randn(640, 64)
    y = torch.randint(0, 10, (640,))
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for step in range(20):
        rows = slice(32 * step, 32 * step + 32)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    r.add("losses", torch.stack(losses))
    for i, p in enumerate(model.parameters()):
        r.add(f"parameter{i}", p)
    r.write()


def text_figures():
    """How torch prints tensors; line ends are written as \\n."""
    r = Record("torch_text.txt")
    torch.manual_seed(77)
    inf, nan = float("inf"), float("nan")
    cases = {
        "number": torch.tensor(3.5),
        "whole_number": torch.tensor(10.0),
        "zero": torch.tensor(0.0),
        "integer": torch.tensor(-7),
        "flag": torch.tensor(True),
        "vector": torch.tensor([0.0, 10.0]),
        "negative": torch.tensor([1.5, -2.25, 0.0]),
        "integers": torch.tensor([1, -200, 3]),
        "flags": torch.tensor([True, False, True]),
        "double": torch.tensor([0.1, 0.2], dtype=torch.float64),
        "half": torch.tensor([0.1, 2.0]).half(),
        "bytes": torch.tensor([1, 255], dtype=torch.uint8),
        "small": torch.tensor([1e-5, 1.0]),
        "large": torch.tensor([1.0, 123456.75]),
        "whole_large": torch.tensor([1.0, 2e9]),
        "not_finite": torch.tensor([inf, -inf, nan, 1.0]),
        "not_finite_fraction": torch.tensor([inf, nan, 0.5]),
        "only_nan": torch.tensor([nan, nan]),
        "zeros": torch.zeros(2, 3),
        "matrix": torch.randn(3, 4),
        "cube": torch.randn(2, 2, 3),
        "hypercube": torch.arange(16).reshape(2, 2, 2, 2),
        "long": torch.arange(100),
        "long_floats": torch.randn(30),
        "very_long": torch.arange(1001),
        "wide": torch.randn(2, 501),
        "tall": torch.arange(1200).reshape(400, 3),
        "large_cube": torch.arange(1400).reshape(7, 10, 20),
        "empty": torch.empty(0),
        "empty_matrix": torch.empty(0, 3),
        "empty_integers": torch.empty(2, 0, dtype=torch.int32),
        "single": torch.tensor([[5.0]]),
        "break_before_dtype": torch.arange(22, dtype=torch.int32),
    }
    for name, x in cases.items():
        r.add(name, x)
        r.lines.append(f"text.{name} " + str(x).replace("\n", "\\n"))
    leaf = torch.tensor([1.0, 2.0], requires_grad=True)
    r.lines.append("text.leaf " + str(leaf))
    r.lines.append("text.computed " + str(leaf + leaf))
    r.lines.append("text.loss " + str((leaf * leaf).sum()))
    r.write()


if __name__ == "__main__":
    torch.set_num_threads(1)
    random_figures()
    dtype_figures()
    op_figures()
    optim_figures()
    training_figures()
    text_figures()
