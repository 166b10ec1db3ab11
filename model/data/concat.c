/* SPDX-License-Identifier: MIT */

/* Data sets one behind the other: torch's ConcatDataset. */

#include <string.h>

#include "model/data/dataset_kind.h"

typedef struct {
    DdpDataset base;
    DdpDataset **parts; /* owned references */
    size_t *ends;       /* where each part ends */
    size_t part_count;
} Concat;

/* The part that holds sample @index. */
static size_t
part_of(const Concat *concat, size_t index)
{
    size_t left = 0;
    size_t right = concat->part_count - 1;

    while (left < right) {
        size_t middle = left + (right - left) / 2;

        if (concat->ends[middle] <= index)
            left = middle + 1;
        else
            right = middle;
    }
    return left;
}

static void
concat_gather(const DdpDataset *dataset, int column, const int64_t *indices, size_t count,
              void *out)
{
    const Concat *concat = (const Concat *)dataset;
    size_t bytes = ddp_column_bytes(&dataset->columns[column]);
    char *target = out;

    for (size_t i = 0; i < count; i++) {
        size_t part = part_of(concat, (size_t)indices[i]);
        int64_t index = indices[i] - (int64_t)(part > 0 ? concat->ends[part - 1] : 0);

        concat->parts[part]->ops->gather(concat->parts[part], column, &index, 1, target);
        target += bytes;
    }
}

static void
concat_destroy(DdpDataset *dataset)
{
    Concat *concat = (Concat *)dataset;

    for (size_t i = 0; i < concat->part_count; i++)
        ddp_dataset_unref(concat->parts[i]);
    g_free(concat->parts);
    g_free(concat->ends);
    g_free(concat);
}

static const DdpDatasetOps concat_ops = {concat_gather, concat_destroy};

static bool
same_column(const DdpColumn *a, const DdpColumn *b)
{
    return a->dtype == b->dtype && a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0]) == 0;
}

/* Samples of one batch lie packed, so all parts must have rows of one kind. */
static bool
check_columns(DdpDataset *const *parts, size_t part_count, GError **error)
{
    const DdpDataset *first = parts[0];

    for (size_t i = 1; i < part_count; i++) {
        bool same = parts[i]->column_count == first->column_count;

        for (int c = 0; same && c < first->column_count; c++)
            same = same_column(&parts[i]->columns[c], &first->columns[c]);
        if (same)
            continue;
        g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_VALUE,
                    "ConcatDataset: data set %zu has samples of another shape or type than the "
                    "first, expected the same in all",
                    i + 1);
        return false;
    }
    return true;
}

DdpDataset *
ddp_dataset_new_concat(DdpDataset *const *parts, size_t part_count, GError **error)
{
    g_return_val_if_fail(part_count > 0, NULL);

    if (!check_columns(parts, part_count, error))
        return NULL;

    Concat *concat = g_new0(Concat, 1);
    size_t size = 0;

    concat->parts = g_new(DdpDataset *, part_count);
    concat->ends = g_new(size_t, part_count);
    concat->part_count = part_count;
    for (size_t i = 0; i < part_count; i++) {
        concat->parts[i] = ddp_dataset_ref(parts[i]);
        size += parts[i]->size;
        concat->ends[i] = size;
    }
    ddp_dataset_init(&concat->base, &concat_ops, "ConcatDataset", size, parts[0]->columns,
                     parts[0]->column_count);
    return &concat->base;
}
