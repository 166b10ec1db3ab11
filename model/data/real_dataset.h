/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/data/dataset.h"

G_BEGIN_DECLS

/*
 * The real data sets, by name.
 *
 *   name           samples                features               labels
 *   fashion_mnist  60,000 train           1 × 28 × 28 pixels     0 .. 9, 6,000 of each in train
 *                  10,000 test            byte / 255             and 1,000 in test
 *   digits         1,797                  1 × 8 × 8 pixels       0 .. 9
 *                                         count / 16
 *   breast_cancer  569                    30 measurements        1 malignant (212), 0 benign (357)
 *
 * Features are float32, labels int64. fashion_mnist comes in two parts; the small sets are
 * one and are parted here: p = randperm(n) of a generator seeded with 0, the first 80 %
 * (rounded down) of p are the train part and the rest the test part, in the order of p.
 *
 * The files are read when a set is first made, once per process, and stay in memory as they are
 * (a byte a pixel); every data set made from them shares that memory. With a limit no more of
 * Fashion-MNIST is inflated than asked for; the checksum at the end of the file is then not
 * reached.
 */

typedef enum {
    DDP_PART_ALL, /* not of fashion_mnist */
    DDP_PART_TRAIN,
    DDP_PART_TEST,
} DdpPart;

typedef struct {
    const char *name;
    DdpPart part;
    size_t limit; /* only the first so many samples of the part; 0 for all */
    bool flatten; /* pixels as one dimension: 784 or 64. Measurements are flat anyway. */

    /* Pixels only, after the division: (x - mean) / std, as torchvision's Normalize. */
    bool normalize;
    float mean;
    float std; /* above 0 */

    /*
     * Measurements only: each column as sklearn's StandardScaler leaves it, (x - mean) / std with
     * the mean and the population std of the train part, or of the whole for DDP_PART_ALL.
     */
    bool standardize;
} DdpRealDatasetSpec;

/* The part is ALL for the small sets and TRAIN for fashion_mnist, everything else is off. */
DdpRealDatasetSpec ddp_real_dataset_spec_default(const char *name);

/**
 * ddp_real_dataset_open:
 *
 * Returns: (transfer full): the data set, or NULL with a DDP_DATA_ERROR that names the file, what
 * is wrong with it, and which package or file is wanted
 */
DdpDataset *ddp_real_dataset_open(const DdpRealDatasetSpec *spec, GError **error);

/* How often this process has read the files of a data set. */
unsigned ddp_real_dataset_reads(void);

/* Gives back the memory of all sets that no data set uses any more; they are read again. */
void ddp_real_dataset_forget(void);

G_END_DECLS
