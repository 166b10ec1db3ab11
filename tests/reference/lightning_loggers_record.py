#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records what Lightning's CSVLogger and TensorBoardLogger write, and what Python's logging formats.

    lightning_loggers_record.py

Writes lightning_loggers.lua next to itself: a table of texts by name, which tests/sim/script plays
to our own. Needs lightning, tensorboard and numpy.
"""

import logging
import os
import sys
import tempfile

import numpy
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

HERE = os.path.dirname(os.path.abspath(__file__))


def f32(value):
    return float(numpy.float32(value))


def read(*parts):
    with open(os.path.join(*parts), "rb") as file:
        return file.read().decode()


def csv_cases(root, out):
    log = CSVLogger(root, name="wide")
    log.log_metrics({"loss": f32(0.1)}, 0)
    log.log_metrics({"loss": f32(0.25), "acc": 0.5}, 1)
    log.save()
    log.log_metrics({"val_loss": f32(1e-7), "epoch": 0}, 1)
    log.log_metrics({"loss": f32(3.4e38)}, 2)
    log.save()
    log.log_metrics({"loss": float("nan"), "acc": float("inf"), "n": 3}, 7)
    log.save()
    log.log_metrics({"loss": -0.0, "acc": float("-inf"), "odd, name": 1e16}, 8)
    log.finalize("success")
    out["csv_wide"] = read(log.log_dir, "metrics.csv")

    log = CSVLogger(root, name="prefixed", prefix="p")
    log.log_metrics({"loss": 1.5, "b": 2}, None)
    log.log_metrics({"loss": 2.5}, None)
    log.save()
    log.log_metrics({"loss": 3.5}, None)
    log.save()
    out["csv_prefix"] = read(log.log_dir, "metrics.csv")

    log = CSVLogger(root, name="often", flush_logs_every_n_steps=2)
    log.log_metrics({"x": 1.0}, 0)
    out["csv_before_flush"] = str(os.path.exists(os.path.join(log.log_dir, "metrics.csv")))
    log.log_metrics({"x": 2.0}, 1)
    out["csv_after_flush"] = read(log.log_dir, "metrics.csv")


def version_cases(root, out):
    os.makedirs(os.path.join(root, "v", "version_3"))
    os.makedirs(os.path.join(root, "v", "version_x"))
    os.makedirs(os.path.join(root, "v", "other"))
    dirs = [
        CSVLogger(root, name="v").log_dir,
        CSVLogger(root, name="empty").log_dir,
        CSVLogger(root, name="").log_dir,
        CSVLogger(root, name="v", version="mine").log_dir,
        CSVLogger(root, name="v", version=2).log_dir,
        TensorBoardLogger(root, name="v").log_dir,
        TensorBoardLogger(root, name="v", sub_dir="sub").log_dir,
        TensorBoardLogger(root, name=None).log_dir,
    ]
    out["log_dirs"] = "\n".join(os.path.relpath(d, root) for d in dirs)


HPARAMS = {
    "lr": 1e-3, "tiny": 1e-20, "batch_size": 32, "name": "mlp", "flag": True, "yes": "yes", "number": "12", "colon": "a: b", "empty": "", "quote": "it's", "list": [1, 2.5, "x"],
    "nested": {"b": 1, "a": {"c": "d"}}, "no_items": [], "space": "two words", "big": 1e16,
    "hash": "a #b", "dash": "- a", "date": "2024-01-02", "inf": float("inf"), "minus": -3,
}


def hparams_cases(root, out):
    log = CSVLogger(root, name="hparams")
    log.log_hyperparams(HPARAMS)
    log.save()
    out["hparams_csv"] = read(log.log_dir, "hparams.yaml")

    log = TensorBoardLogger(root, name="hparams_tb")
    log.log_hyperparams(HPARAMS)
    log.save()
    out["hparams_tb"] = read(log.log_dir, "hparams.yaml")

    log = TensorBoardLogger(root, name="none_tb")
    log.log_metrics({"loss": 0.5}, 3)
    log.save()
    out["hparams_none"] = read(log.log_dir, "hparams.yaml")


# Arguments as Python and Lua write them alike.
PERCENT = [
    ("%s and %s", ("a", 1)), ("%d%%", (50,)), ("%5.2f|", (3.14159,)), ("%-6s|%6s|", ("ab", "cd")),
    ("%05d %+d", (42, 7)), ("%x %X %o %#x", (255, 255, 8, 255)), ("%e %g", (12345.678, 0.0001)),
    ("%r", ("it's",)), ("%s", (0.1,)), ("%s", (1e16,)), ("%.3s|", ("abcdef",)), ("%d", (3.9,)),
    ("%10.3e|", (0.00012345,)), ("%*d|", (5, 42)), ("%s", (True,)), ("no arguments: 100%", ()),
    ("%i", (-3,)), ("%c", ("x",)), ("%f", (float("inf"),)), ("%.0f", (2.5,)),
]

FORMATS = [
    "%(levelname)s - %(message)s",
    "%(levelname)s:%(name)s:%(message)s",
    "%(name)-10s|%(levelname)8s|%(levelno)03d|%(message)s",
    "%(message)s [%(processName)s %(threadName)s]",
]


def logging_cases(out):
    lines = []
    for text, arguments in PERCENT:
        record = logging.LogRecord("n", 20, "f.py", 1, text, arguments, None)
        lines.append(record.getMessage())
    out["percent"] = "\n".join(lines)

    lines = []
    for fmt in FORMATS:
        for level in (10, 20, 30, 40, 50, 25):
            record = logging.LogRecord("a.b", level, "f.py", 1, "text %d", (level,), None)
            lines.append(logging.Formatter(fmt).format(record))
    out["formats"] = "\n".join(lines)

    heard = []

    class Collect(logging.Handler):
        def __init__(self, name, level=0):
            super().__init__(level)
            self.label = name

        def emit(self, record):
            heard.append("%s<%s:%s" % (self.label, record.name, record.getMessage()))

    top, middle, low = (logging.getLogger(n) for n in ("top", "top.middle", "top.middle.low"))
    logging.getLogger().addHandler(Collect("root"))
    top.addHandler(Collect("T"))
    low.addHandler(Collect("L", logging.ERROR))
    low.info("unheard: root is WARNING")
    low.warning("one")
    low.error("two")
    top.setLevel("DEBUG")
    low.debug("three")
    middle.propagate = False
    low.error("four")
    middle.propagate = True
    middle.setLevel(logging.CRITICAL)
    low.error("five")
    logging.disable(logging.WARNING)
    top.warning("six")
    top.error("seven")
    logging.disable(logging.NOTSET)
    heard.append(str(low.getEffectiveLevel()) + " " + low.parent.name + " " + str(top.isEnabledFor(10)))
    heard.append(logging.getLevelName(30) + " " + logging.getLevelName(35) + " " + str(logging.getLevelName("INFO")))
    out["heard"] = "\n".join(heard)


def histogram_cases(out):
    """Limits and counts of torch's add_histogram, as exact fractions of 2."""
    from torch.utils.tensorboard.summary import make_histogram
    from torch.utils.tensorboard.writer import SummaryWriter

    with tempfile.TemporaryDirectory() as folder:
        default = SummaryWriter(folder).default_bins
    values = numpy.array([-3.0, -0.5, 0.0, 0.0, 0.25, 1.0, 1.0, 2.5, 100.0])
    lines = []
    for bins in (default, 4):
        histogram = make_histogram(values, bins)
        lines.append("%r %r %r %r %r" % (histogram.min, histogram.max, histogram.num, histogram.sum, histogram.sum_squares))
        for limit, count in zip(histogram.bucket_limit, histogram.bucket):
            if count or bins == 4:
                lines.append("%s %g" % (float(limit).hex(), count))
        lines.append("%d bins" % len(histogram.bucket))
    same = make_histogram(numpy.array([2.0, 2.0]), 2)
    lines.append(" ".join("%g:%g" % pair for pair in zip(same.bucket_limit, same.bucket)))
    out["histograms"] = "\n".join(lines)


def lua_string(text):
    escaped = []
    for byte in text.encode():
        if byte in b'"\\':
            escaped.append("\\" + chr(byte))
        elif byte == 10:
            escaped.append("\\n")
        elif byte == 13:
            escaped.append("\\r")
        elif 32 <= byte < 127:
            escaped.append(chr(byte))
        else:
            escaped.append("\\%03d" % byte)
    return '"' + "".join(escaped) + '"'


def main():
    out = {}
    with tempfile.TemporaryDirectory() as root:
        csv_cases(root, out)
        version_cases(root, out)
        hparams_cases(root, out)
    logging_cases(out)
    histogram_cases(out)
    with open(os.path.join(HERE, "lightning_loggers.lua"), "w") as file:
        file.write("-- Recorded by lightning_loggers_record.py.\nreturn {\n")
        for name in sorted(out):
            lines = out[name].replace("\n", "\n\0").split("\0")
            parts = [lua_string(line) for line in lines if line]
            file.write("  %s = %s,\n" % (name, " ..\n    ".join(parts) if parts else '""'))
        file.write("}\n")
    return 0


sys.exit(main())
