/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/data/dataset.h"

G_BEGIN_DECLS

/*
 * What a kind of data set brings. Only the files that implement a kind include this.
 *
 * A kind embeds DdpDataset as the first member of its own struct, fills it with
 * ddp_dataset_init() and frees the whole struct in `destroy`.
 */

typedef struct {
    /* As ddp_dataset_gather(), whose checks have passed. */
    void (*gather)(const DdpDataset *dataset, int column, const int64_t *indices, size_t count,
                   void *out);
    void (*destroy)(DdpDataset *dataset);
} DdpDatasetOps;

struct DdpDataset {
    const DdpDatasetOps *ops;
    const char *name; /* a string that is never freed */
    size_t size;
    int column_count;
    int reference_count;      /* atomic */
    const DdpColumn *columns; /* column_count of them, in the kind's own struct */
};

/* The new data set has one reference. */
void ddp_dataset_init(DdpDataset *dataset, const DdpDatasetOps *ops, const char *name, size_t size,
                      const DdpColumn *columns, int column_count);

G_END_DECLS
