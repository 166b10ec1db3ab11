/* SPDX-License-Identifier: MIT */

/* A data set over buffers that somebody else owns: torch's TensorDataset. */

#include <string.h>

#include "model/data/dataset_kind.h"

typedef struct {
    DdpDataset base;
    GDestroyNotify release;
    void *release_data;
    DdpColumn *columns; /* owned */
    const char **rows;  /* owned; what each points to is borrowed until `release` */
} MemoryDataset;

static void
memory_gather(const DdpDataset *dataset, int column, const int64_t *indices, size_t count,
              void *out)
{
    const MemoryDataset *memory = (const MemoryDataset *)dataset;
    const char *rows = memory->rows[column];
    size_t bytes = ddp_column_bytes(&memory->columns[column]);
    char *target = out;

    if (bytes == 0)
        return; /* rows without elements may have no memory at all */
    for (size_t k = 0; k < count; k++) {
        memcpy(target, rows + (size_t)indices[k] * bytes, bytes);
        target += bytes;
    }
}

static void
memory_destroy(DdpDataset *dataset)
{
    MemoryDataset *memory = (MemoryDataset *)dataset;

    if (memory->release != NULL)
        memory->release(memory->release_data);
    g_free(memory->columns);
    g_free(memory->rows);
    g_free(memory);
}

DdpDataset *
ddp_dataset_new_memory(size_t size, const DdpMemoryColumn *columns, int column_count,
                       GDestroyNotify release, void *release_data)
{
    static const DdpDatasetOps ops = {memory_gather, memory_destroy};

    g_return_val_if_fail(column_count > 0, NULL);

    MemoryDataset *memory = g_new0(MemoryDataset, 1);

    memory->columns = g_new(DdpColumn, column_count);
    memory->rows = g_new(const char *, column_count);
    ddp_dataset_init(&memory->base, &ops, "TensorDataset", size, memory->columns, column_count);
    memory->release = release;
    memory->release_data = release_data;
    for (int i = 0; i < column_count; i++) {
        memory->columns[i] = columns[i].column;
        memory->rows[i] = columns[i].rows;
    }
    return &memory->base;
}
