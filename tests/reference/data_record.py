#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the two small data sets to data/ and figures of all three to data_figures.txt.

Needs scikit-learn, numpy and torch (for the permutation that parts the small sets), and Debian's
dataset-fashion-mnist. The figures come from these libraries, never from the CSV files.

Lines of data_figures.txt, after the name of the data set:
  count, features, pixel_sum, class_counts
  row I: the features of sample I as they are in the file, then its label
  part NAME: the first indices of the train or the test part
  scaled PART I: sample I of a part as StandardScaler leaves it, fitted on the train part (or, for
    the part all, on everything)
  sha256: of all pixel bytes, of all label bytes
  scaling SCALE MEAN STD: bits of float32 that torch makes of the bytes 0, 1, ...: ToTensor divides
    by SCALE, Normalize then subtracts MEAN and divides by STD (none of it when STD is 0)
"""

import gzip
import hashlib
import pathlib
import sys

import numpy
import sklearn
import torch
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent.parent / "data"
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
ROWS = {"digits": [0, 1, 898, 1796], "breast_cancer": [0, 1, 284, 568]}


def load():
    digits = datasets.load_digits()
    cancer = datasets.load_breast_cancer()
    names = [name.replace(" ", "_") for name in cancer.feature_names]
    pixel_names = [f"pixel_{i // 8}_{i % 8}" for i in range(64)]
    return {
        # scikit-learn says 0 for malignant; here 1 is the rare class, the one to be found.
        "digits": (digits.data, digits.target, pixel_names),
        "breast_cancer": (cancer.data, 1 - cancer.target, names),
    }


def text(value):
    return str(int(value)) if value == int(value) else repr(float(value))


def write_csv(name, features, labels, columns):
    lines = [",".join(columns + ["label"])]
    for row, label in zip(features, labels):
        lines.append(",".join([text(value) for value in row] + [str(int(label))]))
    (DATA / name).mkdir(parents=True, exist_ok=True)
    (DATA / name / f"{name}.csv").write_text("\n".join(lines) + "\n")


def small_figures(name, features, labels, out):
    n = len(labels)
    print(name, "count", n, file=out)
    print(name, "features", features.shape[1], file=out)
    print(name, "class_counts", *numpy.bincount(labels), file=out)
    if name == "digits":
        print(name, "pixel_sum", int(features.sum()), file=out)
    for i in ROWS[name]:
        print(name, "row", i, *[text(v) for v in features[i]], int(labels[i]), file=out)

    order = torch.randperm(n, generator=torch.Generator().manual_seed(0)).numpy()
    train = order[: n * 4 // 5]
    test = order[n * 4 // 5 :]
    for part, indices in (("train", train), ("test", test)):
        counts = numpy.bincount(labels[indices])
        print(name, "part", part, len(indices), *counts, *indices[:20], file=out)
    if name == "breast_cancer":
        whole = StandardScaler().fit(features)
        fitted = StandardScaler().fit(features[train])
        for part, scaled in (
            ("all", whole.transform(features)),
            ("train", fitted.transform(features[train])),
            ("test", fitted.transform(features[test])),
        ):
            for i in (0, 1, len(scaled) - 1):
                print(name, "scaled", part, i, *[repr(float(v)) for v in scaled[i]], file=out)


def fashion_figures(out):
    for part, prefix in (("train", "train"), ("test", "t10k")):
        pixels = gzip.open(FASHION / f"{prefix}-images-idx3-ubyte.gz").read()[16:]
        labels = gzip.open(FASHION / f"{prefix}-labels-idx1-ubyte.gz").read()[8:]
        images = numpy.frombuffer(pixels, numpy.uint8).reshape(-1, 784)
        classes = numpy.frombuffer(labels, numpy.uint8)
        name = f"fashion_mnist_{part}"
        print(name, "count", len(classes), file=out)
        print(name, "class_counts", *numpy.bincount(classes), file=out)
        print(name, "pixel_sum", int(images.astype(numpy.int64).sum()), file=out)
        print(name, "sha256", hashlib.sha256(pixels).hexdigest(),
              hashlib.sha256(labels).hexdigest(), file=out)
        print(name, "first_labels", *classes[:20], file=out)
        for i in (0, 1, len(classes) - 1):
            print(name, "row", i, *images[i], classes[i], file=out)


def scaling_figures(out):
    for scale, mean, std in ((255, 0, 0), (255, 0.2860, 0.3530), (16, 0, 0), (16, 0.5, 0.25)):
        x = torch.arange(scale + 1).to(torch.float32).div(scale)
        if std:
            x = x.sub_(torch.tensor(mean, dtype=torch.float32))
            x = x.div_(torch.tensor(std, dtype=torch.float32))
        bits = x.numpy().view(numpy.uint32)
        print("bytes scaling", scale, mean, std, *[f"{b:08x}" for b in bits], file=out)


def main():
    sets = load()
    with open(HERE / "data_figures.txt", "w") as out:
        print(f"# data_record.py: scikit-learn {sklearn.__version__}, numpy {numpy.__version__},"
              f" torch {torch.__version__}", file=out)
        for name, (features, labels, columns) in sets.items():
            if "--csv" in sys.argv[1:]:
                write_csv(name, features, labels, columns)
            small_figures(name, features, labels, out)
        fashion_figures(out)
        scaling_figures(out)


main()
