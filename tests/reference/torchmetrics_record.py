# SPDX-License-Identifier: MIT
"""Records what TorchMetrics computes, into the table between the marks of tests/scenarios/metrics.lua.

    python tests/reference/torchmetrics_record.py

Each case is a metric, its options, and batches made from a seed that Lua draws alike. Recorded are
the batch values of forward() and the value over all batches.
"""
import math
import os
import warnings

import torch
import torchmetrics as tm

warnings.simplefilter("ignore")
SCENARIO = os.path.join(os.path.dirname(__file__), "..", "scenarios", "metrics.lua")
SIZES = [5, 1, 8, 6]


def batches(kind, seed, classes):
    torch.manual_seed(seed)
    out = []
    for n in SIZES:
        if kind == "labels":
            out.append((torch.randint(0, classes, (n,)), torch.randint(0, classes, (n,))))
        elif kind == "probabilities":
            out.append((torch.rand(n), torch.randint(0, 2, (n,))))
        elif kind == "rounded":  # with scores that are equal
            out.append((torch.randint(0, 5, (n,)) / 4.0, torch.randint(0, 2, (n,))))
        elif kind == "logits":
            out.append((torch.rand(n) * 8 - 4, torch.randint(0, 2, (n,))))
        elif kind == "scores":
            out.append((torch.rand(n, classes) * 6 - 3, torch.randint(0, classes, (n,))))
        elif kind == "values":
            out.append((torch.rand(n), torch.rand(n)))
        elif kind == "numbers":
            out.append((torch.rand(n),))
    return out


def cases():
    for average in ("micro", "macro", "weighted", "none"):
        for name in ("Accuracy", "Precision", "Recall", "Specificity", "F1Score"):
            for kind in ("labels", "scores"):
                yield name, dict(task="multiclass", num_classes=4, average=average), kind, 4
        yield "StatScores", dict(task="multiclass", num_classes=4, average=average), "labels", 4
        yield "Accuracy", dict(task="multiclass", num_classes=4, average=average, ignore_index=1), "labels", 4
        yield "F1Score", dict(task="multiclass", num_classes=9, average=average), "labels", 9
    for name in ("Accuracy", "Precision", "Recall", "Specificity", "F1Score", "StatScores", "ConfusionMatrix"):
        for kind in ("labels", "probabilities", "logits"):
            yield name, dict(task="binary"), kind, 2
        yield name, dict(task="binary", threshold=0.3), "probabilities", 2
    yield "FBetaScore", dict(task="multiclass", num_classes=4, beta=2.0, average="macro"), "labels", 4
    yield "Precision", dict(task="multiclass", num_classes=9, average="none", zero_division=1), "labels", 9
    for normalize in (None, "true", "pred", "all"):
        yield "ConfusionMatrix", dict(task="multiclass", num_classes=4, normalize=normalize), "labels", 4
    for name in ("AUROC", "AveragePrecision"):
        for kind in ("probabilities", "rounded", "logits"):
            yield name, dict(task="binary"), kind, 2
        for average in ("macro", "weighted", "none"):
            yield name, dict(task="multiclass", num_classes=3, average=average), "scores", 3
    yield "AUROC", dict(task="binary", max_fpr=0.4), "probabilities", 2
    yield "AUROC", dict(task="binary", max_fpr=0.4), "rounded", 2
    yield "MeanSquaredError", {}, "values", 0
    yield "MeanSquaredError", dict(squared=False), "values", 0
    yield "MeanAbsoluteError", {}, "values", 0
    for name in ("MeanMetric", "SumMetric", "MaxMetric", "MinMetric", "CatMetric"):
        yield name, {}, "numbers", 0
    yield "MeanMetric", {}, "values", 0  # value and weight


def make(name, options):
    options = dict(options)
    if name in ("MeanSquaredError", "MeanAbsoluteError") or name.endswith("Metric"):
        return getattr(tm, name)(**options)
    return getattr(tm, name)(**options)


def lua(value):
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"%s"' % value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return "0/0" if math.isnan(value) else repr(value)
    if isinstance(value, torch.Tensor):
        return lua(value.tolist())
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(lua(v) for v in value) + " }"
    return "{ " + ", ".join("%s = %s" % (k, lua(v)) for k, v in value.items() if v is not None) + " }"


def main():
    lines = []
    for seed, (name, options, kind, classes) in enumerate(cases()):
        metric = make(name, options)
        forwards = [metric(*batch) for batch in batches(kind, seed, classes)]
        lines.append('  { "%s", %s, "%s", %d, %s, %s },' % (
            name, lua(options) if options else "{}", kind, classes, lua(forwards), lua(metric.compute())))
    with open(SCENARIO, encoding="utf-8") as file:
        text = file.read()
    head, rest = text.split("-- recorded: begin\n", 1)
    tail = rest.split("-- recorded: end\n", 1)[1]
    with open(SCENARIO, "w", encoding="utf-8") as file:
        file.write(head + "-- recorded: begin\n" + "\n".join(lines) + "\n-- recorded: end\n" + tail)


main()
