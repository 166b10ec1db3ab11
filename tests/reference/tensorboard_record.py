#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records event files from the real libraries, and what TensorBoard's EventAccumulator reads in them.

Needs torch and tensorboard (recorded with torch 2.13.0, tensorboard 2.21.0). Writes, beside itself:

    tensorboard_logs/         event files, a folder per case
    tensorboard_listing.txt   tab-separated: "run" folder, then "series" kind tag plugin, then
                              "entry" step wall_time value

The clock, the host name and the process id are set by hand, so that a repeated recording gives
the same bytes, and a writer in C can be held to them. (But for the order of several
hyper-parameters in hparams/many: protobuf's map has another one in every process.)
"""

import os
import shutil
import socket
import types

import numpy
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2
from tensorboard.summary.writer import event_file_writer
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util
from torch.utils.tensorboard import SummaryWriter, writer as torch_writer

HERE = os.path.dirname(os.path.abspath(__file__))
LOGS = os.path.join(HERE, "tensorboard_logs")
START = 1700000000.25


class Clock:
    now = START

    def time(self):
        return self.now


clock = Clock()
process = types.SimpleNamespace(pid=4321)
event_file_writer.time = torch_writer.time = clock
socket.gethostname = lambda: "node0"
os.getpid = lambda: process.pid


def begin(pid=4321):
    """What a new process starts with."""
    clock.now = START
    process.pid = pid
    event_file_writer._global_uid = event_file_writer.AtomicCounter(0)


def folder(name):
    return os.path.join(LOGS, name)


def scalars():
    begin()
    with SummaryWriter(folder("scalars")) as w:
        for step in range(4):
            clock.now = START + step
            w.add_scalar("train/loss", 1.0 / (1 + step), step)
            w.add_scalar("acc", 0.1 * step, step)
        clock.now = START + 100.125
        w.add_scalar("no step", 7)
        w.add_scalar("steps", 1, 127)
        w.add_scalar("steps", 2, 128)
        w.add_scalar("steps", 3, 2**40 + 5)
        w.add_scalar("steps", 4, 2**63 - 1)
        w.add_scalar("steps", 5, -1)
        w.add_scalar("values", float("nan"), 0)
        w.add_scalar("values", float("inf"), 1)
        w.add_scalar("values", float("-inf"), 2)
        w.add_scalar("values", 1e300, 3)
        w.add_scalar("values", -0.0, 4)
        w.add_scalar("values", 0.0, 5)
        w.add_scalar("values", 1e-42, 6)
        w.add_scalar("größe/η", 2.5, 1)
        w.add_scalar("t" * 200, 2.5, 1)


def text():
    begin()
    with SummaryWriter(folder("text")) as w:
        w.add_text("note", "first", 0)
        clock.now = START + 1
        w.add_text("note", "second line\nwith a break, and ü", 3)
        w.add_text("empty", "", 0)


def hparams():
    begin()
    with SummaryWriter(folder("hparams")) as w:
        clock.now = START + 2
        w.add_hparams({"lr": 0.125}, {"hparam/acc": 0.75}, run_name="one")
        clock.now = START + 3.5
        w.add_hparams({"opt": "sgd"}, {}, run_name=None)
        w.add_hparams({"deep": True}, {"a": 1, "b": 2}, run_name="truth")
        w.add_hparams({"lr": 3, "opt": "sgd", "none": None}, {"a": 1}, run_name="many")


def several_files():
    """Four processes in one folder: the order of the names is that of text, 1000 before 999."""
    for pid in (999, 1000, 1001, 998):
        begin(pid)
        with SummaryWriter(folder("several")) as w:
            for step in range(3):
                w.add_scalar("data", pid * 10 + step, step)


def restart():
    begin()
    with SummaryWriter(folder("restart")) as w:
        for step in range(8):
            w.add_scalar("loss", step, step)
            w.add_scalar("tensor", step, step, new_style=True)
        w.add_histogram("weights", numpy.arange(4.0), 6)
    clock.now = START + 10
    with SummaryWriter(folder("restart"), purge_step=5) as w:
        for step in range(5, 7):
            w.add_scalar("loss", 100 + step, step)


def new_style():
    begin()
    with SummaryWriter(folder("new_style")) as w:
        for step in range(3):
            w.add_scalar("float", 0.1 * step, step, new_style=True)
            w.add_scalar("double", 0.1 * step, step, new_style=True, double_precision=True)
            w.add_scalar("old", 0.1 * step, step)


def kinds():
    begin()
    with SummaryWriter(folder("kinds")) as w:
        w.add_histogram("h", numpy.arange(10.0), 1)
        Value = summary_pb2.Summary.Value
        image = summary_pb2.Summary.Image(height=1, width=1, encoded_image_string=b"png")
        audio = summary_pb2.Summary.Audio(encoded_audio_string=b"wav")
        tensor = tensor_util.make_tensor_proto(numpy.arange(6.0).reshape(2, 3))
        w.file_writer.add_summary(
            summary_pb2.Summary(
                value=[
                    Value(tag="i", image=image),
                    Value(tag="a", audio=audio),
                    Value(tag="both", simple_value=1.5),
                    Value(tag="both", tensor=tensor),
                    Value(node_name="node", tensor=tensor),
                    Value(tag="", simple_value=2.5),
                ]
            ),
            2,
        )


class Plain:
    def __init__(self, path):
        self.file = open(path, "wb")
        self.records = RecordWriter(self.file)

    def event(self, **fields):
        self.records.write(event_pb2.Event(**fields).SerializeToString())

    def values(self, step, *values, wall_time=START):
        self.event(wall_time=wall_time, step=step, summary=summary_pb2.Summary(value=values))

    def close(self):
        self.file.close()


def tensorflow_2():
    """As TensorFlow 2 writes: the metadata comes once, the number lies in tensor_content."""
    Value = summary_pb2.Summary.Value
    os.makedirs(folder("tensorflow_2"))
    f = Plain(os.path.join(folder("tensorflow_2"), "events.out.tfevents.1700000000.node0.7.0.v2"))
    f.event(wall_time=START, file_version="brain.Event:2")
    for step in range(3):
        metadata = None
        if step == 0:
            metadata = summary_pb2.SummaryMetadata(
                plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="scalars"),
                data_class=summary_pb2.DATA_CLASS_SCALAR,
            )
        content = numpy.float32(step + 0.5).tobytes()
        tensor = tensor_pb2.TensorProto(dtype="DT_FLOAT", tensor_content=content)
        tensor.tensor_shape.SetInParent()
        f.values(step, Value(tag="epoch_loss", tensor=tensor, metadata=metadata))
    f.close()
    # A file that is made to hold no summaries is passed over.
    f = Plain(os.path.join(folder("tensorflow_2"), "events.out.tfevents.1700000001.profile-empty"))
    f.event(wall_time=START, file_version="brain.Event:2")
    f.values(9, Value(tag="epoch_loss", simple_value=9))
    f.close()


def before_version_2():
    """Without a version, a step back purges the tags of its own event."""
    Value = summary_pb2.Summary.Value
    os.makedirs(folder("before_version_2"))
    f = Plain(os.path.join(folder("before_version_2"), "old.tfevents"))
    for step in range(6):
        f.values(step, Value(tag="a", simple_value=step), Value(tag="b", simple_value=step))
    f.values(3, Value(tag="a", simple_value=103))
    f.values(4, Value(tag="a", simple_value=104))
    f.values(7, Value(tag="b", simple_value=107))
    f.values(2, Value(tag="", simple_value=1))
    f.event(wall_time=START, file_version="brain.Event:2")
    f.values(1, Value(tag="a", simple_value=201))
    f.close()


def number(value):
    return "%.17g" % value


def escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def tensor_text(tensor):
    array = tensor_util.make_ndarray(tensor)
    if array.size != 1:
        return "-"
    item = array.reshape(-1)[0]
    if isinstance(item, bytes):
        return "'" + escaped(item.decode("utf-8"))
    return number(float(item))


def listing(out, path):
    acc = event_accumulator.EventAccumulator(
        path, size_guidance=event_accumulator.STORE_EVERYTHING_SIZE_GUIDANCE
    )
    acc.Reload()
    tags = acc.Tags()
    plugins = {t: m.plugin_data.plugin_name for t, m in acc.summary_metadata.items()}
    print("run", os.path.relpath(path, LOGS), sep="\t", file=out)
    for kind, read, value in (
        ("scalars", acc.Scalars, lambda e: number(e.value)),
        ("tensors", acc.Tensors, lambda e: tensor_text(e.tensor_proto)),
        ("histograms", acc.Histograms, lambda e: "-"),
        ("images", acc.Images, lambda e: "-"),
        ("audio", acc.Audio, lambda e: "-"),
    ):
        for tag in tags[kind]:
            print("series", kind, tag, plugins.get(tag, "-"), sep="\t", file=out)
            for e in read(tag):
                print("entry", e.step, number(e.wall_time), value(e), sep="\t", file=out)


shutil.rmtree(LOGS, ignore_errors=True)
os.makedirs(LOGS)
for case in (
    scalars,
    text,
    hparams,
    several_files,
    restart,
    new_style,
    kinds,
    tensorflow_2,
    before_version_2,
):
    case()
with open(os.path.join(HERE, "tensorboard_listing.txt"), "w", encoding="utf-8") as out:
    for top, folders, files in os.walk(LOGS):
        folders.sort()
        if any("tfevents" in f for f in files):
            listing(out, top)
