/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/ops.h"

G_BEGIN_DECLS

/*
 * Cross-entropy in full: any number of dimensions, weights of classes, smoothed labels, targets
 * that are probabilities. ops_loss.c has the one common case, which this would be slower at. Used
 * by model/ only.
 */
DdpTensor *ddp_cross_entropy_general(DdpTensor *logits, DdpTensor *target,
                                     const DdpCrossEntropySpec *spec, GError **error);

/* Whether the target is one of probabilities; of fewer dimensions it is meant to be indices. */
static inline bool
ddp_target_is_probabilities(const DdpTensor *logits, const DdpTensor *target)
{
    return ddp_dtype_is_float(ddp_tensor_dtype(target)) &&
           ddp_tensor_ndim(target) == ddp_tensor_ndim(logits);
}

/* Whether @spec, with such operands, needs it. */
static inline bool
ddp_cross_entropy_is_general(const DdpTensor *logits, const DdpTensor *target,
                             const DdpCrossEntropySpec *spec)
{
    return spec->weight != NULL || spec->label_smoothing != 0.0 || ddp_tensor_ndim(logits) > 2 ||
           ddp_target_is_probabilities(logits, target);
}

G_END_DECLS
