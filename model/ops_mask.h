/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/ops.h"

G_BEGIN_DECLS

/* Choosing elements by a condition or by where they stand. All differentiable by what is kept. */

/* @a where @condition (bool, broadcast with both) is true, @b elsewhere. */
DdpTensor *ddp_where(DdpTensor *condition, DdpOperand a, DdpOperand b, GError **error);

/* @value, in the dtype of @x, where @mask (bool, broadcast with @x) is true. */
DdpTensor *ddp_masked_fill(DdpTensor *x, DdpTensor *mask, DdpNumber value, GError **error);

/* Keeps what stands on the @diagonal-th diagonal of the last two dimensions and on one side. */
DdpTensor *ddp_tril(DdpTensor *x, int64_t diagonal, GError **error);
DdpTensor *ddp_triu(DdpTensor *x, int64_t diagonal, GError **error);

/* Dimension i of the result is dimension @dims[i] of @x. A copy. */
DdpTensor *ddp_permute(DdpTensor *x, int ndim, const int *dims, GError **error);

G_END_DECLS
