#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records what Lightning's callbacks do, for the tests of sim/script/lua.

    python3 tests/reference/lightning_callbacks_record.py

writes lightning_callbacks.lua beside itself: one table, which the tests read without Python.

ModelCheckpoint, EarlyStopping and LearningRateMonitor run in real trainings on the CPU, with
metrics that a script dictates. Recorded is each call of a hook with what the callback could see
there, and what it then did; so the same calls can be played to another implementation. Numbers
stand as the shortest texts that read back as the same.
"""

import itertools
import logging
import math
import os
import shutil
import sys
import tempfile
import types
import warnings
from datetime import timedelta

warnings.filterwarnings("ignore")

import lightning  # noqa: E402
import lightning.pytorch as pl  # noqa: E402
import torch  # noqa: E402
from lightning.pytorch.callbacks import (  # noqa: E402
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
    Timer,
)
from lightning.pytorch.callbacks import model_checkpoint as checkpoint_module  # noqa: E402
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm, TQDMProgressBar  # noqa: E402
from lightning.pytorch.loggers.logger import Logger  # noqa: E402
from lightning.pytorch.utilities.model_summary import ModelSummary  # noqa: E402
from torch import nn  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
for name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(name).setLevel(logging.ERROR)


# ---- values as Lua ----


class Raw(str):
    """Lua text that stands as it is."""


def number(value):
    if isinstance(value, torch.Tensor):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "(0/0)"
    if math.isinf(value):
        return "math.huge" if value > 0 else "-math.huge"
    return repr(value)


def text(value):
    out = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{out}"'


def lua(value):
    if isinstance(value, Raw):
        return str(value)
    if value is None:
        return "nil"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (bool, int, float, torch.Tensor)):
        return number(value)
    if isinstance(value, dict):
        items = []
        for key, item in value.items():
            if item is None:
                continue
            known = isinstance(key, str) and key.isidentifier() and key not in ("end", "and", "or", "not")
            items.append(f"{key} = {lua(item)}" if known else f"[{lua(key)}] = {lua(item)}")
        return "{ " + ", ".join(items) + " }" if items else "{}"
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(lua(item) for item in value) + " }" if value else "{}"
    raise TypeError(type(value))


def pairs(mapping):
    """An ordered mapping as a list of { name, value }."""
    return [[key, value] for key, value in mapping.items()]


class Record:
    def __init__(self):
        self.sections = []

    def add(self, name, cases):
        lines = "".join(f"    {lua(case)},\n" for case in cases)
        self.sections.append(f"  {name} = {{\n{lines}  }},\n")

    def write(self, name):
        head = (
            f"-- lightning {lightning.__version__}, torch {torch.__version__}, "
            "by lightning_callbacks_record.py\n"
        )
        with open(os.path.join(HERE, name), "w") as f:
            f.write(head + "return {\n" + "".join(self.sections) + "}\n")


# ---- texts ----


def recorded_formats():
    values = [
        0, 7, -7, 123456, 10**12, 0.0, -0.0, 0.5, 0.125, -1.5, 2.0, 100.0, 1234.5678, 1e-5, 1e16, 123456789012345.0,
        1e17, 3.0e-300, 0.1, 1 / 3, 2.0**-44, float("inf"), float("-inf"), float("nan"),
        torch.tensor(0.32).item(), torch.tensor(1e-4).item(), 5e-324, 0.0001, 0.00012,
    ]
    specs = [
        "", "d", "02d", "5d", "<5d", "^7d", "+d", "05d", ",d", "x", "b", "o", "#x", "n", ".2f", "08.3f", "+.1f", "e", ".3e", "g",
        ".3g", "G", "E", "%", ".1%", ".3", ".1", "10.2f", "*^12.2f", "<10.1f", ",.1f", "_d", "012,.2f", "F", " d", "#.3g", ".0f",
        "=+8d", "c",
    ]
    cases = []
    for value, spec in itertools.product(values, specs):
        if spec == "c" and not (isinstance(value, int) and 0 < value < 1000):
            continue
        try:
            cases.append([value, spec, format(value, spec)])
        except (ValueError, OverflowError):
            cases.append([value, spec])
    for value, spec in [("abc", ""), ("abc", "5"), ("abc", ">5"), ("abcdef", ".3"), ("abc", "d"), (True, ""), (True, "d")]:
        try:
            cases.append([value, spec, format(value, spec)])
        except ValueError:
            cases.append([value, spec])
    return cases


def recorded_names():
    metrics = {
        "epoch": torch.tensor(2), "step": torch.tensor(1234), "val_loss": torch.tensor(0.123456),
        "val/acc": torch.tensor(0.98765), "epoch_test": torch.tensor(7.0), "count": torch.tensor(5),
        "loss.mean": torch.tensor(3.25), "double": torch.tensor(0.1, dtype=torch.float64), "inf": torch.tensor(math.inf),
        "nan": torch.tensor(math.nan),
    }
    templates = [
        None, "", "{epoch}", "{epoch:02d}", "{epoch:03d}-{val_loss:.2f}", "{epoch:02d}-{val_loss:.2f}", "sample-{epoch}",
        "{step}", "{step:d}-{epoch:d}", "{val_loss}", "{val_loss:e}", "{val_loss:g}", "{val_loss:.3e}", "{val_loss:08.3f}",
        "{val/acc:.3f}", "epoch={epoch}-acc={val/acc:.2f}", "{epoch}-{epoch_test}", "{epoch_test}-{epoch}", "{epoch}-{epoch}",
        "{missing}", "{missing:d}", "{missing:.2f}", "{loss.mean:.1f}", "plain", "x{{y}}", "{epoch:>5d}", "{count}", "{double}",
        "{inf:.2f}", "{nan}", "lr-{epoch:02d}_{val_loss:.4f}_{step}", "a/{epoch}", "{epoch:02d}.{step:05d}",
        "net_{epoch:02d}-{val_loss:.2f}", "{val_loss:.0%}", "{val_loss:+.1f}", "{val_loss:d}", "{epoch",
    ]
    cases = []
    for template, auto, dirpath, version, prefix in itertools.product(
        templates, (True, False), (None, "my/path"), (None, 3), (None, "pre")
    ):
        if (dirpath or version or prefix) and template not in (None, "{epoch:02d}-{val_loss:.2f}", "{val/acc:.3f}"):
            continue
        callback = ModelCheckpoint(dirpath=dirpath, filename=template, auto_insert_metric_name=auto)
        callback.dirpath = dirpath
        case = {"template": template, "auto": auto, "dirpath": dirpath, "ver": version, "prefix": prefix}
        try:
            case["name"] = callback.format_checkpoint_name(dict(metrics), ver=version, prefix=prefix)
        except (ValueError, KeyError):
            case["fails"] = True
        cases.append(case)
    return [{"metrics": pairs(metrics), "cases": cases}]


def recorded_state_keys():
    span = timedelta(days=1, hours=2, minutes=3, seconds=4.5)
    cases = []
    for options in [
        {}, {"monitor": "val_loss"}, {"monitor": "val/acc", "mode": "max", "save_top_k": 3}, {"every_n_train_steps": 10},
        {"every_n_epochs": 2}, {"train_time_interval": span}, {"train_time_interval": timedelta(seconds=5)},
        {"train_time_interval": timedelta(0)}, {"train_time_interval": timedelta(days=-1, microseconds=7)}, {"monitor": "it's"},
    ]:
        key = ModelCheckpoint(**options).state_key
        given = dict(options)
        if "train_time_interval" in given:
            t = given["train_time_interval"]
            given["train_time_interval"] = {"days": t.days, "seconds": t.seconds, "microseconds": t.microseconds}
        cases.append({"class": "ModelCheckpoint", "options": given, "key": key})
    for options in [{"monitor": "val_loss"}, {"monitor": "acc", "mode": "max"}]:
        cases.append({"class": "EarlyStopping", "options": options, "key": EarlyStopping(**options).state_key})
    return cases


# ---- ModelCheckpoint in trainings ----


class Script(pl.LightningModule):
    """Logs what the script dictates: `steps` per training batch, `validations` per validation run."""

    def __init__(self, case, clock):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.case = case
        self.clock = clock
        self.batches = 0
        self.validations = 0
        self.epochs = 0

    def dictate(self, table, index):
        for name, values in (table or {}).items():
            if self.trainer.world_size > 1:
                values = values[self.trainer.global_rank]
            value = values[index] if index < len(values) else values[-1]
            if value is not None:
                self.log(name, torch.tensor(value), on_step=None, sync_dist=False)

    def training_step(self, batch, batch_idx):
        self.clock.now += 1.0
        self.dictate(self.case.get("steps"), self.batches)
        self.batches += 1
        return self.layer(batch[0]).sum()

    def validation_step(self, batch, batch_idx):
        if batch_idx == 0 and not self.trainer.sanity_checking:
            self.dictate(self.case.get("validations"), self.validations)
            self.validations += 1

    def on_train_epoch_end(self):
        self.dictate(self.case.get("epochs"), self.epochs)
        self.epochs += 1

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


SEEN = ["setup", "on_train_start", "on_train_batch_end", "on_train_epoch_end", "on_validation_end", "on_train_end"]


def short(path, root):
    if not path:
        return path
    return os.path.relpath(path, root) if os.path.isabs(path) else path


def watch(callback, trainer, clock, root, events):
    """Notes each hook of the callback with what it could see, and what it did."""
    did = []
    seen = {}

    def save(path, weights_only=None, storage_options=None):
        did.append(["save", short(path, root), bool(weights_only)])
        if trainer.is_global_zero:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "w").close()
        trainer.strategy.barrier()

    remove = trainer.strategy.remove_checkpoint

    def remove_and_note(path):
        did.append(["remove", short(path, root)])
        remove(path)

    link = type(callback)._link_checkpoint

    def link_and_note(trainer_, path, linkpath):
        did.append(["link", short(path, root), short(linkpath, root)])
        link(trainer_, path, linkpath)

    trainer.save_checkpoint = save
    trainer.strategy.remove_checkpoint = remove_and_note
    callback._link_checkpoint = link_and_note

    def wrap(hook):
        original = getattr(callback, hook)

        def wrapped(*args, **kwargs):
            did.clear()
            loop = trainer.fit_loop.epoch_loop
            event = {
                "hook": hook, "epoch": trainer.current_epoch, "step": trainer.global_step,
                "now": clock.now, "last": loop.batch_progress.is_last_batch, "has_run": loop.val_loop._has_run,
                "sanity": trainer.sanity_checking,
                "metrics": pairs({k: v for k, v in trainer.callback_metrics.items()}) if hook != "setup" else [],
            }
            if hook == "setup":
                event["num_val_batches"] = 0
            else:
                event["num_val_batches"] = sum(trainer.num_val_batches) if trainer.num_val_batches else 0
                event["enable_validation"] = bool(trainer.enable_validation)
            failed = None
            try:
                original(*args, **kwargs)
            except Exception as error:  # noqa: BLE001
                failed = error
                event["fails"] = type(error).__name__
            event["did"] = [list(item) for item in did]
            state = {
                "best_path": short(callback.best_model_path, root), "best_score": callback.best_model_score,
                "current": callback.current_score, "kth_path": short(callback.kth_best_model_path, root),
                "kth_value": callback.kth_value, "last_path": short(callback.last_model_path, root),
                "kept": [[short(p, root), v] for p, v in callback.best_k_models.items()],
            }
            # What is unchanged since the last event, false or empty is left out.
            if lua(state) != seen.get("state"):
                seen["state"] = lua(state)
                event["state"] = state
            if lua(event["metrics"]) == seen.get("metrics"):
                del event["metrics"]
            else:
                seen["metrics"] = lua(event["metrics"])
            if callback._train_time_interval is None:
                del event["now"]
            for key in ("num_val_batches", "enable_validation"):
                if event.get(key) == seen.get(key):
                    event.pop(key, None)
                else:
                    seen[key] = event[key]
            kept = ("metrics", "state", "num_val_batches", "enable_validation")
            events.append({k: v for k, v in event.items() if k in kept or v not in (False, None, [], 0)})
            if failed:
                raise failed

        setattr(callback, hook, wrapped)

    for hook in SEEN:
        wrap(hook)


def play(case, root, devices=1):
    clock = Clock()
    checkpoint_module.time = clock
    options = dict(case["options"])
    options.setdefault("dirpath", "ckpts")
    if options["dirpath"] is not None:
        options["dirpath"] = os.path.join(root, options["dirpath"])
    else:
        del options["dirpath"]
    if "train_time_interval" in options:
        options["train_time_interval"] = timedelta(seconds=options["train_time_interval"])
    callback = ModelCheckpoint(**options)
    for name, value in case.get("constants", {}).items():
        setattr(callback, name, value)
    settings = dict(max_epochs=3, limit_train_batches=4, limit_val_batches=1, num_sanity_val_steps=0)
    settings.update(case.get("trainer", {}))
    data = torch.utils.data.TensorDataset(torch.ones(64, 1))
    loader = torch.utils.data.DataLoader(data, batch_size=1)
    trainer = pl.Trainer(
        accelerator="cpu", devices=devices, default_root_dir=root, logger=False, callbacks=[callback], enable_progress_bar=False,
        enable_model_summary=False, use_distributed_sampler=False, strategy="ddp" if devices > 1 else "auto",
        **settings,
    )
    for path in case.get("files", []):
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        open(full, "w").close()
    events = []
    watch(callback, trainer, clock, root, events)
    module = Script(case, clock)
    try:
        trainer.fit(module, loader, loader if settings["limit_val_batches"] else None)
    except Exception as error:  # noqa: BLE001
        if not events or "fails" not in events[-1]:
            raise error
    found = sorted(
        os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names
    )
    return events, found


def checkpoint_cases():
    nan, inf = math.nan, math.inf
    falling = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    mixed = [0.5, 0.7, 0.3, 0.4, 0.6, 0.2, 0.35, 0.1, 0.8, 0.05]

    def case(name, options, validations=None, steps=None, epochs=None, files=None, constants=None, **trainer):
        made = {"name": name, "options": options}
        for key, value in (
            ("validations", validations), ("steps", steps), ("epochs", epochs), ("files", files), ("constants", constants),
            ("trainer", trainer),
        ):
            if value:
                made[key] = value
        return made

    v = {"val_loss": mixed}
    yield case("defaults", {}, v)
    yield case("default_folder", {"dirpath": None}, v)
    yield case("no_validation", {}, limit_val_batches=0)
    yield case("keep_all_unmonitored", {"save_top_k": -1})
    yield case("keep_none", {"save_top_k": 0})
    yield case("keep_none_but_last", {"save_top_k": 0, "save_last": True})
    for k in (0, 1, 2, 3, -1):
        for mode in ("min", "max"):
            yield case(f"top{k}_{mode}", {"monitor": "val_loss", "save_top_k": k, "mode": mode}, v, max_epochs=8)
    template = "{epoch:02d}-{val_loss:.2f}"
    for last in (None, True, "link", False):
        yield case(f"named_last_{last}", {"monitor": "val_loss", "filename": template, "save_top_k": 2, "save_last": last}, v, max_epochs=7)
    yield case("seed_004", {"dirpath": "ckpts", "filename": "net_" + template, "save_top_k": 3, "monitor": "val_loss", "mode": "min"}, v,
               max_epochs=9)
    yield case("ties", {"monitor": "val_loss", "save_top_k": 2}, {"val_loss": [0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.5]}, max_epochs=7)
    yield case("ties_max", {"monitor": "val_loss", "save_top_k": 2, "mode": "max"}, {"val_loss": [0.5, 0.5, 0.5, 0.6, 0.6, 0.5]}, max_epochs=6)
    for mode in ("min", "max"):
        yield case(f"nan_{mode}", {"monitor": "val_loss", "save_top_k": 2, "mode": mode},
                   {"val_loss": [nan, 0.5, nan, 0.4, nan, inf, -inf, 0.1]}, max_epochs=8)
        yield case(f"infinite_{mode}", {"monitor": "val_loss", "save_top_k": 1, "mode": mode},
                   {"val_loss": [inf, inf, 0.5, -inf, -inf, nan]}, max_epochs=6)
        yield case(f"nan_all_{mode}", {"monitor": "val_loss", "save_top_k": -1, "mode": mode}, {"val_loss": [nan, 0.5, nan, 0.4]}, max_epochs=4)
    yield case("same_name", {"monitor": "val_loss", "filename": "model", "save_top_k": 3}, {"val_loss": falling}, max_epochs=7)
    yield case("same_name_no_versions", {"monitor": "val_loss", "filename": "model", "save_top_k": 2, "enable_version_counter": False},
               {"val_loss": mixed}, max_epochs=6)
    yield case("same_name_unmonitored", {"filename": "model"}, v, max_epochs=4)
    yield case("same_name_keep_all", {"filename": "model", "save_top_k": -1}, v, max_epochs=4)
    yield case("files_there", {"monitor": "val_loss", "filename": template, "save_top_k": 2, "save_last": True}, v, max_epochs=4,
               files=["ckpts/epoch=00-val_loss=0.50.ckpt", "ckpts/epoch=00-val_loss=0.50-v1.ckpt", "ckpts/last.ckpt", "ckpts/epoch=02-val_loss=0.30.ckpt"])
    yield case("last_there", {"save_last": True}, v, files=["ckpts/last.ckpt", "ckpts/last-v1.ckpt"])
    yield case("last_template", {"save_last": True}, v, constants={"CHECKPOINT_NAME_LAST": "{epoch}-last"})
    yield case("constants", {"monitor": "val_loss", "filename": template, "save_top_k": 2}, v, max_epochs=5,
               constants={"CHECKPOINT_JOIN_CHAR": "_", "CHECKPOINT_EQUALS_CHAR": "~", "FILE_EXTENSION": ".pt", "STARTING_VERSION": 5},
               files=["ckpts/epoch~00-val_loss~0.50.pt"])
    yield case("folder_in_name", {"monitor": "val/loss", "filename": "{epoch}-{val/loss:.2f}", "save_top_k": 2}, {"val/loss": mixed}, max_epochs=5)
    yield case("slash_without_insert", {"monitor": "val/loss", "filename": "e{epoch}-l{val/loss:.2f}", "save_top_k": 2,
                                        "auto_insert_metric_name": False}, {"val/loss": mixed}, max_epochs=5)
    yield case("weights_only", {"save_weights_only": True, "save_last": True})
    for n in (1, 2, 3):
        yield case(f"every_{n}_epochs", {"every_n_epochs": n, "save_top_k": -1, "save_last": True}, v, max_epochs=6)
    yield case("every_0_epochs", {"every_n_epochs": 0, "save_last": True}, v)
    for n in (1, 2, 3, 5):
        yield case(f"every_{n}_steps", {"every_n_train_steps": n, "save_top_k": -1}, v)
        yield case(f"every_{n}_steps_last", {"every_n_train_steps": n, "save_last": True}, v)
    for n in (1, 2, 3, 4):
        yield case(f"every_{n}_steps_monitored", {"every_n_train_steps": n, "monitor": "val_loss", "save_top_k": 2}, v)
        yield case(f"every_{n}_steps_after_validation",
                   {"every_n_train_steps": n, "monitor": "val_loss", "save_top_k": 2, "save_on_train_epoch_end": False, "save_last": True}, v)
        yield case(f"every_{n}_steps_mid_validation", {"every_n_train_steps": n, "monitor": "val_loss", "save_top_k": 3}, v, val_check_interval=2)
        yield case(f"every_{n}_steps_train_metric", {"every_n_train_steps": n, "monitor": "loss", "save_top_k": 2, "save_last": True}, v,
                   steps={"loss": [0.9, 0.5, 0.6, 0.4, 0.7, 0.3, 0.2, 0.8, 0.1, 0.25, 0.15, 0.05]})
    yield case("steps_link", {"every_n_train_steps": 2, "save_last": "link", "monitor": "loss", "save_top_k": 1}, v,
               steps={"loss": [0.9, 0.5, 0.6, 0.4, 0.7, 0.6, 0.2, 0.8, 0.1, 0.25, 0.15, 0.05]})
    yield case("link_unmonitored", {"save_last": "link"}, v)
    yield case("link_none_kept", {"save_last": "link", "save_top_k": 0}, v)
    for interval in (0.0, 0.5, 1.0, 2.0, 2.5, 7.0):
        yield case(f"interval_{interval}", {"train_time_interval": interval, "save_top_k": -1}, v)
    yield case("interval_monitored", {"train_time_interval": 2.0, "monitor": "val_loss", "save_top_k": 2, "save_last": True}, v)
    for interval in (1, 2, 3, 0.5, 0.25):
        yield case(f"validate_every_{interval}", {"monitor": "val_loss", "save_top_k": 2, "filename": "{epoch}-{step}-{val_loss:.2f}"}, v,
                   val_check_interval=interval)
    yield case("validate_half_unmonitored", {"save_last": True}, v, val_check_interval=0.5)
    yield case("validate_half_at_epoch_end", {"monitor": "val_loss", "save_on_train_epoch_end": True, "save_top_k": 2}, v, val_check_interval=0.5)
    yield case("validate_every_second_epoch", {"monitor": "val_loss", "save_top_k": 2}, v, check_val_every_n_epoch=2, max_epochs=6)
    yield case("validate_every_second_epoch_end", {"monitor": "val_loss", "save_top_k": 2, "save_on_train_epoch_end": True}, v,
               check_val_every_n_epoch=2, max_epochs=6)
    yield case("validate_every_second_both_even", {"every_n_epochs": 2, "save_on_train_epoch_end": False, "save_top_k": -1}, v,
               check_val_every_n_epoch=3, max_epochs=6)
    yield case("after_validation", {"monitor": "val_loss", "save_on_train_epoch_end": False, "save_top_k": 2}, v, max_epochs=5)
    yield case("train_epoch_metric", {"monitor": "train_end", "save_top_k": 1}, v, epochs={"train_end": [0.5, 0.4, 0.6]})
    yield case("missing_key", {"monitor": "nothing"}, v)
    yield case("missing_key_no_validation", {"monitor": "nothing"}, limit_val_batches=0)
    yield case("missing_at_first", {"monitor": "val_loss", "save_on_train_epoch_end": True}, {"val_loss": [0.4]}, check_val_every_n_epoch=2, max_epochs=4)
    yield case("sanity", {"monitor": "val_loss"}, v, num_sanity_val_steps=1)
    yield case("sanity_unmonitored", {"save_on_train_epoch_end": False}, v, num_sanity_val_steps=1)
    yield case("fast_dev_run", {"monitor": "val_loss"}, v, fast_dev_run=2)
    yield case("max_steps", {"monitor": "val_loss", "save_last": True}, v, max_steps=6, max_epochs=-1)
    yield case("logged_epoch", {"filename": "{epoch}-{step}"}, {"val_loss": mixed, "epoch": [7.0, 8.0, 9.0], "step": [70.0, 80.0, 90.0]})
    yield case("metric_missing_in_name", {"filename": "{epoch}-{other:.2f}"}, v)


def recorded_checkpoints():
    cases = []
    for case in checkpoint_cases():
        root = tempfile.mkdtemp()
        try:
            events, found = play(case, root)
        finally:
            shutil.rmtree(root)
        cases.append(dict(case, events=events, found=found))
        print("checkpoint", case["name"], len(events), file=sys.stderr)
    return cases


# ---- two ranks that see different numbers ----


def rank_cases():
    yield {"name": "own_numbers", "options": {"monitor": "val_loss", "save_top_k": 2, "filename": "{epoch}-{val_loss:.2f}"},
           "validations": {"val_loss": [[0.5, 0.4, 0.3, 0.6, 0.2, 0.1], [0.7, 0.8, 0.6, 0.2, 0.9, 0.15]]}, "trainer": {"max_epochs": 6}}
    yield {"name": "opposite", "options": {"monitor": "val_loss", "save_top_k": 1, "save_last": True},
           "validations": {"val_loss": [[0.5, 0.4, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4]]}, "trainer": {"max_epochs": 4}}
    yield {"name": "one_name", "options": {"monitor": "val_loss", "save_top_k": 1, "filename": "model"},
           "validations": {"val_loss": [[0.5, 0.4, 0.3, 0.2], [0.5, 0.4, 0.35, 0.1]]}, "trainer": {"max_epochs": 4}}
    yield {"name": "all_kept", "options": {"monitor": "val_loss", "save_top_k": -1, "filename": "{val_loss:.1f}"},
           "validations": {"val_loss": [[0.5, 0.5, 0.3], [0.1, 0.2, 0.2]]}, "trainer": {"max_epochs": 3}}


def recorded_ranks():
    import pickle
    import subprocess

    cases = []
    for port, case in enumerate(rank_cases(), 29511):
        out = tempfile.mkdtemp()
        workers = []
        for rank in range(2):
            environment = dict(os.environ, MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), NODE_RANK="0", LOCAL_RANK=str(rank),
                               WORLD_SIZE="2", OMP_NUM_THREADS="1")
            workers.append(subprocess.Popen([sys.executable, os.path.abspath(__file__), "rank", out, case["name"], str(rank)],
                                            env=environment))
        for worker in workers:
            if worker.wait(timeout=300) != 0:
                raise RuntimeError(case["name"])
        ranks = []
        for rank in range(2):
            with open(os.path.join(out, f"{rank}.pickle"), "rb") as f:
                ranks.append(pickle.load(f))
        found = sorted(os.path.relpath(os.path.join(folder, name), os.path.join(out, "root"))
                       for folder, _, names in os.walk(os.path.join(out, "root")) for name in names)
        cases.append(dict(case, ranks=ranks, found=found))
        shutil.rmtree(out)
        print("ranks", case["name"], file=sys.stderr)
    return cases


# ---- EarlyStopping ----


def stopping_cases():
    nan, inf = math.nan, math.inf
    falls = [0.9, 0.8, 0.7, 0.75, 0.72, 0.71, 0.7, 0.69]
    for patience in (0, 1, 2, 3):
        yield {"patience": patience}, falls
    yield {"min_delta": 0.05}, falls
    yield {"min_delta": 0.1, "patience": 2}, [0.9, 0.8, 0.7, 0.6000001, 0.5]
    yield {"min_delta": -0.1, "patience": 2}, falls
    yield {"min_delta": 1, "patience": 2, "mode": "max"}, [1.0, 2.0, 3.5, 4.5, 4.6]
    yield {"mode": "max", "patience": 2}, [0.1, 0.2, 0.2, 0.15, 0.3]
    yield {"mode": "max", "min_delta": 0.05, "patience": 2}, [0.1, 0.14, 0.16, 0.2, 0.3]
    for value in (nan, inf, -inf):
        yield {"patience": 2}, [0.5, value, 0.4]
        yield {"patience": 2, "check_finite": False}, [0.5, value, 0.4, 0.3, value]
        yield {"patience": 2, "check_finite": False, "mode": "max"}, [value, 0.5, value, 0.4]
    yield {"stopping_threshold": 0.3}, [0.5, 0.3, 0.29, 0.1]
    yield {"stopping_threshold": 0.1}, [0.5, 0.1, 0.09]
    yield {"stopping_threshold": 0.1, "patience": 10}, [0.5, 0.10000000149, 0.0999999999, 0.09]
    yield {"stopping_threshold": 0.7, "patience": 9}, [0.9, 0.7, 0.65]  # as a float32 0.7 is smaller, but so is the limit
    yield {"stopping_threshold": 0.1, "mode": "max", "patience": 9}, [0.05, 0.1, 0.2]
    yield {"divergence_threshold": 0.1, "patience": 9}, [0.05, 0.1, 0.2]
    yield {"stopping_threshold": 0.9, "mode": "max"}, [0.5, 0.9, 0.91]
    yield {"stopping_threshold": 1, "mode": "max"}, [0.5, 1.0, 1.5]
    yield {"divergence_threshold": 2.0}, [0.5, 1.9, 2.0, 2.1]
    yield {"divergence_threshold": 0.2, "mode": "max"}, [0.5, 0.3, 0.2, 0.1]
    yield {"divergence_threshold": 1.0, "stopping_threshold": 0.1, "patience": 1}, [0.5, 0.4, 1.5, 0.05]
    yield {"patience": 3}, [0.5]


def figures_of(message):
    import re

    if message is None:
        return None
    return re.findall(r"-?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)\b", message.split("val_loss", 1)[1])


def recorded_stopping():
    cases = []
    for options, values in stopping_cases():
        for dtype in (torch.float32, torch.float64):
            callback = EarlyStopping(monitor="val_loss", verbose=True, **options)
            said = []
            callback._log_info = lambda trainer, message, only: said.append(message)
            trainer = types.SimpleNamespace(
                val_check_interval=1.0, check_val_every_n_epoch=1, callback_metrics={}, fast_dev_run=0, should_stop=False, current_epoch=0,
                sanity_checking=False, state=types.SimpleNamespace(fn=pl.trainer.states.TrainerFn.FITTING), world_size=1, global_rank=0,
                strategy=types.SimpleNamespace(reduce_boolean_decision=lambda decision, all=True: bool(decision)),
            )
            callback.setup(trainer, None, "fit")
            checks = []
            for epoch, value in enumerate(values):
                trainer.current_epoch = epoch
                trainer.callback_metrics = {"val_loss": torch.tensor(value, dtype=dtype)}
                said.clear()
                callback.on_train_epoch_end(trainer, None)
                checks.append({
                    "value": value, "stop": trainer.should_stop, "stopped_epoch": callback.stopped_epoch, "wait": callback.wait_count,
                    "best": callback.best_score, "reason": callback.stopping_reason.value,
                    "figures": figures_of(said[0]) if said else None,
                })
            cases.append({"options": options, "dtype": str(dtype).removeprefix("torch."), "checks": checks})
    return cases


# ---- LearningRateMonitor ----


class Seen(Logger):
    def __init__(self):
        super().__init__()
        self.rows = []

    name = "seen"
    version = 3

    def log_metrics(self, metrics, step=None):
        if any(key.startswith(("lr-", "mine")) or "-momentum" in key or "-weight_decay" in key for key in metrics):
            self.rows.append([step, pairs({k: v for k, v in metrics.items() if k != "epoch"})])

    def log_hyperparams(self, *args, **kwargs):
        pass


def rate_cases():
    sgd, adam, adamw = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW

    def groups(module, *own):
        parts = [dict(params=list(layer.parameters())) for layer in module.layers[: len(own)]]
        return [dict(part, **extra) for part, extra in zip(parts, own)]

    def step_lr(optimizer, **config):
        return dict(scheduler=torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5), **config)

    def one(make, config=None):
        def configure(module):
            optimizer = make(module)
            return {"optimizer": optimizer, "lr_scheduler": step_lr(optimizer, **config)} if config is not None else optimizer

        return configure

    yield "sgd", {}, one(lambda m: sgd(m.parameters(), lr=0.1))
    yield "adam_step", {"logging_interval": "step"}, one(lambda m: adam(m.parameters(), lr=0.1), {"interval": "step"})
    for interval in (None, "step", "epoch"):
        for own in ("step", "epoch"):
            yield f"{interval}_{own}", {"logging_interval": interval}, one(lambda m: adam(m.parameters(), lr=0.1), {"interval": own})
    yield "momentum", {"log_momentum": True, "log_weight_decay": True}, one(lambda m: sgd(m.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01),
                                                                            {"interval": "epoch"})
    yield "betas", {"log_momentum": True, "log_weight_decay": True}, one(lambda m: adamw(m.parameters(), lr=0.1), {"interval": "epoch"})
    yield "groups", {}, one(lambda m: sgd(groups(m, {}, {"lr": 0.2}), lr=0.1), {"interval": "step"})
    yield "named_groups", {}, one(lambda m: sgd(groups(m, {"name": "body"}, {"name": "head", "lr": 0.2}), lr=0.1), {"interval": "step"})
    yield "half_named", {}, one(lambda m: sgd(groups(m, {"name": "body"}, {}), lr=0.1), {"interval": "step"})
    yield "one_named_group", {}, one(lambda m: sgd(groups(m, {"name": "body"}), lr=0.1), {"interval": "step"})
    yield "named", {}, one(lambda m: sgd(m.parameters(), lr=0.1), {"interval": "step", "name": "mine"})
    yield "named_with_groups", {}, one(lambda m: sgd(groups(m, {}, {}), lr=0.1), {"interval": "step", "name": "mine"})

    def two(make_a, make_b, configs):
        def configure(module):
            module.automatic_optimization = False
            a, b = make_a(module), make_b(module)
            return [a, b], [step_lr(o, **c) for o, c in zip((a, b), configs) if c is not None]

        return configure

    first, second = (lambda m: sgd(m.layers[0].parameters(), lr=0.1)), (lambda m: sgd(m.layers[1].parameters(), lr=0.2))
    other = lambda m: adam(m.layers[1].parameters(), lr=0.2)  # noqa: E731
    yield "two_sgd", {}, two(first, second, [{"interval": "step"}, {"interval": "step"}])
    yield "two_sgd_without", {}, two(first, second, [None, None])
    yield "two_sgd_one_schedule", {}, two(first, second, [None, {"interval": "epoch"}])
    yield "two_mixed_intervals", {}, two(first, other, [{"interval": "step"}, {"interval": "epoch"}])
    yield "two_one_named", {}, two(first, second, [{"interval": "step", "name": "mine"}, {"interval": "step"}])


def describe(optimizer):
    return {
        "class": type(optimizer).__name__,
        "groups": [
            {key: (list(value) if isinstance(value, tuple) else value) for key, value in group.items()
             if key in ("lr", "momentum", "betas", "weight_decay", "name")} for group in optimizer.param_groups
        ],
    }


def recorded_rates():
    cases = []
    for name, options, configure in rate_cases():
        class Net(pl.LightningModule):
            def __init__(self):
                super().__init__()
                self.layers = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1)])

            def training_step(self, batch, batch_idx):
                loss = sum(layer(batch[0]).sum() for layer in self.layers)
                if self.automatic_optimization:
                    return loss
                for optimizer in self.optimizers():
                    optimizer.step()
                for scheduler in self.trainer.lr_scheduler_configs:
                    if scheduler.interval == "step":
                        scheduler.scheduler.step()
                return None

            def on_train_epoch_end(self):
                if not self.automatic_optimization:
                    for scheduler in self.trainer.lr_scheduler_configs:
                        if scheduler.interval == "epoch":
                            scheduler.scheduler.step()

            def configure_optimizers(self):
                return configure(self)

        callback = LearningRateMonitor(**options)
        logger = Seen()
        data = torch.utils.data.TensorDataset(torch.ones(8, 1))
        trainer = pl.Trainer(accelerator="cpu", devices=1, max_epochs=2, limit_train_batches=4, logger=logger, callbacks=[callback],
                             enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False, log_every_n_steps=2)
        events = []
        seen = {}

        def note(hook):
            original = getattr(callback, hook)

            def wrapped(*args, **kwargs):
                before = len(logger.rows)
                event = {
                    "hook": hook, "stepped": trainer.fit_loop.epoch_loop._batches_that_stepped,
                    "update": trainer._logger_connector.should_update_logs,
                    "optimizers": [describe(o) for o in trainer.optimizers],
                    "schedules": [{"optimizer": trainer.optimizers.index(c.scheduler.optimizer) + 1, "interval": c.interval, "name": c.name}
                                  for c in trainer.lr_scheduler_configs],
                }
                original(*args, **kwargs)
                event["rows"] = logger.rows[before:]
                for key in ("optimizers", "schedules"):
                    if lua(event[key]) == seen.get(key):
                        del event[key]
                    else:
                        seen[key] = lua(event[key])
                events.append(event)

            setattr(callback, hook, wrapped)

        for hook in ("on_train_start", "on_train_batch_start", "on_train_epoch_start"):
            note(hook)
        trainer.fit(Net(), torch.utils.data.DataLoader(data, batch_size=1))
        cases.append({"name": name, "options": options, "events": events, "lrs": pairs({k: list(v) for k, v in callback.lrs.items()})})
    return cases


# ---- bars, summaries, times ----


def recorded_bars():
    numbers = [0, 3, 12345, 123456, 0.0, 0.5, 0.693147, 1.0, 12.5, 1234.567, 1e-5, 1e10, -0.25, -1.0, 100.0, 99999.0, 0.1, 1 / 3, math.inf, math.nan,
               "abc", "12", "0.5", "v12a", ""]
    shown = [[value, Tqdm.format_num(value)] for value in numbers]
    intervals = [[s, Tqdm.format_interval(s)] for s in (0, 0.4, 1, 59.9, 60, 3599, 3600, 86399, 360000, -5)]
    lines = []
    for n, total, elapsed, desc, postfix in [
        (10, 10, 0.0811, "Epoch 0", {"v_num": 0, "train_loss": 0.5}), (10, 10, 0.0, "Epoch 0", {}), (4, 10, 2.0, "Epoch 1", {"a": 1e-6}),
        (3, 7, 65.0, "Validation DataLoader 0", {}), (1, 3, 4000.0, "Testing DataLoader 1", {}), (5, None, 1.0, "Epoch 2", {"loss": 1.0}),
        (5, None, 0.0, "Epoch 2", {}), (2, 2, 1e-5, "Sanity Checking DataLoader 0", {}), (11, 10, 1.0, "Epoch 0", {}), (0, 10, 1.0, "Epoch 0", {}),
        (999, 1000, 3.0, "Epoch 12", {"v_num": "1a2b", "x": math.nan}), (10, 10, 1.0, "", {"k": 2}), (100000, 100000, 12.5, "Epoch 0", {"big": 123456789}),
    ]:
        stuff = ", ".join(f"{k}={v if isinstance(v, str) else Tqdm.format_num(v)}" for k, v in postfix.items())
        line = Tqdm.format_meter(n, total, elapsed, prefix=desc, postfix=stuff, bar_format=TQDMProgressBar.BAR_FORMAT)
        lines.append({"n": n, "total": total, "elapsed": elapsed, "desc": desc, "postfix": pairs(postfix), "line": line})
    return [{"numbers": shown, "intervals": intervals, "lines": lines}]


def summary_modules():
    """Each as a function that makes it, and the same in Lua."""

    class Base(pl.LightningModule):
        pass

    def plain(*layers, example=None, **fields):
        module = Base()
        for name, layer in layers:
            setattr(module, name, layer)
        for name, value in fields.items():
            setattr(module, name, value)
        if example is not None:
            module.example_input_array = example
        if layers:
            module.forward = lambda x: getattr(module, layers[0][0])(x)
        return module

    mlp = lambda: nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 10))  # noqa: E731
    yield "empty", plain()
    yield "linear", plain(("layer", nn.Linear(10, 1)))
    yield "mlp", plain(("net", mlp()), ("loss", nn.CrossEntropyLoss()))
    yield "mlp_example", plain(("net", mlp()), example=torch.zeros(32, 256))
    frozen = plain(("net", mlp()), ("head", nn.Linear(10, 2)))
    frozen.net.requires_grad_(False)
    frozen.net.eval()
    yield "frozen", frozen
    yield "leftover", plain(("layer", nn.Linear(3, 3)), scale=nn.Parameter(torch.ones(7)))
    yield "large", plain(("a", nn.Linear(2000, 1000)), ("b", nn.Linear(1000, 999)), ("norm", nn.BatchNorm1d(1000)))
    yield "convolution", plain(("net", nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 14 * 14, 10))),
                               example=torch.zeros(4, 1, 28, 28))


def recorded_summaries():
    cases = []
    for name, module in summary_modules():
        for depth in (1, 2, -1):
            cases.append({"module": name, "depth": depth, "lines": str(ModelSummary(module, max_depth=depth)).split("\n")})
    return cases


def recorded_durations():
    cases = []
    for given in ["00:12:00:00", "01:00:00:01", "00:00:01:30", " 10:00:00:00 ", "1:2:3", "00:00:00", "aa:00:00:00"]:
        try:
            cases.append([given, Timer(duration=given).time_remaining()])
        except Exception:  # noqa: BLE001
            cases.append([given])
    return cases


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "rank":
        import pickle

        out, name, rank = sys.argv[2:5]
        case = next(c for c in rank_cases() if c["name"] == name)
        root = os.path.join(out, "root")
        os.makedirs(root, exist_ok=True)
        events, _ = play(case, root, devices=2)
        with open(os.path.join(out, f"{rank}.pickle"), "wb") as f:
            pickle.dump(events, f)
        torch.distributed.barrier()
        os._exit(0)  # gloo's threads may outlive the interpreter's end

    record = Record()
    record.add("formats", recorded_formats())
    record.add("names", recorded_names())
    record.add("state_keys", recorded_state_keys())
    record.add("checkpoints", recorded_checkpoints())
    record.add("ranks", recorded_ranks())
    record.add("stopping", recorded_stopping())
    record.add("rates", recorded_rates())
    record.add("bars", recorded_bars())
    record.add("summaries", recorded_summaries())
    record.add("durations", recorded_durations())
    record.write("lightning_callbacks.lua")


if __name__ == "__main__":
    main()
