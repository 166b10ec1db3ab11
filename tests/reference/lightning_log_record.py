#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records what Lightning's self.log does, for tests/sim/train/test_log_reference.c and
tests/sim/train/test_hook_rules.c.

    lightning_log_record.py           writes the three files below
    lightning_log_record.py NAME ...  plays only those cases and prints them

lightning_log_cases.json: the cases, as data; the test plays them with our Trainer. Of a case:
  train, val    n: samples of each rank (rank r has n[r % len(n)]), batch: the batch size; val is a
                list of loaders
  log           what the module logs: in `hook`, `times` times, under `name`, a value of `kind`
                (see value()), with `options`; `only_rank`, `only_batch`: not on others
  trainer       arguments of the Trainer
  read          hooks at whose end the three dictionaries are shown
lightning_log_figures.txt: per case, world size and rank, what was seen, a line each:
  case NAME WORLD RANK
  logger STEP KEY=VALUE ...         a call of Logger.log_metrics, keys in its order
  HOOK callback KEY=VALUE ...       the dictionaries; also "logged" and "bar"
  validate KEY=VALUE ...            what trainer.validate returned, a line each loader
  warning KIND                      see WARNINGS; each once
  error CLASS TEXT                  the exception that ended the run; of rank 0
Values are C99's hexadecimal floating point numbers.
lightning_log_hooks.txt: HOOK ON_STEP ON_EPOCH : STEP EPOCH or CLASS TEXT, of _FxValidator; n, t, f
  stand for None, True and False.

A custom logger without rank_zero_only gets each rank's calls, so what every rank would have
written is seen. World sizes 2 and 3 are gloo processes on this machine.
"""

import json
import logging
import multiprocessing
import os
import pathlib
import socket
import sys
import warnings

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE / "lightning_log_cases.json"
FIGURES = HERE / "lightning_log_figures.txt"
HOOKS = HERE / "lightning_log_hooks.txt"

WARNINGS = [
    ("sync", "It is recommended to use `self.log("),
    ("floating", "but the value needs to be floating"),
    ("no_logger", "but have no logger configured"),
    ("ambiguous", "Trying to infer the `batch_size` from an ambiguous collection"),
]


def entry(hook, name, kind="f32", only_rank=None, only_batch=None, times=1, **options):
    made = {"hook": hook, "name": name, "kind": kind, "times": times, "options": options}
    if only_rank is not None:
        made["only_rank"] = only_rank
    if only_batch is not None:
        made["only_batch"] = only_batch
    return made


def case(name, log, train=None, val=None, read=None, epochs=1, batch="pair", **trainer):
    return {
        "name": name,
        "batch": batch,
        "train": train or {"n": [8], "batch": 4},
        "val": [] if val is None else val,
        "log": log,
        "read": read or [],
        "trainer": {
            "max_epochs": epochs,
            "log_every_n_steps": 1,
            "num_sanity_val_steps": 0,
            **trainer,
        },
    }


EVEN = {"n": [8], "batch": 4}
UNEVEN = {"n": [10, 11, 9], "batch": 4}  # as many batches, the last of another size
LONGER = {"n": [3, 9, 14], "batch": 4}  # 1, 3 and 4 batches; only where no collective is per batch
ALL = ["on_train_batch_end", "on_train_epoch_end", "on_validation_epoch_end"]
T, V, E = "training_step", "validation_step", "on_validation_epoch_end"


def all_cases():
    cases = []

    # Values of every kind, on step and on epoch.
    kinds = "number whole bool f32 f64 f16 bf16 i64 one third third64".split()
    cases.append(case("kinds_step", [entry(T, k, k) for k in kinds], read=ALL))
    log = [entry(T, k, k, on_step=False, on_epoch=True) for k in kinds]
    cases.append(case("kinds_epoch", log, read=ALL))
    cases.append(
        case(
            "kinds_both_sync",
            [entry(T, k, k, on_epoch=True, sync_dist=True) for k in kinds],
            train=UNEVEN,
            read=["on_train_batch_end"],
        )
    )

    # on_step x on_epoch x logger x prog_bar, training and validation.
    flags = [(None, None), (True, False), (False, True), (True, True)]
    flags += [(True, None), (False, None), (None, True)]
    for hook, where in ((T, "train"), (V, "val")):
        log = []
        for step, epoch in flags:
            options = {}
            if step is not None:
                options["on_step"] = step
            if epoch is not None:
                options["on_epoch"] = epoch
            if hook == T and (step, epoch) == (False, None):
                continue
            log.append(entry(hook, f"x{step}{epoch}", **options))
        cases.append(case(f"flags_{where}", log, val=[EVEN], read=ALL, epochs=2))
    for option in ("logger", "prog_bar"):
        log = []
        for on in (True, False):
            log += [
                entry(T, f"t{on}", on_epoch=True, **{option: on}),
                entry(V, f"v{on}", on_step=True, **{option: on}),
            ]
        cases.append(case(f"option_{option}", log, val=[EVEN], read=ALL))

    # Reductions, with and without sync, even and uneven.
    for reduce_fx in ("mean", "sum", "min", "max"):
        log = []
        for sync in (False, True):
            log += [
                entry(T, f"t{sync}", on_epoch=True, reduce_fx=reduce_fx, sync_dist=sync),
                entry(V, f"v{sync}", reduce_fx=reduce_fx, sync_dist=sync),
            ]
        cases.append(case(f"{reduce_fx}_even", log, val=[EVEN], read=ALL, epochs=2))
        cases.append(case(f"{reduce_fx}_uneven", log, train=UNEVEN, val=[LONGER], read=ALL))
    cases.append(case("reduce_avg", [entry(V, "v", reduce_fx="AVG", sync_dist=True)], val=[UNEVEN]))
    cases.append(
        case(
            "negative_extremes",
            [
                entry(V, f"{r}{s}", "minus", reduce_fx=r, sync_dist=s)
                for r in ("min", "max")
                for s in (False, True)
            ],
            val=[UNEVEN],
            read=ALL,
        )
    )

    # The int64 truncation, and what avoids it.
    log = [entry(V, "v", "ranked", sync_dist=True)]
    cases.append(case("truncated_weight", log, val=[{"n": [3, 4, 4], "batch": 4}], read=ALL))
    cases.append(
        case(
            "batch_size_given",
            [
                entry(V, "one", sync_dist=True, batch_size=1),
                entry(V, "seven", sync_dist=True, batch_size=7),
                entry(V, "seven_local", batch_size=7),
                entry(V, "real", sync_dist=True, batch_size=2.5),
                entry(T, "train", on_epoch=True, sync_dist=True, batch_size=3),
            ],
            train=UNEVEN,
            val=[LONGER],
            read=ALL,
        )
    )
    log = [entry(V, "v", sync_dist=True, batch_size="rank+3")]
    cases.append(case("batch_size_ranked", log, val=[UNEVEN], read=ALL))
    for shape in ("pair", "single", "dict", "nested", "ambiguous", "text"):
        cases.append(
            case(
                f"batch_{shape}",
                [entry(T, "t", on_step=False, on_epoch=True), entry(V, "v", sync_dist=True)],
                train=UNEVEN,
                val=[LONGER],
                batch=shape,
                read=["on_validation_epoch_end"],
            )
        )
    cases.append(case("batch_none", [entry(V, "v")], val=[EVEN], batch="nothing"))
    log = [entry(V, "v", batch_size=2), entry(V, "sum", reduce_fx="sum")]
    cases.append(case("batch_none_given", log, val=[EVEN], batch="nothing"))

    # rank_zero_only.
    for sync in (False, True):
        cases.append(
            case(
                f"rank_zero_only_{sync}",
                [
                    entry(T, "t", on_epoch=True, rank_zero_only=True, sync_dist=sync, only_rank=0),
                    entry(V, "v", rank_zero_only=True, sync_dist=sync, only_rank=0),
                    entry(E, "e", rank_zero_only=True, sync_dist=sync, only_rank=0),
                    entry(V, "all", rank_zero_only=True, sync_dist=sync),
                ],
                val=[EVEN],
                read=ALL,
            )
        )

    # Several validation loaders.
    cases.append(
        case(
            "two_loaders",
            [
                entry(V, "v", sync_dist=True),
                entry(V, "both", on_step=True, on_epoch=True),
                entry("on_validation_epoch_end", "e", sync_dist=True),
            ],
            val=[EVEN, UNEVEN],
            read=ALL,
            epochs=2,
        )
    )
    cases.append(
        case(
            "three_loaders",
            [
                entry(V, "v", prog_bar=True),
                entry(V, "s", on_step=True, on_epoch=False, sync_dist=True),
            ],
            val=[EVEN, UNEVEN, {"n": [5], "batch": 5}],
            read=ALL,
        )
    )
    cases.append(
        case(
            "two_loaders_no_suffix",
            [entry(V, "plain%d", add_dataloader_idx=False, sync_dist=True)],
            val=[EVEN, UNEVEN],
            read=ALL,
        )
    )
    log = [entry(V, "v", add_dataloader_idx=False)]
    cases.append(case("two_loaders_same_name", log, val=[EVEN, UNEVEN], read=ALL))

    # Other hooks.
    cases.append(
        case(
            "epoch_hooks",
            [
                entry("on_train_start", "train_start"),
                entry("on_train_epoch_start", "epoch_start", sync_dist=True),
                entry("on_train_epoch_end", "epoch_end", sync_dist=True),
                entry("on_validation_start", "val_start"),
                entry("on_validation_epoch_start", "val_epoch_start", sync_dist=True),
                entry("on_validation_epoch_end", "val_epoch_end", reduce_fx="sum", sync_dist=True),
            ],
            val=[EVEN],
            read=ALL,
            epochs=3,
        )
    )
    batch_hooks = [
        "on_train_batch_start", "on_before_zero_grad", "on_before_backward", "on_after_backward",
        "on_before_optimizer_step", "on_train_batch_end", "on_validation_batch_start",
        "on_validation_batch_end",
    ]
    log = [entry(h, h) for h in batch_hooks]
    cases.append(case("batch_hooks", log, val=[EVEN], read=ALL, epochs=2))
    cases.append(
        case(
            "batch_hooks_epoch",
            [entry(h, h, on_step=False, on_epoch=True, sync_dist=True) for h in batch_hooks],
            train=UNEVEN,
            val=[UNEVEN],
            read=ALL,
            epochs=2,
        )
    )
    cases.append(
        case(
            "same_name_two_hooks",
            [
                entry(T, "x", on_epoch=True),
                entry("on_train_batch_end", "x", on_epoch=True),
                entry("on_train_epoch_end", "y"),
                entry(T, "y", on_step=False, on_epoch=True),
                entry(V, "z"),
                entry("on_validation_epoch_end", "z"),
            ],
            val=[EVEN],
            read=ALL,
            epochs=2,
        )
    )
    cases.append(
        case(
            "twice_in_a_hook",
            [
                entry(T, "t", on_epoch=True, times=2),
                entry(V, "v", times=3, sync_dist=True),
                entry("on_validation_epoch_end", "e", times=2, sync_dist=True),
                entry("on_train_epoch_end", "f", times=2, reduce_fx="sum", sync_dist=True),
            ],
            val=[UNEVEN],
            read=ALL,
            epochs=2,
        )
    )
    cases.append(
        case(
            "not_every_batch",
            [
                entry(T, "first", on_epoch=True, only_batch=0),
                entry(T, "second", on_epoch=True, only_batch=1),
                entry(V, "v", only_batch=1),
                entry(V, "w", only_batch=0, on_step=True),
            ],
            train=UNEVEN,
            val=[UNEVEN],
            read=ALL,
            epochs=2,
        )
    )

    # Which step, and when it is written.
    log = [entry(T, "a"), entry(T, "b", on_epoch=True), entry(V, "v"), entry(V, "w", on_step=True)]
    ten, many = {"n": [40], "batch": 4}, {"n": [120], "batch": 1}
    cases.append(case("every_three", log, ten, [EVEN], epochs=2, log_every_n_steps=3))
    cases.append(case("every_fifty", log, many, [EVEN], log_every_n_steps=50))
    cases.append(case("never", log, val=[EVEN], log_every_n_steps=0))
    cases.append(
        case(
            "accumulated",
            log,
            train={"n": [28], "batch": 4},
            val=[EVEN],
            epochs=2,
            accumulate_grad_batches=3,
            read=["on_train_batch_end"],
        )
    )
    cases.append(
        case(
            "val_interval",
            log,
            train={"n": [20], "batch": 4},
            val=[UNEVEN],
            epochs=2,
            val_check_interval=2,
            log_every_n_steps=2,
            read=["on_train_batch_end", "on_validation_epoch_end"],
        )
    )
    three = {"n": [12], "batch": 4}
    cases.append(case("sanity", log, val=[three], num_sanity_val_steps=2, read=ALL))
    read = ["on_train_epoch_end"]
    cases.append(case("max_steps", log, ten, [EVEN], epochs=-1, max_steps=7, read=read))
    cases.append(
        case(
            "step_key",
            [
                entry(T, "a"),
                entry(T, "step", "whole"),
                entry(V, "v"),
                entry("on_validation_epoch_end", "step", "whole"),
                entry("on_train_epoch_end", "step", "third"),
            ],
            val=[EVEN],
            epochs=2,
            read=ALL,
        )
    )
    more = [entry(T, "epoch", "whole"), entry(V, "v"), entry(T, "a", on_epoch=True)]
    cases.append(case("epoch_key", more, val=[EVEN], read=ALL))
    cases.append(case("fast_dev_run", log, val=[EVEN], fast_dev_run=True, read=ALL))
    more = [*log, entry(T, "c", logger=True)]
    cases.append(case("no_logger", more, val=[EVEN], logger=False, read=ALL))
    cases.append(case("empty", [], val=[EVEN], read=ALL))
    cases.append(case("validate_only", log, val=[EVEN, UNEVEN], read=ALL, method="validate"))
    more = [entry(V, "v", sync_dist=True), entry(V, "w", on_step=True)]
    cases.append(case("validate_one", more, val=[UNEVEN], method="validate", read=ALL))
    more = [entry(T, f"k{i}", on_epoch=i % 2 == 0, sync_dist=i % 3 == 0) for i in range(12)]
    cases.append(case("many_keys", more, train=UNEVEN, read=ALL))

    # Metric objects: each entry has one of its own, a sum over batches and ranks.
    for kind in ("metric", "metric_update"):
        log = [
            entry(T, "t", kind, on_step=True, on_epoch=True),
            entry(T, "s", kind),
            entry(V, "v", kind),
            entry(V, "w", kind, on_step=True, on_epoch=True, sync_dist=True),
            entry(V, "x", kind, reduce_fx="max", batch_size=7),
        ]
        cases.append(case(kind, log, UNEVEN, [LONGER], read=ALL, epochs=2))
        cases.append(case(f"{kind}_loaders", log[2:], val=[EVEN, UNEVEN], read=ALL, epochs=2))

    # Errors.
    def error(name, log, **more):
        cases.append(case(f"error_{name}", log, val=[EVEN], **more))

    error("twice_different", [entry(T, "x"), entry(T, "x", prog_bar=True)])
    error("twice_reduce", [entry(V, "x"), entry(V, "x", reduce_fx="sum")])
    error("twice_sync", [entry(T, "x"), entry(T, "x", sync_dist=True)])
    error("neither", [entry(T, "x", on_step=False, on_epoch=False)])
    error("neither_val", [entry(V, "x", on_epoch=False)])
    error("reduce_name", [entry(T, "x", reduce_fx="median")])
    error("loader_name", [entry(T, "x/dataloader_idx_0")])
    error("epoch_end_on_step", [entry("on_validation_epoch_end", "x", on_step=True)])
    error("epoch_end_off_epoch", [entry("on_train_epoch_end", "x", on_epoch=False)])
    error("fit_start", [entry("on_fit_start", "x")])
    error("train_end", [entry("on_train_end", "x")])
    error("validation_end", [entry("on_validation_end", "x")])
    error("setup", [entry("setup", "x")])
    error("optimizers", [entry("configure_optimizers", "x")])
    error("two_elements", [entry(T, "x", "two")])
    error("no_elements", [entry(T, "x", "none")])
    error("text", [entry(T, "x", "text")])
    error("list", [entry(T, "x", "list")])
    error("dict", [entry(T, "x", "dict")])
    error("nested", [entry(T, "x", "nested")])
    error("nil", [entry(T, "x", "nil")])
    error("metric_no_field", [entry(T, "x", "metric_no_field")])
    error("metric_and_tensor", [entry(T, "x", "metric"), entry(T, "x", "f32")])
    return cases


# ---- in a rank ----


def value(kind, base):
    import torch

    if kind == "number":
        return base
    if kind == "whole":
        return int(base)
    if kind == "bool":
        return int(base) % 2 == 1
    if kind == "third":
        return base / 3
    if kind == "minus":
        return torch.tensor(-base)
    if kind == "ranked":
        return torch.tensor(float(1 + base // 10 % 10))
    if kind == "text":
        return "loss"
    if kind == "list":
        return ["loss", torch.tensor(base)]
    if kind == "dict":
        return {"a": torch.tensor(base)}
    if kind == "nested":
        return {"a": {"b": torch.tensor(base)}}
    if kind == "nil":
        return None
    tensors = {
        "f32": lambda: torch.tensor(base),
        "f64": lambda: torch.tensor(base, dtype=torch.float64),
        "third64": lambda: torch.tensor(base, dtype=torch.float64) / 3,
        "f16": lambda: torch.tensor(base, dtype=torch.float16),
        "bf16": lambda: torch.tensor(base, dtype=torch.bfloat16),
        "i64": lambda: torch.tensor(int(base)),
        "one": lambda: torch.tensor([[base]]),
        "two": lambda: torch.tensor([base, base]),
        "none": lambda: torch.zeros(0),
    }
    return tensors[kind]()


def hex_of(number):
    return float(number).hex()


def words(mapping):
    return "".join(f" {key}={hex_of(number)}" for key, number in mapping.items())


def loader_of(spec, rank, shape):
    import torch
    from torch.utils.data import DataLoader

    count = spec["n"][rank % len(spec["n"])]

    def collate(items):
        x = torch.stack(items)
        y = torch.zeros(len(items))
        return {
            "pair": lambda: (x, y),
            "single": lambda: x,
            "dict": lambda: {"input": x, "target": y},
            "nested": lambda: [[x, [y]], {"z": y}],
            "ambiguous": lambda: (x, torch.zeros(len(items) + 1)),
            "text": lambda: (x, "words"),
            "nothing": lambda: ("words", "more"),
        }[shape]()

    return DataLoader(torch.ones(count, 1), batch_size=spec["batch"], collate_fn=collate)


def play(case, world, rank, lines):
    import lightning.pytorch as pl
    import torch
    import torchmetrics
    from lightning.pytorch.loggers.logger import Logger

    class Recorder(Logger):
        name = "recorder"
        version = 0

        def log_metrics(self, metrics, step=None):
            lines.append(f"logger {step}{words(metrics)}")

        def log_hyperparams(self, *args, **kwargs):
            pass

    class Net(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)
            for index, item in enumerate(case["log"]):
                if item["kind"].startswith("metric"):
                    setattr(self, f"metric_{index}", torchmetrics.SumMetric())

        def logged_value(self, index, kind, base):
            if not kind.startswith("metric"):
                return value(kind, base)
            if kind == "metric_no_field":
                return torchmetrics.SumMetric()
            metric = getattr(self, f"metric_{index}")
            metric.update(base) if kind == "metric_update" else metric(base)
            return metric

        def note(self, hook, batch_idx=0, dataloader_idx=0):
            for index, item in enumerate(case["log"]):
                if item["hook"] != hook:
                    continue
                if item.get("only_rank", rank) != rank:
                    continue
                if item.get("only_batch", batch_idx) != batch_idx:
                    continue
                options = dict(item["options"])
                if options.get("batch_size") == "rank+3":
                    options["batch_size"] = rank + 3
                name = item["name"] % dataloader_idx if "%d" in item["name"] else item["name"]
                early = hook in ("setup", "configure_optimizers")
                epoch = 0 if early else self.trainer.current_epoch
                for turn in range(item["times"]):
                    base = 1.5 + rank * 10 + batch_idx + 100 * epoch + 0.25 * dataloader_idx
                    base += index * 3 + turn * 32
                    self.log(name, self.logged_value(index, item["kind"], base), **options)
            if hook in case["read"]:
                lines.append(f"{hook} callback{words(self.trainer.callback_metrics)}")
                lines.append(f"{hook} logged{words(self.trainer.logged_metrics)}")
                lines.append(f"{hook} bar{words(self.trainer.progress_bar_metrics)}")

        def run(self, batch):
            return self.layer(torch.ones(2, 1)).mean() * 0

        def training_step(self, batch, batch_idx):
            self.note("training_step", batch_idx)
            self.batch_idx = batch_idx
            return self.run(batch)

        def configure_optimizers(self):
            self.note("configure_optimizers")
            return torch.optim.SGD(self.parameters(), lr=0.1)

        def setup(self, stage):
            self.note("setup")

        def on_train_batch_start(self, batch, batch_idx):
            self.note("on_train_batch_start", batch_idx)

        def on_train_batch_end(self, outputs, batch, batch_idx):
            self.note("on_train_batch_end", batch_idx)

        def on_before_zero_grad(self, optimizer):
            self.note("on_before_zero_grad", self.batch_idx)

        def on_before_backward(self, loss):
            self.note("on_before_backward", self.batch_idx)

        def on_after_backward(self):
            self.note("on_after_backward", self.batch_idx)

        def on_before_optimizer_step(self, optimizer):
            self.note("on_before_optimizer_step", self.batch_idx)

    if case["val"]:
        if len(case["val"]) > 1:
            def validation_step(self, batch, batch_idx, dataloader_idx):
                self.note("validation_step", batch_idx, dataloader_idx)

            def on_validation_batch_start(self, batch, batch_idx, dataloader_idx):
                self.note("on_validation_batch_start", batch_idx, dataloader_idx)

            def on_validation_batch_end(self, outputs, batch, batch_idx, dataloader_idx):
                self.note("on_validation_batch_end", batch_idx, dataloader_idx)
        else:
            def validation_step(self, batch, batch_idx):
                self.note("validation_step", batch_idx)

            def on_validation_batch_start(self, batch, batch_idx):
                self.note("on_validation_batch_start", batch_idx)

            def on_validation_batch_end(self, outputs, batch, batch_idx):
                self.note("on_validation_batch_end", batch_idx)

        Net.validation_step = validation_step
        Net.on_validation_batch_start = on_validation_batch_start
        Net.on_validation_batch_end = on_validation_batch_end

    def plain(hook):
        return lambda self: self.note(hook)

    for hook in (
        "on_fit_start", "on_train_start", "on_train_end", "on_train_epoch_start",
        "on_train_epoch_end", "on_validation_start", "on_validation_end",
        "on_validation_epoch_start", "on_validation_epoch_end",
    ):
        setattr(Net, hook, plain(hook))

    options = dict(case["trainer"])
    method = options.pop("method", "fit")
    recorder = Recorder() if options.pop("logger", True) else False
    if options.get("fast_dev_run"):
        options.pop("max_epochs")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=world,
            strategy="ddp" if world > 1 else "auto",
            use_distributed_sampler=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir="/tmp/lightning_log_record",
            logger=recorder,
            **options,
        )
        if options.get("fast_dev_run") and recorder:
            trainer.loggers = [recorder]  # fast_dev_run replaces it by a dummy
        model = Net()
        try:
            val = [loader_of(spec, rank, case["batch"]) for spec in case["val"]]
            if method == "fit":
                trainer.fit(model, loader_of(case["train"], rank, case["batch"]), val or None)
            else:
                for outputs in trainer.validate(model, val, verbose=False):
                    lines.append(f"validate{words(outputs)}")
            for kind in ("callback", "logged", "progress_bar"):
                shown = getattr(trainer, f"{kind}_metrics")
                lines.append(f"end {kind.replace('progress_', '')}{words(shown)}")
        except Exception as problem:
            text = str(problem).replace("\n", " ")
            lines.append(f"error {type(problem).__name__} {text}")
    kinds = []
    for warning in caught:
        for kind, start in WARNINGS:
            if start in str(warning.message):
                name = str(warning.message).split("'")[1] if "'" in str(warning.message) else ""
                if f"{kind} {name}".strip() not in kinds:
                    kinds.append(f"{kind} {name}".strip())
    lines += [f"warning {kind}" for kind in sorted(kinds)]


def clear_caches():
    """Warnings that are given once a process are given once a case."""
    from lightning.pytorch.trainer.connectors.logger_connector import result
    from lightning.pytorch.utilities import data

    result.warning_cache.clear()
    data.warning_cache.clear()


def run_rank(world, rank, port, names, out):
    os.environ.update(
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world), LOCAL_WORLD_SIZE=str(world), GROUP_RANK="0", OMP_NUM_THREADS="1",
        PL_DISABLE_FORK="1",
    )
    if world > 1:
        os.environ.update(TORCHELASTIC_RUN_ID="record")
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import torch

    torch.set_num_threads(1)
    figures = []
    for one in all_cases():
        if names and one["name"] not in names:
            continue
        lines = []
        clear_caches()
        play(one, world, rank, lines)
        figures.append((one["name"], lines))
    out.put((rank, figures))


def record(world, names):
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [(world, rank, port, names, out) for rank in range(world)]
    ranks = [context.Process(target=run_rank, args=one) for one in arguments]
    for process in ranks:
        process.start()
    found = dict(out.get() for _ in ranks)
    for process in ranks:
        process.join()
    return found


def hook_lines():
    from lightning.pytorch.trainer.connectors.logger_connector.fx_validator import _FxValidator

    letter = {None: "n", True: "t", False: "f"}
    for hook in [*_FxValidator.functions, "no_such_hook"]:
        for step in (None, True, False):
            for epoch in (None, True, False):
                try:
                    a, b = _FxValidator.check_logging_and_get_default_levels(hook, step, epoch)
                    result = f"{letter[a]} {letter[b]}"
                except Exception as problem:
                    result = f"{type(problem).__name__} {problem}"
                yield f"{hook} {letter[step]} {letter[epoch]} : {result}"


def main():
    names = sys.argv[1:]
    lines = []
    for world in (1, 2, 3):
        found = record(world, names)
        for index, one in enumerate(found[0]):
            for rank in range(world):
                lines.append(f"case {one[0]} {world} {rank}")
                lines += found[rank][index][1]
        print(f"world {world}: {len(found[0])} cases", file=sys.stderr)
    if names:
        print("\n".join(lines))
        return
    FIGURES.write_text("\n".join(lines) + "\n")
    HOOKS.write_text("\n".join(hook_lines()) + "\n")
    with CASES.open("w") as file:
        file.write("[\n" + ",\n".join(json.dumps(one) for one in all_cases()) + "\n]\n")


if __name__ == "__main__":
    main()
