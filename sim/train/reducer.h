/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * What DistributedDataParallel does around a module: equal weights at the start, averaged
 * gradients after each backward.
 *
 * As Reducer does in its first iteration in torch 2.x: one bucket holds all gradients; each
 * gradient is copied into its place multiplied by fl(1/world_size), the bucket is all-reduced with
 * SUM when the backward pass has ended, and the result is copied back into `grad`. A parameter
 * that got no gradient leaves the bucket incomplete: nothing is averaged in that pass, and the next
 * forward fails with torch's message.
 */

/* How a reducer reaches the other ranks. Both block, and fail when the world was ended. */
typedef struct {
    bool (*all_reduce_sum)(void *user_data, DdpTensor *tensor, const char *name, GError **error);
    bool (*broadcast)(void *user_data, DdpTensor *tensor, int root, const char *name,
                      GError **error);
    void *user_data;
} DdpReducerOps;

typedef struct DdpReducer DdpReducer;

#define DDP_TRAIN_ERROR ddp_train_error_quark()
GQuark ddp_train_error_quark(void);

typedef enum {
    DDP_TRAIN_ERROR_FAILED,
    DDP_TRAIN_ERROR_UNUSED, /* a parameter got no gradient */
} DdpTrainError;

/**
 * ddp_reducer_new:
 * @parameters: those that require a gradient, in module order; of one floating dtype. They are
 *   moved into one block of memory, and rank 0's values are broadcast.
 *
 * Returns: (transfer full): NULL with @error set if there are none, or the world was ended
 */
DdpReducer *ddp_reducer_new(DdpModelContext *context, DdpTensor *const *parameters, size_t count,
                            int rank, int world_size, const DdpReducerOps *ops, GError **error);
void ddp_reducer_free(DdpReducer *reducer);

/* Before each forward that records gradients. */
bool ddp_reducer_prepare_forward(DdpReducer *reducer, GError **error);

/* (transfer none): all parameters side by side, as they are now. */
DdpTensor *ddp_reducer_parameters(DdpReducer *reducer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpReducer, ddp_reducer_free)

G_END_DECLS
