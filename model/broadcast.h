/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/kernels.h"
#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Broadcasting: shapes are aligned at their last dimension, and a size of 1 (or none) is
 * repeated. Used by model/ only.
 */

typedef struct {
    int ndim;
    int64_t shape[DDP_TENSOR_DIMS_MAX];
} DdpShape;

static inline DdpShape
ddp_shape_of(const DdpTensor *tensor)
{
    DdpShape shape = {.ndim = ddp_tensor_ndim(tensor)};
    const int64_t *sizes = ddp_tensor_shape(tensor);

    for (int i = 0; i < shape.ndim; i++)
        shape.shape[i] = sizes[i];
    return shape;
}

bool ddp_shape_equal(const DdpShape *a, const DdpShape *b);
size_t ddp_shape_count(const DdpShape *shape);

/* The common shape, or torch's error about the first dimension that does not fit. */
bool ddp_shape_broadcast(const DdpShape *a, const DdpShape *b, DdpShape *common, GError **error);

/* One side: where its elements are, how large each is, and its shape (which fits the output's). */
typedef struct {
    const void *data;
    size_t element_bytes;
    const DdpShape *shape;
} DdpBroadcastSide;

/* Calls @loop over all elements of @shape; the output is contiguous. */
void ddp_broadcast_walk(DdpBinaryLoop loop, const DdpShape *shape, void *out,
                        size_t out_element_bytes, DdpBroadcastSide a, DdpBroadcastSide b);

G_END_DECLS
