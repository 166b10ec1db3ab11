#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records what PyTorch's optimisers, schedules, clipping, GradScaler and CPU autocast do.

    python3 tests/reference/optim_record.py

writes optim_*.txt beside itself, in the form of torch_record.py: a line is

    name dtype shape values…

with the hexadecimal bits of each element. Texts are `text.NAME …` with line ends as \\n.
"""

import math
import os

import numpy as np
import torch

from torch_record import Record, HERE  # noqa: F401


def write(record):
    head = f"# torch {torch.__version__}, by optim_record.py\n"
    with open(os.path.join(HERE, record.name), "w") as f:
        f.write(head + "\n".join(record.lines) + "\n")


def doubles(values):
    return torch.tensor(values, dtype=torch.float64)


OPTIMIZERS = {
    "sgd_maximize": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, maximize=True)),
    "adam": (torch.optim.Adam, dict(lr=0.1)),
    "adam_decay": (torch.optim.Adam, dict(lr=0.05, weight_decay=0.02)),
    "adam_amsgrad": (torch.optim.Adam, dict(lr=0.1, amsgrad=True, betas=(0.8, 0.7))),
    "adam_beta": (torch.optim.Adam, dict(lr=0.1, betas=(0.3, 0.9), eps=1e-3, maximize=True)),
    "adamw": (torch.optim.AdamW, dict(lr=0.1)),
    "adamw_amsgrad": (torch.optim.AdamW, dict(lr=0.02, weight_decay=0.3, amsgrad=True)),
    "rmsprop": (torch.optim.RMSprop, dict(lr=0.05)),
    "rmsprop_centered": (torch.optim.RMSprop, dict(lr=0.05, centered=True, weight_decay=0.01)),
    "rmsprop_momentum": (torch.optim.RMSprop, dict(lr=0.02, alpha=0.9, momentum=0.8)),
    "rmsprop_all": (
        torch.optim.RMSprop,
        dict(lr=0.02, alpha=0.4, momentum=0.8, centered=True, weight_decay=0.1, maximize=True),
    ),
    "adagrad": (torch.optim.Adagrad, dict(lr=0.1)),
    "adagrad_all": (
        torch.optim.Adagrad,
        dict(lr=0.1, lr_decay=0.2, weight_decay=0.05, initial_accumulator_value=0.3),
    ),
}

STEPS = 6
SHOWN = (0, 1, 5)


class IeeeRoots:
    """torch takes square roots from MKL, which rounds about one in 170 to the other neighbour.

    Inside of this they are IEEE's, as numpy has them.
    """

    @staticmethod
    def _root(tensor):
        return torch.from_numpy(np.sqrt(tensor.detach().numpy()))

    def __enter__(self):
        self.stock = torch.Tensor.sqrt, torch.Tensor.sqrt_

        def sqrt(tensor):
            wide = tensor.dtype in (torch.float32, torch.float64)
            return self._root(tensor) if wide else self.stock[0](tensor)

        torch.Tensor.sqrt = sqrt
        torch.Tensor.sqrt_ = lambda tensor: tensor.copy_(sqrt(tensor))

    def __exit__(self, *_):
        torch.Tensor.sqrt, torch.Tensor.sqrt_ = self.stock


def play_steps(kind, options, start, grads):
    """The parameter after each shown step, and the state at the end: name to tensor."""
    figures = {}
    p = torch.nn.Parameter(start.clone())
    optimizer = kind([p], **options)
    for step, grad in enumerate(grads):
        p.grad = grad.clone()
        optimizer.step()
        if step in SHOWN:
            figures[f"step{step}"] = p.detach().clone()
    for key, value in optimizer.state[p].items():
        figures[f"state.{key}"] = value.clone()
    return figures


def step_figures():
    """As torch has it; where IEEE's roots would give other bits, those as NAME.ieee."""
    r = Record("optim_steps.txt")
    n = 37
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        d = str(dtype).removeprefix("torch.")
        torch.manual_seed(5)
        start = torch.randn(n, dtype=torch.float64).to(dtype)
        grads = [torch.randn(n, dtype=torch.float64).to(dtype) for _ in range(STEPS)]
        r.add(f"{d}.start", start)
        for step, grad in enumerate(grads):
            r.add(f"{d}.grad{step}", grad)
        for name, (kind, options) in OPTIMIZERS.items():
            figures = play_steps(kind, options, start, grads)
            with IeeeRoots():
                exact = play_steps(kind, options, start, grads)
            for key, value in figures.items():
                r.add(f"{d}.{name}.{key}", value)
                if not torch.equal(value, exact[key]):
                    r.add(f"{d}.{name}.{key}.ieee", exact[key])
    # A long run: the powers of beta.
    p = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = torch.optim.Adam([p], lr=0.1, betas=(0.99, 0.9999))
    for step in range(3000):
        p.grad = torch.tensor([1.0, -0.5, 0.25 * (step % 5)], dtype=torch.float64)
        optimizer.step()
        if step % 500 == 499:
            r.add(f"long.step{step + 1}", p)
    write(r)


def text_figures():
    r = Record("optim_text.txt")

    def text(name, value):
        r.lines.append(f"text.{name} " + str(value).replace("\n", "\\n"))

    p = [torch.nn.Parameter(torch.ones(2))]
    q = [torch.nn.Parameter(torch.ones(2))]
    text("sgd", torch.optim.SGD(p, lr=1e-2, momentum=0.9, nesterov=True, weight_decay=1e-5))
    text("adam", torch.optim.Adam(p))
    text("adam_lr", torch.optim.Adam(p, lr=2e-5, betas=(0.5, 0.95), foreach=False))
    text("adamw", torch.optim.AdamW(p, lr=1))
    text("rmsprop", torch.optim.RMSprop(p, lr=1e-3, momentum=0.5))
    text("adagrad", torch.optim.Adagrad(p))
    groups = torch.optim.Adam([{"params": p, "lr": 0.5}, {"params": q}], lr=0.25)
    text("groups", groups)
    torch.optim.lr_scheduler.StepLR(groups, 3)
    text("scheduled", groups)
    one = torch.optim.SGD(p, lr=0.1, momentum=0.9)
    torch.optim.lr_scheduler.OneCycleLR(one, max_lr=1.0, total_steps=10)
    text("onecycle", one)
    write(r)


L = torch.optim.lr_scheduler

SCHEDULES = {
    "step": (lambda o: L.StepLR(o, 3, gamma=0.3), 20),
    "multistep": (lambda o: L.MultiStepLR(o, [2, 5, 5, 11], gamma=0.3), 20),
    "exponential": (lambda o: L.ExponentialLR(o, 0.93), 40),
    "constant": (lambda o: L.ConstantLR(o, factor=0.3, total_iters=4), 10),
    "linear": (lambda o: L.LinearLR(o, start_factor=0.1, end_factor=0.7, total_iters=7), 12),
    "linear_default": (lambda o: L.LinearLR(o), 10),
    "polynomial": (lambda o: L.PolynomialLR(o, total_iters=9, power=2.5), 14),
    "lambda": (lambda o: L.LambdaLR(o, lambda epoch: 1 / (1 + 0.3 * epoch)), 20),
    "lambdas": (
        lambda o: L.LambdaLR(o, [lambda epoch: 1 / (epoch + 1), lambda epoch: 0.5 + epoch]), 8),
    "multiplicative": (lambda o: L.MultiplicativeLR(o, lambda epoch: 0.95 + 0.001 * epoch), 20),
    "cosine": (lambda o: L.CosineAnnealingLR(o, 10, eta_min=0.001), 45),
    "cosine_long": (lambda o: L.CosineAnnealingLR(o, 237), 800),
    "restarts": (lambda o: L.CosineAnnealingWarmRestarts(o, 5, T_mult=2, eta_min=0.01), 60),
    "restarts_even": (lambda o: L.CosineAnnealingWarmRestarts(o, 7), 30),
    "onecycle": (lambda o: L.OneCycleLR(o, max_lr=0.5, total_steps=50), 49),
    "onecycle_linear": (
        lambda o: L.OneCycleLR(
            o, max_lr=[0.5, 0.7], epochs=4, steps_per_epoch=10, anneal_strategy="linear",
            three_phase=True, pct_start=0.25, div_factor=10.0, final_div_factor=50.0,
            base_momentum=0.8, max_momentum=0.9), 39),
    "onecycle_plain": (
        lambda o: L.OneCycleLR(o, max_lr=0.5, total_steps=30, cycle_momentum=False), 29),
    "sequential": (
        lambda o: L.SequentialLR(
            o, [L.LinearLR(o, 0.2, total_iters=4), L.CosineAnnealingLR(o, 8),
                L.ExponentialLR(o, 0.8)], milestones=[4, 13]), 25),
    "chained": (
        lambda o: L.ChainedScheduler(
            [L.ConstantLR(o, factor=0.1, total_iters=3), L.ExponentialLR(o, 0.9)]), 12),
}


def metrics():
    """A loss that falls, stands still and rises again."""
    return [math.exp(-0.3 * i) if i < 8 else 0.09 + 0.002 * (i % 7) for i in range(60)]


PLATEAUS = {
    "plateau": dict(factor=0.5, patience=2),
    "plateau_cooldown": dict(factor=0.3, patience=1, cooldown=4, min_lr=0.004, eps=1e-3),
    "plateau_max": dict(mode="max", factor=0.7, patience=3, threshold=0.1),
    "plateau_abs": dict(factor=0.5, patience=2, threshold=0.05, threshold_mode="abs"),
    "plateau_max_abs": dict(mode="max", factor=0.9, patience=0, threshold=0.01,
                            threshold_mode="abs", min_lr=[0.02, 0.05]),
}


def schedule_figures():
    """lr of both groups after each step, momentum or beta1 where a schedule moves it."""
    r = Record("optim_schedules.txt")

    def optimizer(kind=torch.optim.SGD, **options):
        p = torch.nn.Parameter(torch.ones(1))
        q = torch.nn.Parameter(torch.ones(1))
        return kind([{"params": [p]}, {"params": [q], "lr": 0.37}], lr=0.1, **options)

    def play(name, o, step, count, first):
        rates, momenta = [], []

        def note():
            for group in o.param_groups:
                rates.append(float(group["lr"]))
                momenta.append(
                    float(group["betas"][0] if "betas" in group else group["momentum"]))

        note()
        for i in range(count):
            step(i)
            note()
        r.add(name, doubles(rates))
        if any(m != first for m in momenta):
            r.add(f"{name}.momentum", doubles(momenta))

    for name, (make, count) in SCHEDULES.items():
        o = optimizer(momentum=0.9)
        schedule = make(o)
        o.step()
        play(name, o, lambda i: schedule.step(), count, 0.9)
    o = optimizer(torch.optim.Adam)
    schedule = L.OneCycleLR(o, max_lr=0.5, total_steps=50)
    o.step()
    play("onecycle_adam", o, lambda i: schedule.step(), 49, 0.9)
    for name, options in PLATEAUS.items():
        o = optimizer(momentum=0.9)
        schedule = L.ReduceLROnPlateau(o, **options)
        losses = metrics()
        play(name, o, lambda i: schedule.step(losses[i]), len(losses), 0.9)
    r.add("metrics", doubles(metrics()))
    write(r)


def clip_figures():
    r = Record("optim_clip.txt")
    torch.manual_seed(3)
    grads = [torch.randn(7, 5) * 3, torch.randn(11), torch.randn(2, 3, 4) * 0.1, torch.randn(1)]
    for i, grad in enumerate(grads):
        r.add(f"grad{i}", grad)
    for name, norm in (("2", 2.0), ("1", 1.0), ("inf", math.inf), ("3", 3.0), ("half", 0.5),
                       ("0", 0.0), ("minus_inf", -math.inf)):
        for limit in (1.5, 1e6):
            parameters = [torch.nn.Parameter(torch.zeros_like(g)) for g in grads]
            for p, g in zip(parameters, grads):
                p.grad = g.clone()
            total = torch.nn.utils.clip_grad_norm_(parameters, limit, norm_type=norm)
            key = f"norm_{name}.{'small' if limit < 10 else 'large'}"
            r.add(f"{key}.total", total)
            for i, p in enumerate(parameters):
                r.add(f"{key}.grad{i}", p.grad)
    parameters = [torch.nn.Parameter(torch.zeros_like(g)) for g in grads]
    for p, g in zip(parameters, grads):
        p.grad = g.clone()
    torch.nn.utils.clip_grad_value_(parameters, 0.75)
    for i, p in enumerate(parameters):
        r.add(f"value.grad{i}", p.grad)
    write(r)


def scaler_figures():
    """Gradients of which some are infinite, and what the scaler makes of it."""
    r = Record("optim_scaler.txt")
    torch.manual_seed(9)
    p = torch.nn.Parameter(torch.randn(5))
    r.add("start", p)
    optimizer = torch.optim.SGD([p], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=3)
    scales, trackers = [], []
    for step in range(14):
        factor = torch.randn(5)
        if step in (2, 8, 9):
            factor[step % 5] = math.inf if step != 9 else math.nan
        r.add(f"factor{step}", factor)
        optimizer.zero_grad()
        scaler.scale((p * factor).sum()).backward()
        if step % 2 == 0:
            scaler.unscale_(optimizer)
            r.add(f"grad{step}", p.grad)
        scaler.step(optimizer)
        scaler.update()
        r.add(f"step{step}", p)
        scales.append(scaler.get_scale())
        trackers.append(scaler._growth_tracker.item())
    r.add("scales", doubles(scales))
    r.add("trackers", torch.tensor(trackers))
    # Growth stops before infinity; odd factors round to float32.
    p = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([p], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**126, growth_interval=1)
    scales = []
    for _ in range(4):
        p.grad = torch.ones(1)
        scaler.scale(torch.ones(()))
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    r.add("ceiling", doubles(scales))
    scaler = torch.amp.GradScaler("cpu", init_scale=3.0, growth_factor=1.1, backoff_factor=0.3,
                                  growth_interval=2)
    scales = []
    for step in range(9):
        p.grad = torch.full((1,), math.inf if step % 4 == 3 else 1.0)
        scaler.scale(torch.ones(()))
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    r.add("odd", doubles(scales))
    write(r)


def autocast_figures():
    """An MLP under torch.autocast("cpu", bfloat16): outputs, loss and gradients."""
    r = Record("optim_autocast.txt")
    torch.manual_seed(21)
    x = torch.randn(6, 20)
    model = torch.nn.Sequential(
        torch.nn.Linear(20, 33), torch.nn.ReLU(), torch.nn.Linear(33, 4, bias=False))
    target = torch.randn(6, 4)
    r.add("x", x)
    r.add("target", target)
    for i, p in enumerate(model.parameters()):
        r.add(f"parameter{i}", p)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model[0](x)
        out = model(x)
        product = x @ x.t()
        loss = torch.nn.functional.mse_loss(out, target)
    loss.backward()
    r.add("hidden", hidden)
    r.add("out", out)
    r.add("product", product)
    r.add("loss", loss)
    for i, p in enumerate(model.parameters()):
        r.add(f"grad{i}", p.grad)
    write(r)


if __name__ == "__main__":
    torch.set_num_threads(1)
    step_figures()
    text_figures()
    schedule_figures()
    clip_figures()
    scaler_figures()
    autocast_figures()
