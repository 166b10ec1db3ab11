#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads with the real TensorBoard what our event writer wrote.

    check_tensorboard.py PATH/TO/write-event-samples

Prints a line for each check, exits with 1 if one failed, and with 77 (skipped) where
TensorBoard is not installed. The samples are made by tests/sim/loggers/write_samples.c.
"""

import math
import os
import subprocess
import sys
import tempfile

try:
    import tensorboard
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.backend.event_processing import plugin_event_multiplexer
    from tensorboard.plugins.hparams import plugin_data_pb2
    from tensorboard.util import tensor_util
except ImportError as missing:
    print("skipped: TensorBoard is not installed (%s)" % missing)
    sys.exit(77)

START = 1700000000.25
failures = 0


def check(claim, got, expected):
    global failures
    if got == expected:
        print("ok:", claim)
    else:
        failures += 1
        print("FAILED: %s: got %r, expected %r" % (claim, got, expected))


def read(folder):
    return event_accumulator.EventAccumulator(
        folder, size_guidance=event_accumulator.STORE_EVERYTHING_SIZE_GUIDANCE
    ).Reload()


def check_scalars(logs):
    acc = read(os.path.join(logs, "scalars"))
    check("scalar tags", acc.Tags()["scalars"], ["loss", "größe/η", "odd"])
    check(
        "5000 scalars with step, value and wall time",
        [(e.step, e.value, e.wall_time) for e in acc.Scalars("loss")],
        [(i, i * 0.5, START + i) for i in range(5000)],
    )
    odd = [e.value for e in acc.Scalars("odd")]
    check("nan and inf come through", (math.isnan(odd[0]), odd[1]), (True, math.inf))
    check("file version", acc.file_version, 2.0)
    check(
        "source writer",
        acc.GetSourceWriter(),
        "tensorboard.summary.writer.event_file_writer",
    )


def check_ranks(logs):
    acc = read(os.path.join(logs, "ranks"))
    check(
        "four files in one folder are read one after the other",
        [e.value for e in acc.Scalars("data")],
        [0.0, 10.0, 20.0, 30.0],
    )


def check_restart(logs):
    acc = read(os.path.join(logs, "restart"))
    check(
        "a restart at step 5 drops what came after it",
        [(e.step, e.value) for e in acc.Scalars("loss")],
        [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0), (5, 105.0)],
    )


def check_text(logs):
    acc = read(os.path.join(logs, "text"))
    check("text tags", acc.Tags()["tensors"], ["note/text_summary"])
    event = acc.Tensors("note/text_summary")[0]
    text = tensor_util.make_ndarray(event.tensor_proto)[0].decode("utf-8")
    check("text", (event.step, text), (3, "two\nlines, ü"))
    plugin = acc.SummaryMetadata("note/text_summary").plugin_data.plugin_name
    check("text plugin", plugin, "text")


def check_hparams(logs):
    acc = read(os.path.join(logs, "hparams"))
    contents = acc.PluginTagToContent("hparams")
    parsed = {
        tag: plugin_data_pb2.HParamsPluginData.FromString(content)
        for tag, content in contents.items()
    }
    experiment = parsed["_hparams_/experiment"].experiment
    start = parsed["_hparams_/session_start_info"].session_start_info
    check("hparam names", [i.name for i in experiment.hparam_infos], ["lr", "opt"])
    check("metric names", [i.name.tag for i in experiment.metric_infos], ["hparam/acc"])
    check("hparam number", start.hparams["lr"].number_value, 0.125)
    check("hparam text", start.hparams["opt"].string_value, "sgd")
    check("session status", parsed["_hparams_/session_end_info"].session_end_info.status, 1)
    check("hparam metric", [e.value for e in acc.Scalars("hparam/acc")], [0.75])


def check_multiplexer(logs):
    """What the web server reads through: every run and the scalars in today's form."""
    runs = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(logs)
    runs.Reload()
    check("runs", sorted(runs.Runs()), ["hparams", "ranks", "restart", "scalars", "text"])
    values = [
        float(tensor_util.make_ndarray(e.tensor_proto))
        for e in runs.Tensors("ranks", "data")
    ]
    check("scalars as the server sees them", values, [0.0, 10.0, 20.0, 30.0])
    plugin = runs.SummaryMetadata("ranks", "data").plugin_data.plugin_name
    check("scalars belong to the plugin", plugin, "scalars")


def main():
    if len(sys.argv) != 2:
        print("usage: %s PATH/TO/write-event-samples" % sys.argv[0], file=sys.stderr)
        return 2
    print("reading with TensorBoard", tensorboard.__version__)
    with tempfile.TemporaryDirectory() as logs:
        subprocess.run([os.path.abspath(sys.argv[1]), logs], check=True)
        check_scalars(logs)
        check_ranks(logs)
        check_restart(logs)
        check_text(logs)
        check_hparams(logs)
        check_multiplexer(logs)
    print("%s" % ("all as expected" if failures == 0 else "%d checks failed" % failures))
    return 1 if failures else 0


sys.exit(main())
