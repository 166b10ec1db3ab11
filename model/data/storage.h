/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * What was read from the files of one real data set: never changed after it was read, shared by
 * all data sets made from it, and kept by a cache so that the files are read once per process.
 */

typedef enum {
    DDP_STORAGE_FASHION_MNIST_TRAIN,
    DDP_STORAGE_FASHION_MNIST_TEST,
    DDP_STORAGE_DIGITS,
    DDP_STORAGE_BREAST_CANCER,
} DdpStorageId;

#define DDP_STORAGE_COUNT 4

typedef struct {
    int reference_count;  /* atomic */
    char *source;         /* owned; the path it was read from */
    size_t count;         /* samples here, from the start of the file */
    bool complete;        /* these are all that the file has */
    size_t feature_count; /* numbers a sample */
    uint8_t *pixels;      /* owned, count × feature_count; NULL for measurements */
    double *measurements; /* owned, count × feature_count; NULL for pixels */
    uint8_t *labels;      /* owned, count */
    int64_t *shuffled;    /* owned; the fixed permutation that parts a small set, or NULL */
} DdpStorage;

/**
 * ddp_storage_get:
 * @count_wanted: samples that must be there, 0 for all; more may be
 *
 * Returns: (transfer full): the storage; ranks on several threads that ask at once wait for one
 *   reader
 */
DdpStorage *ddp_storage_get(DdpStorageId id, size_t count_wanted, GError **error);
DdpStorage *ddp_storage_ref(DdpStorage *storage);
void ddp_storage_unref(DdpStorage *storage);

unsigned ddp_storage_reads(void);
void ddp_storage_forget(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpStorage, ddp_storage_unref)

G_END_DECLS
