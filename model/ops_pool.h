/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Pooling over windows of the last two dimensions of [N, C, H, W] or [C, H, W], as torch's.
 *
 * Order of sums: a mean adds the elements of its window in turn from 0, row after row, and then
 * divides. In the derivatives the windows add to the input in the order of the output's elements.
 * Of equal greatest elements the first one counts; NaN wins.
 */

/* Of height and width, in this order. */
typedef struct {
    int64_t kernel[2];
    int64_t stride[2];
    int64_t padding[2];
    int64_t dilation[2]; /* of max_pool2d only */
    bool ceil_mode;
    /* of avg_pool2d only */
    bool count_include_pad;
    int64_t divisor_override; /* 0: none */
} DdpPoolSpec;

/* Stride as the kernel, no padding, dilation 1, padding counts. */
DdpPoolSpec ddp_pool_spec_default(int64_t kernel_h, int64_t kernel_w);

DdpTensor *ddp_max_pool2d(DdpTensor *x, const DdpPoolSpec *spec, GError **error);
DdpTensor *ddp_avg_pool2d(DdpTensor *x, const DdpPoolSpec *spec, GError **error);

/* Windows such that the output has these sizes; -1 leaves the input's own. */
DdpTensor *ddp_adaptive_avg_pool2d(DdpTensor *x, int64_t out_h, int64_t out_w, GError **error);

G_END_DECLS
