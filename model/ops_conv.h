/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Convolutions, as torch's conv1d and conv2d: out[n][o][p] = bias[o] + Σ weight[o][l] · x[l at p],
 * where l runs over the channels of the group and the places of the kernel, and p over the
 * positions of the output.
 *
 * Each is turned into matrix products over blocks of positions, so the scratch memory is bounded
 * whatever the images are. A block is, by the shapes alone, a stretch of one image's positions or
 * a few whole images.
 *
 * Order of sums: an output element is one chain of fused multiply-adds over l in rising order that
 * starts from the bias. In the derivatives, that of the weight is a chain over the positions of a
 * block, and blocks are added in turn; that of the input is, in a block, a chain over the group's
 * output channels for each place of the kernel, and places, then blocks, are added in turn; that
 * of the bias is a sum over each image's run of positions, and images are added as rows are
 * (model/ops.h).
 */

/* Of height and width, in this order; conv1d looks at the second of each pair. */
typedef struct {
    int64_t stride[2];
    int64_t pad_before[2]; /* zeros above, on the left */
    int64_t pad_after[2];
    int64_t dilation[2];
    int64_t groups;
} DdpConvSpec;

DdpConvSpec ddp_conv_spec_default(void); /* stride 1, no padding, dilation 1, one group */

/* @x [N, C, H, W] or [C, H, W], @weight [O, C / groups, KH, KW], @bias (nullable) [O]. */
DdpTensor *ddp_conv2d(DdpTensor *x, DdpTensor *weight, DdpTensor *bias, const DdpConvSpec *spec,
                      GError **error);

/* @x [N, C, L] or [C, L], @weight [O, C / groups, K]. */
DdpTensor *ddp_conv1d(DdpTensor *x, DdpTensor *weight, DdpTensor *bias, const DdpConvSpec *spec,
                      GError **error);

G_END_DECLS
