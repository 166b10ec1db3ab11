/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"

G_BEGIN_DECLS

/*
 * A data set: a number of samples, each a row in one or more columns (features, labels, ...).
 *
 * Samples are read by gathering: the caller names indices and gets their rows packed one behind
 * the other, ready to be the memory of a batch tensor. A data set never changes after it was
 * made and is reference counted atomically, so that ranks on any thread may share one.
 */

#define DDP_DATA_ERROR ddp_data_error_quark()
GQuark ddp_data_error_quark(void);

typedef enum {
    DDP_DATA_ERROR_MISSING, /* a file is not there */
    DDP_DATA_ERROR_DAMAGED, /* a file is not what it should be */
    DDP_DATA_ERROR_VALUE,   /* an option that makes no sense; torch's ValueError */
    DDP_DATA_ERROR_INDEX,   /* a sample that does not exist */
} DdpDataError;

#define DDP_COLUMN_DIMS_MAX 8

/* What one sample is in one column: element type and shape, without the batch dimension. */
typedef struct {
    DdpDtype dtype;
    int ndim; /* 0: a single number, such as a label */
    int64_t shape[DDP_COLUMN_DIMS_MAX];
} DdpColumn;

/* Elements of one sample. */
size_t ddp_column_numel(const DdpColumn *column);
/* Bytes of one sample. */
size_t ddp_column_bytes(const DdpColumn *column);

typedef struct DdpDataset DdpDataset;

DdpDataset *ddp_dataset_ref(DdpDataset *dataset);
void ddp_dataset_unref(DdpDataset *dataset);

/* For people: "FashionMNIST", "TensorDataset", "Subset", ... */
const char *ddp_dataset_name(const DdpDataset *dataset);
size_t ddp_dataset_size(const DdpDataset *dataset);
int ddp_dataset_column_count(const DdpDataset *dataset);
const DdpColumn *ddp_dataset_column(const DdpDataset *dataset, int column); /* borrowed */

/* False, with the first index that is not in 0 .. size-1 named, unless all are. */
bool ddp_dataset_check_indices(const DdpDataset *dataset, const int64_t *indices, size_t count,
                               GError **error);

/**
 * ddp_dataset_gather:
 * @indices: @count indices, each in 0 .. size-1 (see ddp_dataset_check_indices())
 * @out: room for @count rows of the column
 *
 * Writes row @indices[k] of the column to row k of @out. Allocates nothing.
 */
void ddp_dataset_gather(const DdpDataset *dataset, int column, const int64_t *indices, size_t count,
                        void *out);

/* One column of a data set in memory: @size rows in row-major order, never written through. */
typedef struct {
    DdpColumn column;
    const void *rows;
} DdpMemoryColumn;

/**
 * ddp_dataset_new_memory:
 * @columns: @column_count of them, at least one; copied
 * @release: (nullable): called with @release_data when nobody needs the rows any more
 *
 * torch's TensorDataset. The rows are not copied: they stay as they are until @release.
 *
 * Returns: (transfer full): the data set
 */
DdpDataset *ddp_dataset_new_memory(size_t size, const DdpMemoryColumn *columns, int column_count,
                                   GDestroyNotify release, void *release_data);

/**
 * ddp_dataset_new_subset:
 * @base: (transfer none): the whole; the subset takes a reference
 * @indices: @count indices into @base, in the subset's order; used until @release
 * @release: (nullable): called with @release_data when nobody needs @indices any more, also
 *   when this call fails
 *
 * torch's Subset. Of a subset of a subset nothing but the whole and the final choice remains:
 * @indices is then rewritten to point into the whole, so a chain of subsets is never deep.
 *
 * Returns: (transfer full): the subset, or NULL with DDP_DATA_ERROR_INDEX set
 */
DdpDataset *ddp_dataset_new_subset(DdpDataset *base, int64_t *indices, size_t count,
                                   GDestroyNotify release, void *release_data, GError **error);

/**
 * ddp_dataset_new_concat:
 * @parts: (transfer none): @part_count data sets, at least one; the new one takes references
 *
 * torch's ConcatDataset: the samples of the first, then those of the second, and so on.
 *
 * Returns: (transfer full): the data set, or NULL with DDP_DATA_ERROR_VALUE set if their columns
 *   differ
 */
DdpDataset *ddp_dataset_new_concat(DdpDataset *const *parts, size_t part_count, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpDataset, ddp_dataset_unref)

G_END_DECLS
