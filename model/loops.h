/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/kernels.h"
#include "model/ops.h"

G_BEGIN_DECLS

/*
 * The inner loop of every elementwise operation on every dtype that computes (all but the
 * halves, which compute as float32). Used by model/ only.
 */

/* Integer division by zero is found here, before a loop runs into it. */
bool ddp_divisors_have_zero(DdpDtype dtype, size_t count, const void *elements);

/* NULL if the operation does not exist for @dtype (bools cannot be subtracted, ...). */
DdpBinaryLoop ddp_binary_loop(DdpBinaryOp op, DdpDtype dtype);
DdpUnaryLoop ddp_unary_loop(DdpUnaryOp op, DdpDtype dtype);

/* What model/kernels.h has for f32 or f64. */
DdpBinaryLoop ddp_float_loop(DdpBinaryLoopKind kind, DdpDtype dtype);

G_END_DECLS
