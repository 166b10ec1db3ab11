/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/ops.h"

G_BEGIN_DECLS

/*
 * Losses beyond cross_entropy and mse_loss of model/ops.h, in torch's sense. Differentiable in
 * input and target (class indices aside); weights are taken as constants.
 *
 * Halves compute in float32. The mean of no elements is NaN, as 0 / 0 is.
 */

/* |input - target|; the two are broadcast and brought to one dtype, as in mse_loss. */
DdpTensor *ddp_l1_loss(DdpTensor *input, DdpTensor *target, DdpReduction reduction, GError **error);

/* Square below a difference of @beta (0 or more; 0 is l1_loss), straight from there on. */
DdpTensor *ddp_smooth_l1_loss(DdpTensor *input, DdpTensor *target, double beta,
                              DdpReduction reduction, GError **error);

/* @delta (above 0) times the same. */
DdpTensor *ddp_huber_loss(DdpTensor *input, DdpTensor *target, double delta, DdpReduction reduction,
                          GError **error);

/**
 * ddp_binary_cross_entropy:
 * @input: probabilities; logarithms are cut off at -100
 * @target: of the shape and dtype of @input
 * @weight: (nullable): of each element; broadcast to @input
 */
DdpTensor *ddp_binary_cross_entropy(DdpTensor *input, DdpTensor *target, DdpTensor *weight,
                                    DdpReduction reduction, GError **error);

/**
 * ddp_binary_cross_entropy_with_logits:
 * @pos_weight: (nullable): multiplies the term of the target; broadcast to @input
 *
 * The same of sigmoid(@input), without its overflow.
 */
DdpTensor *ddp_binary_cross_entropy_with_logits(DdpTensor *input, DdpTensor *target,
                                                DdpTensor *weight, DdpTensor *pos_weight,
                                                DdpReduction reduction, GError **error);

/**
 * ddp_nll_loss:
 * @log_probabilities: [N, C], [C] or [N, C, d1, …]
 * @target: int64, without the dimension of the classes
 * @spec: its label_smoothing must be 0
 */
DdpTensor *ddp_nll_loss(DdpTensor *log_probabilities, DdpTensor *target,
                        const DdpCrossEntropySpec *spec, GError **error);

G_END_DECLS
