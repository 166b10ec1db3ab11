/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * What happens to gradients between backward() and step(): their norm, clipping, and the scale
 * of a GradScaler taken off again. Nothing here is differentiable.
 *
 * Formulas are those of torch.nn.utils and torch.amp. Sums run in double, 16 lanes that take the
 * elements in turn, so a norm of float32 is rounded once, and torch's, which sums in float32, is
 * within about 1e-6 of it.
 */

/**
 * ddp_gradients_total_norm:
 * @norm_type: 2, 1, any other number, INFINITY, -INFINITY or 0 (how many are not zero)
 *
 * Returns: (transfer full): the norm of the norms of @gradients, a 0-dimensional tensor of their
 *   dtype; float32 0 when there are none
 */
DdpTensor *ddp_gradients_total_norm(DdpModelContext *context, DdpTensor *const *gradients,
                                    size_t count, double norm_type, GError **error);

/*
 * Multiplies all by max_norm / (@total + 1e-6) where that is below 1, and by 1 elsewhere, as torch
 * always multiplies.
 */
bool ddp_gradients_clip_norm_(DdpTensor *const *gradients, size_t count, double max_norm,
                              DdpTensor *total, GError **error);

/* Each element into [-@limit, @limit]; NaN stays. */
void ddp_gradients_clip_value_(DdpTensor *const *gradients, size_t count, double limit);

/**
 * ddp_gradients_unscale_:
 * @inverse: what each element is multiplied by
 * @found: (inout): becomes true when an element is infinite or NaN
 *
 * float16 gradients are refused, as torch refuses them: their parameters ought to be float32.
 */
bool ddp_gradients_unscale_(DdpTensor *const *gradients, size_t count, float inverse, bool *found,
                            GError **error);

G_END_DECLS
