# SPDX-License-Identifier: MIT
"""Records which hooks Lightning calls, in which order, and what the trainer shows in each.

    python lightning_hooks_record.py [CASE ...]

writes lightning_hooks.lua beside this file: a list of cases, each with what it was made of (options
of the Trainer, sizes of the data sets, what the module does) and the lines of its run. A line is

    WHO HOOK ARGUMENTS

where WHO is M (the module), C (a callback), K (a callback that is a Checkpoint) or D (the data
module); before it stands [STAGE EPOCH GLOBAL_STEP] where that is not what it was in the line before.
tests/sim/script/trainer_replay.lua builds the same cases and compares.
"""

import os
import sys
import tempfile
import warnings

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, Checkpoint
from torch.utils.data import DataLoader, TensorDataset

HERE = os.path.dirname(os.path.abspath(__file__))
TRACE = "LIGHTNING_HOOKS_TRACE"

# ---- the cases -----------------------------------------------------------------------------------

# name, what differs from the defaults below. Sizes are numbers of samples; batches hold 4.
DEFAULT = dict(world=1, train=[16], val=[8], test=[], predict=[], calls=["fit"], model={},
               datamodule=False, trainer={})

CASES = [
    ("plain", dict(trainer=dict(max_epochs=2))),
    ("no_validation", dict(val=[], trainer=dict(max_epochs=2))),
    ("no_sanity", dict(trainer=dict(max_epochs=1, num_sanity_val_steps=0))),
    ("sanity_all", dict(trainer=dict(max_epochs=1, num_sanity_val_steps=-1))),
    ("several_val_loaders", dict(val=[8, 4, 12], trainer=dict(max_epochs=1))),
    ("several_val_loaders_limited", dict(val=[8, 4, 12], trainer=dict(max_epochs=1, limit_val_batches=2))),
    ("several_train_loaders", dict(train=[8, 16], val=[], trainer=dict(max_epochs=1))),
    ("accumulate_2", dict(trainer=dict(max_epochs=2, accumulate_grad_batches=2))),
    ("accumulate_3", dict(train=[28], val=[], trainer=dict(max_epochs=2, accumulate_grad_batches=3))),
    ("accumulate_more_than_there_are", dict(train=[12], val=[], trainer=dict(max_epochs=2, accumulate_grad_batches=8))),
    ("val_check_2", dict(trainer=dict(max_epochs=2, val_check_interval=2))),
    ("val_check_half", dict(trainer=dict(max_epochs=2, val_check_interval=0.5))),
    ("val_check_across_epochs", dict(trainer=dict(max_epochs=3, val_check_interval=4, check_val_every_n_epoch=None))),
    ("val_check_beyond_an_epoch", dict(trainer=dict(max_epochs=4, val_check_interval=7, check_val_every_n_epoch=None))),
    ("val_every_2_epochs", dict(trainer=dict(max_epochs=4, check_val_every_n_epoch=2))),
    ("val_check_with_accumulation", dict(train=[28], trainer=dict(max_epochs=1, val_check_interval=3, accumulate_grad_batches=2))),
    ("limit_train_int", dict(trainer=dict(max_epochs=2, limit_train_batches=3))),
    ("limit_train_share", dict(trainer=dict(max_epochs=1, limit_train_batches=0.5, limit_val_batches=0.7))),
    ("limit_val_0", dict(trainer=dict(max_epochs=1, limit_val_batches=0))),
    ("limit_train_0", dict(trainer=dict(max_epochs=1, limit_train_batches=0))),
    ("max_steps_in_an_epoch", dict(trainer=dict(max_steps=3))),
    ("max_steps_at_its_end", dict(trainer=dict(max_steps=4))),
    ("max_steps_over_epochs", dict(trainer=dict(max_steps=7))),
    ("max_steps_before_max_epochs", dict(trainer=dict(max_steps=7, max_epochs=3))),
    ("max_epochs_before_max_steps", dict(trainer=dict(max_steps=70, max_epochs=2))),
    ("max_steps_0", dict(trainer=dict(max_steps=0))),
    ("max_steps_with_accumulation", dict(trainer=dict(max_steps=3, accumulate_grad_batches=2))),
    ("max_epochs_0", dict(trainer=dict(max_epochs=0))),
    ("fast_dev_run", dict(trainer=dict(fast_dev_run=True))),
    ("fast_dev_run_3", dict(trainer=dict(fast_dev_run=3))),
    ("overfit_batches", dict(trainer=dict(max_epochs=2, overfit_batches=2))),
    ("skip_the_rest", dict(model=dict(skip_at=2), trainer=dict(max_epochs=2))),
    ("stop_in_the_middle", dict(model=dict(stop_at=2), trainer=dict(max_epochs=3))),
    ("stop_too_early", dict(model=dict(stop_at=2), trainer=dict(max_epochs=4, min_epochs=2))),
    ("stop_before_min_steps", dict(model=dict(stop_at=1), trainer=dict(max_epochs=4, min_steps=7))),
    ("no_loss", dict(model=dict(none_at=1), trainer=dict(max_epochs=1))),
    ("clip", dict(trainer=dict(max_epochs=1, gradient_clip_val=0.5))),
    ("scheduler_step", dict(model=dict(scheduler="step"), trainer=dict(max_epochs=2))),
    ("scheduler_step_2", dict(model=dict(scheduler="step", frequency=2), trainer=dict(max_epochs=2))),
    ("scheduler_epoch", dict(model=dict(scheduler="epoch"), trainer=dict(max_epochs=3))),
    ("scheduler_epoch_2", dict(model=dict(scheduler="epoch", frequency=2), trainer=dict(max_epochs=4))),
    ("scheduler_step_accumulate", dict(model=dict(scheduler="step"), trainer=dict(max_epochs=2, accumulate_grad_batches=2))),
    ("scheduler_plateau", dict(model=dict(scheduler="plateau"), trainer=dict(max_epochs=2))),
    ("scheduler_plateau_step", dict(model=dict(scheduler="plateau_step"), trainer=dict(max_epochs=1, val_check_interval=1))),
    ("manual", dict(model=dict(manual=1), trainer=dict(max_epochs=1))),
    ("manual_two_optimizers", dict(model=dict(manual=2), trainer=dict(max_epochs=2))),
    ("manual_max_steps", dict(model=dict(manual=2), trainer=dict(max_steps=7))),
    ("reload_every_epoch", dict(trainer=dict(max_epochs=2, reload_dataloaders_every_n_epochs=1))),
    ("datamodule", dict(datamodule=True, trainer=dict(max_epochs=1))),
    ("datamodule_test", dict(datamodule=True, test=[8], calls=["test"], trainer=dict())),
    ("validate", dict(calls=["validate"], trainer=dict())),
    ("validate_two_loaders", dict(val=[8, 4], calls=["validate"], trainer=dict())),
    ("test", dict(test=[8], calls=["test"], trainer=dict())),
    ("predict", dict(predict=[12], calls=["predict"], trainer=dict())),
    ("predict_two_loaders", dict(predict=[8, 4], calls=["predict"], trainer=dict())),
    ("fit_then_test", dict(test=[8], calls=["fit", "test"], trainer=dict(max_epochs=1))),
    ("fit_twice", dict(calls=["fit", "fit"], trainer=dict(max_epochs=1))),
    ("validate_then_fit", dict(calls=["validate", "fit"], trainer=dict(max_epochs=1))),
    ("an_error", dict(model=dict(raise_at=2), trainer=dict(max_epochs=1))),
    ("two_ranks", dict(world=2, trainer=dict(max_epochs=2))),
    ("two_ranks_uneven", dict(world=2, train=[22], val=[13], trainer=dict(max_epochs=1))),
    ("two_ranks_accumulate", dict(world=2, trainer=dict(max_epochs=1, accumulate_grad_batches=2))),
    ("two_ranks_manual", dict(world=2, model=dict(manual=1), trainer=dict(max_epochs=1))),
    ("two_ranks_test", dict(world=2, test=[12], calls=["test"], trainer=dict())),
    ("two_ranks_predict", dict(world=2, predict=[13], calls=["predict"], trainer=dict())),
]

# Which batches are followed by a validation: (batches an epoch, options, epochs).
TABLE = []
for batches in (1, 2, 5, 8):
    for interval in (1, 2, 3, 5, 8, 0.2, 0.25, 0.34, 0.5, 0.99, 1.0):
        TABLE.append((batches, dict(val_check_interval=interval)))
    for interval in (1, 2, 3, 7, 12):
        TABLE.append((batches, dict(val_check_interval=interval, check_val_every_n_epoch=None)))
    for every in (2, 3):
        TABLE.append((batches, dict(check_val_every_n_epoch=every)))
        TABLE.append((batches, dict(check_val_every_n_epoch=every, val_check_interval=0.5)))
    for limit in (1, 3, 0.5, 0.75):
        TABLE.append((batches, dict(limit_train_batches=limit)))
        TABLE.append((batches, dict(limit_train_batches=limit, val_check_interval=0.5)))
    for steps in (1, 3, 6, 11):
        TABLE.append((batches, dict(max_steps=steps)))
        TABLE.append((batches, dict(max_steps=steps, accumulate_grad_batches=2)))

# ---- the trace -----------------------------------------------------------------------------------


last_state = [None]


def note(trainer, who, hook, *arguments):
    state = trainer.state.stage
    where = f"[{state.value if state else '-'} {trainer.current_epoch} {trainer.global_step}]"
    words = [who, hook] + [str(getattr(a, "value", a)) for a in arguments]
    # A rank that was forked does not know its number at first, so files go by process.
    path = f"{os.environ[TRACE]}.{os.getpid()}"
    with open(path, "a") as out:
        if where != last_state[0]:
            out.write(where + "\n")
        out.write(" ".join(words) + "\n")
    with open(path + ".rank", "w") as out:
        out.write(str(trainer.global_rank))
    last_state[0] = where


# hook: (parameters, those that are shown)
CALLBACK_HOOKS = {
    "setup": "stage", "teardown": "stage", "on_fit_start": "", "on_fit_end": "",
    "on_sanity_check_start": "", "on_sanity_check_end": "", "on_train_start": "",
    "on_train_end": "", "on_train_epoch_start": "", "on_train_epoch_end": "",
    "on_train_batch_start": "batch, batch_idx", "on_train_batch_end": "outputs, batch, batch_idx",
    "on_before_backward": "loss", "on_after_backward": "", "on_before_optimizer_step": "optimizer",
    "on_before_zero_grad": "optimizer", "on_exception": "exception",
}
for stage in ("validation", "test", "predict"):
    for when in ("start", "end", "epoch_start", "epoch_end"):
        CALLBACK_HOOKS[f"on_{stage}_{when}"] = ""
    CALLBACK_HOOKS[f"on_{stage}_batch_start"] = "batch, batch_idx, dataloader_idx=0"
    CALLBACK_HOOKS[f"on_{stage}_batch_end"] = "outputs, batch, batch_idx, dataloader_idx=0"

MODULE_HOOKS = {k: v for k, v in CALLBACK_HOOKS.items()
                if k not in ("on_sanity_check_start", "on_sanity_check_end", "on_exception")}
MODULE_HOOKS.update({
    "prepare_data": "", "configure_model": "", "configure_callbacks": "",
    "on_before_batch_transfer": "batch, dataloader_idx",
    "transfer_batch_to_device": "batch, device, dataloader_idx",
    "on_after_batch_transfer": "batch, dataloader_idx",
    "on_validation_model_zero_grad": "", "on_validation_model_eval": "",
    "on_validation_model_train": "", "on_test_model_eval": "", "on_test_model_train": "",
    "on_predict_model_eval": "",
    "backward": "loss", "lr_scheduler_step": "scheduler, metric",
    "optimizer_zero_grad": "epoch, batch_idx, optimizer",
    "optimizer_step": "epoch, batch_idx, optimizer, optimizer_closure=None",
    "configure_gradient_clipping":
        "optimizer, gradient_clip_val=None, gradient_clip_algorithm=None",
})
DATA_HOOKS = {
    "prepare_data": "", "setup": "stage", "teardown": "stage",
    "on_before_batch_transfer": "batch, dataloader_idx",
    "on_after_batch_transfer": "batch, dataloader_idx", "on_exception": "exception",
}


def names_of(parameters):
    return [p.split("=")[0].strip() for p in parameters.split(",") if p.strip()]


def add_hooks(cls, who, hooks, trainer_of, is_callback):
    for hook, parameters in hooks.items():
        if hook in cls.__dict__:
            continue
        given = names_of(parameters)
        shown = [n for n in given if n in ("batch_idx", "dataloader_idx", "stage", "epoch")]
        first = "self, trainer, pl_module" if is_callback else "self"
        source = f"def {hook}({', '.join([first] + ([parameters] if parameters else []))}):\n"
        source += f"    note({trainer_of}, '{who}', '{hook}'{''.join(', ' + n for n in shown)})\n"
        call = [] if not is_callback else ["trainer", "pl_module"]
        source += f"    return super(cls, self).{hook}({', '.join(call + given)})\n"
        space = {"note": note, "cls": cls}
        exec(source, space)
        setattr(cls, hook, space[hook])


class Recorder(Callback):
    pass


class Keeper(Checkpoint):
    pass


add_hooks(Recorder, "C", CALLBACK_HOOKS, "trainer", True)
add_hooks(Keeper, "K", {k: CALLBACK_HOOKS[k] for k in (
    "on_train_start", "on_train_batch_end", "on_train_epoch_end", "on_validation_end",
    "on_train_end")}, "trainer", True)


def loaders(sizes):
    made = []
    for size in sizes:
        x = torch.arange(size, dtype=torch.float32).reshape(size, 1) / size
        made.append(DataLoader(TensorDataset(x, 2 * x), batch_size=4))
    return made[0] if len(made) == 1 else made


class Loaders:
    """Whoever brings the data: the module, or the data module."""

    def train_dataloader(self):
        note(self.trainer, self.WHO, "train_dataloader")
        return loaders(self.case["train"])

    def val_dataloader(self):
        note(self.trainer, self.WHO, "val_dataloader")
        return loaders(self.case["val"])

    def test_dataloader(self):
        note(self.trainer, self.WHO, "test_dataloader")
        return loaders(self.case["test"])

    def predict_dataloader(self):
        note(self.trainer, self.WHO, "predict_dataloader")
        return loaders(self.case["predict"])


def make_module(case):
    own = case["model"]

    class Net(LightningModule):
        WHO = "M"

        def __init__(self):
            super().__init__()
            self.case = case
            self.first = torch.nn.Linear(1, 1)
            if own.get("manual", 0) == 2:
                self.second = torch.nn.Linear(1, 1)
            self.automatic_optimization = not own.get("manual")

        def loss(self, layer, batch):
            if isinstance(batch[0], list):
                return sum(self.loss(layer, b) for b in batch)
            return torch.nn.functional.mse_loss(layer(batch[0]), batch[1])

        def training_step(self, batch, batch_idx):
            note(self.trainer, "M", "training_step", batch_idx)
            if own.get("raise_at") == batch_idx:
                raise ValueError("as asked for")
            if own.get("stop_at") == batch_idx:
                self.trainer.should_stop = True
            if own.get("none_at") == batch_idx:
                return None
            if not own.get("manual"):
                loss = self.loss(self.first, batch)
                self.log("loss", loss)
                return loss
            optimizers = self.optimizers()
            layers = [self.first]
            if own["manual"] == 1:
                optimizers = [optimizers]
            else:
                layers.append(self.second)
            for layer, optimizer in zip(layers, optimizers):
                optimizer.zero_grad()
                self.manual_backward(self.loss(layer, batch))
                optimizer.step()

        def predict_step(self, batch, batch_idx, dataloader_idx=0):
            note(self.trainer, "M", "predict_step", batch_idx, dataloader_idx)
            return self.first(batch[0])

        def configure_optimizers(self):
            note(self.trainer, "M", "configure_optimizers")
            optimizers = [torch.optim.SGD(self.first.parameters(), lr=0.1)]
            if own.get("manual", 0) == 2:
                optimizers.append(torch.optim.SGD(self.second.parameters(), lr=0.1))
            kind = own.get("scheduler")
            if not kind:
                return optimizers
            if kind.startswith("plateau"):
                scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizers[0])
                config = dict(scheduler=scheduler, monitor="loss")
                if kind == "plateau_step":
                    config["interval"] = "step"
            else:
                scheduler = torch.optim.lr_scheduler.StepLR(optimizers[0], 1, 0.5)
                config = dict(scheduler=scheduler, interval=kind,
                              frequency=own.get("frequency", 1))
            return dict(optimizer=optimizers[0], lr_scheduler=config)

    def step(hook):
        def call(self, batch, batch_idx, dataloader_idx=0):
            note(self.trainer, "M", hook, batch_idx, dataloader_idx)
        return call

    if case["val"]:
        Net.validation_step = step("validation_step")
    if case["test"]:
        Net.test_step = step("test_step")
    if not case["datamodule"]:
        for stage in ("train", "val", "test", "predict"):
            if case[stage]:
                setattr(Net, f"{stage}_dataloader", getattr(Loaders, f"{stage}_dataloader"))
    hooks = dict(MODULE_HOOKS)
    if "skip_at" in own:
        def on_train_batch_start(self, batch, batch_idx):
            note(self.trainer, "M", "on_train_batch_start", batch_idx)
            return -1 if batch_idx == own["skip_at"] else None
        Net.on_train_batch_start = on_train_batch_start
    # What is overridden here would change what the original does by itself.
    for hook in ("on_validation_model_train", "on_test_model_train", "configure_gradient_clipping"):
        if hook != "configure_gradient_clipping" or "gradient_clip_val" not in case["trainer"]:
            hooks.pop(hook)
    if case["datamodule"]:
        for hook in ("on_before_batch_transfer", "transfer_batch_to_device",
                     "on_after_batch_transfer"):
            hooks.pop(hook)
    add_hooks(Net, "M", hooks, "self._trainer", False)
    return Net()


def make_data(case):
    class Data(Loaders, LightningDataModule):
        WHO = "D"

        def __init__(self):
            super().__init__()
            self.case = case

    add_hooks(Data, "D", DATA_HOOKS, "self.trainer", False)
    return Data()


def run(case, folder):
    os.environ[TRACE] = os.path.join(folder, "trace")
    last_state[0] = None
    torch.manual_seed(0)
    options = dict(accelerator="cpu", devices=case["world"], logger=False,
                   enable_progress_bar=False, enable_model_summary=False,
                   callbacks=[Keeper(), Recorder()], default_root_dir=folder)
    if case["world"] > 1:
        options["strategy"] = "ddp_fork"
    options.update(case["trainer"])
    trainer = Trainer(**options)
    model = make_module(case)
    data = make_data(case) if case["datamodule"] else None
    for call in case["calls"]:
        try:
            getattr(trainer, call)(model, datamodule=data,
                                   **({"return_predictions": False} if call == "predict" else {}))
        except ValueError as error:
            if "as asked for" not in str(error):
                raise
    lines = [None] * case["world"]
    for name in sorted(os.listdir(folder)):
        if name.endswith(".rank"):
            with open(os.path.join(folder, name)) as rank, \
                    open(os.path.join(folder, name[:-5])) as trace:
                lines[int(rank.read())] = trace.read()
    return lines


# ---- when validation runs ------------------------------------------------------------------------


class Counter(LightningModule):
    def __init__(self, seen):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.seen = seen

    def training_step(self, batch, batch_idx):
        self.seen.append(str(batch_idx))
        return self.layer(batch[0]).sum()

    def validation_step(self, batch, batch_idx):
        if not self.trainer.sanity_checking:
            self.seen.append("v")

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def table_line(batches, options):
    """'0 1 v 2 ...': the batches of all epochs, v where a validation follows."""
    seen = []
    given = dict(max_epochs=3)
    given.update(options)
    trainer = None
    try:
        trainer = Trainer(accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
                          enable_model_summary=False, enable_checkpointing=False, **given)
        loader = DataLoader(TensorDataset(torch.zeros(batches, 1)), batch_size=1)
        val = DataLoader(TensorDataset(torch.zeros(1, 1)), batch_size=1)
        trainer.fit(Counter(seen), loader, val)
    except Exception as error:  # noqa: BLE001
        return "raises " + type(error).__name__
    return " ".join(seen) + f" | epoch {trainer.current_epoch} step {trainer.global_step}"


# ---- writing -------------------------------------------------------------------------------------


def lua(value):
    if value is None or value is False:
        return "false"
    if value is True:
        return "true"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return '"' + value + '"'
    if isinstance(value, list):
        return "{ " + ", ".join(lua(v) for v in value) + " }" if value else "{}"
    if not value:
        return "{}"
    return "{ " + ", ".join(f"{k} = {lua(v)}" for k, v in value.items()) + " }"


def main():
    warnings.simplefilter("ignore")
    wanted = sys.argv[1:]
    out = ["-- Recorded by lightning_hooks_record.py; the lines of each rank are in order.",
           "return {", "cases = {"]
    for name, changes in CASES:
        if wanted and name not in wanted:
            continue
        case = dict(DEFAULT)
        case.update(changes)
        with tempfile.TemporaryDirectory() as folder:
            ranks = run(case, folder)
        print(name, [r.count("\n") for r in ranks], file=sys.stderr)
        fields = ", ".join(f"{k} = {lua(v)}" for k, v in case.items())
        out.append(f'{{ name = "{name}", {fields}, ranks = {{')
        for lines in ranks:
            out.append("[[\n" + lines + "]],")
        out.append("} },")
    out.append("},\ntable = {")
    if not wanted:
        for batches, options in TABLE:
            line = table_line(batches, options)
            out.append(f'{{ {batches}, {lua(options)}, "{line}" }},')
    out.append("},\n}")
    target = os.path.join(HERE, "lightning_hooks.lua") if not wanted else "/dev/stdout"
    with open(target, "w") as file:
        file.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
