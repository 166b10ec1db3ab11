/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"
#include "sim/train/reducer.h"

G_BEGIN_DECLS

/* What a reducer says to the other ranks about whole tensors: that shapes agree, and values. */

/* The place of a reducer in its group. */
typedef struct {
    DdpModelContext *context; /* borrowed */
    const DdpReducerOps *ops; /* borrowed */
    int rank;
    int size;
} DdpSyncPlace;

/* All ranks must have @count parameters of the shapes that rank 0 has. */
bool ddp_sync_verify(const DdpSyncPlace *place, DdpTensor *const *parameters, size_t count,
                     GError **error);

/**
 * ddp_sync_broadcast:
 *
 * The values of @root's tensors, in as few broadcasts as there are dtypes (and pieces of 250 MiB).
 * The writes are not counted for autograd, as torch's are not.
 */
bool ddp_sync_broadcast(const DdpSyncPlace *place, int root, DdpTensor *const *tensors,
                        size_t count, const char *name, GError **error);

G_END_DECLS
