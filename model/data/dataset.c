/* SPDX-License-Identifier: MIT */
#include "model/data/dataset.h"

#include <inttypes.h>

#include "model/data/dataset_kind.h"

G_DEFINE_QUARK(ddp_data_error_quark, ddp_data_error)

size_t
ddp_column_numel(const DdpColumn *column)
{
    size_t numel = 1;

    for (int i = 0; i < column->ndim; i++)
        numel *= (size_t)column->shape[i];
    return numel;
}

size_t
ddp_column_bytes(const DdpColumn *column)
{
    return ddp_column_numel(column) * ddp_dtype_bytes(column->dtype);
}

void
ddp_dataset_init(DdpDataset *dataset, const DdpDatasetOps *ops, const char *name, size_t size,
                 const DdpColumn *columns, int column_count)
{
    g_assert(size <= (size_t)INT64_MAX);

    dataset->ops = ops;
    dataset->name = name;
    dataset->size = size;
    dataset->columns = columns;
    dataset->column_count = column_count;
    dataset->reference_count = 1;
}

DdpDataset *
ddp_dataset_ref(DdpDataset *dataset)
{
    g_return_val_if_fail(dataset != NULL, NULL);

    g_atomic_int_inc(&dataset->reference_count);
    return dataset;
}

void
ddp_dataset_unref(DdpDataset *dataset)
{
    g_return_if_fail(dataset != NULL);

    if (g_atomic_int_dec_and_test(&dataset->reference_count))
        dataset->ops->destroy(dataset);
}

const char *
ddp_dataset_name(const DdpDataset *dataset)
{
    return dataset->name;
}

size_t
ddp_dataset_size(const DdpDataset *dataset)
{
    return dataset->size;
}

int
ddp_dataset_column_count(const DdpDataset *dataset)
{
    return dataset->column_count;
}

const DdpColumn *
ddp_dataset_column(const DdpDataset *dataset, int column)
{
    g_return_val_if_fail(column >= 0 && column < dataset->column_count, NULL);

    return &dataset->columns[column];
}

bool
ddp_dataset_check_indices(const DdpDataset *dataset, const int64_t *indices, size_t count,
                          GError **error)
{
    for (size_t k = 0; k < count; k++) {
        /* A negative index is a huge one when it has no sign. */
        if ((uint64_t)indices[k] < dataset->size)
            continue;
        if (dataset->size == 0)
            g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_INDEX,
                        "index %" PRId64 " into %s, which is empty", indices[k], dataset->name);
        else
            g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_INDEX,
                        "index %" PRId64 " is out of range for %s with %zu samples, expected 0 to "
                        "%zu",
                        indices[k], dataset->name, dataset->size, dataset->size - 1);
        return false;
    }
    return true;
}

void
ddp_dataset_gather(const DdpDataset *dataset, int column, const int64_t *indices, size_t count,
                   void *out)
{
    g_return_if_fail(column >= 0 && column < dataset->column_count);

    if (count > 0)
        dataset->ops->gather(dataset, column, indices, count, out);
}
